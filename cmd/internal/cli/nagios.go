package cli

import (
	"errors"

	"launchpad.net/cdplan/cmd/internal/view"
)

// toNagios has a command end as a plugin does that cannot tell: with a line on stdout and the code of the level. A command that has said all there is to
// say ends as it does.
func (env *Env) toNagios(err error, level view.Level, what string) error {
	if err == nil || errors.As(err, new(exit)) {
		return err
	}
	env.report(err)
	return errors.Join(view.Said(env.Stdout, "cdplan %s: cannot tell %s", level, what), exit(level))
}
