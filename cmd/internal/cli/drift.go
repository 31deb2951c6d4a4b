package cli

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type driftOptions struct {
	*common
	selection
	json     bool
	nagios   bool
	detailed bool
}

func newDrift(c *common) *cobra.Command {
	o := driftOptions{common: c}
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "Show which servers do not carry what they should",
		Long: "Compares what is stamped on the servers of every service with one another, and\n" +
			"with what this host deployed last, and prints a line for each server that does\n" +
			"not carry what it should. It asks the cloud and the journal alone: it reads no\n" +
			"branch, changes nothing and takes no lock. A service that is being deployed is\n" +
			"not judged. A branch that has moved is no drift; \"cdplan plan\" tells that.",
		Example: "  cdplan drift\n  cdplan drift -exclude 'old-*' -detailed-exitcode\n  cdplan drift -nagios",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDrift(cmd.Context(), o) },
	}
	o.selection.flags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&o.nagios, "nagios", false, "exit with 0 if nothing has drifted, 1 for a warning, 2 if it is critical, 3 if that is not known")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if something has drifted")
	return cmd
}

func runDrift(ctx context.Context, o driftOptions) error {
	if o.nagios && o.detailed {
		return errors.New("-nagios and -detailed-exitcode ask for different exit codes: give one of them")
	}
	err := o.drift(ctx)
	if !o.nagios {
		return err
	}
	return o.env.toNagios(err, view.Unknown, "what has drifted")
}

func (o driftOptions) drift(ctx context.Context) (err error) {
	fleet, err := o.open(ctx, o.selection, o.json || o.nagios)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	d := fleet.drift(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	style := o.env.style(o.env.StdoutTerminal)
	switch {
	case o.json:
		err = view.DriftJSON(o.env.Stdout, d, fleet.faults)
	case o.nagios:
		err = view.DriftNagios(o.env.Stdout, d, style)
	default:
		err = view.DriftText(o.env.Stdout, d, style)
	}
	if err != nil {
		return err
	}
	if !o.json {
		fleet.tellUnjudged(d)
	}
	return o.code(d)
}

// code returns the exit code, as an error.
func (o driftOptions) code(d view.Drift) error {
	switch level := d.Level(); {
	case o.nagios && level != view.OK:
		return exit(level)
	case o.nagios:
		return nil
	case !d.Complete():
		return exit(codeError)
	case o.detailed && len(d.Drifts) > 0:
		return exit(codeChanges)
	}
	return nil
}

// drift judges the servers of the selected services, and those that no service claims.
func (o *opened) drift(ctx context.Context) view.Drift {
	var d view.Drift
	before, err := o.lastDeployed(ctx)
	known := map[string]bool{}
	for _, service := range o.Services {
		known[service.Name] = service.Err == nil
	}
	readings, strays, errs := o.search(ctx)
	services := o.list(readings)
	after, again := o.lastDeployed(ctx)
	d.JournalErr = cmp.Or(err, again)
	for _, service := range services {
		known[service.Service] = service.Err == nil
		switch {
		case service.Err != nil:
			d.Unread = append(d.Unread, view.Unread{Service: service.Service, Err: service.Err})
		case before.busy(service.Service, after):
			d.Running = append(d.Running, service.Service)
		default:
			d.Services++
			d.Servers += len(service.Copies)
			d.Drifts = append(d.Drifts, plan.Drifts(service.Service, service.Copies, after.deployed[service.Service].Revisions)...)
		}
	}
	for _, err := range errs {
		d.Unread = append(d.Unread, view.Unread{Err: err})
	}
	for _, drift := range plan.Unclaimed(strays, known) {
		if o.selected(drift.Service) {
			d.Servers++
			d.Drifts = append(d.Drifts, drift)
		}
	}
	return d
}

// moment is what the journal tells at one time.
type moment struct {
	deployed map[string]state.Attempt // what this host deployed last of each service
	running  map[string]bool          // which services are being deployed
}

// busy says whether a service was being deployed at one of two moments, or between them.
func (m moment) busy(service string, later moment) bool {
	return m.running[service] || later.running[service] || m.deployed[service].ID != later.deployed[service].ID
}

func (o *opened) lastDeployed(ctx context.Context) (m moment, err error) {
	dir, journal, err := o.readJournal(ctx)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	if m.deployed, err = journal.LastDeployed(ctx); err != nil {
		return m, err
	}
	unfinished, err := journal.Unfinished(ctx)
	m.running = map[string]bool{}
	for _, attempt := range unfinished {
		m.running[attempt.Service] = dir.Busy(attempt.Service)
	}
	return m, err
}

// search reads the records of all services, finds the servers that carry a stamp and that no service claims, wherever services may have servers, and
// says where it could not look.
func (o *opened) search(ctx context.Context) (state.Readings, []resource.Copy, []error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	want := map[string][]resource.Wanted{}
	for _, w := range o.wanted(resource.Record) {
		want[w.Addr.Type] = append(want[w.Addr.Type], w)
	}
	all := state.Readings{}
	var strays []resource.Copy
	var errs []error
	for typ, wanted := range want {
		searcher, ok := o.types[typ].(providers.Searcher)
		if !ok {
			maps.Copy(all, state.Refresh(ctx, o.types, wanted))
			continue
		}
		readings, found, err := searcher.Search(ctx, wanted)
		for _, r := range readings {
			all[r.Addr] = r
		}
		strays, errs = append(strays, found...), append(errs, parts(err)...)
	}
	return all, strays, errs
}

// parts takes joined errors apart.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case ok:
		return joined.Unwrap()
	}
	return []error{err}
}

// tellUnjudged says on stderr what could not be read. What a region is to blame for is told once.
func (o *opened) tellUnjudged(d view.Drift) {
	var found []trouble
	for _, unread := range d.Unread {
		if unread.Service != "" {
			found = append(found, trouble{unread.Service, unread.Err})
		}
	}
	for _, unread := range d.Unread {
		if unread.Service == "" && !told(found, unread.Err) {
			found = append(found, trouble{"", unread.Err})
		}
	}
	o.tell(found)
	if d.JournalErr != nil {
		o.env.say("Warning: %s\nWhat this host deployed last is not known; the servers are compared with one another alone.\n", d.JournalErr)
	}
}

// told says whether what is behind an error is told of a service, too.
func told(found []trouble, err error) bool {
	cause := errors.Unwrap(err)
	return cause != nil && slices.ContainsFunc(found, func(t trouble) bool {
		return strings.Contains(strings.ToLower(t.err.Error()), strings.ToLower(cause.Error()))
	})
}
