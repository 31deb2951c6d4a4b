package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers/resource"
)

// hostile is what a text from outside may be.
const hostile = "red \x1b[31m\x9b2J\u202eabc\u2066\r\nsecond\tline\x00\x7f"

// tame says whether a terminal shows the text as it stands.
func tame(text string) bool {
	return !strings.ContainsAny(strings.ReplaceAll(text, "\n", ""), "\x00\x07\x1b\x7f\r\t\u009b\u202e\u2066")
}

func manyCommits(n int) []resource.Commit {
	var all []resource.Commit
	for i := n; i > 0; i-- {
		all = append(all, resource.Commit{Revision: resource.Revision{Revno: fmt.Sprint(i), ID: fmt.Sprintf("r-%d", i)}, Author: "Ann Example",
			Subject: "Change", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	}
	return all
}

func moved(history *resource.History) *plan.Plan {
	return &plan.Plan{Fingerprint: strings.Repeat("0123456789abcdef", 4), Decisions: []plan.Decision{{
		Service: "api", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.BranchMoved}, Wave: 1, Copies: 2, Behind: []string{"api-0", "api-1"},
		Changes: []plan.Change{{Label: "app", Location: "/app", From: resource.Revision{Revno: "1", ID: "r-1"},
			To: resource.Revision{Revno: "9", ID: "r-9"}, History: history}}}}}
}

func TestPlanOfManyCommits(t *testing.T) {
	var out bytes.Buffer
	if err := Plan(&out, moved(&resource.History{Commits: manyCommits(300)}), Style{}); err != nil {
		t.Fatal(err)
	}
	want := `Plan 0123-4567-89ab: 1 redeploy.

   service  action    change        commits  servers  wave  note
 ~ api      redeploy  app r1 -> r9      300        2     1

api: branch-moved
  app r1 -> r9  /app
    r300   Ann Example  Change
    r299   Ann Example  Change
    r298   Ann Example  Change
    r297   Ann Example  Change
    r296   Ann Example  Change
    and 295 more
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Whatever comes from outside, the output of every view has no byte that a terminal acts on.
func TestHostileText(t *testing.T) {
	history := &resource.History{Commits: []resource.Commit{{Revision: resource.Revision{Revno: hostile, ID: hostile}, Author: hostile, Subject: hostile}}}
	p := moved(history)
	d := &p.Decisions[0]
	d.Service, d.Held, d.Changes[0].Location, d.WaitsFor, d.Behind = hostile, hostile, hostile, []string{hostile}, []string{hostile}
	d.Changes[0].To.Revno = hostile
	broken := moved(&resource.History{Err: errors.New(hostile)})
	result := apply.Result{Service: hostile, Outcome: apply.Failed, Cause: hostile, Err: &resource.Failure{Err: errors.New(hostile), Tail: []string{hostile}}}
	listed := []Listed{{Service: hostile, Copies: []resource.Copy{{Name: hostile, Status: hostile, Err: errors.New(hostile)}}}}
	diags := hcl.Diagnostics{{Severity: hcl.DiagError, Summary: hostile, Detail: hostile}}
	var out bytes.Buffer
	for _, err := range []error{Plan(&out, p, Style{}), Plan(&out, broken, Style{}), Results(&out, []apply.Result{result}, Style{}),
		Event(&out, apply.Event{Service: hostile, Text: hostile}, Style{}), List(&out, listed, Style{}),
		Diagnostics(&out, diags, nil, Style{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(out.String()) {
		if !tame(line) {
			t.Errorf("a terminal acts on %q", line)
		}
	}
}

func TestPlanWidth(t *testing.T) {
	p := moved(nil)
	p.Decisions[0].Held = strings.Repeat("why ", 50)
	var out bytes.Buffer
	if err := Plan(&out, p, Style{Width: 72}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if width := len(strings.TrimRight(line, "\n")); width > 72 {
			t.Errorf("%d columns: %q", width, line)
		}
	}
}

func TestColor(t *testing.T) {
	for color, want := range map[bool]bool{true: true, false: false} {
		var out bytes.Buffer
		if err := Plan(&out, moved(nil), Style{Color: color}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "\x1b["); got != want {
			t.Errorf("with Color %v there are escapes: %v", color, got)
		}
	}
}

func TestNoChanges(t *testing.T) {
	for n, want := range map[int]string{1: "No changes: 1 service, all as their branches say.\n", 3: "No changes: 3 services, all as their branches say.\n"} {
		p := &plan.Plan{}
		for range n {
			p.Decisions = append(p.Decisions, plan.Decision{Verdict: plan.Same})
		}
		var out bytes.Buffer
		if err := Plan(&out, p, Style{Apply: "cdplan apply"}); err != nil || out.String() != want {
			t.Errorf("%d services: %q, %v; want %q", n, out.String(), err, want)
		}
	}
}

// JSON has no null where a list belongs, so that a reader can go over it without asking.
func TestJSONLists(t *testing.T) {
	none := func(string, error) hcl.Diagnostics { return nil }
	p := &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: plan.Same}, moved(nil).Decisions[0]}}
	var out bytes.Buffer
	stream, err := NewStream(&out, "1", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{PlanJSON(&out, p, none), PlanJSON(&out, &plan.Plan{}, none), ListJSON(&out, []Listed{{Service: "api"}}, none),
		ListJSON(&out, nil, none), ValidateJSON(&out, 0, nil), stream.Results([]apply.Result{{Service: "api"}}), stream.Plan(p, none)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var document any
		if err := decoder.Decode(&document); err != nil {
			t.Fatal(err)
		}
		checkNulls(t, "", document)
	}
}

// checkNulls goes through a document. The only values that may be null are single objects.
func checkNulls(t *testing.T, name string, value any) {
	t.Helper()
	switch value := value.(type) {
	case nil:
		if name != "from" && name != "to" && name != "stamp" {
			t.Errorf("%q is null", name)
		}
	case []any:
		for _, element := range value {
			checkNulls(t, name, element)
		}
	case map[string]any:
		for key, element := range value {
			checkNulls(t, key, element)
		}
	}
}
