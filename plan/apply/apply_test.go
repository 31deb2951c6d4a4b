package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// fleet is a world in memory and the services that live in it. Each has one branch, at revision 2, and one place, which carries revision 1.
type fleet struct {
	t        *testing.T
	world    *providertest.Memory
	services []plan.Service
	dir      state.Dir
	journal  *state.Journal

	mu     sync.Mutex
	events []string
}

func newFleet(t *testing.T) *fleet {
	dir := state.Dir(t.TempDir())
	journal, err := dir.OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fleet{t: t, world: providertest.New(), dir: dir, journal: journal}
}

func (f *fleet) add(name string, after ...string) {
	f.t.Helper()
	f.world.SetTip(name, rev(2))
	f.carry(name, rev(1))
	branch := resource.Addr{Service: name, Type: providertest.BranchType, Label: "app"}
	null := cty.NullVal(cty.Map(resource.RevisionType))
	f.services = append(f.services, plan.Service{Name: name, After: after, Resources: []plan.Declared{
		{Addr: branch, Config: cty.ObjectVal(map[string]cty.Value{"location": cty.StringVal(name), "revision": cty.NullVal(resource.RevisionType)})},
		{Addr: runAddr(name), Config: cty.ObjectVal(map[string]cty.Value{"environment": cty.NullVal(cty.Map(cty.String)), resource.Revisions: null})},
		{Addr: recordAddr(name), Config: cty.ObjectVal(map[string]cty.Value{"service": cty.StringVal(name), resource.Revisions: null,
			"hash": cty.NullVal(cty.String), "at": cty.NullVal(cty.String), "run": cty.NullVal(cty.String)})},
	}})
}

// carry says what the places of a service carry; an empty revision is a place without record.
func (f *fleet) carry(name string, revisions ...resource.Revision) {
	f.t.Helper()
	var copies []resource.Copy
	for i, r := range revisions {
		c := resource.Copy{ID: fmt.Sprint(i), Name: fmt.Sprintf("%s-%d", name, i)}
		if r.ID != "" {
			object, err := providertest.Record(name, map[string]resource.Revision{"app": r}, time.Unix(0, 0), "earlier")
			if err != nil {
				f.t.Fatal(err)
			}
			c.Object = object
		}
		copies = append(copies, c)
	}
	f.world.SetCopies(name, copies...)
}

func rev(n int) resource.Revision {
	return resource.Revision{Revno: fmt.Sprint(n), ID: fmt.Sprintf("rev-%d", n)}
}

func runAddr(name string) resource.Addr {
	return resource.Addr{Service: name, Type: providertest.RunType, Label: "run"}
}

func recordAddr(name string) resource.Addr {
	return resource.Addr{Service: name, Type: providertest.RecordType, Label: "record"}
}

func (f *fleet) plan() *plan.Plan { return plan.Compute(f.input()) }

func (f *fleet) input() plan.Input {
	var want []resource.Wanted
	for _, service := range f.services {
		for _, declared := range service.Resources {
			want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
		}
	}
	schemas := f.world.Driver().Types
	return plan.Input{Services: f.services, Schemas: schemas, Readings: state.Refresh(context.Background(), f.world.Types(), want)}
}

func (f *fleet) options() Options {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Options{Types: f.world.Types(), Schemas: f.world.Driver().Types, Parallelism: 4, Dir: f.dir, Journal: f.journal, Owner: state.Owner{PID: 1, User: "ann"},
		Now: func() time.Time { return now }, Events: f.event}
}

func (f *fleet) event(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Service, e.Kind, e.Text)))
}

func (f *fleet) run(ctx context.Context, p *plan.Plan, o Options) string {
	f.t.Helper()
	results, err := Run(ctx, p, o)
	if err != nil {
		f.t.Fatal(err)
	}
	var lines []string
	for _, r := range results {
		line := r.Service + " " + string(r.Outcome)
		if r.Cause != "" {
			line += " by " + r.Cause
		}
		if r.Err != nil {
			line += ": " + r.Err.Error()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (f *fleet) applied() string {
	var steps []string
	for _, step := range f.world.Applied() {
		steps = append(steps, step.Addr.Service+"."+step.Addr.Label)
	}
	return strings.Join(steps, " ")
}

func check(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestRunInOrder(t *testing.T) {
	f := newFleet(t)
	f.add("web", "api")
	f.add("api", "db")
	f.add("db")
	check(t, "results", "db deployed\napi deployed\nweb deployed", f.run(context.Background(), f.plan(), f.options()))
	check(t, "steps", "db.run db.record api.run api.record web.run web.record", f.applied())
	check(t, "events", "db start\ndb progress running\ndb progress recording\ndb end", strings.Join(f.events[:4], "\n"))
	if verdict := f.plan().Decisions[0].Verdict; verdict != plan.Same {
		t.Errorf("after the apply the verdict is %s", verdict)
	}
}

// Every step of an attempt is told the same run, the log, what the record will say, and gets the lock to hand on.
func TestRunTellsSteps(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.run(context.Background(), f.plan(), f.options())
	for _, step := range f.world.Applied() {
		if step.Run != "20260102T030405.000Z" || !strings.HasSuffix(step.Log, "/logs/api/"+step.Run+".log") || len(step.Keep) != 1 {
			t.Errorf("%s: run %q, log %q, %d files to keep", step.Addr, step.Run, step.Log, len(step.Keep))
		}
		want := []string{"hash=" + resource.Hash(map[string]resource.Revision{"app": rev(2)}), "rev.app=2 rev-2", "run=" + step.Run, "service=api"}
		if diff := cmp.Diff(want, step.Record); diff != "" {
			t.Errorf("%s: record lines (-want +got):\n%s", step.Addr, diff)
		}
	}
}

func TestRunFailure(t *testing.T) {
	f := newFleet(t)
	f.add("web", "api")
	f.add("api")
	f.add("other")
	f.world.FailApply(runAddr("api"), errors.New("it does not start"))
	check(t, "results", "api failed: it does not start\nother deployed\nweb skipped by api", f.run(context.Background(), f.plan(), f.options()))
	for _, step := range f.world.Applied() {
		if step.Addr == recordAddr("api") {
			t.Error("a failed deploy was recorded")
		}
	}
}

func TestRunRecordsOnly(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.carry("api", rev(2), resource.Revision{})
	check(t, "results", "api recorded", f.run(context.Background(), f.plan(), f.options()))
	check(t, "steps", "api.record", f.applied())
}

// What is decided again just before the deploy knows no histories, and is the same all the same.
func TestRunRewritten(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.add("web", "api")
	f.services[1].AllowRewritten = true
	in := f.input()
	in.Histories = state.Histories(t.Context(), f.world.Types(), plan.Compute(in).Spans())
	check(t, "results without a person", "", f.run(t.Context(), plan.Compute(in), f.options()))
	in.Approved = true
	check(t, "results", "api deployed\nweb deployed", f.run(t.Context(), plan.Compute(in), f.options()))
}

func TestRunLooksAgain(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fleet)
		want   string
	}{
		{"the branch moved", func(f *fleet) { f.world.SetTip("api", rev(3)) },
			"api refused: it moved since the plan was made: app was planned for r2 and is now at r3"},
		{"the branch moved back", func(f *fleet) { f.world.SetTip("api", rev(1)) },
			"api not-started: nothing is left to do: every server carries the wanted revisions by now"},
		{"somebody else deployed it", func(f *fleet) { f.carry("api", rev(2)) },
			"api not-started: nothing is left to do: every server carries the wanted revisions by now"},
		{"somebody else deployed something", func(f *fleet) { f.carry("api", rev(7)) },
			"api refused: it moved since the plan was made: the servers do not carry what they did"},
		{"the branch cannot be read", func(f *fleet) { f.world.SetBranch("api") },
			"api not-started: cannot read again what the plan was made from: there is no branch \"api\""},
		{"the declaration has to be mended", func(f *fleet) {
			f.world.FailRead(recordAddr("api"), &resource.AttrError{Addr: recordAddr("api"), Detail: "Two claim it."})
		}, "api refused: api/memory_record.record: Two claim it."},
		{"the file that the plan was made from was committed anew", func(f *fleet) {
			addr := f.services[0].Resources[0].Addr
			f.world.FailRead(addr, fmt.Errorf("config.ini: %w", resource.ErrMoved))
		}, "api refused: it moved since the plan was made: config.ini: it was committed anew since it was read"},
		{"a place of somebody else's", func(f *fleet) {
			f.world.SetCopies("api", append(f.world.Copies("api"), resource.Copy{Name: "api-9", Other: "web"})...)
		}, "api refused: it moved since the plan was made: there are servers that somebody else deployed"},
		{"one more place", func(f *fleet) { f.carry("api", rev(1), rev(1)) }, "api deployed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t)
			f.add("api")
			p := f.plan()
			test.change(f)
			check(t, "results", test.want, f.run(context.Background(), p, f.options()))
			if done := f.applied() != ""; done != (test.want == "api deployed") {
				t.Errorf("steps: %q", f.applied())
			}
		})
	}
}

func TestRunBusy(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.add("web", "api")
	f.add("other")
	lock, err := f.dir.Lock(context.Background(), state.Owner{PID: os.Getpid(), User: "bob", Command: "cdplan apply", Service: "api"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	busy := fmt.Sprintf("another run works on api since 0001-01-01T00:00:00Z: pid %d of bob, cdplan apply", os.Getpid())
	check(t, "results", "api not-started: "+busy+"\nother deployed\nweb skipped by api", f.run(context.Background(), f.plan(), f.options()))
}

// When the user asks to stop, what runs is finished and recorded, and nothing else is started.
func TestRunStop(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.add("web", "api")
	gate := f.world.Block(runAddr("api"))
	stop := make(chan struct{})
	o := f.options()
	o.Stop = stop
	go func() {
		<-gate.Entered()
		close(stop)
		gate.Release()
	}()
	check(t, "results", "api deployed\nweb not-started", f.run(context.Background(), f.plan(), o))
	if !slices.ContainsFunc(f.events, func(e string) bool { return strings.HasPrefix(e, "stop nothing more is started") }) {
		t.Errorf("nobody was told: %v", f.events)
	}
}

// A service that still waits for its lock when the user asks to stop is not started.
func TestRunStopBefore(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	lock, err := f.dir.Lock(context.Background(), state.Owner{PID: os.Getpid(), User: "bob", Command: "cdplan apply", Service: "api"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	stop := make(chan struct{})
	o := f.options()
	o.Stop, o.LockWait = stop, time.Hour
	time.AfterFunc(20*time.Millisecond, func() { close(stop) })
	busy := fmt.Sprintf("another run works on api since 0001-01-01T00:00:00Z: pid %d of bob, cdplan apply", os.Getpid())
	check(t, "results", "api not-started: "+busy, f.run(context.Background(), f.plan(), o))
}

// One that has its lock by then is not started either, and nothing is wrong with it.
func TestDeployStopped(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	result := deploy(ctx, &f.plan().Decisions[0], f.options(), nil)
	if result.Outcome != NotStarted || result.Err != nil {
		t.Errorf("%s: %v", result.Outcome, result.Err)
	}
}

// When the context ends, what runs is interrupted, and not recorded.
func TestRunInterrupted(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.add("web", "api")
	gate := f.world.Block(runAddr("api"))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-gate.Entered()
		cancel()
	}()
	check(t, "results", "api interrupted: context canceled; what it had begun may be half done\nweb not-started", f.run(ctx, f.plan(), f.options()))
	check(t, "steps", "api.run", f.applied())
}

// No more services than allowed are worked on at a time, and as many as that.
func TestRunParallelism(t *testing.T) {
	f := newFleet(t)
	var gates []*providertest.Gate
	for _, name := range []string{"a", "b", "c"} {
		f.add(name)
		gates = append(gates, f.world.Block(runAddr(name)))
	}
	o := f.options()
	o.Parallelism = 2
	go func() {
		<-gates[0].Entered()
		<-gates[1].Entered()
		select {
		case <-gates[2].Entered():
			t.Error("a third service started")
		default:
		}
		gates[1].Release()
		<-gates[2].Entered()
		gates[0].Release()
		gates[2].Release()
	}()
	check(t, "results", "a deployed\nb deployed\nc deployed", f.run(context.Background(), f.plan(), o))
}

// A large fleet in layers, some of it failing: every service has one result, and its events come in order.
func TestRunMany(t *testing.T) {
	f := newFleet(t)
	for i := range 100 {
		name := fmt.Sprintf("s%03d", i)
		if i < 20 {
			f.add(name)
		} else {
			f.add(name, fmt.Sprintf("s%03d", i-20))
		}
		if i%15 == 0 {
			f.world.FailApply(runAddr(name), errors.New("no"))
		}
	}
	results := strings.Split(f.run(context.Background(), f.plan(), f.options()), "\n")
	if len(results) != 100 {
		t.Fatalf("%d results", len(results))
	}
	for i := range 100 {
		name := fmt.Sprintf("s%03d", i)
		mine := slices.DeleteFunc(slices.Clone(f.events), func(e string) bool { return !strings.HasPrefix(e, name) })
		if last := mine[len(mine)-1]; last != name+" end" || len(mine) > 1 && mine[0] != name+" start" {
			t.Errorf("events of %s: %v", name, mine)
		}
	}
}
