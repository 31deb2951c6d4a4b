package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func known(name string) bool {
	switch name {
	case "collect", "build", "builddeps", "repo", "secrets", "nagios-check", "juju-check-wait", "script", "verify", "deploy", "sleep":
		return true
	}
	return false
}

// phase does one phase. Those of the real mojo that need charms or juju only say their name, which the caller has printed.
func (r *run) phase(ctx context.Context, p phase) error {
	switch p.name {
	case "collect":
		return r.collect(p)
	case "script", "verify":
		return r.script(ctx, p)
	case "deploy":
		return r.deploy(ctx, p)
	case "sleep":
		return sleep(ctx, p)
	}
	return nil
}

// read returns the lines of the phase's file that say something.
func (r *run) read(p phase) ([]string, error) {
	path, err := r.find(p.args["config"])
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "[") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// collect says what the real one would fetch.
func (r *run) collect(p phase) error {
	if p.args["config"] == "" {
		p.args["config"] = "collect"
	}
	lines, err := r.read(p)
	if err != nil {
		return err
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return fmt.Errorf("cannot collect %q: not a path and a source", line)
		}
		r.infof("would collect %s from %s", fields[0], fields[1])
	}
	return nil
}

// script runs a file of the spec, in the spec's directory. Arguments in upper case are its environment.
func (r *run) script(ctx context.Context, p phase) error {
	if p.args["config"] == "" {
		p.args["config"] = p.name // as the real one does
	}
	path, err := r.find(p.args["config"])
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, path)
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 10 * time.Second
	child.Dir = r.dir
	child.Stdout, child.Stderr = r.stdout, r.stderr
	child.Env = append(os.Environ(), r.environ()...)
	for key, value := range p.args {
		if key == strings.ToUpper(key) {
			child.Env = append(child.Env, key+"="+value)
		}
	}
	if err := child.Run(); err != nil {
		return fmt.Errorf("cannot run %s: %w", p.args["config"], err)
	}
	return nil
}

func (r *run) environ() []string {
	workspace := filepath.Join(r.root, r.project, r.series, r.workspace)
	return []string{
		"MOJO_ROOT=" + r.root,
		"MOJO_PROJECT=" + r.project,
		"MOJO_SERIES=" + r.series,
		"MOJO_STAGE=" + r.stage,
		"MOJO_WORKSPACE=" + r.workspace,
		"MOJO_SPEC=" + r.spec,
		"MOJO_SPEC_DIR=" + r.dir,
		"MOJO_LOCAL_DIR=" + filepath.Join(workspace, "local"),
		"MOJO_BUILD_DIR=" + filepath.Join(workspace, "build"),
		"MOJO_REPO_DIR=" + filepath.Join(workspace, "repo"),
	}
}

func sleep(ctx context.Context, p phase) error {
	d, err := time.ParseDuration(p.args["seconds"] + "s")
	if err != nil {
		return fmt.Errorf("cannot sleep %q seconds", p.args["seconds"])
	}
	return wait(ctx, d)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
