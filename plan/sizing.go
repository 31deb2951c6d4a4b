package plan

import (
	"slices"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Sizing is how the size of a service was come by.
type Sizing struct {
	Policy  scale.Policy
	Units   []resource.Unit // as they were read, in the order in which they are removed
	Windows []scale.Window  // those that the policy has
	Samples []state.Sample  // of before, as far back as the longest window goes, the newest first
	Resized []state.Resized // the last changes of size, the newest first
	Failed  state.Failures  // to change the size, since that last succeeded
}

// sizing returns nil of a service that has no size, or whose load nobody measured.
func (in Input) sizing(d *Decision) *Sizing {
	policy, err := d.Declared.Policy(in.Schemas)
	if d.Size == nil || policy == nil || err != nil {
		return nil
	}
	past, reading := in.Past.Services[d.Service], in.Readings[d.Declared.sized(in.Schemas).Addr]
	s := &Sizing{Policy: *policy, Failed: past.Resizes, Resized: slices.Clone(past.Resized)}
	slices.Reverse(s.Resized)
	now, longest := d.Size.Load.At, max(policy.UpWindow, policy.DownWindow)
	for _, sample := range slices.Backward(past.Samples) {
		if sample.At.Before(now) && now.Sub(sample.At) <= longest {
			s.Samples = append(s.Samples, sample)
		}
	}
	if reading.Units == nil {
		return s
	}
	s.Units = reading.Units.List
	if d.Size.Err == nil {
		s.Windows = scale.Windows(sizeInput(*policy, reading, past))
	}
	return s
}
