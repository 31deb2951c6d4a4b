package state_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

var owner = state.Owner{PID: os.Getpid(), User: "joe", Command: "cdplan apply", Start: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), Service: "api"}

func mustLock(t *testing.T, dir state.Dir, service string) *state.Lock {
	t.Helper()
	who := owner
	who.Service = service
	lock, err := dir.Lock(t.Context(), who, 0)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// mustBeBusy returns the error of a lock that cannot be had.
func mustBeBusy(t *testing.T, dir state.Dir) *state.BusyError {
	t.Helper()
	_, err := dir.Lock(t.Context(), state.Owner{PID: 1, Service: "api"}, 0)
	var busy *state.BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("got %v, want a BusyError", err)
	}
	return busy
}

func mustClose(t *testing.T, lock *state.Lock) {
	t.Helper()
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	busy := mustBeBusy(t, dir)
	if busy.Owner != owner {
		t.Errorf("owner %+v, want %+v", busy.Owner, owner)
	}
	if want := fmt.Sprintf("another run works on api since 2027-01-02T03:04:05Z: pid %d of joe, cdplan apply", os.Getpid()); busy.Error() != want {
		t.Errorf("got %q, want %q", busy, want)
	}
	mustClose(t, mustLock(t, dir, "web")) // another service is free
	mustClose(t, lock)
	mustClose(t, mustLock(t, dir, "api"))
}

func TestLockIsTheOwners(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "new"))
	mustClose(t, mustLock(t, dir, "api"))
	for path, want := range map[string]os.FileMode{"locks": 0o700, "locks/api.lock": 0o600} {
		info, err := os.Stat(filepath.Join(string(dir), path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// TestLockWaits: who waits gets the lock once it is free, a few tries later.
func TestLockWaits(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	closed := make(chan error, 1)
	time.AfterFunc(250*time.Millisecond, func() { closed <- lock.Close() })
	second, err := dir.Lock(t.Context(), owner, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, second)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestLockWaitEnds(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	var busy *state.BusyError
	if _, err := dir.Lock(t.Context(), owner, 10*time.Millisecond); !errors.As(err, &busy) {
		t.Errorf("after the wait: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dir.Lock(ctx, owner, time.Hour); err == nil {
		t.Error("the wait went on under an ended context, or the lock was given twice")
	}
	mustClose(t, lock)
}

// startChild starts a process that inherits the files, and returns what ends it and waits for its end.
func startChild(t *testing.T, files ...*os.File) (end func()) {
	t.Helper()
	child := exec.Command("cat")
	child.ExtraFiles = files
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(stdin.Close(), child.Wait()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLockInherited: a child that inherited the lock keeps it after its parent has died.
func TestLockInherited(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	end := startChild(t, lock.File())
	if err := lock.File().Close(); err != nil { // as the kernel does for one that dies
		t.Fatal(err)
	}
	busy := mustBeBusy(t, dir)
	if len(busy.Holders) != 1 || busy.Owner != owner {
		t.Fatalf("%+v is held by %+v", busy.Owner, busy.Holders)
	}
	want := fmt.Sprintf("the deploy of api that pid %d of joe began at 2027-01-02T03:04:05Z goes on without it: pid %d, cat", os.Getpid(), busy.Holders[0].PID)
	if busy.Error() != want {
		t.Errorf("got %q, want %q", busy, want)
	}
	end()
	mustClose(t, mustLock(t, dir, "api"))
}

// TestHolders: all that inherited the lock hold it, the oldest comes first; who only has the file open does not.
func TestHolders(t *testing.T) {
	dir := state.Dir(t.TempDir())
	if holders, err := dir.Holders("api"); len(holders) > 0 || err != nil {
		t.Errorf("of a lock that nobody ever took: %+v, %v", holders, err)
	}
	lock := mustLock(t, dir, "api")
	file, err := os.Open(filepath.Join(string(dir), "locks", "api.lock"))
	if err != nil {
		t.Fatal(err)
	}
	endReader := startChild(t, file)
	end := startChild(t, lock.File())
	holders, err := dir.Holders("api")
	if err != nil || len(holders) != 2 || holders[0].PID != os.Getpid() || holders[1].Command != "cat" {
		t.Errorf("%+v, %v", holders, err)
	}
	end()
	endReader()
	if holders, err := dir.Holders("api"); err != nil || len(holders) != 1 {
		t.Errorf("after the child: %+v, %v", holders, err)
	}
	mustClose(t, lock)
	if holders, err := dir.Holders("api"); err != nil || len(holders) != 0 {
		t.Errorf("after all: %+v, %v", holders, err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHoldersAreFitToBeShown: command lines come from outside and are as long as they like.
func TestHoldersAreFitToBeShown(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	child := exec.Command("sh", "-c", "read x", "\x1b[31m\n\u202e"+strings.Repeat("y", 1000))
	child.ExtraFiles = []*os.File{lock.File()}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	holders, err := dir.Holders("api")
	if err != nil || len(holders) != 2 {
		t.Fatalf("%+v, %v", holders, err)
	}
	if command := holders[1].Command; !strings.HasPrefix(command, "sh -c read x [31m yyy") || len(command) != 120 || !strings.HasSuffix(command, "y...") {
		t.Errorf("got %q", command)
	}
	_ = errors.Join(stdin.Close(), child.Wait()) // read fails at the end of its input
	mustClose(t, lock)
}

// TestNews: of each run once.
func TestNews(t *testing.T) {
	dir := state.Dir(t.TempDir())
	mustClose(t, mustLock(t, dir, "api"))
	first := &state.BusyError{Owner: owner}
	other := &state.BusyError{Owner: owner}
	other.Owner.Start = owner.Start.Add(1)
	for i, test := range []struct {
		busy *state.BusyError
		want bool
	}{{first, true}, {first, false}, {other, true}, {other, false}, {first, true}} {
		if got, err := dir.News(test.busy); got != test.want || err != nil {
			t.Errorf("%d: %t, %v", i, got, err)
		}
	}
	if news, err := state.Dir("/dev/null").News(first); !news || err == nil {
		t.Errorf("what cannot be noted: %t, %v", news, err)
	}
}

// TestBusyText: what is said about an owner that is not known depends on who holds the lock.
func TestBusyText(t *testing.T) {
	mojo := state.Process{PID: 77, Command: "mojo run api"}
	for _, test := range []struct {
		busy state.BusyError
		want string
	}{
		{state.BusyError{Owner: state.Owner{Service: "api"}}, "another run works on api"},
		{state.BusyError{Owner: state.Owner{Service: "api"}, Holders: []state.Process{mojo, {PID: 78}}}, "another run works on api: pid 77, mojo run api"},
		{state.BusyError{Owner: owner, Holders: nil},
			fmt.Sprintf("another run works on api since 2027-01-02T03:04:05Z: pid %d of joe, cdplan apply", owner.PID)},
		{state.BusyError{Owner: owner, Holders: []state.Process{{PID: 78}}},
			fmt.Sprintf("the deploy of api that pid %d of joe began at 2027-01-02T03:04:05Z goes on without it: pid 78", owner.PID)},
	} {
		if got := test.busy.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestLockClosed: a child that inherited the lock does not keep it once its parent has given it up.
func TestLockClosed(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	end := startChild(t, lock.File())
	mustClose(t, lock)
	mustClose(t, mustLock(t, dir, "api"))
	end()
}

// TestLockForgetsItsOwner: who has just taken the lock, and has not yet written who it is, is not taken for the one before.
func TestLockForgetsItsOwner(t *testing.T) {
	dir := state.Dir(t.TempDir())
	before := owner
	before.PID = 1 << 30
	lock, err := dir.Lock(t.Context(), before, 0)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, lock)
	file, err := os.Open(filepath.Join(string(dir), "locks", "api.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	if busy := mustBeBusy(t, dir); busy.Orphaned() || busy.Owner.PID != 0 {
		t.Errorf("got %v", busy)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockNotInherited: a child that was not given the lock does not keep it.
func TestLockNotInherited(t *testing.T) {
	dir := state.Dir(t.TempDir())
	lock := mustLock(t, dir, "api")
	end := startChild(t)
	mustClose(t, lock)
	mustClose(t, mustLock(t, dir, "api"))
	end()
}

// TestGarbageInTheLockFile: what stands in the file decides nothing.
func TestGarbageInTheLockFile(t *testing.T) {
	for _, garbage := range []string{"", "{", "not JSON at all", `{"pid": "x"}`, strings.Repeat("x", 1<<16)} {
		dir := state.Dir(t.TempDir())
		file := filepath.Join(string(dir), "locks", "api.lock")
		mustClose(t, mustLock(t, dir, "api"))
		write := func() {
			if err := os.WriteFile(file, []byte(garbage), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write()
		lock := mustLock(t, dir, "api")
		if busy := mustBeBusy(t, dir); busy.Owner != owner {
			t.Errorf("%.20q: owner %+v", garbage, busy.Owner)
		}
		write()
		if busy := mustBeBusy(t, dir); busy.Owner.PID != 0 || !strings.HasPrefix(busy.Error(), fmt.Sprintf("another run works on api: pid %d, ", os.Getpid())) {
			t.Errorf("%.20q: %v", garbage, busy)
		}
		mustClose(t, lock)
	}
}

func TestLockCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var busy *state.BusyError
	if _, err := state.Dir(file).Lock(t.Context(), owner, 0); err == nil || errors.As(err, &busy) {
		t.Errorf("got %v", err)
	}
}

func TestDefaultDir(t *testing.T) {
	for _, test := range []struct {
		name      string
		uid       int
		variables map[string]string
		want      state.Dir
	}{
		{"root", 0, map[string]string{"HOME": "/root", "XDG_STATE_HOME": "/x"}, "/var/lib/cdplan"},
		{"XDG", 1000, map[string]string{"HOME": "/home/joe", "XDG_STATE_HOME": "/x/"}, "/x/cdplan"},
		{"relative XDG", 1000, map[string]string{"HOME": "/home/joe", "XDG_STATE_HOME": "x"}, "/home/joe/.local/state/cdplan"},
		{"HOME", 1000, map[string]string{"HOME": "/home/joe"}, "/home/joe/.local/state/cdplan"},
	} {
		t.Run(test.name, func(t *testing.T) {
			getenv := func(name string) string { return test.variables[name] }
			if got, err := state.DefaultDir(getenv, test.uid); got != test.want || err != nil {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestNoDefaultDir(t *testing.T) {
	for _, home := range []string{"", "relative"} {
		if dir, err := state.DefaultDir(func(string) string { return home }, 1000); err == nil {
			t.Errorf("HOME=%s gives %s", home, dir)
		}
	}
}

func TestLogPath(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "new"))
	got, err := dir.Log("api", "r1")
	if want := filepath.Join(string(dir), "logs", "api", "r1.log"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	info, err := os.Stat(filepath.Dir(got))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(string(dir)+"/logs/web", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Log("web", "r1"); err == nil {
		t.Error("a file served as a directory")
	}
}

func TestRunName(t *testing.T) {
	begin := time.Date(2027, 1, 2, 4, 4, 5, 6_789_000, time.FixedZone("CET", 3600))
	if got, want := state.RunName(begin), "20270102T030405.006Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
