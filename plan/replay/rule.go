package replay

import (
	"slices"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Ours is cdplan's own rule. What it has seen and done is kept on disk, so that it is there when the agent is started again.
type Ours struct {
	Policy  scale.Policy
	samples []state.Sample
	changes []state.Resized
}

// Decide says what scale.Decide says.
func (o *Ours) Decide(units resource.Units, load resource.Load, _ bool) scale.Size {
	size := scale.Decide(scale.Input{Policy: o.Policy, Units: units, Load: load, Samples: o.samples, Changes: o.changes})
	o.samples = slices.DeleteFunc(o.samples, func(s state.Sample) bool { return load.At.Sub(s.At) > o.Policy.Memory() })
	o.samples = append(o.samples, size.Sample())
	if size.Changes() && size.Guard == "" {
		o.changes = append(o.changes, state.Resized{At: load.At, From: size.Units, To: size.To, Known: load.Err == nil, Load: load.Value})
		o.changes = o.changes[max(0, len(o.changes)-state.MaxResized):]
	}
	return size
}
