package nova

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

const aModel = "1e0f7b4e-3c5d-4f3e-8a55-0f1c2d3e4f50"

// fakeJuju answers for the models that it has, and notes what it was asked.
type fakeJuju struct {
	models map[string]roster

	mu    sync.Mutex
	asked []string
}

func (f *fakeJuju) Servers(_ context.Context, program, model string) (map[string][]string, map[string]error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, program+" "+model)
	r, known := f.models[model]
	if !known {
		return nil, nil, fmt.Errorf("cannot ask %s about model %q: model not found", program, model)
	}
	return r.servers, r.faults, r.err
}

// newJujuWorld is a world in which juju knows these models.
func newJujuWorld(t *testing.T, models map[string]roster) (*world, *fakeJuju) {
	t.Helper()
	w := newWorld(t, novatest.Options{})
	fake := &fakeJuju{models: models}
	w.p.juju = fake
	return w, fake
}

func mustFaultOf(t *testing.T, err error, attr string, texts ...string) {
	t.Helper()
	var fault *resource.AttrError
	if !errors.As(err, &fault) || fault.Attr != attr || fault.Addr.Service == "" {
		t.Errorf("got %v, want a fault of %s", err, attr)
	}
	mustSay(t, err, texts...)
}

func TestModel(t *testing.T) {
	w, fake := newJujuWorld(t, nil)
	other := strings.Replace(aModel, "1e", "2e", 1)
	w.add("juju-b-0", "juju-model-uuid="+aModel)
	w.add("juju-a-0", "juju-env-uuid="+aModel)
	w.add("juju-c-0", "juju-env-uuid="+aModel, "juju-model-uuid="+aModel)
	w.add("juju-0", "juju-env-uuid="+aModel, "juju-is-state=true")
	w.add("juju-1", "juju-model-uuid="+aModel, "juju-is-controller=true")
	w.add("juju-d-0", "juju-model-uuid="+other)
	w.add("juju-e-0", "juju-controller-uuid="+aModel)
	for _, model := range []string{aModel, strings.ToUpper(aModel)} {
		if got, want := w.names(w.read(askFor(wanted{Service: "api", Model: model}))[0]), "juju-a-0 juju-b-0 juju-c-0"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	readings := w.read(askFor(wanted{Service: "api", Model: aModel}), ask("web", "juju-*-0"), askFor(wanted{Service: "db", Model: other}))
	mustFaultOf(t, readings[0].Err, "juju_model", "is claimed by api and web", "different servers")
	mustFaultOf(t, readings[1].Err, "servers", "is claimed by api and web")
	mustFaultOf(t, readings[2].Err, "juju_model", "is claimed by db and web")
	if len(fake.asked) > 0 {
		t.Errorf("juju was asked: %q", fake.asked)
	}
}

func TestModelWithoutServers(t *testing.T) {
	w, _ := newJujuWorld(t, nil)
	w.add("juju-0", "juju-model-uuid=other")
	stamp := wanted{Service: "api", Model: aModel}
	if got := w.names(w.read(askFor(stamp))[0]); got != "" {
		t.Errorf("got %q", got)
	}
	var failure *resource.Failure
	if err := w.applyFor(stamp); !errors.As(err, &failure) {
		t.Errorf("got %v, want a failure", err)
	} else {
		mustSay(t, err, "there is no server to stamp", "juju-model = "+aModel)
	}
}

// applyFor stamps both on the servers of a service.
func (w *world) applyFor(stamp wanted) error {
	stamp.Revisions = both
	asked := askFor(stamp)
	_, err := w.p.Apply(w.t.Context(), resource.Step{Addr: asked.Addr, Want: asked.Config, Run: "r1", At: began}, func(resource.Event) {})
	return err
}

// TestApplication: each model is asked about once a reading, and only if a service names an application.
func TestApplication(t *testing.T) {
	w, fake := newJujuWorld(t, map[string]roster{})
	second, first, cache, web := w.add("m-2"), w.add("m-1"), w.add("m-3"), w.add("web-0")
	fake.models["prod"] = roster{servers: map[string][]string{"api": {first, second}, "cache": {cache}, "empty": nil}}
	fake.models[""] = roster{servers: map[string][]string{"web": {web}}}
	want := []resource.Wanted{askFor(wanted{Service: "api", Model: "prod", App: "api"}), askFor(wanted{Service: "cache", Model: "prod", App: "cache"}),
		askFor(wanted{Service: "web", App: "web"}), askFor(wanted{Service: "empty", Model: "prod", App: "empty"}), ask("db", "db-*")}
	var got []string
	for _, r := range w.read(want...) {
		got = append(got, w.names(r))
	}
	if diff := cmp.Diff([]string{"m-1 m-2", "m-3", "web-0", "", ""}, got); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	slices.Sort(fake.asked)
	if diff := cmp.Diff([]string{"juju ", "juju prod"}, fake.asked); diff != "" {
		t.Errorf("juju was asked (-want +got):\n%s", diff)
	}

	fake.asked, w.p.program = nil, "/opt/juju"
	if err := w.applyFor(wanted{Service: "api", Model: "prod", App: "api"}); err != nil {
		t.Fatal(err)
	}
	w.carries(first, stamped())
	w.carries(second, stamped())
	w.carries(cache, metadata())
	if diff := cmp.Diff([]string{"/opt/juju prod"}, fake.asked); diff != "" {
		t.Errorf("juju was asked (-want +got):\n%s", diff)
	}
	mustSay(t, w.applyFor(wanted{Service: "empty", Model: "prod", App: "empty"}), `no unit of application "empty" on a server yet`)
	fake.asked = nil
	if w.read(ask("api", "m-*")); len(fake.asked) > 0 {
		t.Errorf("juju was asked for a service that names no application any more: %q", fake.asked)
	}
}

// TestApplicationGrows: the servers are those of the last answer, and a stamp finds the new one.
func TestApplicationGrows(t *testing.T) {
	w, fake := newJujuWorld(t, map[string]roster{})
	first := w.add("m-1")
	stamp := wanted{Service: "api", App: "api"}
	fake.models[""] = roster{servers: map[string][]string{"api": {first}}}
	w.names(w.read(askFor(stamp))[0])
	added := w.add("m-2")
	fake.models[""] = roster{servers: map[string][]string{"api": {first, added}}}
	if err := w.applyFor(stamp); err != nil {
		t.Fatal(err)
	}
	w.carries(added, stamped())
	fake.models[""] = roster{servers: map[string][]string{"api": {added}}}
	if got := w.names(w.read(askFor(stamp))[0]); got != "m-2" {
		t.Errorf("got %q", got)
	}
	if got := w.names(w.read(ask("api", "m-1"))[0]); got != "m-1" {
		t.Errorf("got %q after the service chose another way", got)
	}
}

// TestJujuCannotTell: whatever juju cannot tell is the error of the services that rest on it.
func TestJujuCannotTell(t *testing.T) {
	w, fake := newJujuWorld(t, map[string]roster{})
	id := w.add("m-1")
	w.add("db-0")
	w.add("m-2", "juju-is-controller=true")
	controller := w.Servers()[2].ID
	fake.models["prod"] = roster{
		servers: map[string][]string{"web": {id}, "gone": {id, "gone-id"}, "on-controller": {controller}},
		faults:  map[string]error{"lost": errors.New("juju cannot tell of unit lost/0: no agent")},
	}
	in := func(service, model string) resource.Wanted {
		return askFor(wanted{Service: service, Model: model, App: service})
	}
	readings := w.read(in("web", "prod"), in("lost", "prod"), in("api", "none"), in("gone", "prod"), in("on-controller", "prod"), ask("db", "db-*"))
	for i, texts := range [][]string{
		1: {`cannot tell which servers juju's application "lost" has: juju cannot tell of unit lost/0: no agent`},
		2: {`cannot ask juju about model "none": model not found`},
		3: {`juju has a unit of application "gone" on server gone-id.`, `does not list it in region "RegionOne"`, "named under [nova]"},
		4: {"on server " + controller, "a controller of juju"},
	} {
		if len(texts) > 0 {
			mustSay(t, readings[i].Err, texts...)
			if errors.As(readings[i].Err, new(*resource.AttrError)) {
				t.Errorf("%v is no fault of what is declared", readings[i].Err)
			}
		}
	}
	mustFaultOf(t, readings[0].Err, "juju_application", "is claimed by gone and web")
	w.names(readings[5])

	mustSay(t, w.applyFor(wanted{Service: "lost", Model: "prod", App: "lost"}), "no agent")
	mustSay(t, w.applyFor(wanted{Service: "api", Model: "none", App: "api"}), "model not found")
	mustSay(t, w.applyFor(wanted{Service: "gone", Model: "prod", App: "gone"}), "does not list")
	w.writes(0, 0)
}

// TestNoSuchApplication: it may not be there yet, or have another name. Nothing tells which.
func TestNoSuchApplication(t *testing.T) {
	w, _ := newJujuWorld(t, map[string]roster{
		"": {}, "prod": {servers: map[string][]string{"api-worker": nil, "haproxy": nil}, faults: map[string]error{"api": errors.New("lost")}},
		"many": {servers: map[string][]string{"a": nil, "b": nil, "c": nil, "d": nil, "e": nil, "f": nil, "wep": nil}},
	})
	for model, want := range map[string]string{
		"":     `juju has no application "web" in its current model, and no other either`,
		"prod": `juju has no application "web" in the model "prod"; it has api, haproxy, api-worker`,
		"many": `juju has no application "web" in the model "many"; it has wep, b, e, a, c and 2 more`,
	} {
		stamp := wanted{Service: "web", Model: model, App: "web"}
		if r := w.read(askFor(stamp))[0]; r.Doubt != want || r.Err != nil || r.Copies != nil {
			t.Errorf("got %+v, want doubt %s", r, want)
		}
		mustSay(t, w.applyFor(stamp), "there is no server to stamp: "+want)
	}
}

func TestCheckOfJuju(t *testing.T) {
	w, fake := newJujuWorld(t, nil)
	for _, test := range []struct {
		stamp wanted
		attr  string
		want  string
	}{
		{wanted{Model: "prod"}, "juju_model", `"prod" is not the UUID of a model`},
		{wanted{Model: aModel[1:]}, "juju_model", "juju-model-uuid"},
		{wanted{Model: aModel + "0"}, "juju_model", `add the key "juju-application"`},
		{wanted{Model: "-" + aModel}, "juju_model", "Nothing in juju is called"},
		{wanted{Model: "--help", App: "api"}, "juju_model", `Nothing in juju is called "--help"`},
		{wanted{App: "-api"}, "juju_application", `Nothing in juju is called "-api"`},
		{wanted{Servers: "api-*", App: "api"}, "servers", "Keep one way"},
		{wanted{Servers: "api-*", Model: aModel}, "servers", "Keep one way"},
		{wanted{Servers: "metadata.role = api", Model: "prod", App: "api"}, "servers", "Keep one way"},
	} {
		test.stamp.Service = "api"
		asked := askFor(test.stamp)
		mustFaultOf(t, w.p.Check(asked), test.attr, test.want)
		mustFaultOf(t, w.read(asked)[0].Err, test.attr, test.want)
	}
	for _, stamp := range []wanted{{Model: aModel}, {App: "api"}, {Model: "ps:admin/prod", App: "api"}, {Model: aModel, App: "api"}} {
		stamp.Service = "api"
		if err := w.p.Check(askFor(stamp)); err != nil {
			t.Error(err)
		}
	}
	if len(fake.asked) > 0 {
		t.Errorf("juju was asked: %q", fake.asked)
	}
}

// TestStraysOfJuju: what juju gives to a service is none, whether or not it was read before.
func TestStraysOfJuju(t *testing.T) {
	w, fake := newJujuWorld(t, map[string]roster{})
	id := w.AddServer(theRegion, novatest.ServerSpec{Name: "m-1", Metadata: stamped()})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "m-2", Metadata: stamped()})
	fake.models[""] = roster{servers: map[string][]string{"api": {id}}}
	find := func() string {
		_, strays, err := w.p.Search(t.Context(), []resource.Wanted{askFor(wanted{Service: "api", App: "api"}), askFor(wanted{Service: "web", App: "web"})})
		if err != nil {
			return err.Error()
		}
		var names []string
		for _, c := range strays {
			names = append(names, c.Name)
		}
		return strings.Join(names, " ")
	}
	if got := find(); got != "m-2" {
		t.Errorf("got %q", got)
	}
	fake.models[""] = roster{err: errors.New("no answer")}
	if got, want := find(), "cannot tell which servers api claims: no answer\ncannot tell which servers web claims: no answer"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
