package state_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

var owner = state.Owner{PID: 42, User: "joe", Command: "cdplan apply", Start: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), Service: "api"}

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
	if want := "another run works on api since 2027-01-02T03:04:05Z: pid 42 of joe, cdplan apply"; busy.Error() != want {
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
	if busy := mustBeBusy(t, dir); busy.Owner.PID != owner.PID {
		t.Errorf("owner %+v", busy.Owner)
	}
	end()
	mustClose(t, mustLock(t, dir, "api"))
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
		if busy := mustBeBusy(t, dir); busy.Error() != "another run works on api" {
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
