package view

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
)

func planJSON(t *testing.T, p Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := PlanJSON(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func readPlan(t *testing.T, text string) Saved {
	t.Helper()
	saved, err := ReadPlan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// Nothing that any form of a plan tells is lost in a document.
func TestSavedPlan(t *testing.T) {
	page := richFleet()
	page.Plan.With = []plan.With{{Service: "api", Label: "app", Location: "lp:~ann/api/fix"}}
	api := &page.Plan.Decisions[slices.IndexFunc(page.Plan.Decisions, func(d plan.Decision) bool { return d.Service == "api" })]
	api.Changes[1].Landing, api.Changes[1].History.Lost = true, api.Changes[1].History.Commits[:2]
	document := planJSON(t, page)
	saved := readPlan(t, document)
	if diff := cmp.Diff(document, planJSON(t, saved.Page)); diff != "" {
		t.Errorf("written again the document differs (-want +got):\n%s", diff)
	}
	saved.Apply = page.Apply
	text := func(s Style) func(io.Writer, Page) error {
		return func(w io.Writer, p Page) error { return Plan(w, p, s) }
	}
	for name, form := range map[string]func(io.Writer, Page) error{"text": text(Style{}), "text of 80 columns": text(Style{Width: 80}), "review": Review, "markdown": Markdown} {
		var want, got bytes.Buffer
		if err := form(&want, page); err != nil {
			t.Fatal(err)
		}
		if err := form(&got, saved.Page); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
		if !strings.Contains(want.String(), "As if landed: ") {
			t.Errorf("%s does not tell what it was made with", name)
		}
	}
}

// A document that was changed by hand shows it, whatever was changed; one of a later minor version does not.
func TestChangedDocument(t *testing.T) {
	p := &plan.Plan{}
	document := planJSON(t, Page{Plan: p, Made: madeAt, Host: "cd1"})
	if saved := readPlan(t, document); saved.Changed != nil {
		t.Errorf("as it was made: %v", saved.Changed)
	}
	blanks := new(bytes.Buffer)
	if err := json.Compact(blanks, []byte(document)); err != nil {
		t.Fatal(err)
	}
	if saved := readPlan(t, blanks.String()); saved.Changed != nil {
		t.Errorf("with other blanks: %v", saved.Changed)
	}
	for name, change := range map[string]*strings.Replacer{
		"a field":              strings.NewReplacer(`"host": "cd1"`, `"host": "cd2"`),
		"a field that is new":  strings.NewReplacer(`"host"`, `"new": 1, "host"`),
		"the digest":           strings.NewReplacer(`"digest": "`, `"digest": "0`),
		"a field that is gone": strings.NewReplacer(`"host": "cd1",`, ``),
	} {
		if saved := readPlan(t, change.Replace(document)); saved.Changed == nil {
			t.Errorf("%s: nothing shows that it was changed", name)
		}
	}
	page := richFleet() // its fingerprints are made up
	if saved := readPlan(t, planJSON(t, page)); saved.Changed == nil || !strings.Contains(saved.Changed.Error(), "fingerprint") {
		t.Errorf("fingerprints of something else: %v", saved.Changed)
	}
}

func TestReadPlan(t *testing.T) {
	document := planJSON(t, richFleet())
	later := strings.Replace(document, `"format_version": "`+FormatVersion, `"format_version": "1.99", "new": "`, 1)
	if saved := readPlan(t, later); len(saved.Plan.Decisions) == 0 {
		t.Error("a later minor version is read as an empty plan")
	}
	for text, want := range map[string]string{
		strings.Replace(document, `"format_version": "1.`, `"format_version": "2.`, 1): `its format_version is "2.`,
		"{}":    `its format_version is ""`,
		"plan":  "it is not JSON",
		`[1,2]`: "it is JSON, and not a plan",
		`{"format_version": "1.0", "services": 1}`:                                           "it is not a plan",
		`{"format_version": "1.0", "services": [{"service": "api", "steps": ["x"]}]}`:        `what it says of api is garbled: "x" is no address`,
		`{"format_version": "1.0", "services": [{"service": "api", "held_until": "later"}]}`: `what it says of api is garbled: parsing time`,
	} {
		if _, err := ReadPlan([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(`{"format_version": "1.5", "services": [{"service": "api", "changes": [{"label": "app", "history_known": true}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		saved, err := ReadPlan([]byte(text))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := Plan(&out, saved.Page, Style{}); err != nil {
			t.Fatal(err)
		}
		if again := readPlan(t, planJSON(t, saved.Page)); again.Changed != nil && saved.Changed == nil {
			t.Errorf("written again it looks changed: %v", again.Changed)
		}
	})
}

// A document that somebody has written may say anything in any place: it is shown as text, or refused.
func TestHostileDocument(t *testing.T) {
	document := planJSON(t, richFleet())
	for _, field := range []string{"host", "fingerprint", "service", "reasons", "after", "waits_for", "label", "revno", "location", "change", "key", "held_reason", "subject", "doubt",
		"load_source", "load_error", "sum", "cuts", "remove", "wait", "guard", "error"} {
		text := regexp.MustCompile(`("`+field+`": (?:\[\s*)?)"(?:[^"\\]|\\.)*"`).ReplaceAllString(document, `$1"\u001b[2J\u202eodd"`)
		if text == document {
			t.Fatalf("the document has no %s", field)
		}
		saved := readPlan(t, text)
		if saved.Changed == nil {
			t.Errorf("another %s is not noticed", field)
		}
		for name, form := range map[string]func(io.Writer, Page) error{"review": Review, "markdown": Markdown, "html": HTML, "json": PlanJSON,
			"text": func(w io.Writer, p Page) error { return Plan(w, p, Style{}) }} {
			var out strings.Builder
			if err := form(&out, saved.Page); err != nil {
				t.Errorf("%s of another %s: %v", name, field, err)
			}
			if strings.ContainsAny(out.String(), "\x1b\u202e") {
				t.Errorf("%s tells %s as it is", name, field)
			}
		}
	}
	text := strings.Replace(document, `"verdict": "redeploy"`, `"verdict": "destroy"`, 1)
	if _, err := ReadPlan([]byte(text)); err == nil || !strings.Contains(err.Error(), `garbled: there is no verdict "destroy"`) {
		t.Errorf("with another verdict: %v", err)
	}
}
