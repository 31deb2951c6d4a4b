package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// cron runs another command on the same fleet.
func (y *yard) cron(args ...string) (code int, stdout, stderr string) {
	var out, errs sink
	env := y.env(&out, &errs)
	env.Ticks = nil
	code = Run(context.Background(), context.Background(), args, env)
	return code, out.String(), errs.String()
}

func (y *yard) compare(what string, want, got any) {
	y.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		y.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// A load that rises is followed, and new servers carry what the others do; one that falls is followed once its window is over.
func TestAgentScales(t *testing.T) {
	y := newYard(t, "worker")
	y.start()
	y.round(30 * time.Second)
	y.says("worker", 1) // that it is looked after
	y.load("worker", 290)
	y.until("worker  scaled", 1)
	y.await("three servers carry the record", func() bool {
		return y.units["worker"] == 3 && len(y.servers["worker"]) == 3 && y.recorded["worker"] == 1
	})
	y.load("worker", 90)
	for i := 0; i < 100 && y.size("worker") > 1; i++ {
		y.round(30 * time.Second)
	}
	if code := y.end(); code != codeOK {
		t.Errorf("exit code %d", code)
	}
	y.compare("attempts: one unit goes at a time", []string{"worker scale scaled", "worker scale scaled", "worker scale scaled"}, y.attempts())
	y.compare("units", 1, y.size("worker"))
	y.compare("deploys", 0, y.deployed)
	y.says("\n\n", 0)
	y.says("agent  stopped", 1)
}

// What takes long for one service keeps no other from its rounds, and is not begun twice.
func TestAgentGoesOnBeside(t *testing.T) {
	y := newYard(t, "slow", "worker")
	gate := make(chan struct{})
	y.gates["slow"] = gate
	y.load("slow", 200)
	y.start()
	y.awaitText("slow  running  allocating", 1)
	before := y.measured["slow"]
	y.load("worker", 200)
	y.until("worker  scaled", 1)
	y.round(30 * time.Second)
	y.with(func() {
		if y.begun["slow"] != 1 || y.measured["slow"] != before {
			t.Errorf("slow was changed %d times, and measured while that went on", y.begun["slow"])
		}
	})
	close(gate)
	y.awaitText("slow  scaled", 1)
	y.round(30 * time.Second)
	y.await("slow is looked after again", func() bool { return y.measured["slow"] > before })
}

// No more services are dealt with at a time than cdplan.hcl says.
func TestAgentParallelism(t *testing.T) {
	y := newYard(t, "a", "b")
	y.write("cdplan.hcl", "parallelism = 1\n")
	gate := make(chan struct{})
	y.gates["a"], y.gates["b"] = gate, gate
	y.load("a", 200)
	y.load("b", 200)
	y.start()
	y.round(30 * time.Second)
	y.await("one is begun", func() bool { return y.begun["a"]+y.begun["b"] == 1 })
	close(gate)
	y.awaitText("a  scaled", 1)
	y.until("b  scaled", 1)
}

// The agent records what juju's new servers run, and does nothing about what moved: neither now nor silently.
func TestAgentNeverDeploys(t *testing.T) {
	y := newYard(t, "held", "moved", "worker")
	y.with(func() {
		y.tips["moved"] = "r-2"
		y.units["worker"] = 2
	})
	y.load("moved", 900)
	y.load("worker", 150)
	y.load("held", 900)
	if code, _, stderr := y.cron("hold", "held", "-until", "1h", "-reason", "busy"); code != 0 {
		t.Fatal(stderr)
	}
	y.start()
	y.awaitText("worker  recorded", 1)
	y.round(30 * time.Second)
	y.round(30 * time.Second)
	y.end()
	y.compare("attempts", []string{"worker record recorded"}, y.attempts())
	y.compare("deploys and changes", []int{0, 0, 0}, []int{y.deployed, y.begun["moved"], y.begun["held"]})
	y.says("moved ", 0)
	y.says("held held", 1)
}

// A service on which another run works is left alone, which is said once, and taken up again.
func TestAgentLeavesBusyAlone(t *testing.T) {
	y := newYard(t, "worker")
	y.load("worker", 200)
	lock, err := y.dir.Lock(t.Context(), state.Owner{PID: os.Getpid(), User: "ann", Service: "worker"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	y.start()
	y.awaitText("another run works on worker", 1)
	for range 3 {
		y.round(30 * time.Second)
	}
	y.await("nothing goes on", func() bool { return y.begun["worker"] == 0 })
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	y.until("worker  scaled", 1)
	y.says("another run works on worker", 1)
}

// A run of cron and the agent never change one service at once, whoever comes first.
func TestAgentBesideApply(t *testing.T) {
	y := newYard(t, "worker")
	gate := make(chan struct{})
	y.gates["worker"] = gate
	y.start()
	y.load("worker", 200)
	done := make(chan int)
	go func() {
		code, _, _ := y.cron("apply", "-auto")
		done <- code
	}()
	y.await("cron is at it", func() bool { return y.begun["worker"] == 1 })
	for range 3 { // beyond the cooldown
		y.round(time.Minute)
	}
	y.awaitText("another run works on worker", 1)
	y.await("one change was begun", func() bool { return y.begun["worker"] == 1 })
	close(gate)
	if code := <-done; code != codeOK {
		t.Errorf("cron: exit code %d", code)
	}
	y.round(5 * time.Minute)
	y.with(func() { y.gates["worker"] = make(chan struct{}) })
	y.load("worker", 800)
	y.round(30 * time.Second)
	y.await("the agent is at it", func() bool { return y.begun["worker"] == 2 })
	y.with(func() { y.now = y.now.Add(2 * time.Minute) }) // beyond the cooldown
	if code, stdout, stderr := y.cron("apply", "-auto"); code != codeBusy || stdout+stderr != "" {
		t.Errorf("cron: exit code %d, %s%s", code, stdout, stderr)
	}
	y.with(func() { close(y.gates["worker"]) })
	y.awaitText("worker  scaled", 1)
	y.with(func() {
		if y.begun["worker"] != 2 {
			t.Errorf("%d changes were begun", y.begun["worker"])
		}
	})
}

// What is not known of a load is told once, and so is its end. A run of cron that does not measure takes back nothing of it.
func TestAgentTellsOnce(t *testing.T) {
	y := newYard(t, "worker")
	y.with(func() { y.loads["worker"] = resource.Load{Err: errors.New("401 Unauthorized")} })
	y.start()
	for range 3 {
		y.round(30 * time.Second)
		if code, stdout, stderr := y.cron("apply", "-auto", "-no-scale"); code != 0 || stdout+stderr != "" {
			t.Errorf("cron: exit code %d, %s%s", code, stdout, stderr)
		}
	}
	y.says("worker unmeasured", 1)
	y.says("401", 1)
	y.load("worker", 50)
	y.round(30 * time.Second)
	y.round(30 * time.Second)
	y.says("worker recovered", 1)
}

// A change that fails is told, and is left alone for as long as the back-off says.
func TestAgentFails(t *testing.T) {
	y := newYard(t, "worker")
	y.load("worker", 200)
	y.with(func() { y.panics["worker"] = true })
	y.start()
	y.awaitText("worker failed: a mistake in cdplan", 1)
	y.await("it is at rest", func() bool { return strings.Contains(y.out.String(), "worker failing") })
	y.round(30 * time.Second)
	y.says("panic: no such unit at agent_world_test.go:", 1)
	y.says("worker failing: next try", 1)
	y.with(func() { delete(y.panics, "worker") })
	y.until("worker  scaled", 1)
	y.end()
	y.says("worker recovered", 1)
	y.compare("attempts", []string{"worker scale failed", "worker scale scaled"}, y.attempts())
}

// A panic of what measures does not end the rounds.
func TestAgentOutlivesPanics(t *testing.T) {
	y := newYard(t, "worker")
	y.with(func() { y.panics["measure worker"] = true })
	y.start()
	y.round(30 * time.Second)
	y.says("worker unmeasured", 1)
	y.with(func() { delete(y.panics, "measure worker") })
	y.load("worker", 200)
	y.until("worker  scaled", 1)
}

// Files are read anew each round. What is broken leaves in force what was before, and is told once.
func TestAgentReloads(t *testing.T) {
	y := newYard(t, "worker")
	y.add("idle", "[mojo]\nspec = lp:spec\n")
	y.with(func() { y.tips["idle"] = "r-1" })
	y.start()
	y.round(30 * time.Second)
	opened := func(what string, want int) {
		t.Helper()
		y.with(func() { y.compare("opened "+what, want, y.opened) })
	}
	opened("at first", 4)
	y.with(func() {
		y.compare("the record of a service without units is read", 1, y.known["idle"])
		y.compare("that of the other", 2, y.known["worker"])
	})
	y.write("cdplan.hcl", "parallelism = soon\n")
	y.round(30 * time.Second)
	y.load("worker", 200)
	y.until("worker  scaled", 1)
	y.says("goes on with the files as they were before", 1)
	y.hangup()
	y.says("goes on with the files as they were before", 1)
	opened("while a file is broken", 4)
	y.write("cdplan.hcl", "parallelism = 2\n")
	y.round(30 * time.Second)
	y.says("agent  has read the files anew", 1)
	opened("after it was mended", 8)
	y.hangup()
	opened("after a hangup", 12)
	y.add("other", unitINI)
	y.with(func() { y.tips["other"], y.units["other"] = "r-1", 1 })
	y.load("other", 200)
	y.until("other  scaled", 1)
	opened("for a new service", 16)
}

// Half of the services gone looks like a directory that is not mounted: those that were there before are looked after, as far as they can be read.
func TestAgentKeepsServices(t *testing.T) {
	y := newYard(t, "a", "b")
	if code, _, stderr := y.cron("apply", "-auto"); code != 0 {
		t.Fatal(stderr)
	}
	y.start()
	root := y.root
	y.write("a/config.ini", "")
	if err := errors.Join(renameAll(root+"/a", root+"/.a"), nil); err != nil {
		t.Fatal(err)
	}
	y.round(30 * time.Second)
	y.round(30 * time.Second)
	y.says("1 of the 2 services that the last complete run saw are gone: a", 1)
	y.load("b", 200)
	y.until("b  scaled", 1)
}

// A journal that is another file by now is opened anew: what the old one is told nobody else reads.
func TestAgentTakesUpNewJournal(t *testing.T) {
	y := newYard(t, "worker")
	y.start()
	journal := string(y.dir) + "/journal.db"
	if err := errors.Join(renameAll(journal, journal+".damaged"), renameAll(journal+"-wal", journal+".damaged-wal"), renameAll(journal+"-shm", journal+".damaged-shm")); err != nil {
		t.Fatal(err)
	}
	y.load("worker", 200)
	y.until("worker  scaled", 1)
	y.end()
	y.compare("attempts", []string{"worker scale scaled"}, y.attempts())
}

// The first signal waits for what runs, and begins nothing new; the second interrupts it.
func TestAgentStops(t *testing.T) {
	for _, forced := range []bool{false, true} {
		y := newYard(t, "worker")
		gate := make(chan struct{})
		y.gates["worker"] = gate
		y.load("worker", 200)
		y.start()
		y.awaitText("allocating", 1)
		y.stop()
		y.awaitText("still running: worker", 1)
		want := "worker scale scaled"
		if forced {
			y.kill()
			want = "worker scale interrupted"
		} else {
			close(gate)
		}
		if code := y.end(); code != codeOK {
			t.Errorf("exit code %d", code)
		}
		y.compare("attempts", []string{want}, y.attempts())
		y.says("agent  stopped", 1)
	}
}

// A second agent on the same state directory says who is the first.
func TestAgentIsAlone(t *testing.T) {
	y := newYard(t, "worker")
	y.start()
	code, stdout, stderr := y.cron("agent", "-listen", "off")
	want := "another agent works with the state directory " + string(y.dir) + " since 2026-03-02T12:00:00Z: pid "
	if code != codeBusy || !strings.Contains(stderr, want) || !strings.Contains(stderr, " of ann, cdplan") || stdout != "" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	y.end()
	again := newYard(t)
	again.root, again.dir, again.units, again.tips, again.loads = y.root, y.dir, y.units, y.tips, y.loads
	again.start()
}

// Rounds come earlier or later, as the dice say, and never late for what they took.
func TestAgentJitter(t *testing.T) {
	y := newYard(t, "worker")
	dice := rand.New(rand.NewPCG(1, 2))
	y.random = dice.Float64
	y.start("-interval", "1m", "-jitter", "6s")
	var waits []time.Duration
	for range 50 {
		y.with(func() { y.now = y.now.Add(time.Minute) })
		y.ticks <- y.clock()
		waits = append(waits, y.wait())
	}
	least, most := slices.Min(waits), slices.Max(waits)
	if least < 54*time.Second || least > 55*time.Second || most > 66*time.Second || most < 65*time.Second {
		t.Errorf("the waits are from %s to %s", least, most)
	}
}

func TestAgentUsage(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-interval 10ms", "-interval must be 1s or more"},
		{"-jitter 1.5", "-jitter 1.5: it is a part of the interval from 0 to 1"},
		{"-jitter -0.1", "-jitter -0.1: it is"},
		{"-jitter NaN", "-jitter NaN: it is"},
		{"-jitter 31s", "-jitter 31s: it is"},
		{"-jitter -1s", "-jitter -1s: it is"},
		{"-jitter often", "-jitter often: it is"},
		{"-listen :8647", "-listen :8647: the agent answers on this host alone"},
		{"-listen 0.0.0.0:8647", "the agent answers on this host alone"},
		{"-listen 192.0.2.1:8647", "the agent answers on this host alone"},
		{"-listen example.com:8647", "the agent answers on this host alone"},
		{"-listen 8647", "it takes an address and a port"},
		{"-listen 127.0.0.1:99999", "Name another address by -listen, or none by -listen off"},
		{"x", "agent takes no argument \"x\""},
	} {
		y := newYard(t, "worker")
		code, stdout, stderr := y.cron(append([]string{"agent"}, strings.Fields(test.args)...)...)
		if code != codeError || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%s: exit code %d, %s%s", test.args, code, stdout, stderr)
		}
		y.compare("what was read", map[string]int{}, y.known)
	}
}
