package bzr

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// shape makes a branch below a directory and returns the location to read and the one to ask brz about.
type shape func(t *testing.T, dir string) (location, same string)

func standalone(format string) shape {
	return func(t *testing.T, dir string) (string, string) {
		b := newBranch(t, filepath.Join(dir, "b"), format, "a = 1\n", "a = 2\n")
		return b, b
	}
}

func shapes() map[string]shape {
	all := map[string]shape{
		"spaced": func(t *testing.T, dir string) (string, string) {
			b := newBranch(t, filepath.Join(dir, "a b,c%é"), "2a", "1")
			return "file://" + escape(b), b
		},
		"checkout": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b c", "2a", "1")
			brz(t, dir, "checkout", "-q", "--lightweight", "b c", "co")
			brz(t, dir, "checkout", "-q", "--lightweight", "co", "co2")
			return dir + "/co2", dir + "/b c"
		},
		"relative reference": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b c", "2a", "1")
			brz(t, dir, "checkout", "-q", "--lightweight", "b c", "co")
			write(t, dir+"/co/.bzr/branch/location", "../b%20c/")
			return dir + "/co", dir + "/b c"
		},
		"bound": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b", "2a", "1")
			brz(t, dir, "checkout", "-q", "b", "co")
			commit(t, dir+"/b", "2")
			return dir + "/co", dir + "/co"
		},
		"shared": func(t *testing.T, dir string) (string, string) {
			brz(t, dir, "init-shared-repository", "-q", "r")
			return newBranch(t, dir+"/r/b", "2a", "1"), dir + "/r/b"
		},
		"colocated": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b", "development-colo", "1")
			brz(t, dir+"/b", "push", "-q", "file://"+dir+"/b,branch=x%2Fy")
			commit(t, dir+"/b", "2")
			return "file://" + dir + "/b,branch=x%2Fy", "file://" + dir + "/b,branch=x%2Fy"
		},
		"switched": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b", "development-colo", "1")
			brz(t, dir+"/b", "switch", "-q", "-b", "x")
			commit(t, dir+"/b", "2")
			return dir + "/b", dir + "/b"
		},
		"stacked": func(t *testing.T, dir string) (string, string) {
			newBranch(t, dir+"/b", "2a", "1")
			brz(t, dir, "branch", "-q", "--stacked", "b", "s")
			commit(t, dir+"/s", "2")
			return dir + "/s", dir + "/s"
		},
	}
	for _, format := range []string{"2a", "1.14", "1.9", "1.6", "pack-0.92", "rich-root-pack", "dirstate-tags", "rich-root", "knit",
		"dirstate", "development-colo", "development-subtree", "weave"} {
		all[format] = standalone(format)
	}
	return all
}

func TestTipOfEveryShape(t *testing.T) {
	for name, shape := range shapes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			location, same := shape(t, t.TempDir())
			got := revision(t, read(t, withoutBrz(t), wanted("app", location))[0])
			if want := info(t, same); got != want {
				t.Errorf("got %s, brz says %s", got, want)
			}
		})
	}
}

func TestTipNotToBeHad(t *testing.T) {
	dir := t.TempDir()
	newBranch(t, dir+"/empty", "2a")
	newBranch(t, dir+"/emptyknit", "knit")
	newBranch(t, dir+"/b", "2a", "1")
	brz(t, dir, "init-shared-repository", "-q", "repo")
	write(t, dir+"/b/sub/file", "")
	loop := newBranch(t, dir+"/loop", "2a", "1")
	write(t, loop+"/.bzr/branch/format", "Bazaar-NG Branch Reference Format 1\n")
	write(t, loop+"/.bzr/branch/location", "file://"+loop)
	for _, name := range []string{"torn", "page", "long"} {
		newBranch(t, dir+"/"+name, "2a")
	}
	write(t, dir+"/torn/.bzr/branch/last-revision", "")
	write(t, dir+"/page/.bzr/branch/last-revision", "<html> no\n")
	write(t, dir+"/long/.bzr/branch/last-revision", "1 "+strings.Repeat("x", maxSmall))

	for _, test := range []struct {
		location, summary, text string // a summary is that of an AttrError
	}{
		{dir + "/empty", "Empty branch", "has no commits"},
		{dir + "/emptyknit", "Empty branch", "has no commits"},
		{dir + "/none", "", "no branch at " + dir + "/none"},
		{dir + "/b/sub", "", "no branch at " + dir + "/b/sub"},
		{dir + "/b/sub/file", "", "no branch at"},
		{"file://" + dir + "/b,branch=none", "", "no branch at file://" + dir + "/b,branch=none"},
		{dir + "/repo", "", "no branch at " + dir + "/repo, which is a repository without one"},
		{loop, "", "more than 8 references"},
		{dir + "/torn", "", "last-revision file holds"},
		{dir + "/page", "", "last-revision file holds"},
		{dir + "/long", "", "not a regular file of at most"},
	} {
		r := read(t, withoutBrz(t), wanted("app", test.location))[0]
		checkFailure(t, r, test.summary, test.text)
	}
}

// checkFailure wants an AttrError with the summary, or, where that is empty, another error.
func checkFailure(t *testing.T, r resource.Reading, summary, text string) {
	t.Helper()
	var attr *resource.AttrError
	if r.Err == nil || !strings.Contains(r.Err.Error(), text) {
		t.Errorf("got error %v, want one about %q", r.Err, text)
	}
	if errors.As(r.Err, &attr) != (summary != "") || attr != nil && (attr.Summary != summary || attr.Addr != r.Addr) {
		t.Errorf("got error %#v, want the summary %q", r.Err, summary)
	}
	if r.Object != cty.NilVal {
		t.Errorf("got an object beside the error: %#v", r.Object)
	}
}

func TestReferencesAreFollowedSoFar(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/0", "2a", "1")
	for i := range maxHops + 1 {
		control := fmt.Sprintf("%s/%d/.bzr/", dir, i+1)
		write(t, control+"branch-format", "Bazaar-NG meta directory, format 1\n")
		write(t, control+"branch/format", "Bazaar-NG Branch Reference Format 1\n")
		write(t, control+"branch/location", fmt.Sprintf("../%d", i))
	}
	p := withoutBrz(t)
	if got := revision(t, read(t, p, wanted("app", fmt.Sprint(dir, "/", maxHops)))[0]); got != info(t, b) {
		t.Errorf("got %s, want %s", got, info(t, b))
	}
	checkFailure(t, read(t, p, wanted("app", fmt.Sprint(dir, "/", maxHops+1)))[0], "", "more than 8 references")
}

func TestPins(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b, c%é", "2a", "1", "2")
	brz(t, dir, "branch", "-q", "-r1", b, "side")
	write(t, dir+"/side/other", "")
	brz(t, dir+"/side", "add", "-q")
	brz(t, dir+"/side", "commit", "-qm", "side")
	brz(t, b, "merge", "-q", "../side")
	brz(t, b, "commit", "-qm", "merge")
	p := opened(t, nil)
	for _, pin := range []string{"1", "2", "3", "1.1.1"} {
		got := revision(t, read(t, p, wanted("app", b+";revno="+pin))[0])
		if want := info(t, b, "-r", pin); got != want {
			t.Errorf("pin %s: got %s, brz says %s", pin, got, want)
		}
	}
	for _, pin := range []string{"0", "4", "1.1.2", "99999999999"} {
		checkFailure(t, read(t, p, wanted("app", b+";revno="+pin))[0], "Unknown revision", b+" has no revision "+pin)
	}
	if got := revision(t, read(t, withoutBrz(t), wanted("app", b+";revno=3"))[0]); got != info(t, b) {
		t.Errorf("a pin at the tip: got %s", got)
	}
	checkFailure(t, read(t, withoutBrz(t), wanted("app", b+";revno=2"))[0], "", "is not installed; install it with: apt-get install brz")
}

func TestAnswersStayApart(t *testing.T) {
	dir := t.TempDir()
	a, b := newBranch(t, dir+"/a", "2a", "1"), newBranch(t, dir+"/b", "2a", "1")
	var want []resource.Wanted
	for _, location := range []string{b, dir + "/none", a, "relative", b, a + ";revno=1"} {
		want = append(want, wanted(location, location))
	}
	got := read(t, withoutBrz(t), want...)
	for i, r := range got {
		if r.Addr != want[i].Addr {
			t.Errorf("reading %d is that of %s, want %s", i, r.Addr, want[i].Addr)
		}
	}
	for i, dir := range map[int]string{0: b, 2: a, 4: b, 5: a} {
		if got := revision(t, got[i]); got != info(t, dir) {
			t.Errorf("reading %d: got %s, want the tip of %s", i, got, dir)
		}
	}
	checkFailure(t, got[1], "", "no branch at")
	checkFailure(t, got[3], "Invalid location", "cannot be used")
}

func TestReadKeepsWhatWasDeclared(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	w := wanted("app", b)
	got := read(t, withoutBrz(t), w)[0].Object
	if !got.Type().Equals(branchSchema().Type()) || !got.GetAttr("location").RawEquals(cty.StringVal(b)) || !got.GetAttr("tree_file").IsNull() {
		t.Errorf("got %#v", got)
	}
	if !w.Config.GetAttr("revision").IsNull() {
		t.Errorf("the question was changed: %#v", w.Config)
	}
}

func TestNothingWaitsForAPipe(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	name := b + "/.bzr/branch/last-revision"
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := mkfifo(name); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, read(t, withoutBrz(t), wanted("app", b))[0], "", "not a regular file")
}

func TestFileShorterThanItsSize(t *testing.T) {
	const name = "/sys/class/net/lo/mtu" // the kernel calls such files 4096 bytes long
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readFile(name, maxSmall)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
