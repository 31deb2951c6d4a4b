package bzr

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"launchpad.net/cdplan/providers/resource"
)

// treeCase makes a state of the branch dir, which has committed "1" and then "2", and says what must come of reading text.
type treeCase struct {
	change  func(t *testing.T, dir string)
	text    string // that the caller has read
	summary string // of the AttrError; empty if there must be none
	mend    string // a part of the detail, DIR standing for the directory
}

func treeCases() map[string]treeCase {
	none := func(*testing.T, string) {}
	return map[string]treeCase{
		"clean":     {none, "2", "", ""},
		"unknowns":  {func(t *testing.T, dir string) { write(t, dir+"/secret.key", "x") }, "2", "", ""},
		"other":     {func(t *testing.T, dir string) { write(t, dir+"/other", "changed") }, "2", "", ""},
		"dirty":     {func(t *testing.T, dir string) { write(t, dir+"/config.ini", "3") }, "3", "Uncommitted change", "brz commit DIR/config.ini; or undo it: brz revert DIR/config.ini"},
		"same size": {func(t *testing.T, dir string) { write(t, dir+"/config.ini", "x") }, "x", "Uncommitted change", "brz commit"},
		"racing":    {none, "3", "", "config.ini: it was committed anew since it was read"},
		"removed":   {func(t *testing.T, dir string) { brz(t, dir, "rm", "-q", "--keep", "config.ini") }, "2", "File removed", "brz revert DIR/config.ini"},
		"renamed": {func(t *testing.T, dir string) {
			brz(t, dir, "mv", "-q", "config.ini", "old.ini")
			write(t, dir+"/config.ini", "2")
		}, "2", "File removed", "brz revert DIR/config.ini"},
		"added again": {func(t *testing.T, dir string) {
			brz(t, dir, "rm", "-q", "--keep", "config.ini")
			brz(t, dir, "add", "-q", "config.ini")
		}, "2", "", ""},
		"unversioned": {func(t *testing.T, dir string) {
			brz(t, dir, "rm", "-q", "--keep", "config.ini")
			brz(t, dir, "commit", "-qm", "away")
		}, "2", "File not versioned", "brz add DIR/config.ini && brz commit DIR/config.ini"},
		"added": {func(t *testing.T, dir string) {
			brz(t, dir, "rm", "-q", "--keep", "config.ini")
			brz(t, dir, "commit", "-qm", "away")
			brz(t, dir, "add", "-q", "config.ini")
		}, "2", "File not committed", "brz commit DIR/config.ini"},
		"link": {func(t *testing.T, dir string) {
			brz(t, dir, "rm", "-q", "config.ini")
			write(t, dir+"/secret", "2")
			if err := os.Symlink("secret", dir+"/config.ini"); err != nil {
				t.Fatal(err)
			}
			brz(t, dir, "add", "-q", "config.ini")
			brz(t, dir, "commit", "-qm", "link")
		}, "2", "Not a plain file", "Commit a plain file"},
		"behind":     {func(t *testing.T, dir string) { brz(t, dir, "update", "-q", "-r1") }, "1", "Tree behind its branch", "brz update DIR"},
		"up to date": {func(t *testing.T, dir string) { brz(t, dir, "update", "-q", "-r1"); brz(t, dir, "update", "-q") }, "2", "", ""},
		"pushed to": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", dir, dir+"-far")
			commit(t, dir+"-far", "3")
			brz(t, dir+"-far", "push", "-q", serve(t, dir, "--allow-writes"))
		}, "2", "Tree behind its branch", "brz update DIR"},
		"pulled": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", dir, dir+"-far")
			commit(t, dir+"-far", "3")
			brz(t, dir, "pull", "-q", dir+"-far")
		}, "3", "", ""},
		"uncommitted": {func(t *testing.T, dir string) { brz(t, dir, "uncommit", "-q", "--force") }, "2", "Uncommitted change", "brz commit"},
		"recommitted": {func(t *testing.T, dir string) {
			brz(t, dir, "uncommit", "-q", "--force")
			commit(t, dir, "4")
		}, "4", "", ""},
		"pending merge": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", dir, dir+"-far")
			write(t, dir+"-far/more", "")
			brz(t, dir+"-far", "add", "-q")
			brz(t, dir+"-far", "commit", "-qm", "more")
			write(t, dir+"/less", "")
			brz(t, dir, "add", "-q", "less")
			brz(t, dir, "commit", "-qm", "less")
			brz(t, dir, "merge", "-q", dir+"-far")
		}, "2", "Pending merge", "brz commit; or drop it: cd DIR && brz revert"},
		"conflict": {func(t *testing.T, dir string) {
			fork(t, dir, "config.ini", "3")
			commit(t, dir, "4")
			clash(t, dir, "merge", dir+"-far")
		}, "4", "Conflicts", "update: config.ini. Mend these files and commit: cd DIR && brz resolve --all && brz commit; or drop all that is " +
			"not committed: cd DIR && brz revert"},
		"conflict elsewhere": {func(t *testing.T, dir string) {
			fork(t, dir, "other", "3")
			write(t, dir+"/other", "4")
			brz(t, dir, "add", "-q", "other")
			brz(t, dir, "commit", "-qm", "other")
			clash(t, dir, "merge", dir+"-far")
		}, "2", "Conflicts", "update: other.moved. Mend"},
		"conflict of an update": {func(t *testing.T, dir string) {
			brz(t, dir, "update", "-q", "-r1")
			write(t, dir+"/config.ini", "3")
			clash(t, dir, "update")
		}, "3", "Conflicts", "update: config.ini. Mend"},
		"resolved": {func(t *testing.T, dir string) {
			fork(t, dir, "config.ini", "3")
			commit(t, dir, "4")
			clash(t, dir, "merge", dir+"-far")
			write(t, dir+"/config.ini", "5")
			brz(t, dir, "resolve", "-q", "--all")
			brz(t, dir, "commit", "-qm", "both")
		}, "5", "", ""},
		"overwritten": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", "-r1", dir, dir+"-far")
			commit(t, dir+"-far", "3")
			brz(t, dir+"-far", "push", "-q", "--overwrite", serve(t, dir, "--allow-writes"))
		}, "2", "Tree behind its branch", "brz update DIR"},
		"overwritten and updated": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", "-r1", dir, dir+"-far")
			write(t, dir+"-far/other", "3")
			brz(t, dir+"-far", "add", "-q")
			brz(t, dir+"-far", "commit", "-qm", "other")
			brz(t, dir+"-far", "push", "-q", "--overwrite", serve(t, dir, "--allow-writes"))
			brz(t, dir, "update", "-q")
		}, "2", "Uncommitted change", "brz revert DIR/config.ini"},
		"no tree": {func(t *testing.T, dir string) {
			brz(t, dir, "remove-tree", "-q", "--force")
			write(t, dir+"/config.ini", "2")
		}, "2", "No working tree", "cd DIR && brz checkout ."},
		"bound": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", dir, dir+"-far")
			brz(t, dir, "bind", "-q", dir+"-far")
			commit(t, dir+"-far", "3")
		}, "2", "", ""},
		"bound and apart": {func(t *testing.T, dir string) {
			brz(t, dir, "branch", "-q", dir, dir+"-far")
			brz(t, dir, "bind", "-q", dir+"-far")
			commit(t, dir+"-far", "3")
			write(t, dir+"/config.ini", "4")
			brz(t, dir, "commit", "-q", "--local", "-m", "here")
		}, "4", "", ""},
	}
}

// fork makes the branch dir-far, which has one commit more.
func fork(t *testing.T, dir, file, text string) {
	t.Helper()
	brz(t, dir, "branch", "-q", dir, dir+"-far")
	write(t, dir+"-far/"+file, text)
	brz(t, dir+"-far", "add", "-q")
	brz(t, dir+"-far", "commit", "-qm", "fork")
}

// clash runs a command of brz that meets with conflicts.
func clash(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("brz", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("brz %q: %v: %s", args, err, out)
	}
}

// statusLines says, for each fault, how brz status tells it.
var statusLines = map[string]string{
	"Conflicts":              `(?m)^conflicts:$`,
	"Tree behind its branch": `working tree is out of date, run 'brz update'`,
	"Pending merge":          `(?m)^pending merge tips:`,
	"File removed":           `(?m)^(removed|renamed):\n(  .*\n)*?  config\.ini( => |$)`,
	"File not committed":     `(?m)^added:\n(  .*\n)*?  config\.ini$`,
	"File not versioned":     `(?m)^unknown:\n(  .*\n)*?  config\.ini$`,
	"Uncommitted change":     `(?m)^modified:\n(  .*\n)*?  config\.ini\*?$`,
}

// checkStatus holds what is found of a tree against what brz status says of it: each fault has its line there, and without a fault there is none.
func checkStatus(t *testing.T, dir, summary string) {
	t.Helper()
	out, err := exec.Command("brz", "status", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("brz status: %v: %s", err, out)
	}
	for fault, line := range statusLines {
		if said := regexp.MustCompile(line).Match(out); said && summary == "" || !said && summary == fault {
			t.Errorf("the fault is %q, brz status says\n%s", summary, out)
		}
	}
}

func TestTreeChecks(t *testing.T) {
	for _, format := range []string{"2a", "knit"} {
		origin := newBranch(t, t.TempDir()+"/origin", format, "1", "2")
		for name, test := range treeCases() {
			if format == "knit" && name == "link" { // brz cannot tell
				continue
			}
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir() + "/a service"
				if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
					t.Fatal(err)
				}
				test.change(t, dir)
				checkTreeCase(t, dir, format, test)
				if format == "2a" && name != "no tree" && name != "added again" { // a file with another id and the same text is as good
					checkStatus(t, dir, test.summary)
				}
			})
		}
	}
}

func checkTreeCase(t *testing.T, dir, format string, test treeCase) {
	t.Helper()
	p := withoutBrz(t)
	if format == "knit" { // has no dirstate
		p = opened(t, nil)
	}
	r := read(t, p, wantedTree(dir, test.text))[0]
	if test.summary == "" && test.mend == "" {
		if got := revision(t, r); got != info(t, dir) {
			t.Errorf("got %s, want the tip %s", got, info(t, dir))
		}
		return
	}
	mend := strings.NewReplacer("DIR/config.ini", "'"+dir+"/config.ini'", "DIR", "'"+dir+"'").Replace(test.mend)
	checkFailure(t, r, test.summary, mend)
}

func TestDirectoryMustBeABranchOfItsOwn(t *testing.T) {
	parent := newBranch(t, t.TempDir()+"/local", "2a", "1")
	dir := parent + "/api"
	write(t, dir+"/config.ini", "1")
	brz(t, parent, "add", "-q")
	brz(t, parent, "commit", "-qm", "a service inside")
	mend := "cd " + dir + " && brz init && brz add config.ini && brz commit"
	checkFailure(t, read(t, withoutBrz(t), wantedTree(dir, "1"))[0], "Not a branch", mend)
	if err := os.Mkdir(dir+"/.bzr", 0o777); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, read(t, withoutBrz(t), wantedTree(dir, "1"))[0], "Not a branch", mend)
	if err := os.Mkdir(dir+"/.git", 0o777); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, read(t, withoutBrz(t), wantedTree(dir, "1"))[0], "Not a branch", mend)
	brz(t, "/", "init-shared-repository", "-q", parent+"/repo")
	write(t, parent+"/repo/config.ini", "1")
	checkFailure(t, read(t, withoutBrz(t), wantedTree(parent+"/repo", "1"))[0], "Not a branch", "")
}

// The command that a message shows must mend what it complains about.
func TestMendingCommandMends(t *testing.T) {
	dir := t.TempDir() + "/it's a service"
	write(t, dir+"/config.ini", "1")
	p := withoutBrz(t)
	r := read(t, p, wantedTree(dir, "1"))[0]
	_, command, _ := strings.Cut(r.Err.(*resource.AttrError).Detail, "Make it one: ")
	shell(t, strings.TrimSuffix(command, "."))
	if got := revision(t, read(t, p, wantedTree(dir, "1"))[0]); got != info(t, dir) {
		t.Errorf("got %s", got)
	}
	empty := newBranch(t, t.TempDir()+"/e", "2a")
	write(t, empty+"/config.ini", "1")
	checkFailure(t, read(t, p, wantedTree(empty, "1"))[0], "Empty branch", "brz commit")
}

func TestWhatWasMergedCanBeDropped(t *testing.T) {
	for _, text := range []string{"1", "3"} { // the second is in conflict with what is merged
		dir := newBranch(t, t.TempDir()+"/a service", "2a", "1")
		fork(t, dir, "config.ini", "2")
		if text == "3" {
			commit(t, dir, text)
			clash(t, dir, "merge", dir+"-far")
		} else {
			brz(t, dir, "merge", "-q", dir+"-far")
		}
		p := withoutBrz(t)
		r := read(t, p, wantedTree(dir, text))[0]
		_, command, _ := cutLast(r.Err.(*resource.AttrError).Detail, ": ")
		shell(t, command)
		if got := revision(t, read(t, p, wantedTree(dir, text))[0]); got != info(t, dir) {
			t.Errorf("got %s", got)
		}
	}
}

func TestUnknownListOfConflicts(t *testing.T) {
	dir := newBranch(t, t.TempDir()+"/b", "2a", "1")
	write(t, dir+"/.bzr/checkout/conflicts", "<html>")
	checkFailure(t, read(t, withoutBrz(t), wantedTree(dir, "1"))[0], "", "the list of conflicts has an unknown format")
}

func TestTreeOfACheckout(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "1")
	brz(t, dir, "checkout", "-q", "--lightweight", "b", "co")
	if got := revision(t, read(t, withoutBrz(t), wantedTree(dir+"/co", "1"))[0]); got != info(t, b) {
		t.Errorf("got %s", got)
	}
	commit(t, b, "2")
	checkFailure(t, read(t, withoutBrz(t), wantedTree(dir+"/co", "1"))[0], "Tree behind its branch", "brz update "+dir+"/co")
}

func TestTreeOfSomethingElse(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	for _, location := range []string{"bzr://h/b", b + ";revno=1", "file://" + b + ",branch=x"} {
		checkFailure(t, read(t, withoutBrz(t), wantedTree(location, "1"))[0], "Invalid location", "by its path alone")
	}
}

func TestTornDirstateIsNoFault(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	name := b + "/.bzr/checkout/dirstate"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 20, len(data) / 2, len(data) - 1} {
		write(t, name, string(data[:n]))
		checkFailure(t, read(t, withoutBrz(t), wantedTree(b, "1"))[0], "", "the dirstate is damaged")
	}
}
