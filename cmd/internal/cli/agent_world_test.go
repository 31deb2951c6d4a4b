package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// yard is a fleet in memory whose services have units and loads, and an agent that looks after it at a clock which the test moves.
type yard struct {
	t      *testing.T
	root   string
	dir    state.Dir
	out    sink
	errs   sink
	stop   context.CancelFunc
	kill   context.CancelFunc
	hup    chan struct{}
	ticks  chan time.Time
	paused chan time.Duration // each wait for a round
	beats  chan time.Time     // for the watchdog
	ended  chan int           // the exit code

	mu       sync.Mutex
	now      time.Time
	random   func() float64
	tips     map[string]string // revision by service
	loads    map[string]resource.Load
	units    map[string]int
	servers  map[string][]resource.Copy
	gates    map[string]chan struct{} // what a change of size waits for
	begun    map[string]int           // changes of size
	recorded map[string]int           // records
	deployed int
	measured map[string]int
	known    map[string]int // how often the record of a service was read
	opened   int
	panics   map[string]bool // of whose change or measurement there is a panic
}

// sink takes what several goroutines print.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

const unitINI = "[mojo]\nspec = lp:spec\n[nova]\nservers = juju-NAME-*\n[scale]\napplication = NAME\nmetric = command\ncommand = /bin/true\n" +
	"min = 1\nmax = 10\ntarget = 100\ncooldown = 1m\ndown_window = 1m\n"

// newYard makes services that have a unit each, and a load of 50 on it.
func newYard(t *testing.T, services ...string) *yard {
	y := &yard{t: t, root: t.TempDir(), dir: state.Dir(t.TempDir()), hup: make(chan struct{}, 1), ticks: make(chan time.Time), paused: make(chan time.Duration, 100),
		beats: make(chan time.Time), ended: make(chan int, 1), now: noon, random: func() float64 { return 0.5 }, tips: map[string]string{}, loads: map[string]resource.Load{},
		units: map[string]int{}, servers: map[string][]resource.Copy{}, gates: map[string]chan struct{}{}, begun: map[string]int{}, recorded: map[string]int{},
		measured: map[string]int{}, known: map[string]int{}, panics: map[string]bool{}}
	for _, name := range services {
		y.add(name, unitINI)
		y.tips[name], y.units[name] = "r-1", 1
		y.load(name, 50)
	}
	return y
}

func (y *yard) add(name, text string) {
	y.write(name+"/config.ini", strings.ReplaceAll(text, "NAME", name))
}

func (y *yard) write(name, text string) {
	y.t.Helper()
	path := filepath.Join(y.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) load(name string, value float64) {
	y.with(func() { y.loads[name] = resource.Load{Value: value, Source: "a test"} })
}

// with does something while nobody else looks.
func (y *yard) with(do func()) {
	y.mu.Lock()
	defer y.mu.Unlock()
	do()
}

// env returns what a command of this fleet may touch.
func (y *yard) env(out, errs *sink) *Env {
	variables := map[string]string{"CDPLAN_ROOT": y.root, "CDPLAN_STATE": string(y.dir)}
	drivers := []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(nil), {Name: "juju", Types: map[string]resource.Schema{"juju_units": unitsSchema()}}}
	for i, answer := range []providers.Provider{fake(y.branch), mojoFake{y}, novaFake{y}, jujuFake{y}} {
		drivers[i].Open = func(context.Context, cty.Value) (providers.Provider, error) {
			y.with(func() { y.opened++ })
			return answer, nil
		}
	}
	return &Env{Stdout: out, Stderr: errs, Now: y.clock, Drivers: drivers, Owner: state.Owner{PID: os.Getpid(), User: "ann", Command: "cdplan"},
		Getenv: func(name string) string { return variables[name] }, Setenv: func(string, string) error { return nil },
		Random: func() float64 { return y.random() }, Hangups: func() <-chan struct{} { return y.hup }, Ticks: y.tick}
}

func (y *yard) clock() time.Time {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.now
}

// tick hands out the clock of the rounds, and to who wants one every second that of the watchdog.
func (y *yard) tick(every time.Duration) (<-chan time.Time, func()) {
	if every == time.Second {
		return y.beats, func() {}
	}
	y.paused <- every
	return y.ticks, func() {}
}

// start starts the agent, and waits for its first round.
func (y *yard) start(args ...string) {
	y.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	force, kill := context.WithCancel(context.Background())
	y.stop, y.kill = stop, kill
	args = append([]string{"agent", "-listen", "off"}, args...)
	go func() { y.ended <- Run(ctx, force, args, y.env(&y.out, &y.errs)) }()
	y.t.Cleanup(func() {
		stop()
		kill()
		select {
		case <-y.ended:
		case <-time.After(time.Minute):
			y.t.Error("the agent does not end")
		}
	})
	y.wait()
}

// wait waits until a round is over.
func (y *yard) wait() time.Duration {
	y.t.Helper()
	select {
	case every := <-y.paused:
		return every
	case code := <-y.ended:
		y.ended <- code
		y.t.Fatalf("the agent ended with %d:\n%s", code, y.errs.String())
	case <-time.After(time.Minute):
		y.t.Fatalf("there is no round:\n%s", y.errs.String())
	}
	return 0
}

// round moves the clock and waits for a round at that time.
func (y *yard) round(after time.Duration) {
	y.t.Helper()
	y.with(func() { y.now = y.now.Add(after) })
	y.ticks <- y.clock()
	y.wait()
}

// hangup has the agent reload.
func (y *yard) hangup() {
	y.t.Helper()
	y.hup <- struct{}{}
	y.wait()
}

// await waits until something is so.
func (y *yard) await(what string, is func() bool) {
	y.t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		var now bool
		y.with(func() { now = is() })
		if now {
			return
		}
		if time.Since(begin) > time.Minute {
			y.t.Fatalf("not so: %s\n%s%s", what, y.out.String(), y.errs.String())
		}
	}
}

// awaitText waits until the agent has said something, so often.
func (y *yard) awaitText(text string, times int) {
	y.t.Helper()
	y.await(text, func() bool { return strings.Count(y.errs.String(), text) == times })
}

// until makes rounds until the agent has said something, so often. What is done about a service may go on for longer than a round.
func (y *yard) until(text string, times int) {
	y.t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		y.round(30 * time.Second)
		if strings.Count(y.errs.String(), text) == times {
			return
		}
		if time.Since(begin) > time.Minute {
			y.t.Fatalf("%q is not said %d times:\n%s", text, times, y.errs.String())
		}
	}
}

func (y *yard) size(service string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.units[service]
}

// says holds that the agent has said something so often by now.
func (y *yard) says(text string, times int) {
	y.t.Helper()
	if all := y.out.String() + y.errs.String(); strings.Count(all, text) != times {
		y.t.Errorf("%q is said %d times, not %d:\n%s", text, strings.Count(all, text), times, all)
	}
}

// end stops the agent and returns its exit code.
func (y *yard) end() int {
	y.t.Helper()
	y.stop()
	select {
	case code := <-y.ended:
		y.ended <- code
		return code
	case <-time.After(time.Minute):
		y.t.Fatal("the agent does not end")
	}
	return -1
}

// attempts returns what the journal has, as SERVICE ACTION RESULT.
func (y *yard) attempts() []string {
	y.t.Helper()
	journal, err := y.dir.ReadJournal(y.t.Context())
	if err != nil {
		y.t.Fatal(err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			y.t.Error(err)
		}
	}()
	all, err := journal.History(y.t.Context(), "", 0)
	if err != nil {
		y.t.Fatal(err)
	}
	var lines []string
	for _, a := range slices.Backward(all) {
		lines = append(lines, strings.TrimSpace(a.Service+" "+a.Action+" "+a.Result))
	}
	return lines
}

func (y *yard) branch(w resource.Wanted) resource.Reading {
	y.mu.Lock()
	defer y.mu.Unlock()
	attrs := w.Config.AsValueMap()
	attrs["revision"] = y.tip(w.Addr.Service).Value()
	return resource.Reading{Object: cty.ObjectVal(attrs)}
}

func (y *yard) tip(service string) resource.Revision {
	id := y.tips[service]
	return resource.Revision{Revno: strings.TrimPrefix(id, "r-"), ID: id}
}

// mojoFake deploys nothing, and counts that.
type mojoFake struct{ *yard }

func (m mojoFake) Resource(string) providers.Resource { return m }
func (m mojoFake) Close() error                       { return nil }

func (m mojoFake) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	return nothing.Read(context.Background(), want)
}

func (m mojoFake) Apply(context.Context, resource.Step, func(resource.Event)) (resource.Object, error) {
	m.with(func() { m.deployed++ })
	return cty.NilVal, nil
}

// novaFake has a server for each unit, and their records.
type novaFake struct{ *yard }

func (n novaFake) Resource(string) providers.Resource { return n }
func (n novaFake) Close() error                       { return nil }

func (n novaFake) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	n.mu.Lock()
	defer n.mu.Unlock()
	var readings []resource.Reading
	for _, w := range want {
		service := w.Addr.Service
		n.known[service]++
		if n.servers[service] == nil && n.units[service] > 0 { // those there are at the beginning carry revision 1
			attrs := w.Config.AsValueMap()
			first := resource.Revision{Revno: "1", ID: "r-1"}.Value()
			attrs[resource.Revisions] = cty.MapVal(map[string]cty.Value{"config": first, "spec": first})
			n.servers[service] = []resource.Copy{{ID: "0", Name: service + "-0", Object: cty.ObjectVal(attrs)}}
		}
		for i := len(n.servers[service]); i < n.units[service]; i++ {
			n.servers[service] = append(n.servers[service], resource.Copy{ID: fmt.Sprint(i), Name: fmt.Sprintf("%s-%d", service, i)})
		}
		n.servers[service] = n.servers[service][:n.units[service]]
		readings = append(readings, resource.Reading{Addr: w.Addr, Copies: slices.Clone(n.servers[service])})
	}
	return readings
}

func (n novaFake) Apply(_ context.Context, step resource.Step, _ func(resource.Event)) (resource.Object, error) {
	n.Read(context.Background(), []resource.Wanted{{Addr: step.Addr, Config: step.Want}})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.recorded[step.Addr.Service]++
	for i, c := range n.servers[step.Addr.Service] {
		if c.Object == cty.NilVal {
			n.servers[step.Addr.Service][i].Object = step.Want
		}
	}
	return step.Want, nil
}

// jujuFake has the units and the loads.
type jujuFake struct{ *yard }

func (j jujuFake) Resource(string) providers.Resource { return j }
func (j jujuFake) Close() error                       { return nil }

func unitsSchema() resource.Schema {
	attrs := map[string]resource.Attr{}
	maps.Copy(attrs, resource.ScalingAttrs())
	for _, name := range []string{"application", "model", "count", "max_age", "metric", "path", "query", "queue", "time_path", "vhost", "command", "password_file", "token_file",
		"url", "user", "directory"} {
		attrs[name] = resource.Attr{Type: cty.String, Public: true, Doc: "One."}
	}
	return resource.Schema{Doc: "Units.", Role: resource.Sized, Attrs: attrs}
}

func (j jujuFake) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	j.mu.Lock()
	defer j.mu.Unlock()
	var readings []resource.Reading
	for _, w := range want {
		units := &resource.Units{}
		for i := range j.units[w.Addr.Service] {
			units.List = append(units.List, resource.Unit{Name: fmt.Sprintf("%s/%d", w.Addr.Service, i), State: resource.UnitReady, Last: i == 0})
		}
		readings = append(readings, resource.Reading{Addr: w.Addr, Units: units})
	}
	return readings
}

func (j jujuFake) Measure(_ context.Context, want []resource.Wanted) []resource.Load {
	j.mu.Lock()
	defer j.mu.Unlock()
	var loads []resource.Load
	for _, w := range want {
		if j.panics["measure "+w.Addr.Service] {
			panic("no such thing")
		}
		j.measured[w.Addr.Service]++
		load := j.loads[w.Addr.Service]
		load.At = j.now
		loads = append(loads, load)
	}
	return loads
}

func (j jujuFake) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	service := step.Addr.Service
	j.mu.Lock()
	j.begun[service]++
	gate := j.gates[service]
	if j.panics[service] {
		defer j.mu.Unlock()
		panic("no such unit")
	}
	j.mu.Unlock()
	events(resource.Event{Addr: step.Addr, Text: "allocating"})
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return cty.NilVal, ctx.Err()
		}
	}
	j.with(func() { j.units[service] = step.Resize.To })
	return cty.NilVal, nil
}

// renameAll renames a file that may not be there.
func renameAll(from, to string) error {
	if err := os.Rename(from, to); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
