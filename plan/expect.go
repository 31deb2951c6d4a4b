package plan

import (
	"cmp"
	"slices"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// Expect is a plan that was approved. What is not just as it says is left alone.
type Expect struct {
	Fingerprint string // its digits, at least the first twelve, as ParseFingerprint returns them
	Plan        *Plan  // the plan itself; nil if nothing but the digits is known, and then a plan is as approved as a whole or not at all
	Strict      bool   // where anything moved, all is left alone

	Selected func(string) bool // the services that are compared; nil for all
}

// Standing says how what is to be done about a service stands to a plan that was approved.
type Standing string

// The standings. A service about which nothing is to be done, and nothing was, has none.
const (
	AsApproved Standing = "as-approved" // it is just what was approved, or what is left to record of that
	Done       Standing = "done"        // nothing is left to do
	Moved      Standing = "moved"       // it is something else by now, or the service is gone
	Outside    Standing = "outside"     // the approved plan does nothing about the service, or that is done by now, and more is to be done
	CannotTell Standing = "cannot-tell" // the service is invalid or unknown by now
)

// Compared is a service in a plan that was approved and in the one that is made now.
type Compared struct {
	Service  string
	Standing Standing
	Was, Now *Decision // nil for the plan that has not got it
}

// Compare tells of each service how it stands to the approved plan, in the order of p; those that p has not got come last, by name. It returns false if
// only the digits of the fingerprint are known and p is another plan: then there is nothing to tell.
func (e Expect) Compare(p *Plan) ([]Compared, bool) {
	whole := e.Fingerprint != "" && strings.HasPrefix(p.Fingerprint, e.Fingerprint)
	if !whole && e.Plan == nil {
		return nil, false
	}
	was := map[string]*Decision{}
	if !whole {
		for i, d := range e.Plan.Decisions {
			was[d.Service] = &e.Plan.Decisions[i]
		}
	}
	var found []Compared
	for i := range p.Decisions {
		now := &p.Decisions[i]
		c := Compared{Service: now.Service, Was: was[now.Service], Now: now}
		if c.Standing = c.stand(whole); c.Standing != "" {
			found = append(found, c)
		}
		delete(was, now.Service)
	}
	var gone []Compared
	for name, d := range was {
		if d.Fingerprint != "" && (e.Selected == nil || e.Selected(name)) {
			gone = append(gone, Compared{Service: name, Standing: Moved, Was: d})
		}
	}
	slices.SortFunc(gone, func(a, b Compared) int { return cmp.Compare(a.Service, b.Service) })
	return append(found, gone...), true
}

// stand judges a service of the plan that is made now. As a whole that is as approved, or it is compared by its part of the fingerprint.
func (c Compared) stand(whole bool) Standing {
	approved := ""
	if c.Was != nil {
		approved = c.Was.Fingerprint
	}
	switch {
	case c.Now.Fingerprint != "" && (whole || c.Now.Fingerprint == approved || approved != "" && c.unrecorded()):
		return AsApproved
	case approved == "" && c.Now.Fingerprint != "":
		return Outside
	case approved == "":
		return ""
	case c.Now.Err != nil:
		return CannotTell
	case c.Now.Fingerprint == "" && (c.withdrawn() || c.stayed()):
		return Moved
	case c.Now.Fingerprint == "":
		return Done
	case slices.Equal(c.Now.Live, []string{resource.Hash(c.Was.Revisions)}) && !c.Was.Scales():
		return Outside
	}
	return Moved
}

// unrecorded says that just what was approved was deployed, and that all there is left to do is to record it, on no server of others that was not
// shown.
func (c Compared) unrecorded() bool {
	return slices.Contains(c.Now.Reasons, NotRecorded) && resource.Hash(c.Now.Revisions) == resource.Hash(c.Was.Revisions) && len(c.Now.Others) <= len(c.Was.Others)
}

// withdrawn says that a revision which was approved is not wanted any more, and that nothing was deployed since: its branch went back.
func (c Compared) withdrawn() bool {
	return slices.Equal(c.Now.Live, c.Was.Live) && resource.Hash(c.Now.Revisions) != resource.Hash(c.Was.Revisions)
}

// stayed says that the size that was approved is asked for no more, and that it was not changed to that.
func (c Compared) stayed() bool {
	return c.Was.Scales() && (c.Now.Size == nil || c.Now.Size.Err != nil || c.Now.Size.Units != c.Was.Size.To)
}

// bars are, by service, why something that is to be done was not approved.
type bars struct {
	outside map[string]string // what the approved plan has nothing to do with
	moved   map[string]string // all else
	unseen  map[string]bool   // those outside that the approved plan did not select, or could not tell
	shown   map[string]bool   // the services that the approved plan acts on
}

// pass says that one service does not wait for another that has something to do, since the approved plan has nothing to do with that. What this plan
// did not see stood in the way in it, too, unless it shows that the one is dealt with all the same.
func (b bars) pass(other, one string) bool {
	return b.outside[other] != "" && (!b.unseen[other] || b.shown[one])
}

// bars compares the decisions with the approved plan, if there is one.
func (e *Expect) bars(decisions []*Decision) bars {
	b := bars{map[string]string{}, map[string]string{}, map[string]bool{}, map[string]bool{}}
	if e == nil {
		return b
	}
	p := &Plan{}
	for _, d := range decisions {
		p.Decisions = append(p.Decisions, *d)
	}
	p.Fingerprint = planFingerprint(p.Decisions)
	compared, told := e.Compare(p)
	for _, d := range decisions {
		if !told && d.Fingerprint != "" {
			b.moved[d.Service] = "it may not be what was approved"
		}
	}
	for _, c := range compared {
		b.shown[c.Service] = c.Was != nil && c.Was.Verdict.Acts()
		switch {
		case c.Standing == Moved:
			b.moved[c.Service] = "it moved since it was approved"
		case c.Standing == Outside:
			b.outside[c.Service] = "it is not in the approved plan"
			b.unseen[c.Service] = c.Was == nil || c.Was.Err != nil
		case c.Standing == AsApproved && e.Strict && slices.ContainsFunc(compared, Compared.broken):
			b.moved[c.Service] = "something else of the approved plan moved"
		}
	}
	return b
}

// broken says that the approved plan does not hold for the service.
func (c Compared) broken() bool { return c.Standing == Moved || c.Standing == CannotTell }
