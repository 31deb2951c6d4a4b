package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

type holdOptions struct {
	*common
	until  string
	reason string
}

func newHold(c *common) *cobra.Command {
	o := holdOptions{common: c}
	cmd := &cobra.Command{
		Use:   "hold SERVICE...",
		Short: "Keep services from being deployed until a time",
		Long: "Notes in the journal that nothing is to be done about the services until that\n" +
			"time, by whom and why. The plan shows it; a deploy that runs goes on. A new hold\n" +
			"takes the place of an old one.",
		Example: "  cdplan hold api -until 2h -reason 'the database is being moved'\n  cdplan hold api web -until '2026-12-01 18:00' -reason 'quarter close'",
		Args:    someServices,
		RunE:    func(cmd *cobra.Command, args []string) error { return runHold(cmd.Context(), o, args) },
	}
	cmd.Flags().StringVar(&o.until, "until", "", "when it ends: a `TIME` such as \"2026-12-01\", \"2026-12-01 18:00\" or 2026-12-01T18:00:00Z, or how long from now, such as 90m or 3d")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why: a `TEXT` that the plan shows")
	return cmd
}

// someServices refuses an empty list.
func someServices(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s takes the name of a service", cmd.CommandPath())
	}
	return nil
}

func runHold(ctx context.Context, o holdOptions, services []string) error {
	if strings.TrimSpace(o.reason) == "" || o.until == "" {
		return errors.New("a hold takes -until and -reason, so that whoever meets it knows what to wait for")
	}
	now := o.env.Now()
	until, err := parseUntil(o.until, now)
	if err != nil {
		return err
	}
	return o.journalled(ctx, services, func(j *state.Journal, service string) error {
		hold := state.Hold{Service: service, Begin: now, Until: until, User: o.env.Owner.User, Reason: o.reason}
		if err := j.Hold(ctx, hold); err != nil {
			return err
		}
		return view.Said(o.env.Stdout, "%s is held until %s", service, view.Minute(until))
	})
}

// untilLayouts are the ways to write a time. Without a zone it is that of the person, TZ.
var untilLayouts = []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"}

// lastYear is the last that has the four digits of RFC 3339.
const lastYear = 9999

// parseUntil reads a time in the future, or how long from now it is. A day without a time is its beginning.
func parseUntil(text string, now time.Time) (time.Time, error) {
	until, err := parseTime(text, now)
	if err != nil {
		return until, err
	}
	switch {
	case !until.After(now):
		return until, fmt.Errorf("-until %s is not in the future: it is %s now", text, now.Format("2006-01-02 15:04 MST"))
	case until.UTC().Year() > lastYear:
		return until, fmt.Errorf("-until %s is after the year %d, which is the last that can be noted", text, lastYear)
	}
	return until, nil
}

func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range untilLayouts {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("-until %q is neither a time such as \"2026-12-01 18:00\" nor a duration such as 90m or 3d", text)
}

func newUnhold(c *common) *cobra.Command {
	return &cobra.Command{
		Use:     "unhold SERVICE...",
		Short:   "Let services be deployed again that were held",
		Long:    "Lifts the holds of the services. The next run deploys what there is to do.",
		Example: "  cdplan unhold api",
		Args:    someServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.journalled(cmd.Context(), args, func(j *state.Journal, service string) error {
				held, err := j.Unhold(cmd.Context(), service, c.env.Owner.User, c.env.Now())
				switch {
				case err != nil:
					return err
				case held:
					return view.Said(c.env.Stdout, "%s is held no longer", service)
				}
				return view.Said(c.env.Stdout, "%s was not held", service)
			})
		},
	}
}

func newRetry(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "retry SERVICE...",
		Short: "Let services be tried again at once that wait or are parked",
		Long: "Forgives what failed: the next run tries the same revisions once more, however\n" +
			"often they have failed, and deploys in full what was deployed and not recorded.",
		Example: "  cdplan retry api && cdplan apply -target api",
		Args:    someServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.settle(cmd.Context()); err != nil {
				return err
			}
			return c.journalled(cmd.Context(), args, func(j *state.Journal, service string) error {
				n, err := j.Forgive(cmd.Context(), service, c.env.Owner.User, c.env.Now())
				switch {
				case err != nil:
					return err
				case n > 0:
					return view.Said(c.env.Stdout, "%s is tried again by the next run", service)
				}
				return view.Said(c.env.Stdout, "nothing of %s has failed since it last succeeded", service)
			})
		},
	}
}

// settle learns how attempts ended whose cdplan was killed, since what nobody knows of cannot be forgiven.
func (c *common) settle(ctx context.Context) (err error) {
	fleet, err := c.open(ctx, selection{}, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	dir, journal, err := fleet.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	return apply.Settle(ctx, apply.Options{Types: fleet.types, Journal: journal, Dir: dir, Owner: c.env.Owner, Now: c.env.Now})
}

// journalled does something in the journal for each of the services, all of which must be there.
func (c *common) journalled(ctx context.Context, services []string, do func(*state.Journal, string) error) (err error) {
	fleet, err := c.known()
	if err != nil {
		return err
	}
	for _, service := range services {
		if _, err := fleet.Service(service); err != nil {
			return err
		}
	}
	_, journal, err := fleet.openJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	for _, service := range services {
		if err := do(journal, service); err != nil {
			return err
		}
	}
	return nil
}
