package scale

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// The properties hold for every policy and every past. rapid makes them up, and cuts what fails down to what a person can read.

func anyPolicy(t *rapid.T) Policy {
	seconds := func(most int, name string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Second
	}
	p := Policy{Min: rapid.IntRange(0, 6).Draw(t, "min"), Target: rapid.SampledFrom([]float64{0.3, 1, 7, 200}).Draw(t, "target"),
		Tolerance: rapid.SampledFrom([]float64{0, 0.1, 0.3, 0.9}).Draw(t, "tolerance"), UpWindow: seconds(240, "up_window"), DownWindow: seconds(600, "down_window"),
		UpStep: rapid.IntRange(1, 5).Draw(t, "up_step"), DownStep: rapid.IntRange(1, 5).Draw(t, "down_step"), Cooldown: seconds(300, "cooldown"),
		IdleAfter: seconds(900, "idle_after"), Timeout: 30 * time.Minute, Pause: PauseNone}
	p.Max = max(1, p.Min+rapid.IntRange(0, 12).Draw(t, "beyond min"))
	return p
}

func anyLoad(t *rapid.T, p Policy, name string) float64 {
	return rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 20*p.Target)).Draw(t, name)
}

func anyUnits(t *rapid.T) resource.Units {
	var list []resource.Unit
	for i := range rapid.IntRange(0, 12).Draw(t, "units") {
		u := resource.Unit{Name: fmt.Sprintf("w/%d", i), Last: i == 0, State: rapid.SampledFrom([]resource.UnitState{resource.UnitReady, resource.UnitReady,
			resource.UnitReady, resource.UnitStarting, resource.UnitFailed, resource.UnitLeaving}).Draw(t, "state")}
		if rapid.IntRange(0, 9).Draw(t, "busy") == 0 {
			u.Busy = "it runs a hook"
		}
		list = append(list, u)
	}
	slices.Reverse(list)
	return resource.Units{List: list, Unchosen: rapid.Bool().Draw(t, "unchosen")}
}

// anyInput is whatever may be: the agent looks about each half minute, does not at times, and does not learn of the load at others.
func anyInput(t *rapid.T) Input {
	in := Input{Policy: anyPolicy(t), Units: anyUnits(t)}
	in.Policy.Pause = rapid.SampledFrom([]Pause{PauseNone, PauseNone, PauseNone, PauseIn, PauseOut, PauseAll}).Draw(t, "pause")
	in.Policy.NoProgressAfter = rapid.IntRange(0, 3).Draw(t, "no_progress_after")
	in.Load = resource.Load{At: now, Value: anyLoad(t, in.Policy, "load")}
	if rapid.IntRange(0, 9).Draw(t, "no data") == 0 {
		in.Load = resource.Load{At: now, Err: errors.New("no data")}
	}
	in.Samples = anySamples(t, in.Policy)
	for _, minutes := range rapid.SliceOfNDistinct(rapid.IntRange(-5, 60), 0, 5, rapid.ID[int]).Draw(t, "changes") {
		from, to := rapid.IntRange(0, 12).Draw(t, "from"), rapid.IntRange(0, 12).Draw(t, "to")
		in.Changes = append(in.Changes, changed(time.Duration(minutes)*time.Minute, from, to, anyLoad(t, in.Policy, "then")))
	}
	if rapid.IntRange(0, 3).Draw(t, "deployed") == 0 {
		in.Since = ago(time.Duration(rapid.IntRange(-5, 60).Draw(t, "deploy")) * time.Minute)
	}
	return in
}

func anySamples(t *rapid.T, p Policy) []state.Sample {
	var all []state.Sample
	interval := rapid.SampledFrom([]int{15, 30, 120, 300}).Draw(t, "interval")
	loads := rapid.SliceOfN(rapid.IntRange(-1, 12), 0, 40).Draw(t, "loads")
	for i, wanted := range loads {
		s := state.Sample{At: ago(time.Duration((i-1)*interval) * time.Second), Known: wanted >= 0, Units: 4, Wanted: 4}
		if s.Known {
			s.Load, s.Wanted = p.Target*float64(wanted), wanted
		}
		all = append(all, s)
	}
	return all
}

// holds checks a property of what is decided whatever there is.
func holds(t *testing.T, property func(t *rapid.T, in Input, size Size)) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		property(t, in, Decide(in))
	})
}

func TestWithinBounds(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		p, from, to := in.Policy, size.Units, size.To
		inside := from >= p.Min && from <= p.Max
		switch {
		case inside && (to < p.Min || to > p.Max), from < p.Min && (to < from || to > p.Max), from > p.Max && (to > from || to < p.Max):
			t.Fatalf("%d to %d: %s", p.Min, p.Max, told(size))
		case to-from > p.UpStep || from-to > p.DownStep:
			t.Fatalf("%d up, %d down: %s", p.UpStep, p.DownStep, told(size))
		}
	})
}

func TestWithoutData(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, _ Size) {
		in.Load = resource.Load{At: now, Err: errors.New("no data")}
		if size := Decide(in); size.To < size.Units || size.To > max(in.Policy.Min, size.Units) {
			t.Fatal(told(size))
		}
	})
}

func TestMonotone(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, _ Size) {
		in.Policy.NoProgressAfter = 0
		size := Decide(in)
		in.Load.Value = size.Load.Value + anyLoad(t, in.Policy, "more load")
		if more := Decide(in); more.To < size.To {
			t.Fatalf("%v: %s\n%v: %s", size.Load.Value, told(size), in.Load.Value, told(more))
		}
	})
}

func TestAnyOrder(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		in.Samples, in.Changes = shuffled(t, in.Samples), shuffled(t, in.Changes)
		if diff := cmp.Diff(told(size), told(Decide(in))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func shuffled[T any](t *rapid.T, all []T) []T {
	if len(all) == 0 {
		return all
	}
	return rapid.Permutation(all).Draw(t, "in another order")
}

func TestFutureIsPassedOver(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		in.Samples = slices.DeleteFunc(in.Samples, func(s state.Sample) bool { return s.At.After(now) })
		in.Changes = slices.DeleteFunc(in.Changes, func(c state.Resized) bool { return c.At.After(now) })
		if in.Since.After(now) {
			in.Since = time.Time{}
		}
		if diff := cmp.Diff(told(size), told(Decide(in))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestInputIsLeftAlone(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		samples, changes := slices.Clone(in.Samples), slices.Clone(in.Changes)
		Decide(in)
		if diff := cmp.Diff(samples, in.Samples) + cmp.Diff(changes, in.Changes); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Of what was asked for in the window the most counts alone, whatever the other samples are, and however many.
func TestOneRecommendation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Policy: anyPolicy(t), Units: units("12"), Load: resource.Load{At: now}}
		in.Policy.Max, in.Policy.DownStep, in.Policy.DownWindow = 12, 12, 5*time.Minute
		most := rapid.IntRange(0, 11).Draw(t, "most")
		at := rapid.IntRange(1, 10).Draw(t, "when")
		for i := 1; i <= 10; i++ {
			wanted := most
			if i != at {
				wanted = rapid.IntRange(0, most).Draw(t, "wanted")
			}
			in.Samples = append(in.Samples, sample(time.Duration(i)*30*time.Second, 200, wanted))
		}
		want := max(most, in.Policy.Min, 1) // the last is another matter
		if got := Decide(in); got.To != want {
			t.Fatalf("%d was asked for: %s", most, told(got))
		}
	})
}

func TestLeaderStays(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		for _, u := range in.Units.List {
			if u.Last && slices.Contains(size.Remove, u.Name) && (size.To > 0 || size.Units > 1) {
				t.Fatal(told(size))
			}
			if (u.Busy != "" || u.State == resource.UnitLeaving) && slices.Contains(size.Remove, u.Name) {
				t.Fatalf("%s goes, which is %s, and busy: %q", u.Name, u.State, u.Busy)
			}
		}
		if len(size.Remove) != max(0, size.Units-size.To) && !in.Units.Unchosen {
			t.Fatalf("%d to %d, and %d go", size.Units, size.To, len(size.Remove))
		}
		if size.To == 0 && size.Units > 1 {
			t.Fatalf("%d units, and none at once", size.Units)
		}
	})
}

// A unit that starts counts as much as one that works.
func TestStartingUnitsCount(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, _ Size) {
		in.Policy.NoProgressAfter = 0
		for i := range in.Units.List {
			in.Units.List[i].State = resource.UnitReady
		}
		ready := Decide(in)
		for i := range in.Units.List {
			in.Units.List[i].State = resource.UnitStarting
			in.Units.List[i].Since = now
		}
		if starting := Decide(in); ready.To >= ready.Units && starting.To != ready.To || starting.To < starting.Units {
			t.Fatalf("ready: %s\nstarting: %s", told(ready), told(starting))
		}
	})
}

// loop is a service whose load stays as it is, with an agent that looks again and again and keeps what it saw.
type loop struct {
	Input
	start   time.Duration // that a unit takes
	changed []time.Time   // when
	sizes   []int         // to which
}

func anyLoop(t *rapid.T) *loop {
	l := &loop{Input: Input{Policy: anyPolicy(t), Units: units(fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "units")))},
		start: time.Duration(rapid.IntRange(0, 400).Draw(t, "start")) * time.Second}
	l.Load = resource.Load{At: now, Value: anyLoad(t, l.Policy, "load")}
	return l
}

// look is one run of the agent.
func (l *loop) look(interval time.Duration) Size {
	l.Load.At = l.Load.At.Add(interval)
	for i, u := range l.Units.List {
		if u.State == resource.UnitStarting && l.Load.At.Sub(u.Since) >= l.start {
			l.Units.List[i].State = resource.UnitReady
		}
	}
	size := Decide(l.Input)
	l.Samples = append(l.Samples, size.Sample())
	if !size.Changes() {
		return size
	}
	l.Changes = append(l.Changes, state.Resized{At: l.Load.At, From: size.Units, To: size.To, Known: l.Load.Err == nil, Load: l.Load.Value})
	l.changed, l.sizes = append(l.changed, l.Load.At), append(l.sizes, size.To)
	for n := size.Units; n < size.To; n++ {
		added := resource.Unit{Name: fmt.Sprintf("new/%d", len(l.changed)*100+n), State: resource.UnitStarting, Since: l.Load.At, Last: n == 0}
		l.Units.List = slices.Insert(l.Units.List, 0, added)
	}
	l.Units.List = slices.DeleteFunc(l.Units.List, func(u resource.Unit) bool { return slices.Contains(size.Remove, u.Name) })
	return size
}

// Under a load that stays as it is, the number of units goes one way, and then rests.
func TestNoOscillation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLoop(t)
		from := len(l.Units.List)
		for range 1000 {
			l.look(30 * time.Second)
		}
		sizes := append([]int{from}, l.sizes...)
		if !slices.IsSorted(sizes) && !slices.IsSortedFunc(sizes, func(a, b int) int { return b - a }) {
			t.Fatalf("%d, then %v", from, l.sizes)
		}
		if rest := Decide(l.Input); len(l.changed) > 0 && l.Load.At.Sub(l.changed[len(l.changed)-1]) < time.Hour || rest.Changes() {
			t.Fatalf("no rest: %d, then %v: %s", from, l.sizes, told(rest))
		}
	})
}

// Under any load there is the cooldown between two changes, and the window between any change and a removal.
func TestTimeBetweenChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLoop(t)
		for len(l.Units.List) > l.Policy.Max { // beyond it there is no window
			l.Units.List = l.Units.List[1:]
		}
		before := time.Time{}
		for range 200 {
			l.Load.Value = anyLoad(t, l.Policy, "load")
			l.Load.Err = nil
			if rapid.IntRange(0, 9).Draw(t, "no data") == 0 {
				l.Load.Err = errors.New("no data")
			}
			size := l.look(time.Duration(rapid.IntRange(20, 90).Draw(t, "interval")) * time.Second)
			if !size.Changes() {
				continue
			}
			passed := l.Load.At.Sub(before)
			if !before.IsZero() && (passed < l.Policy.Cooldown || size.To < size.Units && passed < l.Policy.DownWindow) {
				t.Fatalf("%s after the change before: %s", passed, told(size))
			}
			before = l.Load.At
		}
	})
}

// In the window before a removal somebody looked all the time, and the load asked for fewer all the time.
func TestCalmIsSeen(t *testing.T) {
	holds(t, func(t *rapid.T, in Input, size Size) {
		if size.To >= size.Units || size.Bounds {
			return
		}
		samples := slices.DeleteFunc(in.Samples, func(s state.Sample) bool { return !s.At.Before(now) })
		slices.SortFunc(samples, func(a, b state.Sample) int { return b.At.Compare(a.At) })
		later, blind := now, in.Policy.DownWindow*3/2
		if len(samples) > 1 {
			blind = max(blind, samples[0].At.Sub(samples[1].At)*3/2)
		}
		for _, s := range samples {
			if now.Sub(later) >= in.Policy.DownWindow {
				return
			}
			if !s.Known || s.Wanted >= size.Units || later.Sub(s.At) > blind {
				t.Fatalf("%s, and %s before there was %+v", told(size), now.Sub(s.At), s)
			}
			later = s.At
		}
		if now.Sub(later) < in.Policy.DownWindow {
			t.Fatalf("%s, and nobody looked before %s", told(size), later)
		}
	})
}
