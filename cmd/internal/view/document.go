package view

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"github.com/gowebpki/jcs"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// PlanJSON writes the plan as one JSON document, which ReadPlan reads.
func PlanJSON(w io.Writer, p Page) error {
	document, err := planDocument(p)
	if err != nil {
		return err
	}
	return encode(w, document)
}

// The document of a plan. Lists are never null and always ordered.
type (
	jsonPlan struct {
		FormatVersion string         `json:"format_version"`
		Made          string         `json:"made"`
		Host          string         `json:"host"`
		Fingerprint   string         `json:"fingerprint"`
		Summary       map[string]int `json:"summary"`
		With          []jsonWith     `json:"with"`
		Usual         *jsonUsual     `json:"usual"`
		UsualKnown    bool           `json:"usual_known"`
		Services      []jsonDecision `json:"services"`
		Digest        string         `json:"digest"`
	}
	jsonWith struct {
		Service  string `json:"service"`
		Label    string `json:"label"`
		Location string `json:"location"`
	}
	jsonUsual struct {
		Median int `json:"median"` // seconds
		P90    int `json:"p90"`
	}
	jsonDecision struct {
		Service     string           `json:"service"`
		Verdict     string           `json:"verdict"`
		Reasons     []string         `json:"reasons"`
		Fingerprint string           `json:"fingerprint"`
		After       []string         `json:"after"`
		Wave        int              `json:"wave"`
		WaitsFor    []string         `json:"waits_for"`
		Held        string           `json:"held"`
		HeldBy      string           `json:"held_by"`
		HeldReason  string           `json:"held_reason"`
		HeldUntil   string           `json:"held_until"`
		LastAttempt string           `json:"last_attempt"`
		Servers     int              `json:"servers"`
		Behind      []string         `json:"behind"`
		Others      []string         `json:"others"`
		Doubt       string           `json:"doubt"`
		Wanted      []jsonRevised    `json:"wanted"`
		Live        []string         `json:"live"`
		Usual       *jsonUsual       `json:"usual"`
		Scale       *jsonSize        `json:"scale"`
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
		Landing      bool          `json:"landing"`
		Rewritten    bool          `json:"rewritten"`
		Back         bool          `json:"back"`
		Commits      []jsonCommit  `json:"commits"`
		More         int           `json:"more"`
		Lost         []jsonCommit  `json:"lost"`
		LostMore     int           `json:"lost_more"`
		Files        *jsonFiles    `json:"files"`
		HistoryKnown bool          `json:"history_known"`
		HistoryError string        `json:"history_error"`
		Keys         []jsonKey     `json:"keys"`
		KeysKnown    bool          `json:"keys_known"`
		KeysError    string        `json:"keys_error"`
	}
	jsonKey struct {
		Section  string `json:"section"`
		Key      string `json:"key"`
		Change   string `json:"change"`
		Public   bool   `json:"public"`
		From     string `json:"from"`
		To       string `json:"to"`
		FromMask int    `json:"from_mask"`
		ToMask   int    `json:"to_mask"`
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
)

// planDocument returns the document with its digest.
func planDocument(p Page) (jsonPlan, error) {
	document := jsonPlan{FormatVersion: FormatVersion, Made: timestamp(p.Made), Host: clean(p.Host), Fingerprint: p.Plan.Fingerprint, Summary: Summary(p.Plan),
		With: withJSON(p.Plan), Services: []jsonDecision{}}
	usual, known := p.Plan.Usual()
	document.Usual, document.UsualKnown = usualJSON(usual), known && usual.Median > 0
	for _, d := range p.Plan.Decisions {
		document.Services = append(document.Services, decisionJSON(d, p.faults))
	}
	text, err := json.Marshal(document)
	if err != nil {
		return document, err
	}
	document.Digest, err = digest(text)
	return document, err
}

// digest is the hex SHA-256 of a JSON document without its "digest", in the canonical form of RFC 8785.
func digest(document []byte) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return "", err
	}
	delete(fields, "digest")
	text, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
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
		WaitsFor: notNil(d.WaitsFor), After: notNil(d.Declared.After), Held: clean(d.Held.String()), HeldBy: clean(d.Held.By), HeldReason: clean(d.Held.Reason),
		HeldUntil: timestamp(d.Held.Until), LastAttempt: clean(d.Last), Servers: d.Copies, Behind: cleanAll(d.Behind), Others: cleanAll(d.Others), Doubt: clean(d.Doubt),
		Wanted: revisedJSON(d.Revisions), Live: notNil(d.Live), Usual: usualJSON(d.Usual), Scale: sizeJSON(d.Size), Steps: []string{}, Changes: []jsonChange{}, Fallbacks: fallbacksJSON(d.Fallbacks),
		Diagnostics: diagnostics(faults(d.Service, d.Err))}
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

// usualJSON returns nil if nothing is known.
func usualJSON(u state.Usual) *jsonUsual {
	if u.Median == 0 {
		return nil
	}
	return &jsonUsual{Median: int(u.Median / time.Second), P90: int(u.P90 / time.Second)}
}

func fallbacksJSON(fallbacks []plan.Fallback) []jsonFallback {
	list := []jsonFallback{}
	for _, f := range fallbacks {
		list = append(list, jsonFallback{Resource: f.Addr.String(), Location: clean(f.Location), Reason: clean(f.Reason)})
	}
	return list
}

func changeJSON(c plan.Change) jsonChange {
	change := jsonChange{Label: c.Label, Location: clean(c.Location), Landing: c.Landing, From: revisionJSON(c.From), To: revisionJSON(c.To), Commits: []jsonCommit{},
		Lost: []jsonCommit{}, Keys: []jsonKey{}}
	for _, key := range c.Keys {
		change.Keys = append(change.Keys, jsonKey{Section: clean(key.Section), Key: clean(key.Key), Change: string(key.Kind), Public: key.Public,
			From: clean(key.From), To: clean(key.To), FromMask: key.FromMask, ToMask: key.ToMask})
	}
	change.KeysKnown = c.Keys != nil
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
	c.HistoryKnown = true
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
