package mojo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// defaultGrace is how long a deploy has to end after SIGTERM, before SIGKILL.
const defaultGrace = 30 * time.Second

// deploy is what a step asks for, decoded.
type deploy struct {
	Directory   string                       `cty:"directory"`
	Spec        string                       `cty:"spec"`
	Project     string                       `cty:"project"`
	Series      string                       `cty:"series"`
	Stage       string                       `cty:"stage"`
	Workspace   string                       `cty:"workspace"`
	Manifest    string                       `cty:"manifest"`
	Timeout     string                       `cty:"timeout"`
	Environment map[string]string            `cty:"environment"`
	Revisions   map[string]resource.Revision `cty:"revisions"`
}

// Apply runs the deploy and waits for its end. A deploy that ran and failed is a *resource.Failure. When ctx ends or the deploy takes too
// long, its whole process group gets SIGTERM, and what is left of it half a minute later SIGKILL.
func (r *runner) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	var d deploy
	if err := resource.Decode(step.Want, &d); err != nil {
		return step.Want, err
	}
	argv, err := r.argv(step.Addr.Service, d)
	if err != nil {
		return step.Want, err
	}
	timeout, err := r.deadline(d)
	if err != nil {
		return step.Want, err
	}
	stamp := step.Log + ".stamp"
	if err := os.WriteFile(stamp, []byte(strings.Join(step.Record, "\n")+"\n"), 0o600); err != nil {
		return step.Want, fmt.Errorf("cannot write the stamp lines: %w", err)
	}
	err = r.run(ctx, d, argv, timeout, step, environment(step, d, stamp))
	if gone := os.Remove(stamp); !errors.Is(gone, fs.ErrNotExist) { // the deploy may have removed it
		err = errors.Join(err, gone)
	}
	return step.Want, err
}

func (r *runner) deadline(d deploy) (time.Duration, error) {
	if d.Timeout == "" {
		return r.timeout, nil
	}
	timeout, err := time.ParseDuration(d.Timeout)
	if err != nil || timeout <= 0 {
		return 0, fmt.Errorf("cannot use the timeout %q: it is not a duration such as 90m", d.Timeout)
	}
	return timeout, nil
}

// argv fills in the command line. A value that looks like an option is refused, and so is a command line whose program is left out.
func (r *runner) argv(service string, d deploy) ([]string, error) {
	values := map[string]string{"service": service, "spec": d.Spec, "project": d.Project, "series": d.Series, "stage": d.Stage,
		"workspace": d.Workspace, "manifest": d.Manifest}
	var pairs, empty []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(values[name], "-") {
			return nil, fmt.Errorf("cannot run mojo: the %s %q looks like an option", name, values[name])
		}
		pairs = append(pairs, "{"+name+"}", values[name])
		if values[name] == "" {
			empty = append(empty, "{"+name+"}")
		}
	}
	fill := strings.NewReplacer(pairs...)
	left := func(element string) bool {
		return slices.ContainsFunc(empty, func(placeholder string) bool { return strings.Contains(element, placeholder) })
	}
	if left(r.command[0]) {
		return nil, fmt.Errorf("cannot run mojo: its command line begins with %q, which is empty for %s", r.command[0], service)
	}
	var argv []string
	for _, element := range r.command {
		if !left(element) {
			argv = append(argv, fill.Replace(element))
		}
	}
	return argv, nil
}

// environment returns what the child gets: ours, then the service's own, then what cdplan tells it.
func environment(step resource.Step, d deploy, stamp string) []string {
	env := os.Environ()
	for _, name := range slices.Sorted(maps.Keys(d.Environment)) {
		env = append(env, name+"="+d.Environment[name])
	}
	env = append(env, "CDPLAN_SERVICE="+step.Addr.Service, "CDPLAN_RUN="+step.Run, "CDPLAN_HASH="+resource.Hash(d.Revisions),
		"CDPLAN_STAMP_FILE="+stamp)
	for _, label := range slices.Sorted(maps.Keys(d.Revisions)) {
		name := strings.ToUpper(strings.ReplaceAll(label, "-", "_"))
		env = append(env, "CDPLAN_REVNO_"+name+"="+d.Revisions[label].Revno, "CDPLAN_REVISION_"+name+"="+d.Revisions[label].ID)
	}
	return env
}

// run starts the child with its output in the log, so that the log goes on even if cdplan dies, and waits for it.
func (r *runner) run(ctx context.Context, d deploy, argv []string, timeout time.Duration, step resource.Step, env []string) (err error) {
	log, err := os.OpenFile(step.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if _, err := fmt.Fprintf(log, "# %s run %s: %s\n", step.Addr.Service, step.Run, strings.Join(argv, " ")); err != nil {
		return fmt.Errorf("cannot write the log: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = d.Directory, env, log, log, step.Keep
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a group of its own, and no terminal to ask for a password on
	var killAt time.Time                                 // when the time that SIGTERM gives is over
	cmd.Cancel = func() error {
		killAt = time.Now().Add(r.grace)
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	cmd.WaitDelay = r.grace
	failed := cmd.Run()
	if errors.Is(failed, exec.ErrNotFound) {
		return fmt.Errorf("cannot start mojo: there is no %q on PATH; write its path into command in the block provider \"mojo\" of cdplan.hcl", argv[0])
	}
	if cmd.Process == nil {
		return fmt.Errorf("cannot start mojo: %w", failed)
	}
	if !killAt.IsZero() {
		endGroup(cmd.Process.Pid, time.Until(killAt))
	}
	if failed == nil {
		return nil
	}
	return &resource.Failure{Err: explain(ctx, limited, argv[0], timeout, failed), Log: step.Log, Tail: tail(step.Log, d.Environment)}
}

// endGroup gives what outlived the leader of a group, which got SIGTERM with it, its time to end, then kills it. That nothing did is the
// usual case, and no error.
func endGroup(leader int, grace time.Duration) {
	patience := time.NewTimer(grace)
	defer patience.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(-leader, 0) == nil {
		select {
		case <-tick.C:
		case <-patience.C:
			_ = syscall.Kill(-leader, syscall.SIGKILL)
			return
		}
	}
}

func explain(ctx, limited context.Context, program string, timeout time.Duration, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s was interrupted", program)
	case limited.Err() != nil:
		return fmt.Errorf("%s did not end within %s", program, timeout)
	case errors.As(err, &exit) && exit.Exited():
		return fmt.Errorf("%s ended with exit code %d", program, exit.ExitCode())
	}
	return fmt.Errorf("%s failed: %w", program, err)
}

const (
	tailLines = 20
	tailBytes = 16 << 10 // of the log's end; longer lines than that are cut
)

// tail returns the last lines of the log, the values of the environment masked. A log that cannot be read has none.
func tail(path string, secrets map[string]string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer closeRead(file)
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	text := make([]byte, min(info.Size(), tailBytes))
	n, _ := file.ReadAt(text, info.Size()-int64(len(text)))
	lines := strings.Split(strings.TrimRight(mask(string(text[:n]), secrets), "\n"), "\n")
	if info.Size() > tailBytes {
		lines = lines[1:] // cut, and perhaps in the middle of a secret
	}
	return lines[max(0, len(lines)-tailLines):]
}

// shortestSecret keeps values such as "1" or "yes" from being taken out of every line.
const shortestSecret = 4

// credential matches the names of variables of our own environment whose values are secrets as well.
var credential = regexp.MustCompile(`^[A-Z_]*(PASSWORD|SECRET|TOKEN)[A-Z_]*$`)

// mask replaces every secret value, those of the credentials in our own environment among them, the longest first, so that one that holds another leaves no rest. Of a secret of several lines each
// line is one too, since tools print them indented or in part.
func mask(text string, secrets map[string]string) string {
	values := slices.Collect(maps.Values(secrets))
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); credential.MatchString(name) {
			values = append(values, value)
		}
	}
	for _, value := range secrets {
		values = append(values, strings.Split(value, "\n")...)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, value := range values {
		if len(value) >= shortestSecret {
			text = strings.ReplaceAll(text, value, "(hidden)")
		}
	}
	return text
}

func closeRead(file *os.File) { _ = file.Close() }
