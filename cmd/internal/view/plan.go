package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
)

// Plan writes the plan for a terminal: how much is to be done, a line for each service that is not simply the same, and what moved.
func Plan(w io.Writer, page Page, s Style) error {
	p := page.Plan
	if err := lines(w, append(headline(p, s), asIfLanded(p, s.Width)...)...); err != nil {
		return err
	}
	shown := notable(p)
	l := fitted(shown, s.Width)
	if len(shown) > 0 {
		if err := lines(w, append([]string{""}, planTable(shown, l, s)...)...); err != nil {
			return err
		}
	}
	if told := whole(s, l).warningLines(p); told != nil {
		if err := lines(w, append([]string{""}, told...)...); err != nil {
			return err
		}
	}
	for _, told := range whole(s, l).blocks(shown) {
		if err := lines(w, told.text(s)...); err != nil {
			return err
		}
	}
	return lines(w, hint(page)...) // none where nothing is to be done
}

// text returns the block as a terminal shows it.
func (b block) text(s Style) []string {
	texts := []string{"", cut(s.paint(bold, b.service)+": "+b.title, s.Width)}
	for _, line := range b.lines {
		texts = append(texts, cut(line, s.Width))
	}
	return texts
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
		found = []string{"Apply exactly this:  " + page.Apply}
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

// applicable says whether there is something that apply does, if only for a person.
func applicable(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Decisions, func(d plan.Decision) bool { return d.Verdict.Acts() || d.Verdict == plan.Unapproved })
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
	acting  = []plan.Verdict{plan.New, plan.Redeploy, plan.Record, plan.Scale}
	resting = []plan.Verdict{plan.Held, plan.Frozen, plan.Waiting, plan.Parked, plan.Unapproved, plan.Blocked, plan.Invalid, plan.Unknown, plan.Same}
)

// headline says what the plan is for, in two lines at most where there is room for them.
func headline(p *plan.Plan, s Style) []string {
	does, leaves := outlook(p)
	var texts []string
	switch {
	case len(does) > 0:
		texts = list("Plan "+ShortFingerprint(p.Fingerprint)+": ", does, s.Width)
	case p.Counts()[plan.Same] == len(p.Decisions):
		return []string{s.paint(bold, "No changes: "+plural(len(p.Decisions), "service")+", all as their branches say.")}
	default:
		texts, leaves = list("Nothing to apply: ", leaves, s.Width), nil
	}
	for i, line := range texts {
		texts[i] = s.paint(bold, line)
	}
	return append(texts, list("", leaves, s.Width)...)
}

// list makes a sentence of the items, broken between them into lines of at most width columns; no line if there are none.
func list(begin string, items []string, width int) []string {
	var texts []string
	line := begin
	for i, item := range items {
		end := ","
		if i == len(items)-1 {
			end = "."
		}
		if width > 0 && columns(line+item+end) > width {
			texts, line = append(texts, strings.TrimRight(line, " ")), ""
		}
		line += item + end + " "
	}
	if len(items) == 0 {
		return nil
	}
	return append(texts, strings.TrimRight(line, " "))
}

// outlook tells how much apply does and how long that usually takes, and how much is left as it is.
func outlook(p *plan.Plan) (does, leaves []string) {
	counts := p.Counts()
	does, leaves = tally(counts, acting), tally(counts, resting)
	if usually := estimate(p); usually != "" {
		does = append(does, usually)
	}
	return does, leaves
}

// estimate says how long apply usually takes, as far as that is known.
func estimate(p *plan.Plan) string {
	usual, known := p.Usual()
	median, p90 := spoken(usual.Median), spoken(usual.P90)
	switch {
	case usual.Median <= 0:
		return ""
	case !known:
		return "at least " + median
	case median == p90:
		return "about " + median
	}
	return fmt.Sprintf("about %s (9 in 10 within %s)", median, p90)
}

// spoken tells a duration in a sentence, to the minute if it is as long as one.
func spoken(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
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
	if v == plan.Redeploy || v == plan.Record || v == plan.Scale {
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

var marks = map[plan.Verdict]string{plan.New: "+", plan.Redeploy: "~", plan.Record: "^", plan.Scale: "*", plan.Held: "=", plan.Frozen: "=", plan.Waiting: "!",
	plan.Parked: "!", plan.Unapproved: "=", plan.Blocked: "=", plan.Invalid: "!", plan.Unknown: "?"}

var colors = map[plan.Verdict]color{plan.New: green, plan.Redeploy: yellow, plan.Record: green, plan.Scale: yellow, plan.Waiting: red, plan.Parked: red, plan.Invalid: red, plan.Unknown: red}
