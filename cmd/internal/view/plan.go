package view

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Plan writes the plan for a terminal: how much is to be done, a line for each service that is not simply the same, and what moved.
func Plan(w io.Writer, page Page, s Style) error {
	p := page.Plan
	if err := lines(w, headline(p, s)...); err != nil {
		return err
	}
	shown := notable(p)
	if len(shown) == 0 {
		return nil
	}
	if err := lines(w, "", planTable(shown, s)); err != nil {
		return err
	}
	for _, decision := range shown {
		if err := lines(w, detail(decision, s)...); err != nil {
			return err
		}
	}
	return lines(w, hint(page)...)
}

// hint names the commands that come next, where there are any.
func hint(page Page) []string {
	p := page.Plan
	counts := p.Counts()
	var found []string
	switch {
	case page.Apply == "":
		return nil
	case len(tally(counts, acting)) > 0:
		found = []string{"Apply it:  " + page.Apply}
	case counts[plan.Unapproved] > 0:
		found = []string{"A person can apply it:  " + page.Apply}
	}
	if services := unrecorded(p); len(services) > maxNamed {
		found = append(found, "If the servers without any stamp run that already:  cdplan adopt -all")
	} else if len(services) > 0 {
		found = append(found, "If the servers without any stamp run that already:  cdplan adopt "+strings.Join(services, " "))
	}
	if found == nil {
		return nil
	}
	return append([]string{""}, found...)
}

// unrecorded returns the services that are left to a person because nothing tells what they run.
func unrecorded(p *plan.Plan) []string {
	var services []string
	for _, d := range p.Decisions {
		if d.Verdict == plan.Unapproved && slices.Contains(d.Reasons, plan.NeverRecorded) && d.Copies > 0 && len(d.Others) == 0 {
			services = append(services, d.Service)
		}
	}
	return services
}

// ShortFingerprint returns the form for people: the first twelve digits in groups of four.
func ShortFingerprint(fingerprint string) string {
	if len(fingerprint) < 12 {
		return fingerprint
	}
	return fingerprint[:4] + "-" + fingerprint[4:8] + "-" + fingerprint[8:12]
}

// acting and resting list the verdicts in the order in which they are counted.
var (
	acting  = []plan.Verdict{plan.New, plan.Redeploy, plan.Record}
	resting = []plan.Verdict{plan.Held, plan.Frozen, plan.Waiting, plan.Parked, plan.Unapproved, plan.Blocked, plan.Invalid, plan.Unknown, plan.Same}
)

func headline(p *plan.Plan, s Style) []string {
	counts := p.Counts()
	todo, rest := tally(counts, acting), tally(counts, resting)
	switch {
	case len(todo) > 0:
		first := fmt.Sprintf("Plan %s: %s.", ShortFingerprint(p.Fingerprint), strings.Join(todo, ", "))
		if len(rest) == 0 {
			return []string{s.paint(bold, first)}
		}
		return []string{s.paint(bold, first), strings.Join(rest, ", ") + "."}
	case counts[plan.Same] == len(p.Decisions):
		return []string{s.paint(bold, fmt.Sprintf("No changes: %s, all as their branches say.", plural(len(p.Decisions), "service")))}
	}
	return []string{s.paint(bold, fmt.Sprintf("Nothing to apply: %s.", strings.Join(rest, ", ")))}
}

func tally(counts map[plan.Verdict]int, verdicts []plan.Verdict) []string {
	var texts []string
	for _, verdict := range verdicts {
		if n := counts[verdict]; n > 0 {
			texts = append(texts, counted(n, verdict))
		}
	}
	return texts
}

func counted(n int, v plan.Verdict) string {
	if v == plan.Redeploy || v == plan.Record {
		return plural(n, string(v))
	}
	return fmt.Sprintf("%d %s", n, v)
}

// notable returns what is not the same, in the order of the plan: what apply does first, then what is held, then what is in trouble.
func notable(p *plan.Plan) []plan.Decision {
	var do, held, trouble []plan.Decision
	for _, decision := range p.Decisions {
		switch {
		case decision.Verdict.Acts():
			do = append(do, decision)
		case decision.Verdict.Held():
			held = append(held, decision)
		case decision.Verdict != plan.Same:
			trouble = append(trouble, decision)
		}
	}
	slices.SortStableFunc(do, func(a, b plan.Decision) int { return a.Wave - b.Wave })
	return slices.Concat(do, held, trouble)
}

var marks = map[plan.Verdict]string{plan.New: "+", plan.Redeploy: "~", plan.Record: "^", plan.Held: "=", plan.Frozen: "=", plan.Waiting: "!",
	plan.Parked: "!", plan.Unapproved: "=", plan.Blocked: "=", plan.Invalid: "!", plan.Unknown: "?"}

var colors = map[plan.Verdict]color{plan.New: green, plan.Redeploy: yellow, plan.Record: green, plan.Waiting: red, plan.Parked: red, plan.Invalid: red, plan.Unknown: red}

// How long a note may be, and the lines that tell below the table what had no room in it.
const (
	noteCut   = 60
	holdWidth = 68
)

func planTable(shown []plan.Decision, s Style) string {
	t := newTable("   service", "action", "change", "commits", "servers", "wave", "note")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "commits", Align: text.AlignRight, AlignHeader: text.AlignRight}, {Name: "servers", Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Name: "wave", Align: text.AlignRight, AlignHeader: text.AlignRight}})
	t.SetAllowedRowLength(s.Width)
	for _, d := range shown {
		wave := "-"
		if d.Wave > 0 {
			wave = strconv.Itoa(d.Wave)
		}
		t.AppendRow(table.Row{" " + s.paint(colors[d.Verdict], marks[d.Verdict]) + " " + clean(d.Service), s.paint(colors[d.Verdict], string(d.Verdict)),
			change(d), commits(d), serverCount(d), wave, cut(note(d), noteCut)})
	}
	return t.Render()
}

// changeWidth is how much of a line the branches may take; more of them are counted.
const changeWidth = 36

// change tells what moved in few words: each branch with its revnos, or how many branches.
func change(d plan.Decision) string {
	switch {
	case len(d.Changes) == 0 && len(d.Behind) > 0:
		return fmt.Sprintf("%d of %s", len(d.Behind), plural(d.Copies, "stamp"))
	case len(d.Changes) == 0:
		return "-"
	}
	if all := branches(d); len(all) <= changeWidth {
		return all
	}
	return fmt.Sprintf("%d branches", len(d.Changes))
}

func branches(d plan.Decision) string {
	var texts []string
	for _, c := range d.Changes {
		texts = append(texts, c.Label+" "+arrow(c))
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

func revno(r resource.Revision) string { return "r" + clean(r.Revno) }

// commits counts the revisions between deployed and wanted; "-" where nobody could say.
func commits(d plan.Decision) string {
	n, known := 0, false
	for _, c := range d.Changes {
		if h := c.History; h != nil && h.Err == nil {
			came := len(h.Commits) + h.More
			n, known = n+came, known || came > 0 || !h.Rewritten && !h.Back
		}
	}
	if !known {
		return "-"
	}
	return strconv.Itoa(n)
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
	return clean(strings.Join(texts, "; "))
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

// held says in full what holds a service back, such as "held until ..." or "waiting: next try ...".
func held(d plan.Decision) string {
	if d.Held.By != "" {
		return string(d.Verdict) + " " + clean(d.Held.String())
	}
	return string(d.Verdict) + ": " + clean(d.Held.String())
}

// detail tells each change of a service: between which revisions, and what they say. Of a service that is new the table says it all, if there
// was room.
func detail(d plan.Decision, s Style) []string {
	firstDeploy, cutOff := slices.Contains(d.Reasons, plan.NeverRecorded), d.Verdict.Held() && len(note(d)) > noteCut
	if len(d.Reasons) == 0 || firstDeploy && len(branches(d)) <= changeWidth && !cutOff {
		return nil
	}
	var reasons []string
	for _, reason := range d.Reasons {
		reasons = append(reasons, string(reason))
	}
	texts := []string{"", s.paint(bold, clean(d.Service)) + ": " + strings.Join(reasons, ", ")}
	if cutOff {
		for i, line := range strings.Split(text.WrapSoft(held(d), holdWidth), "\n") {
			texts = append(texts, strings.Repeat("  ", min(i, 1)+1)+strings.TrimRight(line, " "))
		}
	}
	if len(d.Behind) > 0 && len(d.Behind) < d.Copies {
		texts = append(texts, "  servers behind: "+clean(strings.Join(d.Behind, ", ")))
	}
	if firstDeploy {
		return append(texts, "  "+branches(d))
	}
	for _, c := range d.Changes {
		texts = append(texts, changeDetail(c, s)...)
	}
	return texts
}
