package view

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"launchpad.net/cdplan/plan/replay"
	"launchpad.net/cdplan/plan/scale"
)

// The measures of the drawing, in pixels.
const (
	simulationWidth  = 1120
	simulationHeight = 470
	plotLeft         = 70
	plotRight        = 1080
	loadTop          = 96
	loadBottom       = 236
	unitsTop         = 296
	unitsBottom      = 436
	swatch           = 16 // of a legend
)

// SimulationSVG draws the load, what the units carry of it, and the units, over time.
func SimulationSVG(w io.Writer, s Simulation) error {
	style, err := pages.ReadFile("simulation.css")
	if err != nil {
		return err
	}
	p := simulationPicture{Title: clean(s.Service) + ": " + s.bounds(), Style: template.CSS(style), // ours alone
		Width: simulationWidth, Height: simulationHeight}
	points := s.Run.Points
	p.begin, p.end = points[0].At, points[len(points)-1].At
	p.text("title", plotLeft, 22, p.Title)
	p.text("", plotLeft, 41, fmt.Sprintf("%s to %s. %s", moment(p.begin), moment(p.end), told(s.Run.Figures)))
	if s.HPA != nil {
		p.text("", plotLeft, 57, "By the HorizontalPodAutoscaler: "+told(s.HPA.Figures))
	}
	p.bands("trouble", points, troubleOf)
	p.bands("person", points, guardOf)
	p.ticks()
	p.load(s)
	p.units(s)
	return templates.ExecuteTemplate(w, "simulation.tmpl", p)
}

// told is a line below the title.
func told(f replay.Figures) string {
	return fmt.Sprintf("Units were added %s and removed %s, %d of them added again within %s; %.1f unit-hours; %s above the target.", plural(f.Up, "time"),
		plural(f.Down, "time"), f.Reversals, scale.Duration(replay.Reversal), f.UnitHours, scale.Duration(f.Over.Round(time.Minute)))
}

// simulationPicture is the drawing as it is printed.
type simulationPicture struct {
	Title         string
	Style         template.CSS
	Width, Height int
	Bands         []pictureBand
	Paths         []picturePath
	Texts         []pictureText

	begin, end time.Time
}

type pictureBand struct {
	Class, Title        string
	X, Y, Width, Height float64
}

type picturePath struct{ Class, Line string }

type pictureText struct {
	Class string
	X, Y  float64
	Text  string
}

func (p *simulationPicture) text(class string, x, y float64, text string) {
	p.Texts = append(p.Texts, pictureText{class, x, y, text})
}

func (p *simulationPicture) path(class, line string) {
	p.Paths = append(p.Paths, picturePath{class, line})
}

// x returns where a time is, to a tenth of a pixel.
func (p *simulationPicture) x(at time.Time) float64 {
	all := max(p.end.Sub(p.begin), 1)
	return tenth(plotLeft + (plotRight-plotLeft)*float64(at.Sub(p.begin))/float64(all))
}

func tenth(f float64) float64 { return math.Round(f*10) / 10 }

// bands colours the times in which there was something to tell, behind both plots.
func (p *simulationPicture) bands(class string, points []replay.Point, of func(replay.Point) string) {
	for _, s := range stretches(points, of) {
		x := p.x(s.from)
		width := max(tenth(p.x(s.to)-x), 1)
		for _, y := range [][2]float64{{loadTop, loadBottom}, {unitsTop, unitsBottom}} {
			p.Bands = append(p.Bands, pictureBand{class, clean(s.text), x, y[0], width, y[1] - y[0]})
		}
	}
}

// steps are times that people count in.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour}

// mostTicks is how many times are written below the plots.
const mostTicks = 9

// ticks draws the times.
func (p *simulationPicture) ticks() {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if p.end.Sub(p.begin)/s < mostTicks {
			step = s
			break
		}
	}
	for at := p.begin.Truncate(step); !at.After(p.end); at = at.Add(step) {
		if at.Before(p.begin) {
			continue
		}
		p.path("grid", fmt.Sprintf("M%v,%v V%v M%v,%v V%v", p.x(at), loadTop, loadBottom, p.x(at), unitsTop, unitsBottom))
		p.text("tick", p.x(at), unitsBottom+18, tickText(at, step))
	}
}

func tickText(at time.Time, step time.Duration) string {
	since, fromStart := replay.SinceEpoch(at)
	switch {
	case fromStart:
		return scale.Duration(since)
	case step < time.Minute:
		return at.UTC().Format("15:04:05")
	case step < 24*time.Hour:
		return at.UTC().Format("02 Jan 15:04")
	}
	return at.UTC().Format("Mon 02 Jan")
}

// plot is where values are drawn.
type plot struct {
	*simulationPicture
	top, bottom float64
	most        float64
}

// axis returns a plot for values from 0 to the most, with lines at numbers that people count in.
func (p *simulationPicture) axis(top, bottom, most float64) plot {
	step := math.Pow(10, math.Floor(math.Log10(max(most, 1e-9))))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if most/(step*part) <= 5 {
			step *= part
			break
		}
	}
	a := plot{p, top, bottom, max(math.Ceil(most/step), 1) * step}
	for i := 0; float64(i)*step <= a.most*1.0001; i++ {
		y := a.y(float64(i) * step)
		p.path("grid", fmt.Sprintf("M%v,%v H%v", plotLeft, y, plotRight))
		p.text("value", plotLeft-8, y+4, scale.Number(float64(i)*step))
	}
	return a
}

func (a plot) y(value float64) float64 {
	return tenth(a.bottom - (a.bottom-a.top)*min(value, a.most)/a.most)
}

// line returns a line of steps through the values of the points, of which those within a pixel are drawn as their most.
func (a plot) line(points []replay.Point, of func(replay.Point) float64) string {
	values := buckets(points, plotRight-plotLeft, of)
	var b strings.Builder
	before := -1.0
	for i, value := range values {
		x, y := a.x(points[(i*len(points)+len(values)-1)/len(values)].At), a.y(value)
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%v,%v", x, y)
		case y != before:
			fmt.Fprintf(&b, "H%vV%v", x, y)
		}
		before = y
	}
	fmt.Fprintf(&b, "H%v", plotRight)
	return b.String()
}

// ground closes a line to an area.
func (a plot) ground(line string) string {
	return fmt.Sprintf("%sV%vH%vZ", line, a.bottom, plotLeft)
}

// named is a line with its name.
type named struct{ class, name string }

// legend tells which line is which.
func (a plot) legend(title string, all ...named) {
	a.text("name", plotLeft, a.top-12, title)
	x := plotLeft + 90.0
	for _, n := range all {
		if n.class == "trouble" || n.class == "person" {
			a.Bands = append(a.Bands, pictureBand{n.class, n.name, x, a.top - 22, swatch, 12})
		} else {
			a.path(n.class, fmt.Sprintf("M%v,%vh%d", x, a.top-16, swatch))
		}
		a.text("", x+swatch+6, a.top-12, n.name)
		x += swatch + 30 + 6*float64(len(n.name))
	}
}

func (p *simulationPicture) load(s Simulation) {
	most := 0.0
	carry := func(p replay.Point) float64 { return float64(p.Ready) * s.Policy.Target }
	for _, point := range s.Run.Points {
		most = max(most, point.Load)
	}
	a := p.axis(loadTop, loadBottom, most)
	line := a.line(s.Run.Points, func(p replay.Point) float64 { return p.Load })
	p.path("ground", a.ground(line))
	p.path("load", line)
	p.path("carry", a.line(s.Run.Points, carry))
	a.legend(strings.ToUpper(s.loadName()[:1])+s.loadName()[1:], named{"load", "as it is"}, named{"carry", "what the units that are ready are to carry"},
		named{"trouble", "the agent could not look, measure or act"}, named{"person", "left to a person"})
}

func (p *simulationPicture) units(s Simulation) {
	a := p.axis(unitsTop, unitsBottom, float64(s.Policy.Max))
	all := []named{{"units", "ready or starting"}, {"wanted", "asked for by the load"}}
	line := a.line(s.Run.Points, unitsOf)
	p.path("area", a.ground(line))
	p.path("wanted", a.line(s.Run.Points, wantedOf))
	if s.HPA != nil {
		p.path("hpa", a.line(s.HPA.Points, unitsOf))
		all = append(all, named{"hpa", "by the HorizontalPodAutoscaler"})
	}
	p.path("units", line)
	a.legend("Units", all...)
}
