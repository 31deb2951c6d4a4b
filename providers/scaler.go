package providers

import (
	"context"

	"launchpad.net/cdplan/providers/resource"
)

// Scaler is an Applier whose resources are Sized: there are as many units of each as a measured load asks for. It tells the load, and what there
// is; how many units that makes is the planner's to say, since that takes the past into account. Apply does what the step's Resize says, and
// returns once the units that were added have a server, or could not get one, and those that were removed are gone, or it takes longer than it may.
type Scaler interface {
	Applier
	// Measure returns the load of each, in the order of the questions, and all that could not be measured with an Err. It is asked once for a plan, at
	// the same time as Read, and never while the plan is applied.
	Measure(ctx context.Context, want []resource.Wanted) []resource.Load
}
