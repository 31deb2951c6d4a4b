package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Explanation is why a plan decides about a service as it does, and what would change that.
type Explanation struct {
	Decision

	Why       []Sentence      // the reasons, and last the verdict
	Obstacles []Decision      // of a blocked service: the one that stands in its way, what stands in the way of that, and so on to the root
	Followers []Decision      // those that come after it, through others too, in the order of the plan
	Branches  []Watched       // first those that are declared, in their order, then those that servers carry all the same
	Servers   []resource.Copy // as they were read
	Past      state.ServicePast
	Failed    state.Failures // of Past, with just the revisions that are wanted
	Breaker   *state.Breaker // nil if it is closed
	Freezes   []Hold         // the freezes that are in force for it, in the order of the file
	Coming    *Coming        // the freeze that comes next for it; nil if none does
	Next      Hold           // until when apply -auto leaves it alone, if a time is known, and why
	Sizing    *Sizing        // how its size was come by; nil if it has none, or nobody measured it
	Remedies  []Remedy       // what would change the verdict; of one that is the same, what would be a reason to deploy it
}

// Sentence is something that is the case, with the verdict or the reason that stands for it.
type Sentence struct {
	Code string
	Text string // as it stands in the middle of a sentence, without a full stop
}

// Coming is a freeze that is to come.
type Coming struct {
	Freeze string // its name
	Owner  string
	Reason string
	Begin  time.Time // UTC
}

// Remedy is something that would change what the plan says.
type Remedy struct {
	Text    string // as it stands in the middle of a sentence, without a full stop
	Command string // that does it, or shows more of it; empty if there is none
}

// Watched is a branch of a service: what is wanted of it, and what the servers carry.
type Watched struct {
	Label    string
	Location string            // as declared; empty for one that is no longer named
	Pin      string            // the end of the location that names the revision; empty if it does not
	Read     string            // where it was read; empty if it was not
	Wanted   resource.Revision // zero if it was not read, or is no longer named
	Err      error             // why it could not be read
	Fallback string            // why it was read in a slower way than the usual one
	Carried  []Carrying        // what most servers carry first
}

// Equal says whether there are servers, and all of them carry what is wanted.
func (w Watched) Equal() bool {
	return len(w.Carried) == 1 && w.Wanted.ID != "" && w.Carried[0].Revision.ID == w.Wanted.ID
}

// Carrying is a revision with the servers that carry it.
type Carrying struct {
	Revision resource.Revision // zero: they carry none of the branch
	Servers  []string          // their names, in the order of the copies
}

// Explain says why the plan decides so about the service, which has to be in it. The input is the one that the plan was computed from.
func Explain(in Input, p *Plan, service string) Explanation {
	decisions := make(map[string]*Decision, len(p.Decisions))
	for i, d := range p.Decisions {
		decisions[d.Service] = &p.Decisions[i]
	}
	e := Explanation{Decision: *decisions[service], Past: in.Past.Services[service], Breaker: in.Past.Breaker}
	e.Failed = e.Past.Failed[resource.Hash(e.Revisions)]
	e.Obstacles, e.Followers = in.obstacles(*decisions[service], decisions), p.followers(service)
	if record := e.Declared.record(in.Schemas); record != nil {
		e.Servers = in.Readings[record.Addr].Copies
	}
	e.Branches = watched(in, e.Declared, e.Servers)
	e.Freezes, e.Coming = in.freezes(service), in.coming(service)
	e.Sizing = in.sizing(&e.Decision)
	e.Why = append(e.reasonSentences(), Sentence{string(e.Verdict), e.verdictSentence()})
	e.Next = e.next()
	e.Remedies = e.remedies()
	return e
}

// obstacles follows what stands in the way of a blocked service to the one that no other stands in the way of.
func (in Input) obstacles(d Decision, decisions map[string]*Decision) []Decision {
	var chain []Decision
	for d.Verdict == Blocked {
		first := in.before(d.Declared, decisions, bars{})
		i := slices.IndexFunc(first, func(other *Decision) bool { return !other.Verdict.Acts() })
		if i < 0 {
			break // it is not selected
		}
		d = *first[i]
		chain = append(chain, d)
	}
	return chain
}

func (p *Plan) followers(service string) []Decision {
	behind := map[string]bool{service: true}
	var found []Decision
	for _, d := range p.Decisions {
		if slices.ContainsFunc(d.Declared.After, func(name string) bool { return behind[name] }) && !behind[d.Service] {
			behind[d.Service] = true
			found = append(found, d)
		}
	}
	return found
}

// watched compares each branch of a service with what its servers carry.
func watched(in Input, service Service, copies []resource.Copy) []Watched {
	var all []Watched
	known := map[string]bool{}
	for _, declared := range service.Resources {
		if in.Schemas[declared.Addr.Type].Role != resource.Source {
			continue
		}
		reading, declaredAt := in.Readings[declared.Addr], declared.Config.GetAttr("location").AsString()
		w := Watched{Label: declared.Addr.Label, Location: declaredAt, Err: reading.Err, Fallback: reading.Fallback}
		_, w.Pin = in.Schemas[declared.Addr.Type].Place(declaredAt)
		if reading.Object != cty.NilVal {
			w.Read, w.Wanted = location(reading), resource.RevisionOf(reading.Object.GetAttr("revision"))
		}
		known[w.Label] = true
		all = append(all, w)
	}
	left := map[string]bool{}
	for _, c := range copies {
		stamp, _ := c.Stamp()
		for label := range stamp.Revisions {
			left[label] = !known[label]
		}
	}
	for _, label := range slices.Sorted(maps.Keys(left)) {
		if left[label] {
			all = append(all, Watched{Label: label})
		}
	}
	for i, w := range all {
		all[i].Carried = carried(w.Label, copies)
	}
	return all
}

// carried sorts the servers by the revision of a branch that they carry.
func carried(label string, copies []resource.Copy) []Carrying {
	var found []Carrying
	for _, c := range copies {
		stamp, _ := c.Stamp()
		revision := stamp.Revisions[label]
		i := slices.IndexFunc(found, func(other Carrying) bool { return other.Revision.ID == revision.ID })
		if i < 0 {
			i, found = len(found), append(found, Carrying{Revision: revision})
		}
		found[i].Servers = append(found[i].Servers, c.Name)
	}
	slices.SortStableFunc(found, func(a, b Carrying) int { return cmp.Compare(len(b.Servers), len(a.Servers)) })
	return found
}

// reasonSentences tells each reason, with what it is about.
func (e *Explanation) reasonSentences() []Sentence {
	var all []Sentence
	for _, reason := range e.Reasons {
		for _, text := range e.reasonTexts(reason) {
			all = append(all, Sentence{string(reason), text})
		}
	}
	return all
}

func (e *Explanation) reasonTexts(reason Reason) []string {
	switch reason {
	case BranchMoved, ConfigChanged, BranchAdded, BranchRemoved, HistoryRewritten:
		return changeTexts(e.Changes, reason)
	case Mixed:
		return []string{"its servers carry different revisions"}
	case Unstamped:
		return []string{fmt.Sprintf("%d of %s lack the stamp that the others carry", len(e.Behind), servers(e.Copies))}
	case HashMismatch:
		return []string{"the stamp contradicts itself on " + strings.Join(contradicting(e.Servers), ", ")}
	case NeverRecorded:
		if e.Copies == 0 {
			return []string{"it has no servers yet"}
		}
		return []string{servers(e.Copies) + " and no stamp: nothing tells what was deployed"}
	case NotRecorded:
		return []string{"this host has deployed just what is wanted, and could not record it on every server"}
	case LoadChanged:
		return []string{e.loadText()}
	case OutOfBounds:
		return []string{e.boundText()}
	case LastAttemptFailed:
		return []string{"the last attempt from this host did not succeed: what the servers run is what it has left"}
	}
	return nil
}

func contradicting(copies []resource.Copy) []string {
	var names []string
	for _, c := range copies {
		if c.Err != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// changeTexts tells the changes that are of one reason.
func changeTexts(changes []Change, reason Reason) []string {
	var texts []string
	for _, c := range changes {
		switch from, to := "r"+c.From.Revno, "r"+c.To.Revno; {
		case reason == HistoryRewritten && c.rewritten():
			texts = append(texts, fmt.Sprintf("%s of %s, which is deployed, is not in the history of the branch any more", from, c.Label))
		case reason == HistoryRewritten || c.reason() != reason:
		case reason == BranchAdded:
			texts = append(texts, fmt.Sprintf("%s, at %s, is named and was not deployed", c.Label, to))
		case reason == BranchRemoved:
			texts = append(texts, fmt.Sprintf("%s is not named any more, and %s of it is deployed", c.Label, from))
		default:
			texts = append(texts, fmt.Sprintf("%s moved from %s to %s", c.Label, from, to))
		}
	}
	return texts
}

// action returns what the verdict would be if nothing held the service back.
func (d *Decision) action() Verdict {
	has := func(reason Reason) bool { return slices.Contains(d.Reasons, reason) }
	switch {
	case d.Verdict.Acts() || !d.Verdict.Held():
		return d.Verdict
	case d.Scales():
		return Scale
	case has(NeverRecorded):
		return New
	case has(Unstamped) || has(NotRecorded):
		return Record
	}
	return Redeploy
}

func (e *Explanation) verdictSentence() string {
	would := "the verdict would be " + string(e.action()) + ", but "
	if e.Scales() {
		would = fmt.Sprintf("the verdict would be %s, from %d to %s, but ", Scale, e.Size.Units, units(e.Size.To))
	}
	switch e.Verdict {
	case Same:
		if e.Copies == 0 {
			return "it has no units, so that there is nothing to deploy to; what its branches say is deployed once a load has brought some"
		}
		return "what is wanted is deployed, on " + servers(e.Copies)
	case New, Redeploy, Record, Scale:
		return e.actingText()
	case Held, Frozen:
		return would + "it is " + string(e.Verdict) + " " + e.Held.String()
	case Waiting:
		return would + "it waits: " + e.Held.String()
	case Parked:
		return would + "it is parked: " + failures(e.Failed)
	case Unapproved:
		return would + "a person has to stand behind it: " + e.Held.Reason
	case Blocked:
		return would + e.chainText()
	case Invalid:
		return "its declaration has to be mended"
	case Unknown:
		return "something of it could not be read, so that nothing can be told: " + firstError(e.Err)
	}
	return ""
}

func (e *Explanation) actingText() string {
	text := map[Verdict]string{New: "it is deployed for the first time", Redeploy: "it is deployed again", Record: "the stamp is written, and nothing deployed"}[e.Verdict]
	if e.Verdict == Scale {
		text = e.sizeText()
	}
	text += fmt.Sprintf(", in wave %d", e.Wave)
	if len(e.WaitsFor) > 0 {
		text += ", after " + strings.Join(e.WaitsFor, ", ")
	}
	return text
}

// chainText tells what stands in the way, down to the root.
func (e *Explanation) chainText() string {
	if len(e.Obstacles) == 0 {
		return e.Held.String()
	}
	text := "it waits for "
	for _, d := range e.Obstacles[:len(e.Obstacles)-1] {
		text += d.Service + ", which waits for "
	}
	root := e.root()
	text += root.Service + ", which is " + string(root.Verdict)
	if why := cmp.Or(root.Held.String(), firstError(root.Err)); why != "" {
		text += ": " + why
	}
	return text
}

// root returns the last of the obstacles, of which there has to be one.
func (e *Explanation) root() Decision { return e.Obstacles[len(e.Obstacles)-1] }

// firstError returns the text of the first of errors that may be joined; empty for nil.
func firstError(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
		return firstError(joined.Unwrap()[0])
	}
	if attr := (*resource.AttrError)(nil); errors.As(err, &attr) {
		return attr.Detail
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// next says until when apply -auto leaves the service alone, and why.
func (e *Explanation) next() Hold {
	switch e.Verdict {
	case New, Redeploy, Record, Scale:
		return Hold{Reason: "the next apply deals with it"}
	case Same:
		if e.Size != nil && e.Size.Wait != "" {
			return Hold{Reason: "its size stays as it is: " + e.Size.Wait, Until: e.Size.Until}
		}
		return Hold{Reason: "none: there is nothing to do"}
	case Held:
		return Hold{Reason: "not before the hold ends", Until: e.Held.Until}
	case Frozen:
		return Hold{Reason: "not before the freeze ends", Until: e.Held.Until}
	case Waiting:
		if e.Held.Until.IsZero() {
			return Hold{Reason: "not before another service has been tried: " + e.Held.Reason}
		}
		return Hold{Reason: "not before its time to wait is over", Until: e.Held.Until}
	case Parked:
		return Hold{Reason: "none: it failed too often"}
	case Unapproved:
		return Hold{Reason: "none: it is left to a person"}
	case Blocked:
		return Hold{Reason: "not before what it waits for is deployed"}
	case Invalid:
		return Hold{Reason: "none: its declaration has to be mended"}
	case Unknown:
		return Hold{Reason: "the next apply reads it again"}
	}
	return Hold{}
}

// freezes returns those that are in force for the service.
func (in Input) freezes(service string) []Hold {
	var found []Hold
	for _, freeze := range in.Freezes {
		if end, open := freeze.Window.Until(in.Now); open && freeze.concerns(service, false) {
			reason := freeze.Name + ": " + freeze.Reason
			if freeze.Scaling {
				reason += " (its size follows its load all the same)"
			}
			found = append(found, Hold{By: freeze.Owner, Reason: reason, Until: end.UTC()})
		}
	}
	return found
}

// coming returns the freeze that begins next for the service; of several at the same time the first in the file.
func (in Input) coming(service string) *Coming {
	var first *Coming
	for _, freeze := range in.Freezes {
		begin, ok := freeze.Window.Next(in.Now)
		if ok && freeze.concerns(service, false) && (first == nil || begin.Before(first.Begin)) {
			first = &Coming{Freeze: freeze.Name, Owner: freeze.Owner, Reason: freeze.Reason, Begin: begin.UTC()}
		}
	}
	return first
}
