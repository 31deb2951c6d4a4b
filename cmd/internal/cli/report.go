package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"launchpad.net/cdplan/cmd/internal/notify"
	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

// reporter finds out whose standing has changed, and tells so: once for each change, however many runs come.
type reporter struct {
	*run
	before  map[string]state.Standing
	courier *courier
	told    []view.Change
	errs    []error
}

func newReporter(r *run) (*reporter, error) {
	before, err := r.journal.Standings(r.force)
	if err != nil {
		return nil, err
	}
	return &reporter{run: r, before: before, courier: newCourier(r.force, r.env, r.journal, r.fleet.Host.Notifiers)}, nil
}

// ended reports on a service as soon as its end is known. Of the journal it reads what is about that service alone.
func (r *reporter) ended(ctx context.Context, decision plan.Decision, result apply.Result) {
	service, err := r.journal.Service(ctx, decision.Service)
	breaker, broken := r.journal.Breaker(ctx)
	past := state.Past{Services: map[string]state.ServicePast{decision.Service: service}, Breaker: breaker}
	r.tell(ctx, &plan.Plan{Decisions: []plan.Decision{decision}}, []apply.Result{result}, past, errors.Join(err, broken))
}

// all reports on every service of the plan.
func (r *reporter) all(ctx context.Context, p *plan.Plan, results []apply.Result) {
	past, err := r.journal.Past(ctx, r.env.Now())
	r.tell(ctx, p, results, past, err)
}

// tell reports on the services of the plan, if their past could be read.
func (r *reporter) tell(ctx context.Context, p *plan.Plan, results []apply.Result, past state.Past, err error) {
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	var now []state.Standing
	var changes []view.Change
	for _, s := range apply.Standings(p, results, past, r.fleet.Host.Backoff, r.env.Now().UTC()) {
		was := r.before[s.Service]
		sized := was.Word == state.Unmeasured || was.Word == state.Failing && past.Services[s.Service].Resizes.Count > 0 // how it stood was about its size
		if sized && s.Word == state.Well && !r.measured(p, s.Service) {
			continue
		}
		same := cmp.Or(was.Word, state.Well) == s.Word
		if same && was.Reason == s.Reason {
			continue
		}
		if same {
			s.Since = was.Since
		} else {
			changes = addChange(changes, was, s, results)
		}
		now = append(now, s)
		r.before[s.Service] = s
	}
	if len(now) == 0 {
		return
	}
	r.told = append(r.told, changes...)
	var notices []state.Notice
	for _, c := range changes {
		notice, wanted, err := r.courier.notice(r.event(p, c))
		if wanted {
			notices = append(notices, notice)
		}
		r.errs = append(r.errs, err)
	}
	r.errs = append(r.errs, r.journal.Report(ctx, now, nil, notices))
	r.courier.look()
}

// measured says whether the run has measured a service, if it has a load: one that measures none cannot tell that all is well with its size again.
func (r *reporter) measured(p *plan.Plan, service string) bool {
	return !slices.ContainsFunc(p.Decisions, func(d plan.Decision) bool {
		return d.Service == service && d.Size == nil && d.Declared.Sized(r.fleet.Schemas)
	})
}

// event makes of a change what notifiers are told.
func (r *reporter) event(p *plan.Plan, c view.Change) notify.Event {
	e := notify.Event{ID: rand.Text(), Time: c.Time, Host: r.env.Host, Kind: c.Kind, Services: c.Services, Text: c.Text()}
	if c.Result == nil {
		return e
	}
	e.Log, e.Tail = c.Result.Log, c.Tail()
	for _, d := range p.Decisions {
		if d.Service == c.Result.Service {
			e.Fingerprint = d.Fingerprint
		}
	}
	return e
}

// forget drops the services that are gone.
func (r *reporter) forget(ctx context.Context, seen []string) error {
	var gone []string
	for service := range r.before {
		if service != "" && !slices.Contains(seen, service) {
			gone = append(gone, service)
		}
	}
	return r.journal.Report(ctx, nil, gone, nil)
}

// addChange adds what happened to one service to what happened to others for the same reason.
func addChange(changes []view.Change, was, now state.Standing, results []apply.Result) []view.Change {
	change := view.Change{Kind: kind(was.Word, now.Word), Reason: now.Reason, Time: now.Since}
	if now.Service != "" {
		change.Services = []string{now.Service}
	}
	if now.Word == state.Well {
		change.Reason = ""
	}
	if i := slices.IndexFunc(results, func(r apply.Result) bool { return r.Service == now.Service }); i >= 0 {
		change.Result = &results[i]
		return append(changes, change)
	}
	i := slices.IndexFunc(changes, func(c view.Change) bool {
		return c.Kind == change.Kind && c.Reason == change.Reason && c.Result == nil && len(c.Services) > 0 && now.Service != ""
	})
	if i < 0 {
		return append(changes, change)
	}
	changes[i].Services = append(changes[i].Services, now.Service)
	return changes
}

// kind names the change from one standing to another.
func kind(was, now state.Word) string {
	switch {
	case now != state.Well:
		return string(now)
	case was == state.Held:
		return "released"
	case was == state.HostTrouble:
		return "host-recovered"
	}
	return "recovered"
}

// changes returns what this run has reported.
func (r *reporter) changes() ([]view.Change, error) { return r.told, errors.Join(r.errs...) }

// news returns the troubles of those services alone that were not in the same trouble before.
func (r *reporter) news(p *plan.Plan) []trouble {
	var found []trouble
	for _, t := range troubles(p) {
		if slices.ContainsFunc(r.told, func(c view.Change) bool { return slices.Contains(c.Services, t.service) }) {
			found = append(found, t)
		}
	}
	return found
}

// close waits for the notifiers.
func (r *reporter) close() error { return r.courier.close() }
