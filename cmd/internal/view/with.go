package view

import (
	"launchpad.net/cdplan/plan"
)

// notAsIs says why a plan with branches under review is not to be applied.
const notAsIs = "It cannot be applied: landing makes a revision of its own."

// asIfLanded tells which branches under review the plan takes for landed, in a line each, none of which begins with a text from outside; nothing where
// there are none.
func asIfLanded(p *plan.Plan, width int) []string {
	var texts []string
	for _, branch := range landedBranches(p) {
		texts = append(texts, cut("As if landed: "+branch, width))
	}
	if texts == nil {
		return nil
	}
	return append(texts, notAsIs)
}

func landedBranches(p *plan.Plan) []string {
	var texts []string
	for _, with := range p.With {
		texts = append(texts, clean(with.Service+" "+with.Label+" = "+with.Location))
	}
	return texts
}

// landing tells what a branch under review lacks of the one that it is to land on.
func landing(c plan.Change) []string {
	h := c.History
	switch {
	case !c.Landing || h == nil || len(h.Lost) == 0:
		return nil
	case h.Lost[0].Date.IsZero(): // it is not stored there, nor what came before it
		return []string{"    as if landed: the deployed revision is not in it, landing merges that"}
	case len(h.Lost)+h.LostMore == 1:
		return []string{"    as if landed: 1 revision of the deployed branch is not in it, landing merges that"}
	}
	return []string{"    as if landed: " + plural(len(h.Lost)+h.LostMore, "revision") + " of the deployed branch are not in it, landing merges them"}
}

// withJSON lists the branches under review.
func withJSON(p *plan.Plan) []jsonWith {
	list := []jsonWith{}
	for _, with := range p.With {
		list = append(list, jsonWith{Service: clean(with.Service), Label: clean(with.Label), Location: clean(with.Location)})
	}
	return list
}
