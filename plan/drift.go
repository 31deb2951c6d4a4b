package plan

import (
	"cmp"
	"slices"

	"launchpad.net/cdplan/providers/resource"
)

// DriftKind says in what way a server does not carry what it should.
type DriftKind string

// The kinds. There are no others, and each server has one at most.
const (
	// DriftUnstamped says that the server has no stamp, and others of the service have one.
	DriftUnstamped DriftKind = "unstamped"
	// DriftNeverRecorded says that the server has no stamp, and no other of the service has one.
	DriftNeverRecorded DriftKind = "never-recorded"
	// DriftHashMismatch says that the stamp contradicts itself.
	DriftHashMismatch DriftKind = "hash-mismatch"
	// DriftMixed says that the servers differ among themselves, and that this one carries something else than this host deployed last; if it has not
	// deployed the service, something else than most of the others.
	DriftMixed DriftKind = "mixed"
	// DriftOtherService says that the server carries the stamp of another service than the one that claims it.
	DriftOtherService DriftKind = "other-service"
	// DriftUnclaimed says that no service claims the server, and that it carries a stamp.
	DriftUnclaimed DriftKind = "unclaimed"
	// DriftNotAsRecorded says that the servers agree, and carry something else than this host deployed last: somebody else has deployed or stamped.
	DriftNotAsRecorded DriftKind = "not-as-recorded"
)

// DriftKinds are all kinds, the worst first.
var DriftKinds = []DriftKind{DriftOtherService, DriftHashMismatch, DriftMixed, DriftNotAsRecorded, DriftNeverRecorded, DriftUnstamped, DriftUnclaimed}

// Drift is a server that does not carry what it should.
type Drift struct {
	Service string // that claims the server; if none does, whose stamp it carries
	Kind    DriftKind
	Copy    resource.Copy

	// Against is what the server should carry, by label; nil if nothing tells.
	Against map[string]resource.Revision
	Journal bool // Against is what this host deployed last; else what most servers carry
	Known   bool // of an unclaimed server: there is a service of that name, which does not claim it
}

// Carried is a set of revisions with the servers that carry it.
type Carried struct {
	Stamp  resource.Stamp // the newest of theirs
	Copies []resource.Copy
}

// CarriedBy returns what the servers carry whose stamps do not contradict themselves: first what most of them carry, and of what as many carry the newest.
func CarriedBy(copies []resource.Copy) []Carried {
	var sets []Carried
	for _, c := range copies {
		stamp, ok := c.Stamp()
		if !ok || c.Err != nil {
			continue
		}
		hash := resource.Hash(stamp.Revisions)
		i := slices.IndexFunc(sets, func(set Carried) bool { return resource.Hash(set.Stamp.Revisions) == hash })
		if i < 0 {
			i, sets = len(sets), append(sets, Carried{Stamp: stamp})
		}
		if stamp.At > sets[i].Stamp.At {
			sets[i].Stamp = stamp
		}
		sets[i].Copies = append(sets[i].Copies, c)
	}
	slices.SortStableFunc(sets, func(a, b Carried) int {
		return cmp.Or(cmp.Compare(len(b.Copies), len(a.Copies)), cmp.Compare(b.Stamp.At, a.Stamp.At),
			cmp.Compare(resource.Hash(a.Stamp.Revisions), resource.Hash(b.Stamp.Revisions)))
	})
	return sets
}

// Drifts returns the servers of a service that do not carry what they should, in the order of the copies. What this host deployed of it last
// counts more than what most servers carry; nil stands for nothing.
func Drifts(service string, copies []resource.Copy, deployed map[string]resource.Revision) []Drift {
	j := driftJudge{sets: CarriedBy(copies), against: deployed}
	if deployed == nil && len(j.sets) > 0 {
		j.against = j.sets[0].Stamp.Revisions
	}
	j.stamped = slices.ContainsFunc(copies, func(c resource.Copy) bool {
		_, ok := c.Stamp()
		return ok
	})
	var drifts []Drift
	for _, c := range copies {
		if kind := j.kind(c); kind != "" {
			drifts = append(drifts, Drift{Service: service, Kind: kind, Copy: c, Against: j.against, Journal: deployed != nil})
		}
	}
	return drifts
}

// driftJudge judges the servers of one service.
type driftJudge struct {
	sets    []Carried
	against map[string]resource.Revision
	stamped bool // some server has a stamp
}

func (j driftJudge) kind(c resource.Copy) DriftKind {
	stamp, ok := c.Stamp()
	switch {
	case !ok && c.Other != "":
		return DriftOtherService
	case !ok && j.stamped:
		return DriftUnstamped
	case !ok:
		return DriftNeverRecorded
	case c.Err != nil:
		return DriftHashMismatch
	case resource.Hash(stamp.Revisions) == resource.Hash(j.against):
		return ""
	case len(j.sets) > 1:
		return DriftMixed
	}
	return DriftNotAsRecorded
}

// Unclaimed returns the drift of servers that no service claims, by service; the Other of each names the service whose stamp it carries. Known says of
// every service that there is whether it can be told which servers it claims: if not, those with its stamp are left out.
func Unclaimed(strays []resource.Copy, known map[string]bool) []Drift {
	var drifts []Drift
	for _, c := range strays {
		if told, there := known[c.Other]; told || !there {
			drifts = append(drifts, Drift{Service: c.Other, Kind: DriftUnclaimed, Copy: c, Known: there})
		}
	}
	slices.SortStableFunc(drifts, func(a, b Drift) int { return cmp.Compare(a.Service, b.Service) })
	return drifts
}
