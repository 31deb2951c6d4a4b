package mojo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// world is a service's directory with a shell script that stands for mojo.
type world struct {
	t      *testing.T
	dir    string // of the service
	script string
	run    *runner
	step   resource.Step
	deploy deploy
	phases []string // that were told
}

// newWorld writes the script. It finds in $OUT a directory for what the test wants to see.
func newWorld(t *testing.T, script string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, script: filepath.Join(dir, "mojo"), run: &runner{timeout: time.Minute, grace: time.Minute,
		phase: regexp.MustCompile(defaultPhase), poll: time.Millisecond}}
	w.write("mojo", "#!/bin/sh\n"+script+"\n", 0o700)
	w.run.command = []string{w.script}
	w.deploy = deploy{Directory: dir, Spec: "lp:spec", Environment: map[string]string{"OUT": dir}}
	w.step = resource.Step{
		Addr: resource.Addr{Service: "api", Type: "mojo_run", Label: "deploy"},
		Run:  "r1", Log: filepath.Join(dir, "r1.log"), Record: []string{"cd.hash=v1:0", "cd.service=api"},
	}
	return w
}

func (w *world) write(name, text string, mode os.FileMode) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// apply runs the deploy with the wanted object that the schema makes of it.
func (w *world) apply(ctx context.Context) error {
	w.t.Helper()
	object, err := resource.Encode(runSchema(), w.deploy)
	if err != nil {
		w.t.Fatal(err)
	}
	w.step.Want = object
	_, err = w.run.Apply(ctx, w.step, func(e resource.Event) { w.phases = append(w.phases, e.Phase) })
	return err
}

func (w *world) mustApply() {
	w.t.Helper()
	if err := w.apply(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// mustFail returns the failure of a deploy that ran.
func (w *world) mustFail(ctx context.Context) *resource.Failure {
	w.t.Helper()
	err := w.apply(ctx)
	var failure *resource.Failure
	if !errors.As(err, &failure) {
		w.t.Fatalf("got %v, want a failure", err)
	}
	return failure
}

// fifo makes a named pipe. Opening one end of it waits for the other, so it tells what a child does without a look at the clock.
func (w *world) fifo(name string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// wait returns what was written to the pipe by the time that nobody has it open any more.
func (w *world) wait(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func TestArguments(t *testing.T) {
	all := deploy{Spec: "lp:spec", Project: "p", Series: "noble", Stage: "prod", Workspace: "w", Manifest: "m"}
	for _, test := range []struct {
		name    string
		command []string
		deploy  deploy
		want    []string
	}{
		{"all", defaultCommand, all,
			[]string{"mojo", "run", "--project=p", "--series=noble", "--stage=prod", "--manifest=m", "lp:spec", "w"}},
		{"empty ones left out", defaultCommand, deploy{Spec: "lp:spec", Project: "p", Workspace: "w"},
			[]string{"mojo", "run", "--project=p", "lp:spec", "w"}},
		{"placeholders in values", []string{"mojo", "{spec}", "{project}", "{manifest}"},
			deploy{Spec: "{project}", Project: "{manifest}{spec}", Manifest: "{x}"}, []string{"mojo", "{project}", "{manifest}{spec}", "{x}"}},
		{"several in one", []string{"mojo", "{service}/{stage}-{series}", "{service}/{manifest}"}, deploy{Stage: "prod", Series: "noble"},
			[]string{"mojo", "api/prod-noble"}},
		{"no shell", []string{"mojo", "{spec}"}, deploy{Spec: "a b; $(c) '*'"}, []string{"mojo", "a b; $(c) '*'"}},
		{"other braces", []string{"mojo", "{other}", "{}"}, all, []string{"mojo", "{other}", "{}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := (&runner{command: test.command}).argv("api", test.deploy)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestArgumentsRefused(t *testing.T) {
	for _, test := range []struct {
		command []string
		service string
		deploy  deploy
		want    string
	}{
		{defaultCommand, "api", deploy{Spec: "-x"}, `the spec "-x" looks like an option`},
		{defaultCommand, "api", deploy{Project: "--y"}, `the project "--y" looks like an option`},
		{defaultCommand, "-api", deploy{}, `the service "-api" looks like an option`},
		{[]string{"{manifest}"}, "api", deploy{}, "which is empty for api"},
		{[]string{"{manifest}", "run"}, "api", deploy{}, "which is empty for api"},
	} {
		if _, err := (&runner{command: test.command}).argv(test.service, test.deploy); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %+v: got %v, want ...%s...", test.command, test.deploy, err, test.want)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("{spec}", "lp:x", "{project}", "")
	f.Add("--project={project}", "{spec}", "-", "{")
	f.Fuzz(func(t *testing.T, element, spec, project, service string) {
		r := &runner{command: []string{"mojo", element}}
		argv, err := r.argv(service, deploy{Spec: spec, Project: project})
		if err != nil {
			return
		}
		if len(argv) > 2 || argv[0] != "mojo" {
			t.Errorf("%q became %q", r.command, argv)
		}
		if len(argv) == 2 && argv[1] == "" && element != "" {
			t.Errorf("%q became an empty argument", element)
		}
	})
}

func TestEnvironment(t *testing.T) {
	t.Setenv("INHERITED", "yes")
	t.Setenv("OVERRIDDEN", "ours")
	t.Setenv("CDPLAN_RUN", "ours")
	w := newWorld(t, `env > "$OUT/env"`)
	w.deploy.Environment["OVERRIDDEN"] = "theirs"
	w.deploy.Environment["CDPLAN_SERVICE"] = "theirs"
	w.deploy.Environment["EMPTY"] = ""
	w.deploy.Revisions = map[string]resource.Revision{"app": {Revno: "3", ID: "a-3"}, "my-charm": {Revno: "1.2.3", ID: "c-1"}}
	w.mustApply()
	got := strings.Split(w.read("env"), "\n")
	for _, want := range []string{
		"INHERITED=yes", "OVERRIDDEN=theirs", "EMPTY=", "CDPLAN_SERVICE=api", "CDPLAN_RUN=r1",
		"CDPLAN_HASH=" + resource.Hash(w.deploy.Revisions), "CDPLAN_STAMP_FILE=" + w.step.Log + ".stamp",
		"CDPLAN_REVNO_APP=3", "CDPLAN_REVISION_APP=a-3", "CDPLAN_REVNO_MY_CHARM=1.2.3", "CDPLAN_REVISION_MY_CHARM=c-1",
	} {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(line string) bool { return line != want })); n != 1 {
			t.Errorf("%s is there %d times", want, n)
		}
	}
	if slices.ContainsFunc(got, func(line string) bool { return strings.HasSuffix(line, "=ours") }) {
		t.Error("what was overridden is still there")
	}
}

func TestChildSees(t *testing.T) {
	w := newWorld(t, `pwd -P > "$OUT/pwd"; cat > "$OUT/stdin"; printf '%s\n' "$@" > "$OUT/args"; cp "$CDPLAN_STAMP_FILE" "$OUT/stamp"
stat -c %a "$CDPLAN_STAMP_FILE" > "$OUT/mode"
[ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo own > "$OUT/session"`)
	w.run.command = append(w.run.command, "{spec}", "two words")
	w.mustApply()
	real, err := filepath.EvalSymlinks(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pwd": real + "\n", "stdin": "", "args": "lp:spec\ntwo words\n", "stamp": "cd.hash=v1:0\ncd.service=api\n", "mode": "600\n", "session": "own\n",
	} {
		if got := w.read(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if _, err := os.Stat(w.step.Log + ".stamp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stamp file is still there: %v", err)
	}
}

func TestLog(t *testing.T) {
	w := newWorld(t, `echo out; echo err >&2`)
	w.deploy.Environment = nil // whose values are secrets
	w.mustApply()
	want := "# api run r1: " + w.script + "\nout\nerr\n"
	if got := w.read("r1.log"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	info, err := os.Stat(w.step.Log)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	w.mustApply()
	if got := w.read("r1.log"); got != want+want {
		t.Errorf("after a second run: %q", got)
	}
}

// TestStampFileTaken: a deploy that used the file up has not failed.
func TestStampFileTaken(t *testing.T) {
	w := newWorld(t, `rm "$CDPLAN_STAMP_FILE"`)
	w.mustApply()
}

func TestStampFileGoesAfterFailure(t *testing.T) {
	w := newWorld(t, "exit 1")
	_ = w.mustFail(t.Context())
	if _, err := os.Stat(w.step.Log + ".stamp"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stamp file is still there: %v", err)
	}
}

func TestFailureTail(t *testing.T) {
	w := newWorld(t, `i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i $TOKEN $TOKEN_OLD $SHORT"; done; exit 3`)
	w.deploy.Environment["TOKEN"] = "s3cret"
	w.deploy.Environment["TOKEN_OLD"] = "s3cret-old"
	w.deploy.Environment["SHORT"] = "yes"
	failure := w.mustFail(t.Context())
	if want := w.script + " ended with exit code 3"; failure.Error() != want {
		t.Errorf("got %q, want %q", failure, want)
	}
	if failure.Log != w.step.Log {
		t.Errorf("the log is %q", failure.Log)
	}
	var want []string
	for i := 11; i <= 30; i++ {
		want = append(want, fmt.Sprintf("line %d ****** ********** yes", i))
	}
	if diff := cmp.Diff(want, failure.Tail); diff != "" {
		t.Errorf("tail (-want +got):\n%s", diff)
	}
	if log := w.read("r1.log"); strings.Contains(log, "s3c") || !strings.Contains(log, "line 1 ****** ********** yes\n") {
		t.Errorf("the log has %q", log)
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("x", tailBytes)
	for _, test := range []struct {
		name, log string
		secrets   []string
		want      []string
	}{
		{"short", "a\nb\n", nil, []string{"a", "b"}},
		{"no last newline", "a\nb", nil, []string{"a", "b"}},
		{"cut", "first " + long + "\nlast\n", nil, []string{"last"}},
		{"cut within a secret", long[:tailBytes-8] + "secret-of-many-letters\nend\n", []string{"secret-of-many-letters"}, []string{"end"}},
		{"secret of several lines", "key\nBEGIN KEY\nabcdef\nEND KEY\nafter\n", secretsOf([]string{"S=BEGIN KEY\nabcdef\nEND KEY"}, []string{"S"}),
			[]string{"key", "*********", "******", "*******", "after"}},
		{"a line of such a secret", "> BEGIN KEY\n> abcdef\n> x\n", secretsOf([]string{"S=BEGIN KEY\nabcdef\nx\n"}, []string{"S"}),
			[]string{"> *********", "> ******", "> x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tail(path, test.secrets)); diff != "" {
				t.Errorf("tail (-want +got):\n%s", diff)
			}
		})
	}
	if got := tail(filepath.Join(t.TempDir(), "none"), nil); got != nil {
		t.Errorf("no log has the tail %q", got)
	}
}

// TestCannotStart: trouble before the deploy begins is no failure of the deploy.
func TestCannotStart(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*world)
		want  string
	}{
		{"no program", func(w *world) { w.run.command[0] = filepath.Join(w.dir, "none") }, "cannot start mojo"},
		{"not on PATH", func(w *world) { w.run.command[0] = "no-such-program-as-this" }, "there is no \"no-such-program-as-this\" on PATH"},
		{"no directory", func(w *world) { w.deploy.Directory = filepath.Join(w.dir, "none") }, "cannot start mojo"},
		{"no log directory", func(w *world) { w.step.Log = filepath.Join(w.dir, "none", "log") }, "cannot write the stamp lines"},
		{"no log", func(w *world) { _ = os.Mkdir(w.step.Log, 0o700) }, "cannot open the log"},
		{"bad timeout", func(w *world) { w.deploy.Timeout = "soon" }, `timeout "soon"`},
		{"no timeout", func(w *world) { w.deploy.Timeout = "0s" }, `timeout "0s"`},
		{"an option", func(w *world) { w.deploy.Spec = "-x" }, "looks like an option"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "exit 0")
			test.spoil(w)
			err := w.apply(t.Context())
			var failure *resource.Failure
			if err == nil || errors.As(err, &failure) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ...%s...", err, test.want)
			}
		})
	}
}

func TestInterruptedBeforeTheStart(t *testing.T) {
	w := newWorld(t, `: > "$OUT/ran"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.apply(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "ran")); err == nil {
		t.Error("it ran all the same")
	}
}

// TestInterrupted: the whole group gets SIGTERM, and has time to end in its own way.
func TestInterrupted(t *testing.T) {
	w := newWorld(t, `sh -c 'trap "echo child ended; exit" TERM; echo started > "$OUT/started"; while :; do sleep 0.1; done'
echo leader went on`)
	started := w.fifo("started")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.wait(started)
		cancel()
	}()
	failure := w.mustFail(ctx)
	if want := w.script + " was interrupted"; failure.Error() != want {
		t.Errorf("got %q, want %q", failure, want)
	}
	if log := w.read("r1.log"); !strings.Contains(log, "child ended") || strings.Contains(log, "went on") {
		t.Errorf("log: %q", log)
	}
}

// TestOutlivesItsLeader: a grandchild that cleans up after SIGTERM may finish although the leader has gone at once.
func TestOutlivesItsLeader(t *testing.T) {
	w := newWorld(t, `sh -c 'trap "sleep 0.5; echo clean; exit" TERM; echo > "$OUT/started"; while :; do sleep 0.1; done' &
while :; do sleep 0.1; done`)
	started := w.fifo("started")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.wait(started)
		cancel()
	}()
	_ = w.mustFail(ctx)
	if log := w.read("r1.log"); !strings.Contains(log, "clean\n") {
		t.Errorf("log: %q", log)
	}
}

// TestTimeout: what ignores SIGTERM gets SIGKILL once the grace is over, grandchildren too.
func TestTimeout(t *testing.T) {
	w := newWorld(t, `trap '' TERM
sh -c 'exec 3> "$OUT/alive"; echo up >&3; while :; do sleep 0.1; done' &
while :; do sleep 0.1; done`)
	alive := w.fifo("alive")
	w.run.grace = 50 * time.Millisecond
	w.deploy.Timeout = "300ms"
	gone := make(chan string)
	go func() { gone <- w.wait(alive) }() // ends when the last process of the group is dead
	failure := w.mustFail(t.Context())
	if want := w.script + " did not end within 300ms"; failure.Error() != want {
		t.Errorf("got %q, want %q", failure, want)
	}
	if fd, err := syscall.Open(alive, syscall.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // for a grandchild killed before it opened the pipe
		_ = syscall.Close(fd)
	}
	<-gone
}

// TestGrandchildThatIgnores: the leader ends at SIGTERM, the grandchild has to be killed.
func TestGrandchildThatIgnores(t *testing.T) {
	w := newWorld(t, `sh -c 'trap "" TERM; exec 3> "$OUT/alive"; echo up >&3; while :; do sleep 0.1; done' &
read x < "$OUT/up"; echo > "$OUT/started"; while :; do sleep 0.1; done`)
	alive, up, started := w.fifo("alive"), w.fifo("up"), w.fifo("started")
	w.run.grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		file, err := os.Open(alive)
		if err != nil {
			gone <- err
			return
		}
		if _, err := file.Read(make([]byte, 3)); err != nil {
			gone <- err
			return
		}
		_ = os.WriteFile(up, []byte("\n"), 0)
		_, _ = os.ReadFile(started)
		cancel()
		_, err = io.Copy(io.Discard, file)
		gone <- err
	}()
	_ = w.mustFail(ctx)
	if err := <-gone; err != nil {
		t.Error(err)
	}
}

// TestKeep: a lock on a file that the child inherits lasts as long as the child.
func TestKeep(t *testing.T) {
	w := newWorld(t, `readlink /proc/$$/fd/3 > "$OUT/kept"; echo > "$OUT/started"; read x < "$OUT/go"`)
	started := w.fifo("started")
	w.fifo("go")
	path := filepath.Join(w.dir, "lock")
	lock := w.open(path)
	fd := int(lock.Fd())
	if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	w.step.Keep = []*os.File{lock}
	done := make(chan error)
	go func() { done <- w.apply(t.Context()) }()
	w.wait(started)
	null := w.open(os.DevNull)
	if err := syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC); err != nil { // closes our copy, and lets no other file take its number
		t.Fatal(err)
	}
	other := w.open(path)
	try := func() error { return syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	if err := try(); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("while the child runs: %v", err)
	}
	w.write("go", "\n", 0)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Errorf("after the child has ended: %v", err)
	}
	if got := w.read("kept"); !strings.HasSuffix(got, "/lock\n") {
		t.Errorf("what mojo itself has open beside its input and output is %q", got)
	}
}

func (w *world) open(path string) *os.File {
	w.t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestOpen(t *testing.T) {
	typ := Driver().Config.Type()
	for _, test := range []struct {
		name, timeout string
		want          string // of the error
	}{
		{"good", "90m", ""},
		{"no duration", "soon", `not "soon"`},
		{"none", "0s", `not "0s"`},
		{"negative", "-1m", `not "-1m"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := cty.ObjectVal(map[string]cty.Value{"command": cty.NullVal(cty.List(cty.String)), "timeout": cty.StringVal(test.timeout),
				"phase": cty.NullVal(cty.String)})
			if !config.Type().Equals(typ) {
				t.Fatal("not the block's type")
			}
			p, err := open(t.Context(), config)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want ...%s...", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r := p.(*runner)
			if r.timeout != 90*time.Minute || !slices.Equal(r.command, defaultCommand) || r.grace != defaultGrace {
				t.Errorf("got %+v", r)
			}
		})
	}
}
