// Package notify tells the outside world about a change of state: by a command, a webhook or a mail. What is worth telling, and when to tell
// again what could not be told, it leaves to others.
package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultTimeout is how long a notifier has where nothing else is said.
const DefaultTimeout = 30 * time.Second

// Notifier tells events by one way.
type Notifier struct {
	Name    string        // unique among the notifiers of a host
	Timeout time.Duration // for one event, with all attempts; 0 for DefaultTimeout
	Events  []string      // the kinds that it wants; none means all
	Via     way           // a Command, a Webhook or a Mail
}

// way is a way to tell an event. It has returned, and left nothing behind that runs, soon after ctx ends.
type way interface {
	send(ctx context.Context, e Event) error
}

// Wants says whether the notifier wants events of a kind.
func (n Notifier) Wants(kind string) bool {
	return len(n.Events) == 0 || slices.Contains(n.Events, kind)
}

// Send tells an event, whatever its kind, and waits until it is told. When ctx ends it gives up.
func (n Notifier) Send(ctx context.Context, e Event) error {
	timeout := n.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := n.Via.send(limited, e)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("cannot notify %s: interrupted", n.Name)
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return fmt.Errorf("cannot notify %s within %s: %w", n.Name, timeout, err)
	}
	return fmt.Errorf("cannot notify %s: %w", n.Name, err)
}

// Deliver tells an event to all notifiers that want it, at once, and waits for them all. It returns the errors of those that failed by their
// names; nil if none did.
func Deliver(ctx context.Context, notifiers []Notifier, e Event) map[string]error {
	errs := make([]error, len(notifiers))
	var group sync.WaitGroup
	for i, n := range notifiers {
		if n.Wants(e.Kind) {
			group.Go(func() { errs[i] = n.Send(ctx, e) })
		}
	}
	group.Wait()
	var failed map[string]error
	for i, err := range errs {
		if err == nil {
			continue
		}
		if failed == nil {
			failed = map[string]error{}
		}
		failed[notifiers[i].Name] = err
	}
	return failed
}
