package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

func newRecord(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "record",
		Short: "Stamp the servers of the deploy that runs, from within a mojo spec",
		Long: "For mojo specs of services with \"record = spec\" under [mojo], as the last thing\n" +
			"that they do: stamps all servers of the service with the revisions that the run\n" +
			"deploys, which it takes from its environment. apply then sees to it that every\n" +
			"server carries the stamp.",
		Example: "  cdplan record",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runRecord(cmd.Context(), c) },
	}
}

func runRecord(ctx context.Context, c *common) (err error) {
	name := c.env.Getenv(resource.ServiceVariable)
	if name == "" || c.env.Getenv(resource.RunVariable) == "" {
		return fmt.Errorf("cdplan record works in a mojo spec that cdplan apply runs: %s and %s are not set here. To stamp servers by hand there is \"cdplan adopt\"",
			resource.ServiceVariable, resource.RunVariable)
	}
	// A spec that leaves it running behind its back must not stamp what is deployed no more.
	if lines := c.env.Getenv(resource.StampFileVariable); lines != "" {
		if _, err := os.Stat(lines); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the run %s of %s is over, and nothing is stamped: let the mojo spec wait for cdplan record", c.env.Getenv(resource.RunVariable), name)
		}
	}
	fleet, err := c.open(ctx, selection{}, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	service, err := fleet.Service(name)
	switch {
	case err != nil:
		return err
	case service.Err != nil:
		return &faults{fleet.faults(name, service.Err), fleet.Sources.Files()}
	case !service.SpecRecords:
		return fmt.Errorf("%s does not let its spec record the deploy: write record = spec under [mojo] of its config.ini, or leave it to cdplan apply", name)
	}
	told, revisions, err := resource.FromEnvironment(c.env.Getenv, service.Labels(fleet.Schemas))
	if err != nil {
		return fmt.Errorf("cannot tell what the run deploys: %w", err)
	}
	step, ok := service.RecordStep(fleet.Schemas, revisions)
	applier, can := fleet.types[step.Addr.Type].(providers.Applier)
	if !ok || !can {
		return fmt.Errorf("%s declares nothing that keeps a record", name)
	}
	step.Run, step.At = told.Run, told.At
	var said []error
	_, err = applier.Apply(ctx, step, func(e resource.Event) { said = append(said, view.Said(c.env.Stdout, "%s: %s", name, e.Text)) })
	return errors.Join(append(said, err)...)
}

// bequeath lets what is started from here find the same fleet, whichever flags it was named by.
func (o *opened) bequeath(config string) error {
	err := o.env.Setenv("CDPLAN_ROOT", o.Host.Root)
	if file := cmp.Or(config, o.env.Getenv("CDPLAN_CONFIG")); file != "" && err == nil {
		if file, err = filepath.Abs(file); err == nil {
			err = o.env.Setenv("CDPLAN_CONFIG", file)
		}
	}
	return err
}
