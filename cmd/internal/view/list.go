package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/providers/resource"
)

// Listed is what runs of one service.
type Listed struct {
	Service string
	Copies  []resource.Copy
	Err     error // why the servers are not known
}

// List writes a line for each server of each service: which revision of which branch it carries.
func List(w io.Writer, services []Listed, s Style) error {
	t := newTable("service", "server", "status", "deployed", "branches")
	for _, service := range services {
		for _, c := range service.Copies {
			deployed, branches := stampText(c)
			t.AppendRow(table.Row{clean(service.Service), clean(c.Name), clean(c.Status), deployed, branches})
		}
		if len(service.Copies) == 0 {
			t.AppendRow(table.Row{clean(service.Service), "-", "-", "-", s.paint(faint, noServers(service))})
		}
	}
	return lines(w, t.Render())
}

func noServers(l Listed) string {
	if l.Err != nil {
		return "not known, see the error"
	}
	return "no servers"
}

// stampText returns when the stamp was made and what it says.
func stampText(c resource.Copy) (deployed, branches string) {
	stamp, ok := c.Stamp()
	switch {
	case !ok && c.Other != "":
		return "-", "stamp of " + clean(c.Other)
	case !ok:
		return "-", "no stamp"
	}
	var texts []string
	for _, label := range slices.Sorted(maps.Keys(stamp.Revisions)) {
		texts = append(texts, clean(label)+" "+revno(stamp.Revisions[label]))
	}
	text := strings.Join(texts, ", ")
	if c.Err != nil {
		text += fmt.Sprintf(" (hash-mismatch: %s)", clean(c.Err.Error()))
	}
	return clean(stamp.At), text
}
