package providertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

var (
	first  = resource.Revision{Revno: "1", ID: "a@x-1"}
	second = resource.Revision{Revno: "2", ID: "a@x-2"}
)

func addr(typ string) resource.Addr { return resource.Addr{Service: "api", Type: typ, Label: "x"} }

// object returns an object of the type, with these attributes and nulls.
func object(typ string, attrs map[string]cty.Value) resource.Object {
	values := map[string]cty.Value{}
	for name, attr := range providertest.New().Driver().Types[typ].Attrs {
		values[name] = cty.NullVal(attr.Type)
		if value, ok := attrs[name]; ok {
			values[name] = value
		}
	}
	return cty.ObjectVal(values)
}

func branch(location string) resource.Wanted {
	config := object(providertest.BranchType, map[string]cty.Value{"location": cty.StringVal(location)})
	return resource.Wanted{Addr: addr(providertest.BranchType), Config: config}
}

func recorded(service string, revision resource.Revision) resource.Object {
	return object(providertest.RecordType, map[string]cty.Value{
		"service": cty.StringVal(service),
		"revisions": cty.MapVal(map[string]cty.Value{
			"app": cty.ObjectVal(map[string]cty.Value{"revno": cty.StringVal(revision.Revno), "id": cty.StringVal(revision.ID)}),
		}),
	})
}

func TestContract(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("trunk", first)
	memory.SetCopies("api", resource.Copy{ID: "1", Name: "api/0"})
	providertest.Contract(t, memory.Driver(), providertest.World{Want: []resource.Wanted{
		branch("trunk"),
		{Addr: addr(providertest.RunType), Config: object(providertest.RunType, nil)},
		{Addr: addr(providertest.RecordType), Config: recorded("api", first)},
		{Addr: addr(providertest.UnitsType), Config: object(providertest.UnitsType, map[string]cty.Value{"service": cty.StringVal("api")})},
	}})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*providers.Driver)
		want  string
	}{
		{"name", func(d *providers.Driver) { d.Name = "Memory" }, "its name is not"},
		{"open", func(d *providers.Driver) { d.Open = nil }, "cannot be opened"},
		{"types", func(d *providers.Driver) { d.Types = nil }, "no types"},
		{"block", func(d *providers.Driver) { d.Config.Role = resource.Source }, "has a role"},
		{"block attribute", func(d *providers.Driver) {
			d.Config.Attrs = map[string]resource.Attr{"x": {Type: cty.String, Doc: "An x.", Required: true}}
		}, "x is required"},
		{"prefix", func(d *providers.Driver) { d.Types["x_run"] = d.Types[providertest.RunType] }, "x_run: its name does not begin"},
		{"role", spoil(providertest.RunType, func(s *resource.Schema) { s.Role = "" }), "no role"},
		{"doc", spoil(providertest.RunType, func(s *resource.Schema) { s.Doc = "A run" }), "its doc is not a sentence"},
		{"attribute doc", spoilAttr(providertest.RunType, "environment", func(a *resource.Attr) { a.Doc = "" }), "the doc of environment"},
		{"attribute type", spoilAttr(providertest.RunType, "environment", func(a *resource.Attr) { a.Type = cty.NilType }), "has no type"},
		{"attribute name", spoil(providertest.RunType, func(s *resource.Schema) { s.Attrs["X"] = s.Attrs["environment"] }), `attribute "X"`},
		{"trigger", spoilAttr(providertest.BranchType, "revision", func(a *resource.Attr) { a.Public = false }), "nobody may see"},
		{"computed", spoilAttr(providertest.BranchType, "location", func(a *resource.Attr) { a.Computed = true }), "required and computed"},
		{"location", spoil(providertest.BranchType, func(s *resource.Schema) { delete(s.Attrs, "location") }), "location is not a string"},
		{"secret location", spoilAttr(providertest.BranchType, "location", func(a *resource.Attr) { a.Public = false }), "location is not public"},
		{"revision", spoilAttr(providertest.BranchType, "revision", func(a *resource.Attr) { a.Type = cty.String }), "revision is not a object"},
		{"idle revision", spoilAttr(providertest.BranchType, "revision", func(a *resource.Attr) { a.Trigger = false }), "revision is no trigger"},
		{"run", spoil(providertest.RunType, func(s *resource.Schema) { delete(s.Attrs, "revisions") }), "revisions is not a map"},
		{"record", spoilAttr(providertest.RecordType, "revisions", func(a *resource.Attr) { a.Trigger = false }), "revisions is no trigger"},
	} {
		t.Run(test.name, func(t *testing.T) {
			driver := providertest.New().Driver()
			test.spoil(&driver)
			if got := strings.Join(slices.Collect(providertest.Faults(driver)), "\n"); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want ...%s...", got, test.want)
			}
		})
	}
	if got := slices.Collect(providertest.Faults(providertest.New().Driver())); len(got) > 0 {
		t.Errorf("the unspoilt driver has faults: %q", got)
	}
}

func spoil(typ string, f func(*resource.Schema)) func(*providers.Driver) {
	return func(d *providers.Driver) {
		schema := d.Types[typ]
		f(&schema)
		d.Types[typ] = schema
	}
}

func spoilAttr(typ, name string, f func(*resource.Attr)) func(*providers.Driver) {
	return spoil(typ, func(s *resource.Schema) {
		attr := s.Attrs[name]
		f(&attr)
		s.Attrs[name] = attr
	})
}

func TestHistory(t *testing.T) {
	memory := providertest.New()
	commits := []resource.Commit{{Revision: first, Subject: "one"}, {Revision: second, Subject: "two"},
		{Revision: resource.Revision{Revno: "3", ID: "a@x-3"}, Subject: "three"}}
	memory.SetBranch("trunk", commits...)
	historian := memory.Types()[providertest.BranchType].(providers.Historian)
	w := branch("trunk")
	got := historian.History(t.Context(), []resource.Span{
		{Addr: w.Addr, Config: w.Config, From: first, To: commits[2].Revision},
		{Addr: w.Addr, Config: w.Config, From: resource.Revision{ID: "gone"}, To: second},
	})
	want := []resource.History{
		{Addr: w.Addr, Commits: []resource.Commit{commits[2], commits[1]}},
		{Addr: w.Addr, Rewritten: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("histories (-want +got):\n%s", diff)
	}
	if got := historian.History(t.Context(), []resource.Span{{Config: w.Config, From: first, To: resource.Revision{ID: "x"}}}); got[0].Err == nil {
		t.Error("the way to a revision that is not there was told")
	}
}

func TestHistoryAsTold(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("trunk", second)
	historian := memory.Types()[providertest.BranchType].(providers.Historian)
	w := branch("trunk")
	want := resource.History{Addr: w.Addr, Rewritten: true, Lost: []resource.Commit{{Revision: first}}, Files: &resource.Files{Count: 2},
		Commits:  []resource.Commit{{Revision: second, Merged: &resource.Merged{Revisions: 3}, Bugs: []string{"https://launchpad.net/bugs/1"}}},
		Fallback: "asked twice"}
	memory.SetHistory(want)
	other := w.Addr
	other.Label = "other"
	got := historian.History(t.Context(), []resource.Span{
		{Addr: w.Addr, Config: w.Config, From: first, To: second}, {Addr: other, Config: w.Config, From: second, To: second}})
	if diff := cmp.Diff([]resource.History{want, {Addr: other}}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("histories (-want +got):\n%s", diff)
	}
}

func TestFallback(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("trunk", first)
	for _, want := range []string{"", "asked twice", ""} {
		memory.SetFallback(addr(providertest.BranchType), want)
		got := memory.Types()[providertest.BranchType].Read(t.Context(), []resource.Wanted{branch("trunk")})[0]
		if got.Err != nil || got.Fallback != want {
			t.Errorf("got %v, want the fallback %q", got, want)
		}
	}
}

func TestApplyRecords(t *testing.T) {
	memory := providertest.New()
	memory.SetCopies("api", resource.Copy{ID: "1"}, resource.Copy{ID: "2"})
	recorder := memory.Types()[providertest.RecordType].(providers.Recorder)
	at := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	step := resource.Step{Addr: addr(providertest.RecordType), Want: recorded("api", second), Run: "r1", At: at}
	if _, err := recorder.Apply(t.Context(), step, func(resource.Event) {}); err != nil {
		t.Fatal(err)
	}
	revisions := map[string]resource.Revision{"app": second}
	want := resource.Stamp{Revisions: revisions, Hash: resource.Hash(revisions), At: "2027-01-02T03:04:05Z", Run: "r1"}
	for _, c := range memory.Copies("api") {
		if got, ok := c.Stamp(); !ok || cmp.Diff(want, got) != "" {
			t.Errorf("copy %s holds %v", c.ID, got)
		}
	}
	lines, err := recorder.Lines(step)
	if err != nil || !slices.IsSorted(lines) || !slices.Contains(lines, "rev.app=2 a@x-2") {
		t.Errorf("lines %q, %v", lines, err)
	}
	step.Want = recorded("other", second)
	if _, err := recorder.Apply(t.Context(), step, func(resource.Event) {}); err == nil {
		t.Error("a record was written where there is no place for it")
	}
}

func TestApplyAsTold(t *testing.T) {
	memory := providertest.New()
	run := memory.Types()[providertest.RunType].(providers.Applier)
	apply := func(ctx context.Context) error {
		_, err := run.Apply(ctx, resource.Step{Addr: addr(providertest.RunType)}, func(resource.Event) {})
		return err
	}
	broken := errors.New("broken")
	memory.FailApply(addr(providertest.RunType), broken)
	if err := apply(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	memory.FailApply(addr(providertest.RunType), nil)
	gate := memory.Block(addr(providertest.RunType))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- apply(ctx) }()
	<-gate.Entered()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
	go func() { done <- apply(t.Context()) }()
	gate.Release()
	if err := <-done; err != nil {
		t.Errorf("after release: %v", err)
	}
	if n := len(memory.Applied()); n != 3 {
		t.Errorf("%d steps in the log, want 3", n)
	}
}

func TestFailRead(t *testing.T) {
	memory := providertest.New()
	memory.SetTip("trunk", first)
	broken := errors.New("broken")
	memory.FailRead(addr(providertest.BranchType), broken)
	read := func() resource.Reading {
		return memory.Types()[providertest.BranchType].Read(t.Context(), []resource.Wanted{branch("trunk")})[0]
	}
	if got := read(); !errors.Is(got.Err, broken) {
		t.Errorf("got %v", got)
	}
	memory.FailRead(addr(providertest.BranchType), nil)
	if got := read(); got.Err != nil || got.Object.GetAttr("revision").GetAttr("id").AsString() != first.ID {
		t.Errorf("got %v", got)
	}
	if n := memory.Reads(providertest.BranchType); n != 2 {
		t.Errorf("%d reads, want 2", n)
	}
}

// A service has the units that it is given and resized to; new ones have a server, which carries nothing, and those that go take theirs along.
func TestUnits(t *testing.T) {
	memory := providertest.New()
	memory.SetCopies("api", resource.Copy{ID: "a", Name: "a"})
	memory.SetUnits("api", resource.Unit{Name: "api/3", State: resource.UnitReady, Place: "a"})
	config := object(providertest.UnitsType, map[string]cty.Value{"service": cty.StringVal("api")})
	want := resource.Wanted{Addr: addr(providertest.UnitsType), Config: config}
	scaler := memory.Types()[providertest.UnitsType].(providers.Scaler)
	if load := scaler.Measure(t.Context(), []resource.Wanted{want})[0]; load.Err == nil {
		t.Errorf("without a load it is %v", load)
	}
	memory.SetLoad("api", resource.Load{Value: 7})
	if load := scaler.Measure(t.Context(), []resource.Wanted{want})[0]; load.Err != nil || load.Value != 7 || memory.Measured() != 2 {
		t.Errorf("the load is %v, measured %d times", load, memory.Measured())
	}
	resize := func(r resource.Resize) error {
		_, err := scaler.Apply(t.Context(), resource.Step{Addr: want.Addr, Want: config, Resize: &r}, func(resource.Event) {})
		return err
	}
	if err := resize(resource.Resize{From: 2, To: 3}); err == nil {
		t.Error("it is resized from what it is not")
	}
	if err := resize(resource.Resize{From: 1, To: 3}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(memory.Units("api"), " "); got != "api/5 api/4 api/3" || len(memory.Copies("api")) != 3 {
		t.Errorf("units %s on %d servers", got, len(memory.Copies("api")))
	}
	if err := resize(resource.Resize{From: 3, To: 2, Remove: []string{"api/3"}}); err != nil {
		t.Fatal(err)
	}
	read := scaler.Read(t.Context(), []resource.Wanted{want})[0]
	if got := strings.Join(memory.Units("api"), " "); got != "api/5 api/4" || len(memory.Copies("api")) != 2 || len(read.Units.List) != 2 {
		t.Errorf("units %s on %d servers, read as %v", got, len(memory.Copies("api")), read.Units)
	}
}
