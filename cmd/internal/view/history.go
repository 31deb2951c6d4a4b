package view

import (
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/state"
)

// History writes a line for each attempt.
func History(w io.Writer, attempts []state.Attempt, s Style) error {
	if len(attempts) == 0 {
		return lines(w, "Nothing was deployed from this host yet.")
	}
	t := newTable("began", "service", "action", "change", "result", "took", "by", "note")
	t.SetAllowedRowLength(s.Width)
	for _, a := range attempts {
		t.AppendRow(table.Row{a.Begin.UTC().Format("2006-01-02 15:04:05Z"), clean(a.Service), a.Action, clean(moves(a)),
			s.paint(outcomeColors[apply.Outcome(a.Result)], resultOf(a)), attemptTook(a), clean(a.Owner.User), cut(clean(attemptNote(a)), noteCut)})
	}
	return lines(w, t.Render())
}

func moves(a state.Attempt) string {
	if a.Size != nil {
		return resizedText(a.Size)
	}
	d := plan.Decision{}
	for _, m := range a.Moves {
		d.Changes = append(d.Changes, plan.Change{Label: m.Label, From: m.From, To: m.To})
	}
	return change(d)
}

func resultOf(a state.Attempt) string {
	if a.Result == "" {
		return "unfinished"
	}
	return a.Result
}

func attemptTook(a state.Attempt) string {
	if a.End.Before(a.Begin) { // it is not known, or the clock was set back meanwhile
		return "-"
	}
	return duration(a.End.Sub(a.Begin))
}

func attemptNote(a state.Attempt) string {
	var texts []string
	if a.Phase != "" && !a.Done() {
		texts = append(texts, "in "+a.Phase)
	}
	if a.Reason != "" {
		texts = append(texts, "freeze broken: "+a.Reason)
	}
	if a.Error != "" {
		texts = append(texts, a.Error)
	}
	if a.Forgiven != "" {
		texts = append(texts, "forgiven")
	}
	return strings.Join(texts, "; ")
}

// HistoryJSON writes the attempts as one JSON document.
func HistoryJSON(w io.Writer, attempts []state.Attempt) error {
	document := jsonHistory{FormatVersion: FormatVersion, Attempts: []jsonAttempt{}}
	for _, a := range attempts {
		document.Attempts = append(document.Attempts, attemptJSON(a))
	}
	return encode(w, document)
}

type (
	jsonHistory struct {
		FormatVersion string        `json:"format_version"`
		Attempts      []jsonAttempt `json:"attempts"`
	}
	jsonAttempt struct {
		Service     string       `json:"service"`
		Run         string       `json:"run"`
		Action      string       `json:"action"`
		Changes     []jsonMove   `json:"changes"`
		Hash        string       `json:"hash"`
		Fingerprint string       `json:"fingerprint"`
		Start       string       `json:"start"`
		End         string       `json:"end"`     // empty as long as it is not known
		Seconds     float64      `json:"seconds"` // 0 as long as that is not known
		Result      string       `json:"result"`  // empty as long as it is not known
		Size        *jsonResized `json:"size"`    // of a change of size; else null
		Phase       string       `json:"phase"`   // the last
		Phases      []jsonPhase  `json:"phases"`
		Blame       string       `json:"blame"`
		Error       string       `json:"error"`
		Forgiven    bool         `json:"forgiven"`
		Reason      string       `json:"reason"`
		Log         string       `json:"log"`
		PID         int          `json:"pid"`
		User        string       `json:"user"`
		Command     string       `json:"command"`
	}
	jsonPhase struct {
		Phase string `json:"phase"`
		Start string `json:"start"`
	}
	jsonMove struct {
		Label string        `json:"label"`
		From  *jsonRevision `json:"from"`
		To    *jsonRevision `json:"to"`
	}
)

func attemptJSON(a state.Attempt) jsonAttempt {
	attempt := jsonAttempt{Service: a.Service, Run: a.Run, Action: a.Action, Changes: []jsonMove{}, Hash: a.Hash, Fingerprint: a.Fingerprint,
		Start: timestamp(a.Begin), End: timestamp(a.End), Result: a.Result, Size: resizedJSON(a.Size), Phase: clean(a.Phase), Phases: []jsonPhase{}, Blame: string(a.Blame), Error: clean(a.Error),
		Forgiven: a.Forgiven != "", Reason: clean(a.Reason), Log: a.Log, PID: a.Owner.PID, User: clean(a.Owner.User), Command: clean(a.Owner.Command)}
	if !a.End.Before(a.Begin) {
		attempt.Seconds = a.End.Sub(a.Begin).Seconds()
	}
	for _, phase := range a.Phases {
		attempt.Phases = append(attempt.Phases, jsonPhase{clean(phase.Name), timestamp(phase.Begin)})
	}
	for _, m := range a.Moves {
		attempt.Changes = append(attempt.Changes, jsonMove{m.Label, revisionJSON(m.From), revisionJSON(m.To)})
	}
	return attempt
}

// duration says how long something took, as exactly as a person wants to know.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
