package nova

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

// TestServiceRegions: what a service does not look at neither costs a request nor spoils anything.
func TestServiceRegions(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{"north", "south"}})
	w.AddServer("north", novatest.ServerSpec{Name: "api-0"})
	w.AddServer("south", novatest.ServerSpec{Name: "api-1"})
	in := func(service string, regions ...string) resource.Wanted {
		return askFor(wanted{Service: service, Servers: service + "-*", Regions: regions})
	}
	if got := w.names(w.read(in("api", "south"))[0]); got != "api-1" {
		t.Errorf("got %q", got)
	}
	if n := w.Count("GET", "/nova/north/"); n != 0 {
		t.Errorf("%d requests to a region that nobody asked about", n)
	}
	w.SetDown("north", true)
	readings := w.read(in("api", "south"), in("web", "south", "north"), in("db"))
	if got := w.names(readings[0]); got != "api-1" {
		t.Errorf("got %q", got)
	}
	for _, r := range readings[1:] {
		mustSay(t, r.Err, `cannot list the servers of region "north"`)
	}
	if n := w.Count("GET", "/nova/south/"); n != 2 {
		t.Errorf("%d requests to one region in two readings", n)
	}
	step := stampStep("api", "api-*", both)
	step.Want = askFor(wanted{Service: "api", Servers: "api-*", Regions: []string{"south"}, Revisions: both}).Config
	if _, err := w.p.Apply(t.Context(), step, func(resource.Event) {}); err != nil {
		t.Error(err)
	}
}

func TestNoSuchRegion(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{"north", "south"}})
	readings := w.read(askFor(wanted{Service: "api", Regions: []string{"nroth"}}), ask("web", ""))
	var fault *resource.AttrError
	if !errors.As(readings[0].Err, &fault) || fault.Attr != "regions" {
		t.Errorf("got %v", readings[0].Err)
	}
	mustSay(t, readings[0].Err, `no nova in region "nroth"; it has one in north, south.`)
	w.names(readings[1])
}

// twoClouds starts a second cloud beside the first, under the name "other" in the same clouds.yaml.
func twoClouds(t *testing.T) (one *world, other *novatest.Server) {
	t.Helper()
	one, other = newWorld(t, novatest.Options{}), startCloud(t, novatest.Options{})
	_, more, _ := bytes.Cut(other.CloudsYAML("other"), []byte("clouds:\n"))
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(file, append(one.CloudsYAML("demo"), more...), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	t.Setenv("OS_CLOUD", "demo")
	one.p = one.open(settings{})
	return one, other
}

func TestTwoClouds(t *testing.T) {
	w, other := twoClouds(t)
	w.add("api-0")
	other.AddServer(theRegion, novatest.ServerSpec{Name: "web-0"}) // each of the simulated clouds gives out the same ids
	id := other.AddServer(theRegion, novatest.ServerSpec{Name: "api-1"})
	there := askFor(wanted{Service: "there", Servers: "api-*", Cloud: "other", Revisions: both})
	readings := w.read(ask("api", "api-*"), there)
	if here, there := w.names(readings[0]), w.names(readings[1]); here != "api-0" || there != "api-1" {
		t.Errorf("got %q and %q", here, there)
	}
	step := stampStep("there", "", both)
	step.Want = there.Config
	if _, err := w.p.Apply(t.Context(), step, func(resource.Event) {}); err != nil {
		t.Fatal(err)
	}
	if other.Metadata(id)["cd.service"] != "there" {
		t.Errorf("the server of the other cloud carries %v", other.Metadata(id))
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	readings = w.read(ask("api", "api-*"), there)
	w.names(readings[0])
	if readings[1].Err == nil {
		t.Error("a cloud that is not there was read")
	}
}

// TestOneCloudByTwoNames: the default is written out by some services.
func TestOneCloudByTwoNames(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	w.p = w.open(settings{}) // its region is the one of clouds.yaml
	readings := w.read(ask("api", "api-*"), askFor(wanted{Service: "web", Servers: "*-0", Cloud: "demo", Regions: []string{theRegion}}))
	mustFault(t, readings[0].Err, "api", "api and web")
	if n := w.Count("GET", "/servers/detail"); n != 1 {
		t.Errorf("%d lists of one region", n)
	}
}

// TestStampsThatFitNowhere are found without asking anybody.
func TestStampsThatFitNowhere(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	var many []string
	for i := range 125 {
		many = append(many, fmt.Sprintf("b%d", i))
	}
	for _, test := range []struct {
		name  string
		stamp wanted
		want  string // empty: good
	}{
		{"as many as fit", wanted{Service: "api", Labels: many[:124]}, ""},
		{"too many", wanted{Service: "api", Labels: many}, "125 branches, and the stamp of so many takes 129 metadata items of the 128"},
		{"label too long", wanted{Service: "api", Labels: []string{strings.Repeat("x", 249)}}, "as a key"},
		{"four bytes in the name", wanted{Service: "a😀"}, "beyond U+FFFF"},
		{"name too long", wanted{Service: strings.Repeat("x", 256)}, "longer than the 255 characters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := w.p.Check(askFor(test.stamp))
			if test.want != "" {
				mustSay(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if n := len(w.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// TestNoRoom: a server that is full of other people's items is found before anything is deployed.
func TestNoRoom(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	var items []string
	for i := range 122 {
		items = append(items, fmt.Sprintf("k%d=v", i))
	}
	id := w.add("api-0", append(items, "cd.rev.gone=1 x", "cd.hash=v1:old")...)
	stamp := wanted{Service: "api", Servers: "api-*", Labels: []string{"app", "spec"}, Revisions: both}
	if got := w.names(w.read(askFor(stamp))[0]); got != "api-0" {
		t.Errorf("got %q", got)
	}
	stamp.Labels = append(stamp.Labels, "more")
	mustSay(t, w.read(askFor(stamp))[0].Err, "Server api-0 ("+id+") has 122 metadata items that are not cdplan's, and the stamp takes 7 more")
	step := stampStep("api", "api-*", both)
	step.Want = askFor(stamp).Config
	_, err := w.p.Apply(t.Context(), step, func(resource.Event) {})
	mustSay(t, err, "has 122 metadata items")
	w.writes(0, 0)
}
