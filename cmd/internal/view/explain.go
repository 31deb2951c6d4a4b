package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/mitchellh/go-wordwrap"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Explained is why the plan says what it says about a service, with what is told around it.
type Explained struct {
	plan.Explanation
	Attempts   []state.Attempt   // the last, newest first
	JournalErr error             // why they are not known
	Drifts     []plan.Drift      // of its servers, in their order
	Locations  map[string]string // of the branches that it declares, by label, without pin and password
	Faults     Faults
}

// location returns where a branch is, without a password: one that could be read has none in its location.
func (x Explained) location(b plan.Watched) string {
	if b.Wanted.ID != "" {
		return b.Location
	}
	return x.Locations[b.Label]
}

// explainWidth is how long a line may be that is made of words; what has to be copied whole, such as a path, may be longer.
const explainWidth = 80

// Explain writes it in sections, each below its title.
func Explain(w io.Writer, x Explained, s Style) error {
	texts := []string{s.paint(bold, clean(x.Service)) + ": " + s.paint(colors[x.Verdict], string(x.Verdict))}
	for _, section := range []struct {
		title string
		lines []string
	}{
		{"Why", x.why()}, {"Size", x.size(s)}, {"What comes after it", x.followers()}, {"Branches", x.branches(s)}, {"Servers", x.servers(s)},
		{"Last attempts", x.attempts(s)}, {"Failures", x.failures()}, {"Holds and freezes", x.holds()}, {"Next automatic try", x.next()},
		{"What would change that", x.remedies()},
	} {
		if len(section.lines) > 0 {
			texts = append(append(texts, "", s.paint(bold, section.title)), section.lines...)
		}
	}
	return lines(w, texts...)
}

// fill breaks a text into lines; the first begins with the one indent, the others with the other. No word is broken.
func fill(first, other, text string) []string {
	wrapped := strings.Split(wordwrap.WrapString(clean(text), uint(explainWidth-len(other))), "\n")
	for i, line := range wrapped {
		wrapped[i] = other + line
	}
	wrapped[0] = first + strings.TrimPrefix(wrapped[0], other)
	return wrapped
}

// why tells the reasons and the verdict, how the last attempt ended, and how long a deploy takes.
func (x Explained) why() []string {
	var texts []string
	for _, s := range x.Why {
		texts = append(texts, fill("  ", "    ", s.Text+" ["+s.Code+"]")...)
	}
	if x.Last != "" {
		texts = append(texts, fill("  ", "    ", "the last attempt to do the same: "+x.Last)...)
	}
	if usual := x.Past.Usual; usual.Median > 0 {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("a deploy of it usually takes %s; nine of ten take %s at most", duration(usual.Median), duration(usual.P90)))...)
	}
	return texts
}

func (x Explained) faults() hcl.Diagnostics {
	if x.Faults == nil || x.Err == nil {
		return nil
	}
	return x.Faults(x.Service, x.Err)
}

func placeText(diag *hcl.Diagnostic) string {
	return fmt.Sprintf("%s line %d", diag.Subject.Filename, diag.Subject.Start.Line)
}

func (x Explained) followers() []string {
	var texts []string
	for _, d := range x.Followers {
		text := d.Service + ": " + string(d.Verdict)
		if slices.Contains(d.WaitsFor, x.Service) {
			text += ", after " + x.Service
		}
		if d.Verdict == plan.Blocked {
			text += ": " + d.Held.String()
		}
		texts = append(texts, fill("  ", "    ", text)...)
	}
	return texts
}

// branches compares what is wanted of each branch with what the servers carry.
func (x Explained) branches(s Style) []string {
	var texts []string
	for _, b := range x.Branches {
		texts = append(texts, "  "+clean(b.Label)+": "+s.paint(branchColors[x.standing(b)], x.standing(b)))
		if location := x.location(b); location != "" {
			texts = append(texts, "    location  "+clean(location))
		}
		if b.Wanted.ID != "" {
			texts = append(texts, "    wanted    "+revno(b.Wanted)+" "+clean(b.Wanted.ID))
		}
		for i, c := range b.Carried {
			texts = append(texts, "    "+[]string{"deployed", "        "}[min(i, 1)]+"  "+carryingText(c, len(x.Servers)))
		}
		if b.Err != nil {
			texts = append(texts, fill("    error     ", "              ", firstLine(b.Err))...)
		}
		if b.Fallback != "" {
			texts = append(texts, fill("    read      ", "              ", "in a slower way than usual, at "+b.Read+": "+b.Fallback)...)
		}
	}
	return texts
}

var branchColors = map[string]color{differs: yellow, cannotBeRead: red}

// How a branch stands.
const (
	equal        = "as wanted"
	differs      = "differs"
	notNamed     = "not named any more"
	cannotBeRead = "cannot be read"
	notRead      = "was not read"
	notDeployed  = "on no server"
)

// standing says how what the servers carry of a branch stands to what is wanted.
func (x Explained) standing(b plan.Watched) string {
	switch {
	case b.Err != nil:
		return cannotBeRead
	case b.Location == "":
		return notNamed
	case b.Wanted.ID == "":
		return notRead
	case len(b.Carried) == 0:
		return notDeployed
	case b.Equal():
		return equal
	}
	return differs
}

func carryingText(c plan.Carrying, all int) string {
	of := fmt.Sprintf(" (%d of %s)", len(c.Servers), plural(all, "server"))
	if c.Revision.ID == "" {
		return "none" + of
	}
	return revno(c.Revision) + " " + clean(c.Revision.ID) + of
}

// servers tells of each server what it carries.
func (x Explained) servers(s Style) []string {
	if len(x.Servers) == 0 {
		if x.Doubt != "" {
			return fill("  ", "    ", "none found: "+x.Doubt)
		}
		return nil
	}
	t := newTable("  server", "region", "status", "deployed", "carries")
	for _, c := range x.Servers {
		stamp, _ := c.Stamp()
		t.AppendRow(table.Row{"  " + clean(c.Name), clean(c.Region), clean(c.Status), cmp.Or(clean(stamp.At), "-"), s.paint(x.carriesColor(c), x.carries(c))})
	}
	return []string{t.Render()}
}

// carries says what a server carries, compared with what is wanted.
func (x Explained) carries(c resource.Copy) string {
	stamp, ok := c.Stamp()
	switch {
	case !ok && c.Other != "":
		return "the stamp of " + clean(c.Other)
	case !ok:
		return "no stamp"
	case c.Err != nil:
		return "a stamp that contradicts itself"
	case x.Revisions == nil:
		return revisionsText(stamp.Revisions)
	case resource.Hash(stamp.Revisions) == resource.Hash(x.Revisions):
		return "what is wanted"
	}
	return differing(stamp.Revisions, x.Revisions)
}

func (x Explained) carriesColor(c resource.Copy) color {
	if x.Revisions == nil || x.carries(c) == "what is wanted" {
		return ""
	}
	return yellow
}

// attempts tells each in a line, and below it what went wrong and where the output is.
func (x Explained) attempts(s Style) []string {
	if x.JournalErr != nil {
		return fill("  ", "    ", "not known: "+x.JournalErr.Error())
	}
	var texts []string
	for _, a := range x.Attempts {
		text := fmt.Sprintf("  %s  %s  %s %s", a.Begin.UTC().Format("2006-01-02 15:04:05Z"), clean(a.Action), s.paint(outcomeColors[apply.Outcome(a.Result)], resultOf(a)), attemptTook(a))
		texts = append(texts, text+" by "+clean(a.Owner.User))
		if moved := moves(a); moved != "-" {
			texts = append(texts, fill("    ", "    ", moved)...)
		}
		if note := attemptNote(a); note != "" {
			texts = append(texts, fill("    ", "    ", note)...)
		}
		if a.Log != "" {
			texts = append(texts, "    log "+clean(a.Log))
		}
	}
	return texts
}

// failures counts what has failed since the service last succeeded.
func (x Explained) failures() []string {
	var texts []string
	if n := x.Failed.Count; n > 0 {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("%s with just these revisions since it last succeeded", plural(n, "failure")))...)
	}
	if n := x.Past.Host.Count; n > 0 {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("%s that this host is to blame for: %s", plural(n, "failure"), x.Past.Host.Last.Error))...)
	}
	if b := x.Breaker; b != nil {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("Deploys fail on this host since %s, %s in a row: %s", Minute(b.Opened), plural(b.Failures, "run"), b.Error))...)
	}
	return texts
}

func (x Explained) holds() []string {
	var texts []string
	if h := x.Past.Hold; h != nil {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("held since %s until %s by %s: %s", Minute(h.Begin), Minute(h.Until), h.User, h.Reason))...)
	}
	for _, f := range x.Freezes {
		texts = append(texts, fill("  ", "    ", "frozen "+f.String())...)
	}
	if c := x.Coming; c != nil {
		texts = append(texts, fill("  ", "    ", fmt.Sprintf("the next freeze begins %s, by %s: %s: %s", Minute(c.Begin), c.Owner, c.Freeze, c.Reason))...)
	}
	return texts
}

func (x Explained) next() []string {
	text := x.Next.Reason
	if !x.Next.Until.IsZero() {
		text = Minute(x.Next.Until) + ": " + text
	}
	return fill("  ", "    ", text)
}

// remedies tells what would change the verdict: what is to be mended in files, and then the rest.
func (x Explained) remedies() []string {
	var texts []string
	for _, r := range x.allRemedies() {
		texts = append(texts, fill("  - ", "    ", r.Text)...)
		if r.Command != "" {
			texts = append(texts, "      "+clean(r.Command))
		}
	}
	return texts
}

func (x Explained) allRemedies() []plan.Remedy {
	var found []plan.Remedy
	for _, diag := range x.faults() {
		if diag.Subject != nil {
			found = append(found, plan.Remedy{Text: "mending " + placeText(diag) + ": " + diag.Summary})
		}
	}
	return append(found, x.Remedies...)
}

// firstLine returns the first line of the text of an error.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
