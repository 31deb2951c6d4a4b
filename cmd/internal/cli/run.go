package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

// run is one run of apply, with the journal open.
type run struct {
	applyOptions
	fleet   *opened
	dir     state.Dir
	journal *state.Journal
	past    state.Past
	report  *reporter
}

// begin opens the journal and settles what former runs have left open. Where half of the fleet is gone it stops, unless a person is there.
func (o applyOptions) begin(ctx context.Context, fleet *opened) (*run, error) {
	dir, journal, err := fleet.openJournal(ctx)
	if err != nil {
		return nil, err
	}
	r := &run{applyOptions: o, fleet: fleet, dir: dir, journal: journal}
	if err := r.remember(ctx); err != nil {
		return nil, errors.Join(err, r.journal.Close())
	}
	return r, nil
}

func (r *run) remember(ctx context.Context) error {
	if err := apply.Settle(ctx, r.options(ctx, nil)); err != nil {
		return err
	}
	var err error
	if r.past, err = r.journal.Past(ctx, r.env.Now()); err != nil {
		return err
	}
	if gone := plan.Gone(r.past, r.fleet.Services); gone != nil && r.auto {
		return errors.New(goneText(r.past, gone))
	} else if gone != nil {
		r.env.say("Warning: %s\n\n", goneText(r.past, gone))
	}
	r.report, err = newReporter(r)
	return err
}

// close waits until what is to be told was told.
func (r *run) close() error { return errors.Join(r.report.close(), r.journal.Close()) }

func goneText(past state.Past, gone []string) string {
	return fmt.Sprintf("%d of the %d services that the last complete run saw are gone: %s. If the directory of the services is mounted "+
		"and they were removed on purpose, run \"cdplan apply\" by hand, without -auto, once", len(gone), len(past.Seen), names(gone))
}

// follow applies the plan and reports what has changed.
func (r *run) follow(ctx context.Context, p *plan.Plan, expect *plan.Expect, into io.Writer) error {
	acts := slices.ContainsFunc(p.Decisions, func(d plan.Decision) bool { return d.Verdict.Acts() })
	if acts || !r.auto {
		r.env.sayTaken(p)
	}
	outputs, err := r.outputs(r.fleet, p, into)
	if err != nil {
		return err
	}
	if !r.auto {
		r.fleet.tell(troubles(p))
	}
	holds, err := r.compare(expect, p, outputs)
	if err != nil {
		return err
	}
	if acts && !r.auto && !r.approved() && !r.ask(ctx) {
		return nil
	}
	var results []apply.Result
	noting := context.WithoutCancel(r.force) // what is known by now is noted, come what may
	if acts {
		w := newWatch(r.env, outputs...)
		results, err = apply.Run(r.force, p, r.options(ctx, r.events(noting, p, w)))
		err = errors.Join(err, w.results(results, r.routine))
	}
	err = errors.Join(err, apply.Confirm(noting, r.options(ctx, nil), p), r.finish(noting, p, results, ctx.Err() == nil))
	changes, told := r.report.changes()
	err = errors.Join(err, told)
	for _, out := range outputs {
		err = errors.Join(err, out.changes(changes))
	}
	if r.auto {
		r.fleet.tell(r.report.news(p))
	}
	switch {
	case err != nil:
		return err
	case !acts && holds:
		return planCode(p, r.detailed)
	}
	return applyCode(p, results, holds, r.detailed)
}

// compare tells what is not as approved, before anything is done. It returns true if nothing is. A plan of which only the digits were known is kept, since it
// is another one once some of it is done.
func (r *run) compare(expect *plan.Expect, p *plan.Plan, outputs []output) (bool, error) {
	if expect == nil {
		return true, nil
	}
	a := approval(*expect, p, r.selection)
	var err error
	for _, out := range outputs {
		err = errors.Join(err, out.approval(a))
	}
	if expect.Plan == nil && a.Known {
		if lost := r.fleet.keep(r.fleet.page(p)); lost != nil {
			r.env.say("Warning: %s. Once some of it is done, its fingerprint names it no more.\n\n", lost)
		}
	}
	return a.Holds(), err
}

// events passes events on, and reports how a service stands as soon as it is known.
func (r *run) events(ctx context.Context, p *plan.Plan, w *watch) func(apply.Event) {
	return func(e apply.Event) {
		w.event(e)
		if e.Kind != apply.EventEnd || e.Result.Attempt == 0 {
			return
		}
		i := slices.IndexFunc(p.Decisions, func(d plan.Decision) bool { return d.Service == e.Service })
		r.report.ended(ctx, p.Decisions[i], *e.Result)
	}
}

// finish reports on all of the fleet, and leaves word of a run that was complete: it looked at every service, and nobody stopped it.
func (r *run) finish(ctx context.Context, p *plan.Plan, results []apply.Result, toTheEnd bool) error {
	r.report.all(ctx, p, results)
	errs := []error{r.sample(ctx, p)}
	if toTheEnd && r.selection.all() {
		var seen []string
		for _, service := range r.fleet.Services {
			seen = append(seen, service.Name)
		}
		beat := state.Heartbeat{Time: r.env.Now().UTC(), Services: len(seen), Verdicts: view.Summary(p)}
		errs = append(errs, r.report.forget(ctx, seen), r.journal.See(ctx, seen), r.dir.Beat(beat))
	}
	if r.metricsFile != "" {
		errs = append(errs, r.writeMetrics(ctx))
	}
	return errors.Join(errs...)
}

// sample notes what was learnt of the size of each service, for those who come after. What only shows a plan leaves no trace of it.
func (r *run) sample(ctx context.Context, p *plan.Plan) error {
	var errs []error
	for _, d := range p.Decisions {
		if d.Size != nil && d.Size.Err == nil {
			errs = append(errs, r.journal.Sample(ctx, d.Service, d.Size.Sample(), d.Size.Keep))
		}
	}
	return errors.Join(errs...)
}

func (r *run) writeMetrics(ctx context.Context) error {
	status, err := readStatus(ctx, r.dir, r.journal, r.env.Now())
	if err != nil {
		return err
	}
	return view.Metrics(r.metricsFile, status)
}

func (r *run) options(ctx context.Context, events func(apply.Event)) apply.Options {
	parallelism := r.parallelism
	if parallelism == 0 {
		parallelism = r.fleet.Host.Parallelism
	}
	return apply.Options{Types: r.fleet.types, Schemas: r.fleet.Schemas, Parallelism: parallelism, Dir: r.dir, Journal: r.journal, Past: r.past,
		Rules: r.fleet.rules(r.breakFreeze), Reason: r.reason, Owner: r.env.Owner, LockWait: r.lockTimeout, Stop: ctx.Done(), Now: r.env.Now, Events: events}
}
