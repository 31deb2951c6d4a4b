package view

import (
	"fmt"
	"io"
	"strings"
)

// Region is the foot of what a terminal shows, drawn anew as things go on. Between two calls the cursor stands at its top left: then all of it
// can be erased, whatever a terminal that was made narrower has made of its lines. It leaves the terminal in no mode that has to be ended.
type Region struct {
	out io.Writer
}

// NewRegion returns a region that begins at the cursor, which has to be at the beginning of a line.
func NewRegion(out io.Writer) *Region { return &Region{out: out} }

// Draw writes whole lines above the region and draws it anew. No line of the region may be longer than the terminal is wide, nor may they be more
// than it is high. All goes out in one write. Without lines nothing of the region stays.
func (r *Region) Draw(above string, foot []string) error {
	var b strings.Builder
	b.WriteString("\r\x1b[J" + above + strings.Join(foot, "\n"))
	if len(foot) > 0 {
		b.WriteString("\r")
	}
	if up := len(foot) - 1; up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	_, err := io.WriteString(r.out, b.String())
	return err
}
