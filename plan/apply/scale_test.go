package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

func unitsAddr(name string) resource.Addr {
	return resource.Addr{Service: name, Type: providertest.UnitsType, Label: "units"}
}

// size adds a service that is deployed on so many servers, a unit on each, and gives it a load of which one unit carries 200. At most two units are removed
// at a time, without any window.
func (f *fleet) size(name string, units int, load float64) {
	f.t.Helper()
	f.add(name)
	attrs := map[string]cty.Value{}
	for key, attr := range f.world.Driver().Types[providertest.UnitsType].Attrs {
		attrs[key] = cty.NullVal(attr.Type)
	}
	attrs["service"], attrs["min"], attrs["max"], attrs["target"] = cty.StringVal(name), cty.NumberIntVal(1), cty.NumberIntVal(9), cty.NumberIntVal(200)
	attrs["down_window"], attrs["cooldown"], attrs["down_step"] = cty.StringVal("0s"), cty.StringVal("0s"), cty.NumberIntVal(2)
	last := &f.services[len(f.services)-1]
	last.Resources = append(last.Resources, plan.Declared{Addr: unitsAddr(name), Config: cty.ObjectVal(attrs)})
	f.have(name, units)
	f.world.SetLoad(name, resource.Load{Value: load, At: f.options().Now(), Source: "queue " + name})
}

// have says how many units there are, each on a server of its own.
func (f *fleet) have(name string, n int) {
	f.carry(name, slices.Repeat([]resource.Revision{rev(2)}, n)...)
	var units []resource.Unit
	for i := range n {
		units = append([]resource.Unit{{Name: fmt.Sprintf("%s/%d", name, i), State: resource.UnitReady, Place: fmt.Sprint(i), Last: i == 0}}, units...)
	}
	f.world.SetUnits(name, units...)
}

// measured plans with what the loads ask for.
func (f *fleet) measured() *plan.Plan {
	f.t.Helper()
	in := f.input()
	in.Now, in.Past = f.options().Now(), f.past()
	for _, service := range f.services {
		for _, declared := range service.Resources {
			if declared.Addr.Type == providertest.UnitsType {
				load := state.Measure(f.t.Context(), f.world.Types(), []resource.Wanted{{Addr: declared.Addr, Config: declared.Config}})[declared.Addr]
				reading := in.Readings[declared.Addr]
				reading.Load = &load
				in.Readings[declared.Addr] = reading
			}
		}
	}
	return plan.Compute(in)
}

// More units come, and then their servers are stamped with what the others carry. The journal has the change, with what it was come by, and no deploy.
func TestScaleOut(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	results, err := Run(t.Context(), f.measured(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Outcome != Scaled || r.Err != nil || r.Size == nil || r.Size.From != 2 || r.Size.To != 4 {
		t.Errorf("the result is %+v", r)
	}
	check(t, "steps", "api.units api.record", f.applied())
	check(t, "units", "api/3 api/2 api/1 api/0", strings.Join(f.world.Units("api"), " "))
	for _, c := range f.world.Copies("api") {
		if stamp, ok := c.Stamp(); !ok || stamp.Revisions["app"].ID != rev(2).ID {
			t.Errorf("%s carries %v", c.Name, stamp)
		}
	}
	check(t, "history", "api scale scaled", f.history())
	past := f.past().Services["api"]
	want := []state.Resized{{At: f.options().Now(), From: 2, To: 4, Known: true, Load: 800, Sum: "800 / 200 = 4 -> 4", Result: "scaled"}}
	if diff := cmp.Diff(want, past.Resized); diff != "" || past.Last != nil {
		t.Errorf("the journal has the last attempt %v, and (-want +got):\n%s", past.Last, diff)
	}
	if n := f.world.Measured(); n != 1 {
		t.Errorf("the load was measured %d times", n)
	}
	f.world.SetLoad("api", resource.Load{Value: 800, At: f.options().Now().Add(time.Hour)})
	if d := f.measured().Decisions[0]; d.Verdict != plan.Same {
		t.Errorf("afterwards it is %s", d.Verdict)
	}
}

// Those units go that the plan names, and nothing is stamped.
func TestScaleIn(t *testing.T) {
	f := newFleet(t)
	f.size("api", 4, 300)
	check(t, "results", "api scaled", f.run(t.Context(), f.measured(), f.options()))
	check(t, "steps", "api.units", f.applied())
	check(t, "units", "api/1 api/0", strings.Join(f.world.Units("api"), " "))
	if diff := cmp.Diff([]string{"api/3", "api/2"}, f.past().Services["api"].Resized[0].Remove); diff != "" {
		t.Errorf("the journal has that others went (-want +got):\n%s", diff)
	}
}

// What is there is looked at once more before a size is changed; the load is not.
func TestScaleLooksAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fleet)
		want   string
	}{
		{"nothing changed", func(*fleet) {}, "api scaled"},
		{"the load fell", func(f *fleet) { f.world.SetLoad("api", resource.Load{Value: 0}) }, "api scaled"},
		{"the load cannot be measured any more", func(f *fleet) { f.world.SetLoad("api", resource.Load{Err: errors.New("no queue")}) }, "api scaled"},
		{"one more unit", func(f *fleet) { f.have("api", 3) }, "api refused: it moved since the plan was made: it was planned from 2 units to 4, and has 3 now"},
		{"done by another", func(f *fleet) { f.have("api", 4) },
			"api not-started: nothing is left to do: every server carries the wanted revisions by now, and there are as many units as there are to be"},
		{"more than that", func(f *fleet) { f.have("api", 5) }, "api refused: it moved since the plan was made: it was planned from 2 units to 4, and has 5 now"},
		{"a unit has failed", func(f *fleet) {
			f.world.SetUnits("api", resource.Unit{Name: "api/1", State: resource.UnitFailed, Text: "hook error"}, resource.Unit{Name: "api/0", State: resource.UnitReady})
		}, "api refused: it moved since the plan was made: api/1 has failed: hook error"},
		{"the units cannot be told", func(f *fleet) { f.world.FailRead(unitsAddr("api"), errors.New("no juju")) },
			"api not-started: cannot read again how many units there are: no juju"},
		{"the branch moved", func(f *fleet) { f.world.SetTip("api", rev(3)) },
			"api refused: it moved since the plan was made: app was planned for no change and is now at r3"},
		{"a hold", func(f *fleet) {
			now := f.options().Now()
			if err := f.journal.Hold(f.t.Context(), state.Hold{Service: "api", Begin: now, Until: now.Add(time.Hour), User: "ann", Reason: "a move"}); err != nil {
				f.t.Fatal(err)
			}
		}, "api not-started: it is held by now: until 2026-01-02 04:04 UTC by ann: a move"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t)
			f.size("api", 2, 800)
			p := f.measured()
			test.change(f)
			check(t, "results", test.want, f.run(t.Context(), p, f.options()))
			if done := f.applied() != ""; done != (test.want == "api scaled") {
				t.Errorf("steps: %q", f.applied())
			}
			if n := f.world.Measured(); n != 1 {
				t.Errorf("the load was measured %d times", n)
			}
		})
	}
}

// The windows are judged by what was known when the plan was made, as is the load: what another run notes meanwhile changes nothing.
func TestScaleByOldSamples(t *testing.T) {
	f := newFleet(t)
	f.size("api", 4, 300)
	units := &f.services[0].Resources[len(f.services[0].Resources)-1]
	attrs := units.Config.AsValueMap()
	attrs["down_window"] = cty.StringVal("2m")
	units.Config = cty.ObjectVal(attrs)
	sample := func(ago time.Duration, wanted int) {
		s := state.Sample{At: f.options().Now().Add(-ago), Known: true, Load: 300, Units: 4, Wanted: wanted}
		if err := f.journal.Sample(t.Context(), "api", s, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for _, ago := range []time.Duration{3 * time.Minute, 2 * time.Minute, time.Minute} {
		sample(ago, 2)
	}
	p, o := f.measured(), f.options()
	o.Past = f.past()
	sample(time.Second, 8)
	check(t, "results", "api scaled", f.run(t.Context(), p, o))
	check(t, "units", "api/1 api/0", strings.Join(f.world.Units("api"), " "))
}

// Who asks to stop is told how long a change of size usually takes, and not a deploy.
func TestScaleStop(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	gate, stop, p, o := f.world.Block(unitsAddr("api")), make(chan struct{}), f.measured(), f.options()
	p.Decisions[0].Usual.Median = 6 * time.Minute
	o.Past.Services = map[string]state.ServicePast{"api": {Usual: state.Usual{Median: time.Hour}}}
	o.Stop = stop
	var texts []string
	o.Events = func(e Event) {
		if e.Kind == EventStop {
			texts = append(texts, e.Text)
			gate.Release()
		}
	}
	go func() {
		<-gate.Entered()
		close(stop)
	}()
	check(t, "results", "api scaled", f.run(t.Context(), p, o))
	check(t, "told", "nothing more is started; still running: api (0s of about 6m0s); interrupt again to end that", strings.Join(texts, "; "))
}

// A change of size that fails waits like a deploy that fails for the host's sake, and holds no deploy back, which forgives it; nor is the host to blame for it.
func TestScaleFails(t *testing.T) {
	f := newFleet(t)
	names := []string{"api", "db", "jobs", "web"}
	for _, name := range names {
		f.size(name, 2, 800)
		f.world.FailApply(unitsAddr(name), &resource.Failure{Err: errors.New("no quota")})
	}
	o := f.options()
	o.Parallelism, o.Rules.Backoff = 1, plan.Backoff{5 * time.Minute}
	check(t, "results", "api failed: no quota\ndb failed: no quota\njobs failed: no quota\nweb failed: no quota", f.run(t.Context(), f.measured(), o))
	check(t, "history", strings.Repeat("api scale failed host no quota\n", 1)+"db scale failed host no quota\njobs scale failed host no quota\nweb scale failed host no quota", f.history())
	past := f.past()
	if past.Breaker != nil {
		t.Errorf("the host is to blame: %v", past.Breaker)
	}
	api := past.Services["api"]
	if api.Resizes.Count != 1 || len(api.Failed) != 0 || api.Host.Count != 0 || api.Last != nil {
		t.Errorf("it counts as %+v", api)
	}
	check(t, "results of a run that knows no better", "api not-started: it is waiting by now: next try 2026-01-02 03:09 UTC: failed once: no quota", f.run(t.Context(), f.only("api"), o))
	f.world.SetTip("api", rev(3))
	check(t, "results of a deploy", "api deployed", f.run(t.Context(), f.only("api"), o))
	if api := f.past().Services["api"]; api.Resizes.Count != 0 {
		t.Error("a deploy that succeeds does not forgive a change of size that failed before")
	}
}

// only is the plan of one service.
func (f *fleet) only(name string) *plan.Plan {
	p := f.measured()
	p.Decisions = slices.DeleteFunc(p.Decisions, func(d plan.Decision) bool { return d.Service != name })
	return p
}

// Units that came and could not be stamped are there: the change failed, the next run stamps them, and adds none.
func TestScaleUnstamped(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	f.world.FailApply(recordAddr("api"), errors.New("no network"))
	check(t, "results", "api failed: no network", f.run(t.Context(), f.measured(), f.options()))
	check(t, "history", "api scale failed host no network", f.history())
	f.world.FailApply(recordAddr("api"), nil)
	check(t, "results of the next run", "api recorded", f.run(t.Context(), f.measured(), f.options()))
	check(t, "steps", "api.units api.record api.record", f.applied())
	if n := len(f.world.Units("api")); n != 4 {
		t.Errorf("there are %d units", n)
	}
}

// An interrupt ends the wait for units; what was begun is told to be half done.
func TestScaleInterrupted(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	gate := f.world.Block(unitsAddr("api"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-gate.Entered()
		cancel()
	}()
	check(t, "results", "api interrupted: context canceled; what it had begun may be half done", f.run(ctx, f.measured(), f.options()))
	if past := f.past().Services["api"]; past.Resizes.Count != 0 || past.Resized[0].Result != "interrupted" {
		t.Errorf("it counts as %+v", past)
	}
}

// A run that was killed while it changed a size has left word of that alone: it is settled as interrupted, and counts as a change, for the cooldown.
func TestScaleKilled(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	a := state.Attempt{Service: "api", Run: "earlier", Action: "scale", Begin: f.options().Now(), Size: &state.Resized{From: 1, To: 2, Known: true, Load: 400}}
	if _, err := f.journal.Start(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := Settle(t.Context(), f.options()); err != nil {
		t.Fatal(err)
	}
	check(t, "history", "api scale interrupted  cdplan was killed; what it had asked for may come all the same", f.history())
	past := f.past().Services["api"]
	if len(past.Resized) != 1 || past.Resized[0].Result != "interrupted" || past.Unfinished != nil || past.Last != nil || past.Resizes.Count != 0 {
		t.Errorf("it counts as %+v", past)
	}
	check(t, "results of the next run", "api scaled", f.run(t.Context(), f.measured(), f.options()))
}

// Another run that is at work on the service keeps it.
func TestScaleBusy(t *testing.T) {
	f := newFleet(t)
	f.size("api", 2, 800)
	lock, err := f.dir.Lock(t.Context(), state.Owner{Service: "api", PID: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := f.run(t.Context(), f.measured(), f.options())
	if err := lock.Close(); err != nil || !strings.HasPrefix(got, "api not-started: ") || f.applied() != "" {
		t.Errorf("%s, %v; steps: %q", got, err, f.applied())
	}
}

// How a service stands that has a size.
func TestScaleStandings(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	due := &plan.Size{Size: scale.Size{Units: 2, To: 4}, Due: true}
	silent, lost := &plan.Size{}, &plan.Size{Err: errors.New("no juju")}
	silent.Load.Source, silent.Load.Err = "queue jobs", errors.New("there is none")
	broken := &plan.Size{Size: scale.Size{Broken: "api/3 has failed"}}
	for _, test := range []struct {
		name    string
		verdict plan.Verdict
		size    *plan.Size
		result  *Result
		want    string
	}{
		{"as it should be", plan.Same, &plan.Size{}, nil, "well"},
		{"no data", plan.Same, silent, nil, "unmeasured queue jobs: there is none"},
		{"the units cannot be told", plan.Same, lost, nil, "unmeasured no juju"},
		{"a unit has failed", plan.Same, broken, nil, "failing api/3 has failed"},
		{"scaled", plan.Scale, due, &Result{Outcome: Scaled}, "well"},
		{"done by another", plan.Scale, due, &Result{Outcome: NotStarted, Err: errSized}, "well"},
		{"failed", plan.Scale, due, &Result{Outcome: Failed, Err: errors.New("no quota")}, "failing next try 2026-01-02 03:09 UTC: failed once: no quota"},
		{"waiting", plan.Waiting, due, nil, "failing why"},
		{"held", plan.Held, due, nil, "held why"},
		{"unapproved", plan.Unapproved, due, nil, "held why"},
		{"frozen", plan.Frozen, due, nil, "failing next try 2026-01-02 03:09 UTC: failed once: no quota"},
	} {
		d := plan.Decision{Service: "api", Verdict: test.verdict, Size: test.size, Held: plan.Hold{Reason: "why"}}
		var results []Result
		if test.result != nil {
			test.result.Service = "api"
			results = []Result{*test.result}
		}
		past := state.Past{Services: map[string]state.ServicePast{"api": {Resizes: state.Failures{Count: 1, Last: state.Attempt{End: now, Error: "no quota"}}}}}
		got := Standings(&plan.Plan{Decisions: []plan.Decision{d}}, results, past, plan.Backoff{5 * time.Minute}, now)[0]
		check(t, test.name, test.want, strings.TrimSpace(string(got.Word)+" "+got.Reason))
	}
}
