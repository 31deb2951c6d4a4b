package novatest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
)

func (c *client) boot(server string, header ...string) string {
	c.t.Helper()
	got := c.do("POST", nova+"/servers", `{"server": `+server+`}`, header...)
	var body struct {
		Server struct {
			ID string `json:"id"`
		} `json:"server"`
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != http.StatusAccepted {
		c.t.Fatalf("boot: %d %s", got.status, got.body)
	}
	return body.Server.ID
}

func TestBoot(t *testing.T) {
	var moment clock
	c := start(t, novatest.Options{Now: moment.now, Boot: time.Minute})
	id := c.boot(`{"name": "x", "flavorRef": "1", "imageRef": "tiny", "networks": "none", "metadata": {"a": "1"}}`, version("2.37"))
	path := nova + "/servers/" + id
	c.do("GET", path, "").want(t, 200, `"status":"BUILD"`)
	c.do("GET", path, "").want(t, 200, `"OS-EXT-STS:task_state":"spawning","OS-EXT-STS:vm_state":"building"`)
	c.do("POST", path+"/metadata", `{"metadata": {}}`).want(t, 409, "vm_state building")
	moment.advance(time.Minute)
	c.do("POST", path+"/metadata", `{"metadata": {"b": "2"}}`).want(t, 200, `{"metadata":{"a":"1","b":"2"}}`)
	c.do("GET", path, "").want(t, 200, `"status":"ACTIVE"`)
	c.do("PUT", path, `{"server": {"name": "y"}}`).want(t, 200, `"name":"y"`)
	c.do("PUT", path, `{"server": {"metadata": {}}}`).want(t, 400, "'metadata' was unexpected")
	c.do("DELETE", path, "").want(t, 204, "")
	c.do("GET", path, "").want(t, 404, "could not be found")
}

func TestBootRefusals(t *testing.T) {
	tests := []struct {
		body, version string
		status        int
		text          string
	}{
		{`{}`, "2.1", 400, "'server' is a required property"},
		{`{"server": {"flavorRef": "1"}}`, "2.1", 400, "'name' is a required property"},
		{`{"server": {"name": "x"}}`, "2.1", 400, "'flavorRef' is a required property"},
		{`{"server": {"name": 1, "flavorRef": "1"}}`, "2.1", 400, "1 is not of type 'string'"},
		{`{"server": {"name": "x", "flavorRef": "9"}}`, "2.1", 400, "Flavor 9 could not be found."},
		{`{"server": {"name": "x", "flavorRef": "1"}}`, "2.37", 400, "'networks' is a required property"},
		{`{"server": {"name": "x", "flavorRef": "1", "metadata": ` + items(129) + `}}`, "2.1", 403, "exceeds 128"},
		{`{"server": {"name": "x", "flavorRef": "1", "metadata": {"a/b": ""}}}`, "2.1", 400, "regexes"},
		{`{"server": {"name": "x", "flavorRef": "1", "metadata": {"a": "😀"}}}`, "2.1", 500, "DBError"},
	}
	c := start(t, novatest.Options{})
	for _, test := range tests {
		c.do("POST", nova+"/servers", test.body, version(test.version)).want(t, test.status, test.text)
	}
	if got := c.cloud.Servers(); len(got) != 0 {
		t.Errorf("refused, yet there are %v", got)
	}
}

func TestMicroversions(t *testing.T) {
	c := start(t, novatest.Options{})
	id := c.fill(1)[0]
	tests := []struct {
		header  string
		status  int
		text    string
		inForce string
	}{
		{"X-Nothing: 1", 200, `"flavor":{"id":"1"`, "2.1"},
		{"OpenStack-API-Version: compute 2.47", 200, `"original_name":"nano"`, "2.47"},
		{"X-OpenStack-Nova-API-Version: 2.93", 200, `"locked":false`, "2.93"},
		{"OpenStack-API-Version: volume 3.1, compute latest", 200, `"tags":[]`, "2.93"},
		{"OpenStack-API-Version: volume 3.1", 200, `"flavor":{"id":"1"`, "2.1"},
		{"OpenStack-API-Version: compute 2.999", 406, "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.93.", ""},
		{"OpenStack-API-Version: compute two", 400, "invalid format", ""},
	}
	for _, test := range tests {
		got := c.do("GET", nova+"/servers/"+id, "", test.header)
		got.want(t, test.status, test.text)
		if test.inForce == "" {
			continue
		}
		if v := got.header.Get("OpenStack-API-Version"); v != "compute "+test.inForce {
			t.Errorf("%s: in force is %q, want %s", test.header, v, test.inForce)
		}
		if v := got.header.Get("X-OpenStack-Nova-API-Version"); v != test.inForce {
			t.Errorf("%s: in force is %q, want %s", test.header, v, test.inForce)
		}
	}
}

func TestOtherPaths(t *testing.T) {
	tests := []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/limits", 200, `"maxServerMeta":64`},
		{"GET", "/flavors", 200, `{"id":"2","name":"micro"`},
		{"GET", "/flavors/detail", 200, `"ram":128`},
		{"GET", "/flavors/1", 200, `"ram":64`},
		{"GET", "/flavors/9", 404, "itemNotFound"},
		{"GET", "/nothing", 404, `"title":"Not Found"`},
		{"GET", "/servers/x/metadata/a/b", 404, `"title":"Not Found"`},
		{"GET", "/", 200, `"version":"2.93"`},
		{"GET", "", 200, `"min_version":"2.1"`},
	}
	c := start(t, novatest.Options{MaxMeta: 64})
	for _, test := range tests {
		c.do(test.method, nova+test.path, "").want(t, test.status, test.text)
	}
}

func TestSaveAndLoad(t *testing.T) {
	c := start(t, novatest.Options{})
	ids := c.fill(3)
	c.cloud.SetMetadata(ids[1], map[string]string{"a": "1"})
	c.cloud.Delete(ids[2])
	var file bytes.Buffer
	if err := c.cloud.Save(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	other := start(t, novatest.Options{})
	if err := other.cloud.Load(&file); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.cloud.Servers(), other.cloud.Servers()); diff != "" {
		t.Errorf("servers (-saved +loaded):\n%s", diff)
	}
	if id := other.cloud.AddServer("RegionOne", novatest.ServerSpec{}); strings.Contains(text, id) {
		t.Errorf("a new server has the id %s of an old one", id)
	}
	elsewhere := novatest.New(novatest.Options{Regions: []string{"elsewhere"}})
	if err := elsewhere.Load(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), `no region "RegionOne"`) {
		t.Errorf("a cloud without the region loaded the file: %v", err)
	}
}

func TestMistakesOfATestPanic(t *testing.T) {
	cloud := novatest.New(novatest.Options{})
	id := cloud.AddServer("RegionOne", novatest.ServerSpec{})
	for i, mistake := range []func(){
		func() { cloud.AddServer("nowhere", novatest.ServerSpec{}) },
		func() { cloud.SetStatus(id, "ACTVIE") },
		func() { cloud.Metadata("x") },
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			mistake()
		})
	}
}
