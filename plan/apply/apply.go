// Package apply follows a plan through the providers: each service once all that goes before it has succeeded, as many at a time as
// allowed, and whatever happens there is a result for every service in the end.
package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/schedule"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Options is what an apply works with. All fields but Stop, LockWait and Events are mandatory.
type Options struct {
	Types       map[string]providers.Resource // by resource type
	Schemas     map[string]resource.Schema    // by resource type
	Parallelism int                           // services at a time
	Dir         state.Dir
	Owner       state.Owner     // of the locks; the service is filled in
	LockWait    time.Duration   // how long to wait for the lock of a service
	Stop        <-chan struct{} // once closed, nothing new is started, and what runs goes on
	Now         func() time.Time
	Events      func(Event) // called from one goroutine at a time
}

// Outcome says how it ended for one service.
type Outcome string

// The outcomes. A service on which the plan does not act has none.
const (
	Deployed    Outcome = "deployed"
	Recorded    Outcome = "recorded"
	Failed      Outcome = "failed"      // something was done, and it did not succeed
	Skipped     Outcome = "skipped"     // a service that goes first did not succeed
	Refused     Outcome = "refused"     // what is to be done is no longer what the plan says; nothing was done
	Interrupted Outcome = "interrupted" // ended by order while it ran
	NotStarted  Outcome = "not-started" // nothing was done
)

// Result is the outcome of one service.
type Result struct {
	Service string
	Outcome Outcome
	Cause   string    // of a skipped service: the service whose end skipped it
	Err     error     // why it is not Deployed or Recorded, where there is more to say
	Log     string    // path of the output; empty if nothing was done
	Start   time.Time // UTC; zero if nothing was done
	End     time.Time
}

// ErrDone is the error of a service that was not started because by then somebody else had done all there was to do. What comes after it goes
// on.
var ErrDone = errors.New("nothing is left to do: every server carries the wanted revisions by now")

// Event tells how an apply goes on.
type Event struct {
	Time    time.Time // UTC
	Service string    // empty for EventStop
	Kind    EventKind
	Text    string  // of EventProgress and EventStop
	Result  *Result // of EventEnd
}

// EventKind says what an event is about.
type EventKind string

// The kinds of events.
const (
	EventStart    EventKind = "start"    // something is being done about the service
	EventProgress EventKind = "progress" // a step of it goes on
	EventEnd      EventKind = "end"      // its result is known
	EventStop     EventKind = "stop"     // the user has asked to stop
)

// Run follows the plan and returns a result for every service on which it acts, in the order of the plan. It returns when all that it
// started has ended. When ctx ends, what runs is interrupted.
func Run(ctx context.Context, p *plan.Plan, o Options) ([]Result, error) {
	decisions := map[string]*plan.Decision{}
	var steps []schedule.Step
	for i, decision := range p.Decisions {
		if decision.Verdict.Acts() {
			decisions[decision.Service] = &p.Decisions[i]
			steps = append(steps, schedule.Step{ID: decision.Service, Needs: decision.WaitsFor})
		}
	}
	machine, err := schedule.New(steps, o.Parallelism)
	if err != nil {
		return nil, err
	}
	ended := drive(ctx, machine, decisions, o)
	return results(machine, ended, o), nil
}

// drive starts what the machine says and tells it what ended, until it is done. Events of all services pass through here, so that they
// come one at a time.
func drive(ctx context.Context, machine *schedule.Machine, decisions map[string]*plan.Decision, o Options) map[string]Result {
	var (
		ended  = map[string]Result{}
		ends   = make(chan Result)
		events = make(chan Event)
		stop   = o.Stop
		done   = ctx.Done()
	)
	for {
		o.halt(ctx, machine)
		for _, service := range machine.Next() {
			go func() { ends <- deploy(ctx, decisions[service], o, events) }()
		}
		if machine.Done() {
			return ended
		}
		select {
		case event := <-events:
			o.emit(event)
		case result := <-ends:
			ended[result.Service] = result
			o.emit(Event{Time: o.now(), Service: result.Service, Kind: EventEnd, Result: &result})
			o.halt(ctx, machine)
			machine.Finish(result.Service, result.succeeded())
		case <-stop:
			o.emit(Event{Time: o.now(), Kind: EventStop, Text: "nothing more is started, and what runs goes on; interrupt again to end that too"})
			stop = nil
		case <-done:
			done = nil
		}
	}
}

// halt stops the machine if the user has asked to stop. It is asked before each move of the machine, so that what did not start then was
// stopped, and is not taken for skipped.
func (o Options) halt(ctx context.Context, machine *schedule.Machine) {
	select {
	case <-o.Stop:
		machine.Stop()
	case <-ctx.Done():
		machine.Stop()
	default:
	}
}

// results adds, for what never ran, why it did not.
func results(machine *schedule.Machine, ended map[string]Result, o Options) []Result {
	var all []Result
	for _, status := range machine.Result() {
		result, ok := ended[status.ID]
		if !ok {
			result = Result{Service: status.ID, Outcome: NotStarted}
			if status.State == schedule.Skipped {
				result.Outcome, result.Cause = Skipped, status.Cause
			}
			o.emit(Event{Time: o.now(), Service: status.ID, Kind: EventEnd, Result: &result})
		}
		all = append(all, result)
	}
	return all
}

func (r Result) succeeded() bool {
	return r.Outcome == Deployed || r.Outcome == Recorded || errors.Is(r.Err, ErrDone)
}

func (o Options) emit(event Event) {
	if o.Events != nil {
		o.Events(event)
	}
}

func (o Options) now() time.Time { return o.Now().UTC() }

// deploy does what is to be done about one service: take its lock, see that the plan still holds, and do the steps.
func deploy(ctx context.Context, decision *plan.Decision, o Options, events chan<- Event) Result {
	result := Result{Service: decision.Service}
	owner := o.Owner
	owner.Service, owner.Start = decision.Service, o.now()
	lock, err := o.Dir.Lock(ctx, owner, o.LockWait)
	if err != nil {
		result.Outcome, result.Err = NotStarted, err
		return result
	}
	defer closeLock(lock, &result)
	current := again(ctx, decision.Declared, o)
	if result.Outcome, result.Err = compare(ctx, decision, &current); result.Err != nil {
		return result
	}
	result.Start = o.now()
	events <- Event{Time: result.Start, Service: decision.Service, Kind: EventStart}
	result.Log, result.Err = run(ctx, current.Steps, result.Start, lock.File(), o, events)
	result.End = o.now()
	result.Outcome = outcome(ctx, decision.Verdict, result.Err)
	return result
}

func outcome(ctx context.Context, verdict plan.Verdict, err error) Outcome {
	switch {
	case err != nil && ctx.Err() != nil:
		return Interrupted
	case err != nil:
		return Failed
	case verdict == plan.Record:
		return Recorded
	}
	return Deployed
}

// closeLock reports a lock that cannot be given up on a result that has nothing worse to report.
func closeLock(lock *state.Lock, result *Result) {
	if err := lock.Close(); err != nil && result.Err == nil {
		result.Err = fmt.Errorf("cannot give up the lock of %s: %w", result.Service, err)
	}
}

// again reads all of the service once more and decides anew.
func again(ctx context.Context, service plan.Service, o Options) plan.Decision {
	var want []resource.Wanted
	for _, declared := range service.Resources {
		want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
	}
	return plan.Decide(service, o.Schemas, state.Refresh(ctx, o.Types, want))
}

// compare refuses a service about which something else is to be done now than was planned.
func compare(ctx context.Context, planned, current *plan.Decision) (Outcome, error) {
	switch {
	case ctx.Err() != nil:
		return NotStarted, ctx.Err()
	case errors.Is(current.Err, resource.ErrMoved):
		return Refused, fmt.Errorf("it moved since the plan was made: %w", current.Err)
	case current.Verdict == plan.Unknown:
		return NotStarted, fmt.Errorf("cannot read again what the plan was made from: %w", current.Err)
	case current.Err != nil:
		return Refused, current.Err
	case current.Verdict == plan.Same:
		return NotStarted, ErrDone
	case current.Fingerprint != planned.Fingerprint:
		return Refused, fmt.Errorf("it moved since the plan was made: %s", moved(planned, current))
	}
	return "", nil
}

// moved tells each branch whose deployed or wanted revision is not as planned.
func moved(planned, current *plan.Decision) string {
	before := map[string]plan.Change{}
	for _, change := range planned.Changes {
		before[change.Label] = change
	}
	var texts []string
	for _, change := range current.Changes {
		if was, ok := before[change.Label]; !ok || was.To.ID != change.To.ID {
			texts = append(texts, fmt.Sprintf("%s was planned for %s and is now at %s", change.Label, revno(was.To), revno(change.To)))
		}
	}
	if len(texts) == 0 {
		return "the servers do not carry what they did"
	}
	return strings.Join(texts, "; ")
}

func revno(r resource.Revision) string {
	if r.ID == "" {
		return "no change"
	}
	return "r" + r.Revno
}

// run does the steps in order, and stops at the first that fails. It returns the path of the log.
func run(ctx context.Context, steps []resource.Step, begin time.Time, lock *os.File, o Options, events chan<- Event) (string, error) {
	service, name := steps[0].Addr.Service, state.RunName(begin)
	log, err := o.Dir.Log(service, name)
	if err != nil {
		return "", err
	}
	if err := o.Dir.Begin(service, name); err != nil {
		return "", err
	}
	attempt := make([]resource.Step, len(steps))
	for i, step := range steps {
		step.Run, step.At, step.Log, step.Keep = name, begin, log, []*os.File{lock}
		attempt[i] = step
	}
	if err := announce(attempt, o); err != nil {
		return log, err
	}
	tell := func(event resource.Event) {
		events <- Event{Time: o.now(), Service: service, Kind: EventProgress, Text: event.Text}
	}
	for i, step := range attempt {
		applier, ok := o.Types[step.Addr.Type].(providers.Applier)
		if !ok {
			return log, fmt.Errorf("cannot apply %s: its provider only reads", step.Addr)
		}
		if _, err := applier.Apply(ctx, step, tell); err != nil && i > 0 {
			return log, fmt.Errorf("deployed but not recorded, so that the next run deploys it again: %w", err)
		} else if err != nil {
			return log, err
		}
	}
	return log, nil
}

// announce lets every step know what the record of the attempt will say.
func announce(steps []resource.Step, o Options) error {
	var lines []string
	for _, step := range steps {
		if recorder, ok := o.Types[step.Addr.Type].(providers.Recorder); ok {
			more, err := recorder.Lines(step)
			if err != nil {
				return err
			}
			lines = append(lines, more...)
		}
	}
	for i := range steps {
		steps[i].Record = lines
	}
	return nil
}
