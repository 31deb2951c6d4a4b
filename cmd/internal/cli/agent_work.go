package cli

import (
	"context"
	"errors"
	"fmt"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/state"
)

// start begins to do what is to be done about a service, and does not wait for its end.
func (a *agentLoop) start(ctx context.Context, g *generation, r *run, d plan.Decision) {
	a.mutex.Lock()
	a.running[d.Service] = true
	a.mutex.Unlock()
	g.users.Add(1)
	a.work.Go(func() {
		defer g.users.Done()
		defer a.ended(d.Service)
		if err := providers.Catch(func() error { return a.do(ctx, g, r, d) }); err != nil {
			a.once(d.Service, fmt.Sprintf("Error: %s: %s\n", d.Service, err))
		}
	})
}

func (a *agentLoop) ended(service string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	delete(a.running, service)
}

// do does what is to be done about a service, as apply does, and tells how it ended.
func (a *agentLoop) do(ctx context.Context, g *generation, r *run, d plan.Decision) error {
	p := &plan.Plan{Decisions: []plan.Decision{d}}
	progress := view.NewProgress(p)
	var told error
	results, err := apply.Run(a.force, p, r.options(ctx, func(e apply.Event) { told = errors.Join(told, a.progress(progress, e)) }))
	if err != nil {
		return errors.Join(err, told)
	}
	result := results[0]
	a.count(d, result)
	if result.Attempt == 0 {
		a.idle(result)
		return told
	}
	a.once(d.Service, "")
	return errors.Join(told, a.report(context.WithoutCancel(a.force), g, r, p, result))
}

// progress prints what comes to pass once something is done. What came before, and what was not begun, is not worth a line of its own each time.
func (a *agentLoop) progress(p view.Progress, e apply.Event) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if e.Result != nil && e.Result.Attempt == 0 {
		return nil
	}
	err := p.Event(a.env.Stderr, e, a.env.style(a.env.StderrTerminal))
	if e.Result != nil && e.Result.Err != nil {
		a.env.say("%s\n", view.CleanLines(fmt.Sprintf("%s %s: %s", e.Service, e.Result.Outcome, e.Result.Err)))
	}
	return err
}

// idle tells why nothing was done, once as long as it is the same: that another run works on the service, for one. That it is one which just begins
// or ends, so that its name is not known, is no news.
func (a *agentLoop) idle(result apply.Result) {
	text := ""
	if busy := (*state.BusyError)(nil); errors.As(result.Err, &busy) && busy.Owner.PID == 0 {
		return
	}
	if result.Err != nil && !errors.Is(result.Err, apply.ErrDone) {
		text = fmt.Sprintf("%s %s: %s\n", result.Service, result.Outcome, result.Err)
	}
	a.once(result.Service, text)
}

// count counts what was done, or was not.
func (a *agentLoop) count(d plan.Decision, result apply.Result) {
	kind := "record"
	switch {
	case d.Scales() && d.Size.To > d.Size.Units:
		kind = "out"
	case d.Scales():
		kind = "in"
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.seen.Changes[view.AgentChange{Kind: kind, Result: string(result.Outcome)}]++
}
