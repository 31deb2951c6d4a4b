// Stand-in: this is not mojo. It does as much of "mojo run" as a demo needs: it reads a spec's manifest and goes through its phases, of
// which script, verify, sleep and deploy do something. Deploy boots servers through nova, where the real one would use juju.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := mojo(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		logf(os.Stderr, "ERROR", "%v", err)
		os.Exit(1)
	}
}

func mojo(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-version"):
		fmt.Println("mojo 0 (stand-in)")
		return nil
	case len(args) == 0 || args[0] != "run":
		return errors.New(`cannot do that: only "mojo run" and "mojo --version" stand in for the real one`)
	}
	r, err := parse(args[1:], os.Getenv)
	if err != nil {
		return err
	}
	return r.run(ctx)
}

// run is one "mojo run".
type run struct {
	project, series, stage, manifest string
	spec                             string // as given
	dir                              string // where the spec is
	workspace                        string
	root                             string
	stdout, stderr                   io.Writer
}

// parse reads the arguments of "mojo run"; what they leave out comes from MOJO_* variables.
func parse(args []string, getenv func(string) string) (*run, error) {
	r := &run{stdout: os.Stdout, stderr: os.Stderr, root: getenv("MOJO_ROOT")}
	flags := flag.NewFlagSet("mojo run", flag.ContinueOnError)
	flags.StringVar(&r.project, "project", getenv("MOJO_PROJECT"), "project")
	flags.StringVar(&r.series, "series", getenv("MOJO_SERIES"), "series")
	flags.StringVar(&r.stage, "stage", getenv("MOJO_STAGE"), "stage")
	flags.StringVar(&r.manifest, "manifest", "manifest", "manifest")
	flags.StringVar(&r.manifest, "m", "manifest", "manifest")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 2 {
		return nil, fmt.Errorf("cannot take argument %q: after the spec and the workspace there is nothing", flags.Arg(2))
	}
	r.spec, r.workspace = getenv("MOJO_SPEC"), getenv("MOJO_WORKSPACE")
	if flags.NArg() > 0 {
		r.spec = flags.Arg(0)
	}
	if flags.NArg() > 1 {
		r.workspace = flags.Arg(1)
	}
	for name, value := range map[string]string{"project": r.project, "spec": r.spec, "workspace": r.workspace} {
		if value == "" {
			return nil, fmt.Errorf("cannot run: no %s given", name)
		}
	}
	if r.root == "" {
		r.root = "/srv/mojo"
	}
	return r, r.findSpec()
}

// findSpec takes the spec's working tree as it is; a revision that the spec asks for is left aside, with a warning.
func (r *run) findSpec() error {
	place, revision, pinned := strings.Cut(r.spec, ";")
	if pinned {
		logf(r.stderr, "WARNING", "%q is left aside: the spec is read as it is in its tree", revision)
	}
	dir, err := filepath.Abs(strings.TrimPrefix(place, "file://"))
	if err != nil {
		return fmt.Errorf("cannot find spec: %w", err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("cannot read spec %s: not a directory on this machine", r.spec)
	}
	r.dir = dir
	return nil
}

// find returns the path of a file of the spec: the stage's own, or else the one all stages share.
func (r *run) find(name string) (string, error) {
	for _, path := range []string{filepath.Join(r.dir, r.stage, name), filepath.Join(r.dir, name)} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot find %s in the spec, neither for stage %q nor for all", name, r.stage)
}

// run goes through the phases until one fails. The whole manifest is read first, so that a mistake in its last line is found at once.
func (r *run) run(ctx context.Context) error {
	path, err := r.find(r.manifest)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read manifest: %w", err)
	}
	phases, err := parseManifest(string(text), os.LookupEnv)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", r.manifest, err)
	}
	r.infof("### %s: project %s, stage %s, spec %s", r.workspace, r.project, r.stage, r.spec)
	for _, p := range phases {
		r.infof("### phase %s", p)
		if err := r.phase(ctx, p); err != nil {
			return fmt.Errorf("phase %s (line %d of %s) failed: %w", p.name, p.line, r.manifest, err)
		}
	}
	r.infof("### run complete, %d phases", len(phases))
	return nil
}

func (r *run) infof(format string, values ...any) {
	logf(r.stderr, "INFO", format, values...)
}

func logf(w io.Writer, level, format string, values ...any) {
	_, _ = fmt.Fprintf(w, "%s [%s] %s\n", time.Now().Format(time.DateTime), level, fmt.Sprintf(format, values...))
}
