package bzr

import (
	"fmt"
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
