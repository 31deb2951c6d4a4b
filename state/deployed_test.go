package state_test

import (
	"testing"

	"launchpad.net/cdplan/state"
)

// What counts is what was deployed last, recorded or not, and no attempt that came to nothing.
func TestLastDeployed(t *testing.T) {
	j := newJournal(t)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	end(t, j, attempt("api", "a-2", 1), "failed", state.BlameRevision)
	end(t, j, attempt("api", "a-3", 2), "interrupted", "")
	end(t, j, attempt("web", "w-1", 3), "recorded", "")
	end(t, j, attempt("db", "d-1", 4), "failed", state.BlameRevision)
	unstamped := end(t, j, attempt("old", "o-1", 5), "failed", state.BlameHost)
	must(t, j.Deployed(t.Context(), unstamped.ID))
	got, err := j.LastDeployed(t.Context())
	must(t, err)
	if len(got) != 3 || got["api"].Revisions["app"].ID != "a-1" || got["web"].Revisions["app"].ID != "w-1" || got["old"].Revisions["app"].ID != "o-1" {
		t.Errorf("got %v", got)
	}
	none, err := (*state.Journal)(nil).LastDeployed(t.Context())
	if err != nil || len(none) > 0 {
		t.Errorf("no journal: %v, %v", none, err)
	}
}
