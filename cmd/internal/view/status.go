package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/state"
)

// Status is how things stand on this host, for monitoring.
type Status struct {
	Now       time.Time
	Heartbeat state.Heartbeat
	MaxAge    time.Duration    // how old the heartbeat may be; 0 for any age
	Standings []state.Standing // of services that are not well, and of the host with the service "", by service
	Holds     []state.Hold     // in force, by service
	Running   []state.Attempt  // under way
	Totals    map[string]int   // attempts by result, since the journal began
	Err       error            // why the journal cannot be read; all but the heartbeat is unknown then
}

// Level is how bad things are, as Nagios and its like count it: their plugins exit with these codes.
type Level int

// The levels.
const (
	OK Level = iota
	Warning
	Critical
	Unknown
)

func (l Level) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[l] }

// Level returns the worst of all. What a person holds back or has to mend in a file is a warning; failures and a run that is overdue are critical.
func (s Status) Level() Level {
	level := OK
	if s.overdue() || s.Err != nil {
		return Critical
	}
	for _, standing := range s.Standings {
		level = max(level, levels[standing.Word])
	}
	return level
}

var levels = map[state.Word]Level{state.Failing: Critical, state.Parked: Critical, state.HostTrouble: Critical, state.Held: Warning, state.Invalid: Warning,
	state.Unknown: Warning, state.Unmeasured: Warning}

func (s Status) overdue() bool {
	return s.Heartbeat.Time.IsZero() || s.MaxAge > 0 && s.Now.Sub(s.Heartbeat.Time).Abs() > s.MaxAge
}

// ago says when the last complete run ended. One that is yet to come was noted before the clock was set back.
func (s Status) ago() string {
	age := s.Now.Sub(s.Heartbeat.Time).Round(time.Second)
	if age < 0 {
		return fmt.Sprintf("%s from now by this clock", -age)
	}
	return fmt.Sprintf("%s ago", age)
}

// words in the order in which they are counted.
var words = []state.Word{state.HostTrouble, state.Failing, state.Parked, state.Invalid, state.Unknown, state.Unmeasured, state.Held}

// headline says it all in one line.
func (s Status) headline() string {
	var texts []string
	for _, word := range words {
		if names := s.named(word); len(names) > 0 {
			texts = append(texts, fmt.Sprintf("%d %s%s", len(names), word, inBrackets(names)))
		}
	}
	if n := len(s.Running); n > 0 {
		texts = append(texts, fmt.Sprintf("%d running", n))
	}
	if s.Heartbeat.Time.IsZero() {
		texts = append(texts, "no complete run yet")
	} else {
		texts = append(texts, fmt.Sprintf("last complete run %s, %s", s.ago(), plural(s.Heartbeat.Services, "service")))
	}
	return "cdplan " + s.Level().String() + ": " + clean(strings.Join(texts, ", "))
}

func (s Status) named(word state.Word) []string {
	var names []string
	for _, standing := range s.Standings {
		if standing.Word == word {
			names = append(names, standing.Service)
		}
	}
	return names
}

// maxNamed is how many names stand in brackets.
const maxNamed = 5

func inBrackets(names []string) string {
	if slices.Equal(names, []string{""}) {
		return "" // the host
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(slices.Clone(names[:maxNamed]), fmt.Sprintf("and %d more", more))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// StatusText writes one line that says it all, then one for each thing there is to know.
func StatusText(w io.Writer, s Status, style Style) error {
	texts := []string{style.paint(statusColors[s.Level()], s.headline())}
	if s.Err != nil {
		texts = append(texts, "  "+clean(s.Err.Error()))
	}
	for _, standing := range s.Standings {
		name := clean(standing.Service)
		if name == "" {
			name = "this host"
		}
		first, _, _ := strings.Cut(standing.Reason, "\n")
		texts = append(texts, fmt.Sprintf("  %s: %s since %s: %s", name, standing.Word, Minute(standing.Since), clean(first)))
	}
	for _, hold := range s.Holds {
		texts = append(texts, "  "+clean(fmt.Sprintf("%s: hold since %s until %s, by %s: %s", hold.Service, Minute(hold.Begin), Minute(hold.Until), hold.User, hold.Reason)))
	}
	for _, a := range s.Running {
		texts = append(texts, "  "+clean(fmt.Sprintf("%s: %s since %s, pid %d of %s", a.Service, strings.TrimSpace("running "+a.Phase), Minute(a.Begin), a.Owner.PID, a.Owner.User)))
	}
	return lines(w, texts...)
}

var statusColors = map[Level]color{OK: green, Warning: yellow, Critical: red, Unknown: yellow}

// Minute writes a time as people are told of it: in UTC, without seconds.
func Minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// StatusJSON writes the status as one JSON document.
func StatusJSON(w io.Writer, s Status) error {
	document := jsonStatus{FormatVersion: FormatVersion, Level: s.Level().String(), Message: s.headline(), LastCompleteRun: timestamp(s.Heartbeat.Time),
		Services: s.Heartbeat.Services, Verdicts: s.Heartbeat.Verdicts, Standings: []jsonStanding{}, Holds: []jsonHold{}, Running: []jsonAttempt{}}
	if document.Verdicts == nil {
		document.Verdicts = map[string]int{}
	}
	if s.Err != nil {
		document.Error = clean(s.Err.Error())
	}
	for _, standing := range s.Standings {
		document.Standings = append(document.Standings, jsonStanding{standing.Service, string(standing.Word), timestamp(standing.Since), clean(standing.Reason)})
	}
	for _, hold := range s.Holds {
		document.Holds = append(document.Holds, jsonHold{hold.Service, timestamp(hold.Begin), timestamp(hold.Until), clean(hold.User), clean(hold.Reason)})
	}
	for _, a := range s.Running {
		document.Running = append(document.Running, attemptJSON(a))
	}
	return encode(w, document)
}

type (
	jsonStatus struct {
		FormatVersion   string         `json:"format_version"`
		Level           string         `json:"level"`
		Message         string         `json:"message"`
		Error           string         `json:"error"`
		LastCompleteRun string         `json:"last_complete_run"` // empty if there was none
		Services        int            `json:"services"`
		Verdicts        map[string]int `json:"verdicts"`
		Standings       []jsonStanding `json:"standings"`
		Holds           []jsonHold     `json:"holds"`
		Running         []jsonAttempt  `json:"running"`
	}
	jsonStanding struct {
		Service  string `json:"service"` // empty for the host
		Standing string `json:"standing"`
		Since    string `json:"since"`
		Reason   string `json:"reason"`
	}
	jsonHold struct {
		Service string `json:"service"`
		Since   string `json:"since"`
		Until   string `json:"until"`
		User    string `json:"user"`
		Reason  string `json:"reason"`
	}
)
