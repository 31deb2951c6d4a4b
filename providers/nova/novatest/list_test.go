package novatest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// fill adds servers s1 to sN, of which the last is the newest.
func (c *client) fill(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = c.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: fmt.Sprintf("s%d", i+1)})
	}
	return ids
}

func TestPages(t *testing.T) {
	tests := []struct {
		query string
		pages []string
	}{
		{"", []string{"s6 s5 s4", "s3 s2 s1", ""}}, // a full last page still has a link
		{"?limit=2", []string{"s6 s5", "s4 s3", "s2 s1", ""}},
		{"?limit=1000", []string{"s6 s5 s4", "s3 s2 s1", ""}},
		{"?limit=2&name=s[1-3]", []string{"s3 s2", "s1"}},
		{"?limit=0", []string{""}},
	}
	c := start(t, novatest.Options{MaxLimit: 3})
	c.fill(6)
	for _, test := range tests {
		for _, list := range []string{"/servers", "/servers/detail"} {
			next := nova + list + test.query
			for i, want := range test.pages {
				p := c.page(next)
				if got := p.names(); got != want {
					t.Errorf("%s%s page %d: got %q, want %q", list, test.query, i, got, want)
				}
				next = p.next()
				if last := i == len(test.pages)-1; last != (next == "") {
					t.Fatalf("%s%s page %d: next is %q", list, test.query, i, next)
				}
			}
		}
	}
}

func TestMarkers(t *testing.T) {
	c := start(t, novatest.Options{Regions: []string{"RegionOne", "RegionTwo"}})
	ids := c.fill(4)
	c.cloud.Delete(ids[2])
	foreign := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Project: "other"})
	elsewhere := c.cloud.AddServer("RegionTwo", novatest.ServerSpec{})
	for marker, want := range map[string]string{ids[3]: "s2 s1", ids[2]: "s2 s1", ids[0]: "", foreign: ""} {
		if got := c.page(nova + "/servers?marker=" + marker).names(); got != want {
			t.Errorf("after %s: got %q, want %q", marker, got, want)
		}
	}
	for _, marker := range []string{"x", elsewhere} {
		c.do("GET", nova+"/servers?marker="+marker, "").want(t, 400, "marker ["+marker+"] not found")
	}
	for _, limit := range []string{"-1", "abc"} {
		c.do("GET", nova+"/servers?limit="+limit, "").want(t, 400, "limit")
	}
}

func TestFilters(t *testing.T) {
	tests := []struct {
		query, version string
		want           string
	}{
		{"name=^s1$", "2.1", "s1"},
		{"name=S[12]", "2.1", "s2 s1"},
		{"name=2", "2.1", "s2"},
		{"status=SHUTOFF", "2.1", "s2"},
		{"status=shutoff&status=ERROR", "2.1", "s3 s2"},
		{"status=NONSENSE", "2.1", ""},
		{"flavor=1", "2.1", "s3 s2 s1"},
		{"flavor=2", "2.1", ""},
		{"nonsense=1", "2.74", "s3 s2 s1"},
		{`metadata={"role":"db"}`, "2.1", "s3 s2 s1"},
		{`metadata={"role":"db"}`, "2.93", "s3 s2 s1"},
		{"host=x&user_id=y&deleted=1", "2.93", "s3 s2 s1"},
		{"all_tenants=0", "2.1", "s3 s2 s1"},
	}
	c := start(t, novatest.Options{})
	ids := c.fill(3)
	c.cloud.SetStatus(ids[1], "SHUTOFF")
	c.cloud.SetStatus(ids[2], "ERROR")
	c.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "foreign", Project: "other"})
	for _, test := range tests {
		query := strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(test.query)
		if got := c.page(nova+"/servers?"+query, version(test.version)).names(); got != test.want {
			t.Errorf("%s at %s: got %q, want %q", test.query, test.version, got, test.want)
		}
	}
	c.do("GET", nova+"/servers?nonsense=1", "", version("2.75")).want(t, 400, "nonsense")
	c.do("GET", nova+"/servers?status=NONSENSE", "", version("2.75")).want(t, 400, "NONSENSE")
	c.do("GET", nova+"/servers?all_tenants=1", "").want(t, 403, `"forbidden"`)
}

func TestAdministrator(t *testing.T) {
	c := start(t, novatest.Options{Users: []novatest.User{
		{Name: "demo", Password: "secret", Project: "demo"},
		{Name: "root", Password: "secret", Project: "admin", Admin: true},
	}})
	c.fill(2)
	c.token = c.login("root", "admin")
	if got := c.page(nova + "/servers").names(); got != "" {
		t.Errorf("own project: got %q, want nothing", got)
	}
	if got := c.page(nova + "/servers?all_tenants=1").names(); got != "s2 s1" {
		t.Errorf("all projects: got %q, want s2 s1", got)
	}
	c.do("GET", nova+"/servers?metadata=x", "").want(t, 400, "Invalid filter field: metadata.")
}

func TestChangesSince(t *testing.T) {
	var moment clock
	c := start(t, novatest.Options{Now: moment.now})
	ids := c.fill(3)
	for _, id := range ids {
		c.cloud.SetMetadata(id, map[string]string{"a": "1", "b": "2"})
	}
	moment.advance(time.Minute)
	since := url.QueryEscape(moment.now().UTC().Format(time.RFC3339))
	c.do("POST", nova+"/servers/"+ids[0]+"/metadata", `{"metadata": {"a": "1"}}`).want(t, 200, "") // the same value
	c.do("DELETE", nova+"/servers/"+ids[1]+"/metadata/a", "").want(t, 204, "")
	if got := c.page(nova + "/servers?changes-since=" + since).names(); got != "s1" {
		t.Errorf("got %q, want s1: POST moves updated, DELETE does not", got)
	}
	c.cloud.Delete(ids[2])
	if got := c.page(nova + "/servers?changes-since=" + since).names(); got != "s3 s1" {
		t.Errorf("got %q, want s3 s1: a deleted server has changed", got)
	}
	c.do("GET", nova+"/servers?changes-since=soon", "").want(t, 400, "changes-since")
}

func BenchmarkList(b *testing.B) {
	cloud, err := novatest.Start("", novatest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	c := &client{t: &testing.T{}, cloud: cloud}
	c.token = c.login("demo", "demo")
	c.fill(1000)
	for b.Loop() {
		if _, err := c.try("GET", nova+"/servers/detail", ""); err != nil {
			b.Fatal(err)
		}
	}
}
