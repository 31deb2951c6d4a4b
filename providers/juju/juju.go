// Package juju reads the units of juju's applications, and adds and removes them; a Client tells others which servers they run on. It knows
// three dialects: juju 1 with its environments and services, juju 2 and juju 3 with models and applications. It changes nothing but the number of
// units, and forces nothing.
package juju

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"launchpad.net/cdplan/providers/child"
)

const (
	defaultTimeout = time.Minute
	processes      = 8 // at a time
	maxLine        = 300
)

// Client runs juju. Its methods may be called at the same time.
type Client struct {
	timeout time.Duration
	slots   chan struct{} // one place for every process that may run

	asking   singleflight.Group // programs for their versions
	mu       sync.Mutex
	versions map[string]string // by program, of those that have answered, and refused nothing since
}

// New returns a Client. It runs nothing before it is asked.
func New() *Client {
	return &Client{timeout: defaultTimeout, slots: make(chan struct{}, processes), versions: map[string]string{}}
}

// Servers asks the program, a name on PATH or a path, for the status of a model, or of an environment of juju 1. No model means the one that the
// user of cdplan has chosen in juju. It returns, for each application, the ids of the servers that its units are on: sorted, each once, and
// none as long as there are none. An application of which juju cannot tell has an error instead.
func (c *Client) Servers(ctx context.Context, program, model string) (servers map[string][]string, faults map[string]error, err error) {
	err = c.status(ctx, site{program, model, c.timeout}, func(answer []byte) (err error) {
		servers, faults, err = parse(answer)
		return err
	})
	return servers, faults, err
}

// site is a model as a program knows it.
type site struct {
	program, model string
	timeout        time.Duration // of one call
}

// status asks for the status of the model, and has the answer read. It is asked to write times in a form that does not depend on where it runs.
func (c *Client) status(ctx context.Context, at site, read func(answer []byte) error) error {
	version, err := c.version(ctx, at)
	if err != nil {
		return err
	}
	args, err := statusArgs(version, at.model)
	if err != nil {
		return err
	}
	answer, err := c.run(ctx, at, args...)
	if err == nil {
		err = read(answer)
	}
	if err != nil {
		return fmt.Errorf("cannot ask %s about %s: %w", at.program, place(version, at.model), err)
	}
	return nil
}

var versionLine = regexp.MustCompile(`^[1-9][0-9]*\.[0-9][-.0-9A-Za-z]*$`)

// Version returns what the program says of its version, such as 2.9.51-ubuntu-amd64. A program that has answered is not
// asked again, until it refuses something: then another version may be installed by now.
func (c *Client) Version(ctx context.Context, program string) (string, error) {
	return c.version(ctx, site{program: program, timeout: c.timeout})
}

func (c *Client) version(ctx context.Context, at site) (string, error) {
	c.mu.Lock()
	known := c.versions[at.program]
	c.mu.Unlock()
	if known != "" {
		return known, nil
	}
	version, err, _ := c.asking.Do(at.program, func() (any, error) { return c.askVersion(ctx, at) })
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", at.program, err)
	}
	return version.(string), nil
}

func (c *Client) askVersion(ctx context.Context, at site) (string, error) {
	out, err := c.run(ctx, at, "version")
	if err != nil {
		return "", err
	}
	version := strings.TrimSpace(string(out))
	if !versionLine.MatchString(version) {
		return "", fmt.Errorf("its answer is no version: %q", shorten(version))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[at.program] = version
	return version, nil
}

// forget has the program asked for its version anew.
func (c *Client) forget(program string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.versions, program)
}

// statusArgs returns the arguments in the dialect of that version.
func statusArgs(version, model string) ([]string, error) {
	args, err := modelArgs(version, model)
	return append([]string{"status", "--format=json"}, args...), err
}

// modelArgs returns the options that say which model a command is about.
func modelArgs(version, model string) ([]string, error) {
	if strings.HasPrefix(model, "-") {
		return nil, fmt.Errorf("cannot ask juju about the model %q: it looks like an option", model)
	}
	args, flag := []string{"-B"}, "-m" // -B: no browser is opened to log in
	if isFirst(version) {
		args, flag = nil, "-e"
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
func (c *Client) run(ctx context.Context, at site, args ...string) ([]byte, error) {
	if strings.HasPrefix(at.program, "-") {
		return nil, errors.New("its name looks like an option")
	}
	found, err := exec.LookPath(at.program)
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
	ctx, cancel := context.WithTimeoutCause(ctx, at.timeout, fmt.Errorf("no answer within %s", at.timeout))
	defer cancel()
	out, err := child.Command{Path: path, Args: args, Env: append(os.Environ(), "JUJU_STATUS_ISO_TIME=true")}.Run(ctx)
	if exit := (*child.Exit)(nil); errors.As(err, &exit) {
		c.forget(at.program)
		return nil, said(exit)
	}
	return out, err
}

// said returns what juju said of its failure: the last line that it wrote to stderr.
func said(exit *child.Exit) error {
	text := strings.TrimSpace(string(exit.Stderr))
	line := strings.TrimPrefix(text[strings.LastIndexByte(text, '\n')+1:], "ERROR ")
	if line == "" {
		return fmt.Errorf("%w and said nothing", exit)
	}
	return errors.New(shorten(line))
}

func shorten(line string) string {
	return strings.ToValidUTF8(line[:min(len(line), maxLine)], "")
}
