package plan

import (
	"slices"
	"strings"
	"time"
)

// remedies returns what would change the verdict: first what is particular to it, then what is to its reasons.
func (e *Explanation) remedies() []Remedy {
	found := e.ofVerdict()
	for _, reason := range e.Reasons {
		found = append(found, e.ofReason(reason)...)
	}
	return found
}

// cdplan returns a command about the service.
func (e *Explanation) cdplan(before string, after ...string) string {
	return strings.Join(append([]string{"cdplan", before, e.Service}, after...), " ")
}

func (e *Explanation) ofVerdict() []Remedy {
	person := Remedy{"a person who applies it", e.cdplan("apply -target")}
	switch e.Verdict {
	case Same:
		return e.triggers()
	case New, Redeploy, Record, Scale:
		return []Remedy{{"once it is applied", e.cdplan("apply -target")}, {"a hold", e.cdplan("hold", "-until TIME -reason TEXT")}}
	case Held:
		return []Remedy{{"the end of the hold at " + minute(e.Held.Until), ""}, {"lifting the hold", e.cdplan("unhold")}}
	case Frozen:
		found := []Remedy{{"the end of the freeze at " + minute(e.Held.Until), ""}, {"breaking the freeze", e.cdplan("apply -break-freeze -reason TEXT -target")}}
		if e.Scales() {
			found = append(found, Remedy{"scaling = true in the block of the freeze in cdplan.hcl", ""})
		}
		return found
	case Waiting:
		return e.waiting(person)
	case Parked:
		return []Remedy{{"a new revision of any of its branches", ""}, {"forgiving what failed", e.cdplan("retry")}}
	case Unapproved:
		return append([]Remedy{person}, e.approvals()...)
	case Blocked:
		return e.unblocking()
	case Invalid:
		return []Remedy{{"a declaration without errors", "cdplan validate"}}
	case Unknown:
		return []Remedy{{"whatever could not be read, once it can be", e.cdplan("doctor -target")}}
	}
	return nil
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// triggers returns what would be a reason to deploy a service that is as it should be.
func (e *Explanation) triggers() []Remedy {
	if e.Copies == 0 && e.Sizing != nil {
		return e.otherSize() // nothing is deployed as long as there are no units
	}
	var moving, fixed []string
	for _, branch := range e.Branches {
		text := branch.Label + " (" + branch.Location + ")"
		if branch.Pin != "" {
			fixed = append(fixed, text)
		} else {
			moving = append(moving, text)
		}
	}
	found := []Remedy{{"a commit to any of: " + strings.Join(moving, ", "), ""}}
	if len(fixed) > 0 {
		found = append(found, Remedy{"another pin, in config.ini, of any of: " + strings.Join(fixed, ", "), ""})
	}
	found = append(found, Remedy{"a server that carries another revision or no stamp", ""})
	if e.Sizing != nil {
		found = append(found, e.otherSize()...)
	}
	return found
}

// waiting returns what ends the wait of a service that failed, or of one on a host where deploys fail.
func (e *Explanation) waiting(person Remedy) []Remedy {
	var found []Remedy
	if !e.Held.Until.IsZero() {
		found = append(found, Remedy{"the next try at " + minute(e.Held.Until), ""})
	}
	switch e.Held.Reason {
	case failures(e.Failed):
		return append(found, Remedy{"a new revision of any of its branches", ""}, Remedy{"forgiving what failed", e.cdplan("retry")})
	case failures(e.Past.Resizes):
		return append(found, Remedy{"forgiving what failed, once what it tells is mended", e.cdplan("retry")})
	case hostTrouble + failures(e.Past.Host):
		return append(found, Remedy{"forgiving what failed, once this host is mended", e.cdplan("retry")})
	}
	return append(found, Remedy{"a deploy on this host that succeeds", ""}, person)
}

// approvals returns what makes a person needless, as the case may be.
func (e *Explanation) approvals() []Remedy {
	switch {
	case e.Doubt != "":
		return []Remedy{{"servers that can be found by what [nova] in config.ini says", e.cdplan("doctor -target")}}
	case len(e.Others) > 0:
		return []Remedy{{"another choice of servers under [nova] in config.ini, of this service or of the other", e.cdplan("drift -target")}}
	case foreign(&e.Decision):
		return nil // the reason tells it
	case e.Scales() && e.Size.Guard != "":
		return e.unguarding()
	case lost(&e.Decision):
		return []Remedy{{"allow_rewritten = yes under [service] in config.ini", ""}}
	}
	return []Remedy{{"auto = always under [service] in config.ini", ""}}
}

// unblocking returns what sets the chain going, from its root on.
func (e *Explanation) unblocking() []Remedy {
	if len(e.Obstacles) == 0 {
		return nil
	}
	root := e.root()
	end := &Explanation{Decision: root}
	return []Remedy{{"whatever changes the verdict of " + root.Service + ", which is " + string(root.Verdict), end.cdplan("explain")},
		{"a person who applies it without that", e.cdplan("apply -target", "-no-deps")},
		{"taking " + e.Obstacles[0].Service + " out of \"after\" in its config.ini", ""}}
}

func (e *Explanation) ofReason(reason Reason) []Remedy {
	switch reason {
	case ConfigChanged:
		return []Remedy{{"a commit that undoes the change of its own branch", e.cdplan("undo")}}
	case BranchMoved:
		return e.pins()
	case BranchAdded:
		return []Remedy{{"a config.ini that does not name the new branch", ""}}
	case BranchRemoved:
		return []Remedy{{"a config.ini that names the branch again", ""}}
	case NeverRecorded:
		if e.Copies > 0 {
			return []Remedy{{"stamping what runs already, without deploying", e.cdplan("adopt")}}
		}
	case Mixed, HashMismatch, Unstamped:
		return []Remedy{{"servers that all carry what is wanted; what they carry is told by", e.cdplan("list -servers -target")}}
	case NotRecorded:
		return []Remedy{{"forgiving the attempt, which makes it a full deploy", e.cdplan("retry")}}
	case LastAttemptFailed:
		return []Remedy{{"an attempt that succeeds; how the last ones ended is told by", e.cdplan("history")}}
	case LoadChanged, OutOfBounds:
		return e.resizing()
	case HistoryRewritten:
		return []Remedy{{"a branch that has the deployed revision again", ""}}
	}
	return nil
}

// pins returns, for each branch that simply moved, the pin that keeps it where it is deployed.
func (e *Explanation) pins() []Remedy {
	var found []Remedy
	for _, c := range e.Changes {
		if c.reason() == BranchMoved && !c.rewritten() && !e.pinned(c.Label) {
			found = append(found, Remedy{"a pin in config.ini: " + c.Label + " at ;revno=" + c.From.Revno, ""})
		}
	}
	return found
}

func (e *Explanation) pinned(label string) bool {
	return slices.ContainsFunc(e.Branches, func(w Watched) bool { return w.Label == label && w.Pin != "" })
}
