package view

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

func TestWith(t *testing.T) {
	if got := asIfLanded(&plan.Plan{}, 0); got != nil {
		t.Errorf("got %v", got)
	}
	p := moved(nil)
	p.With = []plan.With{{Service: "api", Label: "app", Location: "lp:~ann/api/fix"}, {Service: "web", Label: "config", Location: "/x" + hostile}}
	want := []string{"As if landed: api app = lp:~ann/api/fix", "As if landed: web config = /x" + clean(hostile), notAsIs}
	var out bytes.Buffer
	if err := Plan(&out, Page{Plan: p}, Style{}); err != nil || !slices.Equal(strings.Split(out.String(), "\n")[1:4], want) {
		t.Errorf("got %s, %v, want %s", out.String(), err, want)
	}
	out.Reset()
	if err := PlanJSON(&out, Page{Plan: p}); err != nil || !strings.Contains(out.String(), `"location": "lp:~ann/api/fix"`) {
		t.Errorf("got %s, %v", out.String(), err)
	}
}

func TestLanding(t *testing.T) {
	known := resource.Commit{Date: time.Unix(1, 0)}
	for want, h := range map[string]resource.History{
		"": {},
		"    as if landed: 1 revision of the deployed branch is not in it, landing merges that":   {Lost: []resource.Commit{known}},
		"    as if landed: 5 revisions of the deployed branch are not in it, landing merges them": {Lost: []resource.Commit{known, known}, LostMore: 3},
		"    as if landed: the deployed revision is not in it, landing merges that":               {Lost: []resource.Commit{{}}},
	} {
		got := detailOf(t, func(c *plan.Change) { c.History, c.Landing = &h, true }, Style{})
		if diff := cmp.Diff(want, strings.TrimSuffix(got, "\n")); diff != "" {
			t.Errorf("landing (-want +got):\n%s", diff)
		}
		if got := detailOf(t, func(c *plan.Change) { c.History = &h }, Style{}); got != "" {
			t.Errorf("not landing: got %s", got)
		}
	}
}
