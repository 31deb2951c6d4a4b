package view

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

func drifted(kind plan.DriftKind) plan.Drift {
	return plan.Drift{Service: "api", Kind: kind, Copy: resource.Copy{ID: "7", Name: "api-1", Err: errors.New("no")}}
}

// Each kind has a level and a place in the order.
func TestDriftLevel(t *testing.T) {
	if len(driftLevels) != len(plan.DriftKinds) {
		t.Errorf("%d kinds have a level, %d a place", len(driftLevels), len(plan.DriftKinds))
	}
	unread := []Unread{{Service: "web", Err: errors.New("no route")}}
	for _, test := range []struct {
		name  string
		drift Drift
		want  Level
	}{
		{"nothing", Drift{Running: []string{"api"}}, OK},
		{"a warning", Drift{Drifts: []plan.Drift{drifted(plan.DriftUnstamped)}}, Warning},
		{"the worst", Drift{Drifts: []plan.Drift{drifted(plan.DriftMixed), drifted(plan.DriftUnclaimed)}}, Critical},
		{"not known", Drift{Unread: unread}, Unknown},
		{"no journal", Drift{JournalErr: errors.New("no")}, Unknown},
		{"a warning, and not known", Drift{Drifts: []plan.Drift{drifted(plan.DriftUnstamped)}, Unread: unread}, Unknown},
		{"critical, and not known", Drift{Drifts: []plan.Drift{drifted(plan.DriftHashMismatch)}, Unread: unread}, Critical},
	} {
		if got := test.drift.Level(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestDriftTexts(t *testing.T) {
	revisions := func(texts ...string) map[string]resource.Revision {
		all := map[string]resource.Revision{}
		for _, text := range texts {
			label, revision, _ := strings.Cut(text, ":")
			revno, id, _ := strings.Cut(revision, "/")
			all[label] = resource.Revision{Revno: revno, ID: id}
		}
		return all
	}
	one := revisions("app:3/a", "lib:1/l", "spec:5/s")
	for _, test := range []struct{ mine, theirs map[string]resource.Revision }{{one, one}, {nil, nil}} {
		if got := differing(test.mine, test.theirs); got != "" {
			t.Errorf("the same differs: %q", got)
		}
	}
	other := revisions("app:2/b", "spec:5/other", "docs:1/d")
	got := differing(one, other) + " | " + differing(other, one)
	if diff := cmp.Diff("app r3, no docs, lib r1, spec r5 s | app r2, docs r1, no lib, spec r5 other", got); diff != "" {
		t.Errorf("both sides (-want +got):\n%s", diff)
	}
	var out bytes.Buffer
	d := Drift{Services: 1, Servers: 1, Unread: []Unread{{Err: errors.New("no route")}}, JournalErr: errors.New("damaged")}
	if err := errors.Join(DriftText(&out, d, Style{}), DriftNagios(&out, d, Style{})); err != nil {
		t.Fatal(err)
	}
	want := `No drift seen: 1 server of 1 service.
Not all servers can be listed.
The journal cannot be read.
cdplan UNKNOWN: no drift seen: 1 server of 1 service; not all servers can be listed; the journal cannot be read
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
