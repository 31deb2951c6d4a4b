package bzr

import (
	"context"
	"slices"
)

const (
	maxAsked   = 500 // revisions that are asked for in one request
	maxGrowths = 8   // requests that the merges of one branch may cost, each of them for at most maxAsked revisions

	maxKnown = 128 << 20 // bytes that a graph may take
	perID    = 64        // bytes that an id takes beside its own
)

// ancestry is the part that is known of a repository's graph of revisions.
type ancestry struct {
	// ask returns the parents of those revisions that are there, and of as many of those before them as it likes.
	ask     func(ctx context.Context, ids []string) (map[string][]string, error)
	parents map[string][]string // the first of them on the same line; none for the first revision of all
	absent  map[string]bool     // asked for, and not there
	size    int                 // bytes that were taken for all this, about
}

func newAncestry(ask func(context.Context, []string) (map[string][]string, error)) *ancestry {
	return &ancestry{ask: ask, parents: map[string][]string{}, absent: map[string]bool{}}
}

// grow asks for revisions that are not known. A graph that is too large to be known is errUndecided.
func (a *ancestry) grow(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, maxAsked) {
		found, err := a.ask(ctx, some)
		if err != nil {
			return err
		}
		a.learn(some, found)
		if a.size > maxKnown {
			return undecided("a history that is too long to be known whole")
		}
	}
	return nil
}

// learn takes in the answer to a question about ids.
func (a *ancestry) learn(ids []string, found map[string][]string) {
	for id, parents := range found {
		if _, known := a.parents[id]; known {
			continue
		}
		a.parents[id] = parents
		a.size += len(id) + perID
		for _, parent := range parents {
			a.size += len(parent) + perID
		}
	}
	for _, id := range ids {
		if _, known := a.parents[id]; !known {
			a.absent[id] = true
		}
	}
}

// parentsOf returns the parents of a revision. Of one that is absent there are none.
func (a *ancestry) parentsOf(ctx context.Context, id string) ([]string, error) {
	if _, known := a.parents[id]; !known && !a.absent[id] {
		if err := a.grow(ctx, []string{id}); err != nil {
			return nil, err
		}
	}
	return a.parents[id], nil
}

// line returns the revisions from id back along its own line until one, which is left out, for which end says so. It returns false if there
// was none.
func (a *ancestry) line(ctx context.Context, id string, end func(string) bool) (ids []string, ended bool, err error) {
	for seen := map[string]bool{}; !seen[id]; {
		if end(id) {
			return ids, true, nil
		}
		seen[id] = true
		ids = append(ids, id)
		parents, err := a.parentsOf(ctx, id)
		if err != nil {
			return nil, false, err
		}
		if len(parents) == 0 {
			return ids, false, nil
		}
		id = parents[0]
	}
	return nil, false, malformedf("a revision is its own ancestor")
}

// all returns id and all that comes before it.
func (a *ancestry) all(ctx context.Context, id string) (map[string]bool, error) {
	found := map[string]bool{}
	for next := []string{id}; ; {
		_, unknown := a.walk(next, found)
		if len(unknown) == 0 {
			return found, nil
		}
		if err := a.grow(ctx, unknown); err != nil {
			return nil, err
		}
		next = nil
		for _, id := range unknown {
			next = append(next, a.parents[id]...)
		}
	}
}

// walk adds to found the ids and what comes before them, as far as that is known. It returns what it has added, and those among that of which
// it is not known what comes before them.
func (a *ancestry) walk(ids []string, found map[string]bool) (added, unknown []string) {
	next := slices.Clone(ids)
	for len(next) > 0 {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		if found[id] {
			continue
		}
		found[id] = true
		added = append(added, id)
		parents, known := a.parents[id]
		if !known && !a.absent[id] {
			unknown = append(unknown, id)
		}
		next = append(next, parents...)
	}
	return added, unknown
}

// relation says how two revisions of a repository stand to each other.
type relation struct {
	gained []string // on the line of the second and not in the first, newest first
	lost   []string // on the line of the first and not in the second, newest first; empty if the second has got the first
}

// relate compares two revisions. Of a first one that is absent itself is all that is lost, and nothing is known to be gained.
func (a *ancestry) relate(ctx context.Context, from, to string) (relation, error) {
	if err := a.grow(ctx, []string{to, from}); err != nil {
		return relation{}, err
	}
	if a.absent[to] {
		return relation{}, errPartial
	}
	line, met, err := a.line(ctx, to, func(id string) bool { return id == from })
	if err != nil || met {
		return relation{gained: line}, err
	}
	if a.absent[from] {
		return relation{lost: []string{from}}, nil
	}
	theirs, err := a.all(ctx, to)
	if err != nil {
		return relation{}, err
	}
	ours, err := a.all(ctx, from)
	if err != nil {
		return relation{}, err
	}
	r := relation{gained: until(line, ours)}
	if !theirs[from] {
		lost, _, err := a.line(ctx, from, func(id string) bool { return theirs[id] })
		if err != nil {
			return relation{}, err
		}
		r.lost = lost
	}
	return r, nil
}

// until returns the ids before the first that is in the set.
func until(ids []string, set map[string]bool) []string {
	if i := slices.IndexFunc(ids, func(id string) bool { return set[id] }); i >= 0 {
		return ids[:i]
	}
	return ids
}

// merges returns, for those of the ids that merged something, what each brought to the line. The ids follow each other on one line, newest
// first. What cannot be told at a reasonable cost is left out.
func (a *ancestry) merges(ctx context.Context, ids []string) (map[string][]string, error) {
	if !slices.ContainsFunc(ids, func(id string) bool { return len(a.parents[id]) > 1 }) {
		return nil, nil
	}
	for growth := 0; ; growth++ {
		merged, unknown := a.knownMerges(ids)
		if len(unknown) == 0 || len(unknown) > maxAsked || growth == maxGrowths {
			return merged, nil
		}
		if err := a.grow(ctx, unknown); err != nil {
			return nil, err
		}
	}
}

// knownMerges tells what the known part of the graph tells, and which revisions it lacks to tell the rest. As long as it is not known all that
// came to the line before, nothing can be told: a branch that began long ago leads to what the line has held since.
func (a *ancestry) knownMerges(ids []string) (merged map[string][]string, unknown []string) {
	merged = map[string][]string{}
	line := map[string]bool{} // what has come to the line so far
	oldest := a.parents[ids[len(ids)-1]]
	_, unknown = a.walk(oldest[:min(1, len(oldest))], line)
	for _, id := range slices.Backward(ids) {
		line[id] = true
		parents := a.parents[id]
		if len(parents) < 2 {
			continue
		}
		brought, lacking := a.walk(parents[1:], line)
		unknown = append(unknown, lacking...)
		if len(unknown) == 0 {
			merged[id] = slices.DeleteFunc(brought, func(id string) bool { return a.absent[id] })
		}
	}
	return merged, unknown
}
