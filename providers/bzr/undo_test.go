package bzr

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// undoCase has a branch at revision 3, and asks for revision 1.
func undoCase(t *testing.T) (dir string, r providers.Reverter, undo resource.Undo) {
	t.Helper()
	dir = newBranch(t, filepath.Join(t.TempDir(), "b"), "2a", "1", "2", "3")
	r, ok := opened(t, nil).Resource(branchType).(providers.Reverter)
	if !ok {
		t.Fatal("branches cannot be undone")
	}
	w := wantedTree(dir, "3")
	return dir, r, resource.Undo{Addr: w.Addr, Config: w.Config, From: info(t, dir), To: info(t, dir, "-r1"), Message: "--undo\nit's \"all\""}
}

// mustBeAsBefore says that the undoing has changed nothing.
func mustBeAsBefore(t *testing.T, dir string, tip resource.Revision) {
	t.Helper()
	if now := info(t, dir); now != tip {
		t.Errorf("the tip was %s and is %s", tip, now)
	}
	if status := brz(t, dir, "status", "-S"); status != "" {
		t.Errorf("the tree has:\n%s", status)
	}
}

func TestUndo(t *testing.T) {
	dir, r, undo := undoCase(t)
	made, err := r.Undo(t.Context(), undo)
	if err != nil || made != info(t, dir) || made.Revno != "4" {
		t.Fatalf("got %s, %v", made, err)
	}
	mustBeAsBefore(t, dir, made)
	if diff := brz(t, dir, "diff", "-r1..4", "--using=true"); strings.TrimSpace(diff) != "" {
		t.Errorf("revision 4 is not as revision 1:\n%s", diff)
	}
	log := brz(t, dir, "log", "-r4")
	if !strings.Contains(log, "--undo\n") || !strings.Contains(log, "it's \"all\"\n") || !strings.Contains(log, "committer: Ann Example <ann@example.com>") {
		t.Errorf("the log says:\n%s", log)
	}
}

// What moved since a person was told is not undone.
func TestUndoOfAnotherTip(t *testing.T) {
	dir, r, undo := undoCase(t)
	write(t, dir+"/other", "x")
	brz(t, dir, "add", "-q")
	brz(t, dir, "commit", "-qm", "other")
	tip := info(t, dir)
	if _, err := r.Undo(t.Context(), undo); err == nil || !strings.Contains(err.Error(), "was revision 3 and is now 4: nothing was undone") {
		t.Errorf("got %v", err)
	}
	mustBeAsBefore(t, dir, tip)
}

// hook has every brz of the test load a plugin.
func hook(t *testing.T, text string) {
	t.Helper()
	plugins := t.TempDir()
	write(t, plugins+"/hooked.py", text)
	t.Setenv("BRZ_PLUGIN_PATH", plugins)
}

// An end of the context in the middle leaves nothing behind, neither in the tree nor of brz's locks.
func TestUndoInterrupted(t *testing.T) {
	dir, r, undo := undoCase(t)
	here := filepath.Join(t.TempDir(), "here")
	hook(t, `
import time
from breezy.branch import Branch
def wait(*args):
    open("`+here+`", "w").close()
    time.sleep(600)
Branch.hooks.install_named_hook("pre_commit", wait, "wait")
`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ; ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(here); err == nil {
				cancel()
				return
			}
		}
	}()
	_, err := r.Undo(ctx, undo)
	if err == nil || !strings.Contains(err.Error(), "context canceled; the working tree was put back, and nothing is undone") {
		t.Errorf("got %v", err)
	}
	mustBeAsBefore(t, dir, undo.From)
	if held, err := filepath.Glob(dir + "/.bzr/*/lock/held"); len(held) > 0 || err != nil {
		t.Errorf("brz left locks: %q, %v", held, err)
	}
	t.Setenv("BRZ_PLUGIN_PATH", "")
	commit(t, dir, "4")
}

// meddled undoes with a brz that is followed by these lines of shell when it merges.
func meddled(t *testing.T, undo resource.Undo, lines string) error {
	t.Helper()
	meddler := filepath.Join(t.TempDir(), "brz")
	write(t, meddler, "#!/bin/sh\ncase $2 in merge) "+lines+" ;; *) exec brz \"$@\" ;; esac\n")
	if err := os.Chmod(meddler, 0o700); err != nil {
		t.Fatal(err)
	}
	p := opened(t, map[string]cty.Value{"command": cty.StringVal(meddler)})
	_, err := p.Resource(branchType).(providers.Reverter).Undo(t.Context(), undo)
	return err
}

// Somebody else's change in the middle is not committed along, and not lost.
func TestUndoOfAMovingTree(t *testing.T) {
	dir, _, undo := undoCase(t)
	err := meddled(t, undo, `brz "$@" || exit; echo mine >`+dir+"/config.ini")
	if err == nil || !strings.Contains(err.Error(), "the files do not become what revision 1 holds: M  config.ini") {
		t.Errorf("got %v", err)
	}
	kept, err := os.ReadFile(dir + "/config.ini.~1~")
	if err != nil || string(kept) != "mine\n" {
		t.Errorf("the change is lost: %q, %v", kept, err)
	}
	if err := os.Remove(dir + "/config.ini.~1~"); err != nil {
		t.Fatal(err)
	}
	mustBeAsBefore(t, dir, undo.From)
}

// A tree in which somebody else works, so that brz gets no lock, is left to them.
func TestUndoOfALockedTree(t *testing.T) {
	dir, _, undo := undoCase(t)
	err := meddled(t, undo, "echo mine >"+dir+"/config.ini; echo 'brz: ERROR: Could not acquire lock' >&2; exit 3")
	if err == nil || err.Error() != "cannot merge backwards: Could not acquire lock; nothing is undone" {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(dir + "/config.ini"); err != nil || string(text) != "mine\n" {
		t.Errorf("the change is lost: %q, %v", text, err)
	}
}

func TestUndoCommand(t *testing.T) {
	_, r, undo := undoCase(t)
	undo.Message = "it's done"
	if got, want := r.UndoCommand(undo), `brz merge -r 3..1 . && brz commit -m 'it'"'"'s done'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
