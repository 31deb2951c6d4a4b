package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Size is how many units a service has and is to have.
type Size struct {
	scale.Size
	Due bool  // changing it is what is to be done about the service
	Err error // why nobody can tell how many units there are; then all else is zero, but the Load and Keep

	Keep time.Duration // how long the sample is of use
}

// Scales says whether what is to be done about the service is to change its size, now or later.
func (d *Decision) Scales() bool { return d.Size != nil && d.Size.Due }

// asleep says that the service has no servers because all its units went away for want of a load: then it is what it was when they went, and what it is
// to run is seen to once there is one to run it.
func (d *Decision) asleep(schemas map[string]resource.Schema, readings state.Readings, past state.ServicePast) bool {
	policy, err := d.Declared.Policy(schemas)
	if policy == nil || err != nil || d.Copies > 0 || d.Doubt != "" || past.Last == nil || !past.Last.Done() {
		return false
	}
	units := readings[d.Declared.sized(schemas).Addr].Units
	return policy.Min == 0 && units != nil && len(units.List) == 0
}

// resize says how many units there are to be. Where nothing else is to be done about the service, that is what is.
func (d *Decision) resize(schemas map[string]resource.Schema, readings state.Readings, past state.ServicePast) {
	declared := d.Declared.sized(schemas)
	if declared == nil || readings[declared.Addr].Load == nil {
		return
	}
	policy, err := d.Declared.Policy(schemas)
	if err != nil {
		d.Verdict, d.Err, d.Steps = Invalid, err, nil
		return
	}
	reading := readings[declared.Addr]
	d.Size = &Size{Keep: policy.Memory(), Err: reading.Err}
	if d.Size.Load = *reading.Load; reading.Units == nil {
		return
	}
	if d.Size.Err = astray(reading.Units.List, readings[d.Declared.record(schemas).Addr].Copies); d.Size.Err != nil {
		return
	}
	d.Size.Size = scale.Decide(sizeInput(*policy, reading, past))
	if d.Verdict != Same || !d.Size.Changes() {
		return
	}
	d.Size.Due, d.Verdict, d.Reasons = true, Scale, []Reason{LoadChanged}
	if d.Size.Bounds {
		d.Reasons = []Reason{OutOfBounds}
	}
	d.Steps = []resource.Step{{Addr: declared.Addr, Want: declared.Config,
		Resize: &resource.Resize{From: d.Size.Units, To: d.Size.To, Remove: d.Size.Remove, Timeout: policy.Timeout}}}
	if d.Size.To > d.Size.Units {
		d.Steps = append(d.Steps, d.stampOfSiblings(schemas, past))
	}
}

// sizeInput returns what the size depends on of a service whose units and load were read.
func sizeInput(policy scale.Policy, reading resource.Reading, past state.ServicePast) scale.Input {
	return scale.Input{Policy: policy, Units: *reading.Units, Load: *reading.Load, Samples: past.Samples, Changes: past.Resized, Since: deployed(past)}
}

// astray returns an error for units that work on a server which is none of the service's. What was done about them would be done to another service, or the
// new ones would never be deployed.
func astray(units []resource.Unit, copies []resource.Copy) error {
	for _, u := range units {
		on := func(c resource.Copy) bool { return c.ID == u.Place }
		if u.State == resource.UnitReady && u.Place != "" && !slices.ContainsFunc(copies, on) {
			return fmt.Errorf("%s is on the server %s, which is none of this service's: [scale] and [nova] in config.ini are to mean the same servers", u.Name, u.Place)
		}
	}
	return nil
}

// stampOfSiblings returns the step that records on new servers what the others carry; where there are no others, what was deployed last.
func (d *Decision) stampOfSiblings(schemas map[string]resource.Schema, past state.ServicePast) resource.Step {
	revisions, others := d.Revisions, d.Copies > 0
	if !others {
		revisions = past.Last.Revisions // else the service would not be as it should be
	}
	values := map[string]cty.Value{}
	for label, revision := range revisions {
		values[label] = revision.Value()
	}
	record := d.Declared.record(schemas)
	return resource.Step{Addr: record.Addr, Want: fill(schemas, *record, values), Fill: others}
}

// deployed returns when the service was deployed last from this host; zero if nobody knows.
func deployed(past state.ServicePast) time.Time {
	if past.Last == nil {
		return time.Time{}
	}
	return past.Last.End
}

func (s Service) sized(schemas map[string]resource.Schema) *Declared {
	for i, declared := range s.Resources {
		if schemas[declared.Addr.Type].Role == resource.Sized {
			return &s.Resources[i]
		}
	}
	return nil
}

// Sized says whether the number of the service's units is asked for by a load.
func (s Service) Sized(schemas map[string]resource.Schema) bool { return s.sized(schemas) != nil }

// Policy returns what is said of the number of the service's units; nil if it is not asked for by a load. The error is that of scale.PolicyOf.
func (s Service) Policy(schemas map[string]resource.Schema) (*scale.Policy, error) {
	declared := s.sized(schemas)
	if declared == nil {
		return nil, nil
	}
	policy, err := scale.PolicyOf(declared.Addr, declared.Config)
	return &policy, err
}

// Remeasured returns the readings with the load that the decision was made with, so that it can be made again without measuring once more.
func (d *Decision) Remeasured(schemas map[string]resource.Schema, readings state.Readings) state.Readings {
	if declared := d.Declared.sized(schemas); declared != nil && d.Size != nil {
		reading := readings[declared.Addr]
		reading.Load = &d.Size.Load
		readings[declared.Addr] = reading
	}
	return readings
}
