package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Saved is a plan that was kept as a document.
type Saved struct {
	Page
	Changed error // what shows that the document is not as it was made; nil if nothing does
}

// ReadPlan reads the document that PlanJSON writes, of this major version. What a later minor version adds is left out. A document that was changed
// after it was made is read all the same, and Changed says so.
//
// The plan is fit to be shown and compared, not to be followed: of its steps there are the addresses alone. Words that are else cdplan's own are
// cleaned here, since anybody may have written the document.
func ReadPlan(text []byte) (Saved, error) {
	var version struct {
		FormatVersion string `json:"format_version"`
	}
	switch err := json.Unmarshal(text, &version); {
	case errors.As(err, new(*json.UnmarshalTypeError)):
		return Saved{}, errors.New("it is JSON, and not a plan")
	case err != nil:
		return Saved{}, fmt.Errorf("it is not JSON: %w", err)
	}
	major, _, ok := strings.Cut(version.FormatVersion, ".")
	if ours, _, _ := strings.Cut(FormatVersion, "."); !ok || major != ours {
		return Saved{}, fmt.Errorf("its format_version is %q, and this cdplan knows %s: use the cdplan that made it, or a newer one", clean(version.FormatVersion), FormatVersion)
	}
	var document jsonPlan
	if err := json.Unmarshal(text, &document); err != nil {
		return Saved{}, fmt.Errorf("it is not a plan: %w", err)
	}
	page, err := document.page()
	if err != nil {
		return Saved{}, err
	}
	return Saved{page, document.changed(text, page.Plan)}, nil
}

// changed returns an error if the text is not what its digest was made of, or what it says is not what its fingerprints were made of.
func (d jsonPlan) changed(text []byte, p *plan.Plan) error {
	if made, err := digest(text); err != nil || made != d.Digest {
		return errors.Join(errors.New("it was changed after it was made: its digest is another one"), err)
	}
	return p.Verify()
}

func (d jsonPlan) page() (Page, error) {
	made, err := parseTime(d.Made)
	page := Page{Plan: &plan.Plan{Fingerprint: clean(d.Fingerprint)}, Made: made, Host: d.Host, Faults: savedFaults}
	for _, with := range d.With {
		page.Plan.With = append(page.Plan.With, plan.With(with))
	}
	for _, service := range d.Services {
		decision, invalid := service.decision()
		err = errors.Join(err, invalid)
		page.Plan.Decisions = append(page.Plan.Decisions, decision)
	}
	return page, err
}

// savedFault is the error of a service in a document. It is not hcl.Diagnostics itself, so that of a service that could not be read no summary is told that
// the plan did not tell.
type savedFault struct{ diags hcl.Diagnostics }

func (f savedFault) Error() string { return f.diags.Error() }

func savedFaults(_ string, err error) hcl.Diagnostics {
	var fault savedFault
	var diags hcl.Diagnostics
	if errors.As(err, &fault) {
		return fault.diags
	}
	_ = errors.As(err, &diags)
	return diags
}

func (d jsonDecision) decision() (plan.Decision, error) {
	until, err := parseTime(d.HeldUntil)
	size, invalid := d.Scale.size()
	err = errors.Join(err, invalid)
	decision := plan.Decision{Service: clean(d.Service), Verdict: plan.Verdict(d.Verdict), Fingerprint: clean(d.Fingerprint), Wave: d.Wave, WaitsFor: cleanAll(d.WaitsFor),
		Held: plan.Hold{By: d.HeldBy, Reason: d.HeldReason, Until: until}, Last: d.LastAttempt, Copies: d.Servers, Behind: d.Behind, Others: d.Others, Doubt: d.Doubt,
		Live: cleanAll(d.Live), Usual: d.Usual.usual(), Size: size, Declared: plan.Service{Name: clean(d.Service), After: cleanAll(d.After)}}
	for _, reason := range d.Reasons {
		decision.Reasons = append(decision.Reasons, plan.Reason(clean(reason)))
	}
	for _, w := range d.Wanted {
		if decision.Revisions == nil {
			decision.Revisions = map[string]resource.Revision{}
		}
		decision.Revisions[clean(w.Label)] = resource.Revision{Revno: clean(w.Revno), ID: w.Revision}
	}
	for _, step := range d.Steps {
		addr, invalid := resource.ParseAddr(step)
		err = errors.Join(err, invalid)
		decision.Steps = append(decision.Steps, resource.Step{Addr: addr})
	}
	for _, f := range d.Fallbacks {
		addr, invalid := resource.ParseAddr(f.Resource)
		err = errors.Join(err, invalid)
		decision.Fallbacks = append(decision.Fallbacks, plan.Fallback{Addr: addr, Location: f.Location, Reason: f.Reason})
	}
	for _, c := range d.Changes {
		change, invalid := c.change()
		err = errors.Join(err, invalid)
		decision.Changes = append(decision.Changes, change)
	}
	decision.Err = d.fault()
	if !slices.ContainsFunc(tones, func(t tone) bool { return slices.Contains(t.verdicts, decision.Verdict) }) {
		err = errors.Join(err, fmt.Errorf("there is no verdict %q", d.Verdict))
	}
	if err != nil {
		err = fmt.Errorf("what it says of %s is garbled: %w", clean(d.Service), err)
	}
	return decision, err
}

// fault returns the diagnostics as an error; nil if there are none.
func (d jsonDecision) fault() error {
	var diags hcl.Diagnostics
	for _, found := range d.Diagnostics {
		diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: found.Summary, Detail: found.Detail}
		if found.Severity == "warning" {
			diag.Severity = hcl.DiagWarning
		}
		if found.File != "" {
			place := hcl.Pos{Line: found.Line, Column: found.Column}
			diag.Subject = &hcl.Range{Filename: found.File, Start: place, End: place}
		}
		diags = append(diags, diag)
	}
	switch {
	case len(diags) == 0:
		return nil
	case plan.Verdict(d.Verdict) == plan.Unknown:
		return savedFault{diags}
	}
	return diags
}

func (u *jsonUsual) usual() state.Usual {
	if u == nil {
		return state.Usual{}
	}
	return state.Usual{Median: time.Duration(u.Median) * time.Second, P90: time.Duration(u.P90) * time.Second}
}

func (c jsonChange) change() (plan.Change, error) {
	change := plan.Change{Label: clean(c.Label), Location: c.Location, Landing: c.Landing, From: c.From.revision(), To: c.To.revision()}
	for _, key := range c.Keys {
		change.Keys = append(change.Keys, plan.KeyChange{Section: key.Section, Key: key.Key, Kind: plan.KeyKind(clean(key.Change)), Public: key.Public,
			From: key.From, To: key.To, FromMask: key.FromMask, ToMask: key.ToMask})
	}
	if c.KeysKnown && change.Keys == nil {
		change.Keys = []plan.KeyChange{}
	}
	if c.KeysError != "" {
		change.KeysErr = errors.New(c.KeysError)
	}
	if !c.HistoryKnown {
		return change, nil
	}
	commits, err := savedCommits(c.Commits)
	lost, lostErr := savedCommits(c.Lost)
	change.History = &resource.History{Commits: commits, More: c.More, Rewritten: c.Rewritten, Lost: lost, LostMore: c.LostMore, Back: c.Back}
	if c.HistoryError != "" {
		change.History.Err = errors.New(c.HistoryError)
	}
	if c.Files != nil {
		change.History.Files = &resource.Files{Count: c.Files.Count}
		for _, area := range c.Files.Areas {
			change.History.Files.Areas = append(change.History.Files.Areas, resource.Area(area))
		}
	}
	return change, errors.Join(err, lostErr)
}

func (r *jsonRevision) revision() resource.Revision {
	if r == nil {
		return resource.Revision{}
	}
	return resource.Revision{Revno: clean(r.Revno), ID: r.Revision}
}

func savedCommits(list []jsonCommit) (commits []resource.Commit, err error) {
	for _, c := range list {
		date, invalid := parseTime(c.Date)
		err = errors.Join(err, invalid)
		commit := resource.Commit{Revision: resource.Revision{Revno: c.Revno, ID: c.Revision}, Author: c.Author, Date: date, Subject: c.Subject, Bugs: c.Bugs}
		if c.Merged != nil {
			commit.Merged = &resource.Merged{Revisions: c.Merged.Revisions, Authors: c.Merged.Authors}
		}
		commits = append(commits, commit)
	}
	return commits, err
}

// parseTime reads what timestamp writes.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}
