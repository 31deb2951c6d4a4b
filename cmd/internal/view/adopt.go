package view

import (
	"io"
	"maps"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
)

// Adopted writes in one line which revisions the servers of a service carry now.
func Adopted(w io.Writer, d plan.Decision, r apply.Result) error {
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(d.Revisions)) {
		texts = append(texts, clean(label)+" "+revno(d.Revisions[label]))
	}
	did := "adopted on"
	if r.Outcome != apply.Recorded {
		did = "is so already on"
	}
	return Said(w, "%s %s %s: %s", clean(d.Service), did, plural(d.Copies, "server"), strings.Join(texts, ", "))
}
