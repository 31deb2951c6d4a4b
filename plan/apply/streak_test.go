package apply

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// Each result is "f" for one that failed or "w" for one that succeeded, with the minutes at which it began and ended.
func TestStreak(t *testing.T) {
	type ended struct {
		how        string
		begin, end int
	}
	tests := []struct {
		name    string
		results []ended
		open    bool
	}{
		{"two", []ended{{"f", 0, 1}, {"f", 0, 1}}, false},
		{"three", []ended{{"f", 0, 1}, {"f", 0, 1}, {"f", 0, 1}}, true},
		{"one in another way", []ended{{"f", 0, 1}, {"g", 0, 1}, {"f", 0, 1}, {"f", 0, 1}}, false},
		{"three that end in a row, and began while another one was about to succeed", []ended{{"w", 0, 5}, {"f", 2, 6}, {"f", 3, 6}, {"f", 4, 6}}, false},
		{"three that began after one had succeeded", []ended{{"w", 0, 5}, {"f", 2, 6}, {"f", 6, 7}, {"f", 6, 7}, {"f", 6, 7}}, true},
		{"one that succeeds at last", []ended{{"f", 0, 1}, {"f", 0, 1}, {"f", 0, 1}, {"w", 0, 2}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t)
			noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
			at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
			d := &driver{Options: f.options()}
			for i, e := range test.results {
				result := Result{Service: fmt.Sprintf("s%d", i), Outcome: Failed, Err: errors.New(e.how), Attempt: int64(i + 1), Start: at(e.begin), End: at(e.end)}
				if e.how == "w" {
					result.Outcome, result.Err = Deployed, nil
				}
				if err := d.judge(t.Context(), &result); err != nil {
					t.Fatal(err)
				}
			}
			past, err := f.journal.Past(t.Context(), noon)
			if err != nil {
				t.Fatal(err)
			}
			if open := past.Breaker != nil; open != test.open || d.streak.tripped != open {
				t.Errorf("open: %t, tripped: %t, want %t", open, d.streak.tripped, test.open)
			}
		})
	}
}

// Once the host is blamed, it is for all that failed in that way since something succeeded.
func TestStreakPardons(t *testing.T) {
	f := newFleet(t)
	d := &driver{Options: f.options()}
	noon := f.options().Now()
	if err := d.well(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		begin := noon.Add(time.Duration(i-1) * time.Minute)
		a := state.Attempt{Service: fmt.Sprint("s", i), Begin: begin}
		var err error
		if a.ID, err = f.journal.Start(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		a.Result, a.Blame, a.End = "failed", state.BlameRevision, begin
		if err := f.journal.Finish(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := d.judge(t.Context(), &Result{Service: a.Service, Outcome: Failed, Err: errors.New("no"), Attempt: a.ID, Start: begin}); err != nil {
			t.Fatal(err)
		}
	}
	attempts, err := f.journal.History(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attempts {
		if a.Blame != state.BlameHost {
			t.Errorf("%s is blamed on the %s", a.Service, a.Blame)
		}
	}
}
