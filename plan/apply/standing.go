package apply

import (
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/state"
)

// Standings returns how each service of the plan stands after the results, and the host under the name "": those alone of which the run tells
// something. The past is that after the run. Since is the time of the run.
func Standings(p *plan.Plan, results []Result, past state.Past, backoff plan.Backoff, now time.Time) []state.Standing {
	ended := map[string]*Result{}
	for i, r := range results {
		ended[r.Service] = &results[i]
	}
	var all []state.Standing
	for _, d := range p.Decisions {
		s := standing{d, ended[d.Service], past.Services[d.Service], backoff, now}
		if word, reason := s.tell(); word != "" {
			all = append(all, state.Standing{Service: d.Service, Word: word, Since: now, Reason: reason})
		}
	}
	host := state.Standing{Word: state.Well, Since: now}
	if past.Breaker != nil {
		host.Word, host.Reason = state.HostTrouble, past.Breaker.Error
	}
	return append(all, host)
}

// standing is all from which the standing of one service is told.
type standing struct {
	plan.Decision
	result  *Result // nil if there is none
	past    state.ServicePast
	backoff plan.Backoff
	now     time.Time
}

func (s standing) tell() (state.Word, string) {
	switch {
	case s.result != nil && s.result.succeeded():
		return state.Well, ""
	case s.result != nil && s.result.Outcome == Failed:
		return s.failing(s.result.Err.Error())
	case s.result != nil && s.result.Outcome != NotStarted:
		return s.idle()
	}
	switch s.Verdict {
	case plan.Same:
		return s.measured()
	case plan.Held, plan.Unapproved:
		return state.Held, s.Held.String()
	case plan.Invalid:
		return state.Invalid, s.Err.Error()
	case plan.Unknown:
		return state.Unknown, s.Err.Error()
	}
	why := ""
	if s.Scales() && s.Verdict == plan.Waiting {
		return state.Failing, s.Held.String()
	}
	if last := s.past.Last; s.Verdict == plan.Waiting && last != nil && last.Result == string(Failed) && last.Forgiven == "" {
		why = s.Held.String() // its own time is over, and the host is what it waits for
	}
	if word, reason := s.failing(why); word != "" { // it waits, is parked, or another run has tried it meanwhile
		return word, reason
	}
	return s.idle()
}

// measured tells of a service that is as it should be whether it is known how many units there are and what they have to carry, and whether all of them
// work.
func (s standing) measured() (state.Word, string) {
	switch {
	case s.Size == nil:
		return state.Well, ""
	case s.Size.Err != nil:
		return state.Unmeasured, s.Size.Err.Error()
	case s.Size.Load.Err != nil:
		return state.Unmeasured, strings.TrimPrefix(s.Size.Load.Source+": ", ": ") + s.Size.Load.Err.Error()
	case s.Size.Broken != "":
		return state.Failing, s.Size.Broken
	case s.past.Resizes.Count > 0 && s.Size.Wait != "":
		return "", "" // what failed is still asked for, and only waits for something else than the back-off for a while: it stands as it did
	}
	return state.Well, ""
}

// idle tells of a service about which nothing was done for the sake of something else, such as a freeze: it is well, unless the last attempt says
// that it was not. Then it stands as it did.
func (s standing) idle() (state.Word, string) {
	if s.past.Last == nil || s.past.Last.Done() {
		return state.Well, ""
	}
	return "", ""
}

// failing tells what back-off makes of the failures; otherwise is the reason if that leaves nothing alone. A service that the breaker alone holds
// back is not failing.
func (s standing) failing(otherwise string) (state.Word, string) {
	switch verdict, hold := s.backoff.Of(&s.Decision, s.past, s.now); {
	case verdict == plan.Parked:
		return state.Parked, hold.String()
	case verdict == plan.Waiting:
		return state.Failing, hold.String()
	case otherwise != "":
		return state.Failing, otherwise
	}
	return "", ""
}
