package state_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

var noon = time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC)

func mustOpen(t *testing.T, dir state.Dir) *state.Journal {
	t.Helper()
	j, err := dir.OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, j.Close()) })
	return j
}

func newJournal(t *testing.T) *state.Journal {
	t.Helper()
	return mustOpen(t, state.Dir(t.TempDir()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rev(id string) map[string]resource.Revision {
	return map[string]resource.Revision{"app": {Revno: "1", ID: id}}
}

// attempt is one of a service at the n-th minute, which took half a minute.
func attempt(service, id string, minute int) state.Attempt {
	begin := noon.Add(time.Duration(minute) * time.Minute)
	return state.Attempt{Service: service, Run: state.RunName(begin), Action: "redeploy", Hash: resource.Hash(rev(id)), Fingerprint: "f", Revisions: rev(id),
		Moves: []state.Move{{Label: "app", From: resource.Revision{Revno: "0", ID: "old"}, To: rev(id)["app"]}}, Begin: begin, Log: "/log",
		Owner: state.Owner{PID: 7, User: "ann", Command: "cdplan apply"}, Reason: "why"}
}

// end notes a whole attempt.
func end(t *testing.T, j *state.Journal, a state.Attempt, result string, blame state.Blame) state.Attempt {
	t.Helper()
	var err error
	a.ID, err = j.Start(t.Context(), a)
	must(t, err)
	a.End, a.Result, a.Blame = a.Begin.Add(30*time.Second), result, blame
	if result == "failed" {
		a.Error = "it broke"
	}
	must(t, j.Finish(t.Context(), a))
	return a
}

func past(t *testing.T, j *state.Journal, now time.Time) state.Past {
	t.Helper()
	p, err := j.Past(t.Context(), now)
	must(t, err)
	return p
}

func TestAttempts(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "new"))
	j := mustOpen(t, dir)
	a := attempt("api", "a-1", 0)
	id, err := j.Start(t.Context(), a)
	must(t, err)
	a.ID = id
	reader, err := dir.ReadJournal(t.Context())
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	unfinished, err := reader.Unfinished(t.Context())
	if diff := cmp.Diff([]state.Attempt{a}, unfinished); err != nil || diff != "" {
		t.Errorf("begun: %v (-want +got):\n%s", err, diff)
	}

	must(t, j.Phase(t.Context(), id, noon, "collect"))
	must(t, j.Phase(t.Context(), id, noon.Add(time.Second), "deploy"))
	must(t, j.Deployed(t.Context(), id))
	a.End, a.Result, a.Phase, a.Deployed = noon.Add(time.Minute), "deployed", state.PhaseRecord, true
	a.Phases = []state.Phase{{Begin: noon, Name: "collect"}, {Begin: noon.Add(time.Second), Name: "deploy"}}
	must(t, j.Finish(t.Context(), a))
	other := end(t, j, attempt("web", "w-1", 1), "failed", state.BlameHost)
	for service, want := range map[string][]state.Attempt{"": {other, a}, "api": {a}, "none": nil} {
		got, err := reader.History(t.Context(), service, 0)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("history of %q: %v (-want +got):\n%s", service, err, diff)
		}
	}
	if got, err := reader.History(t.Context(), "", 1); err != nil || len(got) != 1 || got[0].Service != "web" {
		t.Errorf("the newest: %v, %v", got, err)
	}
	if unfinished, err := reader.Unfinished(t.Context()); err != nil || len(unfinished) > 0 {
		t.Errorf("ended: %v, %v", unfinished, err)
	}
	totals, err := reader.Totals(t.Context())
	if diff := cmp.Diff(map[string]int{"deployed": 1, "failed": 1}, totals); err != nil || diff != "" {
		t.Errorf("totals: %v (-want +got):\n%s", err, diff)
	}
}

// Several runs may be the first.
func TestOpenAtOnce(t *testing.T) {
	dir := state.Dir(t.TempDir())
	errs := make(chan error)
	for range 16 {
		go func() {
			j, err := dir.OpenJournal(context.Background())
			errs <- errors.Join(err, j.Close())
		}()
	}
	for range 16 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// What was deployed is what succeeded, the newest first; recording deploys nothing.
func TestRevisions(t *testing.T) {
	j := newJournal(t)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	end(t, j, attempt("api", "a-2", 1), "failed", state.BlameRevision)
	end(t, j, attempt("web", "w-1", 2), "deployed", "")
	end(t, j, attempt("api", "a-3", 3), "deployed", "")
	end(t, j, attempt("api", "a-3", 4), "recorded", "")
	got, err := j.Revisions(t.Context(), "api")
	if diff := cmp.Diff([]map[string]resource.Revision{rev("a-3"), rev("a-1")}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	none, err := (*state.Journal)(nil).Revisions(t.Context(), "api")
	if err != nil || none != nil {
		t.Errorf("no journal: %v, %v", none, err)
	}
}

// Failures count from the last success on, for each set of revisions by itself, and those of the host apart.
func TestPastFailures(t *testing.T) {
	j := newJournal(t)
	end(t, j, attempt("api", "a-1", 0), "failed", state.BlameRevision)
	end(t, j, attempt("api", "a-1", 1), "deployed", "")
	if p := past(t, j, noon).Services["api"]; len(p.Failed) > 0 || p.Last.Result != "deployed" {
		t.Errorf("after a success: %+v", p)
	}
	end(t, j, attempt("api", "a-1", 2), "failed", state.BlameRevision)
	last := end(t, j, attempt("api", "a-1", 3), "failed", state.BlameRevision)
	end(t, j, attempt("api", "a-2", 4), "failed", state.BlameRevision)
	host := end(t, j, attempt("api", "a-2", 5), "failed", state.BlameHost)
	end(t, j, attempt("api", "a-2", 6), "interrupted", "")
	end(t, j, attempt("web", "a-1", 7), "failed", state.BlameRevision)
	p := past(t, j, noon).Services["api"]
	counts := []int{p.Failed[last.Hash].Count, p.Failed[host.Hash].Count, p.Host.Count}
	if diff := cmp.Diff([]int{2, 1, 1}, counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if !p.Failed[last.Hash].Last.End.Equal(last.End) || p.Host.Last.Error != "it broke" || p.Last.Result != "interrupted" {
		t.Errorf("the last of them: %+v", p)
	}

	if n, err := j.Forgive(t.Context(), "api", "bob", noon); err != nil || n != 5 {
		t.Errorf("forgave %d, %v", n, err)
	}
	p = past(t, j, noon).Services["api"]
	if len(p.Failed)+p.Host.Count > 0 || p.Last.Forgiven != "2027-03-02T12:00:00.000Z bob" {
		t.Errorf("after forgiving: %+v", p)
	}
	if n, err := j.Forgive(t.Context(), "api", "bob", noon); err != nil || n != 0 {
		t.Errorf("forgave %d once more, %v", n, err)
	}
	if past(t, j, noon).Services["web"].Failed[last.Hash].Count != 1 {
		t.Error("what failed of web was forgiven too")
	}
}

func TestPardon(t *testing.T) {
	j := newJournal(t)
	a := end(t, j, attempt("api", "a-1", 0), "failed", state.BlameRevision)
	b := end(t, j, attempt("web", "w-1", 0), "failed", state.BlameRevision)
	must(t, j.Pardon(t.Context(), []int64{a.ID}))
	p := past(t, j, noon)
	if p.Services["api"].Host.Count != 1 || len(p.Services["api"].Failed) > 0 || p.Services["web"].Failed[b.Hash].Count != 1 {
		t.Errorf("got %+v", p.Services)
	}
}

// An attempt whose end is learnt later counts like any other, and changes no past that somebody else has.
func TestPastAdd(t *testing.T) {
	j := newJournal(t)
	a := end(t, j, attempt("api", "a-1", 0), "failed", state.BlameRevision)
	before := past(t, j, noon).Services["api"]
	after := before
	after.Add(a)
	if before.Failed[a.Hash].Count != 1 || after.Failed[a.Hash].Count != 2 {
		t.Errorf("before %d, after %d", before.Failed[a.Hash].Count, after.Failed[a.Hash].Count)
	}
}

func TestUsual(t *testing.T) {
	j := newJournal(t)
	for i, minutes := range []int{90, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10} {
		a := attempt("api", "a-1", 100*i)
		var err error
		a.ID, err = j.Start(t.Context(), a)
		must(t, err)
		a.End, a.Result = a.Begin.Add(time.Duration(minutes)*time.Minute), "deployed"
		must(t, j.Finish(t.Context(), a))
		if usual := past(t, j, noon).Services["api"].Usual.Median; (usual > 0) != (i >= 2) {
			t.Errorf("after %d deploys: %s", i+1, usual)
		}
	}
	end(t, j, attempt("api", "a-1", 2000), "failed", state.BlameRevision)
	if usual := past(t, j, noon).Services["api"].Usual; usual != (state.Usual{Median: 6 * time.Minute, P90: 9 * time.Minute}) {
		t.Errorf("got %v", usual)
	}
}

func TestHolds(t *testing.T) {
	j := newJournal(t)
	hold := func(service string, hours int, reason string) state.Hold {
		h := state.Hold{Service: service, Begin: noon, Until: noon.Add(time.Duration(hours) * time.Hour), User: "ann", Reason: reason}
		must(t, j.Hold(t.Context(), h))
		return h
	}
	hold("web", 1, "first")
	web, api := hold("web", 2, "second"), hold("api", 3, "third")
	check := func(when string, now time.Time, want ...state.Hold) {
		t.Helper()
		got, err := j.Holds(t.Context(), now)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", when, err, diff)
		}
	}
	check("both", noon, api, web)
	check("at the end of one", noon.Add(2*time.Hour), api)
	if p := past(t, j, noon); p.Services["web"].Hold == nil || p.Services["web"].Hold.Reason != "second" {
		t.Errorf("past %+v", p.Services["web"])
	}
	for _, want := range []bool{true, false} {
		if lifted, err := j.Unhold(t.Context(), "api", "bob", noon); err != nil || lifted != want {
			t.Errorf("lifted %v, %v, want %v", lifted, err, want)
		}
	}
	check("one lifted", noon, web)
	if lifted, err := j.Unhold(t.Context(), "web", "bob", noon.Add(2*time.Hour)); err != nil || lifted {
		t.Errorf("a hold that is over was lifted: %v, %v", lifted, err)
	}
}

func TestBreaker(t *testing.T) {
	j := newJournal(t)
	if p := past(t, j, noon); p.Breaker != nil {
		t.Errorf("open from the start: %+v", p.Breaker)
	}
	must(t, j.Trip(t.Context(), noon, "no network"))
	must(t, j.Trip(t.Context(), noon.Add(time.Hour), "no disk"))
	want := &state.Breaker{Opened: noon, Last: noon.Add(time.Hour), Failures: 2, Error: "no network"}
	if diff := cmp.Diff(want, past(t, j, noon).Breaker); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, j.Reset(t.Context()))
	if p := past(t, j, noon); p.Breaker != nil {
		t.Errorf("still open: %+v", p.Breaker)
	}
}

func TestSeen(t *testing.T) {
	j := newJournal(t)
	must(t, j.See(t.Context(), []string{"web", "api"}))
	must(t, j.See(t.Context(), []string{"web", "db"}))
	if diff := cmp.Diff([]string{"db", "web"}, past(t, j, noon).Seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	j := newJournal(t)
	failing := state.Standing{Service: "api", Word: state.Failing, Since: noon, Reason: "it broke"}
	gone := state.Standing{Service: "old", Word: state.Held, Since: noon}
	notice := state.Notice{Begin: noon, Event: []byte(`{"kind":"failing"}`), Pending: []string{"mail", "pager"}}
	must(t, j.Report(t.Context(), []state.Standing{failing, gone}, nil, []state.Notice{notice}))
	parked := state.Standing{Service: "api", Word: state.Parked, Since: noon.Add(time.Hour), Reason: "for good"}
	must(t, j.Report(t.Context(), []state.Standing{parked}, []string{"old"}, nil))
	got, err := j.Standings(t.Context())
	if diff := cmp.Diff(map[string]state.Standing{"api": parked}, got); err != nil || diff != "" {
		t.Errorf("standings: %v (-want +got):\n%s", err, diff)
	}
	for _, pending := range [][]string{{"mail", "pager"}, {"pager"}, nil} {
		notices, err := j.Notices(t.Context())
		if pending == nil {
			if err != nil || len(notices) > 0 {
				t.Errorf("delivered: %v, %v", notices, err)
			}
			break
		}
		notice.ID, notice.Pending = 1, pending
		if diff := cmp.Diff([]state.Notice{notice}, notices, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("notices: %v (-want +got):\n%s", err, diff)
		}
		must(t, j.Deliver(t.Context(), 1, pending[1:]))
	}
}

// A host that has done nothing has no journal, and reading makes none.
func TestNoJournal(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "none"))
	j, err := dir.ReadJournal(t.Context())
	if j != nil || err != nil {
		t.Fatalf("got %v, %v", j, err)
	}
	if _, err := os.Stat(string(dir)); err == nil {
		t.Error("reading made the directory")
	}
	p, err := j.Past(t.Context(), noon)
	if err != nil || len(p.Services) > 0 || p.Breaker != nil || p.Seen != nil {
		t.Errorf("past %+v, %v", p, err)
	}
	standings, err1 := j.Standings(t.Context())
	attempts, err2 := j.History(t.Context(), "", 0)
	totals, err3 := j.Totals(t.Context())
	if err := errors.Join(err1, err2, err3, j.Close()); err != nil || len(standings)+len(attempts)+len(totals) > 0 {
		t.Errorf("%v %v %v %v", standings, attempts, totals, err)
	}
}

// Each way in which a journal can be unusable is an error that says what to do; and reading goes on where it can.
func TestUnusableJournals(t *testing.T) {
	for _, test := range []struct {
		name        string
		spoil       func(t *testing.T, dir, file string)
		write, read string // what the errors say; empty for none
	}{
		{"gone", func(t *testing.T, _, file string) { must(t, os.Remove(file)) }, "it is gone, and with it holds, back-off and history. To begin a new one: touch ",
			"it is gone"},
		{"garbage", func(t *testing.T, _, file string) {
			must(t, os.WriteFile(file, []byte(strings.Repeat("garbage", 1000)), 0o600))
		},
			"it is damaged. What is deployed is written on the servers", "To begin a new one: mv "},
		{"truncated", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 4096+100)) }, "it is damaged", "it is damaged"},
		{"empty", func(t *testing.T, _, file string) { must(t, os.Truncate(file, 0)) }, "", ""},
		{"newer", func(t *testing.T, _, file string) { pragma(t, file, "user_version = 99") },
			"a newer cdplan has written it (its schema has version 99, this one knows 2): use that one", "a newer cdplan"},
		{"older", func(t *testing.T, dir, file string) {
			must(t, os.Remove(file))
			pragma(t, file, "application_id = 1")
		}, "", "an older cdplan has written it (its schema has version 0, this one needs 2): the next apply brings it up to date"},
		{"a directory", func(t *testing.T, _, file string) { must(t, errors.Join(os.Remove(file), os.Mkdir(file, 0o700))) }, "is a directory", "cannot use the journal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			dir, file := state.Dir(root), filepath.Join(root, "journal.db")
			j, err := dir.OpenJournal(t.Context())
			must(t, err)
			end(t, j, attempt("api", "a-1", 0), "deployed", "")
			must(t, j.Close())
			must(t, os.MkdirAll(filepath.Join(root, "logs", "api"), 0o700))
			test.spoil(t, root, file)
			j, err = dir.ReadJournal(t.Context())
			if err == nil { // page by page it may still be readable
				_, err = j.Past(t.Context(), noon)
			}
			mustSay(t, "reading", err, test.read)
			must(t, j.Close())
			j, err = dir.OpenJournal(t.Context())
			mustSay(t, "writing", err, test.write)
			must(t, j.Close())
		})
	}
}

func mustSay(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

func pragma(t *testing.T, file, setting string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	_, err = db.Exec("PRAGMA " + setting)
	must(t, errors.Join(err, db.Close()))
}

// A reader sees what was committed while somebody writes, and waits for nobody.
func TestReadersDoNotWait(t *testing.T) {
	root := t.TempDir()
	dir := state.Dir(root)
	j := mustOpen(t, dir)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(root, "journal.db")+"?_txlock=immediate")
	must(t, err)
	defer func() { must(t, db.Close()) }()
	tx, err := db.Begin()
	must(t, err)
	defer func() { must(t, tx.Rollback()) }()
	_, err = tx.Exec("UPDATE attempts SET result = 'failed'")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // less would do, if the machine is not busy
	defer cancel()
	reader, err := dir.ReadJournal(ctx)
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	if got, err := reader.History(ctx, "api", 0); err != nil || len(got) != 1 || got[0].Result != "deployed" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHeartbeat(t *testing.T) {
	root := t.TempDir()
	dir := state.Dir(root)
	if h, err := dir.Heartbeat(); err != nil || !h.Time.IsZero() {
		t.Errorf("before any: %+v, %v", h, err)
	}
	want := state.Heartbeat{FormatVersion: "1.0", Time: noon, Services: 2, Verdicts: map[string]int{"same": 2}}
	must(t, dir.Beat(state.Heartbeat{Time: noon.Add(-time.Hour)}))
	must(t, dir.Beat(want))
	got, err := dir.Heartbeat()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	must(t, os.WriteFile(filepath.Join(root, "heartbeat.json"), []byte("{"), 0o600))
	if _, err := dir.Heartbeat(); err == nil || !strings.Contains(err.Error(), "cannot read the heartbeat "+root) {
		t.Errorf("garbage: %v", err)
	}
}
