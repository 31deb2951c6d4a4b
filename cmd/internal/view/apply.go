package view

import (
	"errors"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers/resource"
)

func outcomeText(r apply.Result, s Style) string {
	text := s.paint(outcomeColors[r.Outcome], string(r.Outcome))
	if r.Size != nil && r.Outcome == apply.Scaled {
		text += " " + resizedText(r.Size)
	}
	if took := took(r); took != "-" {
		text += " " + took
	}
	return text
}

var outcomeColors = map[apply.Outcome]color{apply.Deployed: green, apply.Recorded: green, apply.Scaled: green, apply.Failed: red, apply.Interrupted: red,
	apply.Refused: yellow, apply.Skipped: yellow, apply.NotStarted: yellow}

// Results writes how it ended for every service, and the end of the log of what failed.
func Results(w io.Writer, results []apply.Result, s Style) error {
	t := newTable("service", "result", "took", "note")
	for _, r := range results {
		t.AppendRow(table.Row{clean(r.Service), s.paint(outcomeColors[r.Outcome], string(r.Outcome)), took(r), resultNote(r)})
	}
	if err := lines(w, "", t.Render()); err != nil {
		return err
	}
	for _, r := range results {
		if err := lines(w, failure(r, s)...); err != nil {
			return err
		}
	}
	return nil
}

func took(r apply.Result) string {
	if r.Start.IsZero() {
		return "-"
	}
	return duration(r.End.Sub(r.Start))
}

// noteWidth is the room for an error in the table; a longer one is told in full below it.
const noteWidth = 80

func resultNote(r apply.Result) string {
	switch {
	case r.Cause != "":
		return clean(r.Cause + " goes first and did not succeed")
	case errors.Is(r.Err, apply.ErrDone):
		return "another run has done it"
	case r.Err != nil:
		return cut(clean(r.Err.Error()), noteWidth)
	case r.Size != nil:
		return resizedText(r.Size)
	}
	return ""
}

// failure tells in full what the table has no room for.
func failure(r apply.Result, s Style) []string {
	if r.Err == nil || r.Log == "" && resultNote(r) == clean(r.Err.Error()) {
		return nil
	}
	texts := []string{"", s.paint(bold, clean(r.Service)) + " " + string(r.Outcome) + ": " + clean(r.Err.Error())}
	if f := failureOf(r); f != nil {
		for _, line := range f.Tail {
			texts = append(texts, "    "+strings.TrimRight(clean(line), " "))
		}
	}
	if r.Log != "" {
		texts = append(texts, "  the whole output: "+r.Log)
	}
	return texts
}

// failureOf returns what the result has of a log, or nil.
func failureOf(r apply.Result) *resource.Failure {
	var f *resource.Failure
	errors.As(r.Err, &f)
	return f
}
