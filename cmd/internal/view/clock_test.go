package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// A heartbeat of a clock that was set back since says nothing about how long ago it was, and monitoring has to know.
func TestStatusByWrongClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for _, test := range []struct {
		noted time.Duration
		level Level
		text  string
	}{
		{-time.Minute, OK, "cdplan OK: last complete run 1m0s ago, 2 services\n"},
		{time.Second, OK, "cdplan OK: last complete run 1s from now by this clock, 2 services\n"},
		{-8760 * time.Hour, Critical, "cdplan CRITICAL: last complete run 8760h0m0s ago, 2 services\n"},
		{8760 * time.Hour, Critical, "cdplan CRITICAL: last complete run 8760h0m0s from now by this clock, 2 services\n"},
	} {
		s := Status{Now: now, MaxAge: 15 * time.Minute, Heartbeat: state.Heartbeat{Time: now.Add(test.noted), Services: 2}}
		var text bytes.Buffer
		if err := StatusText(&text, s, Style{}); err != nil {
			t.Fatal(err)
		}
		if s.Level() != test.level || text.String() != test.text {
			t.Errorf("%s: %s, %q", test.noted, s.Level(), text.String())
		}
	}
}

// How long an attempt took cannot be told if the clock was set back meanwhile.
func TestHistoryByWrongClock(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	a := state.Attempt{Service: "api", Begin: begin, End: begin.AddDate(-1, 0, 0), Result: "deployed"}
	var text bytes.Buffer
	if err := History(&text, []state.Attempt{a}, Style{}); err != nil || strings.Contains(text.String(), "h0m") {
		t.Errorf("%v\n%s", err, text.String())
	}
	if seconds := attemptJSON(a).Seconds; seconds != 0 {
		t.Errorf("%g seconds", seconds)
	}
}
