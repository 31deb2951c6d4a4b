package bzr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"launchpad.net/cdplan/providers/child"
)

// drain is how long a program has to end, and its output to come, once it is not wanted any more.
const drain = 2 * time.Second

// childLink leads to a smart server through a child process, to whose stdin and stdout it is connected.
type childLink struct {
	in, out *os.File
	cmd     *exec.Cmd
	stderr  *child.Tail
	kill    context.CancelFunc
	wait    func() error // of the process; may be called again
}

// startChild starts a program in a session of its own, without a terminal that could be asked for a password. The process is killed with all
// that it started when the link is closed; the end of ctx does nothing to it.
func startChild(ctx context.Context, env []string, path string, args []string) (link, error) {
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	l := &childLink{cmd: exec.CommandContext(life, path, args...), stderr: &child.Tail{}, kill: kill}
	l.cmd.Env = env
	l.wait = sync.OnceValue(l.cmd.Wait)
	if err := l.start(); err != nil {
		kill()
		return nil, fmt.Errorf("cannot run %s: %w", filepath.Base(path), err)
	}
	return l, nil
}

func (l *childLink) start() error {
	theirIn, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	mine, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirIn.Close(), ours.Close())
	}
	l.in, l.out = ours, mine
	cmd := l.cmd
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", theirIn, theirOut, l.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	err = cmd.Start()
	if err = errors.Join(err, theirIn.Close(), theirOut.Close()); err != nil {
		_ = errors.Join(ours.Close(), mine.Close()) // err says it all
	}
	return err
}

// Read returns, at the end, what the program said on its way out.
func (l *childLink) Read(p []byte) (int, error) {
	n, err := l.out.Read(p)
	if err == io.EOF {
		return n, l.parting()
	}
	return n, err
}

func (l *childLink) Write(p []byte) (int, error) {
	n, err := l.in.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return n, l.parting()
	}
	return n, err
}

// parting waits until the program has ended, but not for long.
func (l *childLink) parting() error {
	timer := time.AfterFunc(drain, l.kill)
	defer timer.Stop()
	_ = l.wait() // the status tells less than what was said
	if line := lastLine(l.stderr.Bytes()); line != "" {
		return fmt.Errorf("%s ended: %s", filepath.Base(l.cmd.Path), line)
	}
	return io.ErrUnexpectedEOF
}

// SetDeadline implements link.
func (l *childLink) SetDeadline(t time.Time) error {
	return errors.Join(l.in.SetDeadline(t), l.out.SetDeadline(t))
}

// Close ends the program and, unless that has ended by itself, all that it started.
func (l *childLink) Close() error {
	l.kill()
	_ = l.wait() // it was killed
	return errors.Join(l.in.Close(), l.out.Close())
}
