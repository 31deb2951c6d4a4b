package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// arrange settles, in the order given, what each service waits for and what holds it.
func arrange(in Input, order []*Decision, decisions map[string]*Decision) {
	barred := in.Expect.bars(slices.DeleteFunc(slices.Clone(order), func(d *Decision) bool { return !in.selected(d.Service) }))
	probe := "" // the one service that is tried while the breaker is open
	for _, decision := range order {
		if len(decision.Steps) == 0 {
			continue
		}
		var first []*Decision
		if !decision.Scales() {
			first = in.before(decision.Declared, decisions, barred)
		}
		verdict, hold := in.obstacle(decision, first, probe)
		if reason := cmp.Or(barred.outside[decision.Service], barred.moved[decision.Service]); reason != "" {
			verdict, hold = Unapproved, Hold{Reason: reason}
		}
		if verdict != "" {
			decision.Verdict, decision.Held = verdict, hold
			continue
		}
		wait(decision, first)
		if probe == "" && !decision.Scales() && in.selected(decision.Service) {
			probe = decision.Service
		}
	}
}

// obstacle returns why nothing is to be done about the service for now; no verdict if nothing stands in the way.
func (in Input) obstacle(decision *Decision, first []*Decision, probe string) (Verdict, Hold) {
	past := in.Past.Services[decision.Service]
	if verdict, hold := in.Bar(decision, past.Hold, in.Now); verdict != "" {
		return verdict, hold
	}
	if mustAttend(decision) && !in.Approved {
		return Unapproved, Hold{Reason: attendReason(decision)}
	}
	if verdict, hold := in.Backoff.Of(decision, past, in.Now); verdict != "" {
		return verdict, hold
	}
	if reason := in.blocked(decision, first); reason != "" {
		return Blocked, Hold{Reason: reason}
	}
	if decision.Scales() {
		return "", Hold{}
	}
	return in.broken(probe)
}

// before returns the services that stand before this one and are not simply passed: those it names in "after", and through one that is passed, those that
// come before that. Passed is what is as it should be but for its size, or taken to be, and what has nothing to do with the plan that was approved; not
// what moved since.
func (in Input) before(service Service, decisions map[string]*Decision, b bars) []*Decision {
	var found []*Decision
	seen := map[string]bool{service.Name: true}
	var walk func(names []string)
	walk = func(names []string) {
		for _, name := range names {
			decision := decisions[name]
			if decision == nil || seen[name] {
				continue
			}
			seen[name] = true
			if (decision.Verdict == Same || decision.Scales()) && b.moved[name] == "" || b.pass(name, service.Name) || in.Deps == DepsIgnored && !in.selected(name) {
				walk(decision.Declared.After)
			} else {
				found = append(found, decision)
			}
		}
	}
	walk(service.After)
	slices.SortFunc(found, func(a, b *Decision) int { return cmp.Compare(a.Service, b.Service) })
	return found
}

// blocked returns which service that goes first stands in the way, or "". Of one that is not selected itself, only what would be in its way all the same.
func (in Input) blocked(decision *Decision, first []*Decision) string {
	for _, other := range first {
		if other.Verdict == Same {
			return other.Service + " goes first and moved since it was approved"
		}
		if !other.Verdict.Acts() {
			return fmt.Sprintf("%s goes first and is %s", other.Service, other.Verdict)
		}
		if in.selected(decision.Service) && !in.selected(other.Service) {
			return fmt.Sprintf("%s goes first, is to be %s and is %s", other.Service, participle(other.Verdict), in.unselected(other.Service))
		}
	}
	return ""
}

// mustAttend says whether a person has to stand behind what is to be done: where the service asks for it, where its size is not to be changed
// blindly, where servers run something that no record tells, where the servers of a running service may only not have been found, and where what they
// run is lost from its branch, since deploying over it could undo what somebody did by other means.
func mustAttend(decision *Decision) bool {
	return decision.Declared.Attended || decision.Foreign() != "" || lost(decision) || decision.Scales() && decision.Size.Guard != ""
}

// lost says that the service does not let its histories be rewritten, and one was.
func lost(decision *Decision) bool {
	return !decision.Declared.AllowRewritten && slices.ContainsFunc(decision.Changes, Change.rewritten)
}

// foreign says that somebody else deployed the service, or another one to a server of it.
func foreign(decision *Decision) bool {
	return len(decision.Others) > 0 || neverRecorded(decision) && !slices.Contains(decision.Reasons, LastAttemptFailed)
}

func neverRecorded(decision *Decision) bool {
	return slices.Contains(decision.Reasons, NeverRecorded) && decision.Copies > 0
}

// Foreign says what somebody else runs where the service is to be deployed, or may run there; empty if that is nothing.
func (d *Decision) Foreign() string {
	switch {
	case d.Doubt != "":
		return "no servers: " + d.Doubt
	case len(d.Others) > 0:
		return strings.Join(d.Others, "; ")
	case foreign(d):
		return fmt.Sprintf("%s without any stamp: what they run is not known", servers(d.Copies))
	}
	return ""
}

func attendReason(decision *Decision) string {
	if reason := decision.Foreign(); reason != "" {
		return reason
	}
	if lost(decision) {
		return lostReason(decision.Changes)
	}
	if decision.Scales() && decision.Size.Guard != "" {
		return decision.Size.Guard
	}
	return "auto = never"
}

// lostReason names each branch that was rewritten and the deployed revision that it lost.
func lostReason(changes []Change) string {
	var texts []string
	for _, change := range changes {
		if change.rewritten() {
			texts = append(texts, fmt.Sprintf("%s was rewritten: r%s is lost", change.Label, change.From.Revno))
		}
	}
	return strings.Join(texts, "; ")
}

func participle(v Verdict) string {
	if v == Record {
		return "recorded"
	}
	return "deployed"
}

func servers(n int) string {
	if n == 1 {
		return "1 server"
	}
	return fmt.Sprintf("%d servers", n)
}

func wait(decision *Decision, first []*Decision) {
	decision.Wave = 1
	for _, other := range first {
		decision.WaitsFor = append(decision.WaitsFor, other.Service)
		decision.Wave = max(decision.Wave, other.Wave+1)
	}
}
