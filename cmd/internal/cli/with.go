package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

func withFlag(cmd *cobra.Command, with *[]string) {
	cmd.Flags().StringArrayVar(with, "with", nil, "plan as if a branch under review had landed: `LABEL=LOCATION`, or SERVICE/LABEL=LOCATION for one service; may be given several times")
}

// land declares branches under review, each LABEL=LOCATION or SERVICE/LABEL=LOCATION, as if they had landed. Where the own branch of a service is among
// them, what its config.ini says there is declared in place of the file; warnings about that go to stderr, unless quiet.
func (o *opened) land(ctx context.Context, c *common, texts []string, quiet bool) error {
	var reviews, own []config.Review
	for _, text := range texts {
		r, err := config.ParseReview(text)
		if err != nil {
			return fmt.Errorf("-with: %w", err)
		}
		reviews = append(reviews, r)
		if r.Label == plan.ConfigLabel {
			own = append(own, r)
		}
	}
	if len(own) > 0 {
		if err := o.reload(ctx, c, own, quiet); err != nil {
			return err
		}
	}
	_, err := o.landed(reviews)
	return err
}

// landed declares the branches, and returns them once their locations were checked.
func (o *opened) landed(reviews []config.Review) ([]plan.Declared, error) {
	landed, err := o.Land(reviews, o.selected)
	if err != nil {
		return nil, fmt.Errorf("-with: %w", err)
	}
	for _, declared := range landed {
		checker, ok := o.types[declared.Addr.Type].(providers.Checker)
		if !ok {
			continue
		}
		if err := checker.Check(resource.Wanted{Addr: declared.Addr, Config: declared.Config}); err != nil {
			return nil, withError(declared.Addr, err)
		}
	}
	return landed, nil
}

// withError is the error of a branch under review. What it says of a declaration is said of the flag.
func withError(addr resource.Addr, err error) error {
	if attr := (*resource.AttrError)(nil); errors.As(err, &attr) {
		err = errors.New(attr.Detail)
	}
	return fmt.Errorf("-with %s/%s: %w", addr.Service, addr.Label, err)
}

// reload loads the fleet with what the services' own branches under review declare.
func (o *opened) reload(ctx context.Context, c *common, own []config.Review, quiet bool) error {
	landed, err := o.landed(own)
	if err != nil {
		return err
	}
	options := c.options()
	options.Instead = map[string]config.Text{}
	for _, declared := range landed {
		filer, ok := o.types[declared.Addr.Type].(providers.Filer)
		if !ok {
			return fmt.Errorf("-with: cannot read %s of %s: its provider reads no files", config.ConfigFile, declared.Addr)
		}
		src, err := filer.File(ctx, resource.Wanted{Addr: declared.Addr, Config: declared.Config}, config.ConfigFile)
		if err != nil {
			return withError(declared.Addr, err)
		}
		options.Instead[declared.Addr.Service] = config.TextAt(declared.Config.GetAttr("location").AsString(), src)
	}
	fleet, diags := config.Load(options)
	if diags.HasErrors() {
		return &faults{diags, fleet.Sources.Files()}
	}
	o.Fleet = fleet
	diags = slices.DeleteFunc(diags, func(diag *hcl.Diagnostic) bool { return quiet || !about(diag, options.Instead) })
	o.env.diagnose(diags, fleet.Sources.Files())
	return nil
}

// about says that a diagnostic is about one of the texts; all others were told before.
func about(diag *hcl.Diagnostic, instead map[string]config.Text) bool {
	for _, text := range instead {
		if diag.Subject != nil && diag.Subject.Filename == text.Name {
			return true
		}
	}
	return false
}
