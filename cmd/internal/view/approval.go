package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
)

// Approval is how a plan that was approved stands to the one that is made now.
type Approval struct {
	Expect   plan.Expect
	Compared []plan.Compared
	Known    bool // what the approved plan says is known, or that the plan made now is the same
	Now      *plan.Plan
	Review   string // the command that makes a plan to be approved; empty to name none
}

// Holds says that nothing moved of what was approved. What cannot be told has not moved.
func (a Approval) Holds() bool { return a.Known && len(a.of(plan.Moved)) == 0 }

func (a Approval) of(s plan.Standing) []plan.Compared {
	return slices.DeleteFunc(slices.Clone(a.Compared), func(c plan.Compared) bool { return c.Standing != s })
}

func (a Approval) names(s plan.Standing) string {
	var names []string
	for _, c := range a.of(s) {
		names = append(names, clean(c.Service))
	}
	return strings.Join(names, ", ")
}

// Check writes whether what was approved is still what is to be done, and what moved if it is not.
func Check(w io.Writer, a Approval, s Style) error {
	if !a.Holds() {
		return lines(w, a.moved("", s)...)
	}
	left := "nothing is left to do"
	if n := len(a.of(plan.AsApproved)); n > 0 {
		left = plural(n, "service") + " to be dealt with"
	}
	first := fmt.Sprintf("Plan %s still holds: %s.", ShortFingerprint(a.Expect.Fingerprint), left)
	if a.Expect.Fingerprint == "" {
		first = "The plan still holds: it has nothing to do."
	}
	return lines(w, append([]string{s.paint(bold, first)}, a.rest()...)...)
}

// Refused writes what is not done because it is not what was approved; nothing if all is.
func Refused(w io.Writer, a Approval, s Style) error {
	if !a.Holds() {
		return lines(w, a.moved("Refused: ", s)...)
	}
	return lines(w, a.rest()...)
}

// moved tells what is otherwise than approved, and what is not.
func (a Approval) moved(before string, s Style) []string {
	short := ShortFingerprint(a.Expect.Fingerprint)
	if !a.Known {
		now := "nothing is to be done now"
		if a.Now.Fingerprint != "" {
			now = "the plan is " + ShortFingerprint(a.Now.Fingerprint) + " now"
		}
		return append([]string{s.paint(bold, fmt.Sprintf("%splan %s does not hold: %s.", before, short, now)),
			"What moved cannot be told, as the plan was not made on this host, or for other services."}, a.review()...)
	}
	var texts []string
	for _, c := range a.of(plan.Moved) {
		texts = append(texts, s.paint(bold, fmt.Sprintf("%s%s moved since plan %s was made.", before, clean(c.Service), short)))
		texts = append(texts, movedDetail(c, s)...)
	}
	return append(append(texts, a.rest()...), a.review()...)
}

// rest tells of what did not move, a line for each standing.
func (a Approval) rest() []string {
	asPlanned := "Still as planned"
	if a.Expect.Strict {
		asPlanned += ", and left alone with it"
	}
	var texts []string
	for _, line := range []struct {
		title    string
		standing plan.Standing
	}{{asPlanned, plan.AsApproved}, {"Done by now", plan.Done}, {"Cannot be told", plan.CannotTell}, {"Not in that plan, and left alone", plan.Outside}} {
		if names := a.names(line.standing); names != "" && (line.standing != plan.AsApproved || !a.Holds()) {
			texts = append(texts, line.title+": "+names+".")
		}
	}
	return texts
}

func (a Approval) review() []string {
	if a.Review == "" {
		return nil
	}
	return []string{"New plan for review:  " + a.Review}
}

// movedDetail tells which revisions are wanted otherwise than approved, with the commits that came since, and whether the servers carry something else.
func movedDetail(c plan.Compared, s Style) []string {
	if c.Now == nil {
		return []string{"  it is not among the services any more"}
	}
	labels := maps.Clone(c.Was.Revisions)
	maps.Copy(labels, c.Now.Revisions)
	var texts []string
	for _, label := range slices.SortedFunc(maps.Keys(labels), plan.CompareLabels) {
		was, now := c.Was.Revisions[label], c.Now.Revisions[label]
		switch {
		case was.ID == now.ID:
			continue
		case was.ID == "":
			texts = append(texts, fmt.Sprintf("  %s was not in it, now %s", clean(label), revno(now)))
		case now.ID == "":
			texts = append(texts, fmt.Sprintf("  %s planned %s, not in it now", clean(label), revno(was)))
		default:
			texts = append(texts, fmt.Sprintf("  %s planned %s, now %s", clean(label), revno(was), revno(now)))
			texts = append(texts, since(c, label, s)...)
		}
	}
	if !slices.Equal(c.Was.Live, c.Now.Live) {
		texts = append(texts, "  its servers do not carry what they did")
	}
	texts = append(texts, movedSize(c)...)
	if foreign := c.Now.Foreign(); foreign != "" && foreign != c.Was.Foreign() {
		texts = append(texts, "  "+clean(foreign))
	}
	if len(texts) == 0 {
		texts = append(texts, "  something else is to be done about it")
	}
	return texts
}

// movedSize tells how the units that there are or are to be are not those that were approved.
func movedSize(c plan.Compared) []string {
	if !c.Was.Scales() && !c.Now.Scales() {
		return nil
	}
	was, now := "no change", "no change"
	if c.Was.Scales() {
		was = sizePlan(*c.Was)
	}
	switch {
	case c.Now.Scales():
		now = sizePlan(*c.Now)
	case c.Now.Size != nil && c.Now.Size.Err == nil:
		now = plural(c.Now.Size.Units, "unit")
		if c.Now.Size.Wait != "" {
			now += ": " + clean(c.Now.Size.Wait)
		}
	}
	if was == now {
		return nil
	}
	return []string{fmt.Sprintf("  its size: planned %s, now %s", was, now)}
}

// sizePlan tells what is to be done about the size of a service, as far as that is approved.
func sizePlan(d plan.Decision) string {
	text := sizeChange(d.Size.Units, d.Size.To)
	if len(d.Size.Remove) > 0 {
		text += ", without " + enumerate(cleanAll(d.Size.Remove), maxServers)
	}
	if d.Size.Guard != "" {
		text += ", although " + clean(d.Size.Guard)
	}
	return text
}

// since tells the commits that came after the approved revision of a branch, if they are known.
func since(c plan.Compared, label string, s Style) []string {
	for _, change := range c.Now.Changes {
		if change.Label != label || change.History == nil {
			continue
		}
		for i, commit := range change.History.Commits {
			if commit.ID == c.Was.Revisions[label].ID {
				return whole(s, layout{}).commitLines(change.History.Commits[:i], 0, "    ")
			}
		}
	}
	return nil
}

// The document of a check.
type (
	jsonApproval struct {
		FormatVersion string         `json:"format_version"`
		Approved      string         `json:"approved"`
		Fingerprint   string         `json:"fingerprint"`
		Holds         bool           `json:"holds"`
		Known         bool           `json:"known"`
		Services      []jsonCompared `json:"services"`
	}
	jsonCompared struct {
		Service      string        `json:"service"`
		Standing     string        `json:"standing"`
		Approved     []jsonRevised `json:"approved"`
		Wanted       []jsonRevised `json:"wanted"`
		SizeApproved *jsonSize     `json:"size_approved"`
		SizeWanted   *jsonSize     `json:"size_wanted"`
	}
)

// CheckJSON writes the same as Check as one JSON document.
func CheckJSON(w io.Writer, a Approval) error { return encode(w, approvalDocument(a)) }

func approvalDocument(a Approval) jsonApproval {
	document := jsonApproval{FormatVersion: FormatVersion, Approved: a.Expect.Fingerprint, Fingerprint: a.Now.Fingerprint, Holds: a.Holds(), Known: a.Known,
		Services: []jsonCompared{}}
	for _, c := range a.Compared {
		standing := jsonCompared{Service: clean(c.Service), Standing: string(c.Standing), Approved: []jsonRevised{}, Wanted: []jsonRevised{}}
		if c.Was != nil {
			standing.Approved, standing.SizeApproved = revisedJSON(c.Was.Revisions), sizeJSON(c.Was.Size)
		}
		if c.Now != nil {
			standing.Wanted, standing.SizeWanted = revisedJSON(c.Now.Revisions), sizeJSON(c.Now.Size)
		}
		document.Services = append(document.Services, standing)
	}
	return document
}
