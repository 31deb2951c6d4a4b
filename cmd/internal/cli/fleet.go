package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/plan"
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
}

// selection is which services a command is for.
type selection struct {
	targets  []string
	excludes []string
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.targets, "target", nil, "only services that match `GLOB`; may be given several times")
	cmd.Flags().StringArrayVar(&s.excludes, "exclude", nil, "no service that matches `GLOB`; may be given several times")
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
	selected, err := s.match(fleet.Services)
	if err != nil {
		return nil, err
	}
	types, closeAll, diags := fleet.Open(ctx)
	if diags.HasErrors() {
		return nil, errors.Join(&faults{diags, fleet.Sources.Files()}, closeAll())
	}
	return &opened{Fleet: fleet, env: c.env, types: types, close: closeAll, selected: selected}, nil
}

func (c *common) load() (*config.Fleet, hcl.Diagnostics) {
	return config.Load(config.Options{Config: c.config, Root: c.root, Getenv: c.env.Getenv, Drivers: c.env.Drivers})
}

// match returns whether a service is selected. A target that matches nothing is an error, since a typing error must not look like "nothing
// to do".
func (s selection) match(services []plan.Service) (func(string) bool, error) {
	for _, glob := range slices.Concat(s.targets, s.excludes) {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, fmt.Errorf("%q is not a pattern of service names: * stands for any text, ? for one character", glob)
		}
	}
	for _, glob := range s.targets {
		if !slices.ContainsFunc(services, func(service plan.Service) bool { return matches(glob, service.Name) }) {
			return nil, fmt.Errorf("no service matches -target %s", glob)
		}
	}
	return func(service string) bool {
		is := func(glob string) bool { return matches(glob, service) }
		return (len(s.targets) == 0 || slices.ContainsFunc(s.targets, is)) && !slices.ContainsFunc(s.excludes, is)
	}, nil
}

func matches(glob, service string) bool {
	ok, _ := path.Match(glob, service) // the pattern was checked
	return ok
}

// plan reads everything and computes the plan, with the history of what moved.
func (o *opened) plan(ctx context.Context, approved bool) (*plan.Plan, error) {
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	readings := state.Refresh(refresh, o.types, o.wanted(""))
	if ctx.Err() != nil {
		return nil, errors.New("interrupted while reading; nothing was done")
	}
	p := plan.Compute(plan.Input{Services: o.Services, Schemas: o.Schemas, Readings: readings, Approved: approved, Selected: o.selected})
	history, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	p.Attach(state.Histories(history, o.types, p.Spans()))
	return p, nil
}

// wanted asks for every resource of every service that can be used, or for those of one role.
func (o *opened) wanted(role resource.Role) []resource.Wanted {
	var want []resource.Wanted
	for _, service := range o.Services {
		if service.Err != nil {
			continue
		}
		for _, declared := range service.Resources {
			if role == "" || o.Schemas[declared.Addr.Type].Role == role {
				want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
			}
		}
	}
	return want
}

// faults turns the error of a service into diagnostics that name it.
func (o *opened) faults(service string, err error) hcl.Diagnostics {
	diags := o.Sources.Diagnose(err)
	for i, diag := range diags {
		if diag.Subject == nil && !strings.Contains(diag.Detail, service) {
			named := *diag
			named.Detail = service + ": " + diag.Detail
			diags[i] = &named
		}
	}
	return diags
}

// tell writes the errors of the plan to stderr.
func (o *opened) tell(p *plan.Plan) {
	for _, decision := range p.Decisions {
		o.env.diagnose(o.faults(decision.Service, decision.Err), o.Sources.Files())
	}
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
