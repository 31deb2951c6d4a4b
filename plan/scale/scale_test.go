package scale

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// now is when all stories take place.
var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// story is a moment of a service whose units are to carry 200 each, of which there are to be 1 to 8.
type story struct {
	name    string
	policy  func(*Policy)
	units   string  // "3", or with the states of some: "3 starting 1 failed 1"; the first to go has the highest number, and 0 leads
	load    float64 // less than 0: it is not known
	samples []state.Sample
	changes []state.Resized
	deploy  time.Duration // how long ago the last deploy was; 0: there was none
	edit    func(*Input)
	want    string // as told writes it
}

func policy() Policy {
	return Policy{Min: 1, Max: 8, Target: 200, Tolerance: 0.1, DownWindow: 5 * time.Minute, UpStep: 4, DownStep: 1, Cooldown: 3 * time.Minute,
		IdleAfter: 15 * time.Minute, Timeout: 30 * time.Minute, Pause: PauseNone}
}

func (s story) input() Input {
	in := Input{Policy: policy(), Units: units(s.units), Load: loadOf(s.load), Samples: s.samples, Changes: s.changes}
	if s.policy != nil {
		s.policy(&in.Policy)
	}
	if s.deploy > 0 {
		in.Since = ago(s.deploy)
	}
	if s.edit != nil {
		s.edit(&in)
	}
	return in
}

func loadOf(value float64) resource.Load {
	if value < 0 {
		return resource.Load{At: now, Err: errors.New("the queue cannot be asked")}
	}
	return resource.Load{Value: value, At: now}
}

// units reads how many there are that are ready, and how many of others.
func units(text string) resource.Units {
	words := strings.Fields("ready " + text)
	var list []resource.Unit
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			panic(err)
		}
		for range n {
			name := fmt.Sprintf("w/%d", len(list))
			list = append(list, resource.Unit{Name: name, State: resource.UnitState(words[i]), Last: len(list) == 0})
		}
	}
	slices.Reverse(list)
	return resource.Units{List: list}
}

// told is what is decided, in a line: the units, the bounds and steps that cut the answer, who goes, what is waited for, and why a person is needed.
func told(s Size) string {
	text := fmt.Sprintf("%d -> %d", s.Units, s.To)
	if s.Bounds {
		text += " for the bounds"
	}
	for _, cut := range s.Cuts {
		text += ", " + cut
	}
	if len(s.Remove) > 0 {
		text += ", without " + strings.Join(s.Remove, " ")
	}
	if s.Wait != "" {
		text += "; waits: " + s.Wait
	}
	if !s.Until.IsZero() {
		text += fmt.Sprintf(" (%s)", Duration(s.Until.Sub(now)))
	}
	if s.Guard != "" {
		text += "; guard: " + s.Guard
	}
	return text
}

// calm is a sample each 30 seconds, from so many minutes ago until half a minute ago, of a load that asks for that many units.
func calm(minutes int, wanted int) []state.Sample { return between(minutes, 0, wanted) }

// between is calm that ended so many minutes ago.
func between(from, to, wanted int) []state.Sample {
	return every(30*time.Second, time.Duration(from)*time.Minute, time.Duration(to)*time.Minute, wanted)
}

func every(interval, from, to time.Duration, wanted int) []state.Sample {
	var all []state.Sample
	for at := from; at > to; at -= interval {
		all = append(all, state.Sample{At: ago(at), Known: true, Load: 200 * float64(wanted), Units: wanted, Wanted: wanted})
	}
	return all
}

func sample(before time.Duration, load float64, wanted int) state.Sample {
	return state.Sample{At: ago(before), Known: true, Load: load, Units: 4, Wanted: wanted}
}

func unknown(before time.Duration, units int) state.Sample {
	return state.Sample{At: ago(before), Units: units, Wanted: units}
}

func changed(before time.Duration, from, to int, load float64) state.Resized {
	return state.Resized{At: ago(before), From: from, To: to, Known: load >= 0, Load: max(load, 0)}
}

func join(parts ...[]state.Sample) []state.Sample {
	var all []state.Sample
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func check(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			if diff := cmp.Diff(s.want, told(Decide(s.input()))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMoreUnits(t *testing.T) {
	check(t, []story{
		{name: "the backlog of the README, by steps of 4", units: "4", load: 1450, want: "4 -> 8"},
		{name: "more than max carries", units: "6", load: 5000, want: "6 -> 8, max 8"},
		{name: "more than a step", units: "1", load: 1600, want: "1 -> 5, up_step 4"},
		{name: "more than both", units: "1", load: 5000, want: "1 -> 5, max 8, up_step 4"},
		{name: "there are max already", units: "8", load: 5000, want: "8 -> 8, max 8"},
		{name: "a tenth more than the target is tolerated", units: "4", load: 880, want: "4 -> 4"},
		{name: "a little more than that is not", units: "4", load: 881, want: "4 -> 5"},
		{name: "from none, by the first message", policy: func(p *Policy) { p.Min = 0 }, units: "0", load: 1, want: "0 -> 1"},
		{name: "units that start are not asked for twice", units: "4 starting 4", load: 1450, want: "8 -> 8"},
		{name: "but more load asks for more than those", units: "2 starting 2", load: 1450, want: "4 -> 8"},
		{name: "a unit that leaves carries nothing", units: "4 leaving 1", load: 1000, want: "4 -> 5"},
		{name: "the cooldown after a change", units: "4", load: 1450, changes: []state.Resized{changed(time.Minute, 3, 4, 700)},
			want: "4 -> 4; waits: the cooldown of 3m (2m)"},
		{name: "the cooldown after a deploy", units: "4", load: 1450, deploy: time.Minute, want: "4 -> 4; waits: the cooldown of 3m (2m)"},
		{name: "the cooldown is over at its end", units: "4", load: 1450, changes: []state.Resized{changed(3*time.Minute, 3, 4, 700)}, want: "4 -> 8"},
		{name: "paused", policy: func(p *Policy) { p.Pause = PauseOut }, units: "4", load: 1450, want: "4 -> 4; waits: paused by pause = out"},
		{name: "paused both ways", policy: func(p *Policy) { p.Pause = PauseAll }, units: "4", load: 1450, want: "4 -> 4; waits: paused by pause = all"},
		{name: "the other way is paused", policy: func(p *Policy) { p.Pause = PauseIn }, units: "4", load: 1450, want: "4 -> 8"},
	})
}

func TestUpWindow(t *testing.T) {
	window := func(p *Policy) { p.UpWindow = 2 * time.Minute }
	check(t, []story{
		{name: "the first run knows nothing of before", policy: window, units: "4", load: 1450,
			want: "4 -> 4; waits: 8 is asked for, and that has to last for the up_window of 2m (2m)"},
		{name: "half of it has passed", policy: window, units: "4", load: 1450, samples: calm(1, 8),
			want: "4 -> 4; waits: 8 is asked for, and that has to last for the up_window of 2m (1m)"},
		{name: "the least that was asked for in it counts", policy: window, units: "4", load: 1450, samples: join(between(2, 1, 6), calm(1, 8)), want: "4 -> 6"},
		{name: "a spike that is over a moment counts for nothing", policy: window, units: "4", load: 1450, samples: join(between(5, 1, 4), calm(1, 8)),
			want: "4 -> 4; waits: the load asked for 4 within the up_window of 2m"},
		{name: "what was not measured asked for nothing", policy: window, units: "4", load: 1450,
			samples: join(between(5, 1, 8), []state.Sample{unknown(time.Minute, 4), sample(30*time.Second, 1450, 8)}),
			want:    "4 -> 4; waits: 8 is asked for, and that has to last for the up_window of 2m (1m30s)"},
	})
}

func TestFewerUnits(t *testing.T) {
	check(t, []story{
		{name: "after the window, one at a time", units: "4", load: 200, samples: calm(5, 1), want: "4 -> 3, down_step 1, without w/3"},
		{name: "two at a time", policy: func(p *Policy) { p.DownStep = 2 }, units: "4", load: 200, samples: calm(5, 1), want: "4 -> 2, down_step 2, without w/3 w/2"},
		{name: "the most that was asked for in the window counts", policy: func(p *Policy) { p.DownStep = 9 }, units: "6", load: 200,
			samples: join(between(5, 2, 1), between(2, 1, 4), calm(1, 2)), want: "6 -> 4, without w/5 w/4"},
		{name: "a spike within the window", units: "4", load: 200, samples: join(between(5, 2, 1), []state.Sample{sample(90*time.Second, 2000, 10)}, calm(1, 1)),
			want: "4 -> 4; waits: the load asked for 10 within the down_window of 5m"},
		{name: "the first run knows nothing of before", units: "4", load: 200,
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "less than the window", units: "4", load: 200, samples: calm(4, 1),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (1m)"},
		{name: "what was before the last change does not count", units: "4", load: 200, samples: calm(20, 1), changes: []state.Resized{changed(4*time.Minute, 5, 4, 200)},
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (1m)"},
		{name: "nor what was before the deploy", units: "4", load: 200, samples: calm(20, 1), deploy: 4 * time.Minute,
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (1m)"},
		{name: "a long cooldown", policy: func(p *Policy) { p.Cooldown = time.Hour }, units: "4", load: 200, samples: calm(20, 1),
			changes: []state.Resized{changed(20*time.Minute, 5, 4, 200)}, want: "4 -> 4, down_step 1; waits: the cooldown of 1h (40m)"},
		{name: "there are min already", units: "1", load: 0, samples: calm(5, 0), want: "1 -> 1, min 1"},
		{name: "no fewer than min", policy: func(p *Policy) { p.Min, p.DownStep = 3, 9 }, units: "5", load: 0, samples: calm(5, 0), want: "5 -> 3, min 3, without w/4 w/3"},
		{name: "a tenth less than the target is tolerated", units: "4", load: 720, samples: calm(5, 3), want: "4 -> 4"},
		{name: "a unit starts", units: "4 starting 1", load: 200, samples: calm(5, 1), want: "5 -> 5, down_step 1; waits: w/4 is starting"},
		{name: "a unit leaves", units: "4 leaving 1", load: 200, samples: calm(5, 1), want: "4 -> 4, down_step 1; waits: w/4 is leaving"},
		{name: "paused", policy: func(p *Policy) { p.Pause = PauseIn }, units: "4", load: 200, samples: calm(5, 1), want: "4 -> 4, down_step 1; waits: paused by pause = in"},
		{name: "the other way is paused", policy: func(p *Policy) { p.Pause = PauseOut }, units: "4", load: 200, samples: calm(5, 1), want: "4 -> 3, down_step 1, without w/3"},
		{name: "one that is busy stays, and the next goes", units: "4", load: 200, samples: calm(5, 1),
			edit: func(in *Input) { in.Units.List[0].Busy = "it runs the hook config-changed" }, want: "4 -> 3, down_step 1, without w/2"},
		{name: "all are busy but the leader", units: "2", load: 200, samples: calm(5, 1), edit: func(in *Input) { in.Units.List[0].Busy = "it runs a hook" },
			want: "2 -> 2; waits: w/1: it runs a hook"},
		{name: "too few may go", policy: func(p *Policy) { p.DownStep = 2 }, units: "4", load: 400, samples: calm(5, 2),
			edit: func(in *Input) { in.Units.List[0].Busy, in.Units.List[2].Busy = "it runs a hook", "it runs a hook" },
			want: "4 -> 3, without w/2; waits: w/3: it runs a hook"},
		{name: "the outside system chooses", policy: func(p *Policy) { p.DownStep = 2 }, units: "4", load: 200, samples: calm(5, 1),
			edit: func(in *Input) { in.Units.Unchosen = true }, want: "4 -> 2, down_step 2"},
	})
}

// What nobody looked at is never taken for calm.
func TestCoverage(t *testing.T) {
	minute := time.Minute
	check(t, []story{
		{name: "cron each five minutes", units: "4", load: 200, samples: every(5*minute, 25*minute, 0, 1), want: "4 -> 3, down_step 1, without w/3"},
		{name: "cron, a few seconds off", units: "4", load: 200, samples: []state.Sample{sample(10*minute+9*time.Second, 200, 1), sample(5*minute+7*time.Second, 200, 1)},
			want: "4 -> 3, down_step 1, without w/3"},
		{name: "cron, and one run did not come", units: "4", load: 200, samples: every(5*minute, 30*minute, 5*minute, 1),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "a run each half minute, and none for six", units: "4", load: 200, samples: between(30, 6, 1),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "none for three minutes, which is more than half of the window", units: "4", load: 200, samples: join(between(30, 4, 1), calm(1, 1)),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (4m)"},
		{name: "none for two minutes", units: "4", load: 200, samples: join(between(30, 3, 1), calm(1, 1)), want: "4 -> 3, down_step 1, without w/3"},
		{name: "a measurement is missing", units: "4", load: 200, samples: join(between(30, 3, 1), []state.Sample{unknown(3*minute, 4)}, between(3, 0, 1)[1:]),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (2m30s)"},
		{name: "one is missing, of when there were fewer units", units: "4", load: 200, samples: join(between(30, 3, 1), []state.Sample{unknown(3*minute, 1)}, between(3, 0, 1)[1:]),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (2m30s)"},
		{name: "the clock jumped ahead by an hour", units: "4", load: 200, samples: between(90, 60, 1),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "the clock jumped back by an hour", units: "4", load: 200, samples: between(-30, -60, 1),
			want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "a change of the future is passed over", units: "4", load: 1450, changes: []state.Resized{changed(-minute, 3, 4, 700)}, want: "4 -> 8"},
		{name: "a deploy of the future, too", units: "4", load: 1450, edit: func(in *Input) { in.Since = ago(-minute) }, want: "4 -> 8"},
		{name: "the newest change counts, wherever it stands", units: "4", load: 1450,
			changes: []state.Resized{changed(minute, 3, 4, 700), changed(9*minute, 2, 3, 500)}, want: "4 -> 4; waits: the cooldown of 3m (2m)"},
	})
}

func TestNoData(t *testing.T) {
	check(t, []story{
		{name: "nothing is changed", units: "4", load: -1, samples: calm(30, 1), want: "4 -> 4"},
		{name: "nor beyond max", units: "9", load: -1, want: "9 -> 9"},
		{name: "but for min", policy: func(p *Policy) { p.Min = 3 }, units: "1", load: -1, want: "1 -> 3 for the bounds, min 3"},
		{name: "the last unit stays", policy: func(p *Policy) { p.Min = 0 }, units: "1", load: -1, samples: calm(60, 0), want: "1 -> 1"},
	})
}

func TestBounds(t *testing.T) {
	check(t, []story{
		{name: "fewer than min, whatever the load", policy: func(p *Policy) { p.Min = 3 }, units: "2", load: 10, want: "2 -> 3 for the bounds, min 3"},
		{name: "fewer than min, by steps", policy: func(p *Policy) { p.Min = 8 }, units: "1", load: 10, want: "1 -> 5 for the bounds, min 8, up_step 4"},
		{name: "fewer than min, and the load asks for more", policy: func(p *Policy) { p.Min = 2 }, units: "1", load: 900, want: "1 -> 5"},
		{name: "for min nobody waits for the up_window", policy: func(p *Policy) { p.Min, p.UpWindow = 2, time.Minute }, units: "1", load: 900,
			want: "1 -> 2 for the bounds, min 2"},
		{name: "more than max, whatever the load", units: "10", load: 5000, want: "10 -> 9 for the bounds, max 8, down_step 1, without w/9"},
		{name: "more than max, after the cooldown", units: "10", load: 5000, changes: []state.Resized{changed(time.Minute, 11, 10, 5000)},
			want: "10 -> 10 for the bounds, max 8, down_step 1; waits: the cooldown of 3m (2m)"},
	})
}

func TestToZero(t *testing.T) {
	none := func(p *Policy) { p.Min, p.DownStep = 0, 8 }
	check(t, []story{
		{name: "never at once", policy: none, units: "6", load: 0, samples: calm(5, 0),
			want: "6 -> 1, without w/5 w/4 w/3 w/2 w/1; waits: the last unit stays until there was no load for the idle_after of 15m (10m)"},
		{name: "not even after idle_after", policy: none, units: "6", load: 0, samples: calm(60, 0), want: "6 -> 1, without w/5 w/4 w/3 w/2 w/1"},
		{name: "the last stays for a while", policy: none, units: "1", load: 0, samples: calm(10, 0),
			want: "1 -> 1; waits: the last unit stays until there was no load for the idle_after of 15m (5m)"},
		{name: "and then goes, the leader as it is", policy: none, units: "1", load: 0, samples: calm(15, 0), want: "1 -> 0, without w/0"},
		{name: "one message in that time", policy: none, units: "1", load: 0, samples: join(between(15, 10, 0), []state.Sample{sample(10*time.Minute, 1, 1)}, between(10, 0, 0)[1:]),
			want: "1 -> 1; waits: the last unit stays until there was no load for the idle_after of 15m (5m30s)"},
		{name: "a measurement missing in that time", policy: none, units: "1", load: 0, samples: join(between(15, 6, 0), []state.Sample{unknown(6*time.Minute, 1)}, between(6, 0, 0)[1:]),
			want: "1 -> 1; waits: the last unit stays until there was no load for the idle_after of 15m (9m30s)"},
		{name: "a load near nothing keeps it", policy: none, units: "1", load: 1e-7, samples: calm(60, 0), want: "1 -> 1"},
		{name: "none, and no load", policy: none, units: "0", load: 0, want: "0 -> 0"},
	})
}

// Where runs are farther apart than the window is long it takes two of them in a row, and one that did not come begins anew.
func TestSeldom(t *testing.T) {
	seldom := func(gaps ...time.Duration) []state.Sample {
		var all []state.Sample
		at := time.Duration(0)
		for _, gap := range gaps {
			at += gap
			all = append(all, sample(at, 200, 1))
		}
		return all
	}
	hour := time.Hour
	check(t, []story{
		{name: "two runs", units: "4", load: 200, samples: seldom(hour, hour, hour), want: "4 -> 3, down_step 1, without w/3"},
		{name: "one did not come", units: "4", load: 200, samples: seldom(2*hour, hour, hour), want: "4 -> 4; waits: 1 is asked for, and that has to last for the down_window of 5m (5m)"},
		{name: "one saw a load", units: "4", load: 200, samples: []state.Sample{sample(hour, 800, 4), sample(2*hour, 200, 1)},
			want: "4 -> 4; waits: the load asked for 4 within the down_window of 5m"},
	})
}

// A unit that does not work is told even if nothing is asked for.
func TestBrokenIsTold(t *testing.T) {
	in := Input{Policy: Policy{Max: 9, Target: 200, UpStep: 4, DownStep: 1}, Units: units("3 failed 1"), Load: resource.Load{At: now, Value: 800}}
	if size := Decide(in); size.Changes() || size.Broken != "w/3 has failed" {
		t.Errorf("got %s, broken %q", told(size), size.Broken)
	}
	in.Units = units("4")
	if size := Decide(in); size.Broken != "" {
		t.Errorf("got broken %q", size.Broken)
	}
}

func TestBroken(t *testing.T) {
	failed := func(in *Input) {
		in.Units.List[0].State, in.Units.List[0].Text = resource.UnitFailed, "hook failed: \"install\""
	}
	since := func(n int, d time.Duration) func(in *Input) {
		return func(in *Input) { in.Units.List[n].Since = ago(d) }
	}
	check(t, []story{
		{name: "a person stands behind more units while one has failed", units: "4", load: 1450, edit: failed,
			want: "4 -> 8; guard: w/3 has failed: hook failed: \"install\""},
		{name: "and behind fewer, of which the failed one goes first", units: "4", load: 200, samples: calm(5, 1), edit: failed,
			want: "4 -> 3, down_step 1, without w/3; guard: w/3 has failed: hook failed: \"install\""},
		{name: "nothing is to be done about the load, so nothing is asked", units: "4", load: 800, edit: failed, want: "4 -> 4"},
		{name: "one has been starting for too long", units: "4 starting 1", load: 1450, edit: since(0, 31*time.Minute),
			want: "5 -> 8; guard: w/4 has been starting since 2026-03-02 11:29 UTC, longer than the timeout of 30m"},
		{name: "nobody says since when it starts, so it is since the last change", units: "4 starting 1", load: 1450,
			changes: []state.Resized{changed(45*time.Minute, 4, 5, 1000)}, want: "5 -> 8; guard: w/4 has been starting since 2026-03-02 11:15 UTC, longer than the timeout of 30m"},
		{name: "it starts for as long as it may", units: "4 starting 1", load: 1450, edit: since(0, 30*time.Minute), want: "5 -> 8"},
		{name: "one does not go: fewer need a person", units: "4 leaving 1", load: 200, samples: calm(5, 1), edit: since(0, 40*time.Minute),
			want: "4 -> 3, down_step 1, without w/3; guard: w/4 has been leaving since 2026-03-02 11:20 UTC, longer than the timeout of 30m"},
		{name: "one does not go: that is in the way of none that are added", units: "4 leaving 1", load: 1450, edit: since(0, 40*time.Minute), want: "4 -> 8"},
	})
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 7.25: "7.25", 200: "200", 1.0 / 3: "0.33", 123456789012: "123456789012", 1e300: "1e+300"} {
		if got := Number(f); got != want {
			t.Errorf("%g is written %s, not %s", f, got, want)
		}
	}
}
