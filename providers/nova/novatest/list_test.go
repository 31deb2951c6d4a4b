package novatest_test

import (
	"fmt"
	"net/url"
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
