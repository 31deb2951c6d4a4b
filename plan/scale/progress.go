package scale

import (
	"fmt"
	"slices"
	"time"

	"launchpad.net/cdplan/state"
)

// stuck tells that one addition after another has not made the load fall, at any time, by the part of the target that the tolerance is: then it is
// something that comes back however many work on it, such as messages that make their worker crash. A load that goes on growing does not fall either;
// one that grows because more work arrives than is done falls for a while after an addition. It takes the load to have been seen after each addition.
func (d *decision) stuck() string {
	n := d.Policy.NoProgressAfter
	additions := d.additions()
	if n == 0 || len(additions) < n || d.size.Bounds {
		return ""
	}
	additions = additions[len(additions)-n:]
	most, i, seen := additions[0].Load, 0, false
	for _, s := range d.sinceThen(additions[0].At) {
		for i+1 < n && s.At.After(additions[i+1].At) {
			if !seen {
				return ""
			}
			i, seen = i+1, false
			most = max(most, additions[i].Load)
		}
		if seen, most = true, max(most, s.Load); most-s.Load >= d.Policy.Target*d.Policy.Tolerance && s.Load < most {
			return ""
		}
	}
	if i+1 < n {
		return ""
	}
	first, last := additions[0], additions[n-1]
	count := "1 addition"
	if n > 1 {
		count = fmt.Sprintf("%d additions", n)
	}
	return fmt.Sprintf("no progress: %s, from %d to %d units, did not make the load fall: it was %s at %s, and is %s", count, first.From, last.To,
		Number(first.Load), first.At.UTC().Format("15:04 UTC"), Number(d.Load.Value))
}

// sinceThen returns the samples after that time whose load is known, the oldest first, and last what is measured now.
func (d *decision) sinceThen(then time.Time) []state.Sample {
	var found []state.Sample
	for _, s := range slices.Backward(d.samples) {
		if s.Known && s.At.After(then) {
			found = append(found, s)
		}
	}
	return append(found, d.size.Sample())
}

// shown returns when the additions that were made last have had the time to make the load fall, once all of their units work: as long as nothing is changed
// after them, and then as long as calm takes to be believed.
func (d *decision) shown() time.Time { return d.last.Add(d.Policy.Cooldown + d.Policy.DownWindow) }

// additions returns the changes since the last deploy, and since the last removal, that added units because the load asked for them.
func (d *decision) additions() []state.Resized {
	var found []state.Resized
	for _, change := range d.changes {
		switch {
		case change.To < change.From:
			found = nil
		case change.Known && d.Policy.Wanted(change.Load, change.From) > change.From:
			found = append(found, change)
		}
	}
	return found
}
