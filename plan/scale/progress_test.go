package scale

import (
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// A message that makes its worker crash comes back however many units there are.
func TestNoProgress(t *testing.T) {
	minute := time.Minute
	guarded := func(p *Policy) { p.Max, p.UpStep, p.NoProgressAfter = 50, 1, 3 }
	three := []state.Resized{changed(30*minute, 1, 2, 1500), changed(20*minute, 2, 3, 1500), changed(10*minute, 3, 4, 1500)}
	same := loads(time.Minute, 1500)
	tripped := "; guard: no progress: 3 additions, from 1 to 4 units, did not make the load fall: it was 1500 at 11:30 UTC, and is "
	check(t, []story{
		{name: "three additions, and the load is as it was", policy: guarded, units: "4", load: 1500, samples: same, changes: three, want: "4 -> 5, up_step 1" + tripped + "1500"},
		{name: "what arrives beside it, and is done, is little", policy: guarded, units: "4", load: 1600, changes: three,
			samples: join(same, []state.Sample{sample(25*minute, 1481, 7)}), want: "4 -> 5, up_step 1" + tripped + "1600"},
		{name: "the load grows, and falls no less for it", policy: guarded, units: "4", load: 9000, samples: same, changes: three, want: "4 -> 5, up_step 1" + tripped + "9000"},
		{name: "it has grown, and falls now", policy: guarded, units: "4", load: 1800, samples: join(same, []state.Sample{sample(5*minute, 2000, 10)}), changes: three,
			want: "4 -> 5, up_step 1"},
		{name: "the last of them is young", policy: guarded, units: "4", load: 1500, samples: same,
			changes: []state.Resized{three[0], three[1], changed(7*minute, 3, 4, 1500)},
			want:    "4 -> 4, up_step 1; waits" + strings.TrimPrefix(tripped, "; guard") + "1500; the last of them may be of use yet (1m)"},
		{name: "two additions are not enough", policy: guarded, units: "4", load: 1500, samples: same, changes: three[1:], want: "4 -> 5, up_step 1"},
		{name: "nobody wants to know", policy: func(p *Policy) { p.UpStep = 1 }, units: "4", load: 1500, samples: same, changes: three, want: "4 -> 5, up_step 1"},
		{name: "the last of them starts, and may be of use", policy: guarded, units: "3 starting 1", load: 1500, samples: same, changes: three,
			want: "4 -> 4, up_step 1; waits" + strings.TrimPrefix(tripped, "; guard") + "1500; there are units that start"},
		{name: "it starts for too long", policy: guarded, units: "3 starting 1", load: 1500, samples: same, changes: three,
			edit: func(in *Input) { in.Units.List[0].Since = ago(31 * minute) },
			want: "4 -> 5, up_step 1; guard: w/3 has been starting since 2026-03-02 11:29 UTC, longer than the timeout of 30m"},
		{name: "a ramp, which fell for a moment after the first", policy: guarded, units: "4", load: 1500, samples: join(same, []state.Sample{sample(25*minute, 1480, 7)}),
			changes: three, want: "4 -> 5, up_step 1"},
		{name: "the load has fallen now", policy: guarded, units: "4", load: 1480, samples: same, changes: three, want: "4 -> 5, up_step 1"},
		{name: "it fell before all that", policy: guarded, units: "4", load: 1500, samples: join(same, []state.Sample{sample(31*minute, 100, 1)}), changes: three,
			want: "4 -> 5, up_step 1" + tripped + "1500"},
		{name: "nobody saw what came of the second", policy: guarded, units: "4", load: 1500, changes: three,
			samples: join(every(minute, 29*minute, 20*minute, 8), every(minute, 9*minute, 0, 8)), want: "4 -> 5, up_step 1"},
		{name: "what was not measured has not fallen", policy: guarded, units: "4", load: 1500, samples: join(same, []state.Sample{unknown(5*minute, 4)}), changes: three,
			want: "4 -> 5, up_step 1" + tripped + "1500"},
		{name: "a deploy may have mended it", policy: guarded, units: "4", load: 1500, samples: same, changes: three, deploy: 15 * minute, want: "4 -> 5, up_step 1"},
		{name: "a deploy of before all that", policy: guarded, units: "4", load: 1500, samples: same, changes: three, deploy: time.Hour, want: "4 -> 5, up_step 1" + tripped + "1500"},
		{name: "there were fewer in between", policy: guarded, units: "4", load: 1500, samples: same,
			changes: append([]state.Resized{changed(15*minute, 3, 2, 100)}, three...), want: "4 -> 5, up_step 1"},
		{name: "additions for the sake of min are none", policy: guarded, units: "4", load: 1500, samples: loads(minute, 100),
			changes: []state.Resized{changed(30*minute, 1, 2, 100), changed(20*minute, 2, 3, 100), changed(10*minute, 3, 4, 100)}, want: "4 -> 5, up_step 1"},
		{name: "for the sake of min there are more all the same", policy: func(p *Policy) { guarded(p); p.Min = 6; p.UpWindow = time.Minute }, units: "4", load: 1500, samples: same,
			changes: three, want: "4 -> 5 for the bounds, min 6, up_step 1"},
		{name: "additions nobody knew the load of are none", policy: guarded, units: "4", load: 1500, samples: same,
			changes: []state.Resized{{At: ago(30 * minute), From: 1, To: 2, Load: 1500}, three[1], three[2]}, want: "4 -> 5, up_step 1"},
	})
}

// loads is a load that is the same for 40 minutes until now.
func loads(interval time.Duration, load float64) []state.Sample {
	all := every(interval, 40*time.Minute, 0, 8)
	for i := range all {
		all[i].Load = load
	}
	return all
}
