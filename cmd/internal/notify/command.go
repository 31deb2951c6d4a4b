package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command tells events to a program: the JSON document, on one line, is its standard input. An exit code of 0 says that the event is told.
type Command struct {
	Argv []string // the program and its arguments, without a shell; never empty
}

func (c Command) send(ctx context.Context, e Event) error {
	document, err := e.document()
	if err != nil {
		return err
	}
	return run(ctx, c.Argv, append(document, '\n'))
}

const (
	// drain is how long output is waited for after a program has ended, for something that it left behind may hold the pipe open.
	drain = time.Second
	// maxLine is how many characters of a program's last line are shown.
	maxLine = 200
)

// run starts a program in a session of its own and waits for it. When ctx ends the program is killed with all that it started; what it leaves
// behind at its own end is killed, too.
func run(ctx context.Context, argv []string, input []byte) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	output := &tail{}
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", bytes.NewReader(input), output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	err := cmd.Run()
	if cmd.Process == nil {
		return fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nothing is left as a rule
	var exit *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s had to be killed%s", argv[0], output.last())
	case errors.As(err, &exit) && exit.Exited():
		return fmt.Errorf("%s ended with exit code %d%s", argv[0], exit.ExitCode(), output.last())
	}
	return fmt.Errorf("%s failed: %w%s", argv[0], err, output.last())
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-most):]
	return len(p), nil
}

// last returns the last line that is not blank, behind a colon; nothing if there is none.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	if line := strings.TrimSpace(clean(lines[len(lines)-1])); line != "" {
		return ": " + cut(line, maxLine)
	}
	return ""
}
