package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/state"
)

type agentOptions struct {
	*common
	force    context.Context // ends when what runs is to be interrupted
	interval time.Duration
	jitter   string
	listen   string
}

// leastInterval keeps an agent from asking without a pause.
const leastInterval = time.Second

func newAgent(c *common, force context.Context) *cobra.Command {
	o := agentOptions{common: c, force: force}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Keep the number of units right, round after round",
		Long: "Measures every few seconds the load of each service that has a section [scale],\n" +
			"and adds or removes units as \"cdplan apply -auto\" would. It records what new\n" +
			"servers carry, and never deploys: that stays with \"cdplan apply -auto\", which may\n" +
			"run beside it. Whatever needs a person it leaves alone.\n" +
			"SIGTERM ends it once what runs has ended; SIGHUP has it read all files anew.",
		Example: "  cdplan agent\n  cdplan agent -interval 1m -listen off",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAgent(cmd.Context(), o) },
	}
	cmd.Flags().DurationVar(&o.interval, "interval", 30*time.Second, "look at the services this often")
	cmd.Flags().StringVar(&o.jitter, "jitter", "0.1", "come up to this much earlier or later each time, so that hosts do not measure all at once: a `PART` of the interval, or a duration")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8647", "answer /metrics and /healthz by HTTP at this `ADDRESS` of this host alone; \"off\" for nowhere")
	return cmd
}

func runAgent(ctx context.Context, o agentOptions) (err error) {
	jitter, err := o.check()
	if err != nil {
		return err
	}
	hangups := o.env.hangups() // from here on it asks to reload
	dir, lock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	a := newAgentLoop(o, dir, jitter)
	if err := a.reload(ctx, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.current.fleet.bequeath(o.config); err != nil {
		return err
	}
	server, err := a.serve(o.listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	a.run(ctx, hangups)
	return nil
}

// lock sees to it that this is the only agent that works with the state directory.
func (o agentOptions) lock(ctx context.Context) (state.Dir, *state.Lock, error) {
	host, err := o.host()
	if err != nil {
		return "", nil, err
	}
	dir, err := host.stateDir()
	if err != nil {
		return "", nil, err
	}
	lock, err := dir.LockAgent(ctx, o.env.Owner.Of("", o.env.Now()))
	if errors.As(err, new(*state.AgentError)) {
		o.env.say("Error: %s. One is enough for all services.\n", view.CleanLines(err.Error()))
		return "", nil, exit(codeBusy)
	}
	return dir, lock, err
}

// check returns the jitter as a duration.
func (o agentOptions) check() (time.Duration, error) {
	if o.interval < leastInterval {
		return 0, fmt.Errorf("-interval must be %s or more", leastInterval)
	}
	jitter, err := time.ParseDuration(o.jitter)
	if part, broken := strconv.ParseFloat(o.jitter, 64); broken == nil {
		if part >= 0 && part <= 1 {
			return time.Duration(part * float64(o.interval)), nil
		}
		err = errors.New("out of range")
	}
	if err != nil || jitter < 0 || jitter > o.interval {
		return 0, fmt.Errorf("-jitter %s: it is a part of the interval from 0 to 1, or a duration that is no longer than the interval", o.jitter)
	}
	return jitter, nil
}

// hangups returns a channel that tells of each SIGHUP from now on; nil where nobody sends any.
func (env *Env) hangups() <-chan struct{} {
	if env.Hangups == nil {
		return nil
	}
	return env.Hangups()
}
