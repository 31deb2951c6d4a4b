package plan

import (
	"fmt"
	"path"
	"slices"
	"time"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Rules say, beside what is to be done about a service, when that may be.
type Rules struct {
	Backoff     Backoff
	Freezes     []Freeze
	BreakFreeze bool // a person lets nothing be frozen
}

// Hold is what holds a service back.
type Hold struct {
	By     string    // who; empty if nobody in person
	Reason string    // why, for people
	Until  time.Time // UTC; zero if no time ends it, which a person always has
}

// String says until when, who and why, as far as there is something to say.
func (h Hold) String() string {
	until := h.Until.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case h.By != "":
		return "until " + until + " by " + h.By + ": " + h.Reason
	case !h.Until.IsZero():
		return "next try " + until + ": " + h.Reason
	}
	return h.Reason
}

// Bar returns what keeps anything from being started for the decision's service at that time: a hold, which may be nil, or else the freeze that lasts
// longest. No verdict says that nothing does.
func (r Rules) Bar(d *Decision, hold *state.Hold, now time.Time) (Verdict, Hold) {
	if hold != nil && now.Before(hold.Until) {
		return Held, Hold{By: hold.User, Reason: hold.Reason, Until: hold.Until}
	}
	if r.BreakFreeze {
		return "", Hold{}
	}
	var frozen Hold
	for _, freeze := range r.Freezes {
		if end, open := freeze.Window.Until(now); open && freeze.concerns(d.Service, d.Scales()) && end.After(frozen.Until) {
			frozen = Hold{By: freeze.Owner, Reason: freeze.Name + ": " + freeze.Reason, Until: end.UTC()}
		}
	}
	if frozen.Until.IsZero() {
		return "", Hold{}
	}
	return Frozen, frozen
}

func (f Freeze) concerns(service string, scales bool) bool {
	if scales && f.Scaling {
		return false
	}
	return len(f.Services) == 0 || slices.ContainsFunc(f.Services, func(glob string) bool {
		ok, _ := path.Match(glob, service) // the pattern was checked
		return ok
	})
}

// Backoff is how long a set of revisions is left alone after it failed: after the first time, the second, and so on. If it fails once more after
// that, it is parked. What is blamed on the host is never parked, and a change of size neither; the last of the times goes on. Without any, nothing
// is left alone.
type Backoff []time.Duration

// Of returns Waiting or Parked, if what failed before of the decision's service is to be left alone at that time.
func (b Backoff) Of(d *Decision, past state.ServicePast, now time.Time) (Verdict, Hold) {
	failed, host := past.Failed[resource.Hash(d.Revisions)], past.Host
	if d.Scales() {
		failed, host = state.Failures{}, past.Resizes
	}
	switch {
	case len(b) == 0:
		return "", Hold{}
	case failed.Count > len(b):
		return Parked, Hold{Reason: failures(failed) + "; a new revision or \"cdplan retry " + d.Service + "\" frees it"}
	}
	if next := b.next(failed.Count, failed.Last.End, now); now.Before(next) {
		return Waiting, Hold{Reason: failures(failed), Until: next}
	}
	if next := b.next(host.Count, host.Last.End, now); now.Before(next) {
		if d.Scales() {
			return Waiting, Hold{Reason: failures(host), Until: next}
		}
		return Waiting, Hold{Reason: hostTrouble + failures(host), Until: next}
	}
	return "", Hold{}
}

const hostTrouble = "trouble of this host, "

// next returns when what failed so often, the last time at that end, may be tried again: on the minute, so that a cron job that comes every five
// minutes is not a few seconds early. An end in the future is one that a clock told that went wrong; it holds nothing back.
func (b Backoff) next(count int, end, now time.Time) time.Time {
	if count == 0 || end.After(now) {
		return now
	}
	return end.Add(b[min(count, len(b))-1]).Truncate(time.Minute)
}

// failures says how often, where and how it failed.
func failures(f state.Failures) string {
	text := "failed"
	switch f.Count {
	case 1:
		text += " once"
	case 2:
		text += " twice"
	default:
		text += fmt.Sprintf(" %d times", f.Count)
	}
	if f.Last.Phase != "" {
		text += " in " + f.Last.Phase
	}
	return text + ": " + f.Last.Error
}

// broken holds all but one service back while the breaker is open, and that one too until it is time to try. A person who stands behind the run
// need not wait.
func (in Input) broken(probe string) (Verdict, Hold) {
	breaker := in.Past.Breaker
	if breaker == nil || in.Approved || len(in.Backoff) == 0 {
		return "", Hold{}
	}
	reason := "deploys fail on this host: " + breaker.Error
	next := in.Backoff.next(breaker.Failures, breaker.Last, in.Now)
	switch {
	case in.Now.Before(next):
		return Waiting, Hold{Reason: reason, Until: next}
	case probe != "":
		return Waiting, Hold{Reason: reason + "; " + probe + " is tried first"}
	}
	return "", Hold{}
}

// Gone returns the services that the last complete run saw and that are not there now, if they are half of them or more. A root that is not mounted,
// or mounted half, must not look like nothing to do.
func Gone(past state.Past, services []Service) []string {
	gone := slices.DeleteFunc(slices.Clone(past.Seen), func(name string) bool {
		return slices.ContainsFunc(services, func(s Service) bool { return s.Name == name })
	})
	if len(gone) == 0 || 2*len(gone) < len(past.Seen) {
		return nil
	}
	return gone
}
