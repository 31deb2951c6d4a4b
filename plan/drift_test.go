package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// copiesOf returns servers as a situation writes them; what each carries is its time, too.
func copiesOf(live ...string) []resource.Copy {
	readings := state.Readings{}
	situation{name: "api", live: live}.read(readings)
	return readings[resource.Addr{Service: "api", Type: "stamp", Label: "stamp"}].Copies
}

// describeDrifts writes "SERVER KIND against LABEL:ID", or with "deployed" where the journal tells.
func describeDrifts(drifts []Drift) string {
	var texts []string
	for _, d := range drifts {
		text := d.Copy.Name + " " + string(d.Kind)
		for label, r := range d.Against {
			text += " " + label + ":" + r.ID
		}
		if d.Journal {
			text += " deployed"
		}
		if d.Known {
			text += " known"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func TestDrifts(t *testing.T) {
	for _, test := range []struct {
		name     string
		live     []string
		deployed string
		want     string
	}{
		{"no servers", nil, "app:1", ""},
		{"all alike", []string{"app:1", "app:1"}, "", ""},
		{"all as deployed", []string{"app:1", "app:1"}, "app:1", ""},
		{"another revno", []string{"app:1/7", "app:1/8"}, "app:1/9", ""},
		{"no stamp at all", []string{"-", "-"}, "", "api-0 never-recorded, api-1 never-recorded"},
		{"no stamp at all any more", []string{"-"}, "app:1", "api-0 never-recorded app:1 deployed"},
		{"one without", []string{"app:1", "-"}, "", "api-1 unstamped app:1"},
		{"one without, a journal", []string{"app:1", "-"}, "app:1", "api-1 unstamped app:1 deployed"},
		{"one without beside one that contradicts itself", []string{"!app:1", "-"}, "", "api-0 hash-mismatch, api-1 unstamped"},
		{"one that contradicts itself", []string{"app:1", "!app:2"}, "", "api-1 hash-mismatch app:1"},
		{"it says what is right", []string{"app:1", "!app:1"}, "app:1", "api-1 hash-mismatch app:1 deployed"},
		{"another's", []string{"@web", "app:1"}, "", "api-0 other-service app:1"},
		{"another's alone", []string{"@web", "-"}, "", "api-0 other-service, api-1 never-recorded"},
		{"most", []string{"app:1", "app:2", "app:1"}, "", "api-1 mixed app:1"},
		{"the journal counts more", []string{"app:1", "app:2", "app:1"}, "app:2", "api-0 mixed app:2 deployed, api-2 mixed app:2 deployed"},
		{"neither is as deployed", []string{"app:1", "app:2"}, "app:3", "api-0 mixed app:3 deployed, api-1 mixed app:3 deployed"},
		{"as many of each: the newest", []string{"app:1", "app:2"}, "", "api-0 mixed app:2"}, // the text is the time, too
		{"a label more", []string{"app:1", "app:1", "app:1 lib:1"}, "", "api-2 mixed app:1"},
		{"all agree, not with the journal", []string{"app:2", "app:2"}, "app:1", "api-0 not-as-recorded app:1 deployed, api-1 not-as-recorded app:1 deployed"},
		{"those that have a stamp agree", []string{"app:2", "-"}, "app:1", "api-0 not-as-recorded app:1 deployed, api-1 unstamped app:1 deployed"},
		{"one alone", []string{"app:2"}, "app:1", "api-0 not-as-recorded app:1 deployed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var deployed map[string]resource.Revision
			if test.deployed != "" {
				deployed = map[string]resource.Revision{}
				for label, value := range revisionsOf(test.deployed) {
					deployed[label] = resource.RevisionOf(value)
				}
			}
			if diff := cmp.Diff(test.want, describeDrifts(Drifts("api", copiesOf(test.live...), deployed))); diff != "" {
				t.Errorf("drift (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCarriedBy(t *testing.T) {
	var got []string
	for _, set := range CarriedBy(copiesOf("app:3", "app:1", "-", "!app:1", "app:2", "app:1/9")) {
		got = append(got, fmt.Sprintf("%s %d", set.Stamp.At, len(set.Copies)))
	}
	if diff := cmp.Diff([]string{"app:1/9 2", "app:3 1", "app:2 1"}, got); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func TestUnclaimed(t *testing.T) {
	var strays []resource.Copy
	for i, other := range []string{"web", "api", "broken", "web"} {
		strays = append(strays, resource.Copy{Name: fmt.Sprint("s-", i), Other: other})
	}
	got := describeDrifts(Unclaimed(strays, map[string]bool{"api": true, "broken": false}))
	if diff := cmp.Diff("s-1 unclaimed known, s-0 unclaimed, s-3 unclaimed", got); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
}
