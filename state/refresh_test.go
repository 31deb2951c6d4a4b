package state_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

func addr(service, typ, label string) resource.Addr {
	return resource.Addr{Service: service, Type: typ, Label: label}
}

func branch(service, label, location string) resource.Wanted {
	return resource.Wanted{
		Addr: addr(service, providertest.BranchType, label),
		Config: cty.ObjectVal(map[string]cty.Value{
			"location": cty.StringVal(location), "revision": cty.NullVal(resource.RevisionType),
		}),
	}
}

func run(service string) resource.Wanted {
	return resource.Wanted{Addr: addr(service, providertest.RunType, "deploy")}
}

func TestRefresh(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("app", resource.Revision{Revno: "1", ID: "a-1"})
	memory.SetTip("spec", resource.Revision{Revno: "2", ID: "s-2"})
	want := []resource.Wanted{branch("api", "app", "app"), run("api"), branch("api", "spec", "spec"), branch("web", "app", "none"), run("web")}
	got := state.Refresh(t.Context(), memory.Types(), want)
	if len(got) != len(want) {
		t.Errorf("%d readings, want %d", len(got), len(want))
	}
	for label, id := range map[string]string{"app": "a-1", "spec": "s-2"} {
		reading := got[addr("api", providertest.BranchType, label)]
		if reading.Err != nil || reading.Object.GetAttr("revision").GetAttr("id").AsString() != id {
			t.Errorf("%s: %v", label, reading)
		}
	}
	if reading := got[addr("web", providertest.BranchType, "app")]; reading.Err == nil {
		t.Errorf("a branch that is not there was read: %v", reading)
	}
	for _, typ := range []string{providertest.BranchType, providertest.RunType} {
		if n := memory.Reads(typ); n != 1 {
			t.Errorf("%s was read %d times, want once", typ, n)
		}
	}
	if n := memory.Reads(providertest.RecordType); n != 0 {
		t.Errorf("records were read %d times, and nobody asked", n)
	}
}

func TestRefreshOfNothing(t *testing.T) {
	if got := state.Refresh(t.Context(), nil, nil); got == nil || len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestRefreshOfUnknownType(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("app", resource.Revision{Revno: "1", ID: "a-1"})
	strange := resource.Wanted{Addr: addr("api", "strange", "x")}
	got := state.Refresh(t.Context(), memory.Types(), []resource.Wanted{strange, branch("api", "app", "app")})
	if reading := got[strange.Addr]; reading.Err == nil || reading.Addr != strange.Addr {
		t.Errorf("got %v", reading)
	}
	if reading := got[addr("api", providertest.BranchType, "app")]; reading.Err != nil {
		t.Errorf("the strange one spoiled the other: %v", reading.Err)
	}
}

// short is a provider that breaks its promise: it answers the first question only.
type short struct{}

func (short) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	return []resource.Reading{{Addr: want[0].Addr}}
}

func TestRefreshFillsShortAnswers(t *testing.T) {
	want := []resource.Wanted{{Addr: addr("a", "short", "x")}, {Addr: addr("b", "short", "x")}, {Addr: addr("c", "short", "x")}}
	got := state.Refresh(t.Context(), map[string]providers.Resource{"short": short{}}, want)
	var failed []bool
	for _, w := range want {
		failed = append(failed, got[w.Addr].Err != nil)
		if got[w.Addr].Addr != w.Addr {
			t.Errorf("%s got the reading of %s", w.Addr, got[w.Addr].Addr)
		}
	}
	if diff := cmp.Diff([]bool{false, true, true}, failed); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// meeting is a type whose Read ends only once all types are being read.
type meeting struct{ all *sync.WaitGroup }

func (m meeting) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	m.all.Done()
	m.all.Wait()
	return []resource.Reading{{Addr: want[0].Addr}}
}

func (m meeting) History(_ context.Context, spans []resource.Span) []resource.History {
	m.all.Done()
	m.all.Wait()
	return []resource.History{{Addr: spans[0].Addr}}
}

func meetings() (map[string]providers.Resource, []resource.Wanted, []resource.Span) {
	var all sync.WaitGroup
	types := map[string]providers.Resource{}
	var want []resource.Wanted
	var spans []resource.Span
	for _, typ := range []string{"a", "b", "c"} {
		all.Add(1)
		types[typ] = meeting{&all}
		want = append(want, resource.Wanted{Addr: addr("api", typ, "x")})
		spans = append(spans, resource.Span{Addr: addr("api", typ, "x")})
	}
	return types, want, spans
}

// TestAllTypesAtOnce would not end if one type waited for another.
func TestAllTypesAtOnce(t *testing.T) {
	types, want, _ := meetings()
	if got := state.Refresh(t.Context(), types, want); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	types, _, spans := meetings()
	if got := state.Histories(t.Context(), types, spans); len(got) != 3 {
		t.Errorf("got %v", got)
	}
}

func TestRefreshUnderAnEndedContext(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("app", resource.Revision{Revno: "1", ID: "a-1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := branch("api", "app", "app")
	if got := state.Refresh(ctx, memory.Types(), []resource.Wanted{want})[want.Addr]; !errors.Is(got.Err, context.Canceled) {
		t.Errorf("got %v", got)
	}
}

func TestHistories(t *testing.T) {
	memory := providertest.New()
	one, two := resource.Revision{Revno: "1", ID: "a-1"}, resource.Revision{Revno: "2", ID: "a-2"}
	memory.SetBranch("app", resource.Commit{Revision: one, Subject: "one"}, resource.Commit{Revision: two, Subject: "two"})
	span := func(w resource.Wanted, from, to resource.Revision) resource.Span {
		return resource.Span{Addr: w.Addr, Config: w.Config, From: from, To: to}
	}
	app, lost := branch("api", "app", "app"), branch("web", "app", "app")
	got := state.Histories(t.Context(), memory.Types(), []resource.Span{
		span(app, one, two), span(run("api"), one, two), span(lost, resource.Revision{ID: "x"}, two), {Addr: addr("api", "strange", "x")},
	})
	want := map[resource.Addr]resource.History{
		app.Addr:  {Addr: app.Addr, Commits: []resource.Commit{{Revision: two, Subject: "two"}}},
		lost.Addr: {Addr: lost.Addr, Rewritten: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("histories (-want +got):\n%s", diff)
	}
}

// panics is a type whose provider fails as a whole.
type panics struct{ providers.Applier }

func (panics) Read(context.Context, []resource.Wanted) []resource.Reading { panic("no such type") }

func (panics) Measure(context.Context, []resource.Wanted) []resource.Load { panic("no such load") }

func (panics) History(context.Context, []resource.Span) []resource.History { panic("no such past") }

// A panic of a provider is an error of all that was asked of it, and touches nothing else.
func TestPanics(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("app", resource.Revision{Revno: "1", ID: "a-1"})
	types := memory.Types()
	types["broken"] = panics{}
	broken := resource.Wanted{Addr: addr("api", "broken", "x")}
	got := state.Refresh(t.Context(), types, []resource.Wanted{branch("api", "app", "app"), broken})
	if got[addr("api", providertest.BranchType, "app")].Err != nil {
		t.Errorf("the branch is not read: %v", got)
	}
	if err := got[broken.Addr].Err; err == nil || !strings.Contains(err.Error(), "panic: no such type at refresh_test.go:") {
		t.Errorf("got %v", err)
	}
	loads := state.Measure(t.Context(), types, []resource.Wanted{broken})
	if load := loads[broken.Addr]; load.Err == nil || !strings.Contains(load.Err.Error(), "no such load") || load.At.IsZero() {
		t.Errorf("got %+v", load)
	}
	histories := state.Histories(t.Context(), types, []resource.Span{{Addr: broken.Addr}})
	if past := histories[broken.Addr]; past.Err == nil || !strings.Contains(past.Err.Error(), "no such past") {
		t.Errorf("got %+v", past)
	}
}
