package replay

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
)

func policy() scale.Policy {
	return scale.Policy{Min: 1, Max: 8, Target: 200, Tolerance: 0.1, DownWindow: 5 * time.Minute, UpStep: 4, DownStep: 1, Cooldown: 3 * time.Minute,
		IdleAfter: 15 * time.Minute, Timeout: 30 * time.Minute, Pause: scale.PauseNone}
}

func series(t *testing.T, text string) Series {
	t.Helper()
	s, err := Read("load.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func world() World { return World{Start: 4 * time.Minute, Interval: 30 * time.Second, Units: 1} }

// script is a rule that follows what a test says, by the minute.
type script map[int]int

func (s script) Decide(units resource.Units, load resource.Load, _ bool) scale.Size {
	size := scale.Size{Units: len(units.List), To: len(units.List), Load: load}
	if to, ok := s[int(load.At.Sub(epoch).Minutes())]; ok {
		size.To = to
		for _, u := range units.List[:max(0, size.Units-to)] {
			size.Remove = append(size.Remove, u.Name)
		}
	}
	return size
}

// changes are told as "10m: 1 -> 5".
func changes(run Run) []string {
	var all []string
	for _, c := range run.Changes {
		all = append(all, fmt.Sprintf("%s: %d -> %d", c.At.Sub(epoch), c.From, c.To))
	}
	return all
}

// Ten more arrive each minute than one unit does; two units added at 10m work from 14m on, and do twenty more than arrive.
func TestBacklog(t *testing.T) {
	w := world()
	w.Rate = 15
	run := Replay(series(t, "0,25\n40m,25\n"), w, policy(), script{10: 3, 30: 2, 40: 3})
	at := func(d time.Duration) Point {
		for _, p := range run.Points {
			if p.At.Equal(epoch.Add(d)) {
				return p
			}
		}
		t.Fatalf("there is no point at %s", d)
		return Point{}
	}
	for d, want := range map[time.Duration]Point{
		10 * time.Minute: {Load: 100, Ready: 1}, 12 * time.Minute: {Load: 120, Ready: 1, Starting: 2}, 14 * time.Minute: {Load: 140, Ready: 3},
		20 * time.Minute: {Load: 20, Ready: 3}, 25 * time.Minute: {Load: 0, Ready: 3},
	} {
		got := at(d)
		if math.Abs(got.Load-want.Load) > 1e-9 || got.Ready != want.Ready || got.Starting != want.Starting {
			t.Errorf("after %s: %+v, want %+v", d, got, want)
		}
	}
	f := run.Figures
	hours := (10*1 + 20*3 + 10*2) / 60.0
	if f.Up != 2 || f.Down != 1 || f.Reversals != 1 || math.Abs(f.MaxLoad-140) > 1e-9 || math.Abs(f.UnitHours-hours) > 1e-9 || f.Over != 0 {
		t.Errorf("%+v, want %v hours", f, hours)
	}
}

// 90 wait after 9m, and 135 after 13m30s; units that are added at 10m work at 14m, or between two runs.
func TestOver(t *testing.T) {
	for _, c := range []struct {
		tolerance   float64
		start, want time.Duration
	}{{0, 4 * time.Minute, 5 * time.Minute}, {0, 4*time.Minute + 10*time.Second, 5*time.Minute + 10*time.Second}, {0.5, 4 * time.Minute, 30 * time.Second}} {
		w, p := world(), policy()
		w.Rate, w.Start, p.Target, p.Tolerance = 15, c.start, 90, c.tolerance
		if run := Replay(series(t, "0,25\n40m,25\n"), w, p, script{10: 3}); run.Figures.Over != c.want {
			t.Errorf("%+v: %s", c, run.Figures.Over)
		}
	}
}

func TestAbove(t *testing.T) {
	for _, c := range []struct{ load, slope, minutes, limit, want float64 }{
		{5, 0, 10, 10, 0}, {15, 0, 10, 10, 10}, {5, 1, 10, 10, 5}, {15, -1, 10, 10, 5}, {5, 1, 3, 10, 0}, {15, -1, 3, 10, 3}, {10, 1, 3, 10, 3}, {10, -1, 3, 10, 0}, {0, 0, 3, 0, 0},
	} {
		if got := above(c.load, c.slope, c.minutes, c.limit); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestOurs(t *testing.T) {
	for name, c := range map[string]struct {
		load string
		edit func(*scale.Policy)
		want []string
	}{
		"a spike": {"0,100\n10m,1450\n30m,100\n41m,100\n", nil, []string{"10m0s: 1 -> 5", "13m0s: 5 -> 8", "35m0s: 8 -> 7", "40m0s: 7 -> 6"}},
		"the load is unknown in the spike": {"0,100\n10m,1450,metric-down\n20m,1450,metric-up\n22m,1450\n", nil,
			[]string{"20m0s: 1 -> 5"}},
		"and after it nothing is removed": {"0,100\n10m,1450\n14m,100,metric-down\n60m,100,metric-up\n66m,100\n", nil,
			[]string{"10m0s: 1 -> 5", "13m0s: 5 -> 8", "1h5m0s: 8 -> 7"}},
		"the units cannot be read or changed": {"0,100,units-down\n10m,1450\n20m,1450,units-up\n22m,1450\n", nil, []string{"20m0s: 1 -> 5"}},
		"the agent is started again in the cooldown": {"0,100\n10m,1450\n11m,1450,agent-down\n12m,1450,agent-up\n14m,1450\n", nil,
			[]string{"10m0s: 1 -> 5", "13m0s: 5 -> 8"}},
		"the agent was away, and the window begins anew": {"0,1450\n10m,100,agent-down\n20m,100,agent-up\n26m,100\n", nil,
			[]string{"0s: 1 -> 5", "3m0s: 5 -> 8", "25m0s: 8 -> 7"}},
		"the clock jumps ahead, and the window begins anew": {"0,1450\n10m,100\n13m,100,clock +1h\n19m,100\n", nil, []string{"0s: 1 -> 5", "3m0s: 5 -> 8", "18m0s: 8 -> 7"}},
		"nothing is removed while units start": {"0,100\n10m,450\n11m,100\n15m,100\n", func(p *scale.Policy) { p.DownWindow = time.Minute },
			[]string{"10m0s: 1 -> 3", "14m0s: 3 -> 2"}},
		"poison": {"0,0\n10m,0,poison 3000\n1h,0,purge\n66m,0\n", func(p *scale.Policy) { p.UpStep, p.NoProgressAfter = 1, 3 },
			[]string{"10m0s: 1 -> 2", "13m0s: 2 -> 3", "16m0s: 3 -> 4", "1h5m0s: 4 -> 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy()
			if c.edit != nil {
				c.edit(&p)
			}
			run := Replay(series(t, c.load), world(), p, &Ours{Policy: p})
			if diff := cmp.Diff(c.want, changes(run)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := map[string]int{"poison": 1}[name]; run.Figures.Guarded != want {
				t.Errorf("%d times left to a person, want %d", run.Figures.Guarded, want)
			}
		})
	}
}

// What is left to a person is not remembered as if it was done.
func TestGuardedIsNoChange(t *testing.T) {
	o := Ours{Policy: policy()}
	failed := resource.Units{List: []resource.Unit{{Name: "unit/0", State: resource.UnitFailed, Last: true}}}
	size := o.Decide(failed, resource.Load{At: epoch, Value: 1000}, false)
	if !size.Changes() || size.Guard == "" || len(o.changes) != 0 || len(o.samples) != 1 {
		t.Errorf("%+v, and %+v", size, o)
	}
}

// Everything that keeps the agent from its work is told of each run.
func TestTrouble(t *testing.T) {
	run := Replay(series(t, "0,1,metric-down\n30s,1,units-down\n60s,1,agent-down\n90s,1,agent-up\n120s,1,units-up\n150s,1,metric-up\n"), world(), policy(), &Ours{Policy: policy()})
	var got []string
	for _, p := range run.Points {
		got = append(got, p.Trouble)
	}
	want := []string{"the load cannot be measured", "the units cannot be read or changed", "the agent does not run", "the units cannot be read or changed", "the load cannot be measured", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHPA(t *testing.T) {
	for name, c := range map[string]struct {
		load  string
		start time.Duration
		units int
		edit  func(*scale.Policy)
		want  []string
	}{
		"up to four at first, then as many as there are": {"0,0\n1m,3000\n2m,3000\n", 0, 1, nil, []string{"1m0s: 1 -> 5", "1m15s: 5 -> 8"}},
		"within a tenth nothing is done":                 {"0,879\n10m,721\n20m,721\n", 0, 4, nil, nil},
		"down at once, after five minutes": {"0,1450\n10m,100\n16m,100\n", 0, 8, nil,
			[]string{"15m0s: 8 -> 1"}},
		"pods that are not ready count as without load, so that there are not more and more": {"0,0\n1m,700\n8m,700\n", 4 * time.Minute, 1, nil, []string{"1m0s: 1 -> 4"}},
		"as many as there are, where those are more than four": {"0,0\n1m,9000\n2m,9000\n", 0, 1, func(p *scale.Policy) { p.Max = 40 },
			[]string{"1m0s: 1 -> 5", "1m15s: 5 -> 10", "1m30s: 10 -> 20", "1m45s: 20 -> 40"}},
		"nor fewer, where those that are not ready would turn it round": {"0,0\n1m,700\n2m,450\n8m,450\n", 8 * time.Minute, 1, nil, []string{"1m0s: 1 -> 4"}},
		"those that are not ready are left out where fewer are needed":  {"0,0\n1m,700\n2m,100\n8m,100\n", 8 * time.Minute, 1, nil, []string{"1m0s: 1 -> 4", "7m0s: 4 -> 1"}},
		"never to none": {"0,0\n6m,0\n", 0, 2, func(p *scale.Policy) { p.Min = 0 }, []string{"5m15s: 2 -> 1"}},
		"more than max is cut without a metric, too": {"0,0,metric-down\n1m,0\n", 0, 9, nil, []string{"0s: 9 -> 8"}},
		"nothing is done without a metric":           {"0,1450,metric-down\n10m,1450\n", 0, 4, nil, nil},
		"more than max is cut":                       {"0,0\n1m,0\n", 0, 9, nil, []string{"0s: 9 -> 8"}},
		"what it remembers is lost when it is started again, but for what there is": {"0,1450\n10m,100,agent-down\n11m,100,agent-up\n17m,100\n", 0, 8, nil,
			[]string{"16m15s: 8 -> 1"}},
		"a clock that jumps does not touch it": {"0,1450\n10m,100\n12m,100,clock +1h\n16m,100\n", 0, 8, nil, []string{"15m0s: 8 -> 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := World{Start: c.start, Interval: HPAInterval, Units: c.units}, policy()
			if c.edit != nil {
				c.edit(&p)
			}
			run := Replay(series(t, c.load), w, p, &HPA{Policy: p, Interval: HPAInterval})
			if diff := cmp.Diff(c.want, changes(run)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Without a pod that is ready there is no metric.
func TestHPAWithoutReadyPods(t *testing.T) {
	h := HPA{Policy: policy(), Interval: HPAInterval}
	starting := resource.Units{List: []resource.Unit{{Name: "unit/0", State: resource.UnitStarting}}}
	if size := h.Decide(starting, resource.Load{At: epoch, Value: 5000}, true); size.Changes() {
		t.Errorf("%+v", size)
	}
}

func TestRead(t *testing.T) {
	for name, text := range map[string]string{
		"seconds, with a heading": "time,load\n0,1\n90,2.5,metric-down\n300,3,clock -20m\n360,4,poison 7\n",
		"durations":               "0s,1\n1m30s, 2.5 , metric-down\n# a remark\n5m,3,clock -20m\n6m,4,poison 7\n",
		"dates, and quotes":       "Time,Load,Event\n\"0001-01-02T00:00:00Z\",1,\n0001-01-02T01:01:30+01:00,2.5,metric-down\n0001-01-02T00:05:00Z,3,clock -20m\n0001-01-02T00:06:00Z,4,poison 7\n",
	} {
		t.Run(name, func(t *testing.T) {
			want := Series{{At: epoch, Load: 1}, {At: epoch.Add(90 * time.Second), Load: 2.5, Event: MetricDown},
				{At: epoch.Add(5 * time.Minute), Load: 3, Event: Clock, By: -20 * time.Minute}, {At: epoch.Add(6 * time.Minute), Load: 4, Event: Poison, Amount: 7}}
			if diff := cmp.Diff(want, series(t, text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no time":      {"time,load\n0,1\nnoon,2\n", `load.csv line 3: "noon" is no time: write it as 2026-03-02T14:05:00Z, or from the start as seconds or as a duration such as 5m`},
		"before":       {"-5m,2\n", `load.csv line 1: "-5m" is no time: write it as 2026-03-02T14:05:00Z, or from the start as seconds or as a duration such as 5m`},
		"for ever":     {"1e300,2\n", `load.csv line 1: "1e300" is no time: write it as 2026-03-02T14:05:00Z, or from the start as seconds or as a duration such as 5m`},
		"no load":      {"0,1\n\n5m,\n", `load.csv line 3: the load is a number of 0 or more, not ""; if it could not be measured then, write the load as it may have been, with the event metric-down`},
		"no number":    {"0,NaN\n", `load.csv line 1: the load is a number of 0 or more, not "NaN"; if it could not be measured then, write the load as it may have been, with the event metric-down`},
		"less than 0":  {"0,-1\n", `load.csv line 1: the load is a number of 0 or more, not "-1"; if it could not be measured then, write the load as it may have been, with the event metric-down`},
		"one column":   {"0\n", `load.csv line 1: a line has a time, a load and perhaps an event, such as "5m,120,metric-down", and not 1 columns`},
		"four columns": {"0,1,,x\n", `load.csv line 1: a line has a time, a load and perhaps an event, such as "5m,120,metric-down", and not 4 columns`},
		"no event":     {"0,1,metric-off\n", `load.csv line 1: there is no event "metric-off": it is one of metric-down, metric-up, units-down, units-up, agent-down, agent-up, clock +1h, poison 500 and purge`},
		"a jump":       {"0,1,clock back\n", `load.csv line 1: the clock jumps by a duration, as in "clock +1h" or "clock -20m", not by "back"`},
		"poison":       {"0,1,poison much\n", `load.csv line 1: the work of "poison" is a number of 0 or more, not "much"`},
		"not sorted":   {"5m,1\n4m,1\n", "load.csv line 2: the time is before that of the line above: sort the lines by time, and write all times in one way"},
		"no CSV":       {"0,1\n5m,\"1\n", `load.csv line 2: this is not CSV: extraneous or missing " in quoted-field`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read("load.csv", strings.NewReader(c.text)); err == nil || err.Error() != c.want {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Read("load.csv", broken{}); err == nil || err.Error() != "cannot read load.csv: the disk is gone" {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// What can be read and passes the check can be replayed, whatever it says.
func FuzzRead(f *testing.F) {
	f.Add("time,load\n0,1\n90,2.5,metric-down\n300,3,clock -20m\n360,4,poison 7\n400,1,purge\n")
	f.Add("2026-03-02T14:05:00Z,1\n2026-03-02T15:05:00Z,1,agent-down\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read("load.csv", strings.NewReader(text))
		if err != nil || len(s) > 100 {
			return
		}
		w := World{Start: time.Minute, Interval: time.Hour, Rate: 10}
		if s.Check(w) != nil || s.end().Sub(s.begin()) > 1000*time.Hour {
			return
		}
		for _, rule := range []Rule{&Ours{Policy: policy()}, &HPA{Policy: policy(), Interval: w.Interval}} {
			if run := Replay(s, w, policy(), rule); len(run.Points) == 0 || math.IsNaN(run.Figures.UnitHours) || run.Figures.Over < 0 {
				t.Errorf("%+v", run.Figures)
			}
		}
	})
}
