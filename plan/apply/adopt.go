package apply

import (
	"context"
	"errors"
	"slices"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Adopted is the action, in the journal, of an attempt that took for deployed what the branches are at, and only recorded it.
const Adopted = "adopt"

// Adopt records, on every server of a service and without deploying anything, the revisions that its branches are at. The decision tells which, and
// on how many servers. ErrDone says that all of them carry these revisions already.
func Adopt(ctx context.Context, service plan.Service, o Options) (d plan.Decision, result Result) {
	result.Service, result.Outcome = service.Name, NotStarted
	lock, err := o.Dir.Lock(ctx, o.Owner.Of(service.Name, o.now()), o.LockWait)
	if err != nil {
		result.Err = err
		return d, result
	}
	defer closeLock(lock, &result)
	past, err := o.past(ctx, service.Name)
	if err != nil {
		result.Err = err
		return d, result
	}
	d = again(ctx, &plan.Decision{Service: service.Name, Declared: service}, past, o)
	if result.Err = adoptable(&d); result.Err != nil {
		return d, result
	}
	d.Verdict = plan.Record
	d.Steps = slices.DeleteFunc(d.Steps, func(s resource.Step) bool { return o.Schemas[s.Addr.Type].Role != resource.Record })
	for i := range d.Steps {
		d.Steps[i].Fill, d.Steps[i].Verify = false, false
	}
	events, told := make(chan Event), make(chan struct{})
	go func() {
		for event := range events {
			o.emit(event)
		}
		close(told)
	}()
	a := attempt{Options: o, decision: &d, action: Adopted, lock: lock.File(), events: events}
	a.run(ctx, &result)
	close(events)
	<-told
	return d, result
}

// adoptable returns why there is nothing to adopt, or nil.
func adoptable(d *plan.Decision) error {
	switch {
	case d.Err != nil:
		return d.Err
	case d.Copies == 0:
		return errors.New("it has no servers that could be stamped: see [nova] in its config.ini")
	case d.Verdict == plan.Same:
		return ErrDone
	}
	return nil
}
