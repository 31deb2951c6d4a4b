package novatest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// token is what a login gave.
type token struct {
	id   string
	ends time.Time
	nova map[string]string // by region
}

func (s *subject) login(t *testing.T, identity, user, project string) *token {
	t.Helper()
	got := send(t, "", "POST", identity+"/auth/tokens", passwordLogin(user, s.password, project))
	if got.status != http.StatusCreated {
		t.Fatalf("cannot log in as %s: %d %s", user, got.status, got.body)
	}
	return read(t, got)
}

// loginBy logs in by a new application credential with these rules.
func (s *subject) loginBy(t *testing.T, rules ...string) *token {
	t.Helper()
	id, secret := s.Credential(rules...)
	got := send(t, "", "POST", s.identity+"/auth/tokens", credentialLogin(id, secret))
	if got.status != http.StatusCreated {
		t.Fatalf("cannot log in by credential: %d %s", got.status, got.body)
	}
	return read(t, got)
}

func credentialLogin(id, secret string) string {
	return fmt.Sprintf(`{"auth": {"identity": {"methods": ["application_credential"], "application_credential": {"id": %q, "secret": %q}}}}`, id, secret)
}

func read(t *testing.T, login reply) *token {
	t.Helper()
	var body struct {
		Token struct {
			Expires time.Time `json:"expires_at"`
			Catalog []struct {
				Type      string
				Endpoints []struct{ Region, URL string }
			}
		}
	}
	if err := json.Unmarshal([]byte(login.body), &body); err != nil {
		t.Fatal(err)
	}
	made := &token{id: login.header.Get("X-Subject-Token"), ends: body.Token.Expires, nova: map[string]string{}}
	for _, service := range body.Token.Catalog {
		for _, e := range service.Endpoints {
			if service.Type == "compute" {
				made.nova[e.Region] = e.URL
			}
		}
	}
	return made
}

func (k *token) do(t *testing.T, method, url, body string, header ...string) reply {
	t.Helper()
	return send(t, k.id, method, url, body, header...)
}

// listed is a server in a list.
type listed struct {
	ID, Name, Status string
	Created, Updated time.Time
	Metadata         map[string]string
}

// list returns one page, and the address of the next.
func (k *token) list(t *testing.T, url string, header ...string) ([]listed, string) {
	t.Helper()
	got := k.do(t, "GET", url, "", header...)
	var page struct {
		Servers []listed
		Links   []struct{ Rel, Href string } `json:"servers_links"`
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, got.status, got.body)
	}
	next := ""
	if len(page.Links) == 1 && page.Links[0].Rel == "next" {
		next = page.Links[0].Href
	}
	return page.Servers, next
}

func (k *token) names(t *testing.T, url string, header ...string) []string {
	t.Helper()
	found, _ := k.list(t, url, header...)
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = s.Name
	}
	slices.Sort(names)
	return names
}

// tryPages: a full last page has a link to an empty one, nova's own limit of 50 counts if it is lower, and the newest come first.
func tryPages(t *testing.T, s *subject, member *token) {
	s.Keep(60)
	for _, test := range []struct {
		region, query string
		pages         []int
	}{
		{s.pages, "", []int{50, 10}},
		{s.pages, "&limit=1000", []int{50, 10}},
		{s.pages, "&limit=30", []int{30, 30, 0}},
		{s.region, "&limit=20", []int{20, 20, 20, 0}},
	} {
		for _, list := range []string{"/servers", "/servers/detail"} {
			url := member.nova[test.region] + list + "?name=%5Ekept-" + test.query
			seen := map[string]bool{}
			var newest time.Time
			for i, want := range test.pages {
				found, next := member.list(t, url)
				if last := i == len(test.pages)-1; len(found) != want || last != (next == "") {
					t.Fatalf("%s: page %d has %d servers, want %d; the next is %q", url, i+1, len(found), want, next)
				}
				for _, one := range found {
					if !newest.IsZero() && one.Created.After(newest) {
						t.Errorf("%s: %s is newer than the one before it", url, one.Name)
					}
					seen[one.ID], newest = true, one.Created
				}
				url = next
			}
			if len(seen) != 60 {
				t.Errorf("%s%s: %d servers in all", list, test.query, len(seen))
			}
		}
	}
}

// tryMarkers: a server that is deleted, or in another project, is as good a marker as any.
func tryMarkers(t *testing.T, s *subject, member *token) {
	list := member.nova[s.region] + "/servers/detail?name=" + s.run + "marker&marker="
	old := s.Boot(s.run+"marker-old", nil)
	s.second()
	delete(s.ids, "DELETED")
	delete(s.ids, "ELSEWHERE")
	markers := []string{s.server("DELETED"), s.server("ELSEWHERE")}
	s.second()
	s.Boot(s.run+"marker-young", nil)
	for _, marker := range markers {
		if found, _ := member.list(t, list+marker); len(found) != 1 || found[0].ID != old {
			t.Errorf("after %s there are %v, want %s", marker, found, old)
		}
	}
	unknown := s.server("UNKNOWN")
	got := member.do(t, "GET", list+unknown, "")
	if message, err := complaint(got); err != nil || message != "marker ["+unknown+"] not found" {
		t.Errorf("unknown marker: %d %s %v", got.status, got.body, err)
	}
}

// tryFilters: some filters do nothing for those who are no administrators.
func tryFilters(t *testing.T, s *subject, member *token) {
	for _, state := range []string{"ACTIVE", "SHUTOFF", "ERROR"} {
		s.server(state)
	}
	all := []string{s.run + "active", s.run + "error", s.run + "shutoff"}
	names := "name=" + url.QueryEscape("^"+s.run+"(active)?(error)?(shutoff)?$")
	for _, test := range []struct {
		query, version string
		want           []string
	}{
		{names, "2.1", all},
		{"name=" + strings.ToUpper(s.run) + "ACT", "2.1", all[:1]},
		{"name=" + s.run + "active%7C" + s.run + "error", "2.1", nil}, // alternatives are none
		{names + "&status=SHUTOFF", "2.1", all[2:]},
		{names + "&status=shutoff&status=ERROR", "2.1", all[1:]},
		{names + "&flavor=1", "2.1", all},
		{names + "&flavor=2", "2.1", nil},
		{names + "&nonsense=1", "2.74", all},
		{names + "&metadata=" + url.QueryEscape(`{"role":"db"}`), "2.1", all},
		{names + "&metadata=" + url.QueryEscape(`{"role":"db"}`), "2.93", all},
		{names + "&host=x&deleted=1", "2.93", all},
		{names + "&all_tenants=0", "2.1", all},
	} {
		got := member.names(t, member.nova[s.region]+"/servers?"+test.query, version(test.version))
		if !slices.Equal(got, test.want) {
			t.Errorf("%s at %s: got %q, want %q", test.query, test.version, got, test.want)
		}
	}
}

// tryChanges: a POST moves the time of the last change, even if it changes nothing; a DELETE does not.
func tryChanges(t *testing.T, s *subject, member *token) {
	id := s.server("ACTIVE")
	one := member.nova[s.region] + "/servers/" + id
	updated := func() time.Time {
		found, _ := member.list(t, member.nova[s.region]+"/servers/detail?name="+s.run+"active")
		return found[0].Updated
	}
	write := func(method, path, body string, status int) {
		t.Helper()
		s.second() // the time has whole seconds
		if got := member.do(t, method, one+"/metadata"+path, body); got.status != status {
			t.Fatalf("%s: %d %s", method, got.status, got.body)
		}
	}
	write("PUT", "", `{"metadata": {"a": "1", "b": "2"}}`, 200)
	first := updated()
	write("DELETE", "/b", "", 204)
	if again := updated(); !again.Equal(first) {
		t.Errorf("DELETE moved it from %s to %s", first, again)
	}
	write("POST", "", `{"metadata": {"a": "1"}}`, 200)
	second := updated()
	if !second.After(first) {
		t.Error("POST of the same value did not move it")
	}
	for since, want := range map[time.Time][]string{second: {s.run + "active"}, second.Add(time.Hour): {}} {
		query := "/servers?name=" + s.run + "active&changes-since=" + url.QueryEscape(since.UTC().Format(time.RFC3339))
		if got := member.names(t, member.nova[s.region]+query); !slices.Equal(got, want) {
			t.Errorf("since %s there are %q, want %q", since, got, want)
		}
	}
}

const refused = `{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`

// mustRefuse fails unless the answer is the one 401 that there is.
func mustRefuse(t *testing.T, what string, got reply) {
	t.Helper()
	if fault := (exchange{status: http.StatusUnauthorized}).fault(got, refused); fault != "" {
		t.Errorf("%s: %s\ngot %d %s", what, fault, got.status, got.body)
	}
}

// tryRules: a call that no access rule allows is answered like one without a token.
func tryRules(t *testing.T, s *subject, member *token) {
	nova, id := member.nova[s.region], s.server("ACTIVE")
	limited := s.loginBy(t, "GET /v2.1/servers/detail", "GET /v2.1/servers/*", "POST /v2.1/servers/*/metadata")
	whole := s.loginBy(t)
	for _, test := range []struct {
		call    string
		allowed bool
	}{
		{"GET /servers/detail", true},
		{"GET /servers/detail?limit=1", true},
		{"GET /servers/ID", true},
		{"POST /servers/ID/metadata", true},
		{"GET /servers", false},
		{"GET /servers/ID/metadata", false},
		{"DELETE /servers/ID/metadata/zzz", false},
		{"POST /servers/ID/metadata/x", false},
		{"GET /limits", false},
	} {
		method, path, _ := strings.Cut(strings.ReplaceAll(test.call, "ID", id), " ")
		got := limited.do(t, method, nova+path, `{"metadata": {}}`)
		if test.allowed && got.status != http.StatusOK {
			t.Errorf("%s: %d %s", test.call, got.status, got.body)
		}
		if !test.allowed {
			mustRefuse(t, test.call, got)
		}
		if got := whole.do(t, method, nova+path, `{"metadata": {}}`); got.status == http.StatusUnauthorized {
			t.Errorf("%s without rules: %d %s", test.call, got.status, got.body)
		}
	}
	if got := limited.do(t, "GET", nova+"/", ""); got.status != http.StatusOK {
		t.Errorf("version document: %d %s", got.status, got.body)
	}
}

// tryLogins: whatever is wrong with a login, the answer is the same.
func tryLogins(t *testing.T, s *subject, member *token) {
	id, secret := s.Credential()
	for name, body := range map[string]string{
		"wrong password":         passwordLogin("member", "wrong", "ci"),
		"no such user":           passwordLogin("nobody", s.password, "ci"),
		"no role in the project": passwordLogin("member", s.password, "other"),
		"no such project":        passwordLogin("member", s.password, "nothing"),
		"wrong secret":           credentialLogin(id, "x"+secret),
	} {
		mustRefuse(t, name, send(t, "", "POST", s.identity+"/auth/tokens", body))
	}
	got := send(t, "", "POST", s.identity+"/auth/tokens", credentialLogin("nothing", secret))
	want := `{"error": {"code": 404, "title": "Not Found", "message": "Could not find Application Credential: nothing."}}`
	if fault := (exchange{status: http.StatusNotFound}).fault(got, want); fault != "" {
		t.Errorf("no such credential: %s\ngot %d %s", fault, got.status, got.body)
	}
	got = send(t, "", "GET", member.nova[s.region]+"/servers", "")
	mustRefuse(t, "no token", got)
	if h := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(h, `Keystone uri="http`) {
		t.Errorf("WWW-Authenticate: %s", h)
	}
	mustRefuse(t, "no such token", send(t, "nonsense", "GET", member.nova[s.region]+"/servers", ""))
}

func tryExpired(t *testing.T, s *subject, member *token) {
	expired := s.expired()
	mustRefuse(t, "expired token", send(t, expired, "GET", member.nova[s.region]+"/servers", ""))
	mustRefuse(t, "expired token", send(t, expired, "POST", member.nova[s.region]+"/servers/"+s.server("ACTIVE")+"/metadata", `{"metadata": {}}`))
}
