package notify

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
)

// FormatVersion is the version of the document that an event is told in: a minor one adds fields, a major one changes them.
const FormatVersion = "1.0"

// Event is one change of state. Its texts may come from outside: they are told without control codes. They must hold no secret.
type Event struct {
	FormatVersion string    `json:"format_version"` // FormatVersion, whatever is given
	ID            string    `json:"id"`             // the same when it is told once more
	Time          time.Time `json:"time"`           // told in UTC
	Host          string    `json:"host"`
	Kind          string    `json:"kind"`        // one of Kinds
	Services      []string  `json:"services"`    // told sorted; empty where it concerns the whole host, and never null
	Text          string    `json:"text"`        // one line: what and why
	Log           string    `json:"log"`         // path of the output; empty if there is none
	Tail          []string  `json:"tail"`        // its last lines, never null
	Fingerprint   string    `json:"fingerprint"` // of what was done about the service, 64 hex digits; empty if nothing was
}

// The kinds of events.
const (
	Failing       = "failing"
	Recovered     = "recovered"
	Parked        = "parked"
	Held          = "held"
	Released      = "released"
	Invalid       = "invalid"
	Unknown       = "unknown"
	Unmeasured    = "unmeasured"
	HostTrouble   = "host-trouble"
	HostRecovered = "host-recovered"
)

// Kinds returns the kinds of events, in the order of the reference.
func Kinds() []string {
	return []string{Failing, Recovered, Parked, Held, Released, Invalid, Unknown, Unmeasured, HostTrouble, HostRecovered}
}

// told returns the event as it is told.
func (e Event) told() Event {
	e.FormatVersion, e.Time = FormatVersion, e.Time.UTC()
	for _, text := range []*string{&e.ID, &e.Host, &e.Kind, &e.Text, &e.Log, &e.Fingerprint} {
		*text = clean(*text)
	}
	e.Services, e.Tail = cleanAll(e.Services), cleanAll(e.Tail)
	slices.Sort(e.Services)
	return e
}

// document returns the event as JSON, on one line without its end.
func (e Event) document() ([]byte, error) { return json.Marshal(e.told()) }

func cleanAll(texts []string) []string {
	list := make([]string, 0, len(texts))
	for _, text := range texts {
		list = append(list, clean(text))
	}
	return list
}

// clean makes a text fit for one line of anything: control characters, line breaks among them, and invisible ones become blanks, and what is
// no UTF-8 becomes U+FFFD.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// cut returns the first runes of a text.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
