package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
)

type historyOptions struct {
	*common
	service string
	json    bool
	limit   int
}

func newHistory(c *common) *cobra.Command {
	o := historyOptions{common: c}
	cmd := &cobra.Command{
		Use:   "history [SERVICE]",
		Short: "Show what was deployed from this host, when, by whom and how it ended",
		Long: "Prints the attempts of all services or of one, the newest first, from the journal\n" +
			"in the state directory. What is deployed now is told by \"cdplan list\".",
		Example: "  cdplan history\n  cdplan history api -limit 100 -json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("history takes one service, or none")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.service = args[0]
			}
			return runHistory(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON document")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "show at most `N` attempts; 0 for all")
	return cmd
}

func runHistory(ctx context.Context, o historyOptions) (err error) {
	if o.limit < 0 {
		return errors.New("-limit must be 0 or more")
	}
	fleet, err := o.host()
	if err != nil {
		return err
	}
	_, journal, err := fleet.readJournal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	attempts, err := journal.History(ctx, o.service, o.limit)
	if err != nil {
		return err
	}
	if len(attempts) == 0 && o.service != "" {
		known, err := o.known()
		if err == nil {
			_, err = known.Service(o.service)
		}
		if err != nil {
			return err
		}
	}
	if o.json {
		return view.HistoryJSON(o.env.Stdout, attempts)
	}
	return view.History(o.env.Stdout, attempts, o.env.style(o.env.StdoutTerminal))
}
