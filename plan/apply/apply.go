// Package apply follows a plan through the providers: each service once all that goes before it has succeeded, as many at a time as
// allowed, and whatever happens there is a result for every service in the end.
package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/schedule"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Options is what an apply works with. All fields but Past, Rules, Reason, Stop, LockWait and Events are mandatory.
type Options struct {
	Types       map[string]providers.Resource // by resource type
	Schemas     map[string]resource.Schema    // by resource type
	Parallelism int                           // services at a time
	Dir         state.Dir
	Journal     *state.Journal
	Past        state.Past // that the plan was made with
	Rules       plan.Rules
	Reason      string          // why freezes are broken
	Owner       state.Owner     // of the locks and attempts; the service is filled in
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
	Scaled      Outcome = "scaled"
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
	Cause   string         // of a skipped service: the service whose end skipped it
	Err     error          // why it is not Deployed, Recorded or Scaled, where there is more to say
	Log     string         // path of the output; empty if there is none
	Phase   string         // the last that mojo told of
	Attempt int64          // its ID in the journal; 0 if nothing was done
	Size    *state.Resized // of a change of size; nil of all else, and if nothing was done
	Start   time.Time      // UTC; zero if nothing was done
	End     time.Time
}

// ErrDone is the error of a service that was not started because by then somebody else had done all there was to do. What comes after it goes
// on.
var ErrDone = errors.New("nothing is left to do: every server carries the wanted revisions by now")

// errSized is ErrDone of a service of which there are as many units as are to be.
var errSized = fmt.Errorf("%w, and there are as many units as there are to be", ErrDone)

// ErrHost is the error of a service that was not started because others failed in a way that this host seems to be to blame for.
var ErrHost = errors.New("not tried: deploys fail on this host")

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
	d := &driver{Options: o, machine: machine, decisions: decisions, ended: map[string]Result{}, running: map[string]time.Time{}}
	d.streak.breaker = o.Past.Breaker
	d.drive(ctx)
	return d.results(), nil
}

// driver takes a machine through its steps.
type driver struct {
	Options
	machine   *schedule.Machine
	decisions map[string]*plan.Decision
	ended     map[string]Result
	running   map[string]time.Time // when each began
	streak    streak
}

// drive starts what the machine says and tells it what ended, until it is done. Events of all services pass through here, so that they
// come one at a time.
func (d *driver) drive(ctx context.Context) {
	var (
		ends   = make(chan Result)
		events = make(chan Event)
		stop   = d.Stop
		done   = ctx.Done()
	)
	for {
		d.halt(ctx)
		for _, service := range d.machine.Next() {
			go func() { ends <- safely(ctx, d.decisions[service], d.Options, events) }()
		}
		if d.machine.Done() {
			return
		}
		select {
		case event := <-events:
			if event.Kind == EventStart {
				d.running[event.Service] = event.Time
			}
			d.emit(event)
		case result := <-ends:
			d.end(ctx, result)
		case <-stop:
			d.emit(Event{Time: d.now(), Kind: EventStop, Text: d.stopText()})
			stop = nil
		case <-done:
			done = nil
		}
	}
}

// end takes the result of one service.
func (d *driver) end(ctx context.Context, result Result) {
	if err := d.judge(context.WithoutCancel(ctx), &result); err != nil {
		result.Err = errors.Join(result.Err, err)
	}
	d.ended[result.Service] = result
	delete(d.running, result.Service)
	d.emit(Event{Time: d.now(), Service: result.Service, Kind: EventEnd, Result: &result})
	d.halt(ctx)
	d.machine.Finish(result.Service, result.succeeded())
}

// stopText says what still runs, and for how long.
func (d *driver) stopText() string {
	var texts []string
	for _, service := range slices.Sorted(maps.Keys(d.running)) {
		text := service
		if usual := d.decisions[service].Usual.Median; usual > 0 {
			text += fmt.Sprintf(" (%s of about %s)", d.now().Sub(d.running[service]).Round(time.Second), usual.Round(time.Second))
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return "nothing more is started"
	}
	return "nothing more is started; still running: " + strings.Join(texts, ", ") + "; interrupt again to end that"
}

// halt stops the machine if the user has asked to stop, or this host seems to be what makes deploys fail. It is asked before each move of the
// machine, so that what did not start then was stopped, and is not taken for skipped.
func (d *driver) halt(ctx context.Context) {
	if d.streak.tripped {
		d.machine.Stop()
	}
	select {
	case <-d.Stop:
		d.machine.Stop()
	case <-ctx.Done():
		d.machine.Stop()
	default:
	}
}

// results adds, for what never ran, why it did not.
func (d *driver) results() []Result {
	var all []Result
	for _, status := range d.machine.Result() {
		result, ok := d.ended[status.ID]
		if !ok {
			result = Result{Service: status.ID, Outcome: NotStarted}
			if d.streak.tripped {
				result.Err = ErrHost
			}
			if status.State == schedule.Skipped {
				result.Outcome, result.Cause, result.Err = Skipped, status.Cause, nil
			}
			d.emit(Event{Time: d.now(), Service: status.ID, Kind: EventEnd, Result: &result})
		}
		all = append(all, result)
	}
	return all
}

func (r Result) succeeded() bool {
	return r.Outcome == Deployed || r.Outcome == Recorded || r.Outcome == Scaled || errors.Is(r.Err, ErrDone)
}

func (o Options) emit(event Event) {
	if o.Events != nil {
		o.Events(event)
	}
}

func (o Options) now() time.Time { return o.Now().UTC() }
