package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/state"
)

// retryNotices is how often an agent has notices tried again that a notifier did not take.
const retryNotices = 5 * time.Minute

// agentLoop looks at the services that have a load, round after round. What it does about one of them goes on beside the rounds, which leave that
// service out until it has ended.
type agentLoop struct {
	agentOptions
	spread  time.Duration // how much earlier or later a round may come
	current *generation
	dir     state.Dir // of every generation
	noticed time.Time // when notices were tried again last

	work    sync.WaitGroup // what is done about services
	retired sync.WaitGroup // generations that are not over yet

	mutex   sync.Mutex // of all below, and of what is printed
	said    map[string]string
	running map[string]bool // services about which something is being done
	seen    view.Agent
	alive   time.Time // when the loop moved last
	ending  bool
	errs    []error // of what was to be closed
}

// generation is what holds from one change of the files to the next.
type generation struct {
	fleet   *opened
	journal *state.Journal
	courier *courier
	sized   []plan.Service // those that have a load
	claimed bool           // the records of all other services were read once, so that the places they have are known to be taken
	users   sync.WaitGroup // what is being done by it
}

func newAgentLoop(o agentOptions, dir state.Dir, spread time.Duration) *agentLoop {
	now := o.env.Now()
	return &agentLoop{agentOptions: o, dir: dir, spread: spread, noticed: now, alive: now, said: map[string]string{}, running: map[string]bool{},
		seen: view.Agent{Interval: o.interval, Changes: map[view.AgentChange]int{}}}
}

// reload begins a new generation if a file has changed or the journal is another one, or at once. On error the one that there is goes on.
func (a *agentLoop) reload(ctx context.Context, atOnce bool) error {
	if !atOnce {
		fresh, diags := a.load()
		if diags.HasErrors() {
			return &faults{diags, fresh.Sources.Files()}
		}
		if fresh.Sources.Same(a.current.fleet.Sources) && !a.current.journal.Replaced() {
			return nil
		}
	}
	next, err := a.begin(ctx)
	if err != nil {
		return err
	}
	if a.current != nil {
		a.retire(a.current)
	}
	a.current = next
	if len(next.sized) == 0 {
		a.once("sized", "Warning: no service has a section [scale], so that there is nothing to do.\n")
	} else {
		a.once("sized", "")
	}
	return nil
}

// begin opens all that a generation needs.
func (a *agentLoop) begin(ctx context.Context) (*generation, error) {
	fleet, err := a.open(ctx, selection{}, true)
	if err != nil {
		return nil, err
	}
	g := &generation{fleet: fleet}
	dir, journal, err := fleet.openJournal(ctx)
	if err != nil {
		return nil, errors.Join(err, fleet.close())
	}
	g.journal = journal
	if dir != a.dir {
		return nil, errors.Join(fmt.Errorf("the state directory is to be %s instead of %s: restart the agent", dir, a.dir), fleet.close(), g.journal.Close())
	}
	past, err := g.journal.Past(ctx, a.env.Now())
	if gone := plan.Gone(past, fleet.Services); err == nil && gone != nil {
		err = errors.New(goneText(past, gone))
	}
	if err != nil {
		return nil, errors.Join(err, fleet.close(), g.journal.Close())
	}
	for _, service := range fleet.Services {
		if service.Sized(fleet.Schemas) {
			g.sized = append(g.sized, service)
		}
	}
	g.courier = newCourier(a.force, a.env, g.journal, fleet.Host.Notifiers)
	return g, nil
}

// retire closes a generation once nothing is done by it any more.
func (a *agentLoop) retire(g *generation) {
	a.retired.Go(func() {
		g.users.Wait()
		err := errors.Join(g.courier.close(), g.fleet.close(), g.journal.Close())
		a.mutex.Lock()
		defer a.mutex.Unlock()
		if err != nil {
			a.errs = append(a.errs, err)
		}
	})
}

// close waits until all that was begun has ended, and what is to be told was told.
func (a *agentLoop) close() error {
	a.work.Wait()
	a.retire(a.current)
	a.retired.Wait()
	return errors.Join(a.errs...)
}

// run makes rounds until ctx ends, and then waits for what was begun.
func (a *agentLoop) run(ctx context.Context, hangups <-chan struct{}) {
	over := a.watchdog()
	defer over()
	a.event("started: %s, every %s", a.services(), a.interval)
	ready, reload := daemon.SdNotifyReady+"\n", false
	for ctx.Err() == nil {
		begin := a.env.Now()
		a.turn(ctx, reload)
		a.notify(ready + "STATUS=" + a.status())
		ready = ""
		if reload = a.pause(ctx, begin, hangups); reload {
			a.event("reads all files anew")
			a.notify(daemon.SdNotifyReloading + "\n" + monotonic())
			ready = daemon.SdNotifyReady + "\n"
		}
	}
	a.mutex.Lock()
	a.ending = true
	a.mutex.Unlock()
	a.notify(daemon.SdNotifyStopping + "\nSTATUS=waiting for what runs")
	a.work.Wait()
	a.event("stopped")
}

// pause waits until the next round, and returns whether somebody asks to reload before that.
func (a *agentLoop) pause(ctx context.Context, begin time.Time, hangups <-chan struct{}) bool {
	due := begin.Add(a.interval + time.Duration((2*a.env.Random()-1)*float64(a.spread)))
	ticks, stop := a.env.Ticks(max(due.Sub(a.env.Now()), time.Millisecond))
	defer stop()
	select {
	case <-ctx.Done():
	case <-ticks:
	case <-hangups:
		return true
	}
	return false
}

// turn makes one round, after the files were read, and tells what went wrong, once.
func (a *agentLoop) turn(ctx context.Context, atOnce bool) {
	begin := a.env.Now()
	a.moved(begin)
	err := a.reload(ctx, atOnce)
	if ctx.Err() != nil {
		return
	}
	a.fault("reload", err, "goes on with the files as they were before", "has read the files anew")
	err = providers.Catch(func() error { return a.round(ctx) })
	if ctx.Err() != nil {
		return
	}
	a.fault("round", err, "tries again in the next round", "is at work again")
	end := a.env.Now()
	a.moved(end)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err != nil {
		a.seen.Failed++
		return
	}
	a.seen.Complete++
	a.seen.LastRound, a.seen.Took = end, end.Sub(begin)
}

// moved notes that the loop goes on.
func (a *agentLoop) moved(now time.Time) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.alive = now
}

// round looks at every service about which nothing is being done, and begins to do what is to be done.
func (a *agentLoop) round(ctx context.Context) error {
	g, now := a.current, a.env.Now()
	if g.journal.Replaced() {
		return errors.New("the journal is not the one any more that is written to")
	}
	if now.Sub(a.noticed) >= retryNotices {
		g.courier.again()
		a.noticed = now
	}
	r := &run{applyOptions: applyOptions{common: a.common, force: a.force, auto: true, parallelism: 1}, fleet: g.fleet, dir: a.dir, journal: g.journal}
	if err := apply.Settle(ctx, r.options(ctx, nil)); err != nil {
		return err
	}
	var err error
	if r.past, err = g.journal.Past(ctx, now); err != nil {
		return err
	}
	p, err := a.plan(ctx, g, r.past)
	if err != nil {
		return err
	}
	noting := context.WithoutCancel(ctx)
	a.note(p)
	if err := r.sample(noting, p); err != nil {
		return err
	}
	err = a.report(noting, g, r, settled(p))
	for _, d := range p.Decisions {
		if mayAct(d) && a.room(g) {
			a.start(ctx, g, r, d)
		}
	}
	return err
}

// plan reads the services about which nothing is being done, measures them, and decides. What moved is told by others, so that no history is asked for.
func (a *agentLoop) plan(ctx context.Context, g *generation, past state.Past) (*plan.Plan, error) {
	free := a.free(g.sized)
	fleet, declared := *g.fleet, *g.fleet.Fleet
	fleet.Fleet, declared.Services = &declared, free
	if !g.claimed {
		declared.Services = g.fleet.Services
		fleet.aside = func(s plan.Service) bool {
			return !slices.ContainsFunc(free, func(f plan.Service) bool { return f.Name == s.Name })
		}
	}
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	readings := fleet.read(refresh)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	g.claimed = true
	return plan.Compute(plan.Input{Services: free, Schemas: fleet.Schemas, Readings: readings, Past: past, Now: a.env.Now().UTC(), Rules: fleet.rules(false)}), nil
}

// free returns the services about which nothing is being done.
func (a *agentLoop) free(services []plan.Service) []plan.Service {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(services), func(s plan.Service) bool { return a.running[s.Name] })
}

// room says whether something may be begun about one more service.
func (a *agentLoop) room(g *generation) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return len(a.running) < g.fleet.Host.Parallelism
}

// mayAct says whether what is to be done about a service is the agent's to do: to change its size, or to record what it runs on servers that were
// added to those that agree.
func mayAct(d plan.Decision) bool {
	if d.Verdict == plan.Record {
		return slices.Equal(d.Reasons, []plan.Reason{plan.Unstamped}) && len(d.WaitsFor) == 0
	}
	return d.Verdict == plan.Scale
}

// settled returns the part of a plan that tells how services stand: what stands still, or whose size is not to be changed for now. How the others
// stand they tell who deploy, or the agent once it has done something.
func settled(p *plan.Plan) *plan.Plan {
	part := &plan.Plan{}
	for _, d := range p.Decisions {
		if d.Scales() && d.Verdict != plan.Scale || d.Verdict == plan.Same || d.Verdict == plan.Invalid || d.Verdict == plan.Unknown {
			part.Decisions = append(part.Decisions, d)
		}
	}
	return part
}

// report tells how services stand, if they stood otherwise before.
func (a *agentLoop) report(ctx context.Context, g *generation, r *run, p *plan.Plan, results ...apply.Result) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	before, err := g.journal.Standings(ctx)
	if err != nil {
		return err
	}
	report := &reporter{run: r, before: before, courier: g.courier}
	report.all(ctx, p, results)
	changes, err := report.changes()
	err = errors.Join(err, view.Changes(a.env.Stdout, changes, a.env.style(a.env.StdoutTerminal)))
	r.fleet.tell(report.news(p))
	return err
}
