package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

type adoptOptions struct {
	*common
	all bool
	at  []string
}

func newAdopt(c *common) *cobra.Command {
	o := adoptOptions{common: c}
	cmd := &cobra.Command{
		Use:   "adopt SERVICE...",
		Short: "Stamp servers with what the branches are at, without deploying",
		Long: "The way in for services that run already, deployed by other means: takes the\n" +
			"revision of every branch as it is now, or as -at says, for deployed, stamps all\n" +
			"servers of the service with it, and notes that in the journal. With -all it\n" +
			"does so for every service that has servers and no stamp on any of them.",
		Example: "  cdplan adopt api\n  cdplan adopt api -at app=41 -at spec=tag=v2.1\n  cdplan adopt -all",
		RunE:    func(cmd *cobra.Command, args []string) error { return runAdopt(cmd.Context(), o, args) },
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "adopt every service that has servers, none of which carries a stamp")
	cmd.Flags().StringArrayVar(&o.at, "at", nil, "take `LABEL=REVISION` for deployed: a number, revid=ID or tag=NAME; may be given several times")
	return cmd
}

func runAdopt(ctx context.Context, o adoptOptions, names []string) (err error) {
	switch {
	case o.all == (len(names) > 0):
		return errors.New("cdplan adopt takes the names of services, or -all")
	case len(o.at) > 0 && len(names) != 1:
		return errors.New("-at is about the branches of one service: name that one")
	}
	fleet, err := o.open(ctx, selection{}, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	services, found, err := o.choose(ctx, fleet, names)
	if err != nil {
		return err
	}
	dir, journal, err := fleet.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	options := apply.Options{Types: fleet.types, Schemas: fleet.Schemas, Dir: dir, Journal: journal, Owner: o.env.Owner, Now: o.env.Now}
	var said error // a reader of stdout that goes away ends nothing
	for i, service := range services {
		if ctx.Err() != nil {
			fleet.tell(found)
			return errors.Join(said, interrupted(services[i:]))
		}
		decision, result := apply.Adopt(ctx, service, options)
		if result.Err != nil && !errors.Is(result.Err, apply.ErrDone) {
			found = append(found, trouble{service.Name, o.notAdopted(result.Err)})
			continue
		}
		said = errors.Join(said, view.Adopted(o.env.Stdout, decision, result))
	}
	return errors.Join(said, fleet.tellAll(found))
}

// interrupted names the services that were not come to.
func interrupted(rest []plan.Service) error {
	var left []string
	for _, service := range rest {
		left = append(left, service.Name)
	}
	return fmt.Errorf("interrupted; not adopted: %s", names(left))
}

// notAdopted says of an error that no file is to blame for what it has prevented. The revision that -at names is in no file either.
func (o adoptOptions) notAdopted(err error) error {
	summary, detail := "Not adopted", err.Error()
	attr := (*resource.AttrError)(nil)
	switch {
	case errors.As(err, &attr) && o.moves(attr.Addr.Label):
		summary, detail = attr.Summary, attr.Detail
	case attr != nil, errors.As(err, new(hcl.Diagnostics)):
		return err
	}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: summary, Detail: detail}}
}

// moves says whether -at names a revision of the branch with that label.
func (o adoptOptions) moves(label string) bool {
	return slices.ContainsFunc(o.at, func(text string) bool { return strings.HasPrefix(text, label+"=") })
}

// tellAll writes the errors to stderr and returns the exit code that they make.
func (o *opened) tellAll(found []trouble) error {
	if len(found) == 0 {
		return nil
	}
	o.tell(found)
	return exit(codeError)
}

// choose returns the services to adopt, with their branches at the revisions asked for, and those of which that cannot be told. It looks at the
// servers of all, so that one that two services claim is known.
func (o adoptOptions) choose(ctx context.Context, fleet *opened, names []string) (services []plan.Service, found []trouble, err error) {
	listed := fleet.listed(ctx)
	if ctx.Err() != nil {
		return nil, nil, errInterrupted
	}
	if o.all {
		services, found = fleet.bare(listed)
		return services, found, nil
	}
	for _, name := range names {
		service, err := fleet.Service(name)
		if err != nil {
			return nil, nil, err
		}
		if service, err = o.pinned(fleet, service); err != nil {
			return nil, nil, err
		}
		services = append(services, service)
	}
	return services, nil, nil
}

// bare returns the services that have servers, none of which carries a stamp, and counts the others.
func (o *opened) bare(listed []view.Listed) (services []plan.Service, found []trouble) {
	stamped := func(c resource.Copy) bool { _, ok := c.Stamp(); return ok || c.Other != "" }
	for _, l := range listed {
		if l.Err != nil {
			found = append(found, trouble{l.Service, l.Err})
		} else if service, err := o.Service(l.Service); err == nil && len(l.Copies) > 0 && !slices.ContainsFunc(l.Copies, stamped) {
			services = append(services, service)
		}
	}
	if rest := len(listed) - len(services) - len(found); rest > 0 {
		o.env.say("Left alone, being stamped already or without servers: %d of %d services.\n", rest, len(listed))
	}
	return services, found
}

// pinned returns the service with its branches at the revisions that -at names.
func (o adoptOptions) pinned(fleet *opened, service plan.Service) (plan.Service, error) {
	service.Resources = slices.Clone(service.Resources)
	for k, text := range o.at {
		label, version, ok := strings.Cut(text, "=")
		i := slices.IndexFunc(service.Resources, func(d plan.Declared) bool {
			return d.Addr.Label == label && fleet.Schemas[d.Addr.Type].Role == resource.Source
		})
		switch {
		case !ok || version == "":
			return service, fmt.Errorf("-at %s is not of the form LABEL=REVISION", text)
		case i < 0:
			return service, fmt.Errorf("-at %s: %s has no branch %q; it has %s", text, service.Name, label, strings.Join(service.Labels(fleet.Schemas), ", "))
		case adoptOptions{at: o.at[:k]}.moves(label):
			return service, fmt.Errorf("-at %s: another -at is about %s, too", text, label)
		}
		pinner, ok := fleet.types[service.Resources[i].Addr.Type].(providers.Pinner)
		if !ok {
			return service, fmt.Errorf("-at %s: it can only be read as it is", text)
		}
		config, err := pinner.At(service.Resources[i].Config, version)
		if err != nil {
			return service, fmt.Errorf("-at %s: %w", text, err)
		}
		service.Resources[i].Config = config
	}
	return service, nil
}
