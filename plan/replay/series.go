package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series is a load over time, the oldest moment first. A load lasts until the next moment.
type Series []Moment

// Moment is when the load changes, or something happens.
type Moment struct {
	At     time.Time
	Load   float64
	Event  Event
	By     time.Duration // of a Clock: how far it jumps
	Amount float64       // of Poison
}

// Event is what may happen beside the load.
type Event string

// The events, as they are written.
const (
	MetricDown Event = "metric-down" // the load cannot be measured
	MetricUp   Event = "metric-up"
	UnitsDown  Event = "units-down" // the units cannot be read or changed
	UnitsUp    Event = "units-up"
	AgentDown  Event = "agent-down" // nobody looks
	AgentUp    Event = "agent-up"
	Clock      Event = "clock"  // the clock of the host jumps
	Poison     Event = "poison" // work arrives that no unit can do
	Purge      Event = "purge"  // and is taken away by a person
)

var plain = []Event{MetricDown, MetricUp, UnitsDown, UnitsUp, AgentDown, AgentUp, Purge}

// epoch is when a series begins whose times are written as seconds or durations: in a year that no load was measured in.
var epoch = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)

// SinceEpoch returns a time as it was written if it is from the start of its series on.
func SinceEpoch(at time.Time) (time.Duration, bool) { return at.Sub(epoch), at.Year() < 1000 }

// mostRuns is how many runs of an agent a replay may have.
const mostRuns = 1_000_000

func (s Series) begin() time.Time { return s[0].At }
func (s Series) end() time.Time   { return s[len(s)-1].At }

// Check says why a series cannot be replayed.
func (s Series) Check(w World) error {
	switch {
	case len(s) < 2:
		return errors.New("the load has to be given at two times at least, of which the last is the end")
	case w.Interval <= 0:
		return errors.New("the interval between two runs of the agent has to be more than 0")
	case s.end().Sub(s.begin())/w.Interval > mostRuns:
		return fmt.Errorf("from %s to %s, with %s in between, the agent would run more than %d times: give a shorter load, or a longer interval",
			s.begin().Format(time.RFC3339), s.end().Format(time.RFC3339), w.Interval, mostRuns)
	}
	return nil
}

// Read reads a series from a CSV file: time, load and, where something happens, an event. A first line that names the columns is passed over. The error
// names the file and the line.
func Read(name string, r io.Reader) (Series, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord, lines.TrimLeadingSpace, lines.Comment = -1, true, '#'
	var series Series
	for first := true; ; first = false {
		fields, err := lines.Read()
		if err == io.EOF {
			return series, nil
		}
		if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
			return nil, fmt.Errorf("%s line %d: this is not CSV: %w", name, parse.Line, parse.Err)
		} else if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		line, _ := lines.FieldPos(0)
		if first && strings.EqualFold(strings.TrimSpace(fields[0]), "time") {
			continue
		}
		m, err := moment(fields)
		if err == nil && len(series) > 0 && m.At.Before(series.end()) {
			err = errors.New("the time is before that of the line above: sort the lines by time, and write all times in one way")
		}
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", name, line, err)
		}
		series = append(series, m)
	}
}

func moment(fields []string) (Moment, error) {
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if len(fields) < 2 || len(fields) > 3 {
		return Moment{}, fmt.Errorf("a line has a time, a load and perhaps an event, such as \"5m,120,metric-down\", and not %d columns", len(fields))
	}
	at, err := when(fields[0])
	if err != nil {
		return Moment{}, err
	}
	load, err := amount("the load", fields[1])
	if err != nil {
		return Moment{}, fmt.Errorf("%w; if it could not be measured then, write the load as it may have been, with the event metric-down", err)
	}
	m := Moment{At: at, Load: load}
	if len(fields) == 3 && fields[2] != "" {
		err = m.event(fields[2])
	}
	return m, err
}

// when reads a time.
func when(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	after, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil && math.Abs(seconds) < 9e9 {
		after, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || after < 0 {
		return time.Time{}, fmt.Errorf("%q is no time: write it as 2026-03-02T14:05:00Z, or from the start as seconds or as a duration such as 5m", text)
	}
	return epoch.Add(after), nil
}

func amount(what, text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return 0, fmt.Errorf("%s is a number of 0 or more, not %q", what, text)
	}
	return value, nil
}

// event reads one.
func (m *Moment) event(text string) (err error) {
	name, value, given := strings.Cut(text, " ")
	value = strings.TrimSpace(value)
	m.Event = Event(name)
	switch {
	case !given && slices.Contains(plain, m.Event):
	case m.Event == Clock:
		if m.By, err = time.ParseDuration(value); err != nil {
			err = fmt.Errorf("the clock jumps by a duration, as in \"clock +1h\" or \"clock -20m\", not by %q", value)
		}
	case m.Event == Poison:
		m.Amount, err = amount("the work of \"poison\"", value)
	default:
		err = fmt.Errorf("there is no event %q: it is one of metric-down, metric-up, units-down, units-up, agent-down, agent-up, clock +1h, poison 500 and purge", text)
	}
	return err
}
