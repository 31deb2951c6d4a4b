package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Drift is which servers do not carry what they should.
type Drift struct {
	Services   int // that were judged
	Servers    int // of those, and those that no service claims and that carry a stamp
	Drifts     []plan.Drift
	Running    []string // services that are being deployed, which were not judged
	Unread     []Unread
	JournalErr error // why it is not known what this host deployed last
}

// Unread is a service whose servers are not known, or with the service "" a place that could not be searched.
type Unread struct {
	Service string
	Err     error
}

// Complete says that everything could be read.
func (d Drift) Complete() bool { return len(d.Unread) == 0 && d.JournalErr == nil }

// driftLevels are how bad each kind is: critical if a server runs something else than its service, or than its siblings.
var driftLevels = map[plan.DriftKind]Level{plan.DriftOtherService: Critical, plan.DriftHashMismatch: Critical, plan.DriftMixed: Critical,
	plan.DriftNotAsRecorded: Warning, plan.DriftNeverRecorded: Warning, plan.DriftUnstamped: Warning, plan.DriftUnclaimed: Warning}

// Level returns Critical if there is drift of that level, else Unknown if something could not be read, else the worst of the drift.
func (d Drift) Level() Level {
	level := OK
	for _, drift := range d.Drifts {
		level = max(level, driftLevels[drift.Kind])
	}
	if level != Critical && !d.Complete() {
		return Unknown
	}
	return level
}

// summary says it all but for what could not be read, in one line. The services are named if that is wanted.
func (d Drift) summary(names bool) string {
	of := fmt.Sprintf("%s of %s", plural(d.Servers, "server"), plural(d.Services, "service"))
	switch {
	case len(d.Drifts) == 0 && d.Complete():
		return "no drift: " + of
	case len(d.Drifts) == 0:
		return "no drift seen: " + of
	}
	var counts []string
	for _, kind := range plan.DriftKinds {
		n, services := d.of(kind)
		if n == 0 {
			continue
		}
		text := fmt.Sprintf("%d %s", n, kind)
		if names {
			text += inBrackets(services)
		}
		counts = append(counts, text)
	}
	return fmt.Sprintf("%d of %s drifted: %s", len(d.Drifts), of, strings.Join(counts, ", "))
}

// of counts the servers that drifted in one way, and names their services, each once.
func (d Drift) of(kind plan.DriftKind) (n int, services []string) {
	for _, drift := range d.Drifts {
		if drift.Kind != kind {
			continue
		}
		n++
		if !slices.Contains(services, drift.Service) {
			services = append(services, drift.Service)
		}
	}
	return n, services
}

// gaps says what was not looked at.
func (d Drift) gaps() []string {
	var texts []string
	var unread []string
	for _, u := range d.Unread {
		if u.Service != "" {
			unread = append(unread, u.Service)
		}
	}
	if len(unread) > 0 {
		texts = append(texts, "cannot be read: "+listed(unread))
	} else if len(d.Unread) > 0 {
		texts = append(texts, "not all servers can be listed")
	}
	if d.JournalErr != nil {
		texts = append(texts, "the journal cannot be read")
	}
	if len(d.Running) > 0 {
		texts = append(texts, "being deployed, not judged: "+listed(d.Running))
	}
	return texts
}

// message says all of it in one line.
func (d Drift) message() string {
	return clean(strings.Join(append([]string{d.summary(true)}, d.gaps()...), "; "))
}

// DriftText writes what it comes to, what was not looked at, and a line for each server that drifted.
func DriftText(w io.Writer, d Drift, s Style) error {
	texts := []string{s.paint(statusColors[d.Level()], sentence(d.summary(false)))}
	for _, gap := range d.gaps() {
		texts = append(texts, sentence(clean(gap)))
	}
	return d.write(w, texts, s)
}

// DriftNagios writes the first two in one line, as monitoring wants it, and the same below.
func DriftNagios(w io.Writer, d Drift, s Style) error {
	line := fmt.Sprintf("cdplan %s: %s", d.Level(), d.message())
	return d.write(w, []string{s.paint(statusColors[d.Level()], line)}, s)
}

// write writes the texts, and a line for each server below them.
func (d Drift) write(w io.Writer, texts []string, s Style) error {
	if len(d.Drifts) > 0 {
		t := newTable("service", "server", "id", "kind", "carries", "instead of")
		for _, drift := range d.Drifts {
			t.AppendRow(table.Row{clean(drift.Service), clean(drift.Copy.Name), clean(drift.Copy.ID), s.paint(statusColors[driftLevels[drift.Kind]], string(drift.Kind)),
				carriesText(drift), againstText(drift)})
		}
		texts = append(texts, "", t.Render())
	}
	return lines(w, texts...)
}

// sentence makes one of a text in plain letters.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// carriesText says what the server carries, as far as it matters.
func carriesText(d plan.Drift) string {
	stamp, _ := d.Copy.Stamp()
	switch d.Kind {
	case plan.DriftUnstamped, plan.DriftNeverRecorded:
		return "no stamp"
	case plan.DriftHashMismatch:
		return "a stamp that contradicts itself"
	case plan.DriftOtherService:
		return "the stamp of " + clean(d.Copy.Other)
	case plan.DriftUnclaimed:
		return revisionsText(stamp.Revisions)
	}
	return differing(stamp.Revisions, d.Against)
}

// againstText says what the server should carry, and who says so.
func againstText(d plan.Drift) string {
	source := " (the others)"
	if d.Journal {
		source = " (deployed from here)"
	}
	stamp, _ := d.Copy.Stamp()
	switch {
	case d.Kind == plan.DriftUnclaimed && d.Known:
		return "nothing: " + clean(d.Service) + " does not claim it"
	case d.Kind == plan.DriftUnclaimed:
		return "nothing: there is no service " + clean(d.Service)
	case d.Kind == plan.DriftMixed, d.Kind == plan.DriftNotAsRecorded:
		return differing(d.Against, stamp.Revisions) + source
	case d.Against != nil:
		return revisionsText(d.Against) + source
	}
	return "-"
}

// differing names those of the branches that the others have not got at the same revision; the id tells it where the number does not.
func differing(revisions, others map[string]resource.Revision) string {
	labels := maps.Clone(others)
	if labels == nil {
		labels = map[string]resource.Revision{}
	}
	maps.Copy(labels, revisions)
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		mine, other := revisions[label], others[label]
		switch {
		case mine.ID == other.ID:
		case mine.ID == "":
			texts = append(texts, "no "+clean(label))
		case mine.Revno == other.Revno:
			texts = append(texts, clean(label)+" "+revno(mine)+" "+clean(mine.ID))
		default:
			texts = append(texts, clean(label)+" "+revno(mine))
		}
	}
	return strings.Join(texts, ", ")
}
