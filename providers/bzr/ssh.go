package bzr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// launchpadDomain is where servers take one command only, word for word.
const launchpadDomain = "launchpad.net"

// sshWord is what may stand for a user or a host on ssh's command line. From there they may get into commands of the user's ssh_config.
var sshWord = regexp.MustCompile(`^[A-Za-z0-9_:][A-Za-z0-9_:.%+~-]*$`)

// sshLink is a smart server at the other end of ssh.
type sshLink struct {
	in, out *os.File
	cmd     *exec.Cmd
	stderr  *tail
	kill    context.CancelFunc
	wait    func() error // of the process; may be called again
}

// dialSSH starts ssh in a session of its own, without a terminal that could be asked for a password. The process is killed with all that it
// started when the link is closed. Without an ssh there is errUndecided, for brz knows others.
func dialSSH(ctx context.Context, h host) (link, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, errUndecided
	}
	if h.user != "" && !sshWord.MatchString(h.user) || !sshWord.MatchString(h.name) {
		return nil, fmt.Errorf("ssh cannot be given the host %q and the user %q", h.name, h.user)
	}
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	l := &sshLink{cmd: exec.CommandContext(life, path, sshArguments(h, patience(ctx))...), stderr: &tail{limit: maxErrors}, kill: kill}
	l.wait = sync.OnceValue(l.cmd.Wait)
	if err := l.start(); err != nil {
		kill()
		return nil, fmt.Errorf("cannot run ssh: %w", err)
	}
	return l, nil
}

// patience returns the whole seconds that are left until the deadline of ctx, at least one.
func patience(ctx context.Context) int {
	deadline, ok := ctx.Deadline()
	if !ok {
		return int(defaultTimeout.Seconds())
	}
	return int(max(1, math.Ceil(time.Until(deadline).Seconds())))
}

func sshArguments(h host, seconds int) []string {
	args := []string{"-T", "-oBatchMode=yes", "-oConnectTimeout=" + strconv.Itoa(seconds), "-oForwardX11=no", "-oForwardAgent=no",
		"-oClearAllForwardings=yes"}
	if h.port != "" {
		args = append(args, "-p", h.port)
	}
	if h.user != "" {
		args = append(args, "-l", h.user)
	}
	return append(args, "--", h.name, remoteCommand(h.name))
}

// remoteCommand is what the host is to run.
func remoteCommand(name string) string {
	name = strings.ToLower(name)
	if name == launchpadDomain || strings.HasSuffix(name, "."+launchpadDomain) {
		return "bzr serve --inet --directory=/ --allow-writes"
	}
	command := os.Getenv("BZR_REMOTE_PATH")
	if command == "" {
		command = "bzr"
	}
	return command + " serve --inet --directory=/"
}

func (l *sshLink) start() error {
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
	cmd.Env = append(slices.DeleteFunc(os.Environ(), unwanted), "SSH_ASKPASS_REQUIRE=never")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	err = cmd.Start()
	if err = errors.Join(err, theirIn.Close(), theirOut.Close()); err != nil {
		_ = errors.Join(ours.Close(), mine.Close()) // err says it all
	}
	return err
}

// Read returns, at the end, what ssh said on its way out.
func (l *sshLink) Read(p []byte) (int, error) {
	n, err := l.out.Read(p)
	if err == io.EOF {
		return n, l.parting()
	}
	return n, err
}

func (l *sshLink) Write(p []byte) (int, error) {
	n, err := l.in.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return n, l.parting()
	}
	return n, err
}

// parting waits until ssh has ended, but not for long.
func (l *sshLink) parting() error {
	timer := time.AfterFunc(drain, l.kill)
	defer timer.Stop()
	_ = l.wait() // the status tells less than what was said
	if line := lastLine(l.stderr.data); line != "" {
		return fmt.Errorf("ssh ended: %s", line)
	}
	return io.ErrUnexpectedEOF
}

// SetDeadline implements link.
func (l *sshLink) SetDeadline(t time.Time) error {
	return errors.Join(l.in.SetDeadline(t), l.out.SetDeadline(t))
}

// Close ends ssh.
func (l *sshLink) Close() error {
	l.kill()
	_ = l.wait() // it was killed
	return errors.Join(l.in.Close(), l.out.Close())
}
