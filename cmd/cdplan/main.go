// Command cdplan plans and applies the deployment of services from their Bazaar branches.
package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/signal"
	"os/user"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"launchpad.net/cdplan/cmd/internal/cli"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
	"launchpad.net/cdplan/state"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == mojo.SuperviseWord {
		os.Exit(mojo.Supervise(os.Args[2:]))
	}
	stops := newStops()
	// A reader of our output that goes away must not end us in the middle of a deploy: writing to it fails instead.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	force, cancelForce := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(force)
	forced := make(chan int, 1)
	go func() {
		stops.next()
		cancel()
		code := exitCode(stops.next())
		forced <- code
		cancelForce()
		stops.next()
		os.Exit(code)
	}()
	env := environment()
	env.Hangups = stops.hangups
	code := cli.Run(ctx, force, os.Args[1:], env)
	select {
	case code = <-forced:
	default:
	}
	os.Exit(code)
}

// stops are the signals that ask the program to end. A hangup is one of them, unless it is heard as something else.
type stops struct {
	signals chan os.Signal
	heard   atomic.Bool
	reload  chan struct{} // holds one at most: who has not seen the last yet need not know of two
}

func newStops() *stops {
	s := &stops{signals: make(chan os.Signal, 3), reload: make(chan struct{}, 1)}
	signal.Notify(s.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup is heard
		signal.Notify(s.signals, syscall.SIGHUP)
	}
	return s
}

// next waits for the next signal to end.
func (s *stops) next() os.Signal {
	for one := range s.signals {
		if one != syscall.SIGHUP || !s.heard.Load() {
			return one
		}
		select {
		case s.reload <- struct{}{}:
		default:
		}
	}
	return nil // the channel is never closed
}

// hangups has each hangup from now on told by the channel.
func (s *stops) hangups() <-chan struct{} {
	s.heard.Store(true)
	signal.Notify(s.signals, syscall.SIGHUP)
	return s.reload
}

// exitCode is what a shell makes of a program that the signal ended.
func exitCode(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}

func environment() *cli.Env {
	stdout := int(os.Stdout.Fd())
	width, _, _ := term.GetSize(stdout) // 0 where there is no terminal
	client := juju.New()
	return &cli.Env{
		Stdin:          os.Stdin,
		Stdout:         os.Stdout,
		Stderr:         os.Stderr,
		StdinTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		StdoutTerminal: term.IsTerminal(stdout),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width:          width,
		StderrSize:     stderrSize,
		Ticks:          ticks,
		Random:         rand.Float64,
		Getenv:         os.Getenv,
		Setenv:         os.Setenv,
		Now:            time.Now,
		UID:            os.Getuid(),
		Host:           hostName(),
		Owner:          state.Owner{PID: os.Getpid(), User: userName(), Command: strings.Join(os.Args, " ")},
		Version:        version(),
		GoVersion:      runtime.Version(),
		Drivers:        []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(client), juju.Driver(client)},
	}
}

func stderrSize() (width, height int) {
	width, height, _ = term.GetSize(int(os.Stderr.Fd()))
	return width, height
}

func ticks(every time.Duration) (<-chan time.Time, func()) {
	ticker := time.NewTicker(every)
	return ticker.C, ticker.Stop
}

func hostName() string {
	name, _ := os.Hostname() // a host without a name is one
	return name
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// version returns the version of the module, as the go command built it in.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
