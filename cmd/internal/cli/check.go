package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
)

type checkOptions struct {
	*common
	selection
	json bool
	name string
}

func newCheck(c *common) *cobra.Command {
	o := checkOptions{common: c}
	cmd := &cobra.Command{
		Use:   "check FINGERPRINT|FILE",
		Short: "Say whether a plan that was approved is still what is to be done",
		Long: "Makes the plan anew and compares it with the one that has this fingerprint, or\n" +
			"that \"cdplan plan -out FILE\" has written. It changes nothing and takes no lock.\n" +
			"The code is 0 if nothing moved, what is done by now included, and 3 if\n" +
			"something did.",
		Example: "  cdplan check 7f3a-91c2-d04e\n  cdplan check approved.json -json",
		Args:    onePlan,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return runCheck(cmd.Context(), o)
		},
	}
	o.selection.flags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

// onePlan refuses all but one argument, and an empty one.
func onePlan(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("%s takes one plan: its fingerprint or its file", cmd.CommandPath())
	}
	return nil
}

// named returns the plan that one argument names: a file if there is one, else a fingerprint.
func (o *opened) named(name string) (*plan.Expect, error) {
	if _, err := os.Stat(name); err == nil {
		return o.expected("", name)
	}
	return o.expected(name, "")
}

func runCheck(ctx context.Context, o checkOptions) (err error) {
	fleet, err := o.open(ctx, o.selection, o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	expect, err := fleet.named(o.name)
	if err != nil {
		return err
	}
	p, err := fleet.preview(ctx)
	if err != nil {
		return err
	}
	a := approval(*expect, p, o.selection)
	if o.json {
		err = view.CheckJSON(o.env.Stdout, a)
	} else {
		err = view.Check(o.env.Stdout, a, o.env.style(o.env.StdoutTerminal))
	}
	if err != nil {
		return err
	}
	fleet.tell(troubles(p))
	if !a.Holds() {
		return exit(codeRefused)
	}
	return planCode(p, false)
}
