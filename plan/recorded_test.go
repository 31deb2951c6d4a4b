package plan

import (
	"fmt"
	"testing"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// recorded decides a service whose servers all carry what is wanted, stamped by the run r1.
func recorded(last *state.Attempt) Decision {
	s := situation{name: "api", want: "app:a1", live: []string{"app:a1", "app:a1"}}
	readings := state.Readings{}
	s.read(readings)
	return Decide(s.service(), schemas, readings, state.ServicePast{Last: last})
}

// TestPremature: a deploy that was recorded by itself, and that failed later, does not look deployed.
func TestPremature(t *testing.T) {
	wanted := resource.Hash(recorded(nil).Revisions)
	for _, test := range []struct {
		name string
		last state.Attempt
		want string
	}{
		{"failed", state.Attempt{Run: "r1", Hash: wanted, Result: "failed"}, "redeploy [last-attempt-failed] 2"},
		{"interrupted", state.Attempt{Run: "r1", Hash: wanted, Result: "interrupted"}, "redeploy [last-attempt-failed] 2"},
		{"failed and forgiven", state.Attempt{Run: "r1", Hash: wanted, Result: "failed", Forgiven: "by ann"}, "redeploy [last-attempt-failed] 2"},
		{"under way", state.Attempt{Run: "r1", Hash: wanted}, "same [] 0"},
		{"deployed", state.Attempt{Run: "r1", Hash: wanted, Result: "deployed"}, "same [] 0"},
		{"failed to record", state.Attempt{Run: "r1", Hash: wanted, Result: "failed", Deployed: true}, "same [] 0"},
		{"of another run", state.Attempt{Run: "r2", Hash: wanted, Result: "failed"}, "same [] 0"},
		{"of other revisions", state.Attempt{Run: "r1", Hash: "other", Result: "failed"}, "same [] 0"},
	} {
		d := recorded(&test.last)
		if got := fmt.Sprintf("%s %v %d", d.Verdict, d.Reasons, len(d.Steps)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestSpecRecords: the record of a deploy is only verified; what a deploy has left to record is written.
func TestSpecRecords(t *testing.T) {
	for _, test := range []struct {
		live []string
		want string
	}{
		{[]string{"app:a0"}, "redeploy, verify true"},
		{nil, "new, verify true"},
		{[]string{"app:a1", "-"}, "record, verify false"},
	} {
		s := situation{name: "api", want: "app:a1", live: test.live}
		readings := state.Readings{}
		s.read(readings)
		service := s.service()
		service.SpecRecords = true
		d := Decide(service, schemas, readings, state.ServicePast{})
		if got := fmt.Sprintf("%s, verify %t", d.Verdict, d.Steps[len(d.Steps)-1].Verify); got != test.want {
			t.Errorf("%v: got %s, want %s", test.live, got, test.want)
		}
		for _, step := range d.Steps[:len(d.Steps)-1] {
			if step.Verify {
				t.Errorf("%s is asked to verify", step.Addr)
			}
		}
	}
}

// TestDoubt: servers that may only not have been found are left to a person.
func TestDoubt(t *testing.T) {
	s := situation{name: "api", want: "app:a1"}
	readings := state.Readings{}
	s.read(readings)
	addr := resource.Addr{Service: "api", Type: "stamp", Label: "stamp"}
	readings[addr] = resource.Reading{Addr: addr, Doubt: "there is no such name"}
	in := Input{Services: []Service{s.service()}, Schemas: schemas, Readings: readings}
	for approved, want := range map[bool]string{false: "unapproved no servers: there is no such name", true: "new "} {
		in.Approved = approved
		if d := Compute(in).Decisions[0]; fmt.Sprintf("%s %s", d.Verdict, d.Held.Reason) != want {
			t.Errorf("approved %t: got %s %s", approved, d.Verdict, d.Held.Reason)
		}
	}
}
