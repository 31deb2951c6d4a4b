package cli

import (
	"context"
	"errors"
	"fmt"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// present is what a service's branches say and its servers carry, by label.
type present struct {
	own      plan.Declared // the branch of the service's own directory
	tips     map[string]resource.Revision
	deployed map[string]resource.Revision
	others   []plan.Declared // the other branches whose tip is not what is deployed
}

// present reads the branches and the servers of one service. Of a service that cannot be used its own branch is read alone.
func (o *opened) present(ctx context.Context, service plan.Service) (present, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	now := present{tips: map[string]resource.Revision{}}
	var sources []plan.Declared
	var record resource.Addr
	var want []resource.Wanted
	for _, declared := range service.Resources {
		own := declared.Addr.Label == plan.ConfigLabel
		switch role := o.Schemas[declared.Addr.Type].Role; {
		case role == resource.Record:
			record = declared.Addr
		case role != resource.Source || service.Err != nil && !own:
			continue
		case own:
			now.own = declared
		default:
			sources = append(sources, declared)
		}
		want = append(want, resource.Wanted{Addr: declared.Addr, Config: declared.Config})
	}
	if record == (resource.Addr{}) || now.own.Addr == (resource.Addr{}) {
		return now, service.Err
	}
	readings := state.Refresh(ctx, o.types, want)
	for _, w := range want {
		if err := readings[w.Addr].Err; err != nil {
			return now, err
		}
		if w.Addr != record {
			now.tips[w.Addr.Label] = resource.RevisionOf(readings[w.Addr].Object.GetAttr("revision"))
		}
	}
	var err error
	if now.deployed, err = deployed(readings[record].Copies); err != nil {
		return now, fmt.Errorf("cannot undo %s: %w", service.Name, err)
	}
	for _, source := range sources {
		if was := now.deployed[source.Addr.Label]; was.ID != "" && was.ID != now.tips[source.Addr.Label].ID {
			now.others = append(now.others, source)
		}
	}
	return now, nil
}

// deployed returns the revisions that the servers carry. They have to agree on the service's own branch; servers without a stamp do not count.
func deployed(copies []resource.Copy) (map[string]resource.Revision, error) {
	var found map[string]resource.Revision
	var first string
	for _, c := range copies {
		stamp, ok := c.Stamp()
		switch own := stamp.Revisions[plan.ConfigLabel]; {
		case !ok:
			continue
		case c.Err != nil:
			return nil, fmt.Errorf("the stamp of %s contradicts itself: %w", c.Name, c.Err)
		case own.ID == "":
			return nil, fmt.Errorf("the stamp of %s does not tell its revision of the service's own branch", c.Name)
		case found == nil:
			found, first = stamp.Revisions, c.Name
		case found[plan.ConfigLabel].ID != own.ID:
			return nil, fmt.Errorf("its servers carry different revisions of its own branch: %s r%s, %s r%s", first, found[plan.ConfigLabel].Revno, c.Name, own.Revno)
		}
	}
	if found == nil {
		return nil, errors.New("no server of it carries a stamp, so that nothing tells what to go back to")
	}
	return found, nil
}

// errMovedElsewhere says that there is nothing to undo in the service's own branch, but in others.
var errMovedElsewhere = errors.New("only other branches moved")

// back returns the revision of its own branch that a service goes back to, and what that is. The revisions that earlier deploys were made from,
// newest first, are asked for if it is not what the servers carry.
func (p present) back(previously func() ([]resource.Revision, error)) (to resource.Revision, why string, err error) {
	carried := p.deployed[plan.ConfigLabel]
	switch {
	case carried.ID != p.tips[plan.ConfigLabel].ID:
		return carried, "which its servers carry", nil
	case len(p.others) > 0:
		return to, "", errMovedElsewhere
	}
	earlier, err := previously()
	if err != nil {
		return to, "", fmt.Errorf("cannot tell what was deployed before: %w", err)
	}
	for _, r := range earlier {
		if r.ID != carried.ID {
			return r, "which was deployed before", nil
		}
	}
	return to, "", errors.New("nothing else was deployed before")
}
