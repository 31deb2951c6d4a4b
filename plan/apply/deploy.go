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
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// safely is deploy, in which a mistake of cdplan's own ends nothing but that service.
func safely(ctx context.Context, decision *plan.Decision, o Options, events chan<- Event) (result Result) {
	err := providers.Catch(func() error {
		result = deploy(ctx, decision, o, events)
		return nil
	})
	if err != nil {
		return Result{Service: decision.Service, Outcome: Failed, Err: err}
	}
	return result
}

// deploy does what is to be done about one service: take its lock, see that the plan still holds, and do the steps.
func deploy(ctx context.Context, decision *plan.Decision, o Options, events chan<- Event) (result Result) {
	result.Service = decision.Service
	before, cancel := o.untilStop(ctx)
	defer cancel()
	lock, err := o.Dir.Lock(before, o.Owner.Of(decision.Service, o.now()), o.LockWait)
	if err != nil {
		result.Outcome, result.Err = NotStarted, err
		return result
	}
	defer closeLock(lock, &result)
	past, err := o.past(before, decision.Service)
	if err != nil {
		result.Outcome, result.Err = notStarted(before, err)
		return result
	}
	current := again(before, decision, past, o)
	current.Usual = decision.Usual
	if result.Outcome, result.Err = compare(before, decision, &current); result.Outcome != "" {
		return result
	}
	if err := o.barred(before, &current, past); err != nil {
		result.Outcome, result.Err = notStarted(before, err)
		return result
	}
	a := attempt{Options: o, decision: &current, lock: lock.File(), events: events}
	a.run(ctx, &result)
	return result
}

// notStarted leaves out an error that is only that the user has asked to stop.
func notStarted(ctx context.Context, err error) (Outcome, error) {
	if ctx.Err() != nil {
		err = nil
	}
	return NotStarted, err
}

// barred returns an error if, by now, a person holds the service, a freeze has begun, or another run has tried the same and failed.
func (o Options) barred(ctx context.Context, d *plan.Decision, past state.ServicePast) error {
	holds, err := o.Journal.Holds(ctx, o.now())
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.Service == d.Service {
			past.Hold = &h
		}
	}
	verdict, bar := o.Rules.Bar(d, past.Hold, o.now())
	if verdict == "" {
		verdict, bar = o.Rules.Backoff.Of(d, past, o.now())
	}
	if verdict != "" {
		return fmt.Errorf("it is %s by now: %s", verdict, bar)
	}
	return nil
}

// untilStop returns a context for what comes before the deploy itself: it ends when the user asks to stop, too.
func (o Options) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	before, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-o.Stop:
			cancel()
		case <-before.Done():
		}
	}()
	return before, cancel
}

// closeLock reports a lock that cannot be given up on a result that has nothing worse to report.
func closeLock(lock *state.Lock, result *Result) {
	if err := lock.Close(); err != nil && result.Err == nil {
		result.Err = fmt.Errorf("cannot give up the lock of %s: %w", result.Service, err)
	}
}

// readTimeout bounds how long reading a service once more may take.
const readTimeout = 5 * time.Minute

// again reads all of the service that the decision is about once more and decides anew. The load is not measured again: what it asked for is what was
// planned.
func again(ctx context.Context, planned *plan.Decision, past state.ServicePast, o Options) plan.Decision {
	service, before := planned.Declared, o.Past.Services[planned.Service]
	past.Samples, past.Resized = before.Samples, before.Resized
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var want []resource.Wanted
	for _, declared := range service.Resources {
		want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
	}
	return plan.Decide(service, o.Schemas, planned.Remeasured(o.Schemas, state.Refresh(ctx, o.Types, want)), past)
}

// compare refuses a service about which something else is to be done now than was planned. No outcome says that it may go on.
func compare(ctx context.Context, planned, current *plan.Decision) (Outcome, error) {
	switch {
	case ctx.Err() != nil:
		return NotStarted, nil
	case errors.Is(current.Err, resource.ErrMoved):
		return Refused, fmt.Errorf("it moved since the plan was made: %w", current.Err)
	case current.Verdict == plan.Unknown:
		return NotStarted, fmt.Errorf("cannot read again what the plan was made from: %w", current.Err)
	case current.Err != nil:
		return Refused, current.Err
	case current.Verdict == plan.Same && planned.Scales():
		return compareSizes(planned, current)
	case current.Verdict == plan.Same:
		return NotStarted, ErrDone
	case len(current.Others) > len(planned.Others):
		return Refused, errForeign
	case slices.Contains(current.Reasons, plan.NotRecorded) && maps.Equal(current.Revisions, planned.Revisions):
		return "", nil // a run that died meanwhile has deployed it; recording it is all there is left to do
	case planned.Copies == 0 && current.Copies > 0:
		return Refused, errForeign
	case current.Fingerprint != planned.Fingerprint:
		return Refused, fmt.Errorf("it moved since the plan was made: %s", moved(planned, current))
	}
	return "", nil
}

// compareSizes says why a service whose size was to be changed, and about which nothing is to be done now, is left alone.
func compareSizes(planned, current *plan.Decision) (Outcome, error) {
	switch {
	case current.Size.Err != nil:
		return NotStarted, fmt.Errorf("cannot read again how many units there are: %w", current.Size.Err)
	case current.Size.Units == planned.Size.To:
		return NotStarted, errSized
	}
	return Refused, fmt.Errorf("it moved since the plan was made: %s", resized(planned, current))
}

// resized tells how the units are not what they were.
func resized(planned, current *plan.Decision) string {
	switch {
	case current.Size.Units != planned.Size.Units:
		return fmt.Sprintf("it was planned from %d units to %d, and has %d now", planned.Size.Units, planned.Size.To, current.Size.Units)
	case current.Size.Guard != "":
		return current.Size.Guard
	case current.Size.Wait != "":
		return current.Size.Wait
	}
	return "other units are to go than were planned"
}

var errForeign = errors.New("it moved since the plan was made: there are servers that somebody else deployed")

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
	if len(texts) == 0 && planned.Scales() && current.Scales() {
		return resized(planned, current)
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
