package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// approve computes a plan, and then one of what is there after the change, which expects the first.
func approve(t *testing.T, fleet []situation, change func([]situation) []situation, expect func(*Expect)) (*Plan, []Compared) {
	t.Helper()
	approved := compute(fleet, nil)
	e := &Expect{Fingerprint: approved.Fingerprint, Plan: approved}
	if expect != nil {
		expect(e)
	}
	now := compute(change(fleet), func(in *Input) { in.Expect, in.Approved = e, true })
	compared, _ := e.Compare(now)
	return now, compared
}

func standings(compared []Compared) string {
	var texts []string
	for _, c := range compared {
		texts = append(texts, fmt.Sprintf("%s %s", c.Service, c.Standing))
	}
	return strings.Join(texts, ", ")
}

func verdicts(p *Plan) string {
	var texts []string
	for _, d := range p.Decisions {
		texts = append(texts, fmt.Sprintf("%s %s", d.Service, d.Verdict))
	}
	return strings.Join(texts, ", ")
}

// Each service is judged by itself: one that moved is left alone, and what comes after it, and all else goes on.
func TestExpect(t *testing.T) {
	again := func(name string) situation {
		return situation{name: name, want: "config:3", live: []string{"config:1"}}
	}
	tests := []struct {
		name      string
		change    func(s []situation) []situation
		expect    func(*Expect)
		standings string
		verdicts  string
	}{
		{"nothing moved", func(s []situation) []situation { return s }, nil,
			"api as-approved, web as-approved", "api redeploy, other same, web redeploy"},
		{"nothing moved, by twelve digits alone", func(s []situation) []situation { return s }, func(e *Expect) { e.Plan, e.Fingerprint = nil, e.Fingerprint[:12] },
			"api as-approved, web as-approved", "api redeploy, other same, web redeploy"},
		{"the last one moved", func(s []situation) []situation {
			web := again("web")
			web.after = "api"
			return []situation{s[0], web, s[2]}
		}, nil,
			"api as-approved, web moved", "api redeploy, other same, web unapproved"},
		{"the first one moved", func(s []situation) []situation { return []situation{again("api"), s[1], s[2]} }, nil,
			"api moved, web as-approved", "api unapproved, other same, web blocked"},
		{"one moved, strictly", func(s []situation) []situation {
			web := again("web")
			web.after = "api"
			return []situation{s[0], web, s[2]}
		},
			func(e *Expect) { e.Strict = true }, "api as-approved, web moved", "api unapproved, other same, web unapproved"},
		{"one moved, by digits alone", func(s []situation) []situation { return []situation{again("api"), s[1], s[2]} }, func(e *Expect) { e.Plan = nil },
			"", "api unapproved, other same, web unapproved"},
		{"one is done", func(s []situation) []situation {
			return []situation{{name: "api", want: "config:2", live: []string{"config:2"}}, s[1], s[2]}
		}, nil,
			"api done, web as-approved", "api same, other same, web redeploy"},
		{"one is done, and has more to do", func(s []situation) []situation {
			return []situation{{name: "api", want: "config:3", live: []string{"config:2"}}, s[1], s[2]}
		}, nil, "api outside, web as-approved", "api unapproved, other same, web redeploy"},
		{"one went back to what is deployed", func(s []situation) []situation {
			return []situation{{name: "api", want: "config:1", live: []string{"config:1"}}, s[1], s[2]}
		}, nil, "api moved, web as-approved", "api same, other same, web blocked"},
		{"another has something to do", func(s []situation) []situation { return []situation{s[0], s[1], moved("other", "")} }, nil,
			"api as-approved, other outside, web as-approved", "api redeploy, other unapproved, web redeploy"},
		{"one that goes first has something to do, and had nothing", func(s []situation) []situation {
			return []situation{s[0], {name: "web", after: "api other", want: "config:2", live: []string{"config:1"}}, moved("other", "")}
		}, nil, "api as-approved, other outside, web as-approved", "api redeploy, other unapproved, web redeploy"},
		{"one is gone", func(s []situation) []situation { return s[1:] }, nil,
			"web as-approved, api moved", "other same, web redeploy"},
		{"one has a server that nobody knows", func(s []situation) []situation {
			return append(s, situation{name: "new", want: "config:1", live: []string{"-"}})
		},
			func(e *Expect) {
				e.Plan = compute([]situation{{name: "new", want: "config:1"}}, nil)
				e.Fingerprint = e.Plan.Fingerprint
			},
			"api outside, new moved, web outside", "api unapproved, new unapproved, other same, web unapproved"},
		{"one cannot be read", func(s []situation) []situation {
			return []situation{broken("api", ""), s[1], s[2]}
		}, nil, "api cannot-tell, web as-approved", "api invalid, other same, web blocked"},
		{"one cannot be read, strictly", func(s []situation) []situation { return []situation{s[2], broken("web", "")} },
			func(e *Expect) { e.Strict = true }, "web cannot-tell, api moved", "other same, web invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now, compared := approve(t, []situation{moved("api", ""), moved("web", "api"), same("other", "")}, test.change, test.expect)
			if diff := cmp.Diff(test.standings, standings(compared)); diff != "" {
				t.Errorf("standings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.verdicts, verdicts(now)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
		})
	}
}

// What the approved plan showed as blocked does not run without what was in its way: not if that was not selected, and not if it could not be read.
// What it showed as going without does.
func TestExpectBlocked(t *testing.T) {
	fleet := []situation{moved("api", ""), moved("web", "api")}
	only := func(deps Deps) func(in *Input) {
		return func(in *Input) { in.Selected, in.Deps = func(name string) bool { return name == "web" }, deps }
	}
	for _, test := range []struct {
		name     string
		approved *Plan
		want     string
	}{
		{"api was not selected", compute(fleet, only(DepsBlock)), "api unapproved, web blocked"},
		{"api was invalid", compute([]situation{broken("api", ""), fleet[1]}, nil), "api unapproved, web blocked"},
		{"web went without api", compute(fleet, only(DepsIgnored)), "api unapproved, web redeploy"},
	} {
		now := compute(fleet, func(in *Input) {
			in.Approved, in.Expect = true, &Expect{Fingerprint: test.approved.Fingerprint, Plan: test.approved}
		})
		if diff := cmp.Diff(test.want, verdicts(now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What was deployed as approved, and could not be recorded on every server, is recorded; not so on a server of others that the approved plan did not show.
func TestExpectUnrecorded(t *testing.T) {
	approved := compute([]situation{moved("api", "")}, nil)
	for live, want := range map[string]string{"-": "api record", "@web": "api unapproved"} {
		api := moved("api", "")
		api.live = append(api.live, live)
		now := compute([]situation{api}, func(in *Input) {
			last := &state.Attempt{Deployed: true, Result: "failed", Hash: resource.Hash(approved.Decisions[0].Revisions)}
			in.Past.Services = map[string]state.ServicePast{"api": {Last: last}}
			in.Approved, in.Expect = true, &Expect{Fingerprint: approved.Fingerprint, Plan: approved}
		})
		if diff := cmp.Diff(want, verdicts(now)); diff != "" {
			t.Errorf("beside a server %s (-want +got):\n%s", live, diff)
		}
	}
}

func TestParseFingerprint(t *testing.T) {
	full := strings.Repeat("7f3a91c2", 8)
	for text, want := range map[string]string{"7f3a-91c2-d04e": "7f3a91c2d04e", "7F3A91C2D04E": "7f3a91c2d04e", full: full, "7f3a-91c2-d04": "", "7f3a-91c2-d04x": "",
		full + "0": "", "": "", "------------": "", "7f3a 91c2 d04e": ""} {
		if got, err := ParseFingerprint(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
