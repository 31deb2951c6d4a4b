package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/state"
)

// A directory is judged by the nearest one that is there, and none is made.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	deep := state.Dir(filepath.Join(dir, "a", "b"))
	must(t, deep.Check())
	must(t, state.Dir(dir).Check())
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
	other := t.TempDir()
	serveSFTP(t, t.TempDir(), other)
	if err := state.Dir(filepath.Join(other, "a", "b")).Check(); err == nil || !strings.Contains(err.Error(), "it is on sshfs, where") {
		t.Errorf("on another host: %v", err)
	}
	readOnly := mount(t, "-t", "tmpfs", "-o", "ro", "none")
	if err := (readOnly + "/cdplan").Check(); err == nil || !strings.Contains(err.Error(), ": read-only file system. Run as the user who deploys") {
		t.Errorf("where nobody may write: %v", err)
	}
}

func TestJournalInfo(t *testing.T) {
	dir := state.Dir(t.TempDir())
	j := mustOpen(t, dir)
	end(t, j, attempt("api", "a-1", 0), "deployed", "")
	reader, err := dir.ReadJournal(t.Context())
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	info, err := reader.Info(t.Context())
	if err != nil || info.Path != filepath.Join(string(dir), "journal.db") || info.Size < 4096 || info.Version != 2 {
		t.Errorf("got %+v, %v", info, err)
	}
}
