package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/state"
)

// explained is how many attempts are shown.
const explained = 5

type explainOptions struct {
	*common
	json bool
}

func newExplain(c *common) *cobra.Command {
	o := explainOptions{common: c}
	cmd := &cobra.Command{
		Use:   "explain SERVICE",
		Short: "Say why the plan decides so about a service, and what would change that",
		Long: "Prints the reasons and what stands in the way, down to the service or the person\n" +
			"that everything waits for; each branch as it is wanted and as it is deployed, each\n" +
			"server, the last attempts, holds and freezes, when it is tried next, and what would\n" +
			"change the verdict. It changes nothing and takes no lock.",
		Example: "  cdplan explain web\n  cdplan explain web -json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("explain takes the name of one service, not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runExplain(cmd.Context(), o, args[0]) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

func runExplain(ctx context.Context, o explainOptions, name string) (err error) {
	fleet, err := o.open(ctx, selection{}, o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	if _, err := fleet.Service(name); err != nil {
		return err
	}
	in := plan.Input{Past: fleet.past(ctx)}
	p, err := fleet.planFrom(ctx, &in)
	if err != nil {
		return err
	}
	x := fleet.explained(ctx, plan.Explain(in, p, name))
	if o.json {
		err = view.ExplainJSON(o.env.Stdout, x)
	} else {
		err = view.Explain(o.env.Stdout, x, o.env.style(o.env.StdoutTerminal))
	}
	if err != nil || x.Err == nil {
		return err
	}
	return fleet.tellAll([]trouble{{name, x.Err}})
}

// explained adds to an explanation what the journal and the declaration tell beside it.
func (o *opened) explained(ctx context.Context, e plan.Explanation) view.Explained {
	x := view.Explained{Explanation: e, Drifts: plan.Drifts(e.Service, e.Servers, nil), Locations: map[string]string{}, Faults: o.faults}
	for _, branch := range o.Branches(e.Declared) {
		x.Locations[branch.Label] = branch.Location
	}
	x.Attempts, x.JournalErr = o.lastAttempts(ctx, e.Service)
	return x
}

func (o *opened) lastAttempts(ctx context.Context, service string) (attempts []state.Attempt, err error) {
	_, journal, err := o.readJournal(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	return journal.History(ctx, service, explained)
}
