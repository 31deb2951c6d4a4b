// Package scaling runs a RabbitMQ and a Prometheus of a test's own, from Debian's packages, for tests that are to hold on real ones. They listen on
// loopback only, keep all that they write in a directory of the test, and end with it, however it ends.
package scaling

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 3 * time.Minute
	tick     = 100 * time.Millisecond

	// Ports below those that the kernel gives to whoever asks for any, one of which could be taken while a server starts.
	firstPort, lastPort = 16000, 32000
)

// process is a server that runs until the test ends.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	log  string
	end  chan struct{} // closed when it has ended
}

// start starts a server. If the test itself is killed, the kernel kills the server.
func start(t testing.TB, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(name), end: make(chan struct{})}
	p.log = filepath.Join(dir, p.name+".log")
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, append(os.Environ(), env...), log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for the signal comes when the thread ends that has started it
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // it is killed
			close(p.end)
		}
	}()
	err = <-started
	_ = log.Close() // the server has its own
	if err != nil {
		t.Fatalf("cannot start %s (test/needs.sh rabbitmq-server prometheus installs it): %v", name, err)
	}
	t.Cleanup(p.stop)
	return p
}

// stop kills the server: nobody misses what it keeps. It may have ended already.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.end
}

// await waits until the server is ready.
func (p *process) await(ready func() error) {
	p.t.Helper()
	err := ready()
	for deadline := time.Now().Add(patience); err != nil; err = ready() {
		select {
		case <-p.end:
			p.t.Fatalf("%s has ended: %s", p.name, p.tail())
		case <-time.After(tick):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is not ready: %v: %s", p.name, err, p.tail())
		}
	}
}

func (p *process) tail() []byte {
	text, _ := os.ReadFile(p.log)
	return bytes.TrimSpace(text[max(0, len(text)-4<<10):])
}

// listens returns an error unless somebody listens at a port.
func listens(port int) error {
	connection, err := net.Dial("tcp", at(port))
	if err != nil {
		return err
	}
	return connection.Close()
}

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// ports returns ports where nobody listens.
func ports(t testing.TB, n int) []int {
	t.Helper()
	var found []int
	for tries := 0; len(found) < n; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", at(port))
		if err == nil {
			defer func() { _ = listener.Close() }() // all at the end, so that each is another
			found = append(found, port)
		} else if tries > 1000 {
			t.Fatalf("there is no port left: %v", err)
		}
	}
	return found
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
