package view

import (
	"io"
	"slices"
	"strconv"
	"strings"

	nested "github.com/jedib0t/go-pretty/v6/list"

	"launchpad.net/cdplan/plan"
)

// drawing is a plan as a graph: its services, and what goes before what.
type drawing struct {
	services []plan.Decision // in the order of the plan
	links    []link          // by the later service, then by the earlier one
}

// link leads from a service to one that comes later. Both are indices of services.
type link struct {
	from, to int
	kind     linkKind
}

// linkKind says what a link tells of the later service.
type linkKind string

const (
	after   linkKind = "after"   // it names the earlier one in "after", and does not wait for it now
	waits   linkKind = "waits"   // it names the earlier one, and waits for it
	through linkKind = "through" // it waits for the earlier one, with services between them that are the same
)

// newDrawing draws the services of the plan. A service that is not in the plan is left out, with what leads to it.
func newDrawing(p *plan.Plan) drawing {
	d := drawing{services: p.Decisions}
	index := make(map[string]int, len(p.Decisions))
	for i, decision := range p.Decisions {
		index[decision.Service] = i
	}
	for to, decision := range p.Decisions {
		var links []link
		for _, name := range decision.Declared.After {
			if from, ok := index[name]; ok {
				links = append(links, link{from, to, after})
			}
		}
		for _, name := range decision.WaitsFor {
			if from, ok := index[name]; ok {
				links = waiting(links, from, to)
			}
		}
		slices.SortFunc(links, func(a, b link) int { return a.from - b.from })
		d.links = append(d.links, slices.Compact(links)...)
	}
	return d
}

// waiting notes among the links to a service that it waits for an earlier one.
func waiting(links []link, from, to int) []link {
	named := false
	for i := range links {
		if links[i].from == from {
			links[i].kind, named = waits, true
		}
	}
	if named {
		return links
	}
	return append(links, link{from, to, through})
}

// Graph writes the plan as a tree for a terminal: below each service those that come after it. One that comes after several stands below the first
// of them, and is only named below the others.
func Graph(w io.Writer, page Page, s Style) error {
	t := tree{drawing: newDrawing(page.Plan), style: s, done: map[int]bool{}}
	if err := lines(w, slices.Concat(headline(page.Plan, s), asIfLanded(page.Plan, s.Width), []string{""})...); err != nil {
		return err
	}
	for _, root := range t.roots() {
		if t.done[root] {
			continue
		}
		t.list = nested.NewWriter()
		t.list.SetStyle(twigs)
		t.add(root)
		if err := lines(w, t.list.Render()); err != nil {
			return err
		}
	}
	return nil
}

type tree struct {
	drawing
	style Style
	list  nested.Writer
	done  map[int]bool // services that have been added
}

// twigs draws the branches of a tree, three columns for each level.
var twigs = nested.Style{CharItemFirst: "|-", CharItemMiddle: "|-", CharItemBottom: "`-", CharItemVertical: "|  ", CharNewline: "\n"}

// roots returns the services that come after none, and then all others, since those that come after one another hang on no root.
func (t *tree) roots() []int {
	var first, rest []int
	for i := range t.services {
		if slices.ContainsFunc(t.links, func(l link) bool { return l.to == i && l.kind != through }) {
			rest = append(rest, i)
		} else {
			first = append(first, i)
		}
	}
	return append(first, rest...)
}

func (t *tree) add(service int) {
	d := t.services[service]
	if t.done[service] {
		t.list.AppendItem(clean(d.Service) + " (above)")
		return
	}
	t.done[service] = true
	t.list.AppendItem(t.line(d))
	t.list.Indent()
	for _, l := range t.links {
		if l.from == service && l.kind != through {
			t.add(l.to)
		}
	}
	t.list.UnIndent()
}

func (t *tree) line(d plan.Decision) string {
	texts := []string{clean(d.Service), t.style.paint(colors[d.Verdict], strings.TrimSpace(marks[d.Verdict]+" "+string(d.Verdict)))}
	if d.Scales() {
		texts = append(texts, change(d))
	}
	if d.Wave > 0 {
		texts = append(texts, "wave "+strconv.Itoa(d.Wave))
	}
	if text := cut(note(d), noteCut); text != "" {
		texts = append(texts, text)
	}
	return strings.Join(texts, "  ")
}
