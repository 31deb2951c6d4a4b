package view

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// planColumns are the columns of the table of a plan.
var planColumns = []struct {
	name   string
	number bool
	cell   func(plan.Decision, layout) string
}{
	{"service", false, func(d plan.Decision, l layout) string { return cutMiddle(clean(d.Service), l.service) }},
	{"action", false, func(d plan.Decision, _ layout) string { return string(d.Verdict) }},
	{"change", false, func(d plan.Decision, l layout) string { return changeWithin(d, l.change) }},
	{"commits", true, func(d plan.Decision, _ layout) string { return commits(d) }},
	{"servers", true, func(d plan.Decision, _ layout) string { return serverCount(d) }},
	{"usual", true, func(d plan.Decision, _ layout) string { return usual(d) }},
	{"wave", true, func(d plan.Decision, _ layout) string { return wave(d) }},
	{"note", false, func(d plan.Decision, l layout) string { return cut(note(d), l.note) }},
}

// layout is how much room the table of a plan has.
type layout struct {
	service, change, note int      // columns; a service has no limit if it is 0
	without               []string // columns of the table that have no room at all
}

// layouts give way step by step: the longest names first, then what the lines below the table tell again, then all other names.
var layouts = []layout{
	{change: changeWidth},
	{service: 40, change: changeWidth},
	{service: 40, change: 20},
	{service: 32, change: 20},
	{service: 32, change: 20, without: []string{"commits"}},
	{service: 24, change: 20, without: []string{"commits"}},
	{service: 24, change: 20, without: []string{"commits", "wave"}},
	{service: 24, change: 20, without: []string{"commits", "wave", "servers"}},
	{service: 20, change: 16, without: []string{"commits", "wave", "servers"}},
}

// How many columns a note takes at most, and how few it can do with.
const (
	noteCut   = 60
	noteLeast = 18
)

// fitted returns the roomiest layout in which the table is not wider than that. In the last one a note takes what there is.
func fitted(shown []plan.Decision, width int) layout {
	longest, l := 0, layouts[0]
	l.note = noteCut
	for _, d := range shown {
		longest = max(longest, columns(note(d)))
	}
	if width <= 0 {
		return l
	}
	for _, l = range layouts {
		room := width - l.taken(shown)
		l.note = min(noteCut, max(room, 1))
		if room >= min(longest, noteLeast) {
			break
		}
	}
	return l
}

// taken returns how many columns of the terminal all but the notes take.
func (l layout) taken(shown []plan.Decision) int {
	total := len(indentOfMarks)
	for _, i := range l.columns(shown) {
		if planColumns[i].name == "note" {
			continue
		}
		widest := len(planColumns[i].name)
		for _, d := range shown {
			widest = max(widest, columns(planColumns[i].cell(d, l)))
		}
		total += widest + len("  ")
	}
	return total
}

// columns returns the places of the columns that the table has: how long things take is left out where nobody knows of any.
func (l layout) columns(shown []plan.Decision) []int {
	var found []int
	for i, column := range planColumns {
		nobodyKnows := column.name == "usual" && !slices.ContainsFunc(shown, func(d plan.Decision) bool { return d.Usual.Median > 0 })
		if !nobodyKnows && !slices.Contains(l.without, column.name) {
			found = append(found, i)
		}
	}
	return found
}

// indentOfMarks is what stands over the marks in the head of the table.
const indentOfMarks = "   "

func planTable(shown []plan.Decision, l layout, s Style) []string {
	var header table.Row
	var configs []table.ColumnConfig
	for _, i := range l.columns(shown) {
		header = append(header, planColumns[i].name)
		if planColumns[i].number {
			configs = append(configs, table.ColumnConfig{Number: len(header), Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	header[0] = indentOfMarks + planColumns[0].name
	t := newTable(header...)
	t.SetColumnConfigs(configs)
	for _, d := range shown {
		var row table.Row
		for _, i := range l.columns(shown) {
			row = append(row, planColumns[i].cell(d, l))
		}
		row[0] = " " + s.paint(colors[d.Verdict], marks[d.Verdict]) + " " + row[0].(string)
		row[1] = s.paint(colors[d.Verdict], row[1].(string))
		t.AppendRow(row)
	}
	var texts []string
	for line := range strings.SplitSeq(t.Render(), "\n") {
		texts = append(texts, cut(line, s.Width))
	}
	return texts
}

// changeWidth is how much of a line the branches may take; more of them are counted.
const changeWidth = 36

// change tells what moved in few words: each branch with its revnos, or how many branches.
func change(d plan.Decision) string { return changeWithin(d, changeWidth) }

func changeWithin(d plan.Decision, width int) string {
	switch {
	case d.Scales():
		return sizeChange(d.Size.Units, d.Size.To)
	case len(d.Changes) == 0 && len(d.Behind) > 0:
		return fmt.Sprintf("%d of %s", len(d.Behind), plural(d.Copies, "stamp"))
	case len(d.Changes) == 0:
		return "-"
	}
	if all := branches(d); columns(all) <= width {
		return all
	}
	if len(d.Changes) == 1 {
		return cut(arrow(d.Changes[0]), width)
	}
	return fmt.Sprintf("%d branches", len(d.Changes))
}

// branches tells each branch that moved, with its revnos.
func branches(d plan.Decision) string {
	var texts []string
	for _, c := range d.Changes {
		texts = append(texts, clean(c.Label)+" "+arrow(c))
	}
	return strings.Join(texts, ", ")
}

func arrow(c plan.Change) string {
	switch {
	case c.From.ID == "":
		return revno(c.To)
	case c.To.ID == "":
		return revno(c.From) + " -> gone"
	}
	return revno(c.From) + " -> " + revno(c.To)
}

// became tells what became of a branch, where there is more room than in a table.
func became(c plan.Change) string {
	switch {
	case c.From.ID == "":
		return "added at " + revno(c.To)
	case c.To.ID == "":
		return "removed, was at " + revno(c.From)
	}
	return arrow(c)
}

// revno tells a number as bzr gives them, such as "812" or "812.1.3"; a question mark stands for what is none.
func revno(r resource.Revision) string {
	if r.Revno == "" || strings.Trim(r.Revno, "0123456789.") != "" {
		return "r?"
	}
	return "r" + r.Revno
}

// commits counts the revisions between deployed and wanted; "-" where nobody could say.
func commits(d plan.Decision) string {
	if n, known := commitCount(d); known {
		return strconv.Itoa(n)
	}
	return "-"
}

func commitCount(d plan.Decision) (n int, known bool) {
	for _, c := range d.Changes {
		if h := c.History; h != nil && h.Err == nil {
			came := len(h.Commits) + h.More
			n, known = n+came, known || came > 0 || !h.Rewritten && !h.Back
		}
	}
	return n, known
}

func serverCount(d plan.Decision) string {
	if d.Verdict == plan.Invalid || d.Verdict == plan.Unknown {
		return "-"
	}
	return strconv.Itoa(d.Copies)
}

// noted are the reasons that the column of changes does not show.
var noted = []plan.Reason{plan.Mixed, plan.HashMismatch, plan.Unstamped, plan.NotRecorded, plan.LastAttemptFailed}

// note tells what the reader has to know beyond the change.
func note(d plan.Decision) string {
	var texts []string
	for _, reason := range d.Reasons {
		if slices.Contains(noted, reason) {
			texts = append(texts, string(reason))
		}
	}
	if slices.Contains(d.Reasons, plan.HistoryRewritten) && !d.Verdict.Held() {
		texts = append(texts, "history rewritten")
	}
	if d.Verdict == plan.Scale {
		texts = append(texts, sizeNote(d)...)
	}
	return strings.Join(append(texts, circumstances(d)...), "; ")
}

// circumstances are what a note tells beside reasons.
func circumstances(d plan.Decision) []string {
	var texts []string
	if len(d.WaitsFor) > 0 {
		texts = append(texts, "after "+strings.Join(d.WaitsFor, ", "))
	}
	if d.Last != "" && d.Verdict.Acts() && !slices.Contains(d.Reasons, plan.LastAttemptFailed) {
		texts = append(texts, "last attempt "+d.Last)
	}
	if held := d.Held.String(); held != "" {
		texts = append(texts, held)
	}
	if d.Err != nil {
		texts = append(texts, kindOf(d.Err))
	}
	return cleanAll(texts)
}

// kindOf says in a few words what kind of error it is; what it says in full is printed elsewhere.
func kindOf(err error) string {
	var diags hcl.Diagnostics
	var attr *resource.AttrError
	switch {
	case errors.As(err, &diags) && len(diags) > 0:
		return diags[0].Summary
	case errors.As(err, &attr):
		return attr.Summary
	}
	return "cannot be read"
}

func usual(d plan.Decision) string {
	if d.Usual.Median <= 0 {
		return "-"
	}
	return roughly(d.Usual.Median)
}

func wave(d plan.Decision) string {
	if d.Wave <= 0 {
		return "-"
	}
	return strconv.Itoa(d.Wave)
}
