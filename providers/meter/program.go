package meter

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"launchpad.net/cdplan/providers/child"
)

// argv returns the program and its arguments; no name where there is none.
func (s Source) argv() (name string, args []string) {
	words := strings.Fields(s.Command)
	if len(words) == 0 {
		return "", nil
	}
	return words[0], words[1:]
}

// program runs a program whose output is the number.
func (q question) program(ctx context.Context) (float64, error) {
	name, args := q.argv()
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, exec.ErrDot): // a relative directory on PATH begins nowhere
		return 0, fmt.Errorf("the program %s is not on PATH", name)
	case err != nil:
		return 0, fmt.Errorf("cannot run %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, q.limits.program, fmt.Errorf("no answer within %s", q.limits.program))
	defer cancel()
	output, err := child.Command{Path: path, Args: args}.Run(ctx)
	if exit := (*child.Exit)(nil); errors.As(err, &exit) {
		return 0, said(exit)
	}
	if err != nil {
		return 0, err
	}
	return parseOutput(output)
}

// said returns what a program said of its failure: the last line that it wrote to stderr.
func said(exit *child.Exit) error {
	if line := lastLine(string(exit.Stderr)); line != "" {
		return fmt.Errorf("%w: %s", exit, line)
	}
	return exit
}

func parseOutput(output []byte) (float64, error) {
	switch words := strings.Fields(string(output)); len(words) {
	case 0:
		return 0, errors.New("it prints nothing, which is no number")
	case 1:
		return number(words[0])
	default:
		return 0, fmt.Errorf("it prints more than a number, beginning with %q", shorten(words[0]))
	}
}
