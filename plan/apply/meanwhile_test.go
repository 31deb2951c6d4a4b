package apply

import (
	"errors"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// attempted notes an attempt to deploy what is wanted of api.
func (f *fleet) attempted(change func(*state.Attempt)) state.Attempt {
	f.t.Helper()
	revisions := map[string]resource.Revision{"app": rev(2)}
	a := state.Attempt{Service: "api", Run: "earlier", Action: "new", Revisions: revisions, Hash: resource.Hash(revisions), Begin: f.options().Now()}
	change(&a)
	var err error
	if a.ID, err = f.journal.Start(f.t.Context(), a); err != nil {
		f.t.Fatal(err)
	}
	return a
}

// What another run tried and failed at since the plan was made is left alone, like any failure.
func TestRunFailedMeanwhile(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	p := f.plan()
	a := f.attempted(func(a *state.Attempt) {
		a.Result, a.End, a.Blame, a.Error = "failed", a.Begin, state.BlameRevision, "it does not start"
	})
	if err := f.journal.Finish(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Rules.Backoff = plan.Backoff{5 * time.Minute}
	check(t, "results", "api not-started: it is waiting by now: next try 2026-01-02 03:09 UTC: failed once: it does not start", f.run(t.Context(), p, o))
	check(t, "steps", "", f.applied())

	past, err := f.journal.Past(t.Context(), o.Now())
	if err != nil {
		t.Fatal(err)
	}
	standings := Standings(p, []Result{{Service: "api", Outcome: NotStarted}}, past, o.Rules.Backoff, o.Now())
	check(t, "standing", "failing", string(standings[0].Word))
}

// The servers that a killed run made since the plan was made are nobody else's.
func TestRunKilledMeanwhile(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.world.SetCopies("api")
	p := f.plan()
	a := f.attempted(func(*state.Attempt) {})
	if err := f.journal.Deployed(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	f.carry("api", resource.Revision{}, resource.Revision{})
	check(t, "results", "api recorded", f.run(t.Context(), p, f.options()))
	check(t, "steps", "api.record", f.applied())
	f.carry("api", resource.Revision{})
	if results := f.run(t.Context(), p, f.options()); !strings.HasPrefix(results, "api refused: it moved since the plan was made: there are servers") {
		t.Errorf("servers of somebody else's: %s", results)
	}
}

// What was deployed once is recorded in the end, however often that fails, and never deployed again.
func TestRunRecordsInTheEnd(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.world.FailApply(recordAddr("api"), errors.New("no answer"))
	in := f.input()
	apply := func() {
		t.Helper()
		var err error
		if in.Past, err = f.journal.Past(t.Context(), f.options().Now()); err != nil {
			t.Fatal(err)
		}
		f.run(t.Context(), plan.Compute(in), f.options())
	}
	apply()
	apply()
	apply()
	check(t, "steps", "api.run api.record api.record api.record", f.applied())
	if history, err := f.journal.History(t.Context(), "api", 1); err != nil || !history[0].Deployed {
		t.Errorf("%v %+v", err, history)
	}
}
