package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/state"
)

type statusOptions struct {
	*common
	json   bool
	nagios bool
	maxAge time.Duration
}

func newStatus(c *common) *cobra.Command {
	o := statusOptions{common: c}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say in one line whether all is well, for monitoring",
		Long: "Reads what the runs of this host have left: the heartbeat of the last complete\n" +
			"one, which services fail, are held or cannot be read, and what runs now. It asks\n" +
			"no cloud and reads no branch.",
		Example: "  cdplan status\n  cdplan status -nagios -max-age 15m",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&o.nagios, "nagios", false, "exit with 0 if all is well, 1 for a warning, 2 if it is critical")
	cmd.Flags().DurationVar(&o.maxAge, "max-age", 0, "it is critical if the last complete run ended longer ago than this")
	return cmd
}

func runStatus(ctx context.Context, o statusOptions) error {
	if o.maxAge < 0 {
		return errors.New("-max-age must be 0 or more")
	}
	err := o.status(ctx)
	if !o.nagios {
		return err
	}
	return o.env.toNagios(err, view.Critical, "how things stand")
}

// status prints how things stand, and returns their level as an exit code if it is for Nagios.
func (o statusOptions) status(ctx context.Context) error {
	fleet, err := o.host()
	if err != nil {
		return err
	}
	dir, err := fleet.stateDir()
	if err != nil {
		return err
	}
	journal, broken := dir.ReadJournal(ctx)
	s, err := readStatus(ctx, dir, journal, o.env.Now())
	s.MaxAge, s.Err = o.maxAge, errors.Join(broken, err)
	if err := journal.Close(); err != nil {
		return err
	}
	if o.json {
		err = view.StatusJSON(o.env.Stdout, s)
	} else {
		err = view.StatusText(o.env.Stdout, s, o.env.style(o.env.StdoutTerminal))
	}
	if err == nil && o.nagios && s.Level() != view.OK {
		return exit(s.Level())
	}
	return err
}

// readStatus reads how things stand. A nil journal tells nothing.
func readStatus(ctx context.Context, dir state.Dir, journal *state.Journal, now time.Time) (s view.Status, err error) {
	s.Now = now.UTC()
	heartbeat, err := dir.Heartbeat()
	if err != nil {
		return s, err
	}
	s.Heartbeat = heartbeat
	standings, err := journal.Standings(ctx)
	if err != nil {
		return s, err
	}
	for _, standing := range standings {
		if standing.Word != state.Well {
			s.Standings = append(s.Standings, standing)
		}
	}
	slices.SortFunc(s.Standings, func(a, b state.Standing) int { return cmp.Compare(a.Service, b.Service) })
	if s.Holds, err = journal.Holds(ctx, now); err != nil {
		return s, err
	}
	if s.Running, err = journal.Unfinished(ctx); err != nil {
		return s, err
	}
	s.Running = slices.DeleteFunc(s.Running, func(a state.Attempt) bool { return !dir.Busy(a.Service) })
	s.Totals, err = journal.Totals(ctx)
	return s, err
}
