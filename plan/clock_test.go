package plan

import (
	"testing"
	"time"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

const year = 365 * 24 * time.Hour

// clocks are how far from the truth a clock has been when something was noted, and is not any more.
var clocks = []struct {
	name  string
	noted time.Duration // from now
	waits bool
}{
	{"right", -time.Minute, true},
	{"a year fast", year, false},
	{"a minute fast", time.Minute, false},
	{"a year slow", -year, false},
}

// failing is what to do about a service whose failures the tests tell of.
var failing = &Decision{Service: "api", Revisions: map[string]resource.Revision{"app": {ID: "a2"}}}

// A failure that was noted by a clock which went wrong holds nothing back, whatever it is blamed on.
func TestBackoffByWrongClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	backoff := Backoff{5 * time.Minute, time.Hour}
	for _, clock := range clocks {
		want := Verdict("")
		if clock.waits {
			want = Waiting
		}
		failures := state.Failures{Count: 1, Last: state.Attempt{Begin: now.Add(clock.noted), End: now.Add(clock.noted), Error: "no"}}
		for name, past := range map[string]state.ServicePast{"revision": {Failed: map[string]state.Failures{hash("a2"): failures}}, "host": {Host: failures}} {
			if got, hold := backoff.Of(failing, past, now); got != want {
				t.Errorf("clock %s, blamed on the %s: %q until %v, want %q", clock.name, name, got, hold.Until, want)
			}
		}
		in := Input{Now: now, Rules: Rules{Backoff: backoff}, Past: state.Past{Breaker: &state.Breaker{Opened: now.Add(clock.noted), Last: now.Add(clock.noted), Failures: 1}}}
		if got, hold := in.broken(""); got != want {
			t.Errorf("clock %s, breaker: %q until %v, want %q", clock.name, got, hold.Until, want)
		}
	}
}

// However often it fails by a clock that jumps, it is parked in the end.
func TestParkedByWrongClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for _, clock := range clocks {
		failures := state.Failures{Count: 3, Last: state.Attempt{End: now.Add(clock.noted)}}
		past := state.ServicePast{Failed: map[string]state.Failures{hash("a2"): failures}}
		if got, _ := (Backoff{time.Minute, time.Hour}).Of(failing, past, now); got != Parked {
			t.Errorf("clock %s: %q", clock.name, got)
		}
	}
}

// A hold ends when its time comes, whenever it was made; it can be lifted at any time.
func TestHoldByWrongClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for _, clock := range clocks {
		hold := state.Hold{Service: "api", Begin: now.Add(clock.noted), Until: now.Add(clock.noted + time.Hour)}
		if got, _ := (Rules{}).Bar(&Decision{Service: "api"}, &hold, hold.Until); got != "" {
			t.Errorf("clock %s: %q at its end", clock.name, got)
		}
		if got, _ := (Rules{}).Bar(&Decision{Service: "api"}, &hold, hold.Until.Add(-time.Second)); got != Held {
			t.Errorf("clock %s: %q a second before its end", clock.name, got)
		}
	}
}
