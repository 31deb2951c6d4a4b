package bzr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// randomGraph returns n revisions, r0 the first, each after earlier ones. Some have a parent that nobody holds.
func randomGraph(r *rand.Rand, n int) map[string][]string {
	parents := map[string][]string{"r0": nil}
	for i := 1; i < n; i++ {
		left := max(0, i-1-r.IntN(3))
		ids := []string{fmt.Sprint("r", left)}
		for range r.IntN(3) - 1 + r.IntN(2) {
			if other := fmt.Sprint("r", r.IntN(i)); !slices.Contains(ids, other) {
				ids = append(ids, other)
			}
		}
		if r.IntN(20) == 0 {
			ids = append(ids, fmt.Sprint("ghost", i))
		}
		parents[fmt.Sprint("r", i)] = ids
	}
	return parents
}

// sparing serves a graph as a smart server does, but adds few revisions only to those that were asked for.
func sparing(parents map[string][]string, added int) func(context.Context, []string) (map[string][]string, error) {
	return func(_ context.Context, ids []string) (map[string][]string, error) {
		told := map[string][]string{}
		next := slices.Clone(ids)
		for i := 0; i < len(next) && len(told) < len(ids)+added; i++ {
			if found, ok := parents[next[i]]; ok && told[next[i]] == nil {
				told[next[i]] = append([]string{}, found...)
				next = append(next, found...)
			}
		}
		return told, nil
	}
}

// before returns id and all that comes before it, ghosts included, the plain way.
func before(parents map[string][]string, id string) map[string]bool {
	found := map[string]bool{id: true}
	for _, parent := range parents[id] {
		maps.Copy(found, before(parents, parent))
	}
	return found
}

// lineOf returns the revisions from id back to the first.
func lineOf(parents map[string][]string, id string) []string {
	if len(parents[id]) == 0 {
		return []string{id}
	}
	return append([]string{id}, lineOf(parents, parents[id][0])...)
}

func without(ids []string, set map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return set[id] })
}

// TestRelate compares the relation of revisions of random graphs with what a look at the whole graph says.
func TestRelate(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		parents := randomGraph(r, 2+r.IntN(12))
		from, to := fmt.Sprint("r", r.IntN(len(parents))), fmt.Sprint("r", r.IntN(len(parents)))
		got, err := newAncestry(sparing(parents, r.IntN(6))).relate(t.Context(), from, to)
		if err != nil {
			t.Fatalf("graph %d: %v", seed, err)
		}
		ours, theirs := before(parents, from), before(parents, to)
		want := relation{gained: without(lineOf(parents, to), ours)}
		if !theirs[from] {
			want.lost = without(lineOf(parents, from), theirs)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(relation{}), cmp.Transformer("", func(s []string) string { return fmt.Sprint(s) })); diff != "" {
			t.Errorf("graph %d %v, from %s to %s (-want +got):\n%s", seed, parents, from, to, diff)
		}
	}
}

// TestMerges compares what each merge of random graphs brought to the line with what a look at the whole graph says.
func TestMerges(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		parents := randomGraph(r, 3+r.IntN(12))
		tip := fmt.Sprint("r", len(parents)-1)
		line := lineOf(parents, tip)
		line = line[:1+r.IntN(len(line))]
		added := []int{0, 1, 2, 3, 40}[r.IntN(5)]
		a := newAncestry(sparing(parents, added))
		if err := a.grow(t.Context(), line); err != nil {
			t.Fatal(err)
		}
		got, err := a.merges(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{}
		for _, id := range line {
			if len(parents[id]) < 2 {
				continue
			}
			want[id] = []string{}
			for other := range before(parents, id) {
				if _, held := parents[other]; held && other != id && !before(parents, parents[id][0])[other] {
					want[id] = append(want[id], other)
				}
			}
		}
		if added < 40 { // what was too dear may be left out
			maps.DeleteFunc(want, func(id string, _ []string) bool { _, told := got[id]; return !told })
		}
		for _, ids := range []map[string][]string{got, want} {
			for id := range ids {
				slices.Sort(ids[id])
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("graph %d %v, line %v:\n got %v\nwant %v", seed, parents, line, got, want)
		}
	}
}

// TestMergesOfOldBranches merges a branch that began long ago: what the line holds from before that is not what the merge brought.
func TestMergesOfOldBranches(t *testing.T) {
	const age = 40
	parents := map[string][]string{"r0": nil, "old": {"r1"}, "tip": {fmt.Sprint("r", age), "old"}}
	for i := range age {
		parents[fmt.Sprint("r", i+1)] = []string{fmt.Sprint("r", i)}
	}
	a := newAncestry(sparing(parents, age/4))
	if err := a.grow(t.Context(), []string{"tip"}); err != nil {
		t.Fatal(err)
	}
	got, err := a.merges(t.Context(), []string{"tip"})
	if err != nil || fmt.Sprint(got) != "map[tip:[old]]" {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestMergesAtAPrice leaves out what costs too many requests, and never tells it wrong.
func TestMergesAtAPrice(t *testing.T) {
	parents := map[string][]string{"r0": nil, "m": {"r0", "s99"}}
	for i := range 100 {
		parents[fmt.Sprint("s", i)] = []string{fmt.Sprint("s", i-1)}
	}
	parents["s0"] = []string{"r0"}
	calls := 0
	ask := func(ctx context.Context, ids []string) (map[string][]string, error) {
		calls++
		return sparing(parents, 1)(ctx, ids)
	}
	a := newAncestry(ask)
	if err := a.grow(t.Context(), []string{"m"}); err != nil {
		t.Fatal(err)
	}
	got, err := a.merges(t.Context(), []string{"m"})
	if err != nil || len(got) != 0 || calls > 1+maxGrowths {
		t.Errorf("got %v, %v after %d requests", got, err, calls)
	}
}

// TestMergesOfTooMany asks about no more revisions at a time than one request takes.
func TestMergesOfTooMany(t *testing.T) {
	for n, want := range map[int]int{maxAsked: maxAsked, maxAsked + 1: 0} {
		parents := map[string][]string{"r0": nil, "m": {"r0"}}
		for i := range n {
			parents["m"] = append(parents["m"], fmt.Sprint("s", i))
			parents[fmt.Sprint("s", i)] = nil
		}
		a := newAncestry(sparing(parents, 1))
		if err := a.grow(t.Context(), []string{"m"}); err != nil {
			t.Fatal(err)
		}
		if got, err := a.merges(t.Context(), []string{"m"}); err != nil || len(got["m"]) != want {
			t.Errorf("%d revisions were merged: got %d, %v", n, len(got["m"]), err)
		}
	}
}

// TestGraphWithoutEnd gives up when there is too much to be known, be it long ids, many revisions or many parents. What is told twice counts once.
func TestGraphWithoutEnd(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, tell := range map[string]func(n int) map[string][]string{
		"long ids":       func(n int) map[string][]string { return map[string][]string{fmt.Sprint(n, long): nil} },
		"long parents":   func(n int) map[string][]string { return map[string][]string{fmt.Sprint(n): {long}} },
		"many parents":   func(n int) map[string][]string { return map[string][]string{fmt.Sprint(n): make([]string, 1<<15)} },
		"many revisions": func(n int) map[string][]string { return manyRevisions(n, 1<<15) },
	} {
		n := 0
		a := newAncestry(func(context.Context, []string) (map[string][]string, error) { n++; return tell(n), nil })
		var err error
		for err == nil && n < 200 {
			err = a.grow(t.Context(), []string{"r"})
		}
		if !errors.Is(err, errUndecided) || n < 50 {
			t.Errorf("%s: %d answers, %v", name, n, err)
		}
	}
	a := newAncestry(func(context.Context, []string) (map[string][]string, error) {
		return map[string][]string{long: {long}}, nil
	})
	for range 200 {
		if err := a.grow(t.Context(), []string{"r"}); err != nil {
			t.Fatalf("the same again and again: %v", err)
		}
	}
}

// TestAncestryAsksLittle asks for no more than is needed, for nothing twice, and for some at a time only.
func TestAncestryAsksLittle(t *testing.T) {
	wide := map[string][]string{"r0": nil, "wide": nil}
	for i := range 2*maxAsked + 1 {
		wide["wide"] = append(wide["wide"], fmt.Sprint("s", i))
		wide[fmt.Sprint("s", i)] = []string{}
	}
	long := map[string][]string{"r0": nil}
	for i := range 100 {
		long[fmt.Sprint("r", i+1)] = []string{fmt.Sprint("r", i)}
	}
	for name, test := range map[string]struct {
		parents    map[string][]string
		from, to   string
		wantAsking string // how many revisions each request names
	}{
		"a branch goes on":          {long, "r98", "r100", "[2 1]"},
		"many merged at once":       {wide, "r0", "wide", fmt.Sprintf("[2 1 %d %[1]d]", maxAsked)},
		"both begin with a ghost":   {map[string][]string{"a": {"ghost"}, "b": {"ghost"}}, "a", "b", "[2 1]"},
		"what is lost begins so":    {map[string][]string{"a": {"ghost"}, "b": nil}, "a", "b", "[2 1]"},
		"nothing is in common":      {map[string][]string{"a": nil, "b": nil}, "a", "b", "[2]"},
		"deployed is what is there": {long, "r100", "r100", "[2]"},
	} {
		var asked []int
		a := newAncestry(func(ctx context.Context, ids []string) (map[string][]string, error) {
			asked = append(asked, len(ids))
			return sparing(test.parents, 0)(ctx, ids)
		})
		if _, err := a.relate(t.Context(), test.from, test.to); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(asked); got != test.wantAsking {
			t.Errorf("%s: asked for %s revisions, want %s", name, got, test.wantAsking)
		}
	}
}

func manyRevisions(from, n int) map[string][]string {
	parents := map[string][]string{}
	for i := range n {
		parents[fmt.Sprint(from, "-", i)] = nil
	}
	return parents
}

func TestAncestryInTrouble(t *testing.T) {
	trouble := errors.New("out of order")
	failing := newAncestry(func(context.Context, []string) (map[string][]string, error) { return nil, trouble })
	if _, err := failing.relate(t.Context(), "a", "b"); err != trouble {
		t.Errorf("got %v", err)
	}
	circle := map[string][]string{"a": {"b"}, "b": {"a"}, "c": nil}
	if _, err := newAncestry(sparing(circle, 9)).relate(t.Context(), "c", "a"); err == nil {
		t.Error("a circle was followed")
	}
	if _, err := newAncestry(sparing(circle, 9)).relate(t.Context(), "c", "none"); !errors.Is(err, errUndecided) {
		t.Errorf("to a revision that is not there: %v", err)
	}
	got, err := newAncestry(sparing(circle, 9)).relate(t.Context(), "none", "c")
	if err != nil || fmt.Sprint(got.lost) != "[none]" || got.gained != nil {
		t.Errorf("from a revision that is not there: %+v, %v", got, err)
	}
}
