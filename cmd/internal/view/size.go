package view

import (
	"fmt"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// sizeChange tells how many units there are and are to be.
func sizeChange(from, to int) string { return fmt.Sprintf("%d -> %s", from, plural(to, "unit")) }

// sizeNote tells in few words why there are to be so many units, and which go.
func sizeNote(d plan.Decision) []string {
	if !d.Scales() {
		return nil
	}
	s := d.Size
	var texts []string
	switch {
	case s.Bounds && len(s.Cuts) > 0:
		texts = []string{beyond(d)}
	case s.Sum != "":
		texts = []string{asksText(d)}
	}
	if cuts := cutsOf(d); len(cuts) > 0 {
		texts = append(texts, "cut by "+strings.Join(cuts, ", "))
	}
	if len(s.Remove) > 0 {
		texts = append(texts, "goes: "+enumerate(cleanAll(s.Remove), maxServers))
	}
	return cleanAll(texts)
}

// beyond tells the bound that the number of units is beyond, which is the first of the cuts.
func beyond(d plan.Decision) string {
	if d.Size.To > d.Size.Units {
		return "below " + d.Size.Cuts[0]
	}
	return "above " + d.Size.Cuts[0]
}

// sizeFacts tells, each with its name, what the size was come by: of a service whose size is to be changed, all that a person has to know.
func sizeFacts(d plan.Decision) []sheetFact {
	if !d.Scales() {
		return nil
	}
	s := d.Size
	var found []sheetFact
	tell := func(name, text string) {
		if text != "" {
			found = append(found, sheetFact{name, clean(text)})
		}
	}
	tell("units", unitsText(s.Size))
	tell("load", loadText(s.Load))
	tell("asks for", asksText(d))
	if cuts := cutsOf(d); len(cuts) > 0 {
		tell("cut by", strings.Join(cuts, ", "))
	}
	tell("waits", waitText(s.Size))
	tell("goes", goesText(s.Size))
	return found
}

// unitsText counts the units by state.
func unitsText(s scale.Size) string {
	var states []string
	for _, state := range []resource.UnitState{resource.UnitReady, resource.UnitStarting, resource.UnitFailed} {
		if n := s.States[state]; n > 0 {
			states = append(states, fmt.Sprintf("%d %s", n, state))
		}
	}
	text := fmt.Sprint(s.Units)
	switch {
	case s.Units > 1 && s.States[resource.UnitReady] == s.Units:
		text += ", all ready"
	case len(states) > 0:
		text += ": " + strings.Join(states, ", ")
	}
	if n := s.States[resource.UnitLeaving]; n > 0 {
		text += fmt.Sprintf("; beside them %d leaving", n)
	}
	return text
}

func loadText(l resource.Load) string {
	text := scale.Number(l.Value)
	if l.Err != nil {
		text = "no data: " + firstLine(l.Err)
	}
	if l.Source != "" {
		text += " (" + l.Source + ")"
	}
	return text
}

// asksText tells how many units are asked for: by the load, over the window of its direction, or by a bound.
func asksText(d plan.Decision) string {
	s := d.Size
	switch {
	case s.Bounds && len(s.Cuts) > 0:
		return fmt.Sprintf("%d, since %s is %s", s.To, plural(s.Units, "unit"), beyond(d))
	case s.Due && s.Wait == "" && len(s.Cuts) == 0 && s.To != s.Wanted:
		return fmt.Sprintf("%s; over its window %d", s.Sum, s.To)
	}
	return s.Sum
}

// cutsOf returns what kept the size from being what is asked for; the bound that is the reason is none of it.
func cutsOf(d plan.Decision) []string {
	if d.Size.Bounds && len(d.Size.Cuts) > 0 {
		return d.Size.Cuts[1:]
	}
	return d.Size.Cuts
}

func waitText(s scale.Size) string {
	if s.Wait == "" || s.Until.IsZero() {
		return s.Wait
	}
	return s.Wait + ", until " + Minute(s.Until)
}

// goesText names the units that go, and says why just those.
func goesText(s scale.Size) string {
	switch n := s.Units - s.To; {
	case n <= 0:
		return ""
	case len(s.Remove) == 0:
		return fmt.Sprintf("%d of them, whichever is chosen where they run", n)
	}
	return enumerate(cleanAll(s.Remove), maxServers) + ": those that have failed go first, then the newest, and the leader last"
}

// sizeLines tells below the table what sizeFacts does. None begins with a text from outside.
func (m manner) sizeLines(d plan.Decision) []string {
	var texts []string
	for _, f := range sizeFacts(d) {
		texts = append(texts, m.wrapped("  ", f.Name+": "+f.Text)...)
	}
	return texts
}

// resizedText tells a change of size that was begun.
func resizedText(r *state.Resized) string { return sizeChange(r.From, r.To) }

// maxWarnings is how many services are named whose load or units cannot be told; the rest is counted.
const maxWarnings = 10

// warnings tells of which services the size stays as it is for want of data, and of which a unit does not work, in the order of their names.
func warnings(p *plan.Plan) []string {
	var texts []string
	for _, d := range p.Decisions {
		for _, text := range []string{unmeasured(d), unfit(d)} {
			if text != "" {
				texts = append(texts, clean(d.Service+": "+text))
			}
		}
	}
	slices.Sort(texts)
	return texts
}

// unmeasured tells why the size of a service cannot be judged; empty if it can, or if it has none.
func unmeasured(d plan.Decision) string {
	switch s := d.Size; {
	case s == nil:
		return ""
	case s.Err != nil:
		return "it cannot be told how many units it has, it keeps them: " + firstLine(s.Err)
	case s.Load.Err != nil:
		kept := "it keeps its " + plural(s.Units, "unit")
		if s.Units == 1 {
			kept = "it keeps its unit"
		}
		if s.Due {
			kept = "none of its units goes"
		}
		return "no data of its load, " + kept + ": " + strings.TrimPrefix(s.Load.Source+": ", ": ") + firstLine(s.Load.Err)
	}
	return ""
}

// unfit tells of a unit that does not work, where that is not told as what stands in the way of a change.
func unfit(d plan.Decision) string {
	if d.Size == nil || d.Size.Guard != "" {
		return ""
	}
	return d.Size.Broken
}

// warningLines tells the warnings below a title; nothing if there are none.
func (m manner) warningLines(p *plan.Plan) []string {
	all := warnings(p)
	if len(all) == 0 {
		return nil
	}
	texts := []string{"Warnings:"}
	for _, text := range all[:min(len(all), maxWarnings)] {
		texts = append(texts, m.wrapped("  "+m.begin(), text)...)
	}
	if more := len(all) - maxWarnings; more > 0 {
		texts = append(texts, fmt.Sprintf("  and %d more", more))
	}
	return texts
}
