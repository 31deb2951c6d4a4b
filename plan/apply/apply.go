// Package apply follows a plan through the providers: each service once all that goes before it has succeeded, as many at a time as
// allowed, and whatever happens there is a result for every service in the end.
package apply

import (
	"context"
	"errors"
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
	Text    string        // of EventProgress and EventStop
	Phase   string        // of EventProgress: the phase that begins; empty if none does
	Log     string        // of EventStart: path of the output
	Usual   time.Duration // of EventStart: how long it usually takes; 0 if nobody knows
	Result  *Result       // of EventEnd
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

// Run follows the plan and returns a result for every service on which it acts, in the order in which they may start. It returns when all that it
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
