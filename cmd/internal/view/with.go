package view

import (
	"strings"

	"launchpad.net/cdplan/plan"
)

// With tells which branches under review the plan takes for landed, and that it cannot be applied therefore; nothing where there are none.
func With(p *plan.Plan) []string {
	if len(p.With) == 0 {
		return nil
	}
	var texts []string
	for _, with := range p.With {
		texts = append(texts, clean(with.Service+" "+with.Label+" = "+with.Location))
	}
	return []string{"As if landed: " + strings.Join(texts, "; ") + ". Landing makes a revision of its own, so this plan cannot be applied: make it anew then."}
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
