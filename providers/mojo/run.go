package mojo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
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
	stamp := stampFile(step.Log)
	if err := os.WriteFile(stamp, []byte(strings.Join(step.Record, "\n")+"\n"), 0o600); err != nil {
		return step.Want, fmt.Errorf("cannot write the stamp lines: %w", err)
	}
	err = r.run(ctx, d, argv, timeout, step, environment(step, d, stamp), events)
	if gone := os.Remove(stamp); !errors.Is(gone, fs.ErrNotExist) { // the supervisor has, if it ran
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
	return append(append(env, resource.Environment(step, d.Revisions)...), resource.StampFileVariable+"="+stamp)
}

// run starts a supervisor, which starts the deploy, with its output in the log, and waits for it. Both go on if cdplan dies.
func (r *runner) run(ctx context.Context, d deploy, argv []string, timeout time.Duration, step resource.Step, env []string,
	events func(resource.Event)) (err error) {
	path, err := lookUp(argv[0])
	if err != nil {
		return err
	}
	log, err := openLog(step, argv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	own := slices.Sorted(maps.Keys(d.Environment))
	j := job{log: step.Log, timeout: timeout, grace: r.grace, own: own, path: path, argv: argv}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", j.arguments()...)
	cmd.Args[0] = os.Args[0]
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = d.Directory, env, log, log, step.Keep
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of what is sent to cdplan's own group
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	stop, err := r.follow(step, events)
	if err != nil {
		return err
	}
	failed := cmd.Run()
	stop()
	if cmd.Process == nil {
		return startError(d.Directory, failed)
	}
	return withTail(ending(ctx, argv[0], cmd.ProcessState, step.Log), secretsOf(env, own))
}

// follow tells the phases of the deploy until stop is called.
func (r *runner) follow(step resource.Step, events func(resource.Event)) (stop func(), err error) {
	f := &follower{pattern: r.phase, tell: func(phase string) { events(resource.Event{Addr: step.Addr, Phase: phase}) }}
	if stop, err = f.follow(step.Log, r.poll); err != nil {
		return nil, fmt.Errorf("cannot read the log: %w", err)
	}
	return stop, nil
}

// lookUp finds the program where cdplan itself would: the PATH of [environment] is for what the deploy starts.
func lookUp(program string) (string, error) {
	if filepath.Base(program) != program {
		return program, nil
	}
	path, err := exec.LookPath(program)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("cannot start mojo: there is no %q on PATH; write its path into command in the block provider \"mojo\" of cdplan.hcl", program)
	}
	if err != nil {
		return "", fmt.Errorf("cannot start mojo: %w", err)
	}
	return path, nil
}

// openLog begins the log with the command line. What an earlier run left beside it goes.
func openLog(step resource.Step, argv []string) (*os.File, error) {
	log, err := os.OpenFile(step.Log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the log: %w", err)
	}
	_, err = fmt.Fprintf(log, "# %s run %s: %s\n", step.Addr.Service, step.Run, strings.Join(argv, " "))
	if gone := os.Remove(exitFile(step.Log)); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write the log: %w", errors.Join(err, log.Close()))
	}
	return log, nil
}

// startError leaves out what the supervisor is called, which nobody asked for.
func startError(dir string, err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return fmt.Errorf("cannot start mojo in %s: %w", dir, path.Err)
	}
	return fmt.Errorf("cannot start mojo: %w", err)
}

// ending returns what the supervisor left word of. One that could not, for a full disk, still tells by its exit code; one that was killed
// does not.
func ending(ctx context.Context, program string, supervisor *os.ProcessState, log string) error {
	w, known := readWord(log)
	switch {
	case known:
	case ctx.Err() != nil:
		w = word{Program: program, EndedBy: byOrder}
	case supervisor.Exited():
		w = word{Program: program, ExitCode: supervisor.ExitCode()}
	default:
		return &resource.Failure{Err: fmt.Errorf("cannot tell how %s ended: what watched over it died (%s)", program, supervisor), Log: log}
	}
	return w.err(log)
}

const (
	tailLines = 20
	tailBytes = 16 << 10 // of the log's end; longer lines than that are cut
)

// tail returns the last lines of the log, without the secrets. A log that cannot be read has none.
func tail(path string, secrets []string) []string {
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
	blot(text[:n], n, secrets)
	lines := strings.Split(strings.TrimRight(string(text[:n]), "\n"), "\n")
	if info.Size() > tailBytes {
		lines = lines[1:] // cut, and perhaps in the middle of a secret
	}
	return lines[max(0, len(lines)-tailLines):]
}

func closeRead(file *os.File) { _ = file.Close() }
