package view

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
)

// manner is how much is told of each service below the table, and how.
type manner struct {
	Style
	layout        // of the table: what had no room in it is told below
	depth         //
	apart  bool   // no line begins with a text from outside
	faults Faults // of services with an error; nil if that is told elsewhere
}

// whole tells all that there is room for on a terminal, below a table of that layout.
func whole(s Style, l layout) manner { return manner{Style: s, layout: l, depth: depths[0]} }

// block is what is told of one service.
type block struct {
	plan.Decision
	service string
	title   string // why something is to be done about it
	lines   []string
}

// blocks returns a block for each of the services that the table does not tell all about.
func (m manner) blocks(shown []plan.Decision) []block {
	var found []block
	for _, d := range shown {
		if b := m.block(d); b.title != "" {
			found = append(found, b)
		}
	}
	return found
}

// block tells each change of a service: between which revisions, and what they say. Of a service that is new the table says it all, if there
// was room; then the block has no title.
func (m manner) block(d plan.Decision) block {
	b := block{Decision: d, service: clean(d.Service)}
	if d.Err != nil && m.faults != nil {
		b.title, b.lines = string(d.Verdict), m.faultLines(m.faults(d.Service, d.Err))
		return b
	}
	firstDeploy, cutOff := slices.Contains(d.Reasons, plan.NeverRecorded), columns(note(d)) > m.note
	if firstDeploy && columns(branches(d)) <= m.change && !cutOff {
		return b
	}
	var reasons []string
	for _, reason := range d.Reasons {
		reasons = append(reasons, string(reason))
	}
	b.title = strings.Join(reasons, ", ")
	if text := remark(d); cutOff && text != "" {
		b.lines = m.wrapped("  ", text)
	}
	if d.Scales() {
		b.lines = append(b.lines, m.sizeLines(d)...)
		return b
	}
	if len(d.Behind) > 0 && len(d.Behind) < d.Copies {
		b.lines = append(b.lines, "  servers behind: "+enumerate(cleanAll(d.Behind), maxServers))
	}
	if firstDeploy {
		b.lines = append(b.lines, m.wrapped("  "+m.begin(), branches(d))...)
		return b
	}
	for _, c := range d.Changes {
		b.lines = append(b.lines, m.changeLines(c)...)
	}
	return b
}

// begin is what stands before a text from outside at the beginning of a line.
func (m manner) begin() string {
	if m.apart {
		return "- "
	}
	return ""
}

// wrapWidth is how wide a text is at most that goes over several lines.
const wrapWidth = 72

// wrapped breaks a text into lines.
func (m manner) wrapped(indent, text string) []string {
	width := wrapWidth
	if m.Width > 0 {
		width = min(width, m.Width)
	}
	following := indent[:len(indent)-len(strings.TrimLeft(indent, " "))] + "  "
	if m.apart {
		following += "... "
	}
	var texts []string
	for _, line := range wrap(text, max(width-len(following), 1)) {
		texts = append(texts, indent+line)
		indent = following
	}
	return texts
}

// remark says in full what the note in the table may have had no room for, but for the reasons: such as "held until ..." or "waiting: next try ...".
func remark(d plan.Decision) string {
	switch {
	case !d.Verdict.Held():
		return strings.Join(circumstances(d), "; ")
	case d.Held.By != "":
		return string(d.Verdict) + " " + clean(d.Held.String())
	}
	return string(d.Verdict) + ": " + clean(d.Held.String())
}

// faultLines tells what is wrong, and where.
func (m manner) faultLines(diags hcl.Diagnostics) []string {
	var texts []string
	for _, diag := range diags {
		text := clean(diag.Summary)
		if diag.Subject != nil {
			text += fmt.Sprintf(", %s line %d", clean(filepath.Base(diag.Subject.Filename)), diag.Subject.Start.Line)
		}
		texts = append(texts, m.wrapped("  "+m.begin(), text+": "+clean(diag.Detail))...)
	}
	return texts
}
