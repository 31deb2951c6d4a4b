package cli

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type listOptions struct {
	*common
	selection
	servers bool
	branch  string
	json    bool
}

func newList(c *common) *cobra.Command {
	o := listOptions{common: c}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show which revision of which branch runs where",
		Long: "Prints what is stamped on the servers, a line for each service, or for each server;\n" +
			"or, of one branch, for each revision of it that runs anywhere. It reads the cloud\n" +
			"alone, no branch. What most servers of a service carry stands first, and what is\n" +
			"the matter with the others behind it.",
		Example: "  cdplan list\n  cdplan list -servers -target api\n  cdplan list -branch lp:~team/svc/trunk\n  cdplan list -branch app\n  cdplan list -json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("branch") && o.branch == "" {
				return errors.New("-branch is empty: it takes the location or the label of a branch")
			}
			return runList(cmd.Context(), o)
		},
	}
	o.selection.flags(cmd)
	cmd.Flags().BoolVar(&o.servers, "servers", false, "a line for each server")
	cmd.Flags().StringVar(&o.branch, "branch", "", "only what runs a `BRANCH`: its location, with or without a pin, or its label")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document, of the servers")
	return cmd
}

func runList(ctx context.Context, o listOptions) (err error) {
	fleet, err := o.open(ctx, o.selection, o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	services := fleet.listed(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	means := func(string, string) bool { return true }
	if o.branch != "" {
		if means, err = fleet.meant(o.branch, services); err != nil {
			_ = fleet.tellUnread(services) // the code is the same
			return err
		}
		services = carrying(services, means)
	}
	switch style := o.env.style(o.env.StdoutTerminal); {
	case o.json:
		err = view.ListJSON(o.env.Stdout, services, fleet.faults)
	case o.servers:
		err = view.ListServers(o.env.Stdout, services, style)
	case o.branch != "":
		err = view.ListBranch(o.env.Stdout, services, means, style)
	default:
		err = view.List(o.env.Stdout, services, style)
	}
	if err != nil {
		return err
	}
	return fleet.tellUnread(services)
}

// meant returns which branches the text means: a location, or a label.
func (o *opened) meant(text string, services []view.Listed) (func(service, label string) bool, error) {
	var branches []config.Branch
	for _, service := range services {
		for label, location := range service.Locations {
			branches = append(branches, config.Branch{Service: service.Service, Label: label, Location: location})
		}
		for _, label := range service.Undeclared() {
			branches = append(branches, config.Branch{Service: service.Service, Label: label})
		}
	}
	means, err := o.MatchBranch(text, branches)
	if err != nil {
		return nil, err
	}
	return func(service, label string) bool {
		return slices.ContainsFunc(branches, func(b config.Branch) bool { return b.Service == service && b.Label == label && means(b) })
	}, nil
}

// carrying returns the services that have a branch that is meant, each with the servers that carry it.
func carrying(services []view.Listed, means func(service, label string) bool) []view.Listed {
	var found []view.Listed
	for _, service := range services {
		mine := func(label string) bool { return means(service.Service, label) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(service.Locations)), mine) && !slices.ContainsFunc(service.Undeclared(), mine) {
			continue
		}
		service.Copies = slices.DeleteFunc(slices.Clone(service.Copies), func(c resource.Copy) bool {
			stamp, _ := c.Stamp()
			return !slices.ContainsFunc(slices.Collect(maps.Keys(stamp.Revisions)), mine)
		})
		service.OfBranch = true
		found = append(found, service)
	}
	return found
}

// tellUnread says of which services the servers are not known. The error is an exit code, or nil if there are none.
func (o *opened) tellUnread(services []view.Listed) error {
	var found []trouble
	for _, service := range services {
		if service.Err != nil {
			found = append(found, trouble{service.Service, service.Err})
		}
	}
	return o.tellAll(found)
}

// listed reads the records of the selected services, in the order of their names.
func (o *opened) listed(ctx context.Context) []view.Listed {
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	return o.list(state.Refresh(refresh, o.types, o.wanted(resource.Record)))
}

// list returns what was read of the selected services, in the order of their names.
func (o *opened) list(readings state.Readings) []view.Listed {
	var services []view.Listed
	for _, service := range o.Services {
		if !o.selected(service.Name) {
			continue
		}
		listed := view.Listed{Service: service.Name, Locations: map[string]string{}, Err: service.Err}
		for _, branch := range o.Branches(service) {
			listed.Locations[branch.Label] = branch.Location
		}
		for _, declared := range service.Resources {
			if service.Err == nil && o.Schemas[declared.Addr.Type].Role == resource.Record {
				reading := readings[declared.Addr]
				listed.Copies, listed.Err = reading.Copies, reading.Err
			}
		}
		listed.Drifts = plan.Drifts(service.Name, listed.Copies, nil)
		services = append(services, listed)
	}
	return services
}
