package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
)

type showOptions struct {
	*common
	format
	name string
}

func newShow(c *common) *cobra.Command {
	o := showOptions{common: c}
	cmd := &cobra.Command{
		Use:   "show FILE|FINGERPRINT",
		Short: "Print a plan that was made before",
		Long: "Prints what \"cdplan plan -out FILE\" has written, or the plan of that fingerprint\n" +
			"if it was made on this host, in any form. It looks at nothing else: whether the\n" +
			"plan still holds is told by \"cdplan check\".",
		Example: "  cdplan show approved.json\n  cdplan show 7f3a-91c2-d04e -format=review",
		Args:    onePlan,
		RunE: func(_ *cobra.Command, args []string) error {
			o.name = args[0]
			return runShow(o)
		},
	}
	o.format.flags(cmd)
	return cmd
}

func runShow(o showOptions) error {
	if err := o.format.check(); err != nil {
		return err
	}
	saved, err := o.saved()
	if err != nil {
		return err
	}
	page := saved.Page
	switch {
	case saved.Changed != nil:
		o.env.say("Warning: %s: %s\n", o.name, saved.Changed)
	case page.Plan.Fingerprint != "" && len(page.Plan.With) == 0:
		page.Apply = "cdplan apply -expect " + view.ShortFingerprint(page.Plan.Fingerprint)
	}
	if o.format.name == "text" && !o.format.stable {
		if err := view.Made(o.env.Stdout, page); err != nil {
			return err
		}
	}
	return o.format.print(o.env, page)
}

// saved reads the file of that name, or, if there is none, the plan of that fingerprint.
func (o showOptions) saved() (view.Saved, error) {
	digits, notDigits := plan.ParseFingerprint(o.name)
	if _, err := os.Stat(o.name); err == nil || notDigits != nil {
		return readPlanFile(o.name)
	}
	host, err := o.host()
	if err != nil {
		return view.Saved{}, err
	}
	saved, err := host.keptPlan(digits)
	if err != nil {
		return saved, fmt.Errorf("cannot show %s: %w", o.name, err)
	}
	return saved, nil
}
