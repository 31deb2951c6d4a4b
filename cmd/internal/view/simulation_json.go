package view

import (
	"io"
	"time"

	"launchpad.net/cdplan/plan/replay"
)

// SimulationJSON writes the simulation as one JSON document. Times are RFC 3339, or durations from the start if the load's were.
func SimulationJSON(w io.Writer, s Simulation) error {
	document := jsonSimulation{FormatVersion: FormatVersion, Service: clean(s.Service), Cdplan: runJSON(s.Run)}
	if s.HPA != nil {
		run := runJSON(*s.HPA)
		document.HPA = &run
	}
	return encode(w, document)
}

type (
	jsonSimulation struct {
		FormatVersion string        `json:"format_version"`
		Service       string        `json:"service"`
		Cdplan        jsonReplayed  `json:"cdplan"`
		HPA           *jsonReplayed `json:"hpa,omitempty"`
	}
	jsonReplayed struct {
		Figures jsonFigures  `json:"figures"`
		Changes []jsonResize `json:"changes"`
		Points  []jsonPoint  `json:"points"`
	}
	jsonFigures struct {
		Added       int     `json:"added"`
		Removed     int     `json:"removed"`
		Reversals   int     `json:"reversals"`
		MaxLoad     float64 `json:"max_load"`
		OverSeconds float64 `json:"over_seconds"`
		UnitHours   float64 `json:"unit_hours"`
		Guarded     int     `json:"guarded"`
	}
	jsonResize struct {
		At   string `json:"at"`
		From int    `json:"from"`
		To   int    `json:"to"`
		Why  string `json:"why"`
	}
	jsonPoint struct {
		At       string  `json:"at"`
		Load     float64 `json:"load"`
		Ready    int     `json:"ready"`
		Starting int     `json:"starting"`
		Wanted   int     `json:"wanted"`
		Trouble  string  `json:"trouble,omitempty"`
		Guard    string  `json:"guard,omitempty"`
	}
)

func runJSON(run replay.Run) jsonReplayed {
	f := run.Figures
	r := jsonReplayed{Changes: []jsonResize{}, Points: []jsonPoint{},
		Figures: jsonFigures{f.Up, f.Down, f.Reversals, f.MaxLoad, f.Over.Seconds(), f.UnitHours, f.Guarded}}
	for _, c := range run.Changes {
		r.Changes = append(r.Changes, jsonResize{jsonMoment(c.At), c.From, c.To, clean(c.Why)})
	}
	for _, p := range run.Points {
		r.Points = append(r.Points, jsonPoint{jsonMoment(p.At), p.Load, p.Ready, p.Starting, p.Wanted, clean(p.Trouble), clean(p.Guard)})
	}
	return r
}

func jsonMoment(at time.Time) string {
	if since, ok := replay.SinceEpoch(at); ok {
		return since.String()
	}
	return timestamp(at)
}
