package state_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/state"
)

// resize is an attempt to change the size at the n-th minute.
func resize(service string, from, to, minute int) state.Attempt {
	a := attempt(service, "a-1", minute)
	a.Action, a.Moves = "scale", nil
	a.Size = &state.Resized{At: a.Begin, From: from, To: to, Known: true, Load: 1450, Sum: "1450 / 200 = 7.25 -> 8"}
	return a
}

// Attempts to change the size have a past of their own: they are not the last deploy, and failures of one kind do not count for the other.
func TestResizes(t *testing.T) {
	j := newJournal(t)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	end(t, j, resize("api", 4, 8, 1), "failed", state.BlameHost)
	end(t, j, attempt("api", "a-2", 1), "failed", state.BlameHost)
	end(t, j, resize("api", 4, 6, 2), "scaled", "")
	failed := end(t, j, resize("api", 6, 8, 3), "failed", state.BlameHost)
	end(t, j, attempt("api", "a-2", 4), "failed", state.BlameHost)
	api := past(t, j, noon).Services["api"]
	if api.Last == nil || api.Last.Action != "redeploy" || api.Last.Result != "failed" || api.Host.Count != 2 || api.Resizes.Count != 1 || len(api.Failed) != 0 {
		t.Errorf("got last %+v, host %d, resizes %d, failed %v", api.Last, api.Host.Count, api.Resizes.Count, api.Failed)
	}
	if diff := cmp.Diff(failed.Size, api.Resizes.Last.Size); diff != "" {
		t.Errorf("the last failure to resize (-want +got):\n%s", diff)
	}
	var sizes []int
	for _, r := range api.Resized {
		sizes = append(sizes, r.From, r.To)
	}
	if diff := cmp.Diff([]int{4, 8, 4, 6, 6, 8}, sizes); diff != "" {
		t.Errorf("changes of size (-want +got):\n%s", diff)
	}
	one, err := j.Service(t.Context(), "api")
	must(t, err)
	if one.Last == nil || one.Last.ID != api.Last.ID || one.Host.Count != 2 || one.Resizes.Count != 1 {
		t.Errorf("of the service alone: got %+v", one)
	}
	if n, err := j.Forgive(t.Context(), "api", "ann", noon); n != 3 || err != nil {
		t.Errorf("forgave %d, %v, want the failures of both kinds", n, err)
	}
	if api := past(t, j, noon).Services["api"]; api.Resizes.Count != 0 || api.Host.Count != 0 {
		t.Errorf("forgiven, and still %d and %d", api.Resizes.Count, api.Host.Count)
	}
	deployed, err := j.LastDeployed(t.Context())
	if err != nil || deployed["api"].Action != "redeploy" || deployed["api"].Result != "deployed" {
		t.Errorf("got last deployed %+v, %v", deployed["api"], err)
	}
}

// A deploy that succeeded lets the size be changed at once, whatever failed before.
func TestDeployForgivesResizes(t *testing.T) {
	j := newJournal(t)
	end(t, j, resize("api", 4, 8, 1), "failed", state.BlameHost)
	end(t, j, attempt("api", "a-1", 2), "recorded", "")
	if n := past(t, j, noon).Services["api"].Resizes.Count; n != 1 {
		t.Errorf("a record has forgiven it: %d", n)
	}
	end(t, j, attempt("api", "a-1", 3), "deployed", "")
	if n := past(t, j, noon).Services["api"].Resizes.Count; n != 0 {
		t.Errorf("deployed, and still %d", n)
	}
}

// The newest attempt of either kind may be unfinished, and only the newest.
func TestUnfinishedResize(t *testing.T) {
	j := newJournal(t)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	id, err := j.Start(t.Context(), resize("api", 4, 8, 1))
	must(t, err)
	for name, api := range map[string]func() state.ServicePast{
		"all": func() state.ServicePast { return past(t, j, noon).Services["api"] },
		"one": func() state.ServicePast { s, err := j.Service(t.Context(), "api"); must(t, err); return s },
	} {
		if s := api(); s.Unfinished == nil || s.Unfinished.ID != id || s.Last.Result != "deployed" {
			t.Errorf("%s: got unfinished %+v, last %+v", name, s.Unfinished, s.Last)
		}
	}
	end(t, j, attempt("api", "a-2", 2), "deployed", "")
	if s := past(t, j, noon).Services["api"]; s.Unfinished != nil {
		t.Errorf("got unfinished %+v", s.Unfinished)
	}
}

func TestUsualOfResizes(t *testing.T) {
	j := newJournal(t)
	for minute := range 3 {
		end(t, j, resize("api", 4, 5, minute), "scaled", "")
	}
	for minute := range 10 {
		end(t, j, attempt("web", "a-1", minute), "deployed", "")
	}
	for minute := range 9 {
		end(t, j, resize("web", 4, 5, minute), "scaled", "")
	}
	if s := past(t, j, noon).Services["web"]; s.Usual.Median == 0 || s.UsualResize.Median == 0 {
		t.Errorf("the one kind drives out the other: got %v and %v", s.Usual, s.UsualResize)
	}
	if s := past(t, j, noon).Services["api"]; s.Usual.Median != 0 || s.UsualResize.Median != 30*time.Second {
		t.Errorf("got %v and %v", s.Usual, s.UsualResize)
	}
}

func TestSamples(t *testing.T) {
	j := newJournal(t)
	sample := func(minute int) state.Sample {
		return state.Sample{At: noon.Add(time.Duration(minute) * time.Minute), Known: minute != 2, Load: float64(minute), Units: 4, Wanted: minute}
	}
	for _, minute := range []int{0, 1, 3, 2, 11} {
		must(t, j.Sample(t.Context(), "api", sample(minute), 10*time.Minute))
	}
	must(t, j.Sample(t.Context(), "web", sample(5), time.Hour))
	p := past(t, j, noon)
	if diff := cmp.Diff([]state.Sample{sample(1), sample(2), sample(3), sample(11)}, p.Services["api"].Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]state.Sample{sample(5)}, p.Services["web"].Samples); diff != "" {
		t.Errorf("of another service (-want +got):\n%s", diff)
	}
}

// What the first version of the schema has kept is still told after it was brought up to date.
func TestMigration(t *testing.T) {
	root := t.TempDir()
	text, err := os.ReadFile("testdata/journal-1.sql")
	must(t, err)
	db, err := sql.Open("sqlite", filepath.Join(root, "journal.db"))
	must(t, err)
	_, err = db.ExecContext(t.Context(), string(text))
	must(t, err)
	must(t, db.Close())
	j := mustOpen(t, state.Dir(root))
	api := past(t, j, noon).Services["api"]
	if api.Last == nil || api.Last.Error != "it broke" || api.Last.Size != nil || api.Failed["h"].Count != 1 || api.Resized != nil {
		t.Errorf("got %+v", api)
	}
	end(t, j, resize("api", 4, 8, 1), "scaled", "")
	if history, err := j.History(t.Context(), "api", 0); len(history) != 3 || history[0].Size == nil || err != nil {
		t.Errorf("got %d attempts, %v", len(history), err)
	}
}
