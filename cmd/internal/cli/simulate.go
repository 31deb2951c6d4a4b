package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/replay"
	"launchpad.net/cdplan/plan/scale"
)

type simulateOptions struct {
	*common
	name   string // of a service, or path of a config.ini
	load   string
	hpa    bool
	format string
	world  replay.World
}

// simulations are the forms of a simulation, by name.
var simulations = []struct {
	name  string
	write func(env *Env, s view.Simulation) error
}{
	{"text", func(env *Env, s view.Simulation) error {
		return view.SimulationText(env.Stdout, s, env.style(env.StdoutTerminal))
	}},
	{"svg", func(env *Env, s view.Simulation) error { return view.SimulationSVG(env.Stdout, s) }},
	{"json", func(env *Env, s view.Simulation) error { return view.SimulationJSON(env.Stdout, s) }},
}

func newSimulate(c *common) *cobra.Command {
	o := simulateOptions{common: c}
	cmd := &cobra.Command{
		Use:   "simulate SERVICE",
		Short: "Show how many units a service would have had under a load",
		Long: "Replays a load from a file against the policy in [scale] of a service, and prints\n" +
			"when units would have been added and removed, and why. A path of a config.ini in\n" +
			"place of SERVICE tries one that is not committed yet. Each line of the file has a\n" +
			"time, a load and perhaps an event: metric-down, metric-up, units-down,\n" +
			"units-up, agent-down, agent-up, clock +1h, poison 500 (work that no unit can do)\n" +
			"and purge. A load lasts until the next line. It asks nobody and changes nothing.",
		Example: "  cdplan simulate worker -load week.csv -rate 60\n  cdplan simulate ./config.ini -load week.csv -rate 60 -start 8m -hpa\n" +
			"  cdplan simulate worker -load sessions.csv -format=svg > worker.svg",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("simulate takes the name of one service, or the path of one config.ini, not %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.name = args[0]
			return runSimulate(o)
		},
	}
	cmd.Flags().StringVar(&o.load, "load", "", "replay the load in `FILE`, with lines such as 2026-03-02T14:05:00Z,120 or 5m,120")
	cmd.Flags().Float64Var(&o.world.Rate, "rate", 0, "a unit does `N` of the work in a minute: the file tells what work arrives in a minute, and the load is what waits")
	cmd.Flags().DurationVar(&o.world.Start, "start", 4*time.Minute, "a unit takes `TIME` until it works")
	cmd.Flags().DurationVar(&o.world.Interval, "interval", 30*time.Second, "the agent, or cron, looks each `TIME`")
	cmd.Flags().BoolVar(&o.hpa, "hpa", false, "show beside it what the HorizontalPodAutoscaler of Kubernetes would have done")
	var names []string
	for _, form := range simulations {
		names = append(names, form.name)
	}
	cmd.Flags().StringVar(&o.format, "format", "text", "print the simulation as `FORM`: "+strings.Join(names, ", "))
	return cmd
}

func runSimulate(o simulateOptions) error {
	for _, form := range simulations {
		if form.name != o.format {
			continue
		}
		s, err := o.simulate()
		if err != nil {
			return err
		}
		return form.write(o.env, s)
	}
	return fmt.Errorf("there is no -format %q: it is one of text, svg, json", o.format)
}

// simulate replays the load.
func (o simulateOptions) simulate() (s view.Simulation, err error) {
	series, err := o.series()
	if err != nil {
		return s, err
	}
	name, policy, err := o.policy()
	if err != nil {
		return s, err
	}
	o.world.Units = max(policy.Min, 1)
	s = view.Simulation{Service: name, Policy: policy, World: o.world, Run: replay.Replay(series, o.world, policy, &replay.Ours{Policy: policy})}
	if o.hpa {
		world := o.world
		world.Interval = replay.HPAInterval
		run := replay.Replay(series, world, policy, &replay.HPA{Policy: policy, Interval: world.Interval})
		s.HPA = &run
	}
	return s, nil
}

// series reads the load.
func (o simulateOptions) series() (series replay.Series, err error) {
	switch {
	case o.load == "":
		return nil, errors.New("the load is missing: name its file by -load FILE")
	case o.world.Rate < 0 || o.world.Rate-o.world.Rate != 0:
		return nil, errors.New("-rate must be a number of more than 0")
	case o.world.Start < 0:
		return nil, errors.New("-start must be 0s or more")
	}
	file, err := os.Open(o.load)
	if err != nil {
		return nil, fmt.Errorf("-load: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	if series, err = replay.Read(o.load, file); err != nil {
		return nil, err
	}
	shortest := o.world
	if o.hpa {
		shortest.Interval = min(o.world.Interval, replay.HPAInterval)
	}
	if err := series.Check(shortest); err != nil {
		return nil, fmt.Errorf("%s: %w", o.load, err)
	}
	return series, nil
}

// policy returns that of the service, or of the config.ini.
func (o simulateOptions) policy() (string, scale.Policy, error) {
	fleet, service, err := o.service()
	if err != nil {
		return "", scale.Policy{}, err
	}
	policy, err := service.Policy(fleet.Schemas)
	switch {
	case service.Err != nil:
		return "", scale.Policy{}, &faults{fleet.Sources.Diagnose(service.Err), fleet.Sources.Files()}
	case policy == nil:
		return "", scale.Policy{}, fmt.Errorf("%s has no section [scale], so that there is nothing to simulate: docs/scaling.md tells what to write in it", o.name)
	}
	return service.Name, *policy, err
}

func (o simulateOptions) service() (*opened, plan.Service, error) {
	if strings.ContainsRune(o.name, os.PathSeparator) || strings.HasSuffix(o.name, ".ini") {
		fleet, err := o.host()
		if err != nil {
			return nil, plan.Service{}, err
		}
		service, err := fleet.File(o.name)
		return fleet, service, err
	}
	fleet, err := o.known()
	if err != nil {
		return nil, plan.Service{}, err
	}
	service, err := fleet.Service(o.name)
	return fleet, service, err
}
