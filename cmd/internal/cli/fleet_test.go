package cli

import (
	"fmt"
	"testing"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// The files of a config branch are compared; no plan keeps the text of any file.
func TestCompareFiles(t *testing.T) {
	texts := func(from, to string) *resource.History {
		return &resource.History{FileFrom: []byte(from), FileTo: []byte(to)}
	}
	for _, test := range []struct {
		label   string
		history *resource.History
		want    string
	}{
		{plan.ConfigLabel, nil, "[] <nil> known: false"},
		{plan.ConfigLabel, &resource.History{}, "[] <nil> known: false"},
		{plan.ConfigLabel, texts("[own]\nx = 1\n", "[own]\nx = 2\n"), "[{own x changed false   1 2}] <nil> known: true"},
		{plan.ConfigLabel, texts("[own]\n", "# [own]\n"), "[] <nil> known: true"},
		{plan.ConfigLabel, texts("hush", ""), "[] the deployed config.ini cannot be read known: false"},
		{plan.ConfigLabel, &resource.History{FileTo: []byte("[own]\nx = 2\n")}, "[{own x added false   0 1}] <nil> known: true"},
		{"app", texts("[own]\nx = 1\n", "[own]\nx = 2\n"), "[] <nil> known: false"},
	} {
		p := &plan.Plan{Decisions: []plan.Decision{{Changes: []plan.Change{{Label: "spec"}, {Label: test.label, History: test.history}}}}}
		compareFiles(nil, p)
		c := p.Decisions[0].Changes[1]
		if got := fmt.Sprintf("%v %v known: %t", c.Keys, c.KeysErr, c.Keys != nil); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		if h := c.History; h != nil && (h.FileFrom != nil || h.FileTo != nil) {
			t.Errorf("the plan keeps a file: %v", h)
		}
	}
}

// What is said on the command line counts more than the environment, and that more than cdplan.hcl.
func TestStateDir(t *testing.T) {
	for _, test := range []struct {
		system         bool
		variable, file string
		want           state.Dir
	}{
		{true, "/variable", "/file", state.SystemDir},
		{false, "/variable", "/file", "/variable"},
		{false, "", "/file", "/file"},
		{false, "", "", state.SystemDir}, // for root
	} {
		o := opened{env: &Env{system: test.system, Getenv: func(string) string { return test.variable }}, Fleet: &config.Fleet{}}
		o.Host.State = test.file
		if got, err := o.stateDir(); got != test.want || err != nil {
			t.Errorf("%+v: got %s, %v", test, got, err)
		}
	}
}
