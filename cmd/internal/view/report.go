package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

// Change is a change of how services stand, which is told once.
type Change struct {
	Kind     string   // failing, parked, held, invalid, unknown, unmeasured, host-trouble, recovered, released or host-recovered
	Services []string // none where it is about the host
	Reason   string   // empty where the kind says it all
	Time     time.Time
	Result   *apply.Result // that brought it; nil if none did
}

// Text says the change in one line, with the names that there is room for.
func (c Change) Text() string {
	text := c.Kind
	if len(c.Services) > 0 {
		text = listed(c.Services) + " " + c.Kind
	}
	if c.Reason != "" {
		text += ": " + c.Reason
	}
	return clean(text)
}

// listWidth is the room for names in a line about several services. The first is always there.
const listWidth = 60

// listed names as many as there is room for, and counts the others.
func listed(names []string) string {
	shown, width := 1, len(names[0])
	for shown < len(names) && width+len(", ")+len(names[shown]) <= listWidth {
		width += len(", ") + len(names[shown])
		shown++
	}
	text := strings.Join(names[:shown], ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Tail returns the end of the log of what brought the change, secrets masked; nil if there is none.
func (c Change) Tail() []string {
	if c.Result == nil {
		return nil
	}
	if f := failureOf(*c.Result); f != nil {
		return f.Tail
	}
	return nil
}

// changeCut is how long a line about a change may be; the whole of it is in the status and, where it follows from a result, above.
const changeCut = 120

// Changes writes a line for each change. What is wrong with a service that is invalid or unknown is told elsewhere, with its place.
func Changes(w io.Writer, changes []Change, s Style) error {
	for _, c := range changes {
		if c.Kind == string(state.Invalid) || c.Kind == string(state.Unknown) {
			c.Reason = ""
		}
		if err := lines(w, s.paint(changeColors[c.Kind], cut(c.Text(), changeCut))); err != nil {
			return err
		}
	}
	return nil
}

var changeColors = map[string]color{"failing": red, "parked": red, "host-trouble": red, "invalid": red, "unknown": red, "held": yellow, "unmeasured": yellow, "recovered": green,
	"released": green, "host-recovered": green}

// Said writes what a command has done.
func Said(w io.Writer, format string, args ...any) error {
	return lines(w, clean(fmt.Sprintf(format, args...)))
}
