package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// breezy runs brz's commands in a process of its own. Its methods may be called at the same time.
type breezy struct {
	mu      sync.Mutex
	ask     *json.Encoder
	answers *json.Decoder
}

// startBreezy starts the process, by the Python that Debian's brz runs in. It ends with the test.
func startBreezy(t testing.TB) *breezy {
	t.Helper()
	program, err := filepath.Abs("testdata/brz.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "BRZ_HOME="+cmd.Dir, "BRZ_LOG=/dev/null", "TZ=UTC")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	return &breezy{ask: json.NewEncoder(stdin), answers: json.NewDecoder(stdout)}
}

// run runs one command, by absolute paths.
func (b *breezy) run(email string, args ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ask.Encode(map[string]any{"email": email, "args": args}); err != nil {
		return err
	}
	var answer string
	if err := b.answers.Decode(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return fmt.Errorf("brz %v: %s", args, answer)
	}
	return nil
}

// commit adds and commits all that changed in a working tree.
func (b *breezy) commit(email, dir, message string) error {
	if err := b.run(email, "add", "-q", dir); err != nil {
		return err
	}
	return b.run(email, "commit", "-q", "--unchanged", "-m", message, dir)
}
