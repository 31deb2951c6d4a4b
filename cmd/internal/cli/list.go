package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type listOptions struct {
	*common
	selection
	json bool
}

func newList(c *common) *cobra.Command {
	o := listOptions{common: c}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show which revision of which branch each server runs",
		Long:    "Prints what is stamped on the servers of every service. It reads the cloud\nalone, no branch.",
		Example: "  cdplan list\n  cdplan list -target api -json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), o) },
	}
	o.selection.flags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

func runList(ctx context.Context, o listOptions) (err error) {
	fleet, err := o.open(ctx, o.selection, o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	services := fleet.listed(ctx)
	if o.json {
		err = view.ListJSON(o.env.Stdout, services, fleet.faults)
	} else {
		err = view.List(o.env.Stdout, services, o.env.style(o.env.StdoutTerminal))
	}
	if err != nil {
		return err
	}
	var found []trouble
	for _, service := range services {
		if service.Err != nil {
			found = append(found, trouble{service.Service, service.Err})
		}
	}
	if len(found) == 0 {
		return nil
	}
	fleet.tell(found)
	return exit(codeError)
}

// listed reads the records of the selected services, in the order of their names.
func (o *opened) listed(ctx context.Context) []view.Listed {
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	readings := state.Refresh(refresh, o.types, o.wanted(resource.Record))
	var services []view.Listed
	for _, service := range o.Services {
		if !o.selected(service.Name) {
			continue
		}
		listed := view.Listed{Service: service.Name, Err: service.Err}
		for _, declared := range service.Resources {
			if service.Err == nil && o.Schemas[declared.Addr.Type].Role == resource.Record {
				reading := readings[declared.Addr]
				listed.Copies, listed.Err = reading.Copies, reading.Err
			}
		}
		services = append(services, listed)
	}
	return services
}
