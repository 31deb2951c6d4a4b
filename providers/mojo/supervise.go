package mojo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// SuperviseWord is the first argument by which a program that uses this package is asked to be the supervisor of a deploy: it has to hand the
// arguments that follow to Supervise, before it does anything else, and to exit with the code that comes back.
const SuperviseWord = "supervise-deploy"

// exitUsage is the code of a supervisor that was not started by Apply.
const exitUsage = 64

// job is what a supervisor is told. Its output, its environment, its directory and the files it has open from its start are the deploy's too.
type job struct {
	log     string
	timeout time.Duration
	grace   time.Duration // between SIGTERM and SIGKILL
	own     []string      // names of the service's own variables, whose values are secrets
	path    string        // of the program
	argv    []string      // with the program's name as it is shown
}

func (j job) arguments() []string {
	return append([]string{SuperviseWord, j.log, j.timeout.String(), j.grace.String(), strings.Join(j.own, ","), j.path}, j.argv...)
}

// parseJob takes what follows the word.
func parseJob(args []string) (job, error) {
	if len(args) < 6 {
		return job{}, errors.New("cannot supervise a deploy: this is for cdplan itself to run")
	}
	timeout, err1 := time.ParseDuration(args[1])
	grace, err2 := time.ParseDuration(args[2])
	return job{args[0], timeout, grace, strings.Split(args[3], ","), args[4], args[5:]}, errors.Join(err1, err2)
}

// Supervise runs a deploy, sees to its deadline, overwrites the secrets in its log, and leaves word of its end beside that, whether or not the cdplan
// that wanted it still lives. SIGTERM, from anybody, ends the deploy. It returns the deploy's exit code, as a shell tells it.
func Supervise(args []string) int {
	j, err := parseJob(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	// Taken, not ignored: what is ignored here would be ignored by the deploy, too.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
	order := make(chan os.Signal, 1)
	signal.Notify(order, syscall.SIGTERM)
	w := j.run(order)
	if err := hide(j.log, secretsOf(os.Environ(), j.own)); err != nil {
		fmt.Fprintf(os.Stderr, "cannot hide the secrets in this log: %s\n", err)
	}
	if err := os.Remove(stampFile(j.log)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, err)
	}
	if err := w.leave(j.log); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return w.ExitCode
}

// run returns when the deploy has ended. It is a group of its own, so that all of it can be ended, and has no terminal to ask for a
// password on. It is ended, too, should somebody kill the supervisor.
func (j job) run(order <-chan os.Signal) word {
	runtime.LockOSThread() // a child is told of the death of the thread that started it
	cmd := &exec.Cmd{Path: j.path, Args: j.argv, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	w := word{Program: j.argv[0], Timeout: j.timeout.String()}
	if err := cmd.Start(); err != nil {
		w.ExitCode, w.StartError, w.End = exitUsage, err.Error(), time.Now().UTC()
		return w
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says it all
		close(ended)
	}()
	deadline := time.NewTimer(j.timeout)
	defer deadline.Stop()
	select {
	case <-ended:
	case <-order:
		w.EndedBy = byOrder
	case <-deadline.C:
		w.EndedBy = byTimeout
	}
	if w.EndedBy != "" {
		endGroup(cmd.Process.Pid, j.grace)
		<-ended
	}
	w.tell(cmd.ProcessState)
	return w
}

// endGroup gives a group its time to end after SIGTERM, then kills what is left of it, the leader or others.
func endGroup(leader int, grace time.Duration) {
	_ = syscall.Kill(-leader, syscall.SIGTERM) // it may have ended by now
	patience := time.NewTimer(grace)
	defer patience.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(-leader, 0) == nil {
		select {
		case <-tick.C:
		case <-patience.C:
			_ = syscall.Kill(-leader, syscall.SIGKILL)
			return
		}
	}
}
