package view

import (
	"io"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/state"
)

// Page is a plan with what is told around it. Every form of a plan is made from one.
type Page struct {
	Plan   *plan.Plan
	Made   time.Time // when, UTC; zero to leave it out
	Host   string    // on which it was made
	Apply  string    // the command that applies just this; empty to name none
	Faults Faults    // nil where no service has an error
	Limit  int       // bytes that a form for comments may take, MinBytes or more; 0 for what the form itself allows
}

// Faults turns the error of a service into diagnostics.
type Faults func(service string, err error) hcl.Diagnostics

// Stable returns the page without what may differ between two identical plans: when it was made, how long things usually take, when a load was measured,
// and until when to wait for another size.
func (p Page) Stable() Page {
	stable := *p.Plan
	stable.Decisions = make([]plan.Decision, len(p.Plan.Decisions))
	for i, decision := range p.Plan.Decisions {
		decision.Usual = state.Usual{}
		if decision.Size != nil {
			size := *decision.Size
			size.Load.At, size.Until = time.Time{}, time.Time{}
			decision.Size = &size
		}
		stable.Decisions[i] = decision
	}
	p.Plan, p.Made = &stable, time.Time{}
	return p
}

// Made writes where and when the plan was made, as far as that is known.
func Made(w io.Writer, p Page) error {
	var texts []string
	if p.Host != "" {
		texts = append(texts, "on "+clean(p.Host))
	}
	if !p.Made.IsZero() {
		texts = append(texts, p.Made.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if texts == nil {
		return nil
	}
	return lines(w, "Made "+strings.Join(texts, ", ")+".", "")
}

func (p Page) faults(service string, err error) hcl.Diagnostics {
	if p.Faults == nil {
		return nil
	}
	return p.Faults(service, err)
}
