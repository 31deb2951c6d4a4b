package cli

import (
	"errors"
	"strings"
	"testing"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// That a service cannot be measured is told once, and once that it can be again; a run that measures nothing, in between, knows nothing of it.
func TestReportUnmeasured(t *testing.T) {
	journal, err := state.Dir(t.TempDir()).OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	fleet := &opened{Fleet: &config.Fleet{Schemas: map[string]resource.Schema{"units": {Role: resource.Sized}}}}
	api := plan.Service{Name: "api", Resources: []plan.Declared{{Addr: resource.Addr{Service: "api", Type: "units", Label: "units"}}}}
	silent := &plan.Size{}
	silent.Load.Err = errors.New("no queue")
	for i, step := range []struct {
		size *plan.Size
		want string
	}{{silent, "api unmeasured: no queue"}, {silent, ""}, {nil, ""}, {silent, ""}, {&plan.Size{}, "api recovered"}, {nil, ""}} {
		r := &run{applyOptions: applyOptions{common: &common{env: &newStage().env}, force: t.Context()}, fleet: fleet, journal: journal}
		if r.report, err = newReporter(r); err != nil {
			t.Fatal(err)
		}
		r.report.all(t.Context(), &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: plan.Same, Declared: api, Size: step.size}}}, nil)
		told, err := r.report.changes()
		var texts []string
		for _, change := range told {
			texts = append(texts, change.Text())
		}
		if got := strings.Join(texts, ", "); err != nil || got != step.want {
			t.Errorf("run %d tells %q, %v; want %q", i+1, got, err, step.want)
		}
		if err := r.report.close(); err != nil {
			t.Fatal(err)
		}
	}
}
