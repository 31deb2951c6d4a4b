package mojo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

var _ providers.Survivor = (*runner)(nil)

// parentWord makes the test binary a cdplan that a test can kill.
const parentWord = "be-a-parent"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == SuperviseWord {
		os.Exit(Supervise(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == parentWord {
		os.Exit(beParent(os.Args[2]))
	}
	os.Exit(m.Run())
}

// orders are what a parent is told to do.
type orders struct {
	Command   []string
	Directory string
	Timeout   string
	Log       string
	Lock      string // path of a file to lock
}

func beParent(text string) int {
	var o orders
	err := json.Unmarshal([]byte(text), &o)
	var lock *os.File
	if err == nil {
		lock, err = os.OpenFile(o.Lock, os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = o.apply(lock)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func (o orders) apply(lock *os.File) error {
	want, err := resource.Encode(runSchema(), deploy{Directory: o.Directory, Spec: "lp:spec", Timeout: o.Timeout,
		Environment: map[string]string{"OUT": o.Directory}})
	if err != nil {
		return err
	}
	r := &runner{command: o.Command, timeout: time.Hour, grace: 50 * time.Millisecond, phase: regexp.MustCompile(defaultPhase),
		poll: time.Second}
	step := resource.Step{Addr: resource.Addr{Service: "api", Type: "mojo_run", Label: "deploy"}, Run: "r1", Want: want, Log: o.Log,
		Keep: []*os.File{lock}}
	_, err = r.Apply(context.Background(), step, func(resource.Event) {})
	return err
}

// parent starts a process that applies what the world asks for.
func (w *world) parent() *exec.Cmd {
	w.t.Helper()
	text, err := json.Marshal(orders{w.run.command, w.dir, w.deploy.Timeout, w.step.Log, filepath.Join(w.dir, "lock")})
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], parentWord, string(text))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// kill ends a process at once, and waits for its end.
func (w *world) kill(cmd *exec.Cmd) {
	w.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	_ = cmd.Wait()
}

// word returns what was left of the deploy.
func (w *world) word() word {
	w.t.Helper()
	left, known := readWord(w.step.Log)
	if !known {
		w.t.Fatal("there is no word of the end")
	}
	return left
}

// pid returns the number that a script has written.
func (w *world) pid(text string) int {
	w.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return pid
}

// TestWord: what is left of a deploy says the same as Apply did.
func TestWord(t *testing.T) {
	for _, test := range []struct {
		name, script, timeout string
		want                  word
		err                   string
	}{
		{"success", "exit 0", "", word{}, ""},
		{"failure", "exit 3", "", word{ExitCode: 3}, "ended with exit code 3"},
		{"killed", "kill -KILL $$", "", word{ExitCode: 137, Signal: "killed"}, "failed: signal: killed"},
		{"timeout", "sleep 600", "100ms", word{ExitCode: 143, Signal: "terminated", EndedBy: byTimeout}, "did not end within 100ms"},
		{"timeout with an own code", "trap 'exit 4' TERM; sleep 600 & wait", "100ms", word{ExitCode: 4, EndedBy: byTimeout}, "did not end within 100ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.script)
			w.deploy.Timeout = test.timeout
			applied := w.apply(t.Context())
			got := w.word()
			if got.End.IsZero() || got.End.Location() != time.UTC {
				t.Errorf("it ended at %v", got.End)
			}
			test.want.Program, test.want.Timeout, test.want.End = w.script, got.Timeout, got.End
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			end, err := w.run.Outcome(w.step.Log)
			if end.IsZero() || fmt.Sprint(err) != fmt.Sprint(applied) {
				t.Errorf("outcome %v %v, but Apply said %v", end, err, applied)
			}
			if test.err == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var failure *resource.Failure
			if !errors.As(err, &failure) || failure.Error() != w.script+" "+test.err || failure.Log != w.step.Log || failure.Tail != nil {
				t.Errorf("got %#v", err)
			}
		})
	}
}

func TestWordIsOwnersAlone(t *testing.T) {
	w := newWorld(t, "exit 0")
	w.mustApply()
	info, err := os.Stat(exitFile(w.step.Log))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
}

// TestWordOfAnEarlierRun: it does not outlive the start of another.
func TestWordOfAnEarlierRun(t *testing.T) {
	w := newWorld(t, `test -e "$OUT/r1.log.exit" && touch "$OUT/old"; exit 0`)
	w.mustApply()
	w.mustApply()
	if _, err := os.Stat(filepath.Join(w.dir, "old")); err == nil {
		t.Error("the word of the first run was there during the second")
	}
}

// TestNeverRan: the supervisor tells a program that cannot be run from one that failed.
func TestNeverRan(t *testing.T) {
	w := newWorld(t, "exit 0")
	w.write("no-program", "text", 0o700)
	w.run.command = []string{filepath.Join(w.dir, "no-program")}
	applied := w.apply(t.Context())
	_, err := w.run.Outcome(w.step.Log)
	for _, err := range []error{applied, err} {
		var failure *resource.Failure
		if err == nil || errors.As(err, &failure) || !strings.Contains(err.Error(), "cannot start mojo: ") {
			t.Errorf("got %v", err)
		}
	}
	if w.word().StartError == "" {
		t.Error("the word does not say that it never ran")
	}
}

func TestNoWord(t *testing.T) {
	w := newWorld(t, "exit 0")
	if end, err := w.run.Outcome(w.step.Log); !end.IsZero() || err != nil {
		t.Errorf("without a file: %v, %v", end, err)
	}
	w.write("r1.log.exit", "{", 0o600)
	if end, err := w.run.Outcome(w.step.Log); !end.IsZero() || err != nil {
		t.Errorf("with half a file: %v, %v", end, err)
	}
}

// lockOf waits for the lock that the deploy of a parent holds, and with it for the end of all that inherited it.
func (w *world) lockOf() {
	w.t.Helper()
	if err := syscall.Flock(int(w.open(filepath.Join(w.dir, "lock")).Fd()), syscall.LOCK_EX); err != nil {
		w.t.Fatal(err)
	}
}

// TestParentKilled: the deploy goes on, keeps the lock, and leaves word.
func TestParentKilled(t *testing.T) {
	w := newWorld(t, `echo > "$OUT/started"; read x < "$OUT/go"; exit 3`)
	started := w.fifo("started")
	w.fifo("go")
	parent := w.parent()
	w.wait(started)
	w.kill(parent)
	lock := w.open(filepath.Join(w.dir, "lock"))
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("the lock while the deploy runs: %v", err)
	}
	if end, _ := w.run.Outcome(w.step.Log); !end.IsZero() {
		t.Error("there is word of its end while it runs")
	}
	w.write("go", "\n", 0)
	w.lockOf()
	if end, err := w.run.Outcome(w.step.Log); end.IsZero() || err == nil || err.Error() != w.script+" ended with exit code 3" {
		t.Errorf("got %v %v", end, err)
	}
	if _, err := os.Stat(stampFile(w.step.Log)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stamp file is still there: %v", err)
	}
}

// TestDeadlineWithoutParent: the deadline holds, and SIGKILL follows, although cdplan is gone.
func TestDeadlineWithoutParent(t *testing.T) {
	w := newWorld(t, `trap '' TERM; echo > "$OUT/started"; while :; do sleep 0.1; done`)
	started := w.fifo("started")
	w.deploy.Timeout = "1s"
	parent := w.parent()
	w.wait(started)
	w.kill(parent)
	w.lockOf()
	if got := w.word(); got.EndedBy != byTimeout || got.Signal != "killed" {
		t.Errorf("got %+v", got)
	}
}

// TestDeployEndedByOthers: who ends the deploy itself, and not the supervisor, is taken for what the deploy died of.
func TestDeployEndedByOthers(t *testing.T) {
	w := newWorld(t, `echo $$ > "$OUT/started"; while :; do sleep 0.1; done`)
	started := w.fifo("started")
	go func() { _ = syscall.Kill(-w.pid(w.wait(started)), syscall.SIGTERM) }()
	_ = w.mustFail(t.Context())
	if got := w.word(); got.Signal != "terminated" || got.ExitCode != 143 || got.EndedBy != "" {
		t.Errorf("got %+v", got)
	}
}

// TestSupervisorSignalled: it passes SIGTERM on, lives on to leave word, and takes no notice of what a terminal sends.
func TestSupervisorSignalled(t *testing.T) {
	w := newWorld(t, `trap 'echo tidy; exit 5' TERM
echo $PPID > "$OUT/started"; while :; do sleep 0.1; done`)
	started := w.fifo("started")
	go func() {
		group := -w.pid(w.wait(started))
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTERM} {
			_ = syscall.Kill(group, s)
		}
	}()
	failure := w.mustFail(t.Context())
	if want := w.script + " was interrupted"; failure.Error() != want {
		t.Errorf("got %q, want %q", failure, want)
	}
	if got := w.word(); got.ExitCode != 5 || got.EndedBy != byOrder {
		t.Errorf("got %+v", got)
	}
	if log := w.read("r1.log"); !strings.Contains(log, "tidy\n") {
		t.Errorf("log: %q", log)
	}
}

// TestSupervisorKilled: the deploy is not left to itself.
func TestSupervisorKilled(t *testing.T) {
	w := newWorld(t, `trap 'echo > "$OUT/ended"; exit' TERM
echo $PPID > "$OUT/started"; while :; do sleep 0.1; done`)
	started, ended := w.fifo("started"), w.fifo("ended")
	go func() { _ = syscall.Kill(w.pid(w.wait(started)), syscall.SIGKILL) }()
	failure := w.mustFail(t.Context())
	if !strings.Contains(failure.Error(), "cannot tell how "+w.script+" ended") {
		t.Errorf("got %q", failure)
	}
	w.wait(ended)
}

// TestSignalsOfTheDeploy: it ignores no signal that it would not ignore without a supervisor.
func TestSignalsOfTheDeploy(t *testing.T) {
	script := `grep SigIgn /proc/self/status > "$OUT/ignored"`
	w := newWorld(t, script)
	w.mustApply()
	dir := t.TempDir()
	without := exec.Command("sh", "-c", script)
	without.Env = append(os.Environ(), "OUT="+dir)
	if err := without.Run(); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(dir + "/ignored")
	if got := w.read("ignored"); err != nil || got != string(want) {
		t.Errorf("ignored: %q, without a supervisor %q, %v", got, want, err)
	}
}

func TestNotForPeople(t *testing.T) {
	if code := Supervise([]string{"x"}); code != exitUsage {
		t.Errorf("got %d", code)
	}
}
