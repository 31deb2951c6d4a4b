package novatest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
)

func TestFaultStatus(t *testing.T) {
	tests := []struct {
		fault novatest.Fault
		text  string
	}{
		{novatest.Fault{Status: 429, RetryAfter: "7"}, `{"overLimit":{"code":429,"message":"Too Many Requests"}}`},
		{novatest.Fault{Status: 409}, `{"conflictingRequest":{"code":409,`},
		{novatest.Fault{Status: 500}, `{"computeFault":{"code":500,`},
		{novatest.Fault{Status: 503, Body: "<html>"}, `<html>`},
		{novatest.Fault{Status: 401}, authenticationRequired},
	}
	c := start(t, novatest.Options{})
	for _, test := range tests {
		test.fault.Method, test.fault.Path, test.fault.Times = "GET", "/servers", 2
		c.cloud.Inject(test.fault)
		c.do("GET", nova+"/limits", "").want(t, 200, "")
		for range 2 {
			got := c.do("GET", nova+"/servers/detail", "")
			got.want(t, test.fault.Status, test.text)
			if h := got.header.Get("Retry-After"); h != test.fault.RetryAfter {
				t.Errorf("Retry-After: %q, want %q", h, test.fault.RetryAfter)
			}
		}
		c.do("GET", nova+"/servers/detail", "").want(t, 200, "")
	}
}

func TestFaultsThatTouchWrites(t *testing.T) {
	tests := []struct {
		name  string
		fault novatest.Fault
		err   bool
		kept  bool
	}{
		{"none", novatest.Fault{Method: "GET"}, false, true},
		{"lost", novatest.Fault{Lost: true}, false, false},
		{"cut", novatest.Fault{Cut: true}, true, false},
		{"answer cut", novatest.Fault{CutAnswer: true}, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, novatest.Options{})
			id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Metadata: map[string]string{"old": "1"}})
			path := nova + "/servers/" + id + "/metadata"
			c.cloud.Inject(test.fault)
			got, err := c.try("POST", path, `{"metadata": {"new": "2"}}`)
			if (err != nil) != test.err {
				t.Fatalf("POST: %v, want an error: %t", err, test.err)
			}
			if !test.err {
				got.want(t, 200, `{"metadata":{"new":"2","old":"1"}}`)
			}
			want := map[string]string{"old": "1"}
			if test.kept {
				want["new"] = "2"
			}
			if diff := cmp.Diff(want, c.cloud.Metadata(id)); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLostWrites(t *testing.T) {
	c := start(t, novatest.Options{})
	c.cloud.Inject(novatest.Fault{Lost: true})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "s", Metadata: map[string]string{"a": "1"}})
	c.do("DELETE", nova+"/servers/"+id+"/metadata/a", "").want(t, 204, "")
	c.do("PUT", nova+"/servers/"+id, `{"server": {"name": "t"}}`).want(t, 200, "")
	c.boot(`{"name": "u", "flavorRef": "1"}`)
	c.do("DELETE", nova+"/servers/"+id, "").want(t, 204, "")
	want := []novatest.Info{{ID: id, Region: "RegionOne", Name: "s", Project: "demo", Status: "ACTIVE", Metadata: map[string]string{"a": "1"}}}
	if diff := cmp.Diff(want, c.cloud.Servers()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}

// A Match may change the cloud, as another writer would between two requests of ours.
func TestFaultMatchMayUseTheCloud(t *testing.T) {
	c := start(t, novatest.Options{})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{})
	c.cloud.Inject(novatest.Fault{Match: func(r *http.Request) bool {
		c.cloud.SetMetadata(id, map[string]string{"by": "another"})
		return false
	}})
	c.do("GET", nova+"/servers/"+id+"/metadata", "").want(t, 200, `{"metadata":{"by":"another"}}`)
}

func TestFirstFaultCountsUntilUsedUp(t *testing.T) {
	c := start(t, novatest.Options{})
	c.cloud.Inject(novatest.Fault{Status: 500, Times: 1}, novatest.Fault{Status: 503})
	for _, want := range []int{500, 503, 503} {
		c.do("GET", nova+"/servers", "").want(t, want, "")
	}
	c.cloud.ClearFaults()
	c.do("GET", nova+"/servers", "").want(t, 200, "")
}

func TestDownRegion(t *testing.T) {
	c := start(t, novatest.Options{Regions: []string{"RegionOne", "RegionTwo"}})
	c.cloud.SetDown("RegionTwo", true)
	c.do("GET", nova+"/servers", "").want(t, 200, "")
	c.do("GET", "/nova/RegionTwo/v2.1/servers", "").want(t, 503, "<html>")
	c.cloud.SetDown("RegionTwo", false)
	c.do("GET", "/nova/RegionTwo/v2.1/servers", "").want(t, 200, "")
}

func TestDelayEndsWithTheClient(t *testing.T) {
	c := start(t, novatest.Options{})
	c.cloud.Inject(novatest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", c.cloud.URL+nova+"/servers", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(request)
		done <- err
	}()
	for c.cloud.Count("GET", "/servers") == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
	c.cloud.ClearFaults()
	c.do("GET", nova+"/servers", "").want(t, 200, "")
}

func TestRequests(t *testing.T) {
	c := start(t, novatest.Options{})
	c.do("GET", nova+"/servers?limit=2", "")
	c.do("POST", nova+"/servers/x/metadata", "{}")
	var got []string
	for _, r := range c.cloud.Requests() {
		got = append(got, r.String())
	}
	want := []string{"GET " + nova + "/servers?limit=2", "POST " + nova + "/servers/x/metadata"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, count := range []struct {
		method, path string
		want         int
	}{{"GET", "", 1}, {"", "/servers", 2}, {"PUT", "", 0}, {"", "/metadata", 1}} {
		if n := c.cloud.Count(count.method, count.path); n != count.want {
			t.Errorf("Count(%q, %q) is %d, want %d", count.method, count.path, n, count.want)
		}
	}
	c.cloud.ResetRequests()
	if n := c.cloud.Count("", ""); n != 0 {
		t.Errorf("%d requests after the reset", n)
	}
}

func TestOnlyLoopback(t *testing.T) {
	if s, err := novatest.Start("0.0.0.0:0", novatest.Options{}); err == nil {
		_ = s.Close()
		t.Error("it listens on all interfaces")
	}
}
