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
	"launchpad.net/cdplan/state"
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
	if err := Plan(&out, Page{Plan: moved(&resource.History{Commits: manyCommits(300)})}, Style{}); err != nil {
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
	commit := resource.Commit{Revision: resource.Revision{Revno: hostile, ID: hostile}, Author: hostile, Subject: hostile,
		Merged: &resource.Merged{Authors: []string{hostile}}, Bugs: []string{hostile, "https://host/%1b[31m%0a" + hostile, "https://host/%1b[31m%0a"}}
	history := &resource.History{Commits: []resource.Commit{commit}, Files: &resource.Files{Count: 1, Areas: []resource.Area{{Name: hostile}}},
		Rewritten: true, Lost: []resource.Commit{commit, {Revision: commit.Revision}}}
	p := moved(history)
	d := &p.Decisions[0]
	d.Service, d.Held, d.Last, d.Changes[0].Location, d.WaitsFor, d.Behind = hostile, plan.Hold{By: hostile, Reason: hostile}, hostile, hostile, []string{hostile}, []string{hostile}
	d.Changes[0].To.Revno = hostile
	d.Changes[0].Label, d.Changes[0].KeysErr = hostile, errors.New(hostile)
	keyed := moved(nil)
	keyed.Decisions[0].Changes[0].Keys = []plan.KeyChange{{Section: hostile, Key: hostile, Kind: plan.KeyChanged, Public: true, From: hostile, To: hostile}}
	sizes := &plan.Plan{Decisions: sizesOf(hostile)}
	size := &state.Resized{Remove: []string{hostile}, Sum: hostile}
	broken := moved(&resource.History{Err: errors.New(hostile)})
	result := apply.Result{Service: hostile, Outcome: apply.Failed, Cause: hostile, Err: &resource.Failure{Err: errors.New(hostile), Tail: []string{hostile}}}
	listed := []Listed{{Service: hostile, Locations: map[string]string{hostile: hostile}, Copies: []resource.Copy{carrying(hostile, hostile),
		{Name: hostile, Region: hostile, Status: hostile, Other: hostile}}}}
	listed[0].Drifts = plan.Drifts(hostile, listed[0].Copies, nil)
	all := func(string, string) bool { return true }
	diags := hcl.Diagnostics{{Severity: hcl.DiagError, Summary: hostile, Detail: hostile}}
	fallback := plan.Fallback{Addr: resource.Addr{Service: hostile, Label: hostile}, Location: hostile, Reason: hostile}
	unreadable := []Unreadable{{Service: hostile, Err: errors.New(hostile)}, {Addr: resource.Addr{Service: hostile, Type: "x"}, Err: errors.New(hostile)},
		{Addr: resource.Addr{Type: "x"}, Err: &resource.AttrError{Summary: hostile, Detail: hostile}}}
	drift := Drift{Unread: []Unread{{hostile, errors.New(hostile)}}, Running: []string{hostile}}
	for _, kind := range plan.DriftKinds {
		c := carrying(hostile, hostile)
		c.ID, c.Other, c.Err = hostile, hostile, errors.New(hostile)
		drift.Drifts = append(drift.Drifts, plan.Drift{Service: hostile, Kind: kind, Copy: c, Against: map[string]resource.Revision{hostile: {Revno: hostile, ID: hostile}}})
	}
	found := resource.Finding{Name: hostile, Value: hostile, From: hostile, Err: errors.New(hostile)}
	minor := found
	minor.Minor = true
	sections := []Section{{hostile, []resource.Finding{found, minor}}}
	progress := NewProgress(p)
	var out bytes.Buffer
	for _, err := range []error{Plan(&out, Page{Plan: p}, Style{}), Plan(&out, Page{Plan: broken}, Style{}), Plan(&out, Page{Plan: keyed}, Style{}), Plan(&out, Page{Plan: sizes}, Style{}), Results(&out, []apply.Result{result, {Service: hostile, Outcome: apply.Scaled, Size: size}}, Style{}),
		Check(&out, sizeApproval(sizes), Style{}), History(&out, []state.Attempt{{Service: hostile, Size: size}}, Style{}),
		progress.Event(&out, apply.Event{Service: hostile, Text: hostile}, Style{}),
		progress.Event(&out, apply.Event{Service: hostile, Kind: apply.EventStart, Log: "/log/" + hostile}, Style{}),
		progress.Beat(&out, time.Time{}, Running{Service: hostile, Phase: hostile}, Style{}),
		lines(&out, progress.Live(time.Time{}, []Running{{Service: hostile, Text: hostile}}, "all", 0, 0)...), List(&out, listed, Style{}),
		DriftText(&out, drift, Style{}), DriftNagios(&out, drift, Style{}), ListServers(&out, listed, Style{}), ListBranch(&out, listed, all, Style{}),
		Diagnostics(&out, diags, nil, Style{}), Fallbacks(&out, []plan.Fallback{fallback}), Fallbacks(&out, []plan.Fallback{fallback, fallback}),
		Doctor(&out, Checkup{sections, Branches{map[string]int{hostile: 1}, []plan.Fallback{fallback}, unreadable}}, Style{})} {
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
	if err := Plan(&out, Page{Plan: p}, s); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(out.String(), "api: branch-moved\n  app r1 -> r9  /app\n")
	return text
}

func TestHistory(t *testing.T) {
	revision := resource.Revision{Revno: "815", ID: "ann@example.com-815"}
	commit := resource.Commit{Revision: revision, Author: "Ann Example", Subject: "Raise worker pool to 8", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	with := func(change func(*resource.Commit)) resource.History {
		c := commit
		change(&c)
		return resource.History{Commits: []resource.Commit{c}}
	}
	merge := func(n int, authors ...string) resource.History {
		return with(func(c *resource.Commit) { c.Merged = &resource.Merged{Revisions: n, Authors: authors} })
	}
	bugs := func(addresses ...string) resource.History {
		return with(func(c *resource.Commit) { c.Bugs = addresses })
	}
	files := func(n int, areas ...resource.Area) resource.History {
		return resource.History{Files: &resource.Files{Count: n, Areas: areas}}
	}
	const line = "    r815   Ann Example  Raise worker pool to 8"
	hooks, top := resource.Area{Name: "hooks", Files: 5}, resource.Area{Name: ".", Files: 2}
	tests := []struct {
		name    string
		history resource.History
		want    string
	}{
		{"nothing", resource.History{}, ""},
		{"one", with(func(*resource.Commit) {}), line + "\n"},
		{"older ones", resource.History{Commits: manyCommits(6), More: 30}, `    r6     Ann Example  Change
    r5     Ann Example  Change
    r4     Ann Example  Change
    r3     Ann Example  Change
    r2     Ann Example  Change
    and 31 more
`},
		{"older ones alone", resource.History{More: 30}, "    and 30 more\n"},
		{"merge", merge(4, "bob", "eve"), line + " (bob, eve; 4 revisions)\n"},
		{"merge of one", merge(1, "bob"), line + " (bob; 1 revision)\n"},
		{"merge of many", merge(9, "ann", "bob", "eve", "jim", "joe"), line + " (ann, bob, eve and 2 more; 9 revisions)\n"},
		{"merge of nobody", merge(2), line + " (2 revisions)\n"},
		{"bug", bugs("https://bugs.launchpad.net/bugs/12345"), line + "  LP: #12345\n"},
		{"bugs", bugs("https://launchpad.net/bugs/1", "http://bugs.launchpad.net/api/+bug/2", "https://github.com/org/api/issues/3?x#y", "x://y/4", "x://y/5"),
			line + "  LP: #1, LP: #2, github.com/org/api/issues/3 and 2 more\n"},
		{"bugs with secrets", bugs("https://ann:hush@host/1?token=hush", "ann:hush@host", "https://ann:hu/sh@host:x/1"),
			line + "  host/1, a bug elsewhere, a bug elsewhere\n"},
		{"long bug", bugs("https://host/" + strings.Repeat("x", 90)), line + "  host/" + strings.Repeat("x", 32) + "...\n"},
		{"no bug of Launchpad", bugs("https://launchpad.net/bugs/one", "https://launchpad.net.example.com/bugs/1", "https://launchpad.net/bugs/1x"),
			line + "  launchpad.net/bugs/one, launchpad.net.example.com/bugs/1, launchpad.net/bugs/1x\n"},
		{"files", files(7, hooks, top), "    touches hooks (5), the top directory (2), 7 files in all\n"},
		{"files of one directory", files(5, hooks), "    touches 5 files in hooks\n"},
		{"one file", files(1, resource.Area{Name: ".", Files: 1}), "    touches 1 file in the top directory\n"},
		{"files of no directory", files(2), "    touches 2 files\n"},
		{"many files", files(30, hooks, hooks, hooks, hooks, top, top, top), "    touches hooks (5), hooks (5), hooks (5), hooks (5) and 3 more, 30 files in all\n"},
		{"no files", files(0), "    touches no files\n"},
		{"rewritten", resource.History{Rewritten: true}, "    history rewritten: the deployed revision is not among those that lead to this one\n"},
		{"lost", resource.History{Rewritten: true, Lost: []resource.Commit{commit}, Commits: manyCommits(1), Files: &resource.Files{}},
			"    history rewritten; lost:\n  " + line + "\n    r1     Ann Example  Change\n    touches no files\n"},
		{"many lost", resource.History{Rewritten: true, Lost: manyCommits(6), LostMore: 2}, `    history rewritten; lost:
      r6     Ann Example  Change
      r5     Ann Example  Change
      r4     Ann Example  Change
      r3     Ann Example  Change
      r2     Ann Example  Change
      and 3 more
`},
		{"no longer stored", resource.History{Rewritten: true, Lost: []resource.Commit{{Revision: revision}}},
			"    history rewritten; lost:\n      r815   ann@example.com-815\n"},
		{"rewritten, the rest not read", resource.History{Rewritten: true, Err: errors.New("no route")},
			"    history rewritten: the deployed revision is not among those that lead to this one\n    the log could not be read: no route\n"},
		{"not read", resource.History{Err: errors.New("no route")}, "    the log could not be read: no route\n"},
		{"back", resource.History{Back: true}, "    back to a revision before the deployed one\n"},
		{"aside", resource.History{Back: true, Commits: []resource.Commit{commit}},
			"    aside: the deployed revision is still in the branch, and does not lead to this one\n" + line + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := detailOf(t, func(c *plan.Change) { c.History = &test.history }, Style{})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
		})
	}
}

// The column "commits" counts all that came, and says nothing where nobody could.
func TestCommits(t *testing.T) {
	for _, test := range []struct {
		want      string
		histories []*resource.History
	}{
		{"-", []*resource.History{nil}},
		{"0", []*resource.History{{}}},
		{"37", []*resource.History{{Commits: manyCommits(5), More: 30}, {Commits: manyCommits(2)}}},
		{"-", []*resource.History{{Rewritten: true}, {Back: true}}},
		{"9", []*resource.History{{Rewritten: true, Commits: manyCommits(1)}, {Back: true, More: 8}}},
		{"-", []*resource.History{{Err: errors.New("no route"), Commits: manyCommits(1)}}},
	} {
		var d plan.Decision
		for _, h := range test.histories {
			d.Changes = append(d.Changes, plan.Change{History: h})
		}
		if got := commits(d); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestKeys(t *testing.T) {
	stage := plan.KeyChange{Section: "mojo", Key: "stage", Kind: plan.KeyChanged, Public: true, From: "production", To: "staging"}
	secret := plan.KeyChange{Section: "environment", Key: "API_KEY", Kind: plan.KeyChanged, FromMask: 1, ToMask: 12}
	for _, test := range []struct {
		keys []plan.KeyChange
		err  error
		want string
	}{
		{nil, nil, ""},
		{nil, errors.New("the deployed config.ini cannot be read"), "    keys: the deployed config.ini cannot be read\n"},
		{[]plan.KeyChange{}, nil, "    keys: none changed\n"},
		{[]plan.KeyChange{stage}, nil, "    keys: [mojo] stage production -> staging\n"},
		{[]plan.KeyChange{secret}, nil, "    keys: [environment] API_KEY masked #1 -> masked #12\n"},
		{[]plan.KeyChange{
			{Section: "mojo", Key: "series", Kind: plan.KeyAdded, Public: true, To: "jammy"},
			{Section: "mojo", Key: "stage", Kind: plan.KeyRemoved, Public: true, From: "devel"},
			{Section: "mojo", Key: "manifest", Kind: plan.KeyChanged, Public: true, From: "old"},
			{Section: "branches", Key: "app", Kind: plan.KeyPinned, Public: true, From: "lp:x", To: "lp:x;revno=41"},
			{Section: "branches", Key: "lib", Kind: plan.KeyRelocated, FromMask: 2, ToMask: 3},
			{Section: "own", Key: "x", Kind: plan.KeyRemoved, FromMask: 4},
			{Section: "own", Key: "y", Kind: plan.KeyAdded, ToMask: 4},
		}, nil, `    keys:
      [mojo] series added: jammy
      [mojo] stage removed: devel
      [mojo] manifest old -> nothing
      [branches] app pinned: lp:x -> lp:x;revno=41
      [branches] lib relocated: masked #2 -> masked #3
      [own] x removed: masked #4
      [own] y added: masked #4
`},
		{slices.Repeat([]plan.KeyChange{secret}, 13), nil, "    keys:\n" + strings.Repeat("      [environment] API_KEY masked #1 -> masked #12\n", 10) + "      and 3 more\n"},
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
	long := strings.Repeat("why ", 50)
	commit := resource.Commit{Author: long, Subject: long, Merged: &resource.Merged{Authors: []string{long, long}}, Bugs: []string{long}}
	p := moved(&resource.History{Rewritten: true, Commits: []resource.Commit{commit}, Lost: []resource.Commit{commit, {Revision: resource.Revision{ID: long}}},
		Files: &resource.Files{Areas: []resource.Area{{Name: long}, {Name: long}}}})
	p.Decisions[0].Held.Reason = long
	var out bytes.Buffer
	if err := Plan(&out, Page{Plan: p}, Style{Width: 72}); err != nil {
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
		if err := Plan(&out, Page{Plan: moved(nil)}, Style{Color: color}); err != nil {
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
		if err := Plan(&out, Page{Plan: p, Apply: "cdplan apply"}, Style{}); err != nil || out.String() != want {
			t.Errorf("%d services: %q, %v; want %q", n, out.String(), err, want)
		}
	}
}

func TestFallbacks(t *testing.T) {
	at := func(service, label, location, reason string) plan.Fallback {
		return plan.Fallback{Addr: resource.Addr{Service: service, Type: "bzr_branch", Label: label}, Location: location, Reason: reason}
	}
	var out bytes.Buffer
	if err := Fallbacks(&out, []plan.Fallback{at("api", "app", "lp:api", "a name on Launchpad"), at("api", "lib", "", "an old format"),
		at("web", "app", "lp:web", "a name on Launchpad")}); err != nil {
		t.Fatal(err)
	}
	want := `Took a slower way to read:
  a name on Launchpad:
    api/bzr_branch.app  lp:api
    web/bzr_branch.app  lp:web
  api/bzr_branch.lib: an old format
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("fallbacks (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := Fallbacks(&out, nil); err != nil || out.Len() > 0 {
		t.Errorf("of nothing: %q, %v", out.String(), err)
	}
}

func TestDoctorOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := Doctor(&out, Checkup{}, Style{}); err != nil || out.String() != "Branches\n  none\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestChangeJSON(t *testing.T) {
	commits := manyCommits(1)
	commits[0].Bugs, commits[0].Merged = []string{"https://launchpad.net/bugs/1"}, &resource.Merged{Revisions: 4, Authors: []string{"bob", "eve"}}
	got, err := json.Marshal(changeJSON(plan.Change{
		Label: "config", Location: "/x", From: resource.Revision{Revno: "1", ID: "r-1"},
		Keys: []plan.KeyChange{{Section: "mojo", Key: "stage", Kind: plan.KeyChanged, Public: true, From: "a", To: "b"},
			{Section: "own", Key: "x", Kind: plan.KeyChanged, FromMask: 1, ToMask: 2}}, KeysErr: errors.New("no keys"),
		History: &resource.History{Commits: commits, More: 3, Rewritten: true, Lost: []resource.Commit{{Revision: resource.Revision{Revno: "1", ID: "r-1"}}},
			LostMore: 2, Back: true, Files: &resource.Files{Count: 5, Areas: []resource.Area{{Name: "hooks", Files: 5}}}, Err: errors.New("no route")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"label":"config","location":"/x","from":{"revno":"1","revision":"r-1"},"to":null,"landing":false,"rewritten":true,"back":true,` +
		`"commits":[{"revno":"1","revision":"r-1","author":"Ann Example","date":"2026-01-02T03:04:05Z","subject":"Change",` +
		`"merged":{"revisions":4,"authors":["bob","eve"]},"bugs":["https://launchpad.net/bugs/1"]}],"more":3,` +
		`"lost":[{"revno":"1","revision":"r-1","author":"","date":"","subject":"","merged":null,"bugs":[]}],"lost_more":2,` +
		`"files":{"count":5,"areas":[{"name":"hooks","files":5}]},"history_known":true,"history_error":"no route",` +
		`"keys":[{"section":"mojo","key":"stage","change":"changed","public":true,"from":"a","to":"b","from_mask":0,"to_mask":0},` +
		`{"section":"own","key":"x","change":"changed","public":false,"from":"","to":"","from_mask":1,"to_mask":2}],"keys_known":true,"keys_error":"no keys"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
}

// JSON has no null where a list belongs, so that a reader can go over it without asking.
func TestJSONLists(t *testing.T) {
	none := func(string, error) hcl.Diagnostics { return nil }
	keyed := moved(nil).Decisions[0]
	keyed.Changes[0].Keys = []plan.KeyChange{{Section: "own", Key: "x", Kind: plan.KeyRemoved}}
	commit := []resource.Commit{{}, {Merged: &resource.Merged{}}}
	told := moved(&resource.History{Commits: commit, Lost: commit, Files: &resource.Files{}}).Decisions[0]
	p := &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: plan.Same}, moved(nil).Decisions[0], keyed, told}}
	var out bytes.Buffer
	stream, err := NewStream(&out, "1", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{PlanJSON(&out, Page{Plan: p}), PlanJSON(&out, Page{Plan: &plan.Plan{}}), ListJSON(&out, []Listed{{Service: "api"}}, none),
		ListJSON(&out, nil, none), DriftJSON(&out, Drift{}, none), DriftJSON(&out, Drift{Drifts: []plan.Drift{drifted(plan.DriftMixed)}, Unread: []Unread{{Service: "x"}, {Err: errors.New("no route")}}}, none),
		DoctorJSON(&out, Checkup{}, none),
		DoctorJSON(&out, Checkup{Sections: []Section{{}, {Findings: []resource.Finding{{}}}}, Branches: Branches{Unreadable: []Unreadable{{Service: "x"}}}}, none), ValidateJSON(&out, 0, nil), stream.Results([]apply.Result{{Service: "api"}}), stream.Plan(Page{Plan: p})} {
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
		if !slices.Contains([]string{"from", "to", "stamp", "merged", "files", "usual", "scale", "load", "size"}, name) {
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
