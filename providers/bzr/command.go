package bzr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"launchpad.net/cdplan/providers/child"
)

const (
	maxFile = 16 << 20 // of what is read of a working tree
	maxLine = 300
)

// program runs brz. Its methods may be called at the same time.
type program struct {
	given   string // the path in the settings; empty if there is none
	timeout time.Duration
	slots   chan struct{} // one place for every process that may run
	find    func() (string, error)

	mu   sync.Mutex
	home string // an empty directory, once it was needed
}

// newProgram returns the program at path, or, if that is empty, the brz or bzr that is on PATH when it is first needed.
func newProgram(path string, timeout time.Duration, processes int) *program {
	find := sync.OnceValues(func() (string, error) { return findProgram(path) })
	return &program{given: path, timeout: timeout, slots: make(chan struct{}, processes), find: find}
}

func findProgram(path string) (string, error) {
	names := []string{"brz", "bzr"}
	if path != "" {
		names = []string{path}
	}
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return filepath.Abs(found)
		}
	}
	return "", fmt.Errorf("%s is not installed; install it with: apt-get install brz", names[0])
}

// name returns how a person would call the program.
func (p *program) name() string {
	path, err := p.find()
	if err != nil {
		return "brz"
	}
	return filepath.Base(path)
}

// close removes the empty home directory.
func (p *program) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.home == "" {
		return nil
	}
	home := p.home
	p.home = ""
	return os.RemoveAll(home)
}

func (p *program) emptyHome() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.home != "" {
		return p.home, nil
	}
	home, err := os.MkdirTemp("", "cdplan-bzr-")
	if err != nil {
		return "", fmt.Errorf("cannot make a home for brz: %w", err)
	}
	p.home = home
	return home, nil
}

// failed is the error of a brz that ran and said no.
type failed struct {
	status int    // exit status; -1 if a signal ended it
	line   string // the last line it wrote to stderr, fit to be shown
}

func (f *failed) Error() string {
	if f.line == "" {
		return fmt.Sprintf("brz ended with status %d and said nothing", f.status)
	}
	return f.line
}

// run runs brz on the branch at the location and returns what it wrote to stdout. It waits for a free place first; the deadline counts
// from then on. A brz that said no gives a *failed.
func (p *program) run(ctx context.Context, at location, args ...string) ([]byte, error) {
	path, err := p.find()
	if err != nil {
		return nil, err
	}
	env, err := p.environ(at)
	if err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	return run(ctx, child.Command{Path: path, Args: append(globalOptions(at), args...), Env: env})
}

// thisHost is served by a brz of our own, for what the files of a local branch do not tell.
var thisHost = host{scheme: "file"}

// serve starts a brz that serves all branches of this host to us, read-only. It ends when it is closed, or when we do.
func (p *program) serve(ctx context.Context) (link, error) {
	path, err := p.find()
	if err != nil {
		return nil, err
	}
	env, err := p.environ(location{})
	if err != nil {
		return nil, err
	}
	return startChild(ctx, env, path, append(globalOptions(location{}), "serve", "--inet", "--directory=/"))
}

// globalOptions are the options before the command. Names on Launchpad are the business of a plugin.
func globalOptions(at location) []string {
	if at.launchpad() {
		return []string{"--no-aliases"}
	}
	return []string{"--no-plugins", "--no-aliases"}
}

// environ returns our own environment without what would change brz's answers or have it ask questions.
func (p *program) environ(at location) ([]string, error) {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool { return !at.personal() && foreign(entry) || unwanted(entry) })
	env = append(env, "LC_ALL=C.UTF-8", "BRZ_LOG=/dev/null", "BRZ_PROGRESS_BAR=none", "SSH_ASKPASS_REQUIRE=never")
	if at.personal() {
		return env, nil
	}
	home, err := p.emptyHome()
	return append(env, "BRZ_HOME="+home, "BZR_HOME="+home), err
}

// unwanted says that the entry would have brz speak another language, which LC_ALL alone does not prevent, or ssh ask for a password.
func unwanted(entry string) bool {
	return strings.HasPrefix(entry, "LANGUAGE=") || strings.HasPrefix(entry, "SSH_ASKPASS")
}

// foreign says that the entry is about brz.
func foreign(entry string) bool {
	return strings.HasPrefix(entry, "BRZ_") || strings.HasPrefix(entry, "BZR_")
}

// run runs brz and returns what it wrote to stdout. A brz that said no gives a *failed.
func run(ctx context.Context, brz child.Command) ([]byte, error) {
	out, err := brz.Run(ctx)
	exit := (*child.Exit)(nil)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, child.ErrTooMuch):
		return nil, errors.New("brz writes too much")
	case errors.As(err, &exit):
		return nil, &failed{exit.Status, lastLine(exit.Stderr)}
	case ctx.Err() != nil:
		return nil, err
	}
	return nil, fmt.Errorf("cannot run brz: %w", err)
}

// lastLine returns the last line of what brz wrote to stderr, without control characters, passwords and brz's own prefix. Of a crash it is
// the line that names the error; a page about reporting it follows.
func lastLine(stderr []byte) string {
	text := strings.TrimSpace(string(stderr))
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if _, after, found := cutLast("\n"+text, "\nbrz: ERROR: "); found {
		line, _, _ = strings.Cut(after, "\n")
	}
	return shorten(redact(clean(line)))
}

// clean returns text without control characters, line separators and marks that turn the direction of writing.
func clean(text string) string {
	visible := func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return -1
		}
		return r
	}
	return strings.TrimSpace(strings.Map(visible, strings.ToValidUTF8(text, "\uFFFD")))
}
