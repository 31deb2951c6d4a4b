package novatest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// items returns the JSON of n metadata items.
func items(n int) string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("k%d", i)] = "v"
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestMetadataLimits(t *testing.T) {
	const regexes = `does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'`
	tests := []struct {
		name, body string
		status     int
		text       string
	}{
		{"key of 255", `{"metadata": {"` + strings.Repeat("k", 255) + `": "v"}}`, 200, `"v"`},
		{"key of 256", `{"metadata": {"` + strings.Repeat("k", 256) + `": "v"}}`, 400, regexes},
		{"empty key", `{"metadata": {"": "v"}}`, 400, regexes},
		{"punctuation", `{"metadata": {" a:b.c-d_e f ": "v"}}`, 200, `" a:b.c-d_e f ":"v"`},
		{"slash", `{"metadata": {"a/b": "v"}}`, 400, regexes},
		{"inner newline", `{"metadata": {"a\nb": "v"}}`, 400, regexes},
		{"last newline", `{"metadata": {"a\n": "v"}}`, 200, `"a\n":"v"`},
		{"key not ASCII", `{"metadata": {"é": "v"}}`, 400, regexes},
		{"value of 255", `{"metadata": {"v": "` + strings.Repeat("é", 255) + `"}}`, 200, "éé"},
		{"value of 256", `{"metadata": {"v": "` + strings.Repeat("x", 256) + `"}}`, 400, "xx' is too long"},
		{"values of all sorts", `{"metadata": {"a": "", "b": "  ", "c": "\t\n\u0000"}}`, 200, `"b":"  "`},
		{"emoji", `{"metadata": {"v": "😀"}}`, 500, "<class 'oslo_db.exception.DBError'>"},
		{"number", `{"metadata": {"v": 1}}`, 400, "Invalid input for field/attribute v. Value: 1. 1 is not of type 'string'"},
		{"null", `{"metadata": {"v": null}}`, 400, "Value: None. None is not of type 'string'"},
		{"list", `{"metadata": {"v": ["x"]}}`, 400, "Value: ['x']. ['x'] is not of type 'string'"},
		{"128 items", `{"metadata": ` + items(128) + `}`, 200, `"k127"`},
		{"129 items", `{"metadata": ` + items(129) + `}`, 403, "Maximum number of metadata items exceeds 128"},
		{"no items", `{"metadata": {}}`, 200, `"metadata":{`},
		{"no metadata", `{}`, 400, "'metadata' is a required property"},
		{"extra member", `{"metadata": {}, "x": 1}`, 400, "Additional properties are not allowed ('x' was unexpected)"},
		{"not JSON", `{"metadata"`, 400, "Malformed request body"},
		{"empty", ``, 400, "None is not of type 'object'"},
		{"large", `{"metadata": {"v": "` + strings.Repeat("x", 114688) + `"}}`, 413, `"code":"413 Request Entity Too Large"`},
	}
	c := start(t, novatest.Options{})
	for _, test := range tests {
		for _, method := range []string{"POST", "PUT"} {
			t.Run(test.name+"/"+method, func(t *testing.T) {
				id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "x"})
				got := c.do(method, nova+"/servers/"+id+"/metadata", test.body)
				got.want(t, test.status, test.text)
				if test.status != 200 && len(c.cloud.Metadata(id)) != 0 {
					t.Errorf("refused, yet kept %v", c.cloud.Metadata(id))
				}
			})
		}
	}
}

func TestMetadataItem(t *testing.T) {
	c := start(t, novatest.Options{MaxMeta: 3})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Metadata: map[string]string{"a": "1", "a b": "2"}})
	tests := []struct {
		method, key, body string
		status            int
		text              string
	}{
		{"GET", "a", "", 200, `{"meta":{"a":"1"}}`},
		{"GET", "a%20b", "", 200, `{"meta":{"a b":"2"}}`},
		{"GET", "a+b", "", 404, "Metadata item was not found"},
		{"GET", "a%2Fb", "", 404, `"code":"404 Not Found"`},
		{"PUT", "a", `{"meta": {"b": "1"}}`, 400, "Request body and URI mismatch"},
		{"PUT", "a", `{"meta": {"a": "1", "b": "1"}}`, 400, "has too many properties"},
		{"PUT", "a", `{"meta": {}}`, 400, "does not have enough properties"},
		{"PUT", "a", `{"metadata": {}}`, 400, "'meta' is a required property"},
		{"PUT", "c.json", `{"meta": {"c.json": "3"}}`, 200, `{"meta":{"c.json":"3"}}`},
		{"PUT", "d", `{"meta": {"d": "4"}}`, 403, "Maximum number of metadata items exceeds 3"},
		{"PUT", "a", `{"meta": {"a": "5"}}`, 200, `{"meta":{"a":"5"}}`},
		{"DELETE", "z", "", 404, "Metadata item was not found"},
		{"DELETE", "A", "", 404, "Metadata item was not found"},
		{"DELETE", "a", "", 204, ""},
		{"PATCH", "a", "", 405, "badMethod"},
	}
	for _, test := range tests {
		got := c.do(test.method, nova+"/servers/"+id+"/metadata/"+test.key, test.body)
		t.Log(test.method, test.key, test.body)
		got.want(t, test.status, test.text)
	}
	want := map[string]string{"a b": "2", "c.json": "3"}
	if diff := cmp.Diff(want, c.cloud.Metadata(id)); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestMetadataMergeAndReplace(t *testing.T) {
	c := start(t, novatest.Options{})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Metadata: map[string]string{"juju": "x", "a": "0"}})
	path := nova + "/servers/" + id + "/metadata"
	c.do("POST", path, `{"metadata": {"a": "1", "A": "2"}}`).want(t, 200, `{"metadata":{"A":"2","a":"1","juju":"x"}}`)
	c.do("GET", path, "").want(t, 200, `{"metadata":{"A":"2","a":"1","juju":"x"}}`)
	c.do("PUT", path, `{"metadata": {"b": "3"}}`, "If-Match: nothing").want(t, 200, `{"metadata":{"b":"3"}}`)
	c.do("GET", path, "").want(t, 200, `{"metadata":{"b":"3"}}`)
}

// DELETE goes by MariaDB's collation, which knows neither case nor trailing spaces.
func TestMetadataDeleteTakesKeysThatCollate(t *testing.T) {
	c := start(t, novatest.Options{})
	tests := []struct {
		key  string
		want map[string]string
	}{
		{"Owner", map[string]string{"a": "", "a ": "", "other": ""}},
		{"a%20", map[string]string{"OWNER": "", "Owner": "", "owner": "", "other": ""}},
	}
	for _, test := range tests {
		id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Metadata: map[string]string{
			"OWNER": "", "Owner": "", "owner": "", "a": "", "a ": "", "other": "",
		}})
		c.do("DELETE", nova+"/servers/"+id+"/metadata/"+test.key, "").want(t, 204, "")
		if diff := cmp.Diff(test.want, c.cloud.Metadata(id)); diff != "" {
			t.Errorf("after DELETE of %s (-want +got):\n%s", test.key, diff)
		}
	}
}

func TestMetadataStates(t *testing.T) {
	tests := []struct {
		status string
		vm     string // in the refusal; empty: allowed
	}{
		{"ACTIVE", ""}, {"SHUTOFF", ""}, {"PAUSED", ""}, {"SUSPENDED", ""}, {"RESIZE", ""}, {"REBUILD", ""},
		{"BUILD", "building"}, {"ERROR", "error"}, {"VERIFY_RESIZE", "resized"}, {"RESCUE", "rescued"},
		{"SHELVED_OFFLOADED", "shelved_offloaded"}, {"SOFT_DELETED", "soft-delete"},
	}
	c := start(t, novatest.Options{})
	for _, test := range tests {
		t.Run(test.status, func(t *testing.T) {
			id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Metadata: map[string]string{"k": "v"}})
			c.cloud.SetStatus(id, test.status)
			path := nova + "/servers/" + id + "/metadata"
			update, drop := 200, 204
			var updating, deleting string
			if test.vm != "" {
				update, drop = 409, 409
				updating = fmt.Sprintf("Cannot 'update metadata' instance %s while it is in vm_state %s", id, test.vm)
				deleting = fmt.Sprintf("Cannot 'delete metadata' instance %s while it is in vm_state %s", id, test.vm)
			}
			c.do("POST", path, `{"metadata": {"a": "1"}}`).want(t, update, updating)
			c.do("PUT", path+"/a", `{"meta": {"a": "1"}}`).want(t, update, updating)
			c.do("DELETE", path+"/k", "").want(t, drop, deleting)
			c.do("DELETE", path+"/absent", "").want(t, 404, "Metadata item was not found")
			c.do("GET", path, "").want(t, 200, "metadata")
		})
	}
}

func TestMetadataOfLockedServer(t *testing.T) {
	c := start(t, novatest.Options{Users: []novatest.User{
		{Name: "demo", Password: "secret", Project: "demo"},
		{Name: "root", Password: "secret", Project: "admin", Admin: true},
	}})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{})
	c.cloud.Lock(id, true)
	path := nova + "/servers/" + id + "/metadata"
	c.do("POST", path, `{"metadata": {"a": "1"}}`).want(t, 409, `"conflictingRequest":{"code":409,"message":"Instance `+id+` is locked"}`)
	c.do("GET", nova+"/servers/"+id, "", version("2.73")).want(t, 200, `"locked":true`)
	if got := c.do("GET", nova+"/servers/"+id, "", version("2.72")); strings.Contains(got.body, `"locked"`) {
		t.Errorf("locked is shown at 2.72: %s", got.body)
	}
	c.token = c.login("root", "admin")
	c.do("POST", path, `{"metadata": {"a": "1"}}`).want(t, 200, `"a":"1"`)
}

func TestMetadataOfNoServer(t *testing.T) {
	c := start(t, novatest.Options{Regions: []string{"RegionOne", "RegionTwo"}})
	deleted := c.cloud.AddServer("RegionOne", novatest.ServerSpec{})
	c.cloud.Delete(deleted)
	foreign := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Project: "other"})
	elsewhere := c.cloud.AddServer("RegionTwo", novatest.ServerSpec{})
	for _, id := range []string{deleted, foreign, elsewhere, "no-uuid"} {
		want := fmt.Sprintf(`{"itemNotFound":{"code":404,"message":"Instance %s could not be found."}}`, id)
		c.do("GET", nova+"/servers/"+id+"/metadata", "").want(t, 404, want)
		c.do("POST", nova+"/servers/"+id+"/metadata", `{"metadata": {}}`).want(t, 404, want)
		c.do("DELETE", nova+"/servers/"+id, "").want(t, 404, want)
	}
	c.do("POST", nova+"/servers/no-uuid/metadata", `{}`).want(t, 400, "required property")
}

func TestConcurrentWriters(t *testing.T) {
	c := start(t, novatest.Options{})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			body := fmt.Sprintf(`{"metadata": {"k%d": "v"}}`, i)
			if got, err := c.try("POST", nova+"/servers/"+id+"/metadata", body); err != nil || got.status != http.StatusOK {
				t.Errorf("POST: %v %v", got, err)
			}
			if got, err := c.try("GET", nova+"/servers/detail", "", version("2.73")); err != nil || got.status != http.StatusOK {
				t.Errorf("GET: %v %v", got, err)
			}
			c.cloud.Lock(id, false)
		})
	}
	group.Wait()
	if n := len(c.cloud.Metadata(id)); n != 8 {
		t.Errorf("%d keys kept, want 8", n)
	}
}
