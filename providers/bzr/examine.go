package bzr

import (
	"context"
	"fmt"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// Examine looks for brz. It is no more than a warning if there is none: a branch that cannot be read without says so itself.
func (b branches) Examine(ctx context.Context, _ []resource.Wanted) []resource.Finding {
	program := resource.Finding{Name: "program", From: "PATH"}
	if b.brz.given != "" {
		program.From = "command in the block provider \"bzr\""
	}
	path, err := b.brz.find()
	if err != nil {
		program.Err, program.Minor = fmt.Errorf("%w. Without it \"cdplan undo\" does not work, and some branches cannot be read", err), true
		return []resource.Finding{program}
	}
	program.Value = path
	out, err := b.brz.run(ctx, location{path: "/"}, "--version")
	first, _, _ := strings.Cut(string(out), "\n")
	version := resource.Finding{Name: "version", Value: first}
	if err != nil {
		version.Err, version.Minor = fmt.Errorf("cannot ask %s for its version: %w", path, err), true
	}
	return []resource.Finding{program, version}
}
