package view

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// How many of the last samples and changes of size are told; the rest of the samples is counted.
const (
	maxSamples = 8
	maxResized = 5
)

// size tells step by step how many units there are to be, and what was known before.
func (x Explained) size(s Style) []string {
	if x.Size == nil || x.Sizing == nil {
		return nil
	}
	var texts []string
	tell := func(name, text string) {
		if text != "" {
			texts = append(texts, fill(fmt.Sprintf("  %-8s  ", name), "            ", text)...)
		}
	}
	if x.Size.Err != nil {
		tell("units", "cannot be told: "+firstLine(x.Size.Err))
	} else {
		tell("units", unitsText(x.Size.Size))
		for _, u := range x.Sizing.Units {
			tell("", unitText(u))
		}
	}
	tell("load", x.loadText())
	tell("asks for", asksText(x.Decision))
	for _, w := range x.Sizing.Windows {
		extreme := "least"
		if w.Most {
			extreme = "most"
		}
		tell("window", fmt.Sprintf("the %s that it asked for within the %s of %s is %d", extreme, w.Name, scale.Duration(w.Length), w.Wanted))
	}
	for _, cut := range x.Size.Cuts {
		tell("cut by", cut)
	}
	tell("waits", waitText(x.Size.Size))
	tell("goes", goesText(x.Size.Size))
	tell("person", x.Size.Guard)
	if x.Size.Err == nil {
		tell("to", plural(x.Size.To, "unit"))
	}
	if n := x.Sizing.Failed.Count; n > 0 {
		tell("failed", fmt.Sprintf("%s to change it since that last succeeded: %s", plural(n, "time"), x.Sizing.Failed.Last.Error))
	}
	if usual := x.Past.UsualResize; usual.Median > 0 {
		tell("usual", fmt.Sprintf("%s; nine of ten take %s at most", duration(usual.Median), duration(usual.P90)))
	}
	return append(append(texts, x.samples()...), x.resized(s)...)
}

func (x Explained) loadText() string {
	text := loadText(x.Size.Load)
	if !x.Size.Load.At.IsZero() {
		text += ", at " + clock(x.Size.Load.At)
	}
	return fmt.Sprintf("%s; one unit is to carry %s", text, scale.Number(x.Sizing.Policy.Target))
}

// unitText tells of a unit that does not simply work; empty for one that does.
func unitText(u resource.Unit) string {
	text := u.Name + ": " + string(u.State)
	if !u.Since.IsZero() {
		text += " since " + Minute(u.Since)
	}
	if u.Text != "" {
		text += ": " + u.Text
	}
	switch {
	case u.Busy != "":
		return text + "; it does not go now: " + u.Busy
	case u.State == resource.UnitReady:
		return ""
	}
	return text
}

// samples tells what was asked for before, as far back as it counts.
func (x Explained) samples() []string {
	if len(x.Sizing.Samples) == 0 {
		return nil
	}
	t := newTable("  measured", "load", "units", "asked for")
	for _, sample := range x.Sizing.Samples[:min(len(x.Sizing.Samples), maxSamples)] {
		t.AppendRow(table.Row{"  " + clock(sample.At), sampleText(sample), sample.Units, sample.Wanted})
	}
	texts := []string{"", t.Render()}
	if more := len(x.Sizing.Samples) - maxSamples; more > 0 {
		texts = append(texts, fmt.Sprintf("  and %d more", more))
	}
	return texts
}

func sampleText(s state.Sample) string {
	if !s.Known {
		return "no data"
	}
	return scale.Number(s.Load)
}

// resized tells the last changes of size, and how they ended.
func (x Explained) resized(s Style) []string {
	if len(x.Sizing.Resized) == 0 {
		return nil
	}
	t := newTable("  began", "change", "result", "because")
	for _, r := range x.Sizing.Resized[:min(len(x.Sizing.Resized), maxResized)] {
		result := clean(resultOf(state.Attempt{Result: r.Result}))
		t.AppendRow(table.Row{"  " + clock(r.At), resizedText(&r), s.paint(outcomeColors[apply.Outcome(r.Result)], result), cut(clean(becauseText(r)), noteCut)})
	}
	return []string{"", t.Render()}
}

func becauseText(r state.Resized) string {
	if r.Sum == "" {
		return "a bound"
	}
	return r.Sum
}

// clock tells a time to the second.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

type (
	jsonSizing struct {
		Policy  jsonPolicy      `json:"policy"`
		Units   []jsonUnit      `json:"units"`
		Windows []jsonWindow    `json:"windows"`
		Samples []jsonSample    `json:"samples"`
		Resized []jsonResizedAt `json:"resized"`
		Failed  int             `json:"failed"`
		Error   string          `json:"failed_error"`
		Usual   *jsonUsual      `json:"usual"`
	}
	jsonPolicy struct {
		Min             int     `json:"min"`
		Max             int     `json:"max"`
		Target          float64 `json:"target"`
		Tolerance       float64 `json:"tolerance"`
		UpWindow        int     `json:"up_window"` // seconds, as all that are times
		DownWindow      int     `json:"down_window"`
		UpStep          int     `json:"up_step"`
		DownStep        int     `json:"down_step"`
		Cooldown        int     `json:"cooldown"`
		IdleAfter       int     `json:"idle_after"`
		Timeout         int     `json:"timeout"`
		Pause           string  `json:"pause"`
		NoProgressAfter int     `json:"no_progress_after"`
	}
	jsonUnit struct {
		Name  string `json:"name"`
		State string `json:"state"`
		Text  string `json:"text"`
		Since string `json:"since"`
		Busy  string `json:"busy"`
		Last  bool   `json:"last"`
		Place string `json:"place"`
	}
	jsonWindow struct {
		Window string `json:"window"`
		Length int    `json:"length"` // seconds
		Wanted int    `json:"wanted"`
	}
	jsonSample struct {
		Time   string   `json:"time"`
		Load   *float64 `json:"load"`
		Units  int      `json:"units"`
		Wanted int      `json:"wanted"`
	}
	jsonResizedAt struct {
		Time   string `json:"time"`
		Result string `json:"result"` // empty as long as it is not known
		jsonResized
	}
)

// sizingJSON returns nil where there is no size to tell of.
func (x Explained) sizingJSON() *jsonSizing {
	if x.Sizing == nil {
		return nil
	}
	s, p := x.Sizing, x.Sizing.Policy
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	sizing := &jsonSizing{Units: []jsonUnit{}, Windows: []jsonWindow{}, Samples: []jsonSample{}, Resized: []jsonResizedAt{}, Failed: s.Failed.Count,
		Error: clean(s.Failed.Last.Error), Usual: usualJSON(x.Past.UsualResize),
		Policy: jsonPolicy{Min: p.Min, Max: p.Max, Target: p.Target, Tolerance: p.Tolerance, UpWindow: seconds(p.UpWindow), DownWindow: seconds(p.DownWindow), UpStep: p.UpStep,
			DownStep: p.DownStep, Cooldown: seconds(p.Cooldown), IdleAfter: seconds(p.IdleAfter), Timeout: seconds(p.Timeout), Pause: clean(string(p.Pause)),
			NoProgressAfter: p.NoProgressAfter}}
	for _, u := range s.Units {
		sizing.Units = append(sizing.Units, jsonUnit{clean(u.Name), clean(string(u.State)), clean(u.Text), timestamp(u.Since), clean(u.Busy), u.Last, clean(u.Place)})
	}
	for _, w := range s.Windows {
		sizing.Windows = append(sizing.Windows, jsonWindow{w.Name, seconds(w.Length), w.Wanted})
	}
	for _, sample := range s.Samples {
		sizing.Samples = append(sizing.Samples, jsonSample{timestamp(sample.At), loadJSON(sample.Load, sample.Known), sample.Units, sample.Wanted})
	}
	for _, r := range s.Resized {
		sizing.Resized = append(sizing.Resized, jsonResizedAt{timestamp(r.At), clean(r.Result), *resizedJSON(&r)})
	}
	return sizing
}
