package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

type validateOptions struct {
	*common
	json bool
}

func newValidate(c *common) *cobra.Command {
	o := validateOptions{common: c}
	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "Check cdplan.hcl and every config.ini",
		Long:    "Reads the files and reports all that is wrong with them. It asks neither the\ncloud nor any branch, and needs no credentials.",
		Example: "  cdplan validate\n  cdplan validate -json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runValidate(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

func runValidate(ctx context.Context, o validateOptions) error {
	fleet, diags := o.load()
	invalid := 0
	if !diags.HasErrors() {
		types, closeAll, more := fleet.Open(ctx)
		diags = append(diags, more...)
		var found []trouble
		for _, service := range fleet.Services {
			if err := check(fleet.Schemas, types, service); err != nil {
				found = append(found, trouble{service.Name, err})
			}
		}
		diags, invalid = append(diags, group(fleet.Sources, found)...), len(found)
		if err := closeAll(); err != nil {
			return err
		}
	}
	return o.print(fleet, invalid, diags)
}

// check returns all faults of one service.
func check(schemas map[string]resource.Schema, types map[string]providers.Resource, service plan.Service) error {
	errs := []error{service.Err}
	for _, declared := range service.Resources {
		if checker, ok := types[declared.Addr.Type].(providers.Checker); ok {
			if err := checker.Check(resource.Wanted{Addr: declared.Addr, Config: declared.Config}); !repeated(schemas[declared.Addr.Type], declared.Config, err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// repeated says whether the fault is about a key that has to be given and is not, which the fleet tells of by itself.
func repeated(schema resource.Schema, config resource.Object, fault error) bool {
	attr := (*resource.AttrError)(nil)
	if !errors.As(fault, &attr) || !schema.Attrs[attr.Attr].Required {
		return false
	}
	return !config.Type().HasAttribute(attr.Attr) || config.GetAttr(attr.Attr).IsNull()
}

func (o validateOptions) print(fleet *config.Fleet, invalid int, diags hcl.Diagnostics) error {
	if o.json {
		if err := view.ValidateJSON(o.env.Stdout, len(fleet.Services), diags); err != nil {
			return err
		}
	} else {
		o.env.diagnose(diags, fleet.Sources.Files())
	}
	switch {
	case diags.HasErrors() && (o.json || len(fleet.Services) == 0):
		return exit(codeError)
	case diags.HasErrors():
		o.env.say("%d of %d services are invalid.\n", invalid, len(fleet.Services))
		return exit(codeError)
	case o.json:
		return nil
	}
	_, err := fmt.Fprintf(o.env.Stdout, "All is well: %d services.\n", len(fleet.Services))
	return err
}
