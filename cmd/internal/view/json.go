package view

import (
	"encoding/json"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan/apply"
)

// FormatVersion is the version of every JSON output, "MAJOR.MINOR". A minor version adds fields, which a reader ignores when it does not know
// them; a major version breaks, and a reader that does not know it must refuse.
const FormatVersion = "1.5"

// ValidateJSON writes what is wrong with the fleet as one JSON document.
func ValidateJSON(w io.Writer, services int, diags hcl.Diagnostics) error {
	return encode(w, jsonValidation{FormatVersion: FormatVersion, Valid: !diags.HasErrors(), Services: services, Diagnostics: diagnostics(diags)})
}

// VersionJSON writes the version as one JSON document.
func VersionJSON(w io.Writer, version, goVersion string) error {
	return encode(w, struct {
		FormatVersion string `json:"format_version"`
		Version       string `json:"version"`
		Go            string `json:"go"`
	}{FormatVersion, version, goVersion})
}

// Stream writes an apply as JSON lines: first the version of the format, then the plan, then its events, in the end its results.
type Stream struct {
	encoder *json.Encoder
	now     func() time.Time
}

// NewStream writes the line that tells the version.
func NewStream(w io.Writer, version string, now func() time.Time) (*Stream, error) {
	s := &Stream{encoder: json.NewEncoder(w), now: now}
	return s, s.write(jsonLine{Type: "version", Message: "cdplan " + version, FormatVersion: FormatVersion})
}

// Plan writes what is to be applied.
func (s *Stream) Plan(p Page) error {
	document, err := planDocument(p)
	if err != nil {
		return err
	}
	return s.write(jsonLine{Type: "plan", Message: headline(p.Plan, Style{})[0], Plan: &document})
}

// Event writes one event.
func (s *Stream) Event(e apply.Event) error {
	line := jsonLine{Type: string(e.Kind), Time: timestamp(e.Time), Service: e.Service, Phase: clean(e.Phase), Message: string(e.Kind)}
	switch {
	case e.Text != "":
		line.Message = clean(e.Text)
	case e.Phase != "":
		line.Message = "phase " + line.Phase
	}
	if e.Kind == apply.EventStart {
		line.Log, line.Usual = e.Log, int(e.Usual/time.Second)
	}
	if e.Result != nil {
		result := resultJSON(*e.Result)
		line.Result, line.Message = &result, outcomeText(*e.Result, Style{})
	}
	if e.Service != "" {
		line.Message = e.Service + ": " + line.Message
	}
	return s.write(line)
}

// Beat writes that a service goes on as before.
func (s *Stream) Beat(now time.Time, r Running) error {
	elapsed := int(now.Sub(r.Start) / time.Second)
	return s.write(jsonLine{Type: string(apply.EventProgress), Time: timestamp(now), Service: r.Service, Phase: clean(r.Phase), Elapsed: &elapsed,
		Message: r.Service + ": " + beat(now, r)})
}

// Results writes how it ended.
func (s *Stream) Results(results []apply.Result) error {
	line := jsonLine{Type: "results", Message: plural(len(results), "result"), Results: []jsonResult{}}
	for _, r := range results {
		line.Results = append(line.Results, resultJSON(r))
	}
	return s.write(line)
}

// Approval writes how the plan stands to the one that was approved.
func (s *Stream) Approval(a Approval) error {
	document := approvalDocument(a)
	message := "plan " + ShortFingerprint(a.Expect.Fingerprint) + " holds"
	if !a.Holds() {
		message = "plan " + ShortFingerprint(a.Expect.Fingerprint) + " does not hold"
	}
	return s.write(jsonLine{Type: "approval", Message: message, Approval: &document})
}

// Changes writes how services stand now that stood otherwise before, a line for each change.
func (s *Stream) Changes(changes []Change) error {
	for _, c := range changes {
		if err := s.write(jsonLine{Type: "change", Time: timestamp(c.Time), Message: c.Text(), Kind: c.Kind, Services: notNil(c.Services)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) write(line jsonLine) error {
	line.Level = "info"
	if line.Time == "" {
		line.Time = timestamp(s.now())
	}
	return s.encoder.Encode(line)
}

// The documents. Lists are never null and always ordered.
type (
	jsonLine struct {
		Type          string        `json:"type"`
		Level         string        `json:"level"`
		Time          string        `json:"time"`
		Message       string        `json:"message"`
		FormatVersion string        `json:"format_version,omitempty"`
		Service       string        `json:"service,omitempty"`
		Phase         string        `json:"phase,omitempty"`
		Elapsed       *int          `json:"elapsed,omitempty"` // seconds
		Log           string        `json:"log,omitempty"`
		Usual         int           `json:"usual,omitempty"` // seconds
		Plan          *jsonPlan     `json:"plan,omitempty"`
		Result        *jsonResult   `json:"result,omitempty"`
		Results       []jsonResult  `json:"results,omitempty"`
		Approval      *jsonApproval `json:"approval,omitempty"`
		Kind          string        `json:"kind,omitempty"`
		Services      []string      `json:"services,omitempty"`
	}
	jsonResult struct {
		Service string       `json:"service"`
		Result  string       `json:"result"`
		Cause   string       `json:"cause"`
		Error   string       `json:"error"`
		Log     string       `json:"log"`
		Tail    []string     `json:"tail"`
		Start   string       `json:"start"`
		End     string       `json:"end"`
		Size    *jsonResized `json:"size"` // null if it was not to be changed
	}
	jsonValidation struct {
		FormatVersion string           `json:"format_version"`
		Valid         bool             `json:"valid"`
		Services      int              `json:"services"`
		Diagnostics   []jsonDiagnostic `json:"diagnostics"`
	}
)

func encode(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

func resultJSON(r apply.Result) jsonResult {
	result := jsonResult{Service: r.Service, Result: string(r.Outcome), Cause: r.Cause, Log: r.Log, Tail: []string{}, Start: timestamp(r.Start), End: timestamp(r.End),
		Size: resizedJSON(r.Size)}
	if r.Err != nil {
		result.Error = clean(r.Err.Error())
	}
	if f := failureOf(r); f != nil {
		result.Tail = cleanAll(f.Tail)
	}
	return result
}

func diagnostics(diags hcl.Diagnostics) []jsonDiagnostic {
	list := []jsonDiagnostic{}
	for _, diag := range diags {
		d := jsonDiagnostic{Severity: "error", Summary: clean(diag.Summary), Detail: clean(diag.Detail)}
		if diag.Severity == hcl.DiagWarning {
			d.Severity = "warning"
		}
		if diag.Subject != nil {
			d.File, d.Line, d.Column = diag.Subject.Filename, diag.Subject.Start.Line, diag.Subject.Start.Column
		}
		list = append(list, d)
	}
	return list
}

// timestamp returns UTC, RFC 3339; empty for no time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
