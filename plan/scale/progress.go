package scale

import (
	"fmt"
	"slices"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// stuck tells that one addition after another has not made the load fall, not even for a moment: then it is something that comes back however many
// work on it, such as a message that makes its worker crash. It takes the units that were added last to have started, and a load since then.
func (d *decision) stuck() string {
	n := d.Policy.NoProgressAfter
	additions := d.additions()
	if n == 0 || len(additions) < n || d.size.Bounds || d.size.States[resource.UnitStarting] > 0 {
		return ""
	}
	additions = additions[len(additions)-n:]
	seenSince := append(slices.Clone(d.samples), d.size.Sample())
	for i, addition := range additions {
		seen := false
		for _, s := range seenSince {
			if !s.Known || !s.At.After(addition.At) || i+1 < n && s.At.After(additions[i+1].At) {
				continue
			}
			if seen = true; s.Load < addition.Load {
				return ""
			}
		}
		if !seen {
			return ""
		}
	}
	first, last := additions[0], additions[n-1]
	return fmt.Sprintf("no progress: %d additions, from %d to %d units, and the load has not fallen: it was %s at %s, and is %s", n, first.From, last.To,
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
