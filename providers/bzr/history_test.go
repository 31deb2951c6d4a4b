package bzr

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// toldTree makes branches with a history of many kinds, in the format, and returns their directory. In "b" the first revision is followed by
// six: plain ones, some with authors, bugs and odd texts, and a merge of "side". The branch "later" is "b" with the first five.
func toldTree(t testing.TB, format string) string {
	t.Helper()
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", format, "[service]\nafter = old\n")
	write(t, b+"/hooks/install", "1")
	write(t, b+"/hooks/start", "1")
	write(t, b+"/bin/run", "1")
	commit(t, b, "[service]\nafter = old, new\n")
	brz(t, b, "commit", "-q", "--unchanged", "-m", "caf\u00e9 & <two>\n\nmore", "--author=C, D <c@d>", "--author=\u00c9va <e@f>",
		"--fixes=lp:12", "--fixes=lp:13")
	brz(t, dir, "branch", "-q", b, "side")
	for _, author := range []string{"Bob <bob@example.com>", "Eve <eve@example.com>", "Bob <bob@example.com>"} {
		write(t, dir+"/side/hooks/start", author+fmt.Sprint(len(brz(t, dir, "revno", "side"))))
		brz(t, dir+"/side", "commit", "-q", "--unchanged", "-m", "on the side", "--author="+author)
	}
	brz(t, b, "mv", "-q", "bin", "sbin")
	brz(t, b, "rm", "-q", "hooks/install")
	brz(t, b, "commit", "-q", "-m", "meanwhile")
	brz(t, b, "merge", "-q", dir+"/side")
	brz(t, b, "commit", "-q", "-m", "merged")
	commit(t, b, "[service]\nafter = new\n")
	brz(t, dir, "branch", "-q", "-r5", b, "later")
	return dir
}

// ask returns the history of the branch at the location, with the text of its config.ini.
func ask(t testing.TB, p providers.Provider, location string, from, to resource.Revision) resource.History {
	t.Helper()
	config := wanted("app", location).Config.AsValueMap()
	config["tree_file"] = cty.StringVal("config.ini")
	span := resource.Span{Addr: resource.Addr{Service: "api", Label: "app"}, Config: cty.ObjectVal(config), From: from, To: to}
	got := p.Resource(branchType).(branches).History(t.Context(), []resource.Span{span})
	if len(got) != 1 || got[0].Addr != span.Addr {
		t.Fatalf("got %+v", got)
	}
	return got[0]
}

// checkTold compares what a provider tells of the branch at the location, without a process for it alone, with what brz log and brz status tell
// of the same branch in the directory b.
func checkTold(t *testing.T, p providers.Provider, location, b string, from, to resource.Revision) resource.History {
	t.Helper()
	got := ask(t, p, location, from, to)
	if got.Err != nil || got.Fallback != "" || got.Rewritten || got.Back {
		t.Fatalf("%s: got %+v", location, got)
	}
	local, err := parseLocation(b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := opened(t, nil).(*provider).log(t.Context(), local, from, to)
	if err != nil {
		t.Fatal(err)
	}
	withoutMerges := slices.Clone(got.Commits)
	for i := range withoutMerges {
		withoutMerges[i].Merged = nil
	}
	if diff := cmp.Diff(want.Commits, withoutMerges); diff != "" {
		t.Errorf("%s: unlike brz log (-brz +got):\n%s", location, diff)
	}
	for text, r := range map[string]resource.Revision{string(got.FileFrom): from, string(got.FileTo): to} {
		if want := brz(t, "/", "cat", "-rrevid:"+r.ID, b+"/config.ini"); text != want {
			t.Errorf("%s: the text of %s is %q, brz says %q", location, r, text, want)
		}
	}
	if n := changedFiles(t, b, from, to); got.Files == nil || got.Files.Count != n {
		t.Errorf("%s: got %+v, brz status names %d files", location, got.Files, n)
	}
	return got
}

// changedFiles counts the files, not the directories, that brz status names between two revisions.
func changedFiles(t *testing.T, b string, from, to resource.Revision) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(brz(t, b, "status", "-S", "-rrevid:"+from.ID+"..revid:"+to.ID)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "/") {
			n++
		}
	}
	return n
}

func TestHistoryOfEveryFormat(t *testing.T) {
	for _, format := range []string{"2a", "knit", "pack-0.92", "1.9-rich-root"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := toldTree(t, format)
			p := opened(t, nil)
			from, to := info(t, dir+"/b", "-r1"), info(t, dir+"/b")
			got := checkTold(t, p, dir+"/b", dir+"/b", from, to)
			if len(got.Commits) != 5 || got.More != 0 {
				t.Fatalf("got %+v", got)
			}
			if diff := cmp.Diff(&resource.Merged{Revisions: 3, Authors: []string{"Bob", "Eve"}}, got.Commits[1].Merged); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"https://launchpad.net/bugs/12", "https://launchpad.net/bugs/13"}, got.Commits[3].Bugs); diff != "" {
				t.Errorf("bugs (-want +got):\n%s", diff)
			}
			if got.Commits[3].Author != "C, D, Éva" {
				t.Errorf("authors %q", got.Commits[3].Author)
			}
			checkTold(t, p, dir+"/b", dir+"/b", info(t, dir+"/b", "-r3"), info(t, dir+"/b", "-r5"))
			checkTold(t, p, dir+"/b", dir+"/b", info(t, dir+"/side"), to)
		})
	}
}

func TestHistoryOfEveryShape(t *testing.T) {
	dir := toldTree(t, "2a")
	from, to := info(t, dir+"/b", "-r2"), info(t, dir+"/b")
	brz(t, dir, "init-shared-repository", "-q", "--no-trees", "repo")
	brz(t, dir, "branch", "-q", "b", "repo/shared")
	brz(t, dir, "checkout", "-q", "--lightweight", "b", "light")
	brz(t, dir, "checkout", "-q", "b", "bound")
	brz(t, dir, "branch", "-q", "b", "a ü,b%")
	brz(t, dir, "init", "-q", "--format=development-colo", "colo")
	brz(t, dir, "push", "-q", "-d", "b", "file://"+dir+"/colo,branch=x")
	root := serve(t, dir)
	p := opened(t, nil)
	for _, location := range []string{
		dir + "/repo/shared", dir + "/light", dir + "/bound", dir + "/a ü,b%", "file://" + dir + "/colo,branch=x",
		root + "/b", root + "/repo/shared", root + "/a%20%C3%BC%2Cb%25", dir + "/b;revno=2",
	} {
		checkTold(t, p, location, dir+"/b", from, to)
	}
	brz(t, dir, "branch", "-q", "--stacked", "b", "stacked")
	if got := ask(t, p, dir+"/stacked", from, to); got.Err != nil || got.Fallback == "" || len(got.Commits) != 4 {
		t.Errorf("stacked: got %+v", got)
	}
}

func TestHistoryThroughSSH(t *testing.T) {
	root := secureShell(t)
	t.Setenv("BZR_REMOTE_PATH", "brz")
	dir := toldTree(t, "2a")
	checkTold(t, withoutBrz(t), root+dir+"/b", dir+"/b", info(t, dir+"/b", "-r1"), info(t, dir+"/b"))
}

func TestHistoryIsCounted(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	first := info(t, b)
	for range maxCommits + 3 {
		brz(t, b, "commit", "-q", "--unchanged", "-m", "again")
	}
	got := ask(t, opened(t, nil), b, first, info(t, b))
	if len(got.Commits) != maxCommits || got.More != 3 || got.Commits[0].Revno != fmt.Sprint(maxCommits+4) || got.Err != nil {
		t.Errorf("got %+v", got)
	}
	lost := info(t, b)
	brz(t, b, "uncommit", "-q", "--force", "-r", "1")
	got = ask(t, opened(t, nil), b, lost, info(t, b))
	if !got.Rewritten || len(got.Lost) != maxCommits || got.LostMore != 3 || got.Lost[0].ID != lost.ID || got.Lost[0].Subject != "again" {
		t.Errorf("got %+v", got)
	}
}

// TestHistoryIsKept asks a provider that can run no process for what another has told before.
func TestHistoryIsKept(t *testing.T) {
	dir := toldTree(t, "2a")
	from, to := info(t, dir+"/b", "-r1"), info(t, dir+"/b")
	kept := t.TempDir()
	span := resource.Span{Config: wanted("app", dir+"/b").Config, From: from, To: to}
	tell := func(settings map[string]cty.Value) resource.History {
		return opened(t, settings).Resource(branchType).(branches).History(t.Context(), []resource.Span{span})[0]
	}
	at, nowhere := cty.StringVal(kept), cty.StringVal("/nonexistent/brz")
	want := tell(map[string]cty.Value{"cache": at})
	got := tell(map[string]cty.Value{"cache": at, "command": nowhere})
	if diff := cmp.Diff(want, got); diff != "" || want.Err != nil {
		t.Errorf("from the disk (-want +got):\n%s", diff)
	}
	withText := ask(t, opened(t, map[string]cty.Value{"cache": at}), dir+"/b", from, to)
	if withText.FileTo == nil {
		t.Errorf("got %+v", withText)
	}
	for _, name := range files(t, kept) {
		data, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(data), "after =") {
			t.Errorf("%s, %v: a file's text is kept", name, err)
		}
		write(t, name, "{")
	}
	if got := tell(map[string]cty.Value{"cache": at}); cmp.Diff(want, got) != "" {
		t.Errorf("what is kept was damaged: got %+v", got)
	}
	if got := tell(map[string]cty.Value{"cache": cty.StringVal("/dev/null/x")}); cmp.Diff(want, got) != "" {
		t.Errorf("nowhere to keep anything: got %+v", got)
	}
}

// TestWhatIsKept keeps no history that may be told better, or otherwise, another time.
func TestWhatIsKept(t *testing.T) {
	commits := []resource.Commit{{Subject: "x"}}
	for name, test := range map[string]struct {
		told resource.History
		want bool
	}{
		"whole":          {resource.History{Commits: commits, Files: &resource.Files{Count: 1}}, true},
		"of brz":         {resource.History{Commits: commits, Fallback: "unknown format"}, true},
		"without files":  {resource.History{Commits: commits}, false},
		"what was lost":  {resource.History{Lost: commits, Rewritten: true, Files: &resource.Files{}}, false},
		"lost, of brz":   {resource.History{Lost: commits, Rewritten: true, Fallback: "unknown format"}, false},
		"back":           {resource.History{Back: true, Files: &resource.Files{}}, false},
		"with its texts": {resource.History{Commits: commits, Files: &resource.Files{}, FileFrom: []byte("1"), FileTo: []byte("2")}, true},
	} {
		h := newHistories(t.TempDir())
		span := resource.Span{From: resource.Revision{Revno: "1", ID: "a"}, To: resource.Revision{Revno: "2", ID: "b"}}
		h.put("/b", span, test.told)
		test.told.FileFrom, test.told.FileTo, test.told.Fallback = nil, nil, ""
		got, kept := h.get("/b", span)
		if kept != test.want || kept && !cmp.Equal(test.told, got) {
			t.Errorf("%s: got %+v, %v", name, got, kept)
		}
		for _, other := range []resource.Span{
			{From: span.To, To: span.From}, {From: span.From, To: resource.Revision{Revno: "3", ID: "b"}},
			{From: span.From, To: resource.Revision{Revno: "2", ID: "c"}}, {From: resource.Revision{Revno: "1", ID: "c"}, To: span.To},
			{From: resource.Revision{Revno: "1", ID: "ab"}, To: resource.Revision{Revno: "2"}},
		} {
			if got, kept := h.get("/b", other); kept {
				t.Errorf("%s: got %+v for %v", name, got, other)
			}
		}
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	return names
}

func TestOnlyTheOwnerReadsWhatIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cdplan", "bzr")
	newHistories(dir).put("/b", resource.Span{}, resource.History{Files: &resource.Files{}})
	for _, name := range []string{dir, filepath.Dir(dir)} {
		if found, err := os.Stat(name); err != nil || found.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, found.Mode(), err)
		}
	}
}

func TestCacheDir(t *testing.T) {
	for _, test := range []struct {
		xdg, home string
		uid       int
		want      string
	}{
		{"/x", "/h", 1, "/x/cdplan/bzr"}, {"/x", "/h", 0, "/x/cdplan/bzr"}, {"", "/h", 0, "/var/cache/cdplan/bzr"},
		{"rel", "/h", 1, "/h/.cache/cdplan/bzr"}, {"", "", 1, ""}, {"", "h", 1, ""},
	} {
		getenv := func(name string) string {
			return map[string]string{"XDG_CACHE_HOME": test.xdg, "HOME": test.home}[name]
		}
		if got := cacheDir(getenv, test.uid); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}
