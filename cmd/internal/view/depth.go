package view

import (
	"fmt"
	"math"
	"sort"

	"launchpad.net/cdplan/plan"
)

// depth is how much of a plan is told.
type depth struct {
	rows    int  // services in the table, at most
	blocks  bool // what is told below it, the warnings among it
	commits int  // of each branch: the newest of those that came, and of those that were lost
	files   bool // which a change touches
	keys    bool // of a config.ini that it changes
}

// depths begin with all there is to tell, and leave out more and more: first the log, then the files and the keys, then all that is below the
// table.
var depths = func() []depth {
	d := depth{rows: math.MaxInt, blocks: true, commits: maxCommits, files: true, keys: true}
	all := []depth{d}
	for d.commits > 0 {
		d.commits--
		all = append(all, d)
	}
	d.files = false
	all = append(all, d)
	d.keys = false
	all = append(all, d)
	d.blocks = false
	return append(all, d)
}()

// MinBytes is the least that a form can be held to: what has to be said of any plan takes no more.
const MinBytes = 2000

// fit returns the deepest form that takes no more bytes than that. The services of the table come last of all that is left out.
func fit(limit, services int, form func(depth) string) string {
	for _, d := range depths {
		if text := form(d); len(text) <= limit {
			return text
		}
	}
	last := depths[len(depths)-1]
	last.rows = sort.Search(services, func(n int) bool {
		last.rows = n + 1
		return len(form(last)) > limit
	})
	return form(last)
}

// leftOut tells what of those services is not told; nothing if all of it is. So many of them have more to tell than their row does.
func (d depth) leftOut(p *plan.Plan, shown []plan.Decision, blocks int) []string {
	warned := len(warnings(p))
	var logs, files, keys int
	for _, decision := range shown {
		for _, c := range decision.Changes {
			if h := c.History; h != nil {
				logs += d.cut(len(h.Commits)) + d.cut(len(h.Lost))
				files += one(h.Files != nil && !d.files)
			}
			keys += one((c.Keys != nil || c.KeysErr != nil) && !d.keys)
		}
	}
	var texts []string
	for _, left := range []struct {
		n    int
		text string
	}{
		{logs, plural(logs, "line") + " of the log"},
		{files, "the files of " + plural(files, "change")},
		{keys, "the keys of " + plural(keys, "change")},
		{warned * one(!d.blocks), plural(warned, "warning")},
		{blocks * one(!d.blocks), "all else about " + plural(blocks, "service")},
		{len(shown) - d.rows, fmt.Sprintf("%d of the %s of the table", len(shown)-d.rows, plural(len(shown), "row"))},
	} {
		if left.n > 0 {
			texts = append(texts, left.text)
		}
	}
	return texts
}

// cut returns how many of the commits are left out that would else be told.
func (d depth) cut(commits int) int { return max(min(commits, maxCommits)-d.commits, 0) }

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
