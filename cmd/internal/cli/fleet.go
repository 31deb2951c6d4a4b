package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// How long reading the live state, and reading logs for it, may take in all. Each single look-up has a shorter limit of its own.
const (
	refreshTimeout = 5 * time.Minute
	historyTimeout = time.Minute
)

// opened is a fleet with its providers at work.
type opened struct {
	*config.Fleet
	env      *Env
	types    map[string]providers.Resource
	close    func() error
	selected func(string) bool // nil selects all
	excluded func(string) bool // those that -with-deps leaves out; nil for none
	deps     plan.Deps
	noScale  bool // no load is measured, and no size changed

	aside func(plan.Service) bool // services of which the record alone is read; nil for none
}

// open loads the fleet and opens its providers. Warnings go to stderr, unless quiet.
func (c *common) open(ctx context.Context, s selection, quiet bool) (*opened, error) {
	fleet, diags := c.load()
	if diags.HasErrors() {
		return nil, &faults{diags, fleet.Sources.Files()}
	}
	if len(diags) > 0 && !quiet {
		c.env.diagnose(diags, fleet.Sources.Files())
	}
	chosen, err := s.choose(fleet.Services)
	if err != nil {
		return nil, err
	}
	types, closeAll, diags := fleet.Open(ctx)
	if diags.HasErrors() {
		return nil, errors.Join(&faults{diags, fleet.Sources.Files()}, closeAll())
	}
	return &opened{Fleet: fleet, env: c.env, types: types, close: closeAll, selected: chosen.has, excluded: chosen.excludes, deps: s.deps()}, nil
}

// stateDir is /var/lib/cdplan with -system, else $CDPLAN_STATE, what cdplan.hcl says, or the default.
func (o *opened) stateDir() (state.Dir, error) {
	if o.env.system {
		return state.SystemDir, nil
	}
	for _, named := range []string{o.env.Getenv("CDPLAN_STATE"), o.Host.State} {
		if named != "" {
			return state.Dir(named), nil
		}
	}
	return state.DefaultDir(o.env.Getenv, o.env.UID)
}

// openJournal opens the journal of this host to write, and tells where it is.
func (o *opened) openJournal(ctx context.Context) (state.Dir, *state.Journal, error) {
	dir, err := o.stateDir()
	if err != nil {
		return "", nil, err
	}
	journal, err := dir.OpenJournal(ctx)
	return dir, journal, err
}

// readJournal opens it to read. The journal is nil if there is none.
func (o *opened) readJournal(ctx context.Context) (state.Dir, *state.Journal, error) {
	dir, err := o.stateDir()
	if err != nil {
		return "", nil, err
	}
	journal, err := dir.ReadJournal(ctx)
	return dir, journal, err
}

// past returns what the journal tells. A plan can be made without: nothing is held then, and more is left to a person.
func (o *opened) past(ctx context.Context) state.Past {
	past, err := o.readPast(ctx)
	if err != nil {
		o.env.say("Warning: %s\nThe plan is made without holds, back-off and what was tried before.\n\n", err)
	}
	return past
}

// readPast reads the journal. How an attempt ended whose cdplan is gone is told as the next apply will note it.
func (o *opened) readPast(ctx context.Context) (past state.Past, err error) {
	dir, journal, err := o.readJournal(ctx)
	if err != nil {
		return past, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	now := o.env.Now()
	past, err = journal.Past(ctx, now)
	for name, service := range past.Services {
		if open := service.Unfinished; open != nil && !dir.Busy(name) {
			service.Add(apply.Settled(*open, o.types, now))
			past.Services[name] = service
		}
	}
	return past, err
}

// host reads cdplan.hcl alone, for commands that need no service.
func (c *common) host() (*opened, error) { return c.closed(config.LoadHost) }

// known reads the fleet without opening its providers, for commands that need the names of services alone.
func (c *common) known() (*opened, error) { return c.closed(config.Load) }

func (c *common) closed(load func(config.Options) (*config.Fleet, hcl.Diagnostics)) (*opened, error) {
	fleet, diags := load(c.options())
	if diags.HasErrors() {
		return nil, &faults{diags, fleet.Sources.Files()}
	}
	return &opened{Fleet: fleet, env: c.env}, nil
}

func (c *common) options() config.Options {
	return config.Options{Config: c.config, Root: c.root, Getenv: c.env.Getenv, Drivers: c.env.Drivers}
}

func (c *common) load() (*config.Fleet, hcl.Diagnostics) {
	return config.Load(c.options())
}

var errInterrupted = errors.New("interrupted while reading; nothing was done")

// plan reads everything and computes the plan; if something moved, once more, with its history. The input holds what is not read here: the past
// and who stands behind the run.
func (o *opened) plan(ctx context.Context, in plan.Input) (*plan.Plan, error) {
	return o.planFrom(ctx, &in)
}

// planFrom is plan, and leaves in the input all that was read.
func (o *opened) planFrom(ctx context.Context, in *plan.Input) (*plan.Plan, error) {
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	in.Services, in.Schemas, in.Now = o.Services, o.Schemas, o.env.Now().UTC()
	in.Selected, in.Excluded, in.Deps = o.selected, o.excluded, o.deps
	in.Rules = o.rules(in.BreakFreeze)
	in.Readings = o.read(refresh)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	p := plan.Compute(*in)
	spans := p.Spans()
	if len(spans) == 0 {
		return p, nil
	}
	history, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	in.Histories = state.Histories(history, o.types, spans)
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	p = plan.Compute(*in)
	compareFiles(o.Schemas, p)
	return p, nil
}

// read reads all there is, and measures at the same time what there is to be measured.
func (o *opened) read(ctx context.Context) state.Readings {
	var loads map[resource.Addr]resource.Load
	var measuring sync.WaitGroup
	if !o.noScale {
		measuring.Go(func() { loads = state.Measure(ctx, o.types, o.wanted(resource.Sized)) })
	}
	readings := state.Refresh(ctx, o.types, o.wanted(""))
	measuring.Wait()
	for addr, load := range loads {
		reading := readings[addr]
		reading.Load = &load
		readings[addr] = reading
	}
	return readings
}

// rules are those of this host.
func (o *opened) rules(breakFreeze bool) plan.Rules {
	return plan.Rules{Backoff: o.Host.Backoff, Freezes: o.Host.Freezes, BreakFreeze: breakFreeze}
}

// compareFiles tells which keys of each config.ini changed, and forgets the files, which may hold secrets.
func compareFiles(schemas map[string]resource.Schema, p *plan.Plan) {
	var masks config.Masks // for all of the plan
	for _, decision := range p.Decisions {
		for i, change := range decision.Changes {
			h := change.History
			if h == nil {
				continue
			}
			if change.Label == plan.ConfigLabel && (h.FileFrom != nil || h.FileTo != nil) {
				decision.Changes[i].Keys, decision.Changes[i].KeysErr = config.CompareKeys(schemas, &masks, h.FileFrom, h.FileTo)
			}
			h.FileFrom, h.FileTo = nil, nil
		}
	}
}

// wanted asks for every resource of every service, or for those of one role. Of a service that cannot be used, or is left aside, it asks for the record
// alone, so that the places it has are known to be taken.
func (o *opened) wanted(role resource.Role) []resource.Wanted {
	var want []resource.Wanted
	for _, service := range o.Services {
		for _, declared := range service.Resources {
			is := o.Schemas[declared.Addr.Type].Role
			if (service.Err != nil || o.aside != nil && o.aside(service)) && is != resource.Record {
				continue
			}
			if role == "" || is == role {
				want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
			}
		}
	}
	return want
}

// faults turns the error of a service into diagnostics that name it, where no file does.
func (o *opened) faults(service string, err error) hcl.Diagnostics {
	return group(o.Sources, []trouble{{service, err}})
}

// trouble is what is wrong with a service.
type trouble struct {
	service string // empty: with none that is known
	err     error
}

// maxNamed is how many services are named for which the same is wrong; the rest is counted.
const maxNamed = 5

// group turns the errors into diagnostics. What no single file is to blame for, such as a cloud that cannot be reached or a cycle, is told
// once for all the services that it concerns.
func group(sources *config.Sources, troubles []trouble) hcl.Diagnostics {
	var diags hcl.Diagnostics
	concerned := map[*hcl.Diagnostic][]string{}
	first := map[[2]string]*hcl.Diagnostic{}
	for _, t := range troubles {
		for _, diag := range sources.Diagnose(t.err) {
			key := [2]string{diag.Summary, diag.Detail}
			_, shared := diag.Extra.(config.Shared)
			shared = shared || diag.Subject == nil
			if known := first[key]; known != nil && shared {
				concerned[known] = append(concerned[known], t.service)
				continue
			}
			diags = append(diags, diag)
			if shared {
				first[key], concerned[diag] = diag, []string{t.service}
			}
		}
	}
	for i, diag := range diags {
		if text := names(concerned[diag]); text != "" && diag.Subject == nil {
			named := *diag
			named.Detail = text + ": " + diag.Detail
			diags[i] = &named
		}
	}
	return diags
}

func names(services []string) string {
	if more := len(services) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(services[:maxNamed], ", "), more)
	}
	return strings.Join(services, ", ")
}

// tell writes the errors to stderr. Where a result stands above them on the same terminal, an empty line comes first.
func (o *opened) tell(troubles []trouble) {
	diags := group(o.Sources, troubles)
	if len(diags) > 0 && o.env.StdoutTerminal && o.env.StderrTerminal {
		o.env.say("\n")
	}
	o.env.diagnose(diags, o.Sources.Files())
}

// troubles returns what is wrong with the services of a plan.
func troubles(p *plan.Plan) []trouble {
	var found []trouble
	for _, decision := range p.Decisions {
		if decision.Err != nil {
			found = append(found, trouble{decision.Service, decision.Err})
		}
	}
	return found
}

// planCode is the code of a plan that is not applied.
func planCode(p *plan.Plan, detailed bool) error {
	acts, held := false, false
	for _, decision := range p.Decisions {
		if decision.Err != nil {
			return exit(codeError)
		}
		acts = acts || decision.Verdict.Acts()
		held = held || decision.Verdict.Held()
	}
	switch {
	case detailed && acts:
		return exit(codeChanges)
	case detailed && held:
		return exit(codeHeld)
	}
	return nil
}
