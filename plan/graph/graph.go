// Package graph orders things that need one another. Every answer is the same for the same graph, whatever order it was built in.
package graph

import (
	"maps"
	"slices"
)

// Graph holds, for each node, the nodes that it needs. A need that is not a node itself is ignored.
type Graph map[string][]string

// Levels returns the level of every node: 1 for one that needs nothing, else one more than the highest level among its needs. Needs
// inside a cycle do not count.
func (g Graph) Levels() map[string]int {
	levels := make(map[string]int, len(g))
	for _, group := range g.groups() {
		level := 1
		for _, node := range group {
			for _, need := range g[node] {
				if !slices.Contains(group, need) {
					level = max(level, levels[need]+1)
				}
			}
		}
		for _, node := range group {
			levels[node] = level
		}
	}
	return levels
}

// Cycles returns, for every node that is on a cycle, the shortest one through it, written from that node along its needs without repeating it
// at the end. Of several the one that is first in the order of names is taken.
func (g Graph) Cycles() map[string][]string {
	cycles := map[string][]string{}
	for _, group := range g.groups() {
		for _, node := range group {
			if cycle := g.path(node, node, group); cycle != nil {
				cycles[node] = cycle
			}
		}
	}
	return cycles
}

// path returns a shortest path of one step or more from one node to another that stays within the group, without its last node.
func (g Graph) path(from, to string, group []string) []string {
	came := map[string]string{}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		node := queue[0]
		for _, need := range g.sortedNeeds(node) {
			if need == to {
				return trace(came, from, node)
			}
			if _, seen := came[need]; !seen && slices.Contains(group, need) {
				came[need] = node
				queue = append(queue, need)
			}
		}
	}
	return nil
}

func trace(came map[string]string, from, last string) []string {
	path := []string{last}
	for node := last; node != from; {
		node = came[node]
		path = append(path, node)
	}
	slices.Reverse(path)
	return path
}

// groups returns the strongly connected components of g, each after all that it needs. It is Tarjan's algorithm ("Depth-first search and
// linear graph algorithms", 1972).
func (g Graph) groups() [][]string {
	t := tarjan{graph: g, index: map[string]int{}, low: map[string]int{}, open: map[string]bool{}}
	for _, node := range slices.Sorted(maps.Keys(g)) {
		if t.index[node] == 0 {
			t.visit(node)
		}
	}
	return t.groups
}

type tarjan struct {
	graph  Graph
	index  map[string]int // order of first visit, from 1
	low    map[string]int // lowest index that is reachable within the open nodes
	open   map[string]bool
	stack  []string
	groups [][]string
}

func (t *tarjan) visit(node string) {
	t.index[node] = len(t.index) + 1
	t.low[node] = t.index[node]
	t.stack, t.open[node] = append(t.stack, node), true
	for _, need := range t.graph.sortedNeeds(node) {
		if t.index[need] == 0 {
			t.visit(need)
			t.low[node] = min(t.low[node], t.low[need])
		} else if t.open[need] {
			t.low[node] = min(t.low[node], t.index[need])
		}
	}
	if t.low[node] == t.index[node] {
		t.close(node)
	}
}

// close takes the finished group that node was the first of from the stack.
func (t *tarjan) close(node string) {
	at := slices.Index(t.stack, node)
	group := slices.Clone(t.stack[at:])
	t.stack = t.stack[:at]
	for _, member := range group {
		t.open[member] = false
	}
	t.groups = append(t.groups, group)
}

func (g Graph) sortedNeeds(node string) []string {
	var needs []string
	for _, need := range g[node] {
		if _, ok := g[need]; ok {
			needs = append(needs, need)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}
