package scale

import (
	"fmt"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// What is told of a window is what the rule goes by: also the sample that is just older, and nothing from behind one that lacks.
func TestWindows(t *testing.T) {
	both := func(p *Policy) { p.UpWindow = 3 * time.Minute }
	samples := join(between(20, 6, 9), every(45*time.Second, 315*time.Second, 0, 6))
	for _, s := range []story{
		{name: "no windows", policy: func(p *Policy) { p.DownWindow = 0 }, units: "4", load: 800, want: "[]"},
		{name: "only one", units: "4", load: 800, samples: samples, want: "[{down_window 5m0s true 6}]"},
		{name: "both", policy: both, units: "4", load: 1600, samples: samples, want: "[{up_window 3m0s false 6} {down_window 5m0s true 8}]"},
		{name: "one just older", units: "4", load: 800, samples: append(every(45*time.Second, 270*time.Second, 0, 6), sample(315*time.Second, 1400, 7)),
			want: "[{down_window 5m0s true 7}]"},
		{name: "behind a gap", units: "4", load: 800, samples: join(calm(2, 4), []state.Sample{unknown(150*time.Second, 4)}, between(5, 3, 9)), want: "[{down_window 5m0s true 4}]"},
		{name: "before a change", units: "4", load: 800, samples: samples, changes: []state.Resized{changed(time.Minute, 6, 4, 800)}, want: "[{down_window 5m0s true 6}]"},
		{name: "load not known", units: "4", load: -1, samples: samples, want: "[]"},
	} {
		t.Run(s.name, func(t *testing.T) {
			if got := fmt.Sprint(Windows(s.input())); got != s.want {
				t.Errorf("got %s, want %s", got, s.want)
			}
		})
	}
}
