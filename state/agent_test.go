package state_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"launchpad.net/cdplan/state"
)

func TestLockAgent(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "new"))
	lock, err := dir.LockAgent(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dir.LockAgent(t.Context(), state.Owner{PID: 1})
	var busy *state.AgentError
	want := fmt.Sprintf("another agent works with the state directory %s since 2027-01-02T03:04:05Z: pid %d of joe, cdplan apply", dir, os.Getpid())
	if !errors.As(err, &busy) || busy.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	mustClose(t, mustLock(t, dir, "agent")) // a service of that name is free
	mustClose(t, lock)
	if lock, err = dir.LockAgent(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	mustClose(t, lock)
	if info, err := os.Stat(filepath.Join(string(dir), "agent.lock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// While the one who takes the lock has not written its name yet, the name is not known.
func TestLockAgentOfNobody(t *testing.T) {
	want := "another agent works with the state directory /x"
	if got := (&state.AgentError{Dir: "/x"}).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJournalReplaced(t *testing.T) {
	dir := state.Dir(t.TempDir())
	journal, err := dir.OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	path := filepath.Join(string(dir), "journal.db")
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"untouched", func() error { return nil }, false},
		{"written", func() error { _, err := journal.Start(t.Context(), state.Attempt{Service: "api"}); return err }, false},
		{"moved away", func() error { return os.Rename(path, path+".damaged") }, true},
		{"begun anew", func() error { return os.WriteFile(path, nil, 0o600) }, true},
		{"moved back", func() error { return os.Rename(path+".damaged", path) }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := journal.Replaced(); got != step.want {
			t.Errorf("%s: %t", step.name, got)
		}
	}
}
