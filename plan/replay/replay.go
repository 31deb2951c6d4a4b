// Package replay runs a rule for the number of units over a load as it was, or might be, and tells what would have come of it. It is pure: time
// passes as the series says.
package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
)

// World is what the units and the agent are like.
type World struct {
	Start    time.Duration // that a unit takes until it works
	Interval time.Duration // between two runs of the agent, more than 0
	Rate     float64       // work that a ready unit does in a minute; 0: the series tells the load itself, and not the work that arrives in a minute
	Units    int           // that there are at first, and are ready
}

// Rule says how many units there are to be, each time that the agent looks.
type Rule interface {
	// Decide is told what can be seen, and whether the program that asks has just been started. A size with a Guard is not followed.
	Decide(units resource.Units, load resource.Load, started bool) scale.Size
}

// Run is what came of a rule.
type Run struct {
	Points  []Point  // one for each run of the agent, also where it did not come or did nothing
	Changes []Change // of the number of units
	Figures Figures
}

// Point is one moment.
type Point struct {
	At       time.Time // as it is, whatever the host's clock says
	Load     float64
	Ready    int
	Starting int
	Wanted   int    // what the load asks for by itself; the units if nobody looked, or the load was not known
	Trouble  string // why the agent could not look, measure or act; empty for nearly all
	Guard    string // what the rule leaves to a person; empty for nearly all
}

// Change is a change of the number of units.
type Change struct {
	At   time.Time
	From int
	To   int
	Why  string // the sum, and what cut it
}

// Figures tell runs apart.
type Figures struct {
	Up, Down  int           // changes
	Reversals int           // units were added no longer than Reversal after some were removed
	MaxLoad   float64       // the largest
	Over      time.Duration // in which the ready units had more to carry than the target and its tolerance
	UnitHours float64       // of units that were ready or started
	Guarded   int           // times that something was left to a person which had not been before
}

// Reversal is how soon after a removal an addition shows that the units had better stayed.
const Reversal = 15 * time.Minute

// Replay runs a rule over a series. Over is counted by the policy.
func Replay(series Series, world World, policy scale.Policy, rule Rule) Run {
	w := &running{World: world, policy: policy, rule: rule, started: true}
	for range world.Units {
		w.add(time.Time{})
	}
	next := 0
	for at := series.begin(); !at.After(series.end()); at = at.Add(world.Interval) {
		for ; next < len(series) && !series[next].At.After(at); next++ {
			w.pass(series[next].At)
			w.happens(series[next])
		}
		w.pass(at)
		w.look()
	}
	w.run.Figures.Over = w.run.Figures.Over.Round(time.Millisecond) // of floating-point numbers
	return w.run
}

// running is a world at work.
type running struct {
	World
	policy scale.Policy
	rule   Rule
	run    Run

	now      time.Time
	skew     time.Duration // by which the host's clock is ahead
	units    []unit        // the oldest first
	made     int
	arriving float64 // what the series says
	backlog  float64 // with a rate: work that waits
	poison   float64 // and that nobody can do
	blind    bool    // the load cannot be measured
	cut      bool    // the units cannot be read or changed
	off      bool    // the agent does not run
	started  bool    // it has not looked yet since it was started
	removed  time.Time
	guard    string // what was left to a person when the agent looked last
}

type unit struct {
	name  string
	ready time.Time // from when on
	since time.Time
}

func (w *running) load() float64 {
	if w.Rate == 0 {
		return w.arriving + w.poison
	}
	return w.backlog + w.poison
}

func (w *running) ready() int {
	n := 0
	for _, u := range w.units {
		if !u.ready.After(w.now) {
			n++
		}
	}
	return n
}

func (w *running) add(ready time.Time) {
	w.units = append(w.units, unit{name: fmt.Sprintf("unit/%d", w.made), ready: ready, since: w.now})
	w.made++
}

// happens lets something of the series come to pass.
func (w *running) happens(m Moment) {
	w.arriving = m.Load
	switch m.Event {
	case MetricDown, MetricUp:
		w.blind = m.Event == MetricDown
	case UnitsDown, UnitsUp:
		w.cut = m.Event == UnitsDown
	case AgentDown, AgentUp:
		w.off, w.started = m.Event == AgentDown, true
	case Clock:
		w.skew += m.By
	case Poison:
		w.poison += m.Amount
	case Purge:
		w.poison = 0
	}
}

// pass lets time pass, unit by unit that becomes ready.
func (w *running) pass(until time.Time) {
	for w.now.Before(until) {
		if w.now.IsZero() {
			w.now = until
			break
		}
		end := until
		for _, u := range w.units {
			if u.ready.After(w.now) && u.ready.Before(end) {
				end = u.ready
			}
		}
		w.work(end.Sub(w.now))
		w.now = end
	}
	w.run.Figures.MaxLoad = max(w.run.Figures.MaxLoad, w.load())
}

// work lets a time pass in which nothing becomes ready.
func (w *running) work(d time.Duration) {
	minutes, ready := d.Minutes(), float64(w.ready())
	slope := 0.0
	if w.Rate > 0 {
		slope = w.arriving - ready*w.Rate
	}
	limit := ready * w.policy.Target * (1 + w.policy.Tolerance)
	w.run.Figures.Over += time.Duration(above(w.load(), slope, minutes, limit) * float64(time.Minute))
	w.run.Figures.UnitHours += float64(len(w.units)) * d.Hours()
	w.backlog = max(0, w.backlog+slope*minutes)
}

// above returns for how many of the minutes a load is above a limit that begins there and changes by slope each minute.
func above(load, slope, minutes, limit float64) float64 {
	over := load > limit
	crossing := math.Inf(1)
	if over && slope < 0 || !over && slope > 0 {
		crossing = (limit - load) / slope
	}
	crossing = min(crossing, minutes)
	if over {
		return crossing
	}
	return minutes - crossing
}

// look is a run of the agent.
func (w *running) look() {
	p := Point{At: w.now, Load: w.load(), Ready: w.ready(), Wanted: len(w.units)}
	p.Starting = len(w.units) - p.Ready
	switch {
	case w.off:
		p.Trouble = "the agent does not run"
	case w.cut:
		p.Trouble = "the units cannot be read or changed"
	default:
		if w.blind {
			p.Trouble = "the load cannot be measured"
		}
		size := w.rule.Decide(w.seen(), w.measured(), w.started)
		w.started = false
		p.Wanted = size.Wanted
		p.Guard = size.Guard
		w.follow(size)
	}
	w.run.Points = append(w.run.Points, p)
}

var errUnmeasured = errors.New("the load cannot be measured")

func (w *running) measured() resource.Load {
	load := resource.Load{At: w.now.Add(w.skew), Value: w.load(), Source: "the series"}
	if w.blind {
		load.Value, load.Err = 0, errUnmeasured
	}
	return load
}

// seen tells the units in the order in which they are to be removed: the newest first, and the leader, which is the oldest, last.
func (w *running) seen() resource.Units {
	var list []resource.Unit
	for i, u := range slices.Backward(w.units) {
		seen := resource.Unit{Name: u.name, State: resource.UnitReady, Since: u.since, Last: i == 0}
		if u.ready.After(w.now) {
			seen.State = resource.UnitStarting
		}
		list = append(list, seen)
	}
	return resource.Units{List: list}
}

// follow does what a rule has decided.
func (w *running) follow(size scale.Size) {
	figures := &w.run.Figures
	if size.Guard != "" && w.guard == "" {
		figures.Guarded++
	}
	w.guard = size.Guard
	if !size.Changes() || size.Guard != "" {
		return
	}
	switch {
	case size.To > size.Units:
		figures.Up++
		if !w.removed.IsZero() && w.now.Sub(w.removed) <= Reversal {
			figures.Reversals++
		}
		for range size.To - size.Units {
			w.add(w.now.Add(w.Start))
		}
	default:
		figures.Down++
		w.removed = w.now
		w.units = slices.DeleteFunc(w.units, func(u unit) bool { return slices.Contains(size.Remove, u.name) })
	}
	w.run.Changes = append(w.run.Changes, Change{At: w.now, From: size.Units, To: size.To, Why: why(size)})
}

// why tells the sum, and what cut it.
func why(size scale.Size) string {
	text := size.Sum
	if text == "" {
		text = "the load is not known"
	}
	for _, cut := range size.Cuts {
		text += ", " + cut
	}
	if size.Wait != "" {
		text += "; " + size.Wait
	}
	return text
}
