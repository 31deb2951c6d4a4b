package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// history tells every attempt in short, the oldest first.
func (f *fleet) history() string {
	f.t.Helper()
	attempts, err := f.journal.History(f.t.Context(), "", 0)
	if err != nil {
		f.t.Fatal(err)
	}
	lines := make([]string, len(attempts))
	for i, a := range attempts {
		line := strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", a.Service, a.Action, a.Result, a.Blame, a.Error))
		if a.Deployed && !a.Done() {
			line += " (deployed)"
		}
		lines[len(attempts)-1-i] = line
	}
	return strings.Join(lines, "\n")
}

// past is what the journal tells now.
func (f *fleet) past() state.Past {
	f.t.Helper()
	past, err := f.journal.Past(f.t.Context(), f.options().Now())
	if err != nil {
		f.t.Fatal(err)
	}
	return past
}

// failure is how a deploy fails that ran.
func failure(tail ...string) error {
	return &resource.Failure{Err: errors.New("mojo ended with exit code 1"), Tail: tail}
}

func TestJournal(t *testing.T) {
	f := newFleet(t)
	for _, name := range []string{"bad", "good", "host", "juju", "maas"} {
		f.add(name)
	}
	f.carry("juju", rev(2), resource.Revision{})
	f.carry("maas", rev(2), resource.Revision{})
	f.world.FailApply(recordAddr("maas"), errors.New("no disk"))
	f.world.FailApply(runAddr("bad"), failure())
	f.world.FailApply(recordAddr("host"), errors.New("no network"))
	o := f.options()
	o.Parallelism, o.Reason = 1, "it is urgent"
	o.Rules = plan.Rules{BreakFreeze: true, Freezes: []plan.Freeze{{Name: "week end", Services: []string{"go*"}, Window: always{}}}}
	f.run(t.Context(), f.plan(), o)
	check(t, "history", "bad redeploy failed revision mojo ended with exit code 1\ngood redeploy deployed\n"+
		"host redeploy failed host deployed but not recorded: no network (deployed)\njuju record recorded\nmaas record failed host no disk", f.history())
	attempts, err := f.journal.History(t.Context(), "good", 1)
	if err != nil || len(attempts) != 1 {
		t.Fatalf("%v, %v", attempts, err)
	}
	a := attempts[0]
	check(t, "what was deployed", "2 rev-2, 1 rev-1 -> 2 rev-2", fmt.Sprintf("%s, %s -> %s", a.Revisions["app"], a.Moves[0].From, a.Moves[0].To))
	if a.Run != "20260102T030405.000Z" || !strings.HasSuffix(a.Log, a.Run+".log") || a.Fingerprint == "" || a.Owner.User != "ann" || a.Reason != "it is urgent" {
		t.Errorf("got %+v", a)
	}
	if others, err := f.journal.History(t.Context(), "bad", 1); err != nil || len(others) != 1 || others[0].Reason != "" {
		t.Errorf("no freeze was broken for this one: %v, %+v", err, others)
	}
}

// always is a window that is open.
type always struct{}

func (always) Until(now time.Time) (time.Time, bool) { return now.Add(time.Hour), true }

func (always) Next(time.Time) (time.Time, bool) { return time.Time{}, false }

// What was deployed and could not be recorded is recorded by the next run, and not deployed again.
func TestRecordLater(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.world.FailApply(recordAddr("api"), errors.New("no network"))
	f.run(t.Context(), f.plan(), f.options())
	f.world.FailApply(recordAddr("api"), nil)
	in := f.input()
	in.Past = f.past()
	check(t, "results", "api recorded", f.run(t.Context(), plan.Compute(in), f.options()))
	check(t, "steps", "api.run api.record api.record", f.applied())
}

// A run whose plan is older than that knows no better, and does no more.
func TestRecordLaterByOldPlan(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	old := f.plan()
	f.world.FailApply(recordAddr("api"), errors.New("no network"))
	f.run(t.Context(), old, f.options())
	f.world.FailApply(recordAddr("api"), nil)
	check(t, "results", "api recorded", f.run(t.Context(), old, f.options()))
	check(t, "steps", "api.run api.record api.record", f.applied())
}

// Nothing is begun that cannot be noted; what is begun goes to its end.
func TestJournalFails(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	broken, err := f.dir.OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Journal = broken
	got := f.run(t.Context(), f.plan(), o)
	if !strings.HasPrefix(got, "api not-started: cannot use the journal ") || f.applied() != "" {
		t.Errorf("got %s, steps %q", got, f.applied())
	}

	o.Journal, err = f.dir.OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gate := f.world.Block(runAddr("api"))
	go func() {
		<-gate.Entered()
		if err := o.Journal.Close(); err != nil {
			t.Error(err)
		}
		gate.Release()
	}()
	got = f.run(t.Context(), f.plan(), o)
	if !strings.HasPrefix(got, "api deployed: cannot use the journal ") {
		t.Errorf("got %s", got)
	}
	check(t, "steps", "api.run api.record", f.applied())
	check(t, "history", "api redeploy", f.history())
}

// A hold or a freeze that begins after the plan was made keeps what has not begun from beginning, and what comes after it.
func TestBarred(t *testing.T) {
	f := newFleet(t)
	end := f.options().Now().Add(time.Hour)
	window := &shutter{end: end}
	for name, bar := range map[string]func(f *fleet) error{
		"held by now: until 2026-01-02 04:04 UTC by bob: why": func(f *fleet) error {
			return f.journal.Hold(context.Background(), state.Hold{Service: "api", Until: end, User: "bob", Reason: "why"})
		},
		"frozen by now: until 2026-01-02 04:04 UTC by carol: quarter: why": func(*fleet) error {
			window.open.Store(true)
			return nil
		},
	} {
		f := newFleet(t)
		f.add("db")
		f.add("api", "db")
		f.add("web", "api")
		o := f.options()
		if err := f.journal.Hold(t.Context(), state.Hold{Service: "another", Until: end}); err != nil {
			t.Fatal(err)
		}
		o.Rules.Freezes = []plan.Freeze{{Name: "quarter", Owner: "carol", Reason: "why", Services: []string{"api"}, Window: window}}
		gate := f.world.Block(runAddr("db"))
		go func() {
			<-gate.Entered()
			if err := bar(f); err != nil {
				t.Error(err)
			}
			gate.Release()
		}()
		check(t, "results", "db deployed\napi not-started: it is "+name+"\nweb skipped by api", f.run(t.Context(), f.plan(), o))
		check(t, "steps", "db.run db.record", f.applied())
		window.open.Store(false)
	}
}

// shutter is a window that a test opens.
type shutter struct {
	open atomic.Bool
	end  time.Time
}

func (s *shutter) Until(time.Time) (time.Time, bool) { return s.end, s.open.Load() }

func (s *shutter) Next(time.Time) (time.Time, bool) { return time.Time{}, false }

// Three services that fail the same way, one after another, are the host's fault, and nothing more is tried.
func TestBreakerOpens(t *testing.T) {
	f := newFleet(t)
	for i, name := range []string{"a1", "a2", "b", "c", "d"} {
		f.add(name)
		f.world.FailApply(runAddr(name), failure("cannot reach 10.0.0.7", fmt.Sprintf("juju of %s: no route, tried %d times", name, i)))
	}
	o := f.options()
	o.Parallelism = 1
	got := f.run(t.Context(), f.plan(), o)
	check(t, "results", "a1 failed: mojo ended with exit code 1\na2 failed: mojo ended with exit code 1\nb failed: mojo ended with exit code 1\n"+
		"c not-started: not tried: deploys fail on this host\nd not-started: not tried: deploys fail on this host", got)
	check(t, "history", "a1 redeploy failed host mojo ended with exit code 1\na2 redeploy failed host mojo ended with exit code 1\n"+
		"b redeploy failed host mojo ended with exit code 1", f.history())
	b := f.past().Breaker
	if b == nil || b.Failures != 1 || b.Error != "mojo ended with exit code 1: juju of SERVICE: no route, tried N times" {
		t.Fatalf("breaker %+v", b)
	}

	// The next run tries one. It fails again, and is not to blame either.
	again := func() string {
		in := f.input()
		in.Past, in.Backoff, in.Now = f.past(), plan.Backoff{time.Hour}, o.Now().Add(24*time.Hour)
		o.Past = in.Past
		return f.run(t.Context(), plan.Compute(in), o)
	}
	check(t, "the probe", "a1 failed: mojo ended with exit code 1", again())
	if b := f.past().Breaker; b == nil || b.Failures != 2 || f.past().Services["a1"].Host.Count != 2 {
		t.Errorf("breaker %+v, a1 %+v", b, f.past().Services["a1"])
	}

	// One that succeeds closes it.
	f.world.FailApply(runAddr("a1"), nil)
	check(t, "the probe", "a1 deployed", again())
	if b := f.past().Breaker; b != nil {
		t.Errorf("breaker %+v", b)
	}
}

// Bad revisions among good ones do not look like trouble of the host, nor do failures of several kinds.
func TestBreakerStaysClosed(t *testing.T) {
	for name, fail := range map[string]func(f *fleet, i int, service string){
		"some succeed": func(f *fleet, i int, service string) {
			if i%3 != 2 {
				f.world.FailApply(runAddr(service), failure("no"))
			}
		},
		"not the same way": func(f *fleet, i int, service string) {
			f.world.FailApply(runAddr(service), failure([]string{"no", "never"}[i/2%2]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			for i, service := range strings.Fields("a b c d e f g h") {
				f.add(service)
				fail(f, i, service)
			}
			o := f.options()
			o.Parallelism = 1
			if got := f.run(t.Context(), f.plan(), o); strings.Contains(got, "not-started") || f.past().Breaker != nil {
				t.Errorf("breaker %+v, results\n%s", f.past().Breaker, got)
			}
		})
	}
}

// survivor is a type that knows how each attempt ended, by the path of its log.
type survivor map[string]error

func (s survivor) Read(context.Context, []resource.Wanted) []resource.Reading { return nil }

func (s survivor) Apply(context.Context, resource.Step, func(resource.Event)) (resource.Object, error) {
	return resource.Object{}, nil
}

// ended is when all that a survivor knows of ended.
var ended = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func (s survivor) Outcome(log string) (end time.Time, err error) {
	if err, known := s[log]; known {
		return ended, err
	}
	return time.Time{}, nil
}

// How an attempt ended whose cdplan was killed is learnt from what it has left.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		name     string
		action   string
		deployed bool
		left     survivor
		want     string
	}{
		{"nothing tells", "redeploy", false, survivor{}, "interrupted  cdplan was killed, and nothing tells how the deploy ended"},
		{"it ended well", "redeploy", false, survivor{"/log": nil}, "interrupted  cdplan was killed before the deploy ended well; it was not recorded (deployed)"},
		{"it failed", "redeploy", false, survivor{"/log": failure()}, "failed revision mojo ended with exit code 1"},
		{"it could not begin", "redeploy", false, survivor{"/log": errors.New("no mojo")}, "failed host no mojo"},
		{"it had ended", "redeploy", true, survivor{"/log": nil}, "interrupted  cdplan was killed before it was recorded (deployed)"},
		{"a record", "record", false, survivor{}, "interrupted  cdplan was killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(t)
			o := f.options()
			o.Types = map[string]providers.Resource{"survivor": test.left}
			id, err := f.journal.Start(t.Context(), state.Attempt{Service: "api", Action: test.action, Log: "/log"})
			if err == nil && test.deployed {
				err = f.journal.Deployed(t.Context(), id)
			}
			if err != nil {
				t.Fatal(err)
			}
			lock, err := f.dir.Lock(t.Context(), state.Owner{Service: "api"}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := Settle(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if unfinished, err := f.journal.Unfinished(t.Context()); err != nil || len(unfinished) != 1 {
				t.Errorf("while it goes on: %v, %v", unfinished, err)
			}
			if err := errors.Join(lock.Close(), Settle(t.Context(), o)); err != nil {
				t.Fatal(err)
			}
			end := o.Now()
			if len(test.left) > 0 {
				end = ended
			}
			if got := f.past().Services["api"].Last.End; !got.Equal(end) {
				t.Errorf("it ended at %s, want %s", got, end)
			}
			check(t, "settled", strings.Join(strings.Fields("api "+test.action+" "+test.want), " "), strings.Join(strings.Fields(f.history()), " "))
		})
	}
}

// An attempt that was interrupted after all was recorded is one that succeeded.
func TestConfirm(t *testing.T) {
	f := newFleet(t)
	f.add("api")
	f.run(t.Context(), f.plan(), f.options())
	a := *f.past().Services["api"].Last
	for _, test := range []struct {
		deployed bool
		action   string
		want     string
	}{{true, "redeploy", "deployed"}, {false, "redeploy", "interrupted"}, {false, "record", "recorded"}} {
		a.Action, a.Deployed = test.action, false
		id, err := f.journal.Start(t.Context(), a)
		if err == nil && test.deployed {
			err = f.journal.Deployed(t.Context(), id)
		}
		if err = errors.Join(err, Settle(t.Context(), f.options())); err != nil {
			t.Fatal(err)
		}
		o := f.options()
		o.Past = f.past()
		if err := Confirm(t.Context(), o, f.plan()); err != nil {
			t.Fatal(err)
		}
		if last := f.past().Services["api"].Last; last.ID != id || last.Result != test.want {
			t.Errorf("%+v: got %s", test, last.Result)
		}
	}

	// As long as a server lacks it, nothing is confirmed.
	f.carry("api", rev(2), rev(1))
	id, err := f.journal.Start(t.Context(), a)
	if err = errors.Join(err, f.journal.Deployed(t.Context(), id), Settle(t.Context(), f.options())); err != nil {
		t.Fatal(err)
	}
	in, o := f.input(), f.options()
	in.Past = f.past()
	o.Past = in.Past
	if err := Confirm(t.Context(), o, plan.Compute(in)); err != nil || f.past().Services["api"].Last.Result != "interrupted" {
		t.Errorf("%v, %+v", err, f.past().Services["api"].Last)
	}
}

func TestStandings(t *testing.T) {
	backoff := plan.Backoff{5 * time.Minute}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	revisions := map[string]resource.Revision{"app": rev(2)}
	failed := func(n int) state.ServicePast {
		last := state.Attempt{End: now, Result: "failed", Error: "it broke"}
		return state.ServicePast{Last: &last, Failed: map[string]state.Failures{resource.Hash(revisions): {Count: n, Last: last}}}
	}
	for _, test := range []struct {
		name    string
		verdict plan.Verdict
		result  *Result
		past    state.ServicePast
		want    string
	}{
		{"same", plan.Same, nil, state.ServicePast{}, "well"},
		{"deployed", plan.Redeploy, &Result{Outcome: Deployed}, failed(1), "well"},
		{"done by somebody else", plan.Redeploy, &Result{Outcome: NotStarted, Err: ErrDone}, state.ServicePast{}, "well"},
		{"failed", plan.Redeploy, &Result{Outcome: Failed, Err: failure()}, failed(1), "failing next try 2026-01-02 03:09 UTC: failed once: it broke"},
		{"failed, and not counted", plan.Redeploy, &Result{Outcome: Failed, Err: failure()}, state.ServicePast{}, "failing mojo ended with exit code 1"},
		{"failed for good", plan.Redeploy, &Result{Outcome: Failed, Err: failure()}, failed(2),
			`parked failed twice: it broke; a new revision or "cdplan retry api" frees it`},
		{"interrupted", plan.Redeploy, &Result{Outcome: Interrupted, Err: failure()}, failed(1), ""},
		{"not started", plan.Redeploy, &Result{Outcome: NotStarted}, state.ServicePast{}, "well"},
		{"not started, and failed meanwhile", plan.Redeploy, &Result{Outcome: NotStarted}, failed(1), "failing next try 2026-01-02 03:09 UTC: failed once: it broke"},
		{"waiting", plan.Waiting, nil, failed(1), "failing next try 2026-01-02 03:09 UTC: failed once: it broke"},
		{"waiting for the host", plan.Waiting, nil, state.ServicePast{}, "well"},
		{"waiting for the host, and failed before", plan.Waiting, nil, state.ServicePast{Last: &state.Attempt{Result: "failed"}}, "failing why"},
		{"held", plan.Held, nil, state.ServicePast{}, "held why"},
		{"unapproved", plan.Unapproved, nil, state.ServicePast{}, "held why"},
		{"frozen", plan.Frozen, nil, state.ServicePast{}, "well"},
		{"frozen, and deployed before", plan.Frozen, nil, state.ServicePast{Last: &state.Attempt{Result: "deployed"}}, "well"},
		{"frozen, and failed before", plan.Frozen, nil, failed(1), "failing next try 2026-01-02 03:09 UTC: failed once: it broke"},
		{"blocked", plan.Blocked, nil, state.ServicePast{}, "well"},
		{"invalid", plan.Invalid, nil, state.ServicePast{}, "invalid fault"},
		{"unknown", plan.Unknown, nil, state.ServicePast{}, "unknown fault"},
	} {
		p := &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: test.verdict, Revisions: revisions, Held: plan.Hold{Reason: "why"}, Err: errors.New("fault")}}}
		var results []Result
		if test.result != nil {
			test.result.Service = "api"
			results = []Result{*test.result}
		}
		got := ""
		for _, s := range Standings(p, results, state.Past{Services: map[string]state.ServicePast{"api": test.past}}, backoff, now) {
			if s.Service == "api" {
				got = strings.TrimSpace(string(s.Word) + " " + s.Reason)
			} else if s.Word != state.Well {
				t.Errorf("%s: the host is %s", test.name, s.Word)
			}
		}
		check(t, test.name, test.want, got)
	}
	host := Standings(&plan.Plan{}, nil, state.Past{Breaker: &state.Breaker{Error: "no network"}}, backoff, now)
	if len(host) != 1 || host[0].Word != state.HostTrouble || host[0].Reason != "no network" || !host[0].Since.Equal(now) {
		t.Errorf("host %+v", host)
	}
}
