package apply

import (
	"context"
	"errors"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Settle learns how those attempts ended whose cdplan was killed, and notes it. Those that go on, with or without their cdplan, it leaves alone.
func Settle(ctx context.Context, o Options) error {
	unfinished, err := o.Journal.Unfinished(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range unfinished {
		lock, err := o.Dir.Lock(ctx, o.Owner.Of(a.Service, o.now()), 0)
		if errors.As(err, new(*state.BusyError)) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_, err = o.past(ctx, a.Service)
		errs = append(errs, err, lock.Close())
	}
	return errors.Join(errs...)
}

// past returns what the journal tells of a service whose lock is held, so that no attempt of it can be under way: one whose end is not known is
// settled.
func (o Options) past(ctx context.Context, service string) (state.ServicePast, error) {
	past, err := o.Journal.Service(ctx, service)
	if err != nil || past.Unfinished == nil {
		return past, err
	}
	last := Settled(*past.Unfinished, o.Types, o.now())
	if last.Deployed {
		err = o.Journal.Deployed(ctx, last.ID)
	}
	past.Add(last)
	return past, errors.Join(err, o.Journal.Finish(ctx, last))
}

// Settled says how an attempt ended that nobody waited for, as far as that can be told. Where nothing tells when, it ended by now.
func Settled(a state.Attempt, types map[string]providers.Resource, now time.Time) state.Attempt {
	end, failed := left(types, a.Log)
	a.End, a.Result = now, string(Interrupted)
	if !end.IsZero() {
		a.End = end
	}
	switch {
	case a.Action == string(plan.Record) || a.Action == Adopted:
		a.Error = "cdplan was killed"
	case a.Size != nil:
		a.Error = "cdplan was killed; what it had asked for may come all the same"
	case a.Deployed:
		a.Error = "cdplan was killed before it was recorded"
	case end.IsZero():
		a.Error = "cdplan was killed, and nothing tells how the deploy ended"
	case failed == nil:
		a.Deployed, a.Error = true, "cdplan was killed before the deploy ended well; it was not recorded"
	default:
		a.Result, a.Blame, a.Error = string(Failed), state.BlameHost, failed.Error()
		if errors.As(failed, new(*resource.Failure)) {
			a.Blame = state.BlameRevision
		}
	}
	return a
}

// left asks all types for the word that the work with that log has left. There is no time if there is none.
func left(types map[string]providers.Resource, log string) (end time.Time, err error) {
	for _, typ := range types {
		if survivor, ok := typ.(providers.Survivor); ok {
			if end, err := survivor.Outcome(log); !end.IsZero() {
				return end, err
			}
		}
	}
	return time.Time{}, nil
}

// Confirm notes of attempts that were interrupted that all servers carry what they were to bring: they were interrupted after that.
func Confirm(ctx context.Context, o Options, p *plan.Plan) error {
	var errs []error
	for _, decision := range p.Decisions {
		last := o.Past.Services[decision.Service].Last
		if last == nil || last.Result != string(Interrupted) || decision.Verdict != plan.Same || last.Hash != resource.Hash(decision.Revisions) {
			continue
		}
		done := *last
		done.Result, done.Error = string(Deployed), ""
		switch {
		case done.Action == string(plan.Record) || done.Action == Adopted:
			done.Result = string(Recorded)
		case !done.Deployed:
			continue
		}
		errs = append(errs, o.Journal.Finish(ctx, done))
	}
	return errors.Join(errs...)
}
