package bzr

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// branch is a bzr_branch as it is declared.
type branch struct {
	Location string             `cty:"location"`
	TreeFile string             `cty:"tree_file"`
	TreeSHA1 string             `cty:"tree_sha1"`
	Revision *resource.Revision `cty:"revision"`
}

// answer is what was found of a branch.
type answer struct {
	revision resource.Revision
	fallback string // why brz was asked, if it was
	err      error  // a *fault if the declaration has to be mended
}

// branches is the resource type bzr_branch.
type branches struct {
	*provider
}

// Read returns each branch with its revision. What is asked several times is looked up once.
func (b branches) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	readings := make([]resource.Reading, len(want))
	askers := make(map[branch][]int) // indices of want
	var distinct []branch
	for i, w := range want {
		var declared branch
		if err := resource.Decode(w.Config, &declared); err != nil {
			readings[i] = resource.Reading{Addr: w.Addr, Err: err}
			continue
		}
		declared.Revision = nil
		if askers[declared] == nil {
			distinct = append(distinct, declared)
		}
		askers[declared] = append(askers[declared], i)
	}
	b = branches{b.once()}
	b.forEachHost(len(distinct), func(i int) host { return b.host(distinct[i]) }, func(i int) {
		found := b.look(ctx, distinct[i])
		for _, asker := range askers[distinct[i]] {
			readings[asker] = reading(want[asker], found)
		}
	})
	return readings
}

// forEachHost calls f for 0 to n-1. Each other host has a limit of its own, so that one that does not answer keeps nobody waiting but those
// on it. What is local, or for brz, has the zero host.
func (b branches) forEachHost(n int, of func(i int) host, f func(i int)) {
	byHost := make(map[host][]int)
	for i := range n {
		h := of(i)
		byHost[h] = append(byHost[h], i)
	}
	var wg sync.WaitGroup
	for h, some := range byHost {
		at := b.perHost
		if h == (host{}) {
			at = pace{few: b.parallelism, many: b.parallelism}
		}
		wg.Go(func() { at.forEach(len(some), func(i int) { f(some[i]) }) })
	}
	wg.Wait()
}

// host returns the host that is asked about the branch, if there is one that can be asked without brz.
func (b branches) host(declared branch) host {
	at, err := b.locate(declared)
	if err != nil {
		return host{}
	}
	u, err := at.direct()
	if err != nil {
		return host{}
	}
	return hostOf(u)
}

// locate returns where the branch is. That of a service's own directory is just there.
func (p *provider) locate(declared branch) (location, error) {
	if declared.TreeSHA1 != "" {
		return parseLocation(declared.Location)
	}
	return p.names.parse(declared.Location)
}

// Check says whether the location is one.
func (b branches) Check(w resource.Wanted) error {
	var declared branch
	err := resource.Decode(w.Config, &declared)
	if err == nil {
		_, err = b.locate(declared)
	}
	if err != nil {
		return reading(w, answer{err: err}).Err
	}
	return nil
}

// look finds the revision of one branch.
func (b branches) look(ctx context.Context, declared branch) answer {
	at, err := b.locate(declared)
	if err != nil {
		return answer{err: err}
	}
	if err := ctx.Err(); err != nil {
		return answer{err: failedLook(at, context.Cause(ctx))}
	}
	var found answer
	if declared.TreeSHA1 == "" {
		found = b.tip(ctx, at)
	} else {
		found = b.committedTip(ctx, at, checkout{at.path, declared.TreeFile, declared.TreeSHA1})
	}
	found.err = failedLook(at, found.err)
	return found
}

// failedLook says in err, unless it is a fault, what could not be done.
func failedLook(at location, err error) error {
	var f *fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	return fmt.Errorf("cannot read the tip of %s: %w", at, err)
}

func reading(w resource.Wanted, found answer) resource.Reading {
	var f *fault
	if errors.As(found.err, &f) {
		found.err = &resource.AttrError{Addr: w.Addr, Attr: "location", Summary: f.summary, Detail: f.detail}
	}
	if found.err != nil {
		return resource.Reading{Addr: w.Addr, Err: found.err, Fallback: found.fallback}
	}
	attrs := w.Config.AsValueMap()
	attrs["revision"] = found.revision.Value()
	return resource.Reading{Addr: w.Addr, Object: cty.ObjectVal(attrs), Fallback: found.fallback}
}

// pace says how many calls may be under way at a time: few to begin with, and one more, up to many, for each call that was slow.
type pace struct {
	few, many int
	slow      time.Duration // and longer
}

// forEach calls f for 0 to n-1 and returns when all calls have.
func (p pace) forEach(n int, f func(i int)) {
	var wg sync.WaitGroup
	var next, callers atomic.Int64
	var work func()
	add := func() {
		if callers.Add(1) <= int64(p.many) {
			wg.Go(work)
		}
	}
	work = func() {
		for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
			began := time.Now()
			f(i)
			if time.Since(began) >= p.slow {
				add()
			}
		}
	}
	for range min(n, p.few) {
		add()
	}
	wg.Wait()
}
