package replay

import (
	"fmt"
	"math"
	"time"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
)

// HPA is the rule of the HorizontalPodAutoscaler of Kubernetes with its defaults (kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale),
// for a metric of pods of which each that is ready has an equal part of the load. It takes min, max and target from the policy, and at least one pod.
// What it remembers is lost when it is started again; it measures time by a clock that never jumps, so Interval has to be what is between two calls.
type HPA struct {
	Policy   scale.Policy
	Interval time.Duration

	clock   time.Duration
	advised []advice
	scaled  []advice // changes: how many were added, or removed if less than 0
}

// advice is a number of pods at one time.
type advice struct {
	at   time.Duration
	pods int
}

// The defaults.
const (
	HPAInterval      = 15 * time.Second // between two looks
	hpaTolerance     = 0.1
	hpaStabilization = 300 * time.Second // before pods are removed; none before they are added
	hpaPeriod        = 15 * time.Second  // in which at most hpaPods, or as many as there are, are added; all may be removed
	hpaPods          = 4
)

// Decide follows reconcileAutoscaler of the controller.
func (h *HPA) Decide(units resource.Units, load resource.Load, started bool) scale.Size {
	h.clock += h.Interval
	current := len(units.List)
	if started {
		h.advised, h.scaled = []advice{{h.clock, current}}, nil
	}
	size := scale.Size{Units: current, To: current, Wanted: current, Load: load}
	switch {
	case current == 0: // it is switched off
		return size
	case current > h.Policy.Max:
		size.To = h.Policy.Max
	case current < h.Policy.Min:
		size.To = h.Policy.Min
	case load.Err != nil:
		return size
	default:
		size.Wanted, size.Sum = h.desired(units, load.Value)
		size.To = h.limit(current, h.stabilize(current, size.Wanted))
	}
	if size.Changes() {
		h.scaled = append(h.scaled, advice{h.clock, size.To - current})
	}
	for _, u := range units.List[:max(0, current-size.To)] {
		size.Remove = append(size.Remove, u.Name)
	}
	return size
}

// desired is the number of pods by the load alone. Pods that are not ready count as if they had no load when more are to be added, and are left out
// when fewer are to be.
func (h *HPA) desired(units resource.Units, load float64) (int, string) {
	ready, all := 0, len(units.List)
	for _, u := range units.List {
		if u.State == resource.UnitReady {
			ready++
		}
	}
	if ready == 0 {
		return all, "no pod is ready"
	}
	ratio, counted := load/(h.Policy.Target*float64(ready)), ready
	if ratio > 1 && ready < all {
		ratio, counted = load/(h.Policy.Target*float64(all)), all
		if ratio < 1 {
			return all, "the pods that are not ready would turn it round"
		}
	}
	if math.Abs(ratio-1) <= hpaTolerance {
		return all, "within the tolerance"
	}
	desired := int(math.Ceil(ratio * float64(counted)))
	return desired, fmt.Sprintf("%d x %s = %s -> %d", counted, scale.Number(ratio), scale.Number(ratio*float64(counted)), desired)
}

// stabilize returns the most that was advised lately, where that is less than there are.
func (h *HPA) stabilize(current, desired int) int {
	h.advised = append(h.advised, advice{h.clock, desired})
	for h.clock-h.advised[0].at > hpaStabilization {
		h.advised = h.advised[1:]
	}
	most := desired
	for _, a := range h.advised {
		most = max(most, a.pods)
	}
	return max(desired, min(current, most))
}

// limit keeps within the bounds, and within what may be added in a period.
func (h *HPA) limit(current, desired int) int {
	begun := current
	for _, s := range h.scaled {
		if h.clock-s.at < hpaPeriod {
			begun -= s.pods
		}
	}
	if desired > current {
		desired = max(current, min(desired, max(begun+hpaPods, 2*begun)))
	}
	return min(max(desired, h.Policy.Min, 1), h.Policy.Max)
}
