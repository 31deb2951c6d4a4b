package view

import (
	"encoding/json"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers/resource"
)

// FormatVersion is the version of every JSON output, "MAJOR.MINOR". A minor version adds fields, which a reader ignores when it does not know
// them; a major version breaks, and a reader that does not know it must refuse.
const FormatVersion = "1.3"

// PlanJSON writes the plan as one JSON document.
func PlanJSON(w io.Writer, p Page) error {
	return encode(w, planDocument(p))
}

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
	document := planDocument(p)
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
		Type          string       `json:"type"`
		Level         string       `json:"level"`
		Time          string       `json:"time"`
		Message       string       `json:"message"`
		FormatVersion string       `json:"format_version,omitempty"`
		Service       string       `json:"service,omitempty"`
		Phase         string       `json:"phase,omitempty"`
		Elapsed       *int         `json:"elapsed,omitempty"` // seconds
		Log           string       `json:"log,omitempty"`
		Usual         int          `json:"usual,omitempty"` // seconds
		Plan          *jsonPlan    `json:"plan,omitempty"`
		Result        *jsonResult  `json:"result,omitempty"`
		Results       []jsonResult `json:"results,omitempty"`
		Kind          string       `json:"kind,omitempty"`
		Services      []string     `json:"services,omitempty"`
	}
	jsonPlan struct {
		FormatVersion string         `json:"format_version"`
		Fingerprint   string         `json:"fingerprint"`
		Summary       map[string]int `json:"summary"`
		Services      []jsonDecision `json:"services"`
	}
	jsonDecision struct {
		Service     string           `json:"service"`
		Verdict     string           `json:"verdict"`
		Reasons     []string         `json:"reasons"`
		Fingerprint string           `json:"fingerprint"`
		Wave        int              `json:"wave"`
		WaitsFor    []string         `json:"waits_for"`
		Held        string           `json:"held"`
		HeldBy      string           `json:"held_by"`
		HeldUntil   string           `json:"held_until"`
		LastAttempt string           `json:"last_attempt"`
		Servers     int              `json:"servers"`
		Behind      []string         `json:"behind"`
		Steps       []string         `json:"steps"`
		Changes     []jsonChange     `json:"changes"`
		Fallbacks   []jsonFallback   `json:"fallbacks"`
		Diagnostics []jsonDiagnostic `json:"diagnostics"`
	}
	jsonFallback struct {
		Resource string `json:"resource"`
		Location string `json:"location"`
		Reason   string `json:"reason"`
	}
	jsonChange struct {
		Label        string        `json:"label"`
		Location     string        `json:"location"`
		From         *jsonRevision `json:"from"`
		To           *jsonRevision `json:"to"`
		Rewritten    bool          `json:"rewritten"`
		Back         bool          `json:"back"`
		Commits      []jsonCommit  `json:"commits"`
		More         int           `json:"more"`
		Lost         []jsonCommit  `json:"lost"`
		LostMore     int           `json:"lost_more"`
		Files        *jsonFiles    `json:"files"`
		HistoryError string        `json:"history_error"`
		Keys         []jsonKey     `json:"keys"`
		KeysError    string        `json:"keys_error"`
	}
	jsonKey struct {
		Section string `json:"section"`
		Key     string `json:"key"`
		Change  string `json:"change"`
		Public  bool   `json:"public"`
		From    string `json:"from"`
		To      string `json:"to"`
	}
	jsonRevision struct {
		Revno    string `json:"revno"`
		Revision string `json:"revision"`
	}
	jsonCommit struct {
		Revno    string      `json:"revno"`
		Revision string      `json:"revision"`
		Author   string      `json:"author"`
		Date     string      `json:"date"`
		Subject  string      `json:"subject"`
		Merged   *jsonMerged `json:"merged"`
		Bugs     []string    `json:"bugs"`
	}
	jsonMerged struct {
		Revisions int      `json:"revisions"`
		Authors   []string `json:"authors"`
	}
	jsonFiles struct {
		Count int        `json:"count"`
		Areas []jsonArea `json:"areas"`
	}
	jsonArea struct {
		Name  string `json:"name"`
		Files int    `json:"files"`
	}
	jsonDiagnostic struct {
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
		File     string `json:"file"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
	}
	jsonResult struct {
		Service string   `json:"service"`
		Result  string   `json:"result"`
		Cause   string   `json:"cause"`
		Error   string   `json:"error"`
		Log     string   `json:"log"`
		Tail    []string `json:"tail"`
		Start   string   `json:"start"`
		End     string   `json:"end"`
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

func planDocument(p Page) jsonPlan {
	document := jsonPlan{FormatVersion: FormatVersion, Fingerprint: p.Plan.Fingerprint, Summary: Summary(p.Plan), Services: []jsonDecision{}}
	for _, d := range p.Plan.Decisions {
		document.Services = append(document.Services, decisionJSON(d, p.faults))
	}
	return document
}

// Summary counts the services of each verdict.
func Summary(p *plan.Plan) map[string]int {
	counts := map[string]int{}
	for verdict, n := range p.Counts() {
		counts[string(verdict)] = n
	}
	return counts
}

func decisionJSON(d plan.Decision, faults Faults) jsonDecision {
	decision := jsonDecision{Service: d.Service, Verdict: string(d.Verdict), Reasons: []string{}, Fingerprint: d.Fingerprint, Wave: d.Wave,
		WaitsFor: notNil(d.WaitsFor), Held: clean(d.Held.String()), HeldBy: clean(d.Held.By), HeldUntil: timestamp(d.Held.Until), LastAttempt: clean(d.Last), Servers: d.Copies, Behind: notNil(d.Behind), Steps: []string{}, Changes: []jsonChange{},
		Fallbacks: fallbacksJSON(d.Fallbacks), Diagnostics: diagnostics(faults(d.Service, d.Err))}
	for _, reason := range d.Reasons {
		decision.Reasons = append(decision.Reasons, string(reason))
	}
	for _, step := range d.Steps {
		decision.Steps = append(decision.Steps, step.Addr.String())
	}
	for _, c := range d.Changes {
		decision.Changes = append(decision.Changes, changeJSON(c))
	}
	return decision
}

func fallbacksJSON(fallbacks []plan.Fallback) []jsonFallback {
	list := []jsonFallback{}
	for _, f := range fallbacks {
		list = append(list, jsonFallback{Resource: f.Addr.String(), Location: clean(f.Location), Reason: clean(f.Reason)})
	}
	return list
}

func changeJSON(c plan.Change) jsonChange {
	change := jsonChange{Label: c.Label, Location: clean(c.Location), From: revisionJSON(c.From), To: revisionJSON(c.To), Commits: []jsonCommit{},
		Lost: []jsonCommit{}, Keys: []jsonKey{}}
	for _, key := range c.Keys {
		change.Keys = append(change.Keys, jsonKey{Section: clean(key.Section), Key: clean(key.Key), Change: string(key.Kind), Public: key.Public,
			From: clean(key.From), To: clean(key.To)})
	}
	if c.KeysErr != nil {
		change.KeysError = clean(c.KeysErr.Error())
	}
	if c.History == nil {
		return change
	}
	change.tell(*c.History)
	return change
}

func (c *jsonChange) tell(h resource.History) {
	c.Rewritten, c.Back, c.More, c.LostMore = h.Rewritten, h.Back, h.More, h.LostMore
	c.Commits, c.Lost = commitsJSON(h.Commits), commitsJSON(h.Lost)
	if h.Err != nil {
		c.HistoryError = clean(h.Err.Error())
	}
	if h.Files == nil {
		return
	}
	c.Files = &jsonFiles{Count: h.Files.Count, Areas: []jsonArea{}}
	for _, area := range h.Files.Areas {
		c.Files.Areas = append(c.Files.Areas, jsonArea{Name: clean(area.Name), Files: area.Files})
	}
}

func commitsJSON(commits []resource.Commit) []jsonCommit {
	list := []jsonCommit{}
	for _, c := range commits {
		commit := jsonCommit{Revno: clean(c.Revno), Revision: clean(c.ID), Author: clean(c.Author), Date: timestamp(c.Date), Subject: clean(c.Subject),
			Bugs: cleanAll(c.Bugs)}
		if c.Merged != nil {
			commit.Merged = &jsonMerged{Revisions: c.Merged.Revisions, Authors: cleanAll(c.Merged.Authors)}
		}
		list = append(list, commit)
	}
	return list
}

// cleanAll cleans each text, and returns no nil.
func cleanAll(texts []string) []string {
	list := []string{}
	for _, text := range texts {
		list = append(list, clean(text))
	}
	return list
}

func revisionJSON(r resource.Revision) *jsonRevision {
	if r.ID == "" {
		return nil
	}
	return &jsonRevision{Revno: r.Revno, Revision: r.ID}
}

func resultJSON(r apply.Result) jsonResult {
	result := jsonResult{Service: r.Service, Result: string(r.Outcome), Cause: r.Cause, Log: r.Log, Tail: []string{}, Start: timestamp(r.Start), End: timestamp(r.End)}
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
