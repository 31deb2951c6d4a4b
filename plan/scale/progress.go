package scale

import (
	"fmt"
	"slices"

	"launchpad.net/cdplan/state"
)

// stuck tells that one addition after another has not moved the load, up or down, by as much as one unit is to carry: then it is something that comes back
// however many work on it, such as messages that make their worker crash. A load that grows is work that arrives, and one that falls is work that is done. It
// takes the load to have been seen after each addition.
func (d *decision) stuck() string {
	n := d.Policy.NoProgressAfter
	additions := d.additions()
	if n == 0 || len(additions) < n || d.size.Bounds {
		return ""
	}
	additions = additions[len(additions)-n:]
	least, most := d.Load.Value, d.Load.Value
	later := d.now
	for _, addition := range slices.Backward(additions) {
		seen := later.Equal(d.now) // by what is measured now
		for _, s := range d.samples {
			if s.Known && s.At.After(addition.At) && !s.At.After(later) {
				seen, least, most = true, min(least, s.Load), max(most, s.Load)
			}
		}
		if !seen {
			return ""
		}
		later, least, most = addition.At, min(least, addition.Load), max(most, addition.Load)
	}
	if most-least > d.Policy.Target {
		return ""
	}
	first, last := additions[0], additions[n-1]
	count := "1 addition"
	if n > 1 {
		count = fmt.Sprintf("%d additions", n)
	}
	return fmt.Sprintf("no progress: %s, from %d to %d units, did not move the load: it was %s at %s, and is %s", count, first.From, last.To,
		Number(first.Load), first.At.UTC().Format("15:04 UTC"), Number(d.Load.Value))
}

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
