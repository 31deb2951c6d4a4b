package nova

import (
	"bytes"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

var _ providers.Searcher = (*provider)(nil)

func TestStrays(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{theRegion, "South"}})
	w.AddServer("South", novatest.ServerSpec{Name: "z-1", Metadata: stamped()})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "a-1", Metadata: with(stamped(), "cd.service=billing")})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "a-2", Metadata: with(stamped(), "cd.service=billing", "cd.hash=v1:0")})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "api-1", Metadata: stamped()})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "web-1", Metadata: with(stamped(), "cd.service=billing")})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "juju-0", Metadata: with(stamped(), "juju-is-controller=true")})
	w.add("a-3", "cd.service=billing") // nothing is stamped without the hash
	w.add("a-4")
	w.add("a-5", "cd.hash=v1:0")
	want := []resource.Wanted{ask("api", "api-*"), ask("web", "web-*"), ask("bad", "[")}
	_, strays, err := w.p.Search(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range strays {
		stamp, ok := c.Stamp()
		if !ok || stamp.Revisions["app"].ID != "joe@x-3" {
			t.Errorf("%s carries %v", c.Name, stamp)
		}
		text := c.Region + " " + c.Name + " " + c.Other
		if c.Err != nil {
			text += " broken"
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"RegionOne a-1 billing", "RegionOne a-2 billing broken", "South z-1 api"}, got); diff != "" {
		t.Errorf("strays (-want +got):\n%s", diff)
	}

	w.Inject(novatest.Fault{Method: "GET", Path: "RegionOne/v2.1/servers/detail", Status: http.StatusForbidden})
	_, strays, err = w.p.Search(t.Context(), want)
	mustSay(t, err, `cannot look in region "RegionOne" for servers that no service claims`)
	if len(strays) != 1 || strays[0].Name != "z-1" {
		t.Errorf("found %v where South can be listed", strays)
	}
}

// TestStraysOnce: services may know a cloud by two names.
func TestStraysOnce(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	_, more, _ := bytes.Cut(w.CloudsYAML("same"), []byte("clouds:\n"))
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	write(t, file, string(w.CloudsYAML("demo"))+string(more))
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	w.p = w.open(settings{Cloud: "demo"})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "a-1", Metadata: with(stamped(), "cd.service=billing")})
	_, strays, err := w.p.Search(t.Context(), []resource.Wanted{ask("api", "api-*"), askFor(wanted{Service: "web", Servers: "web-*", Cloud: "same"})})
	if err != nil || len(strays) != 1 {
		t.Errorf("got %v, %v", strays, err)
	}
}
