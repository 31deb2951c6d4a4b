package bzr

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// maxMisses is how many look-ups in a row may pass their deadline before a host is given up.
const maxMisses = 2

// outages knows which hosts have been given up in the course of one Read, so that a host which does not answer costs one deadline and not
// one for each of its branches.
type outages struct {
	mu    sync.Mutex
	hosts map[host]*outage
}

func (o *outages) of(h host) *outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := o.hosts[h]
	if found == nil {
		found = &outage{}
		if o.hosts == nil {
			o.hosts = make(map[host]*outage)
		}
		o.hosts[h] = found
	}
	return found
}

// outage is the trouble there is with one host.
type outage struct {
	mu     sync.Mutex
	misses int
	cause  error // once it has been given up
}

// err returns nil unless the host has been given up.
func (o *outage) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

// note takes in how a look-up ended that began with ctx.
func (o *outage) note(ctx context.Context, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var u *unreachable
	switch {
	case errors.As(err, &u):
		o.cause = err
	case ctx.Err() != nil && err != nil:
		if o.misses++; o.misses >= maxMisses {
			o.cause = fmt.Errorf("its host gave %d others no answer either, so it was given up", o.misses)
		}
	default:
		o.misses = 0
	}
}
