package state_test

import (
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// The clock is set back by a year while a deploy runs: that took no time that tells anything. A hold that was made before can be lifted.
func TestJournalByWrongClock(t *testing.T) {
	journal, err := state.Dir(t.TempDir()).OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	begin := now.AddDate(1, 0, 0)
	for _, took := range []time.Duration{-365 * 24 * time.Hour, -365 * 24 * time.Hour, time.Minute, time.Minute, time.Minute} {
		a := state.Attempt{Service: "api", Begin: begin}
		if a.ID, err = journal.Start(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		a.Result, a.End = "deployed", begin.Add(took)
		if err := journal.Finish(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Hold(t.Context(), state.Hold{Service: "api", Begin: begin, Until: begin.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	past, err := journal.Past(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if api := past.Services["api"]; api.Usual.Median != time.Minute || api.Hold == nil {
		t.Errorf("usual %s, hold %v", api.Usual, api.Hold)
	}
	if lifted, err := journal.Unhold(t.Context(), "api", "ann", now); !lifted || err != nil {
		t.Errorf("lifted: %t, %v", lifted, err)
	}
}
