package bzr

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
)

// told is a commit without what differs from run to run.
type told struct{ Revno, Author, Subject string }

func history(t *testing.T, location string, from, to resource.Revision) resource.History {
	t.Helper()
	span := resource.Span{Addr: resource.Addr{Service: "api", Label: "app"}, Config: wanted("app", location).Config, From: from, To: to}
	got := opened(t, nil).Resource(branchType).(branches).History(t.Context(), []resource.Span{span})
	if len(got) != 1 || got[0].Addr != span.Addr {
		t.Fatalf("got %+v", got)
	}
	return got[0]
}

func TestHistory(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b ü", "2a", "1")
	first := info(t, b)
	for i, test := range []struct{ env, message, author string }{
		{"", "plain", ""},
		{"", strings.Repeat("-", 60) + "\nrevno: 99\nmessage:\n  x", ""},
		{"", "caf\u00e9 \x1b[31mred\u2028x\r\ny\n" + strings.Repeat("-", 60), "A B <a@b>"},
		{"", "", "joe@example.com"},
		{"", "\n\nlate", "<only@example.com>"},
		{"Z\nauthor: W", "committer of two lines", ""},
	} {
		write(t, b+"/f", string(rune('a'+i)))
		brz(t, b, "add", "-q")
		args := []string{"commit", "-q", "-m", test.message}
		if test.author != "" {
			args = append(args, "--author="+test.author)
		}
		if test.env != "" {
			brzEnv(t, b, []string{"BRZ_EMAIL=" + test.env}, args...)
			continue
		}
		brz(t, b, args...)
	}
	brz(t, b, "nick", "a\ncommitter: nobody")
	brz(t, b, "commit", "-q", "--unchanged", "-m", "authors", "--author=C, D <c@d>", "--author=E <e@f>", "--fixes=lp:12")
	brz(t, b, "branch", "-q", b, b+"-side")
	brz(t, b+"-side", "commit", "-q", "--unchanged", "-m", "on the side")
	brz(t, b, "commit", "-q", "--unchanged", "-m", "meanwhile")
	brz(t, b, "merge", "-q", b+"-side")
	brz(t, b, "commit", "-q", "-m", "merged")
	brz(t, b, "tag", "-q", "v1")
	last := info(t, b)

	got := history(t, b+";revno=2", first, last)
	if got.Err != nil || got.Rewritten {
		t.Fatalf("got %+v", got)
	}
	var tells []told
	for _, c := range got.Commits {
		tells = append(tells, told{c.Revno, c.Author, c.Subject})
		if c.ID != info(t, b, "-r", c.Revno).ID {
			t.Errorf("revision %s has the id %s", c.Revno, c.ID)
		}
		if d := time.Since(c.Date); d < -time.Hour || d > time.Hour || c.Date.Location() != time.UTC {
			t.Errorf("revision %s is dated %s", c.Revno, c.Date)
		}
	}
	want := []told{
		{"10", "Ann Example", "merged"},
		{"9", "Ann Example", "meanwhile"},
		{"8", "C, D, E", "authors"},
		{"7", "Z", "committer of two lines"},
		{"6", "only", "late"},
		{"5", "joe", "(no message)"},
		{"4", "A B", "café [31mredx"},
		{"3", "Ann Example", strings.Repeat("-", 60)},
		{"2", "Ann Example", "plain"},
	}
	if diff := cmp.Diff(want, tells); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryRewritten(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "1", "2")
	old := info(t, b)
	if got := history(t, b, old, info(t, b, "-r1")); !got.Back || got.Rewritten || got.Err != nil {
		t.Errorf("to an older revision: %+v", got)
	}
	brz(t, b, "uncommit", "-q", "--force")
	if got := history(t, b, old, info(t, b)); !got.Rewritten || got.Back || got.Err != nil {
		t.Errorf("after uncommit: %+v", got)
	}
	commit(t, b, "3")
	if got := history(t, b, old, info(t, b)); !got.Rewritten || got.Err != nil || len(got.Commits) != 1 || len(got.Lost) != 1 {
		t.Errorf("after another commit: %+v", got)
	}
	if got := history(t, b, resource.Revision{Revno: "1", ID: "elsewhere@example.com-1"}, info(t, b)); !got.Rewritten || got.Err != nil {
		t.Errorf("from a foreign revision: %+v", got)
	}
	brz(t, dir, "branch", "-q", "-r1", "b", "side")
	brz(t, dir+"/side", "commit", "-q", "--unchanged", "-m", "on the side")
	old = info(t, dir+"/side")
	brz(t, b, "merge", "-q", "../side")
	brz(t, b, "commit", "-qm", "merged")
	if got := history(t, b, old, info(t, b)); got.Rewritten || got.Err != nil || len(got.Commits) != 2 {
		t.Errorf("from a merged revision: %+v", got)
	}
}

func TestHistoryNotToBeHad(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	tip := info(t, b)
	for _, test := range []struct {
		location string
		from, to string
		text     string
	}{
		{b, tip.ID, "a..b", `cannot be asked for revision "a..b"`},
		{b, tip.ID, "a b", `"a b" is not a revision`},
		{b, "", tip.ID, `"" is not a revision`},
		{b, nullID, tip.ID, `"null:" is not a revision`},
		{b, tip.ID, "not-there", "Requested revision: 'revid:not-there' does not exist"},
		{b + "x", tip.ID, "not-there", "cannot read the log of " + b + "x: no branch at"},
		{"http://joe:secret@h/", tip.ID, "x", "holds a password"},
	} {
		got := history(t, test.location, resource.Revision{ID: test.from}, resource.Revision{ID: test.to})
		if got.Err == nil || !strings.Contains(got.Err.Error(), test.text) || strings.Contains(got.Err.Error(), "secret") || got.Rewritten {
			t.Errorf("from %q to %q: %+v", test.from, test.to, got)
		}
	}
	if got := history(t, b, tip, tip); got.Err != nil || got.Rewritten || len(got.Commits) != 0 {
		t.Errorf("nothing between: %+v", got)
	}
}

func TestParseLogRefuses(t *testing.T) {
	record := separator + "\nrevno: 2\nrevision-id: i\ncommitter: A\ntimestamp: Sun 2026-11-22 12:14:09 +0000\nmessage:\n  s\n"
	if got, err := parseLog(record + record); err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, part := range []string{separator + "\n", "revno: 2\n", "revision-id: i\n", "timestamp: Sun 2026-11-22 12:14:09 +0000\n", "message:\n"} {
		if got, err := parseLog(strings.Replace(record, part, "", 1)); err == nil {
			t.Errorf("without %q: got %+v", part, got)
		}
	}
}
