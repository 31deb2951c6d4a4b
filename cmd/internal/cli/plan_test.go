package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
)

// With -verbose the plan says what took a slower way, of the selected services alone; the JSON document says so anyway.
func TestPlanVerbose(t *testing.T) {
	services := map[string]string{
		"api": "[mojo]\nspec = lp:spec\n[branches]\napp = lp:api\nlib = sftp://host/lib\n",
		"web": "[mojo]\nspec = lp:spec\n",
		"x":   "[mojo]\nspec = lp:spec\n",
	}
	read := branches(map[string]string{"lp:spec": "a name on Launchpad", "sftp://host/lib": "sftp"},
		map[string]error{"sftp://host/lib": errors.New("no route")})
	want := `Took a slower way to read:
  a name on Launchpad:
    api/bzr_branch.spec  lp:spec
    web/bzr_branch.spec  lp:spec
  api/bzr_branch.lib: sftp
`
	for _, flag := range []string{"-v", "--verbose", "-json"} {
		code, stdout, stderr := cdplan(t, services, read, "plan", "-exclude", "x", flag)
		told, _, _ := strings.Cut(stderr, "Error: ")
		if flag == "-json" {
			want = ""
		}
		if diff := cmp.Diff(want, strings.TrimLeft(told, "\n")); diff != "" || code != codeError {
			t.Errorf("%s: code %d, stderr (-want +got):\n%s", flag, code, diff)
		}
		if strings.Contains(stdout, `"reason": "a name on Launchpad"`) != (flag == "-json") {
			t.Errorf("%s: stdout %s", flag, stdout)
		}
	}
}

// One code stands for forty services, whatever the last one is like.
func TestPlanCode(t *testing.T) {
	forty := func(last plan.Decision) *plan.Plan {
		p := &plan.Plan{}
		for range 39 {
			p.Decisions = append(p.Decisions, plan.Decision{Verdict: plan.Redeploy})
		}
		p.Decisions = append(p.Decisions, last)
		return p
	}
	for _, test := range []struct {
		last     plan.Decision
		detailed bool
		want     error
	}{
		{plan.Decision{Verdict: plan.Same}, true, exit(codeChanges)},
		{plan.Decision{Verdict: plan.Held}, true, exit(codeChanges)},
		{plan.Decision{Verdict: plan.Unknown, Err: errors.New("no route")}, true, exit(codeError)},
		{plan.Decision{Verdict: plan.Same}, false, nil},
		{plan.Decision{Verdict: plan.Invalid, Err: errors.New("line 3")}, false, exit(codeError)},
	} {
		if got := planCode(forty(test.last), test.detailed); got != test.want {
			t.Errorf("the last is %s, detailed %t: %v, want %v", test.last.Verdict, test.detailed, got, test.want)
		}
	}
}
