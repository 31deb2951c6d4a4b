package cli

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"launchpad.net/cdplan/cmd/internal/notify"
	"launchpad.net/cdplan/state"
)

// giveUp is how long it is tried to tell a notifier of what happened.
const giveUp = 24 * time.Hour

// courier delivers in the background what the journal has for notifiers. What one does not take it leaves for the next run.
type courier struct {
	env       *Env
	journal   *state.Journal
	notifiers []notify.Notifier
	wake      chan struct{} // that there may be something new; closed when there will be nothing more
	done      chan error
	tried     map[int64]bool // false for what is to be tried once more
	anew      atomic.Bool    // that all is to be
}

// newCourier starts with what former runs have left.
func newCourier(ctx context.Context, env *Env, journal *state.Journal, notifiers []notify.Notifier) *courier {
	c := &courier{env: env, journal: journal, notifiers: notifiers, wake: make(chan struct{}, 1), done: make(chan error, 1), tried: map[int64]bool{}}
	go func() {
		err := c.deliver(ctx, true)
		for range c.wake {
			err = errors.Join(err, c.deliver(ctx, false))
		}
		c.done <- err
	}()
	return c
}

// notice makes what is kept in the journal until all notifiers that want it have taken it; false if none wants it.
func (c *courier) notice(e notify.Event) (state.Notice, bool, error) {
	n := state.Notice{Begin: e.Time}
	for _, notifier := range c.notifiers {
		if notifier.Wants(e.Kind) {
			n.Pending = append(n.Pending, notifier.Name)
		}
	}
	var err error
	n.Event, err = json.Marshal(e)
	return n, len(n.Pending) > 0, err
}

// look says that there may be something new.
func (c *courier) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// again has what no notifier took tried once more, as by another run.
func (c *courier) again() {
	c.anew.Store(true)
	c.look()
}

// close waits until all is delivered that can be.
func (c *courier) close() error {
	close(c.wake)
	return <-c.done
}

// patience is how many notices in a row are tried with a notifier that takes none. The rest has to wait for the next run, so that one that hangs
// keeps a run from its end for no longer than that.
const patience = 3

// deliver tries, once in a run, what has yet to be delivered. Of what failed in a former run, or before it was to be tried again, it says nothing more.
func (c *courier) deliver(ctx context.Context, former bool) error {
	notices, err := c.journal.Notices(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if c.anew.Swap(false) {
		for id := range c.tried {
			c.tried[id] = false
		}
	}
	failures := map[string]int{} // in a row, by notifier
	for _, n := range notices {
		if c.tried[n.ID] || ctx.Err() != nil {
			continue
		}
		_, before := c.tried[n.ID]
		c.tried[n.ID] = true
		failed, rest, err := c.send(ctx, n, failures)
		if err != nil {
			return err
		}
		if !former && !before && len(failed) > 0 {
			c.env.say("Warning: %s; the next runs try again\n", strings.Join(texts(failed), "; "))
		}
		if c.env.Now().Sub(n.Begin) > giveUp {
			rest = nil
		}
		if err := c.journal.Deliver(context.WithoutCancel(ctx), n.ID, rest); err != nil {
			return err
		}
		if len(rest) == 0 {
			delete(c.tried, n.ID)
		}
	}
	return nil
}

// send tells those notifiers that have yet to be told and are still there, all at once. It returns the errors of those that did not take it, and
// who has yet to be told, those that were not tried among them.
func (c *courier) send(ctx context.Context, n state.Notice, failures map[string]int) (failed map[string]error, rest []string, err error) {
	var e notify.Event
	if err := json.Unmarshal(n.Event, &e); err != nil {
		return nil, nil, err
	}
	var tried []notify.Notifier
	for _, notifier := range c.notifiers {
		switch {
		case !slices.Contains(n.Pending, notifier.Name):
		case failures[notifier.Name] >= patience:
			rest = append(rest, notifier.Name)
		default:
			tried = append(tried, notifier)
		}
	}
	failed = notify.Deliver(ctx, tried, e)
	for _, notifier := range tried {
		failures[notifier.Name]++
		if failed[notifier.Name] == nil {
			failures[notifier.Name] = 0
			continue
		}
		rest = append(rest, notifier.Name)
	}
	return failed, rest, nil
}

func texts(failed map[string]error) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		list = append(list, failed[name].Error())
	}
	return list
}
