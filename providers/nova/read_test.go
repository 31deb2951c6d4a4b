package nova

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

func TestOneListForAll(t *testing.T) {
	for _, test := range []struct{ limit, servers, lists int }{
		{2, 5, 3}, {2, 4, 3}, {1000, 5, 1}, {1000, 0, 0},
	} {
		t.Run(fmt.Sprintf("%d by %d", test.servers, test.limit), func(t *testing.T) {
			w := newWorld(t, novatest.Options{MaxLimit: test.limit})
			var want []resource.Wanted
			for i := range test.servers {
				w.add(fmt.Sprintf("s%d", i))
				want = append(want, ask(fmt.Sprintf("svc%d", i), fmt.Sprintf("s%d", i)))
			}
			w.names(w.read(ask("none", "none"))[0])
			w.ResetRequests()
			for i, r := range w.read(want...) {
				if got := w.names(r); got != fmt.Sprintf("s%d", i) {
					t.Errorf("service %d has %q", i, got)
				}
			}
			if n, all := w.Count("GET", "/servers/detail"), len(w.Requests()); n != test.lists || all != n {
				t.Errorf("%d lists of %d requests, want %d", n, all, test.lists)
			}
		})
	}
}

func TestRegions(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{"north", "south"}})
	w.AddServer("south", novatest.ServerSpec{Name: "api-1"})
	w.AddServer("north", novatest.ServerSpec{Name: "api-2"})
	w.AddServer("north", novatest.ServerSpec{Name: "api-0", Status: "SHUTOFF"})
	var got []string
	for _, c := range w.read(ask("api", "api-*"))[0].Copies {
		got = append(got, strings.Join([]string{c.Name, c.Region, c.Status}, " "))
	}
	if diff := cmp.Diff([]string{"api-0 north SHUTOFF", "api-1 south ACTIVE", "api-2 north ACTIVE"}, got); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	if north, south := w.Count("GET", "/nova/north/"), w.Count("GET", "/nova/south/"); north != 1 || south != 1 {
		t.Errorf("%d and %d requests, want one a region", north, south)
	}
}

// TestRegionNamedTwice: its servers are not claimed by the same service twice.
func TestRegionNamedTwice(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	w.p = w.open(settings{Regions: []string{theRegion, theRegion}})
	if got := w.names(w.read(ask("api", "api-*"))[0]); got != "api-0" {
		t.Errorf("got %q", got)
	}
}

func TestRegionDown(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{"north", "south"}})
	w.AddServer("north", novatest.ServerSpec{Name: "api-0"})
	w.SetDown("south", true)
	for _, r := range w.read(ask("api", "api-*"), ask("web", "")) {
		mustSay(t, r.Err, `cannot list the servers of region "south"`, "(503)")
		if r.Copies != nil {
			t.Errorf("%s has copies: %v", r.Addr, r.Copies)
		}
	}
	mustSay(t, w.apply("api-*"), `region "south"`)
	w.SetDown("south", false)
	if got := w.names(w.read(ask("api", "api-*"))[0]); got != "api-0" {
		t.Errorf("got %q", got)
	}
}

func TestSelectors(t *testing.T) {
	servers := []struct {
		name, status string
		items        []string
	}{
		{"juju-api-machine-0", "", []string{"cd.service=api", "team=a b"}},
		{"juju-api-machine-10", "SHUTOFF", nil},
		{"juju-api-machine-2", "ERROR", []string{"cd.service=other"}},
		{"juju-web-machine-0", "", []string{"team=a=b"}},
		{"Juju-web-machine-1", "", []string{"Team=a b"}},
		{"x[y", "", nil},
		{"juju-api-machine-3", "SOFT_DELETED", []string{"cd.service=api"}},
		{"juju-api-machine-4", "DELETED", []string{"cd.service=api"}},
		{"juju-api-machine-5", "", []string{"juju-is-controller=true", "cd.service=api"}},
		{"juju-api-machine-6", "", []string{"juju-is-state=true", "cd.service=api"}},
		{"juju-api-machine-7", "", []string{"juju-is-controller=false"}},
	}
	w := newWorld(t, novatest.Options{MaxLimit: 3})
	for _, s := range servers {
		w.AddServer(theRegion, novatest.ServerSpec{Name: s.name, Status: s.status, Metadata: metadata(s.items...)})
	}
	for _, test := range []struct{ selector, want string }{
		{"", "juju-api-machine-0"},
		{"juju-api-machine-*", "juju-api-machine-0 juju-api-machine-10 juju-api-machine-2 juju-api-machine-7"},
		{"juju-api-machine-?", "juju-api-machine-0 juju-api-machine-2 juju-api-machine-7"},
		{"juju-api-machine-[0-2]", "juju-api-machine-0 juju-api-machine-2"},
		{"juju-api-machine-2", "juju-api-machine-2"},
		{"juju-api-machine", ""},
		{"*-web-*", "Juju-web-machine-1 juju-web-machine-0"},
		{"[jJ]uju-web-machine-[01]", "Juju-web-machine-1 juju-web-machine-0"},
		{"?uju-web-machine-1", "Juju-web-machine-1"},
		{`x\[y`, "x[y"},
		{"zzz*", ""},
		{"metadata.team = a b", "juju-api-machine-0"},
		{"metadata.team=a=b", "juju-web-machine-0"},
		{"metadata.Team = a b", "Juju-web-machine-1"},
		{"metadata.team = a", ""},
		{"metadata.cd.service = other", "juju-api-machine-2"},
	} {
		t.Run(test.selector, func(t *testing.T) {
			w.t, w.p = t, w.open(settings{})
			if got := w.names(w.read(ask("api", test.selector))[0]); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBadSelectors(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	for _, test := range []struct{ selector, want string }{
		{"[", `"[" is not a pattern`},
		{"api-[a", "is not a pattern"},
		{"*[", "is not a pattern"},
		{`api-\`, "is not a pattern"},
		{"metadata.x", "not of the form metadata.KEY = VALUE"},
		{"metadata.= y", "not of the form metadata.KEY = VALUE"},
		{"metadata.x =", "not of the form metadata.KEY = VALUE"},
	} {
		readings := w.read(ask("api", test.selector), ask("web", "api-*"))
		mustFault(t, readings[0].Err, "api", test.want)
		mustFault(t, w.p.Check(ask("api", test.selector)), "api", test.want)
		if got := w.names(readings[1]); got != "api-0" {
			t.Errorf("the fault of another service left %q", got)
		}
	}
	if err := w.p.Check(ask("api", "api-*")); err != nil {
		t.Error(err)
	}
}

func TestClaimedTwice(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.add("api-0")
	w.add("web-0")
	readings := w.read(ask("web", "*-0"), ask("api", "api-*"), ask("db", "db-*"))
	mustFault(t, readings[0].Err, "web", "api-0", id, "api and web")
	mustFault(t, readings[1].Err, "api", "api-0", "api and web")
	w.names(readings[2])
	if readings[0].Copies != nil {
		t.Errorf("there are copies: %v", readings[0].Copies)
	}
	mustFault(t, w.apply("api-*"), "api", "api and web")
	if n := w.Count("POST", "/metadata"); n > 0 {
		t.Error("a server of two services was stamped")
	}
	// The declaration is mended, and the other service is not asked about again.
	w.names(w.read(ask("web", "web-*"))[0])
	if got := w.names(w.read(ask("api", "api-*"))[0]); got != "api-0" {
		t.Errorf("got %q", got)
	}
}

func TestReadStamp(t *testing.T) {
	one := map[string]resource.Revision{"app": {Revno: "3", ID: "joe@x-3"}}
	hash := "cd.hash=" + resource.Hash(one)
	stamp := resource.Stamp{Revisions: one, Hash: resource.Hash(one), At: "then", Run: "r1"}
	for _, test := range []struct {
		name     string
		metadata map[string]string
		want     resource.Stamp
		ok       bool
		err      string
	}{
		{"consistent", metadata("cd.service=api", "cd.rev.app=3 joe@x-3", hash, "cd.at=then", "cd.run=r1", "owner=joe", "cd.other=x"), stamp, true, ""},
		{"none", metadata("owner=joe"), resource.Stamp{}, false, ""},
		{"no hash", metadata("cd.service=api", "cd.rev.app=3 joe@x-3"), resource.Stamp{}, false, ""},
		{"empty hash", metadata("cd.service=api", "cd.rev.app=3 joe@x-3", "cd.hash="), resource.Stamp{}, false, ""},
		{"no service", metadata("cd.rev.app=3 joe@x-3", hash), resource.Stamp{}, false, ""},
		{"another service", metadata("cd.service=web", "cd.rev.app=3 joe@x-3", hash), resource.Stamp{}, false, ""},
		{"malformed", metadata("cd.service=api", "cd.rev.app=joe@x-3", hash),
			resource.Stamp{Revisions: map[string]resource.Revision{"app": {Revno: "joe@x-3"}}, Hash: resource.Hash(one)}, true,
			"cd.rev.app is not of the form"},
		{"another hash", metadata("cd.service=api", "cd.rev.app=4 joe@x-4", hash),
			resource.Stamp{Revisions: map[string]resource.Revision{"app": {Revno: "4", ID: "joe@x-4"}}, Hash: resource.Hash(one)}, true,
			"cd.hash is " + resource.Hash(one)},
		{"a revision more", metadata("cd.service=api", "cd.rev.app=3 joe@x-3", "cd.rev.b=1 x", hash),
			resource.Stamp{Revisions: map[string]resource.Revision{"app": one["app"], "b": {Revno: "1", ID: "x"}}, Hash: resource.Hash(one)}, true,
			"cd.hash is"},
		{"no revisions", metadata("cd.service=api", hash), resource.Stamp{Revisions: map[string]resource.Revision{}, Hash: resource.Hash(one)}, true,
			"cd.hash is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			w.AddServer(theRegion, novatest.ServerSpec{Name: "api-0", Metadata: test.metadata})
			copies := w.read(ask("api", "api-*"))[0].Copies
			if len(copies) != 1 {
				t.Fatalf("got %v", copies)
			}
			got, ok := copies[0].Stamp()
			if diff := cmp.Diff(test.want, got); ok != test.ok || diff != "" {
				t.Errorf("%t, stamp (-want +got):\n%s", ok, diff)
			}
			if test.err != "" || copies[0].Err != nil {
				mustSay(t, copies[0].Err, test.err)
			}
			if test.err == "" && copies[0].Err != nil {
				t.Errorf("got error %v", copies[0].Err)
			}
		})
	}
}

// Of several faults of a stamp always the same one is told.
func TestReadStampFaults(t *testing.T) {
	p := openWith(t, settings{})
	for range 20 {
		_, err := readStamp("cd.", "api", metadata("cd.service=api", "cd.hash=v1:0", "cd.rev.b=x", "cd.rev.a=x", "cd.rev.d=x", "cd.rev.c=x"))
		mustSay(t, err, "cd.rev.a is not of the form")
		step := stampStep("api", "api-*", map[string]resource.Revision{"b": {Revno: "1"}, "a": {Revno: "1"}, "c": {Revno: "1"}})
		_, err = p.Lines(step)
		mustSay(t, err, "the revision of a cannot be stamped")
	}
}

func TestReadWithPrefix(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	one := map[string]resource.Revision{"app": {Revno: "3", ID: "joe@x-3"}}
	w.add("api-0", "x:service=api", "x:rev.app=3 joe@x-3", "x:hash="+resource.Hash(one), "cd.service=web")
	w.p = w.open(settings{Prefix: "x:"})
	got := w.read(ask("api", ""))[0].Copies
	if len(got) != 1 || got[0].Err != nil {
		t.Fatalf("got %v", got)
	}
	if stamp, ok := got[0].Stamp(); !ok || cmp.Diff(one, stamp.Revisions) != "" {
		t.Errorf("got %v", stamp)
	}
}
