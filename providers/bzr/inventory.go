package bzr

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// The answer about inventories is a container of records, of which the first names the format of the repository. Each of the others tells how
// an inventory differs from that of the record before it; the first of them, from an empty one.
const (
	containerHeader = "Bazaar pack format 1 (introduced in 0.18)\n"
	deltaHeader     = "format: bzr inventory delta v1 (bzr 1.14)\n"
	maxLength       = 20 // digits of a number
)

// delta tells how the inventory of one revision differs from another's.
type delta struct {
	parent, version string // revision ids
	rows            []row
}

// row is one entry that differs. It is in one inventory only if one path is empty.
type row struct {
	from, to string // paths with a leading slash
	file     string // the entry's identity
	revision string // which last changed it
	kind     string // "file", "dir", "link", "tree", or "deleted"
}

// parseDeltas understands a container of inventory deltas.
func parseDeltas(data []byte) ([]delta, error) {
	rest, ok := bytes.CutPrefix(data, []byte(containerHeader))
	if !ok {
		return nil, malformedf("its inventories are in no container")
	}
	var deltas []delta
	for len(rest) > 0 && rest[0] == 'B' {
		body, after, err := cutRecord(rest[1:])
		if err != nil {
			return nil, err
		}
		if _, text, found := bytes.Cut(body, []byte(deltaHeader)); found {
			d, err := parseDelta(text)
			if err != nil {
				return nil, err
			}
			deltas = append(deltas, d)
		}
		rest = after
	}
	if string(rest) != "E" {
		return nil, malformedf("the container of its inventories does not end")
	}
	return deltas, nil
}

// cutRecord cuts a record's body off data: its length in a line, names in lines up to an empty one, and the body itself.
func cutRecord(data []byte) (body, rest []byte, err error) {
	head, rest, ok := bytes.Cut(data, []byte("\n"))
	n, errNumber := strconv.ParseUint(string(head[:min(len(head), maxLength)]), 10, 32)
	if !ok || errNumber != nil {
		return nil, nil, malformedf("a record of its inventories has no length")
	}
	for {
		var name []byte
		if name, rest, ok = bytes.Cut(rest, []byte("\n")); !ok {
			return nil, nil, malformedf("a record of its inventories has no body")
		}
		if len(name) == 0 {
			break
		}
	}
	if n > uint64(len(rest)) {
		return nil, nil, malformedf("a record of its inventories is cut off")
	}
	return rest[:n], rest[n:], nil
}

// parseDelta understands what follows the first line of a delta: four lines "NAME: VALUE", then the rows.
func parseDelta(text []byte) (delta, error) {
	var d delta
	for _, field := range []struct {
		name  string
		value *string
	}{{"parent: ", &d.parent}, {"version: ", &d.version}, {"versioned_root: ", new(string)}, {"tree_references: ", new(string)}} {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		v, ok := bytes.CutPrefix(line, []byte(field.name))
		if !ok {
			return delta{}, malformedf("an inventory has no %q", field.name)
		}
		*field.value, text = string(v), rest
	}
	for line := range bytes.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(string(line), "\n"), "\x00")
		if len(fields) < 6 {
			return delta{}, malformedf("an inventory has the row %.100q", line)
		}
		d.rows = append(d.rows, row{from: entryPath(fields[0]), to: entryPath(fields[1]), file: fields[2], revision: fields[4], kind: fields[5]})
	}
	return d, nil
}

func entryPath(field string) string {
	if field == "None" {
		return ""
	}
	return field
}

// difference tells how the inventories of two revisions differ.
type difference struct {
	whole     delta // from nothing to one of the two
	change    delta // from that to the other
	backwards bool  // that is the second of the two
}

// entries returns the entry at the path, which has a leading slash, in both inventories; nil where there is none.
func (d difference) entries(path string) (from, to *row) {
	from, to = d.whole.find(path), d.change.find(path)
	if to == nil && !d.change.removes(path) {
		to = from
	}
	if d.backwards {
		return to, from
	}
	return from, to
}

// files counts the files that differ.
func (d difference) files() *resource.Files {
	dirs := map[string]bool{}
	for _, r := range d.whole.rows {
		if r.kind == "dir" {
			dirs[r.file] = true
		}
	}
	count := map[string]int{}
	n := 0
	for _, r := range d.change.rows {
		if r.kind == "dir" || r.kind == "deleted" && dirs[r.file] {
			continue
		}
		n++
		count[area(cmp.Or(r.to, r.from))]++
	}
	return &resource.Files{Count: n, Areas: sortAreas(count)}
}

func sortAreas(count map[string]int) []resource.Area {
	var areas []resource.Area
	for _, name := range slices.Sorted(maps.Keys(count)) {
		areas = append(areas, resource.Area{Name: name, Files: count[name]})
	}
	slices.SortStableFunc(areas, func(a, b resource.Area) int { return b.Files - a.Files })
	return areas
}

// area returns the directory at the top that the path is in, or "." for a path at the top itself.
func area(path string) string {
	top, _, inside := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !inside {
		return "."
	}
	return top
}

// find returns the row of what the delta puts at the path, which has a leading slash; nil if it puts nothing there.
func (d delta) find(path string) *row {
	for i := range d.rows {
		if d.rows[i].to == path {
			return &d.rows[i]
		}
	}
	return nil
}

// removes says whether the delta takes away what was at the path, where it puts nothing.
func (d delta) removes(path string) bool {
	return slices.ContainsFunc(d.rows, func(r row) bool { return r.from == path })
}

// parseTexts understands a body of texts of files: each a line "ok\0N", where N is the number of the question, and the text, compressed with
// zlib, or, for a text that is not there, a line "absent\0...". There can be as many as were asked for.
func parseTexts(body []byte, asked int) (map[int][]byte, error) {
	texts := map[int][]byte{}
	for len(body) > 0 {
		head, rest, _ := bytes.Cut(body, []byte("\n"))
		if body = rest; bytes.HasPrefix(head, []byte("absent\x00")) {
			continue
		}
		digits, ok := bytes.CutPrefix(head, []byte("ok\x00"))
		n, err := strconv.Atoi(string(digits))
		if _, again := texts[n]; !ok || err != nil || n < 0 || n >= asked || again {
			return nil, malformedf("a text begins with %.100q", head)
		}
		r := bytes.NewReader(body)
		if texts[n], err = inflate(r, maxRecord); err != nil {
			return nil, err
		}
		body = body[len(body)-r.Len():]
	}
	return texts, nil
}
