package apply

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// tripAt is how many services have to fail the same way, one after another, before the host is blamed.
const tripAt = 3

// streak watches for trouble of the host: different services that fail the same way while none succeeds. Bad revisions do not come like that, but where
// several run at a time they may end like that: what began before another one had succeeded says less.
type streak struct {
	breaker  *state.Breaker // that was open before; nil if none was
	well     time.Time      // when the last one ended that succeeded
	how      string
	attempts []int64
	fresh    int // how many of them began after that
	tripped  bool
}

// judge finds out what a result says about the host, and notes it.
func (d *driver) judge(ctx context.Context, result *Result) error {
	if decision := d.decisions[result.Service]; decision != nil && decision.Verdict == plan.Scale {
		return nil // it tells nothing of deploys
	}
	switch {
	case result.Outcome == Deployed || result.Outcome == Recorded:
		return d.well(ctx, result.End)
	case result.Outcome != Failed:
		return nil
	}
	s := &d.streak
	if how := manner(*result); how != s.how {
		s.how, s.attempts, s.fresh = how, nil, 0
	}
	s.attempts = append(s.attempts, result.Attempt)
	if !result.Start.Before(s.well) {
		s.fresh++
	}
	again := s.breaker != nil && s.breaker.Error == s.how
	if s.fresh < tripAt && !again {
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
func (d *driver) well(ctx context.Context, end time.Time) error {
	open := d.streak.breaker != nil || d.streak.tripped
	d.streak = streak{well: end}
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
