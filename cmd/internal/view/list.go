package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Listed is what runs of one service.
type Listed struct {
	Service   string
	Locations map[string]string // of the branches that it declares, by label, without pin and password
	Copies    []resource.Copy
	Drifts    []plan.Drift // in the order of the copies
	Err       error        // why the servers are not known
	OfBranch  bool         // the copies are those alone that carry a branch which is asked for
}

// List writes a line for each service: what most of its servers carry, and what is the matter with the others.
func List(w io.Writer, services []Listed, s Style) error {
	t := newTable("service", "servers", "deployed", "branches", "note")
	for _, service := range services {
		count, deployed, branches := "-", "-", "-"
		if len(service.Copies) > 0 {
			count = fmt.Sprint(len(service.Copies))
		}
		if sets := plan.CarriedBy(service.Copies); len(sets) > 0 {
			deployed, branches = clean(sets[0].Stamp.At), revisionsText(sets[0].Stamp.Revisions)
		}
		t.AppendRow(table.Row{clean(service.Service), count, deployed, branches, s.paint(yellow, service.note())})
	}
	return lines(w, t.Render())
}

// note says what is the matter with the servers; empty if all carry the same.
func (l Listed) note() string {
	if len(l.Copies) == 0 {
		return noServers(l)
	}
	count := map[string]int{}
	for _, drift := range l.Drifts {
		switch drift.Kind {
		case plan.DriftUnstamped, plan.DriftNeverRecorded:
			count["without a stamp"]++
		case plan.DriftHashMismatch:
			count["with a stamp that contradicts itself"]++
		case plan.DriftOtherService:
			count["with the stamp of "+clean(drift.Copy.Other)]++
		}
	}
	var notes []string
	for _, what := range slices.Sorted(maps.Keys(count)) {
		notes = append(notes, fmt.Sprintf("%d of %d %s", count[what], len(l.Copies), what))
	}
	if mixed := mixedText(plan.CarriedBy(l.Copies)); mixed != "" {
		notes = append(notes, "mixed: "+mixed)
	}
	return strings.Join(notes, "; ")
}

// mixedText tells, of each branch that not all servers have at the same revision, how many have which: "app r3 (3), r2 (1)".
func mixedText(sets []plan.Carried) string {
	labels := map[string]bool{}
	for _, set := range sets {
		for label, revision := range set.Stamp.Revisions {
			if slices.ContainsFunc(sets, func(other plan.Carried) bool { return other.Stamp.Revisions[label].ID != revision.ID }) {
				labels[label] = true
			}
		}
	}
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		var counts []string
		for _, run := range runsOf(label, sets) {
			counts = append(counts, fmt.Sprintf("%s (%d)", revnoOrNone(run.revision), len(run.copies)))
		}
		texts = append(texts, clean(label)+" "+strings.Join(counts, ", "))
	}
	return strings.Join(texts, "; ")
}

// run is a revision of a branch with the servers that carry it.
type run struct {
	revision resource.Revision // zero: they do not carry the branch
	at       string            // when the newest of their stamps was made
	copies   []resource.Copy
}

// runsOf returns which revisions of a branch the servers carry: first what most of them do.
func runsOf(label string, sets []plan.Carried) []run {
	var runs []run
	for _, set := range sets {
		revision := set.Stamp.Revisions[label]
		i := slices.IndexFunc(runs, func(r run) bool { return r.revision.ID == revision.ID })
		if i < 0 {
			i, runs = len(runs), append(runs, run{revision: revision})
		}
		runs[i].at = max(runs[i].at, set.Stamp.At)
		runs[i].copies = append(runs[i].copies, set.Copies...)
	}
	slices.SortStableFunc(runs, func(a, b run) int { return cmp.Compare(len(b.copies), len(a.copies)) })
	return runs
}

func revnoOrNone(r resource.Revision) string {
	if r.ID == "" {
		return "none"
	}
	return revno(r)
}

// ListServers writes a line for each server of each service: which revision of which branch it carries. The region is told where there are several.
func ListServers(w io.Writer, services []Listed, s Style) error {
	regions := regionsOf(services)
	header := table.Row{"service", "server", "status", "deployed", "branches"}
	if regions {
		header = slices.Insert(header, 2, any("region"))
	}
	t := newTable(header...)
	for _, service := range services {
		for _, c := range service.Copies {
			deployed, branches := stampText(c)
			row := table.Row{clean(service.Service), clean(c.Name), clean(c.Status), deployed, branches}
			if regions {
				row = slices.Insert(row, 2, any(clean(c.Region)))
			}
			t.AppendRow(row)
		}
		if len(service.Copies) == 0 {
			row := table.Row{clean(service.Service), "-", "-", "-", s.paint(faint, noServers(service))}
			if regions {
				row = slices.Insert(row, 2, any("-"))
			}
			t.AppendRow(row)
		}
	}
	return lines(w, t.Render())
}

// regionsOf says whether there are servers in several regions.
func regionsOf(services []Listed) bool {
	first := ""
	for _, service := range services {
		for _, c := range service.Copies {
			if first != "" && c.Region != first {
				return true
			}
			first = c.Region
		}
	}
	return false
}

// ListBranch writes a line for each revision of a branch that servers carry, for each service and label that is meant.
func ListBranch(w io.Writer, services []Listed, means func(service, label string) bool, s Style) error {
	t := newTable("service", "branch", "revision", "servers", "deployed", "names")
	for _, service := range services {
		for _, label := range service.labels() {
			if means(service.Service, label) {
				appendRuns(t, service, label, s)
			}
		}
	}
	return lines(w, t.Render())
}

func appendRuns(t table.Writer, service Listed, label string, s Style) {
	found := false
	for _, run := range runsOf(label, plan.CarriedBy(service.Copies)) {
		if run.revision.ID == "" {
			continue
		}
		var names []string
		for _, c := range run.copies {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		found = true
		t.AppendRow(table.Row{clean(service.Service), clean(label), revno(run.revision), len(names), clean(run.at), clean(listed(names))})
	}
	if !found {
		note := "on no server"
		switch {
		case service.Err != nil:
			note = noServers(service)
		case slices.Contains(carriedLabels(service.Copies), label):
			note = "only by a stamp that contradicts itself"
		}
		t.AppendRow(table.Row{clean(service.Service), clean(label), "-", "-", "-", s.paint(faint, note)})
	}
}

// labels returns those of the branches that the service declares, and of those that its servers carry, sorted.
func (l Listed) labels() []string {
	all := map[string]bool{}
	for label := range l.Locations {
		all[label] = true
	}
	for _, label := range carriedLabels(l.Copies) {
		all[label] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// carriedLabels returns the labels that the stamps name, in any order, some of them several times.
func carriedLabels(copies []resource.Copy) []string {
	var labels []string
	for _, c := range copies {
		stamp, _ := c.Stamp()
		labels = slices.AppendSeq(labels, maps.Keys(stamp.Revisions))
	}
	return labels
}

// Undeclared returns the labels of the branches that servers carry and the service does not declare, sorted.
func (l Listed) Undeclared() []string {
	return slices.DeleteFunc(l.labels(), func(label string) bool {
		_, declared := l.Locations[label]
		return declared
	})
}

func noServers(l Listed) string {
	switch {
	case l.Err != nil:
		return "not known, see the error"
	case l.OfBranch:
		return "on no server"
	}
	return "no servers"
}

// stampText returns when the stamp was made and what it says.
func stampText(c resource.Copy) (deployed, branches string) {
	stamp, ok := c.Stamp()
	switch {
	case !ok && c.Other != "":
		return "-", "stamp of " + clean(c.Other)
	case !ok:
		return "-", "no stamp"
	}
	text := revisionsText(stamp.Revisions)
	if c.Err != nil {
		text += fmt.Sprintf(" (hash-mismatch: %s)", clean(c.Err.Error()))
	}
	return clean(stamp.At), text
}

// revisionsText names the branches with their revnos: "app r3, config r1".
func revisionsText(revisions map[string]resource.Revision) string {
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(revisions)) {
		texts = append(texts, clean(label)+" "+revno(revisions[label]))
	}
	return strings.Join(texts, ", ")
}
