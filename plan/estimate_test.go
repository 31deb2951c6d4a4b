package plan

import (
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

// The estimate is the longest chain, not the sum: db and web after one another, other beside them. A record takes no time and passes on what comes
// before it.
func TestUsual(t *testing.T) {
	usual := func(minutes time.Duration) state.Usual {
		return state.Usual{Median: minutes * time.Minute, P90: 2 * minutes * time.Minute}
	}
	p := &Plan{Decisions: []Decision{
		{Service: "db", Verdict: Redeploy, Usual: usual(10)},
		{Service: "other", Verdict: New, Usual: usual(12)},
		{Service: "index", Verdict: Record, WaitsFor: []string{"db"}},
		{Service: "web", Verdict: Redeploy, Usual: usual(5), WaitsFor: []string{"index"}},
		{Service: "held", Verdict: Held, Usual: usual(60)},
	}}
	if got, known := p.Usual(); got != usual(15) || !known {
		t.Errorf("%v, known %t", got, known)
	}
	p.Decisions[0].Usual = state.Usual{}
	if got, known := p.Usual(); got != usual(12) || known {
		t.Errorf("with a service of which nothing is known: %v, known %t", got, known)
	}
}
