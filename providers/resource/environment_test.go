package resource

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	revisions := map[string]Revision{"app": {Revno: "3", ID: "joe@x-3"}, "my-charm": {Revno: "1.2.3", ID: "c 1"}}
	step := Step{Addr: Addr{Service: "api"}, Run: "r1", At: time.Date(2027, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}
	variables := map[string]string{}
	for _, text := range Environment(step, revisions) {
		name, value, _ := strings.Cut(text, "=")
		variables[name] = value
	}
	want := map[string]string{"CDPLAN_SERVICE": "api", "CDPLAN_RUN": "r1", "CDPLAN_AT": "2027-01-02T02:04:05Z", "CDPLAN_HASH": Hash(revisions),
		"CDPLAN_REVNO_APP": "3", "CDPLAN_REVISION_APP": "joe@x-3", "CDPLAN_REVNO_MY_CHARM": "1.2.3", "CDPLAN_REVISION_MY_CHARM": "c 1"}
	if diff := cmp.Diff(want, variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	getenv := func(name string) string { return variables[name] }
	told, read, err := FromEnvironment(getenv, []string{"my-charm", "app"})
	if err != nil || told.Run != "r1" || !told.At.Equal(step.At) || cmp.Diff(revisions, read) != "" {
		t.Errorf("got %v, %v, %v", told, read, err)
	}
	for _, test := range []struct {
		labels []string
		unset  string
		want   string
	}{
		{[]string{"app", "my-charm"}, "CDPLAN_AT", `CDPLAN_AT is ""`},
		{[]string{"app", "my-charm"}, "CDPLAN_REVISION_APP", `the branch "app"`},
		{[]string{"app", "my-charm", "more"}, "", "CDPLAN_REVISION_MORE is not set"},
		{[]string{"app"}, "", "deploys more than the branches app"},
	} {
		_, _, err := FromEnvironment(func(name string) string {
			if name == test.unset {
				return ""
			}
			return variables[name]
		}, test.labels)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v without %q: got %v", test.labels, test.unset, err)
		}
	}
}
