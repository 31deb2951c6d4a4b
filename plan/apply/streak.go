package apply

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// tripAt is how many services have to fail the same way, one after another, before the host is blamed.
const tripAt = 3

// streak watches for trouble of the host: different services that fail the same way while none succeeds. Bad revisions do not come like that.
type streak struct {
	breaker  *state.Breaker // that was open before; nil if none was
	how      string
	attempts []int64
	tripped  bool
}

// judge finds out what a result says about the host, and notes it.
func (d *driver) judge(ctx context.Context, result *Result) error {
	switch {
	case result.Outcome == Deployed || result.Outcome == Recorded:
		return d.well(ctx)
	case result.Outcome != Failed:
		return nil
	}
	s := &d.streak
	if how := manner(*result); how != s.how {
		s.how, s.attempts = how, nil
	}
	s.attempts = append(s.attempts, result.Attempt)
	again := s.breaker != nil && s.breaker.Error == s.how
	if len(s.attempts) < tripAt && !again {
		return nil
	}
	first := !s.tripped
	s.tripped = true
	err := d.Journal.Pardon(ctx, s.attempts)
	if first {
		err = errors.Join(err, d.Journal.Trip(ctx, d.now(), s.how))
	}
	return err
}

// well ends the streak: this host can deploy.
func (d *driver) well(ctx context.Context) error {
	open := d.streak.breaker != nil || d.streak.tripped
	d.streak = streak{}
	if !open {
		return nil
	}
	return d.Journal.Reset(ctx)
}

// varying is what differs between services that fail the same way: numbers, and with them addresses, times and sizes.
var varying = regexp.MustCompile(`[0-9]+`)

// manner says in one line how a service failed, in words that another one that fails the same way would have: the phase, the error, and what mojo
// said last.
func manner(r Result) string {
	name := regexp.MustCompile(`\b` + regexp.QuoteMeta(r.Service) + `\b`)
	text, _, _ := strings.Cut(r.Err.Error(), "\n")
	text = name.ReplaceAllString(text, "SERVICE")
	if r.Phase != "" {
		text += " in " + r.Phase
	}
	var failure *resource.Failure
	if errors.As(r.Err, &failure) && len(failure.Tail) > 0 {
		last := name.ReplaceAllString(strings.TrimSpace(failure.Tail[len(failure.Tail)-1]), "SERVICE")
		text += ": " + varying.ReplaceAllString(last, "N")
	}
	return text
}
