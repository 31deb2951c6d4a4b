package apply

import (
	"errors"
	"fmt"
	"testing"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// adopt adopts the first service and tells how that ended.
func (f *fleet) adopt() string {
	f.t.Helper()
	d, result := Adopt(f.t.Context(), f.services[0], f.options())
	text := fmt.Sprintf("%s on %d", result.Outcome, d.Copies)
	if result.Err != nil {
		text += ": " + result.Err.Error()
	}
	return text
}

func TestAdopt(t *testing.T) {
	for _, test := range []struct {
		name    string
		live    []resource.Revision
		prepare func(*fleet)
		want    string
		steps   string
		history string
	}{
		{"never recorded", []resource.Revision{{}, {}}, nil, "recorded on 2", "api.record", "api adopt recorded"},
		{"recorded otherwise", []resource.Revision{rev(1), {}}, nil, "recorded on 2", "api.record", "api adopt recorded"},
		{"unstamped", []resource.Revision{rev(2), {}}, nil, "recorded on 2", "api.record", "api adopt recorded"},
		{"as it is", []resource.Revision{rev(2)}, nil, "not-started on 1: " + ErrDone.Error(), "", ""},
		{"no servers", nil, nil, "not-started on 0: it has no servers that could be stamped: see [nova] in its config.ini", "", ""},
		{"record fails", []resource.Revision{{}}, func(f *fleet) { f.world.FailApply(recordAddr("api"), errors.New("no network")) },
			"failed on 1: no network", "api.record", "api adopt failed host no network (deployed)"},
		{"branch cannot be read", []resource.Revision{{}}, func(f *fleet) { f.world.FailRead(f.services[0].Resources[0].Addr, errors.New("no branch")) },
			"not-started on 0: no branch", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t)
			f.add("api")
			f.services[0].SpecRecords = true // which is about deploys alone
			f.carry("api", test.live...)
			if test.prepare != nil {
				test.prepare(f)
			}
			check(t, "result", test.want, f.adopt())
			check(t, "steps", test.steps, f.applied())
			check(t, "history", test.history, f.history())
			for _, step := range f.world.Applied() {
				if step.Fill || step.Verify || step.Run == "" {
					t.Errorf("step %+v", step)
				}
			}
		})
	}
}

func TestAdoptWhatIsWorkedOn(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	lock, err := f.dir.Lock(t.Context(), state.Owner{PID: 7, Service: "api"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, result := Adopt(t.Context(), f.services[0], f.options())
	if !errors.As(result.Err, new(*state.BusyError)) || f.applied() != "" {
		t.Errorf("got %v, steps %q", result.Err, f.applied())
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAdoptCutOff: cdplan was killed while it stamped. What it began is finished by the next run, and nothing is deployed.
func TestAdoptCutOff(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.carry("api", rev(2), rev(1), resource.Revision{})
	wanted := map[string]resource.Revision{"app": rev(2)}
	if _, err := f.journal.Start(t.Context(), state.Attempt{Service: "api", Run: "r1", Action: Adopted, Revisions: wanted, Hash: resource.Hash(wanted),
		Begin: f.options().Now(), Deployed: true}); err != nil {
		t.Fatal(err)
	}
	if err := Settle(t.Context(), f.options()); err != nil {
		t.Fatal(err)
	}
	check(t, "history", "api adopt interrupted  cdplan was killed (deployed)", f.history())
	in := f.input()
	in.Past = f.past()
	check(t, "results", "api recorded", f.run(t.Context(), plan.Compute(in), f.options()))
	check(t, "steps", "api.record", f.applied())
}

// TestAdoptCutOffAtTheEnd: all servers were stamped by then.
func TestAdoptCutOffAtTheEnd(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.carry("api", rev(2))
	wanted := map[string]resource.Revision{"app": rev(2)}
	if _, err := f.journal.Start(t.Context(), state.Attempt{Service: "api", Run: "earlier", Action: Adopted, Revisions: wanted, Hash: resource.Hash(wanted),
		Begin: f.options().Now(), Deployed: true}); err != nil {
		t.Fatal(err)
	}
	if err := Settle(t.Context(), f.options()); err != nil {
		t.Fatal(err)
	}
	o, in := f.options(), f.input()
	in.Past = f.past()
	o.Past = in.Past
	if err := Confirm(t.Context(), o, plan.Compute(in)); err != nil {
		t.Fatal(err)
	}
	check(t, "history", "api adopt recorded", f.history())
}
