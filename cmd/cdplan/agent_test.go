package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// agent is "cdplan agent" at work on a world.
type agent struct {
	*world
	cmd    *exec.Cmd
	told   chan string // what systemd is told
	output *shared
	at     string // where it answers
}

// shared is what a process prints, while it runs.
type shared struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// startAgent starts one, as systemd would, and waits for the end of its first round.
func startAgent(w *world, args ...string) *agent {
	w.Helper()
	socket := w.path("notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	w.must(err)
	a := &agent{world: w, told: make(chan string, 1000), output: &shared{}}
	go func() {
		for text := make([]byte, 4096); ; {
			n, err := listener.Read(text)
			if err != nil {
				return // it was closed
			}
			a.told <- string(text[:n])
		}
	}()
	a.cmd = exec.Command("cdplan", append([]string{"agent", "-interval", "1s", "-listen", "127.0.0.1:0"}, args...)...)
	a.cmd.Dir, a.cmd.Env, a.cmd.Stdout, a.cmd.Stderr = w.dir, append(w.env, "NOTIFY_SOCKET="+socket), a.output, a.output
	w.must(a.cmd.Start())
	w.Cleanup(func() {
		if a.cmd.ProcessState == nil {
			_ = a.cmd.Process.Kill() // it may have ended
			_ = a.cmd.Wait()
		}
		w.must(listener.Close())
	})
	a.tells("READY=1\n")
	a.at = a.says(`answers at (http://127\.0\.0\.1:[0-9]+)/metrics`)[1]
	return a
}

// tells waits until systemd is told something.
func (a *agent) tells(want string) {
	a.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case text := <-a.told:
			if strings.Contains(text, want) {
				return
			}
		case <-deadline:
			a.Fatalf("systemd is not told %q:\n%s", want, a.output)
		}
	}
}

// says waits until the agent has said something.
func (a *agent) says(pattern string) []string {
	a.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(a.output.String()); found != nil {
			return found
		}
		if time.Since(begin) > time.Minute {
			a.Fatalf("the agent does not say %q:\n%s", pattern, a.output)
		}
	}
}

func (a *agent) get(path string) string {
	a.Helper()
	response, err := http.Get(a.at + path)
	a.must(err)
	body, err := io.ReadAll(response.Body)
	a.must(err)
	a.must(response.Body.Close())
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// signal sends a signal.
func (a *agent) signal(s os.Signal) {
	a.Helper()
	a.must(a.cmd.Process.Signal(s))
}

// ends waits for the end, and returns the exit code.
func (a *agent) ends() int {
	a.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.cmd.Wait() // the code is looked at below
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		a.Fatalf("the agent does not end:\n%s", a.output)
	}
	return a.cmd.ProcessState.ExitCode()
}

// newSized makes a service "worker" of an application with as many units as servers, which are what the file "units" says, and a load that the file
// "load" says. Instead of juju runs a script that boots a server by telling this process, through the file "asked".
func newSized(t testing.TB, tools tools) *world {
	w := newWorld(t, tools)
	files := serviceFiles(w.dir, "worker", map[string]string{"servers": "juju-worker-machine-*"})
	files["LOCAL/worker/config.ini"] += "\n[scale]\napplication = worker\nmetric = command\ncommand = " + w.path("measure") +
		"\nmin = 1\nmax = 10\ntarget = 100\ncooldown = 0s\ndown_window = 0s\n"
	files["measure"] = "#!/bin/sh\ncat " + w.path("load") + "\n"
	files["load"] = "50\n"
	files["LOCAL/cdplan.hcl"] = "provider \"juju\" {\n  program = \"" + w.path("juju") + "\"\n  poll = \"20ms\"\n}\n"
	files["juju"] = strings.ReplaceAll(`#!/bin/sh
case $1 in
version) echo 2.9.51-ubuntu-amd64 ;;
add-unit) echo "$@" >>WORK/asked; while test -e WORK/gate; do sleep 0.02; done ;;
remove-unit) echo "$@" >>WORK/asked ;;
status) cat WORK/status ;;
esac
`, "WORK", w.dir)
	w.write(files)
	w.commit("LOCAL/worker", "branches/worker-spec", "branches/worker-app")
	w.mustRun("cdplan", "apply", "-auto", "-no-scale")
	w.units()
	return w
}

// units writes the status that juju tells: a unit for each server.
func (w *world) units() {
	w.Helper()
	var units, machines []string
	for i, server := range w.cloud.Servers() {
		machines = append(machines, fmt.Sprintf(`"%d":{"instance-id":%q,"juju-status":{"current":"started"}}`, i, server.ID))
		units = append(units, fmt.Sprintf(`"worker/%d":{"machine":"%d","workload-status":{"current":"active"},"juju-status":{"current":"idle"}}`, i, i))
	}
	w.must(os.WriteFile(w.path("status.new"), []byte(`{"model":{"name":"prod"},"machines":{`+strings.Join(machines, ",")+`},"applications":{"worker":{"charm":"worker","units":{`+
		strings.Join(units, ",")+`}}}}`), 0o600))
	w.must(os.Rename(w.path("status.new"), w.path("status")))
}

// TestAgent: a load that rises is followed; what takes long is waited for; a hangup reloads, and a second agent is refused.
func TestAgent(t *testing.T) {
	w := newSized(t, newTools(t))
	a := startAgent(w)
	if got := a.get("/healthz"); got != "200 ok\n" {
		t.Errorf("/healthz: %s", got)
	}
	if got := a.get("/metrics"); !strings.Contains(got, `cdplan_scale_units{service="worker"} 1`) || !strings.Contains(got, `cdplan_scale_load{service="worker"} 50`) {
		t.Errorf("/metrics: %s", got)
	}
	if second := w.run("cdplan", "agent", "-listen", "off"); second.code != 5 || !strings.Contains(second.stderr, fmt.Sprintf("pid %d of ", a.cmd.Process.Pid)) {
		t.Errorf("the second agent: %v", second)
	}

	w.write(map[string]string{"gate": "closed\n", "load": "150\n"})
	a.says(`worker  start `)
	busy := w.run("cdplan", "apply", "-auto", "-v")
	if busy.code != 5 || !strings.Contains(busy.stderr, "another run works on worker") {
		t.Errorf("cron, while the agent is at it: %v", busy)
	}
	a.signal(syscall.SIGHUP)
	a.tells("RELOADING=1")
	a.tells("READY=1\n")
	a.signal(syscall.SIGTERM)
	a.tells("STOPPING=1")
	w.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "juju-worker-machine-2"})
	w.units()
	w.must(os.Remove(w.path("gate")))
	if code := a.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	a.says(`worker  scaled `)
	a.says(`agent  stopped`)
	asked, err := os.ReadFile(w.path("asked"))
	w.must(err)
	if n := strings.Count(string(asked), "\n"); n != 1 {
		t.Errorf("juju was asked %d times:\n%s", n, asked)
	}
	if after := w.run("cdplan", "apply", "-auto"); after.code != 0 || after.stdout+after.stderr != "" {
		t.Errorf("the run after that: %v", after)
	}
	for _, server := range w.cloud.Servers() {
		if server.Metadata["cd.service"] != "worker" {
			t.Errorf("%s carries %v", server.Name, server.Metadata)
		}
	}
}

// A second signal interrupts what runs, and says so by the exit code.
func TestAgentIsForced(t *testing.T) {
	w := newSized(t, newTools(t))
	a := startAgent(w)
	w.write(map[string]string{"gate": "closed\n", "load": "150\n"})
	a.says(`worker  start `)
	a.signal(syscall.SIGTERM)
	a.tells("STOPPING=1")
	a.signal(syscall.SIGTERM)
	if code := a.ends(); code != 143 {
		t.Errorf("exit code %d", code)
	}
	a.says(`worker  interrupted`)
	w.must(os.Remove(w.path("gate")))
}

// An agent that is killed leaves no lock behind, and what it had begun is told as interrupted.
func TestAgentIsKilled(t *testing.T) {
	w := newSized(t, newTools(t))
	a := startAgent(w)
	w.write(map[string]string{"gate": "closed\n", "load": "150\n"})
	a.says(`worker  start `)
	a.signal(os.Kill)
	a.ends()
	w.must(os.Remove(w.path("notify")))
	w.must(os.Remove(w.path("gate")))
	w.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "juju-worker-machine-2"})
	w.units()
	again := startAgent(w)
	again.says(`worker  recorded `)
	again.signal(syscall.SIGINT)
	if code := again.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := w.mustRun("cdplan", "history"); !strings.Contains(got, "interrupted") || !strings.Contains(got, "recorded") {
		t.Errorf("history:\n%s", got)
	}
	if logs, err := filepath.Glob(w.path(".state", "logs", "worker", "*")); err != nil || len(logs) == 0 {
		t.Errorf("logs: %q, %v", logs, err)
	}
}
