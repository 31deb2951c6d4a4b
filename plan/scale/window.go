package scale

import (
	"fmt"
	"slices"
	"time"

	"launchpad.net/cdplan/state"
)

// Window is the time for which a load has to ask for another size before there is one.
type Window struct {
	Name   string // its key in config.ini
	Length time.Duration
	Most   bool // the most that was asked for in it counts, since it is for fewer units; else the least
	Wanted int  // that
}

// Windows returns those that the policy has, with what Decide goes by: where the load is not known for all of one, what was asked for in the part that ends
// now. There are none as long as the load is not known.
func Windows(in Input) []Window {
	d := begin(in)
	if d.Load.Err != nil {
		return nil
	}
	least, _ := d.least()
	most, _ := d.most()
	all := []Window{{"up_window", d.Policy.UpWindow, false, least}, {"down_window", d.Policy.DownWindow, true, most}}
	return slices.DeleteFunc(all, func(w Window) bool { return w.Length == 0 })
}

// least returns the least that was asked for within the up_window, and whether the load is known for all of it.
func (d *decision) least() (wanted int, covered bool) {
	return d.over(d.Policy.UpWindow, func(a, b int) int { return min(a, b) })
}

// most returns the most that was asked for within the down_window, and whether the load is known for all of it.
func (d *decision) most() (wanted int, covered bool) {
	return d.over(d.Policy.DownWindow, func(a, b int) int { return max(a, b) })
}

// over combines what was asked for in a window that ends now. It is covered if the load is known for all of it.
func (d *decision) over(window time.Duration, combine func(a, b int) int) (wanted int, covered bool) {
	wanted = d.size.Wanted
	samples, covered := d.watched(window)
	for _, s := range samples {
		wanted = combine(wanted, s.Wanted)
	}
	return wanted, covered
}

// watched returns the samples that lead from now back through a window, the newest first, and whether they reach through all of it. They end where
// the load was not known, or where nobody looked for too long: that is never taken for calm.
func (d *decision) watched(window time.Duration) (samples []state.Sample, covered bool) {
	later := d.now
	for _, s := range d.samples {
		if d.now.Sub(later) >= window || s.At.Before(d.begin) || !s.Known || later.Sub(s.At) > d.blind(window) {
			break
		}
		samples, later = append(samples, s), s.At
	}
	return samples, d.now.Sub(later) >= window
}

// blind returns for how long nobody may have looked within a window: for half of it, or for as long as is usual and half as long again, so that two
// samples cover a window that is shorter. As long as there are not two samples to tell what is usual, it is the window and half as long again.
func (d *decision) blind(window time.Duration) time.Duration {
	if d.interval == 0 {
		return window * 3 / 2
	}
	return max(window/2, d.interval*3/2)
}

// wait notes that a window is not covered yet.
func (d *decision) wait(name string, window time.Duration) {
	d.size.Wait = fmt.Sprintf("%d is asked for, and that has to last for the %s of %s", d.size.Wanted, name, Duration(window))
	d.size.Until = d.now.Add(window)
	if samples, _ := d.watched(window); len(samples) > 0 {
		d.size.Until = samples[len(samples)-1].At.Add(window)
	}
}
