package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

type applyOptions struct {
	*common
	selection
	force       context.Context // ends when what runs is to be interrupted
	auto        bool
	expect      string // digits of a fingerprint
	file        string // of a plan
	strict      bool
	json        bool
	jsonInto    string
	detailed    bool
	verbose     bool
	parallelism int
	lockTimeout time.Duration
	breakFreeze bool
	reason      string
	metricsFile string
	noScale     bool
}

func newApply(c *common, force context.Context) *cobra.Command {
	o := applyOptions{common: c, force: force}
	cmd := &cobra.Command{
		Use:   "apply [FILE]",
		Short: "Deploy what the plan says",
		Long: "Makes a plan, asks whether to go on, and deploys each service by mojo once all\n" +
			"that goes before it has succeeded. What was deployed is then stamped on the\n" +
			"service's servers. With -auto nobody is asked, services that need a person are\n" +
			"left alone, and nothing is printed if there is nothing to do.\n" +
			"With -expect, or a FILE that \"cdplan plan -out\" has written, nobody is asked\n" +
			"either, and nothing is done that this plan does not say: a service that moved\n" +
			"since is refused, and told with what moved.",
		Example: "  cdplan apply\n  cdplan apply -target api\n  cdplan apply -expect 7f3a-91c2-d04e\n  */5 * * * *  cdplan apply -auto          (in a crontab)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] == "" {
				return errors.New("apply takes one FILE with a plan, or none: to select services, write -target")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.file = args[0]
			}
			if cmd.Flags().Changed("expect") { // an empty one, of a variable that is not set, must not look like none
				if _, err := plan.ParseFingerprint(o.expect); err != nil {
					return fmt.Errorf("-expect: %w", err)
				}
			}
			return runApply(cmd.Context(), o)
		},
	}
	o.selection.flags(cmd)
	o.selection.depsFlags(cmd)
	cmd.Flags().BoolVar(&o.auto, "auto", false, "do not ask; leave alone what needs a person; be silent if there is nothing to do")
	cmd.Flags().StringVar(&o.expect, "expect", "", "do nothing but what the plan of this `FINGERPRINT` says, and do not ask")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "if any part of the plan that was approved does not hold any more, do nothing at all")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON lines: version, plan, events, results")
	cmd.Flags().StringVar(&o.jsonInto, "json-into", "", "write the same JSON lines into `FILE`, beside the text on stdout")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 if something was deployed, 6 if all that remains is held")
	cmd.Flags().BoolVar(&o.verbose, "verbose", false, "with -auto, name on stderr the run that works on what there is to do; -v is short for it")
	cmd.Flags().BoolVar(&o.noScale, "no-scale", false, "measure no load and change no number of units")
	cmd.Flags().IntVar(&o.parallelism, "parallelism", 0, "deploy at most `N` services at a time (default: parallelism in cdplan.hcl, else 4)")
	cmd.Flags().BoolVar(&o.breakFreeze, "break-freeze", false, "deploy although a freeze is in force; it takes a -reason")
	cmd.Flags().StringVar(&o.reason, "reason", "", "why the freeze is broken: a `TEXT` that the journal keeps")
	cmd.Flags().StringVar(&o.metricsFile, "metrics-file", "", "in the end, write metrics for Prometheus to `FILE`, such as one of the node exporter's textfile collector")
	cmd.Flags().DurationVar(&o.lockTimeout, "lock-timeout", 0, "wait this long for a service that another run works on")
	return cmd
}

func runApply(ctx context.Context, o applyOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	into, err := createInto(o.jsonInto)
	if err != nil {
		return err
	}
	defer func() { err = closeInto(into, err) }()
	fleet, err := o.open(ctx, o.selection, o.auto || o.json)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	fleet.noScale = o.noScale
	expect, err := fleet.expected(o.expect, o.file)
	if err != nil {
		return err
	}
	if expect != nil {
		expect.Strict = o.strict
	}
	if err := fleet.bequeath(o.config); err != nil {
		return err
	}
	r, err := o.begin(ctx, fleet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	p, err := fleet.plan(ctx, plan.Input{Past: r.past, Approved: !o.auto, Expect: expect, Rules: plan.Rules{BreakFreeze: o.breakFreeze}})
	if err != nil {
		return err
	}
	return r.follow(ctx, p, expect, into)
}

func (o applyOptions) check() error {
	switch {
	case o.parallelism < 0:
		return errors.New("-parallelism must be 1 or more")
	case o.lockTimeout < 0:
		return errors.New("-lock-timeout must be 0 or more")
	case o.expect != "" && o.file != "":
		return errors.New("-expect and a FILE both name the plan that was approved: give one of them")
	case o.auto && o.approved():
		return errors.New("-auto applies what needs no person, and -expect or a FILE what a person approved: give one of them")
	case o.noScale && o.approved():
		return errors.New("-expect and a FILE apply just what was approved: leave out services by -exclude, not their scaling by -no-scale")
	case o.strict && !o.approved():
		return errors.New("-strict goes with -expect or a FILE, the plan that was approved")
	case !o.auto && !o.approved() && !o.canAsk():
		return errors.New("apply asks before it deploys, and here is no terminal to ask on: give -expect with the fingerprint of a plan that was approved, " +
			"or -auto to apply what needs no person")
	case o.breakFreeze && strings.TrimSpace(o.reason) == "":
		return errors.New("-break-freeze takes a -reason, which the journal keeps")
	case o.reason != "" && !o.breakFreeze:
		return errors.New("-reason says why a freeze is broken: give it with -break-freeze")
	}
	return nil
}

// approved says that the plan was approved before, so that nobody is asked.
func (o applyOptions) approved() bool { return o.expect != "" || o.file != "" }

// canAsk says whether there is a person to ask. The question goes to stderr, so that stdout holds the result alone.
func (o applyOptions) canAsk() bool { return o.env.StdinTerminal && o.env.StderrTerminal }

// ask returns whether the answer is yes. An interrupt is a no.
func (o applyOptions) ask(ctx context.Context) bool {
	o.env.say("\nApply this plan? Only \"yes\" is taken for a yes: ")
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(o.env.Stdin).ReadString('\n') // an end without an answer is a no
		answers <- answer
	}()
	var answer string
	select {
	case answer = <-answers:
	case <-ctx.Done():
	}
	if strings.TrimSpace(answer) == "yes" {
		return true
	}
	if !strings.HasSuffix(answer, "\n") {
		o.env.say("\n")
	}
	o.env.say("Not applied.\n")
	return false
}

// applyCode is the code of an apply. A failed deploy outweighs all else, then a refused one, then an error.
func applyCode(p *plan.Plan, results []apply.Result, asApproved, detailed bool) error {
	seen := map[apply.Outcome]int{}
	busy := 0
	for _, r := range results {
		seen[r.Outcome]++
		if isBusy(r) {
			busy++
		}
		if errors.Is(r.Err, apply.ErrDone) {
			seen[apply.NotStarted]--
		}
	}
	done := seen[apply.Deployed] + seen[apply.Recorded] + seen[apply.Scaled]
	switch {
	case seen[apply.Failed]+seen[apply.Interrupted] > 0:
		return exit(codeFailed)
	case seen[apply.Refused] > 0 || !asApproved:
		return exit(codeRefused)
	case seen[apply.NotStarted] > busy:
		return exit(codeError)
	}
	if err := planCode(p, false); err != nil {
		return err
	}
	switch {
	case busy > 0 && done == 0:
		return exit(codeBusy)
	case detailed && done > 0:
		return exit(codeChanges)
	}
	return nil
}

func isBusy(r apply.Result) bool { return errors.As(r.Err, new(*state.BusyError)) }

// routine says whether the result is one that cron meets every few minutes while a long deploy runs, so that it is not to be told: another run
// works on the service. Of a deploy that goes on without its run that is so from the second time on.
func (r *run) routine(result apply.Result) bool {
	var busy *state.BusyError
	if r.verbose || r.env.StderrTerminal || !errors.As(result.Err, &busy) {
		return false
	}
	if !busy.Orphaned() {
		return true
	}
	news, err := r.dir.News(busy)
	if err != nil {
		r.env.say("Warning: %s\n", err)
	}
	return !news
}
