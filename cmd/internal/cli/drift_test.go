package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// A service that was deployed while the servers were listed is not judged: nobody knows whether it was before or after that.
func TestDriftDeployedMeanwhile(t *testing.T) {
	dir := state.Dir(t.TempDir())
	note := func(result string) {
		journal, err := dir.OpenJournal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		attempt := state.Attempt{Service: "api", Run: result, Action: "record", Begin: time.Now(), End: time.Now(), Result: result,
			Revisions: map[string]resource.Revision{"config": {Revno: "2", ID: "r-2"}}}
		if attempt.ID, err = journal.Start(t.Context(), attempt); err != nil {
			t.Fatal(err)
		}
		if err := journal.Finish(t.Context(), attempt); err != nil {
			t.Fatal(err)
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	meanwhile := func() { note("recorded") }
	var read fake = func(w resource.Wanted) resource.Reading {
		if w.Addr.Service == "api" {
			meanwhile()
		}
		return resource.Reading{Copies: []resource.Copy{{ID: w.Addr.Service, Name: w.Addr.Service}}}
	}
	services := map[string]string{"api": "[mojo]\nspec = lp:spec\n", "web": "[mojo]\nspec = lp:spec\n"}
	drift := func() string {
		_, stdout, _ := cdplanWith(t.Context(), t, string(dir), services, []providers.Provider{nothing, nothing, read}, "drift", "-nagios")
		line, _, _ := strings.Cut(stdout, "\n")
		return line
	}
	const other = "cdplan WARNING: 1 of 1 server of 1 service drifted: 1 never-recorded (web); being deployed, not judged: api"
	if diff := cmp.Diff(other, drift()); diff != "" {
		t.Errorf("recorded meanwhile (-want +got):\n%s", diff)
	}
	meanwhile = func() { note("failed") }
	const both = "cdplan WARNING: 2 of 2 servers of 2 services drifted: 2 never-recorded (api, web)"
	if diff := cmp.Diff(both, drift()); diff != "" {
		t.Errorf("failed meanwhile (-want +got):\n%s", diff)
	}
}
