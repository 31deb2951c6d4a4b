package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan/replay"
	"launchpad.net/cdplan/plan/scale"
)

// Simulation is what would have come of a policy under a load.
type Simulation struct {
	Service string
	Policy  scale.Policy
	World   replay.World
	Run     replay.Run
	HPA     *replay.Run // by the HorizontalPodAutoscaler of Kubernetes; nil if nobody asked
}

// The size of the charts of a terminal, in characters.
const (
	chartWidth  = 100 // where there is no limit
	chartHeight = 8
	chartMargin = 12 // left of it
	leastChart  = 20
)

// shownChanges is how many changes are listed.
const shownChanges = 200

// loadName says what the load is.
func (s Simulation) loadName() string {
	if s.World.Rate > 0 {
		return "backlog"
	}
	return "load"
}

// SimulationText writes the figures, two charts and the changes.
func SimulationText(w io.Writer, s Simulation, style Style) error {
	points := s.Run.Points
	first, last := points[0].At, points[len(points)-1].At
	texts := []string{
		fmt.Sprintf("%s, from %s to %s:", clean(s.Service), moment(first), moment(last)),
		fmt.Sprintf("%s, a run each %s, %s until a unit works.", s.bounds(), scale.Duration(s.World.Interval), scale.Duration(s.World.Start)),
		"", s.figures(), ""}
	texts = append(texts, s.charts(style)...)
	texts = append(texts, s.changes(style)...)
	return lines(w, texts...)
}

func (s Simulation) bounds() string {
	return fmt.Sprintf("%d to %d units of %s each", s.Policy.Min, s.Policy.Max, scale.Number(s.Policy.Target))
}

// figure is one of the figures.
type figure struct {
	name  string
	value func(replay.Figures) string
}

func (s Simulation) figureList() []figure {
	count := func(of func(replay.Figures) int) func(replay.Figures) string {
		return func(f replay.Figures) string { return fmt.Sprint(of(f)) }
	}
	return []figure{
		{"times units were added", count(func(f replay.Figures) int { return f.Up })},
		{"times units were removed", count(func(f replay.Figures) int { return f.Down })},
		{fmt.Sprintf("added again within %s", scale.Duration(replay.Reversal)), count(func(f replay.Figures) int { return f.Reversals })},
		{"largest " + s.loadName(), func(f replay.Figures) string { return fmt.Sprintf("%.0f", f.MaxLoad) }},
		{"time above the target", func(f replay.Figures) string { return scale.Duration(f.Over.Round(time.Minute)) }},
		{"unit-hours", func(f replay.Figures) string { return fmt.Sprintf("%.1f", f.UnitHours) }},
		{"times left to a person", count(func(f replay.Figures) int { return f.Guarded })},
	}
}

// figures is a table.
func (s Simulation) figures() string {
	header := table.Row{"", "cdplan"}
	if s.HPA != nil {
		header = append(header, "HPA")
	}
	t := newTable(header...)
	for _, f := range s.figureList() {
		row := table.Row{f.name, f.value(s.Run.Figures)}
		if s.HPA != nil {
			row = append(row, f.value(s.HPA.Figures))
		}
		t.AppendRow(row)
	}
	return t.Render()
}

// charts draws the load and the units, in ASCII.
func (s Simulation) charts(style Style) []string {
	width := chartWidth
	if style.Width > 0 {
		width = style.Width
	}
	n := min(max(width-chartMargin, leastChart), len(s.Run.Points))
	load := buckets(s.Run.Points, n, func(p replay.Point) float64 { return p.Load })
	units := [][]float64{buckets(s.Run.Points, n, wantedOf), buckets(s.Run.Points, n, unitsOf)}
	for i, wanted := range units[0] {
		units[0][i] = min(wanted, float64(s.Policy.Max)) // what is asked for beyond is cut
	}
	marks, legend := []string{".", "#"}, "units (#) and those that the load asks for (.)"
	if s.HPA != nil {
		units = slices.Insert(units, 0, buckets(s.HPA.Points, n, unitsOf))
		marks, legend = append([]string{"o"}, marks...), legend+", units by the HPA (o)"
	}
	return []string{s.loadName(), chart(slices.Max(load), [][]float64{load}, []string{"*"}), "", legend, chart(float64(s.topUnits()), units, marks), ""}
}

// topUnits is where a chart of units ends, so that its lines are at whole ones.
func (s Simulation) topUnits() int {
	top := s.Policy.Max
	for _, p := range s.Run.Points {
		top = max(top, p.Ready+p.Starting)
	}
	return (top + chartHeight - 1) / chartHeight * chartHeight
}

func unitsOf(p replay.Point) float64  { return float64(p.Ready + p.Starting) }
func wantedOf(p replay.Point) float64 { return float64(p.Wanted) }

// buckets cuts a run into n parts and returns the most of each.
func buckets(points []replay.Point, n int, of func(replay.Point) float64) []float64 {
	n = min(n, len(points))
	most := make([]float64, n)
	for i, p := range points {
		most[i*n/len(points)] = max(most[i*n/len(points)], of(p))
	}
	return most
}

// chart draws lines, each in a character of its own, from 0 to the top.
func chart(top float64, series [][]float64, marks []string) string {
	var sets []asciigraph.CharSet
	for _, mark := range marks {
		sets = append(sets, asciigraph.CreateCharSet(mark))
	}
	top = max(top, 1)
	text := asciigraph.PlotMany(series, asciigraph.Height(chartHeight), asciigraph.LowerBound(0), asciigraph.UpperBound(top), asciigraph.SeriesChars(sets...),
		asciigraph.YAxisValueFormatter(func(v float64) string { return fmt.Sprintf("%8.4g", v) }))
	text = strings.NewReplacer("┤", "|", "┼", "|").Replace(text)
	var trimmed []string
	for line := range strings.SplitSeq(text, "\n") {
		trimmed = append(trimmed, strings.TrimRight(line, " "))
	}
	return strings.Join(trimmed, "\n")
}

// changes lists what was changed, and why.
func (s Simulation) changes(style Style) []string {
	if len(s.Run.Changes) == 0 {
		return []string{"Nothing is changed."}
	}
	t := newTable("time", "units", "why")
	t.SetAllowedRowLength(style.Width)
	shown := s.Run.Changes[:min(len(s.Run.Changes), shownChanges)]
	for _, c := range shown {
		paint := green
		if c.To < c.From {
			paint = yellow
		}
		t.AppendRow(table.Row{moment(c.At), style.paint(paint, fmt.Sprintf("%d -> %d", c.From, c.To)), clean(c.Why)})
	}
	texts := []string{t.Render()}
	if more := len(s.Run.Changes) - len(shown); more > 0 {
		texts = append(texts, fmt.Sprintf("%d more; -format=json has them all.", more))
	}
	return append(texts, s.troubles()...)
}

// stretch is a time in which something was the same.
type stretch struct {
	from, to time.Time
	text     string
}

// stretches returns the times in which there was a text.
func stretches(points []replay.Point, of func(replay.Point) string) []stretch {
	var all []stretch
	before := ""
	for _, p := range points {
		text := of(p)
		if before != "" {
			all[len(all)-1].to = p.At
		}
		if text != "" && text != before {
			all = append(all, stretch{p.At, p.At, text})
		}
		before = text
	}
	return all
}

func troubleOf(p replay.Point) string { return p.Trouble }

// guardOf leaves out what a guard tells of the load, which moves.
func guardOf(p replay.Point) string {
	text, _, _ := strings.Cut(p.Guard, ", and is ")
	return text
}

// troubles lists when the agent could not look or act, and when a person was needed.
func (s Simulation) troubles() []string {
	var texts []string
	for _, list := range []struct {
		title string
		of    func(replay.Point) string
	}{{"Trouble:", troubleOf}, {"Left to a person:", guardOf}} {
		all := stretches(s.Run.Points, list.of)
		if len(all) == 0 {
			continue
		}
		texts = append(texts, "", list.title)
		for _, stretch := range all {
			texts = append(texts, fmt.Sprintf("  %s for %s: %s", moment(stretch.from), scale.Duration(stretch.to.Sub(stretch.from)), clean(stretch.text)))
		}
	}
	return texts
}

// moment writes a time as the load's file does: from the start, or in full.
func moment(at time.Time) string {
	if since, ok := replay.SinceEpoch(at); ok {
		return sinceStart(since)
	}
	return at.UTC().Format("2006-01-02 15:04:05Z")
}

// sinceStart is for columns, where all are to be of one width.
func sinceStart(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%dd %02d:%02d:%02d", d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60)
}
