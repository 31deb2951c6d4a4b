package plan

import "slices"

// Deps says what becomes of services that go before a selected one, have something to do and are not selected themselves.
type Deps string

// The ways.
const (
	DepsBlock   Deps = ""        // the selected one is blocked
	DepsTaken   Deps = "taken"   // they are selected, too, and what goes before them
	DepsIgnored Deps = "ignored" // they stand in nobody's way, as if they were as they should be
)

func (in Input) selected(service string) bool {
	return in.Selected == nil || in.Selected(service)
}

func (in Input) excluded(service string) bool {
	return in.Excluded != nil && in.Excluded(service)
}

// take selects what DepsTaken takes along, and returns the names of that, sorted. The order has each service after those that go before it.
func (in *Input) take(order []*Decision, decisions map[string]*Decision) []string {
	if in.Deps != DepsTaken || in.Selected == nil {
		return nil
	}
	var taken []string
	for _, decision := range slices.Backward(order) {
		if len(decision.Steps) == 0 || decision.Scales() || !in.selected(decision.Service) && !slices.Contains(taken, decision.Service) {
			continue
		}
		for _, other := range in.before(decision.Declared, decisions, bars{}) {
			name := other.Service
			if len(other.Steps) > 0 && !in.selected(name) && !in.excluded(name) && !slices.Contains(taken, name) {
				taken = append(taken, name)
			}
		}
	}
	slices.Sort(taken)
	selected := in.Selected
	in.Selected = func(service string) bool { return selected(service) || slices.Contains(taken, service) }
	return taken
}

// unselected says of a service that is not selected why, and which flags help.
func (in Input) unselected(service string) string {
	if in.excluded(service) {
		return "excluded: -no-deps goes without"
	}
	return "not selected: -with-deps takes it along, -no-deps goes without"
}
