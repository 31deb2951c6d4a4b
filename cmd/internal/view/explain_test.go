package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// hostileExplanation has a hostile text wherever one can come from outside.
func hostileExplanation() Explained {
	other := carrying(hostile, hostile)
	other.Object, other.Other = carrying("", "").Object, ""
	bare := resource.Copy{Name: hostile, Region: hostile, Status: hostile, Other: hostile}
	attempt := state.Attempt{Service: hostile, Action: hostile, Result: "failed", Phase: hostile, Error: hostile, Reason: hostile, Log: hostile, Owner: state.Owner{User: hostile},
		Moves: []state.Move{{Label: hostile, From: resource.Revision{Revno: hostile, ID: hostile}}}}
	decision := plan.Decision{Service: hostile, Verdict: plan.Blocked, Err: errors.New(hostile), Last: hostile, Held: plan.Hold{By: hostile, Reason: hostile}, Doubt: hostile}
	e := plan.Explanation{Decision: decision, Why: []plan.Sentence{{Code: "same", Text: hostile}}, Obstacles: []plan.Decision{decision}, Followers: []plan.Decision{decision},
		Branches: []plan.Watched{{Label: hostile, Location: hostile, Read: hostile, Fallback: hostile, Err: errors.New(hostile)},
			{Label: hostile, Location: hostile, Wanted: resource.Revision{Revno: hostile, ID: hostile}, Carried: []plan.Carrying{{Revision: resource.Revision{Revno: hostile, ID: hostile}}}}},
		Servers: []resource.Copy{other, bare}, Past: state.ServicePast{Hold: &state.Hold{User: hostile, Reason: hostile}, Host: state.Failures{Count: 1, Last: attempt}},
		Breaker: &state.Breaker{Error: hostile}, Freezes: []plan.Hold{{By: hostile, Reason: hostile}}, Coming: &plan.Coming{Freeze: hostile, Owner: hostile, Reason: hostile}, Next: plan.Hold{Reason: hostile},
		Remedies: []plan.Remedy{{Text: hostile, Command: hostile}}}
	e.Size = sizesOf(hostile)[0].Size
	e.Sizing = &plan.Sizing{Units: []resource.Unit{{Name: hostile, State: resource.UnitState(hostile), Text: hostile, Busy: hostile, Place: hostile}}, Samples: []state.Sample{{}},
		Resized: []state.Resized{{Sum: hostile, Remove: []string{hostile}, Result: hostile}}, Failed: state.Failures{Count: 1, Last: state.Attempt{Error: hostile}}}
	faults := func(string, error) hcl.Diagnostics {
		return hcl.Diagnostics{{Summary: hostile, Detail: hostile, Subject: &hcl.Range{Filename: hostile}}}
	}
	return Explained{Explanation: e, Attempts: []state.Attempt{attempt}, Locations: map[string]string{hostile: hostile}, Faults: faults}
}

func TestExplainHostile(t *testing.T) {
	x := hostileExplanation()
	var out bytes.Buffer
	for _, change := range []func(){func() {}, func() { x.JournalErr = errors.New(hostile) }, func() { x.Servers = nil }} {
		change()
		if err := Explain(&out, x, Style{}); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(out.String()) {
		if !tame(line) {
			t.Errorf("a terminal acts on %q", line)
		}
	}
}

// Everything that stands in the way, and every state of a branch and of a server, is told, in 80 columns.
func TestExplainTrouble(t *testing.T) {
	begin := time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC)
	wanted := map[string]resource.Revision{"app": {Revno: "3", ID: "app-3"}, "spec": {Revno: "5", ID: "spec-5"}}
	twice := broken(carrying("api-3", "3"))
	x := Explained{Explanation: plan.Explanation{
		Decision: plan.Decision{Service: "api", Verdict: plan.Waiting, Revisions: wanted},
		Why:      []plan.Sentence{{Code: "waiting", Text: strings.Repeat("word ", 16) + "end"}},
		Branches: []plan.Watched{
			{Label: "app", Location: "/app", Read: "/mirror/app", Wanted: wanted["app"], Fallback: "it is stacked",
				Carried: []plan.Carrying{{Revision: resource.Revision{Revno: "2", ID: "app-2"}, Servers: []string{"api-1"}}, {Servers: []string{"api-2"}}}},
			{Label: "new", Location: "/new", Wanted: wanted["app"]}, {Label: "old"}, {Label: "secret", Location: "http://u:hush@h/"}},
		Servers: []resource.Copy{carrying("api-1", "3"), carrying("api-2", "2"), twice, {Name: "api-4"}, {Name: "api-5", Other: "web"}},
		Past:    state.ServicePast{Host: state.Failures{Count: 2, Last: state.Attempt{Error: "no disk"}}, Usual: state.Usual{Median: time.Minute, P90: 2 * time.Minute}},
		Breaker: &state.Breaker{Opened: begin, Failures: 1, Error: "no disk"},
		Freezes: []plan.Hold{{By: "bob", Reason: "quarter: books close", Until: begin}},
		Coming:  &plan.Coming{Freeze: "weekend", Owner: "eve", Reason: "empty desks", Begin: begin},
		Next:    plan.Hold{Reason: "later", Until: begin},
	}, Locations: map[string]string{"secret": "http://u:****@h/"}, JournalErr: errors.New("cannot read it")}
	want := `api: waiting

Why
  word word word word word word word word word word word word word word word
    word end [waiting]
  a deploy of it usually takes 1m0s; nine of ten take 2m0s at most

Branches
  app: differs
    location  /app
    wanted    r3 app-3
    deployed  r2 app-2 (1 of 5 servers)
              none (1 of 5 servers)
    read      in a slower way than usual, at /mirror/app: it is stacked
  new: on no server
    location  /new
    wanted    r3 app-3
  old: not named any more
  secret: was not read
    location  http://u:****@h/

Servers
  server  region  status  deployed              carries
  api-1   north   ACTIVE  2027-03-02T12:00:00Z  what is wanted
  api-2   north   ACTIVE  2027-03-02T12:00:00Z  app r2
  api-3   north   ACTIVE  2027-03-02T12:00:00Z  a stamp that contradicts itself
  api-4                   -                     no stamp
  api-5                   -                     the stamp of web

Last attempts
  not known: cannot read it

Failures
  2 failures that this host is to blame for: no disk
  Deploys fail on this host since 2027-03-02 12:00 UTC, 1 run in a row: no
    disk

Holds and freezes
  frozen until 2027-03-02 12:00 UTC by bob: quarter: books close
  the next freeze begins 2027-03-02 12:00 UTC, by eve: weekend: empty desks

Next automatic try
  2027-03-02 12:00 UTC: later
`
	var out bytes.Buffer
	if err := Explain(&out, x, Style{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
}

// No list of the document is null.
func TestExplainJSONLists(t *testing.T) {
	var out bytes.Buffer
	if err := ExplainJSON(&out, Explained{Explanation: plan.Explanation{Branches: []plan.Watched{{}}}}); err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(out.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	for name, value := range document {
		if value == nil && name != "breaker" && name != "next_freeze" && name != "usual" && name != "sizing" {
			t.Errorf("%s is null", name)
		}
	}
}
