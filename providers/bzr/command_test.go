package bzr

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

func mkfifo(name string) error { return syscall.Mkfifo(name, 0o666) }

// serve offers the directory over bzr:// on loopback and returns the URL of its root.
func serve(t testing.TB, dir string, options ...string) string {
	t.Helper()
	options = append([]string{"serve", "--listen", "127.0.0.1", "--port", "0", "--directory", dir}, options...)
	cmd := exec.Command("brz", options...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, port, found := strings.Cut(lines.Text(), "listening on port: "); found {
			return "bzr://127.0.0.1:" + strings.TrimSpace(port)
		}
	}
	t.Fatal("brz serve names no port")
	return ""
}

func TestRemoteBranches(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "1", "2")
	newBranch(t, dir+"/empty", "2a")
	write(t, b+"/sub/file", "")
	brz(t, b, "add", "-q")
	brz(t, b, "commit", "-qm", "sub")
	root := serve(t, dir)
	p := opened(t, nil)
	if got := revision(t, read(t, p, wanted("app", root+"/b"))[0]); got != info(t, b) {
		t.Errorf("got %s, want the tip of %s", got, b)
	}
	if got := revision(t, read(t, p, wanted("app", root+"/b;revno=1"))[0]); got != info(t, b, "-r1") {
		t.Errorf("got %s, want revision 1 of %s", got, b)
	}
	for location, failure := range map[string][2]string{
		root + "/b;revno=9": {"Unknown revision", "/b has no revision 9."},
		root + "/empty":     {"Empty branch", "has no commits"},
		root + "/b/sub":     {"", "no branch at " + root + "/b/sub"},
		root + "/none":      {"", "no branch at " + root + "/none"},
	} {
		checkFailure(t, read(t, p, wanted("app", location))[0], failure[0], failure[1])
	}
	spans := []resource.Span{{Config: wanted("app", root+"/b").Config, From: info(t, b, "-r1"), To: info(t, b)}}
	got := p.Resource(branchType).(branches).History(t.Context(), spans)[0]
	if got.Err != nil || len(got.Commits) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestUnknownFormatIsAskedOfBrz(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q", dir}, {"-c", "user.name=a", "-c", "user.email=a@b", "-C", dir, "commit", "-q",
		"--allow-empty", "-m", "x"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	got := revision(t, read(t, opened(t, nil), wanted("app", dir))[0])
	if want := info(t, dir); got != want || !strings.HasPrefix(got.ID, "git-v1:") {
		t.Errorf("got %s, want %s", got, want)
	}
	b := newBranch(t, t.TempDir()+"/b", "2a", "1")
	write(t, b+"/.bzr/branch/format", "Bazaar Branch Format 99\n")
	checkFailure(t, read(t, opened(t, nil), wanted("app", b))[0], "", "Unknown branch format")
	write(t, b+"/.bzr/branch/format", "Bazaar Branch Format 7 (needs bzr 1.6)\nrequired warp\n")
	checkFailure(t, read(t, opened(t, nil), wanted("app", b))[0], "", "warp")
}

// stand returns a provider whose brz is a shell script.
func stand(t *testing.T, script, timeout string) branches {
	t.Helper()
	name := t.TempDir() + "/brz"
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
	p := opened(t, map[string]cty.Value{"command": cty.StringVal(name), "timeout": cty.StringVal(timeout)})
	return p.Resource(branchType).(branches)
}

func TestEnvironmentOfBrz(t *testing.T) {
	t.Setenv("LANGUAGE", "de")
	t.Setenv("LC_ALL", "C")
	t.Setenv("BRZ_PLUGIN_PATH", "/evil")
	script := `echo "$*"; env; cat; ps -o sid= -p $$; echo "pid $$"; ls -A "$BRZ_HOME"; exit 0`
	for _, test := range []struct{ location, present, absent string }{
		{"bzr://h/b", `(?s)^--no-plugins --no-aliases cmd\n.*`, `PLUGIN_PATH|LANGUAGE`},
		{"bzr://h/b", `(?m)^BRZ_HOME=\S*/cdplan-bzr-\d+$`, `BRZ_EMAIL`},
		{"bzr://h/b", `(?m)^LC_ALL=C.UTF-8$`, `(?m)^LC_ALL=C$`},
		{"bzr://h/b", `(?m)^BRZ_LOG=/dev/null$`, `breezy`},
		{"bzr+ssh://h/b", `^--no-plugins --no-aliases cmd\n`, `BRZ_HOME=\S*/cdplan-bzr-\d+\n|LANGUAGE`},
		{"lp:b", `(?s)^--no-aliases cmd\n.*BRZ_PLUGIN_PATH=/evil`, `BRZ_HOME=\S*/cdplan-bzr-\d+\n`},
	} {
		at, err := parseLocation(test.location)
		if err != nil {
			t.Fatal(err)
		}
		b := stand(t, script, "1m")
		out, err := b.brz.run(t.Context(), at, "cmd")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(test.present).Match(out) || regexp.MustCompile(test.absent).Match(out) {
			t.Errorf("%s: want %s and not %s in\n%s", test.location, test.present, test.absent, out)
		}
		if m := regexp.MustCompile(`(?m)^ *(\d+)\npid (\d+)$`).FindSubmatch(out); m == nil || string(m[1]) != string(m[2]) {
			t.Errorf("brz is not in a session of its own:\n%s", out)
		}
	}
}

func TestDeadlineEndsTheWholeGroup(t *testing.T) {
	held := t.TempDir() + "/held"
	if err := mkfifo(held); err != nil {
		t.Fatal(err)
	}
	// The grandchild holds the pipe open for writing. Reading to its end therefore waits until it is dead.
	b := stand(t, `(exec 3>`+held+`; echo started >&3; exec sleep 1000) & wait`, "500ms")
	ended := make(chan string)
	go func() {
		text, _ := os.ReadFile(held)
		ended <- string(text)
	}()
	r := b.Read(t.Context(), []resource.Wanted{wanted("app", "sftp://h/b"), wanted("local", "/nonexistent")})
	checkFailure(t, r[0], "", "cannot read the tip of sftp://h/b: no answer within 500ms")
	checkFailure(t, r[1], "", "no branch at /nonexistent")
	if got := <-ended; got != "started\n" {
		t.Errorf("got %q from the grandchild", got)
	}
}

func TestWhatBrzSaysIsTamed(t *testing.T) {
	for script, want := range map[string]string{
		`printf 'noise\nbrz: ERROR: no \033[31mhttp://joe:secret@h/x here\n' >&2; exit 3`: "b: no [31mhttp://joe:***@h/x here",
		`printf 'brz: ERROR: KeyError: 1\n\nTraceback\n*** report it\n' >&2; exit 4`:      "b: KeyError: 1",
		`printf 'ssh: connect to host h port 22: Connection refused' >&2; exit 3`:         "b: ssh: connect to host h port 22",
		`exit 3`:                                 "b: brz ended with status 3 and said nothing",
		`echo 1 2 3`:                             "b: cannot understand what brz says",
		`echo '??? x'`:                           "b: cannot understand what brz says",
		`head -c 40000000 /dev/zero; exit 0`:     "b: brz writes too much",
		`head -c 40000000 /dev/zero >&2; exit 0`: "b: cannot understand what brz says",
		`echo "brz: ERROR: $(head -c 9000 /dev/zero | tr '\0' x)" >&2; exit 3`: "b: " + strings.Repeat("x", maxLine),
	} {
		r := stand(t, script, "1m").Read(t.Context(), []resource.Wanted{wanted("app", "sftp://h/b")})[0]
		checkFailure(t, r, "", want)
		if strings.Contains(r.Err.Error(), "secret") || strings.Contains(r.Err.Error(), "\033") || len(r.Err.Error()) > 500 {
			t.Errorf("%s: got error %q", script, r.Err)
		}
	}
}

func TestEachDistinctBranchIsAskedOnce(t *testing.T) {
	log := t.TempDir() + "/log"
	b := stand(t, `echo "$5" >> `+log+`; echo 7 id-of-$5`, "1m")
	w := []resource.Wanted{wanted("a", "sftp://h/a"), wanted("b", "sftp://h/b"), wanted("c", "sftp://h/a"), wanted("d", "sftp://h/a")}
	for i, r := range b.Read(t.Context(), w) {
		want := "id-of-sftp://h/" + []string{"a", "b", "a", "a"}[i]
		if got := revision(t, r); got.ID != want || got.Revno != "7" {
			t.Errorf("reading %d: got %s, want %s", i, got, want)
		}
	}
	asked, _ := os.ReadFile(log)
	if n := strings.Count(string(asked), "\n"); n != 2 {
		t.Errorf("brz ran %d times:\n%s", n, asked)
	}
}

func TestInterrupted(t *testing.T) {
	log := t.TempDir() + "/log"
	b := stand(t, `echo >> `+log, "1m")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	local := newBranch(t, t.TempDir()+"/b", "2a", "1")
	for _, r := range b.Read(ctx, []resource.Wanted{wanted("a", "sftp://h/a"), wanted("b", local)}) {
		checkFailure(t, r, "", "context canceled")
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("brz ran")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := opened(t, nil)
	b := newBranch(t, t.TempDir()+"/b", "2a", "1", "2")
	read(t, p, wanted("a", b+";revno=1"))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSettings(t *testing.T) {
	for _, settings := range []map[string]cty.Value{
		{"timeout": cty.StringVal("soon")}, {"timeout": cty.StringVal("0s")}, {"parallelism": cty.NumberIntVal(-1)},
		{"parallelism": cty.NumberFloatVal(1.5)},
	} {
		if _, err := Driver().Open(t.Context(), object(configSchema(), settings)); err == nil {
			t.Errorf("%#v is taken", settings)
		}
	}
}
