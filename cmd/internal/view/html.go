package view

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// How much a page has room for; the rest is counted.
const (
	maxPageCommits = 50 // of a branch, the newest
	pageChange     = 60 // columns of the branches that moved
)

// HTML writes the plan as one page that needs nothing beside itself: no network, no script.
func HTML(w io.Writer, page Page) error {
	style, err := pages.ReadFile("page.css")
	if err != nil {
		return err
	}
	drawn, err := pages.ReadFile("drawing.css")
	if err != nil {
		return err
	}
	s := newSheet(page)
	s.Style = template.CSS(toneStyle() + string(style) + string(drawn)) // ours alone
	return templates.ExecuteTemplate(w, "page.tmpl", s)
}

// sheet is a plan as a page tells it. All its texts are clean.
type sheet struct {
	Title    string
	Style    template.CSS
	Made     string
	Host     string
	Print    string // the fingerprint, as people write it
	Whole    string // the fingerprint
	Does     []string
	Leaves   []string
	With     []string // branches that the plan takes for landed
	Invite   string   // what the command to apply is for
	Apply    string   // commands; empty to name none
	Check    string
	Usual    bool // of some service it is known how long it takes
	Groups   []sheetGroup
	Same     []string
	Warnings []string
	Picture  *picture // nil if there is nothing to draw
	LeftOut  int      // services that are not drawn
	Services []sheetService
}

// sheetGroup are rows of the table that belong together.
type sheetGroup struct {
	Title string
	Rows  []sheetRow
}

type sheetRow struct {
	Service, Mark, Verdict, Tone                  string
	Change, Commits, Servers, Usual, Wave, Remark string
}

// sheetService is what is told of one service below the table.
type sheetService struct {
	Name, Mark, Verdict, Tone string
	Facts                     []sheetFact
	Faults                    []sheetFault
	Changes                   []sheetBranch
	Fallbacks                 []sheetFallback
}

type sheetFact struct{ Name, Text string }

type sheetFault struct{ Summary, Place, Detail string }

type sheetFallback struct{ Resource, Location, Reason string }

// sheetBranch is how one branch moved.
type sheetBranch struct {
	Label, From, To, FromID, ToID, Location string
	Notes                                   []string
	Lost, Came                              sheetCommits
	Files                                   string
	Keys                                    []sheetKey
}

type sheetCommits struct {
	Title string
	Rows  []sheetCommit
	More  int
}

type sheetCommit struct {
	Revno, ID, Author, Date, At, Subject, Merged string
	Bugs                                         []sheetBug
}

type sheetBug struct{ Text, Link string } // the link is empty but for bugs on Launchpad

type sheetKey struct{ Section, Key, Change, From, To string }

func newSheet(page Page) sheet {
	p := page.Plan
	does, leaves := outlook(p)
	s := sheet{Host: clean(page.Host), Print: ShortFingerprint(p.Fingerprint), Whole: p.Fingerprint, Does: does, Leaves: leaves, With: asIfLanded(p, 0)}
	s.Title = strings.Join(headline(p, Style{})[:1], "")
	if !page.Made.IsZero() {
		s.Made = page.Made.UTC().Format("2006-01-02 15:04 UTC")
	}
	s.Apply, s.Invite = clean(page.Apply), "Apply exactly this"
	if len(tally(p.Counts(), acting)) == 0 {
		s.Invite = "A person can apply it"
	}
	if page.Apply != "" && p.Fingerprint != "" {
		s.Check = "cdplan check " + s.Print
	}
	for _, d := range notable(p) {
		s.Usual = s.Usual || d.Usual.Median > 0
		s.add(groupOf(d), rowOf(d))
		s.Services = append(s.Services, serviceOf(d, page))
	}
	for _, d := range p.Decisions {
		if d.Verdict == plan.Same {
			s.Same = append(s.Same, clean(d.Service))
		}
	}
	slices.Sort(s.Same)
	s.Warnings = warnings(p)
	s.draw(p)
	return s
}

func (s *sheet) add(title string, r sheetRow) {
	if last := len(s.Groups) - 1; last < 0 || s.Groups[last].Title != title {
		s.Groups = append(s.Groups, sheetGroup{Title: title})
	}
	last := &s.Groups[len(s.Groups)-1]
	last.Rows = append(last.Rows, r)
}

func groupOf(d plan.Decision) string {
	switch {
	case d.Verdict.Acts():
		return fmt.Sprintf("Wave %d", d.Wave)
	case d.Verdict.Held():
		return "Left for later"
	}
	return "In trouble"
}

func rowOf(d plan.Decision) sheetRow {
	return sheetRow{Service: clean(d.Service), Mark: marks[d.Verdict], Verdict: string(d.Verdict), Tone: toneOf(d.Verdict).name, Change: strings.ReplaceAll(changeWithin(d, pageChange), "->", "→"), Commits: commits(d),
		Servers: serverCount(d), Usual: usual(d), Wave: wave(d), Remark: note(d)}
}

// draw draws the services, but for those that are the same and have nothing to do with any that is not.
func (s *sheet) draw(p *plan.Plan) {
	drawn := related(newDrawing(p))
	if len(drawn.services) == 0 {
		return
	}
	picture := drawn.picture("Which service comes after which")
	for i, service := range drawn.services {
		picture.Boxes[i].Linked = service.Verdict != plan.Same
	}
	s.Picture, s.LeftOut = &picture, len(p.Decisions)-len(drawn.services)
}

// related returns the parts of a drawing that have a service in them that is not the same.
func related(d drawing) drawing {
	var kept plan.Plan
	for _, members := range d.parts() {
		if slices.ContainsFunc(members, func(i int) bool { return d.services[i].Verdict != plan.Same }) {
			for _, i := range members {
				kept.Decisions = append(kept.Decisions, d.services[i])
			}
		}
	}
	return newDrawing(&kept)
}

func serviceOf(d plan.Decision, page Page) sheetService {
	s := sheetService{Name: clean(d.Service), Mark: marks[d.Verdict], Verdict: string(d.Verdict), Tone: toneOf(d.Verdict).name, Facts: factsOf(d)}
	for _, diag := range page.faults(d.Service, d.Err) {
		f := sheetFault{Summary: clean(diag.Summary), Detail: clean(diag.Detail)}
		if diag.Subject != nil {
			f.Place = fmt.Sprintf("%s, line %d", clean(diag.Subject.Filename), diag.Subject.Start.Line)
		}
		s.Faults = append(s.Faults, f)
	}
	for _, c := range d.Changes {
		s.Changes = append(s.Changes, branchOf(c))
	}
	for _, f := range d.Fallbacks {
		s.Fallbacks = append(s.Fallbacks, sheetFallback{clean(f.Addr.String()), clean(f.Location), clean(f.Reason)})
	}
	return s
}

func factsOf(d plan.Decision) []sheetFact {
	var reasons []string
	for _, reason := range d.Reasons {
		reasons = append(reasons, string(reason))
	}
	var found []sheetFact
	tell := func(name, text string) {
		if text != "" {
			found = append(found, sheetFact{name, clean(text)})
		}
	}
	tell("why", strings.Join(reasons, ", "))
	tell(string(d.Verdict), d.Held.String())
	if d.Wave > 0 {
		tell("wave", strconv.Itoa(d.Wave))
	}
	tell("waits for", strings.Join(d.WaitsFor, ", "))
	tell("comes after", strings.Join(d.Declared.After, ", "))
	tell("last attempt", d.Last)
	tell("usually takes", usualText(d))
	tell("servers", serversText(d))
	found = append(found, sizeFacts(d)...)
	if at := measuredText(d); at != "" {
		tell("measured", at)
	}
	return found
}

// measuredText tells when the load was measured that asks for another size.
func measuredText(d plan.Decision) string {
	if !d.Scales() || d.Size.Load.At.IsZero() {
		return ""
	}
	return d.Size.Load.At.UTC().Format("2006-01-02 15:04:05 UTC")
}

func usualText(d plan.Decision) string {
	median, p90 := spoken(d.Usual.Median), spoken(d.Usual.P90)
	switch {
	case d.Usual.Median <= 0:
		return ""
	case median == p90:
		return median
	}
	return fmt.Sprintf("%s (9 in 10 within %s)", median, p90)
}

func serversText(d plan.Decision) string {
	switch {
	case d.Err != nil:
		return ""
	case len(d.Behind) == 0 || len(d.Behind) == d.Copies:
		return strconv.Itoa(d.Copies)
	}
	return fmt.Sprintf("%d, behind: %s", d.Copies, enumerate(d.Behind, maxServers))
}

func branchOf(c plan.Change) sheetBranch {
	b := sheetBranch{Label: clean(c.Label), Location: clean(c.Location), FromID: clean(c.From.ID), ToID: clean(c.To.ID)}
	if c.From.ID != "" {
		b.From = revno(c.From)
	}
	if c.To.ID != "" {
		b.To = revno(c.To)
	}
	if c.KeysErr != nil {
		b.Notes = append(b.Notes, "The keys could not be compared: "+clean(c.KeysErr.Error()))
	}
	for _, key := range c.Keys {
		b.Keys = append(b.Keys, keyOf(key))
	}
	if c.History != nil {
		b.tell(*c.History, landing(c))
	}
	return b
}

func (b *sheetBranch) tell(h resource.History, landing []string) {
	for _, text := range landing {
		b.Notes = append(b.Notes, strings.TrimSpace(text))
	}
	switch {
	case h.Rewritten:
		b.Notes = append(b.Notes, "History rewritten: the deployed revision does not lead to this one.")
	case h.Back && len(h.Commits) == 0:
		b.Notes = append(b.Notes, "Back to a revision before the deployed one.")
	case h.Back:
		b.Notes = append(b.Notes, "Aside: the deployed revision is still in the branch, and does not lead to this one.")
	}
	if h.Err != nil {
		b.Notes = append(b.Notes, "The log could not be read: "+clean(h.Err.Error()))
	}
	b.Lost, b.Came = commitsOf("Lost", h.Lost, h.LostMore), commitsOf("Commits", h.Commits, h.More)
	if h.Files != nil {
		b.Files = filesText(*h.Files)
	}
}

func commitsOf(title string, commits []resource.Commit, more int) sheetCommits {
	shown := commits[:min(len(commits), maxPageCommits)]
	t := sheetCommits{Title: title, More: more + len(commits) - len(shown)}
	for _, c := range shown {
		r := sheetCommit{Revno: revno(c.Revision), ID: clean(c.ID), Author: clean(c.Author), Subject: cut(clean(c.Subject), maxValue)}
		if r.Author == "" && r.Subject == "" { // it is no longer stored
			r.Subject = r.ID
		}
		if !c.Date.IsZero() {
			r.Date, r.At = c.Date.UTC().Format("2006-01-02"), c.Date.UTC().Format(time.RFC3339)
		}
		if c.Merged != nil {
			r.Merged = mergedText(*c.Merged)
		}
		for _, address := range c.Bugs {
			r.Bugs = append(r.Bugs, bugOf(address))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// bugOf makes a link of a bug that is on Launchpad, and of no other: anybody may have written the address.
func bugOf(address string) sheetBug {
	b := sheetBug{Text: bugText(address)}
	if strings.HasPrefix(address, "https://") && launchpadBug.MatchString(address) {
		b.Link = address
	}
	return b
}

func keyOf(c plan.KeyChange) sheetKey {
	k := sheetKey{Section: clean(c.Section), Key: clean(c.Key), Change: string(c.Kind), From: valueText(c.From), To: valueText(c.To)}
	if !c.Public {
		k.From, k.To = maskText(c.FromMask), maskText(c.ToMask)
	}
	switch c.Kind {
	case plan.KeyAdded:
		k.From = ""
	case plan.KeyRemoved:
		k.To = ""
	}
	return k
}
