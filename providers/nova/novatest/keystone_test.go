package novatest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
)

const authenticationRequired = `{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}`

func TestLogin(t *testing.T) {
	credential := func(inner string) string {
		return `{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {` + inner + `}}}}`
	}
	byID := strings.NewReplacer(`"name": "demo", "domain"`, `"id": "ID", "domain"`)
	tests := []struct {
		name, body string
		status     int
		text       string
	}{
		{"password", passwordLogin("demo", "secret", "demo"), 201, `"catalog":[`},
		{"wrong password", passwordLogin("demo", "wrong", "demo"), 401, authenticationRequired},
		{"no such user", passwordLogin("nobody", "secret", "demo"), 401, authenticationRequired},
		{"no role in the project", passwordLogin("demo", "secret", "other"), 401, authenticationRequired},
		{"no such user id", byID.Replace(passwordLogin("demo", "secret", "demo")), 401, authenticationRequired},
		{"other domain", strings.ReplaceAll(passwordLogin("demo", "secret", "demo"), "Default", "other"), 401, authenticationRequired},
		{"domain by id", strings.ReplaceAll(passwordLogin("demo", "secret", "demo"), `"name": "Default"`, `"id": "default"`), 201, `"catalog":[`},
		{"credential by id", credential(`"id": "c1", "secret": "s"`), 201, `"catalog":[`},
		{"credential by name", credential(`"name": "one", "secret": "s", "user": {"name": "demo", "domain": {"id": "default"}}`), 201, `"catalog":[`},
		{"credential, wrong secret", credential(`"id": "c1", "secret": "x"`), 401, authenticationRequired},
		{"credential, expired", credential(`"id": "c2", "secret": "s"`), 401, authenticationRequired},
		{"credential of nobody", credential(`"name": "one", "secret": "s"`), 401, authenticationRequired},
		{"other method", `{"auth": {"identity": {"methods": ["token"]}}}`, 401, authenticationRequired},
		{"not JSON", `{`, 400, "Malformed request body"},
	}
	c := start(t, novatest.Options{Credentials: []novatest.Credential{
		{ID: "c1", Name: "one", Secret: "s", User: "demo"},
		{ID: "c2", Name: "two", Secret: "s", User: "demo", Expired: true},
	}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := c.do("POST", "/v3/auth/tokens", test.body)
			got.want(t, test.status, test.text)
			c.token = got.header.Get("X-Subject-Token")
			use := 200
			if test.status != 201 {
				use = 401
			}
			c.do("GET", nova+"/servers", "").want(t, use, "")
		})
	}
}

func TestUnscopedTokenIsNotEnough(t *testing.T) {
	c := start(t, novatest.Options{})
	whole := passwordLogin("demo", "secret", "demo")
	unscoped, _, _ := strings.Cut(whole, `,
		"scope"`)
	got := c.do("POST", "/v3/auth/tokens", unscoped+"}}")
	got.want(t, 201, `"methods":["password"]`)
	if strings.Contains(got.body, "catalog") {
		t.Errorf("unscoped token has a catalogue: %s", got.body)
	}
	c.token = got.header.Get("X-Subject-Token")
	c.do("GET", nova+"/servers", "").want(t, 401, authenticationRequired)
}

func TestTokens(t *testing.T) {
	var moment clock
	c := start(t, novatest.Options{Now: moment.now, TokenTTL: time.Minute})
	list := nova + "/servers"
	c.do("GET", list, "").want(t, 200, "servers")
	moment.advance(time.Minute)
	got := c.do("GET", list, "")
	got.want(t, 401, authenticationRequired)
	if h := got.header.Get("WWW-Authenticate"); h != `Keystone uri="`+c.cloud.URL+`"` {
		t.Errorf("WWW-Authenticate: %s", h)
	}
	c.token = c.login("demo", "demo")
	c.do("GET", list, "").want(t, 200, "servers")
	c.cloud.ExpireTokens()
	c.do("GET", list, "").want(t, 401, authenticationRequired)
	c.token = c.login("demo", "demo")
	c.do("GET", list, "").want(t, 200, "servers")
	c.token = ""
	c.do("GET", list, "").want(t, 401, authenticationRequired)
}

func TestCatalogueHasEveryRegion(t *testing.T) {
	c := start(t, novatest.Options{Regions: []string{"north", "south"}})
	c.cloud.AddServer("south", novatest.ServerSpec{Name: "s"})
	got := c.do("POST", "/v3/auth/tokens", passwordLogin("demo", "secret", "demo"))
	var body struct {
		Token struct {
			Catalog []struct {
				Type      string `json:"type"`
				Endpoints []struct {
					Region string `json:"region"`
					URL    string `json:"url"`
				} `json:"endpoints"`
			} `json:"catalog"`
		} `json:"token"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, service := range body.Token.Catalog {
		for _, e := range service.Endpoints {
			if service.Type == "compute" {
				names[e.Region] = c.page(e.URL + "/servers").names()
			}
		}
	}
	if len(names) != 2 || names["north"] != "" || names["south"] != "s" {
		t.Errorf("servers by region: %v, want none in north and s in south", names)
	}
}

func TestVersionDocumentsNeedNoToken(t *testing.T) {
	c := start(t, novatest.Options{})
	c.token = ""
	c.do("GET", "/", "").want(t, http.StatusMultipleChoices, `"versions":{"values":[{"id":"v3.14"`)
	c.do("GET", "/v3", "").want(t, 200, `"version":{"id":"v3.14"`)
	c.do("GET", "/v3/nothing", "").want(t, 404, "Could not find")
	c.do("GET", nova+"/", "").want(t, 200, `"version":{"id":"v2.1"`)
	c.do("GET", "/nova/RegionOne/", "").want(t, 200, `"versions":[{"id":"v2.1"`)
	c.do("GET", "/nova/RegionOne/v3/servers", "").want(t, 404, "Not Found")
}
