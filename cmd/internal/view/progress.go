package view

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
)

// Running is a service that is being deployed.
type Running struct {
	Service string
	Start   time.Time
	Phase   string        // the phase it is in; empty if none is known
	Text    string        // what it does, where that is not a phase
	Usual   time.Duration // how long it usually takes; 0 if nobody knows
}

const (
	lineWidth = 100 // columns of a line of progress, at most
	nameWidth = 24  // columns that names are aligned to, at most
)

// Progress tells how the apply of a plan goes on.
type Progress struct {
	names   int               // columns for the names of services
	changes map[string]string // what moved, by service
}

// NewProgress returns what tells of the apply of that plan.
func NewProgress(p *plan.Plan) Progress {
	progress := Progress{changes: map[string]string{}}
	for _, d := range p.Decisions {
		if d.Verdict.Acts() {
			progress.names = max(progress.names, min(text.StringWidthWithoutEscSequences(clean(d.Service)), nameWidth))
			progress.changes[d.Service] = change(d)
		}
	}
	return progress
}

// Event writes a line about what has just come to pass.
func (p Progress) Event(w io.Writer, e apply.Event, s Style) error {
	switch {
	case e.Service == "":
		return p.line(w, e.Time, "", clean(e.Text), s)
	case e.Result != nil:
		return p.line(w, e.Time, e.Service, outcomeText(*e.Result, s), s)
	case e.Kind == apply.EventStart:
		return p.line(w, e.Time, e.Service, "start    "+p.start(e), s)
	}
	return p.line(w, e.Time, e.Service, "running  "+doing(Running{Phase: e.Phase, Text: e.Text}), s)
}

// Beat writes a line about a service that goes on as before.
func (p Progress) Beat(w io.Writer, now time.Time, r Running, s Style) error {
	return p.line(w, now, r.Service, "running  "+beat(now, r), s)
}

func (p Progress) line(w io.Writer, at time.Time, service, what string, s Style) error {
	line := at.UTC().Format("15:04:05Z") + " "
	if service != "" {
		line += p.name(service) + "  "
	}
	if s.Color {
		return lines(w, strings.TrimRight(line+what, " ")) // an order to the terminal must not be cut in two
	}
	return lines(w, strings.TrimRight(cut(line+what, lineWidth), " "))
}

func (p Progress) name(service string) string {
	return text.Pad(cut(clean(service), 2*nameWidth), p.names, ' ')
}

func (p Progress) start(e apply.Event) string {
	texts := []string{clean(p.changes[e.Service])}
	if e.Usual > 0 {
		texts = append(texts, "usual "+roughly(e.Usual))
	}
	if e.Log != "" {
		texts = append(texts, "log "+clean(filepath.Base(e.Log)))
	}
	return strings.Join(texts, ", ")
}

// beat tells what a service does and for how long it has run.
func beat(now time.Time, r Running) string {
	elapsed := lasting(now, r, roughly)
	if what := doing(r); what != "" {
		return what + ", " + elapsed
	}
	return elapsed
}

func doing(r Running) string {
	if r.Text == "" && r.Phase != "" {
		return "phase " + clean(r.Phase)
	}
	return clean(r.Text)
}

// lasting tells how long a service has run, and of what.
func lasting(now time.Time, r Running, format func(time.Duration) string) string {
	elapsed := max(now.Sub(r.Start), 0)
	switch {
	case r.Usual <= 0:
		return format(elapsed)
	case elapsed > r.Usual:
		return format(elapsed) + ", usually " + roughly(r.Usual)
	}
	return format(elapsed) + " of about " + roughly(r.Usual)
}

// roughly tells a duration in minutes, if it is as long as one.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// closely tells a duration to the second, up to an hour.
func closely(d time.Duration) string {
	if d >= time.Minute && d < time.Hour {
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return roughly(d)
}

// Live returns what to draw at the foot of a terminal of that size: a line for each service that runs, as many as there is room for, and one
// about all. A width of 0 has no limit, and a height of 0 neither.
func (p Progress) Live(now time.Time, running []Running, all string, width, height int) []string {
	shown := running
	if room := max(height-2, 1); height > 0 && len(running) > room { // the last line is the others' and one is the cursor's
		shown = running[:room-1]
		all = fmt.Sprintf("%d more running, %s", len(running)-len(shown), all)
	}
	times, longest := make([]string, len(shown)), 0
	for i, r := range shown {
		times[i] = lasting(now, r, closely)
		longest = max(longest, len(times[i]))
	}
	var foot []string
	for i, r := range shown {
		foot = append(foot, strings.TrimRight(fmt.Sprintf("%s  %-*s  %s", p.name(r.Service), longest, times[i], doing(r)), " "))
	}
	foot = append(foot, all)
	for i, line := range foot {
		foot[i] = cut(line, width-1) // what fills a line to its end may be taken for two
	}
	return foot
}
