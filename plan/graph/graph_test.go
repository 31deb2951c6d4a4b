package graph

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestGraph(t *testing.T) {
	tests := []struct {
		name   string
		graph  Graph
		levels map[string]int
		cycles map[string][]string
	}{
		{name: "empty", graph: Graph{}, levels: map[string]int{}},
		{
			name:   "diamond",
			graph:  Graph{"web": {"api", "cache"}, "api": {"db"}, "cache": {"db"}, "db": nil},
			levels: map[string]int{"db": 1, "api": 2, "cache": 2, "web": 3},
		},
		{
			name:   "longest way counts",
			graph:  Graph{"c": {"a", "b"}, "b": {"a"}, "a": nil},
			levels: map[string]int{"a": 1, "b": 2, "c": 3},
		},
		{
			name:   "need that is no node",
			graph:  Graph{"a": {"gone"}},
			levels: map[string]int{"a": 1},
		},
		{
			name:   "needs itself",
			graph:  Graph{"a": {"a"}, "b": {"a"}},
			levels: map[string]int{"a": 1, "b": 2},
			cycles: map[string][]string{"a": {"a"}},
		},
		{
			name:   "two cycles, and one that needs both",
			graph:  Graph{"b": {"c"}, "c": {"a"}, "a": {"b"}, "y": {"x"}, "x": {"y"}, "z": {"a", "x"}},
			levels: map[string]int{"a": 1, "b": 1, "c": 1, "x": 1, "y": 1, "z": 2},
			cycles: map[string][]string{
				"a": {"a", "b", "c"}, "b": {"b", "c", "a"}, "c": {"c", "a", "b"}, "x": {"x", "y"}, "y": {"y", "x"},
			},
		},
		{
			name:   "shortest cycle of a group",
			graph:  Graph{"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"a"}},
			levels: map[string]int{"a": 1, "b": 1, "c": 1, "d": 1},
			cycles: map[string][]string{"a": {"a", "d"}, "b": {"b", "c", "a"}, "c": {"c", "a", "b"}, "d": {"d", "a"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.levels, test.graph.Levels()); diff != "" {
				t.Errorf("levels (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.cycles, test.graph.Cycles(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("cycles (-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkLevels(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := layers(n)
			for b.Loop() {
				g.Levels()
			}
		})
	}
}

// layers returns a graph of n nodes in ten layers, each node needing two of the layer before.
func layers(n int) Graph {
	g := Graph{}
	width := n / 10
	for i := range n {
		node := fmt.Sprintf("n%05d", i)
		g[node] = nil
		if layer := i / width; layer > 0 {
			for _, k := range []int{i * 7, i * 13} {
				g[node] = append(g[node], fmt.Sprintf("n%05d", (layer-1)*width+k%width))
			}
		}
	}
	return g
}
