package plan

import (
	"time"

	"launchpad.net/cdplan/state"
)

// Usual returns how long apply takes for the plan: the sum over the longest chain of services that wait for one another, the critical path, as if no
// other limit kept any of them from starting. What is only recorded takes no time. Known is false if too little is known of a service that is to be
// deployed; it then counts for nothing, and the plan takes longer than that.
func (p *Plan) Usual() (usual state.Usual, known bool) {
	known = true
	median, p90 := map[string]time.Duration{}, map[string]time.Duration{}
	for _, d := range p.Decisions {
		if !d.Verdict.Acts() {
			continue
		}
		known = known && (d.Usual.Median > 0 || d.Verdict == Record)
		for _, first := range d.WaitsFor {
			median[d.Service] = max(median[d.Service], median[first])
			p90[d.Service] = max(p90[d.Service], p90[first])
		}
		median[d.Service] += d.Usual.Median
		p90[d.Service] += d.Usual.P90
		usual.Median, usual.P90 = max(usual.Median, median[d.Service]), max(usual.P90, p90[d.Service])
	}
	return usual, known
}
