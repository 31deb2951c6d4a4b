package mojo

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"launchpad.net/cdplan/providers/child"
	"launchpad.net/cdplan/providers/resource"
)

// versionTimeout is how long a program may take to tell its version.
const versionTimeout = 20 * time.Second

// Examine looks for the program of the command line.
func (r *runner) Examine(ctx context.Context, _ []resource.Wanted) []resource.Finding {
	program := resource.Finding{Name: "program", Value: r.command[0], From: "default"}
	if &r.command[0] != &defaultCommand[0] {
		program.From = "command in the block provider \"mojo\""
	}
	switch {
	case strings.Contains(program.Value, "{"):
		program.From += ", filled in for each service"
		return []resource.Finding{program}
	case strings.Contains(program.Value, "/") && !filepath.IsAbs(program.Value):
		program.From += ", in the directory of each service"
		return []resource.Finding{program}
	}
	path, err := lookUp(program.Value)
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		program.Err = fmt.Errorf("nothing can be deployed: %w", err)
		return []resource.Finding{program}
	}
	program.Value = path
	return []resource.Finding{program, {Name: "version", Value: version(ctx, path)}}
}

// version asks the program, if that is mojo itself: what another one would do with --version nobody knows.
func version(ctx context.Context, path string) string {
	if filepath.Base(path) != "mojo" {
		return "not asked: the program is not called mojo"
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := child.Command{Path: path, Args: []string{"--version"}}.Run(ctx)
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || first == "" {
		return "not known: mojo --version does not answer"
	}
	return first
}
