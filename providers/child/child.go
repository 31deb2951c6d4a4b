// Package child runs programs that are asked something, answer, and end. Each runs in a session of its own, without a terminal that could be asked
// for a password; there is no shell in between, stdin is empty, and what is kept of the output is bounded.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

const (
	maxOutput = 32 << 20
	maxErrors = 64 << 10

	// drain is how long output is waited for after a program has ended, for something that it left behind may hold the pipes open.
	drain = 2 * time.Second
)

// Command is a program to run.
type Command struct {
	Path string   // absolute
	Args []string // without the program's own name
	Env  []string // nil stands for ours

	// End is the signal that all of its process group gets when the context is done, and Grace how long it has to end after that. Without them it is
	// killed.
	End   syscall.Signal
	Grace time.Duration
}

// Exit is the error of a program that ran and said no.
type Exit struct {
	Status int    // -1 if a signal ended it
	Stderr []byte // the end of what it wrote there
}

func (e *Exit) Error() string { return fmt.Sprintf("it ended with status %d", e.Status) }

// ErrTooMuch is the error of a program that writes more to stdout than is kept.
var ErrTooMuch = errors.New("it writes too much")

// Run runs the program in the root directory and returns what it wrote to stdout. When the context is done before the program has ended, the
// error is the context's cause; a program that said no gives an *Exit.
func (c Command) Run(ctx context.Context) ([]byte, error) {
	if c.End == 0 {
		c.End, c.Grace = syscall.SIGKILL, drain
	}
	stdout, stderr := &head{limit: maxOutput}, &Tail{}
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", c.Env, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, c.End) }
	cmd.WaitDelay = c.Grace
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case stdout.full:
		return nil, ErrTooMuch
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return stdout.data.Bytes(), nil
	case errors.As(err, &exit):
		return nil, &Exit{exit.ExitCode(), stderr.Bytes()}
	}
	return nil, err
}

// head keeps what is written to it up to a limit, and refuses more.
type head struct {
	data  bytes.Buffer
	limit int
	full  bool
}

func (h *head) Write(p []byte) (int, error) {
	if h.data.Len()+len(p) > h.limit {
		h.full = true
		return 0, io.ErrShortBuffer
	}
	return h.data.Write(p)
}

// Tail keeps the end of what is written to it, as much as Run does of stderr. It is not safe for concurrent use.
type Tail struct{ data []byte }

func (t *Tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - maxErrors; over > 0 {
		t.data = slices.Delete(t.data, 0, over)
	}
	return len(p), nil
}

// Bytes returns what was kept.
func (t *Tail) Bytes() []byte { return t.data }
