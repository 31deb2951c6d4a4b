package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	d.Changes[0].Label, d.Changes[0].KeysErr = hostile, errors.New(hostile)
	keyed := moved(nil)
	keyed.Decisions[0].Changes[0].Keys = []plan.KeyChange{{Section: hostile, Key: hostile, Kind: plan.KeyChanged, Public: true, From: hostile, To: hostile}}
	broken := moved(&resource.History{Err: errors.New(hostile)})
	result := apply.Result{Service: hostile, Outcome: apply.Failed, Cause: hostile, Err: &resource.Failure{Err: errors.New(hostile), Tail: []string{hostile}}}
	listed := []Listed{{Service: hostile, Copies: []resource.Copy{{Name: hostile, Status: hostile, Err: errors.New(hostile)}}}}
	diags := hcl.Diagnostics{{Severity: hcl.DiagError, Summary: hostile, Detail: hostile}}
	var out bytes.Buffer
	for _, err := range []error{Plan(&out, p, Style{}), Plan(&out, broken, Style{}), Plan(&out, keyed, Style{}), Results(&out, []apply.Result{result}, Style{}),
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

// detailOf returns what is told below the title of a service, about one change.
func detailOf(t *testing.T, change func(*plan.Change), s Style) string {
	t.Helper()
	p := moved(nil)
	change(&p.Decisions[0].Changes[0])
	var out bytes.Buffer
	if err := Plan(&out, p, s); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(out.String(), "api: branch-moved\n  app r1 -> r9  /app\n")
	return text
}

func TestKeys(t *testing.T) {
	stage := plan.KeyChange{Section: "mojo", Key: "stage", Kind: plan.KeyChanged, Public: true, From: "production", To: "staging"}
	secret := plan.KeyChange{Section: "environment", Key: "API_KEY", Kind: plan.KeyChanged}
	for _, test := range []struct {
		keys []plan.KeyChange
		err  error
		want string
	}{
		{nil, nil, ""},
		{nil, errors.New("the deployed config.ini cannot be read"), "    keys: the deployed config.ini cannot be read\n"},
		{[]plan.KeyChange{}, nil, "    keys: none changed\n"},
		{[]plan.KeyChange{stage}, nil, "    keys: [mojo] stage production -> staging\n"},
		{[]plan.KeyChange{secret}, nil, "    keys: [environment] API_KEY changed\n"},
		{[]plan.KeyChange{
			{Section: "mojo", Key: "series", Kind: plan.KeyAdded, Public: true, To: "jammy"},
			{Section: "mojo", Key: "stage", Kind: plan.KeyRemoved, Public: true, From: "devel"},
			{Section: "mojo", Key: "manifest", Kind: plan.KeyChanged, Public: true, From: "old"},
			{Section: "own", Key: "x", Kind: plan.KeyRemoved},
		}, nil, `    keys:
      [mojo] series added: jammy
      [mojo] stage removed: devel
      [mojo] manifest old -> nothing
      [own] x removed
`},
		{slices.Repeat([]plan.KeyChange{secret}, 13), nil, "    keys:\n" + strings.Repeat("      [environment] API_KEY changed\n", 10) + "      and 3 more\n"},
	} {
		got := detailOf(t, func(c *plan.Change) { c.Keys, c.KeysErr = test.keys, test.err }, Style{})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	}
	long := plan.KeyChange{Section: "branches", Key: "app", Kind: plan.KeyChanged, Public: true, From: strings.Repeat("f", 300), To: strings.Repeat("t", 300)}
	if got := detailOf(t, func(c *plan.Change) { c.Keys = []plan.KeyChange{long} }, Style{}); strings.Count(got, "f") != 197 || strings.Count(got, "t") != 197 {
		t.Errorf("the values are not cut: %q", got)
	}
	for _, keys := range [][]plan.KeyChange{{long}, {long, long}} {
		got := detailOf(t, func(c *plan.Change) { c.Keys = keys }, Style{Width: 72})
		for line := range strings.Lines(got) {
			if len(line) > 73 || strings.Contains(line, "app") && !strings.HasSuffix(line, "...\n") {
				t.Errorf("the line is not cut: %q", line)
			}
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
	keyed := moved(nil).Decisions[0]
	keyed.Changes[0].Keys = []plan.KeyChange{{Section: "own", Key: "x", Kind: plan.KeyRemoved}}
	p := &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: plan.Same}, moved(nil).Decisions[0], keyed}}
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
