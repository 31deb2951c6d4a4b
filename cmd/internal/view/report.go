package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"launchpad.net/cdplan/plan/apply"
)

// Change is a change of how services stand, which is told once.
type Change struct {
	Kind     string   // failing, parked, held, invalid, unknown, host-trouble, recovered, released or host-recovered
	Services []string // none where it is about the host
	Reason   string   // empty where the kind says it all
	Time     time.Time
	Result   *apply.Result // that brought it; nil if none did
}

// Text says the change in one line.
func (c Change) Text() string {
	text := c.Kind
	if len(c.Services) > 0 {
		text = strings.Join(c.Services, ", ") + " " + c.Kind
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return clean(text)
}

// Changes writes a line for each change.
func Changes(w io.Writer, changes []Change, s Style) error {
	for _, c := range changes {
		if err := lines(w, s.paint(changeColors[c.Kind], c.Text())); err != nil {
			return err
		}
	}
	return nil
}

var changeColors = map[string]color{"failing": red, "parked": red, "host-trouble": red, "invalid": red, "unknown": red, "held": yellow, "recovered": green,
	"released": green, "host-recovered": green}

// Said writes what a command has done.
func Said(w io.Writer, format string, args ...any) error {
	return lines(w, clean(fmt.Sprintf(format, args...)))
}
