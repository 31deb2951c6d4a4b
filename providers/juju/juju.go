// Package juju asks juju which servers the units of each application run on. It only reads, and it knows three dialects: juju 1 with its
// environments and services, juju 2 and juju 3 with models and applications.
package juju

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	defaultTimeout = time.Minute
	processes      = 8 // at a time
	maxOutput      = 32 << 20
	maxErrors      = 64 << 10
	maxLine        = 300

	// drain is how long output is waited for after juju has ended, for something that it left behind may hold the pipes open.
	drain = 2 * time.Second
)

// Client runs juju. Its methods may be called at the same time.
type Client struct {
	timeout time.Duration
	slots   chan struct{} // one place for every process that may run

	asking   singleflight.Group
	mu       sync.Mutex
	versions map[string]string // by program, of those that have answered
}

// New returns a Client. It runs nothing before it is asked.
func New() *Client {
	return &Client{timeout: defaultTimeout, slots: make(chan struct{}, processes), versions: map[string]string{}}
}

// Servers asks the program, a name on PATH or a path, for the status of a model, or of an environment of juju 1. No model means the one that the
// user of cdplan has chosen in juju. It returns, for each application, the ids of the servers that its units are on: sorted, each once, and
// none as long as there are none. An application of which juju cannot tell has an error instead.
func (c *Client) Servers(ctx context.Context, program, model string) (servers map[string][]string, faults map[string]error, err error) {
	version, err := c.Version(ctx, program)
	if err != nil {
		return nil, nil, err
	}
	args, err := statusArgs(version, model)
	if err != nil {
		return nil, nil, err
	}
	answer, err := c.run(ctx, program, args...)
	if err == nil {
		servers, faults, err = parse(answer)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot ask %s about %s: %w", program, place(version, model), err)
	}
	return servers, faults, nil
}

var versionLine = regexp.MustCompile(`^[1-9][0-9]*\.[0-9][-.0-9A-Za-z]*$`)

// Version returns what the program says of its version, such as 2.9.51-ubuntu-amd64. A program that has answered is not asked again.
func (c *Client) Version(ctx context.Context, program string) (string, error) {
	c.mu.Lock()
	known := c.versions[program]
	c.mu.Unlock()
	if known != "" {
		return known, nil
	}
	version, err, _ := c.asking.Do(program, func() (any, error) { return c.askVersion(ctx, program) })
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", program, err)
	}
	return version.(string), nil
}

func (c *Client) askVersion(ctx context.Context, program string) (string, error) {
	out, err := c.run(ctx, program, "version")
	if err != nil {
		return "", err
	}
	version := strings.TrimSpace(string(out))
	if !versionLine.MatchString(version) {
		return "", fmt.Errorf("its answer is no version: %q", shorten(version))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[program] = version
	return version, nil
}

// statusArgs returns the arguments in the dialect of that version.
func statusArgs(version, model string) ([]string, error) {
	if strings.HasPrefix(model, "-") {
		return nil, fmt.Errorf("cannot ask juju about the model %q: it looks like an option", model)
	}
	args, flag := []string{"status", "--format=json", "-B"}, "-m" // -B: no browser is opened to log in
	if isFirst(version) {
		args, flag = []string{"status", "--format=json"}, "-e"
	}
	if model != "" {
		args = append(args, flag, model)
	}
	return args, nil
}

func isFirst(version string) bool { return strings.HasPrefix(version, "1.") }

func place(version, model string) string {
	word := "model"
	if isFirst(version) {
		word = "environment"
	}
	if model == "" {
		return "its current " + word
	}
	return word + " " + strconv.Quote(model)
}

// run runs juju and returns what it wrote to stdout. It waits for a free place first; the deadline counts from then on.
func (c *Client) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	if strings.HasPrefix(program, "-") {
		return nil, errors.New("its name looks like an option")
	}
	found, err := exec.LookPath(program)
	if err != nil {
		return nil, errors.New("it is not installed, or not on PATH")
	}
	path, err := filepath.Abs(found)
	if err != nil {
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	return runGroup(ctx, path, args)
}

// runGroup runs a program in a session of its own, without a terminal that could be asked for a password, and kills all of it when ctx
// is done. There is no shell in between, stdin is empty and the environment is ours.
func runGroup(ctx context.Context, path string, args []string) ([]byte, error) {
	stdout, stderr := &head{limit: maxOutput}, &tail{limit: maxErrors}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case stdout.full:
		return nil, errors.New("it writes too much")
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return stdout.data.Bytes(), nil
	case errors.As(err, &exit):
		return nil, said(stderr.data, exit.ExitCode())
	}
	return nil, err
}

// said returns what juju said of its failure: the last line that it wrote to stderr.
func said(stderr []byte, code int) error {
	text := strings.TrimSpace(string(stderr))
	line := strings.TrimPrefix(text[strings.LastIndexByte(text, '\n')+1:], "ERROR ")
	if line == "" {
		return fmt.Errorf("it ended with status %d and said nothing", code)
	}
	return errors.New(shorten(line))
}

func shorten(line string) string {
	return strings.ToValidUTF8(line[:min(len(line), maxLine)], "")
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

// tail keeps the end of what is written to it.
type tail struct {
	data  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = slices.Delete(t.data, 0, over)
	}
	return len(p), nil
}
