package scale

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Input is all that a size depends on.
type Input struct {
	Policy  Policy
	Units   resource.Units
	Load    resource.Load   // Load.At is now
	Samples []state.Sample  // of before, the oldest first; those of the future are passed over
	Changes []state.Resized // of before, the oldest first; likewise
	Since   time.Time       // nothing before that counts, since a deploy has changed what one unit can do; zero if there was none
}

// Size says how many units there are, how many there are to be, and why.
type Size struct {
	Units  int // that there are, but for those that leave
	To     int // that there are to be; Units if nothing is to be changed
	Wanted int // that the load asks for by itself; Units if it is not known

	Load   resource.Load
	Sum    string   // how Wanted was come by, such as "1450 / 200 = 7.25 -> 8"; empty if the load is not known
	Bounds bool     // To is not for the load's sake: there are fewer than min, or more than max
	Cuts   []string // what kept To from being Wanted, such as "max 8" or "up_step 4"
	Remove []string // names of the units that go, in that order

	Wait   string    // why nothing is changed yet, or less than the load asks for, such as a window; empty if nothing is to be waited for
	Until  time.Time // how long that lasts at least; zero if nobody knows
	Broken string    // the first unit that does not work and does not come to, so that a person has to see to it, and why; empty for nearly all

	Guard string // why a person has to stand behind the change; empty for nearly all

	States map[resource.UnitState]int // how many units are in each state
}

// Changes says whether there are to be more units or fewer.
func (s Size) Changes() bool { return s.To != s.Units }

// Sample returns what is to be remembered of it.
func (s Size) Sample() state.Sample {
	return state.Sample{At: s.Load.At, Known: s.Load.Err == nil, Load: s.Load.Value, Units: s.Units, Wanted: s.Wanted}
}

// Decide says how many units there are to be. The same input gives the same size, and so do the same samples and changes in another order.
//
// What the load asks for by itself is load / target, rounded up, or what there is if the load of each unit is within the tolerance. Of what was asked for
// in the window of its direction the most counts for fewer units, and the least for more. Last come the bounds and the steps. Units that start
// count as if they worked, so that they are not asked for twice. Without a known load nothing is ever removed.
func Decide(in Input) Size {
	d := begin(in)
	d.size.Broken = d.broken()
	switch target := d.aim(); {
	case target > d.size.Units:
		d.grow(target)
	case target < d.size.Units:
		d.shrink(target)
	}
	return d.size
}

// decision is a size in the making.
type decision struct {
	Input
	now      time.Time
	samples  []state.Sample  // those before now, the newest first
	changes  []state.Resized // those since the last deploy and until now, the oldest first
	last     time.Time       // when the last change was; zero if there was none
	begin    time.Time       // what was before the last change, or the last deploy, tells nothing of now
	interval time.Duration   // what is usual between two samples; 0 if nobody knows
	size     Size
}

// begin returns a decision of which all is known but what follows from it.
func begin(in Input) *decision {
	d := &decision{Input: in, now: in.Load.At}
	d.remember()
	d.count()
	d.want()
	return d
}

// remember sorts out what there was before. What claims to be of the future is passed over: the clock has jumped.
func (d *decision) remember() {
	if !d.Since.After(d.now) {
		d.begin = d.Since
	}
	for _, change := range d.Changes {
		switch {
		case change.At.After(d.now):
			continue
		case change.At.After(d.last):
			d.last = change.At
		}
		if !change.At.Before(d.begin) {
			d.changes = append(d.changes, change)
		}
	}
	slices.SortStableFunc(d.changes, func(a, b state.Resized) int { return a.At.Compare(b.At) })
	if d.last.After(d.begin) {
		d.begin = d.last
	}
	for _, s := range slices.Backward(d.Samples) {
		if s.At.Before(d.now) {
			d.samples = append(d.samples, s)
		}
	}
	slices.SortStableFunc(d.samples, func(a, b state.Sample) int { return b.At.Compare(a.At) })
	d.interval = usual(d.samples)
}

// lately is of how many samples it is taken how far they are apart.
const lately = 20

// usual returns the median of the times between the newest samples.
func usual(samples []state.Sample) time.Duration {
	samples = samples[:min(len(samples), lately)]
	var gaps []time.Duration
	for i := 1; i < len(samples); i++ {
		gaps = append(gaps, samples[i-1].At.Sub(samples[i].At))
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

func (d *decision) count() {
	d.size.Load, d.size.States = d.Load, map[resource.UnitState]int{}
	for _, u := range d.Input.Units.List {
		d.size.States[u.State]++
		if u.State != resource.UnitLeaving {
			d.size.Units++
		}
	}
	d.size.To = d.size.Units
}

// want says what the load asks for by itself.
func (d *decision) want() {
	d.size.Wanted = d.size.Units
	if d.Load.Err != nil {
		return
	}
	d.size.Wanted = d.Policy.Wanted(d.Load.Value, d.size.Units)
	d.size.Sum = d.Policy.sum(d.Load.Value, d.size.Units, d.size.Wanted)
}

// Wanted returns how many units a load asks for by itself where there are that many.
func (p Policy) Wanted(load float64, units int) int {
	if units > 0 && math.Abs(load/(p.Target*float64(units))-1) <= p.Tolerance+rounding {
		return units
	}
	return p.full(load)
}

// full returns how many units carry a load if none carries more than the target.
func (p Policy) full(load float64) int {
	return int(min(math.Ceil(load/p.Target*(1-rounding)), mostUnits))
}

// rounding is the part of a quotient that the errors of its division may come to.
const rounding = 1e-9

func (p Policy) sum(load float64, units, wanted int) string {
	text := fmt.Sprintf("%s / %s = %s", Number(load), Number(p.Target), Number(load/p.Target))
	if wanted == units && units > 0 && p.full(load) != units {
		return fmt.Sprintf("%s -> %d, within the tolerance of %s", text, wanted, Number(p.Tolerance))
	}
	return fmt.Sprintf("%s -> %d", text, wanted)
}

// aim returns what the load asks for, or the bound that the number of units is beyond. There have to be as many as the minimum even if the load is not
// known.
func (d *decision) aim() int {
	p := d.Policy
	switch {
	case d.size.Units < p.Min && (d.size.Wanted <= p.Min || p.UpWindow > 0):
		d.size.Bounds = true
		d.cut("min", p.Min)
		return p.Min
	case d.Load.Err != nil:
		return d.size.Units
	case d.size.Units > p.Max:
		d.size.Bounds = true
		d.cut("max", p.Max)
		return p.Max
	}
	return d.size.Wanted
}

func (d *decision) cut(name string, n int) {
	d.size.Cuts = append(d.size.Cuts, fmt.Sprintf("%s %d", name, n))
}

// grow adds units.
func (d *decision) grow(target int) {
	if !d.size.Bounds {
		least, covered := d.least()
		switch {
		case !covered:
			d.wait("up_window", d.Policy.UpWindow)
			return
		case least <= d.size.Units:
			d.size.Wait = fmt.Sprintf("the load asked for %d within the up_window of %s", least, Duration(d.Policy.UpWindow))
			return
		}
		target = least
	}
	if target > d.Policy.Max {
		target = max(d.Policy.Max, d.size.Units)
		d.cut("max", d.Policy.Max)
	}
	if target-d.size.Units > d.Policy.UpStep {
		target = d.size.Units + d.Policy.UpStep
		d.cut("up_step", d.Policy.UpStep)
	}
	if target <= d.size.Units || d.paused(PauseOut) || d.cooling() {
		return
	}
	switch stuck := d.stuck(); {
	case d.size.Broken != "" || stuck == "":
		d.size.Guard = d.size.Broken
	case d.size.States[resource.UnitStarting] > 0:
		d.size.Wait = stuck + "; there are units that start"
		return
	case d.now.Before(d.shown()):
		d.size.Wait, d.size.Until = stuck+"; the last of them may be of use yet", d.shown()
		return
	default:
		d.size.Guard = stuck
	}
	d.size.To = target
}

// shrink removes units.
func (d *decision) shrink(target int) {
	if !d.size.Bounds {
		most, covered := d.most()
		switch {
		case !covered:
			d.wait("down_window", d.Policy.DownWindow)
			return
		case most >= d.size.Units:
			d.size.Wait = fmt.Sprintf("the load asked for %d within the down_window of %s", most, Duration(d.Policy.DownWindow))
			return
		}
		target = most
	}
	if target < d.Policy.Min {
		target = min(d.Policy.Min, d.size.Units)
		d.cut("min", d.Policy.Min)
	}
	if d.size.Units-target > d.Policy.DownStep {
		target = d.size.Units - d.Policy.DownStep
		d.cut("down_step", d.Policy.DownStep)
	}
	if target == 0 && (!d.idle() || d.size.Units > 1) {
		target = 1 // the last one goes alone
	}
	if target >= d.size.Units || d.paused(PauseIn) || d.cooling() || d.unsettled() {
		return
	}
	d.choose(d.size.Units - target)
	if d.size.Changes() {
		d.size.Guard = cmp.Or(d.size.Broken, d.lingers())
	}
}

func (d *decision) paused(direction Pause) bool {
	if d.Policy.Pause != direction && d.Policy.Pause != PauseAll {
		return false
	}
	d.size.Wait = fmt.Sprintf("paused by pause = %s", d.Policy.Pause)
	return true
}

func (d *decision) cooling() bool {
	end := d.begin.Add(d.Policy.Cooldown)
	if d.begin.IsZero() || !d.now.Before(end) {
		return false
	}
	d.size.Wait, d.size.Until = "the cooldown of "+Duration(d.Policy.Cooldown), end
	return true
}

// idle says whether there was no load at all, as there is none now, for so long that the last unit may go.
func (d *decision) idle() bool {
	begun := d.now
	samples, covered := d.watched(d.Policy.IdleAfter)
	for _, s := range samples {
		if s.Load > 0 {
			covered = false
			break
		}
		begun = s.At
	}
	if !covered {
		d.size.Wait = "the last unit stays until there was no load for the idle_after of " + Duration(d.Policy.IdleAfter)
		d.size.Until = begun.Add(d.Policy.IdleAfter)
	}
	return covered
}

// unsettled says whether units come or go, so that what the others have to carry is not known yet.
func (d *decision) unsettled() bool {
	for _, u := range d.Input.Units.List {
		if (u.State == resource.UnitStarting || u.State == resource.UnitLeaving) && !d.overdue(u) {
			d.size.Wait = fmt.Sprintf("%s is %s", u.Name, u.State)
			return true
		}
	}
	return false
}

// choose says which n units go. One that stays until the last goes only with all others.
func (d *decision) choose(n int) {
	all := n == d.size.Units
	var names []string
	var busy string
	for _, u := range d.Input.Units.List {
		switch {
		case len(names) == n || u.State == resource.UnitLeaving || u.Last && !all:
		case u.Busy != "":
			busy = cmp.Or(busy, u.Name+": "+u.Busy)
		default:
			names = append(names, u.Name)
		}
	}
	if len(names) < n && !d.Input.Units.Unchosen {
		d.size.Wait = cmp.Or(busy, "no unit can be removed")
	}
	if d.Input.Units.Unchosen {
		names = nil
	} else {
		n = len(names)
	}
	d.size.To, d.size.Remove = d.size.Units-n, names
}

// broken tells of the first unit that does not work and does not come to, which a person has to see to.
func (d *decision) broken() string {
	for _, u := range d.Input.Units.List {
		switch {
		case u.State == resource.UnitFailed:
			return strings.TrimSuffix(fmt.Sprintf("%s has failed: %s", u.Name, u.Text), ": ")
		case u.State == resource.UnitStarting && d.overdue(u):
			return d.late(u)
		}
	}
	return ""
}

// lingers tells of the first unit that was asked to go and does not. It is in nobody's way where units are added.
func (d *decision) lingers() string {
	for _, u := range d.Input.Units.List {
		if u.State == resource.UnitLeaving && d.overdue(u) {
			return d.late(u)
		}
	}
	return ""
}

// late tells of a unit that has been starting, or leaving, for too long.
func (d *decision) late(u resource.Unit) string {
	return fmt.Sprintf("%s has been %s since %s, longer than the timeout of %s", u.Name, u.State, d.began(u).UTC().Format("2006-01-02 15:04 UTC"), Duration(d.Policy.Timeout))
}

// overdue says whether a unit has been starting, or leaving, for too long.
func (d *decision) overdue(u resource.Unit) bool {
	began := d.began(u)
	return !began.IsZero() && d.now.Sub(began) > d.Policy.Timeout
}

// began returns since when a unit starts, or leaves: if nobody says, since the last change.
func (d *decision) began(u resource.Unit) time.Time {
	if u.Since.IsZero() {
		return d.last
	}
	return u.Since
}
