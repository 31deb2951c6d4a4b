// Package bzrtest runs brz's commands for tests: real breezy, but all in one process, since most of what a command takes is the start of Python.
package bzrtest

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
)

//go:embed brz.py
var program string

// python is the one that Debian's brz runs in.
const python = "/usr/bin/python3"

// Process is a process that runs brz's commands. Its methods may be called at the same time; the commands run one after the other.
type Process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser

	mu      sync.Mutex
	ask     *json.Encoder
	answers *json.Decoder
}

// Start starts a process with our environment and these variables "NAME=VALUE".
func Start(env ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(python, "-c", program)}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = slices.Concat(os.Environ(), env), os.Stderr, "/"
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.ask, p.answers = json.NewEncoder(p.stdin), json.NewDecoder(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start breezy (apt-get install brz): %w", err)
	}
	return p, nil
}

// Close ends the process.
func (p *Process) Close() error { return errors.Join(p.stdin.Close(), p.cmd.Wait()) }

// Run runs a command in a directory, with variables for it alone, and returns what it printed to stdout.
func (p *Process) Run(dir string, env map[string]string, args ...string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ask.Encode(map[string]any{"dir": dir, "env": env, "args": args}); err != nil {
		return "", fmt.Errorf("breezy has ended: %w", err)
	}
	var answer struct{ Out, Error string }
	if err := p.answers.Decode(&answer); err != nil {
		return "", fmt.Errorf("breezy has ended: %w", err)
	}
	if answer.Error != "" {
		return answer.Out, fmt.Errorf("brz %q: %s", args, answer.Error)
	}
	return answer.Out, nil
}

// Commit adds and commits all that changed in a working tree, by somebody such as "Ann Example <ann@example.com>".
func (p *Process) Commit(dir, message, who string) error {
	if _, err := p.Run(dir, nil, "add", "-q", dir); err != nil {
		return err
	}
	_, err := p.Run(dir, map[string]string{"BRZ_EMAIL": who}, "commit", "-q", "--unchanged", "-m", message, dir)
	return err
}
