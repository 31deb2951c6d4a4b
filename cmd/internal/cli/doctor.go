package cli

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type doctorOptions struct {
	*common
	selection
	json bool
}

func newDoctor(c *common) *cobra.Command {
	o := doctorOptions{common: c}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the set-up: settings, cloud, programs, journal and branches",
		Long: "Prints which settings count and where each is from, whether the login to the\n" +
			"cloud works and what it is allowed to do, which servers there are in which region,\n" +
			"which brz and mojo are used, where the journal is; it reads every branch of every\n" +
			"service, and tells which of them take a slower way than the usual one, such as a\n" +
			"brz process each, and which cannot be read. At the end it says what is missing,\n" +
			"and what to do about it. It changes nothing, takes no lock and tells no secret.\n" +
			"It ends with 1 if a plan or an apply needs something that is missing.",
		Example: "  cdplan doctor\n  cdplan doctor -target api -json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), o) },
	}
	o.selection.flags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	return cmd
}

func runDoctor(ctx context.Context, o doctorOptions) (err error) {
	fleet, err := o.open(ctx, o.selection, o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	checkup := view.Checkup{Sections: append([]view.Section{o.examineHost(ctx, fleet)}, fleet.examine(ctx)...), Branches: fleet.branches(ctx)}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if o.json {
		err = view.DoctorJSON(o.env.Stdout, checkup, fleet.faults)
	} else {
		err = view.Doctor(o.env.Stdout, checkup, o.env.style(o.env.StdoutTerminal))
	}
	if err == nil && !checkup.Healthy() {
		return exit(codeError)
	}
	return err
}

// branches reads the branches of the selected services, in the order of their names.
func (o *opened) branches(ctx context.Context) view.Branches {
	refresh, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	want := slices.DeleteFunc(o.wanted(resource.Source), func(w resource.Wanted) bool { return !o.selected(w.Addr.Service) })
	readings := state.Refresh(refresh, o.types, want)
	found := view.Branches{Schemes: map[string]int{}}
	for _, w := range want {
		found.Schemes[scheme(w.Config.GetAttr("location").AsString())]++
	}
	for _, service := range o.Services {
		if o.selected(service.Name) {
			found.Fallbacks = append(found.Fallbacks, service.Fallbacks(readings, nil)...)
			found.Unreadable = append(found.Unreadable, unreadable(service, readings)...)
		}
	}
	return found
}

// unreadable returns the branches of a service that could not be read, or the service if its declaration cannot be used.
func unreadable(service plan.Service, readings state.Readings) []view.Unreadable {
	if service.Err != nil {
		return []view.Unreadable{{Service: service.Name, Err: service.Err}}
	}
	var found []view.Unreadable
	for _, declared := range service.Resources {
		if err := readings[declared.Addr].Err; err != nil {
			found = append(found, view.Unreadable{Service: service.Name, Addr: declared.Addr, Err: err})
		}
	}
	return found
}

// schemeName is what the scheme of a URL may be (RFC 3986, section 3.1).
var schemeName = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// scheme tells how a location is reached: "local" for a path, the scheme of a URL, or "other" for what is neither.
func scheme(location string) string {
	name, _, found := strings.Cut(location, ":")
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(location, "/"), found && name == "file":
		return "local"
	case found && schemeName.MatchString(name):
		return name
	}
	return "other"
}
