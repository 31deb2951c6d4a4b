package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
)

type planOptions struct {
	*common
	selection
	format
	out      string
	with     []string
	detailed bool
	verbose  bool
}

func newPlan(c *common) *cobra.Command {
	o := planOptions{common: c}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would be deployed, why, and who caused it",
		Long: "Compares the tip or the pin of every branch of every service with what its\n" +
			"servers carry, and prints what apply would do. It changes nothing and takes no\nlock.",
		Example: "  cdplan plan\n  cdplan plan -with app=lp:~ann/api/fix\n  cdplan plan -target 'web-*' -json\n  cdplan plan -format=html > plan.html\n  cdplan plan -detailed-exitcode",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runPlan(cmd.Context(), o) },
	}
	o.selection.flags(cmd)
	o.selection.depsFlags(cmd)
	withFlag(cmd, &o.with)
	o.format.flags(cmd)
	cmd.Flags().StringVar(&o.out, "out", "", "keep the plan in `FILE` as well, as JSON: for apply, check and show")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if there is something to do, 6 if all of it is held")
	cmd.Flags().BoolVar(&o.verbose, "verbose", false, "say on stderr which branches took a slower way to read, and why, and if the plan cannot be kept; -v is short for it")
	return cmd
}

func runPlan(ctx context.Context, o planOptions) (err error) {
	if err := o.format.check(); err != nil {
		return err
	}
	var out *outFile
	if o.out != "" {
		if out, err = createOut(o.out); err != nil {
			return err
		}
		defer out.drop()
	}
	fleet, err := o.open(ctx, o.selection, o.name != "text")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	if err := fleet.land(ctx, o.common, o.with, o.name != "text"); err != nil {
		return err
	}
	p, err := fleet.preview(ctx)
	if err != nil {
		return err
	}
	if err := o.print(fleet, p, out); err != nil {
		return err
	}
	if o.verbose {
		o.env.explain(p)
	}
	fleet.tell(troubles(p))
	return planCode(p, o.detailed)
}

// preview makes a plan that is only shown, and says on stderr what the reader should know of it.
func (o *opened) preview(ctx context.Context) (*plan.Plan, error) {
	past := o.past(ctx)
	if gone := plan.Gone(past, o.Services); gone != nil {
		o.env.say("Warning: %s\n\n", goneText(past, gone))
	}
	p, err := o.plan(ctx, plan.Input{Past: past})
	if err != nil {
		return nil, err
	}
	o.env.sayTaken(p)
	return p, nil
}

func (o planOptions) print(fleet *opened, p *plan.Plan, out *outFile) error {
	page := fleet.offer(p, o.selection, o.verbose)
	if out != nil {
		if err := view.PlanJSON(out, page); err != nil {
			return outError(err)
		}
		if err := out.keep(); err != nil {
			return err
		}
	}
	return o.format.print(o.env, page)
}

// explain says what took a slower way than the usual one.
func (env *Env) explain(p *plan.Plan) {
	var fallbacks []plan.Fallback
	for _, decision := range p.Decisions {
		fallbacks = append(fallbacks, decision.Fallbacks...)
	}
	if len(fallbacks) > 0 && env.StdoutTerminal && env.StderrTerminal {
		env.say("\n")
	}
	_ = view.Fallbacks(env.Stderr, fallbacks) // there is nobody to tell if that fails
}
