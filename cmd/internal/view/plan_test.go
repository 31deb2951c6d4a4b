package view

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// forms are the forms of a plan, by the golden file that each is kept in for the rich fleet.
var forms = map[string]func(w io.Writer, page Page) error{
	"plan.txt":        func(w io.Writer, page Page) error { return Plan(w, page, Style{}) },
	"plan-80.txt":     func(w io.Writer, page Page) error { return Plan(w, page, Style{Width: 80}) },
	"plan.review.txt": Review,
	"plan.md":         Markdown,
	"plan.json":       PlanJSON,
	"graph.txt":       func(w io.Writer, page Page) error { return Graph(w, page, Style{}) },
	"graph.dot":       Dot,
	"graph.mmd":       Mermaid,
	"graph.svg":       SVG,
	"plan.html":       HTML,
}

func write(t testing.TB, form func(io.Writer, Page) error, page Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := form(&out, page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGolden(t *testing.T) {
	for name, form := range forms {
		got, file := write(t, form, richFleet()), "testdata/"+name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// The same page is told in the same bytes each time. With what may differ left out, pages that differ in that alone are, too.
func TestSameBytes(t *testing.T) {
	for name, form := range forms {
		once := write(t, form, richFleet())
		if diff := cmp.Diff(once, write(t, form, richFleet())); diff != "" {
			t.Errorf("%s: not the same twice (-once +twice):\n%s", name, diff)
		}
		later := richFleet()
		later.Made = later.Made.Add(time.Hour)
		for i := range later.Plan.Decisions {
			later.Plan.Decisions[i].Usual = richUsual(i, 9*i)
			if s := later.Plan.Decisions[i].Size; s != nil {
				s.Load.At, s.Until = s.Load.At.Add(time.Hour), s.Until.Add(time.Minute)
			}
		}
		if diff := cmp.Diff(write(t, form, richFleet().Stable()), write(t, form, later.Stable())); diff != "" {
			t.Errorf("%s: a stable plan (-now +later):\n%s", name, diff)
		}
	}
}

// However narrow the terminal, no line is broken, but for the commands, which have to be whole. A service keeps its line, and its action.
func TestPlanFitsTheWidth(t *testing.T) {
	page := richFleet()
	page.Apply = ""
	for width := 45; width <= 200; width++ {
		text := write(t, func(w io.Writer, page Page) error { return Plan(w, page, Style{Width: width}) }, page)
		for line := range strings.Lines(text) {
			if got := columns(strings.TrimRight(line, "\n")); got > width {
				t.Errorf("in %d columns a line has %d: %q", width, got, line)
			}
		}
		_, rows, _ := strings.Cut(text, "   service ")
		rows, _, _ = strings.Cut(rows, "\n\n")
		if got := strings.Count(rows, "\n"); got != len(notable(page.Plan)) {
			t.Errorf("in %d columns the table has %d rows, want %d:\n%s", width, got, len(notable(page.Plan)), rows)
		}
		if !strings.Contains(rows, "= ghost") || !strings.Contains(rows, " unapproved ") || !strings.Contains(rows, " www-fr") || !strings.Contains(rows, "-name ") {
			t.Errorf("in %d columns the table is cut too short:\n%s", width, rows)
		}
	}
}

// What had no room in the table is told below it.
func TestCutNotes(t *testing.T) {
	for width, want := range map[int]string{0: "web: branch-moved, branch-added, branch-removed\n  app r440 -> r740",
		80: "web: branch-moved, branch-added, branch-removed\n  after api, auth; last attempt failed in verify\n  app r440 -> r740"} {
		text := write(t, func(w io.Writer, page Page) error { return Plan(w, page, Style{Width: width}) }, richFleet())
		if !strings.Contains(text, want) {
			t.Errorf("in %d columns there is no %q:\n%s", width, want, text)
		}
	}
}

// Where a line is short, the subject of a commit gives way to what it fixes, but not to what is longer still.
func TestCommitInShortLines(t *testing.T) {
	commit := richCommit(815, "Ann Example", "Cache the headers of static files for an hour", "https://bugs.launchpad.net/bugs/12345")
	for width, want := range map[int]string{
		0:  "r815   Ann Example  Cache the headers of static files for an hour  LP: #12345",
		80: "r815   Ann Example  Cache the headers of static files for an hour  LP: #12345",
		60: "r815   Ann Example  Cache the headers of stat...  LP: #12345",
		55: "r815   Ann Example  Cache the headers of static file...",
	} {
		if got := commitText(commit, width); got != want {
			t.Errorf("in %d columns: %q, want %q", width, got, want)
		}
	}
	commit.Bugs = []string{"https://github.com/org/api/issues/3/of/a/long/path"}
	if got, want := commitText(commit, 70), "r815   Ann Example  Cache the headers of static files for an hour..."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEstimate(t *testing.T) {
	deploy := func(median, p90 int, after ...string) plan.Decision {
		return plan.Decision{Service: "api", Verdict: plan.Redeploy, Usual: richUsual(median, p90), WaitsFor: after}
	}
	web := deploy(540, 700, "api")
	web.Service = "web"
	record := plan.Decision{Service: "cache", Verdict: plan.Record}
	grown := func(usual int) plan.Decision {
		d := richScale("resize", richSize("resize", 4, 8, 8, 1450))
		d.Usual = richUsual(usual, usual)
		return d
	}
	for want, decisions := range map[string][]plan.Decision{
		"1 redeploy":                                        {deploy(0, 0)},
		"1 redeploy, about 45 s":                            {deploy(45, 45)},
		"1 redeploy, about 14 min":                          {deploy(840, 890)},
		"1 redeploy, about 1 h 05 min":                      {deploy(3900, 3959)},
		"1 record":                                          {record},
		"1 redeploy, 1 record, about 14 min":                {deploy(840, 840), record},
		"1 redeploy, 1 scale, about 15 min":                 {deploy(840, 840), grown(900)},
		"1 redeploy, 2 scales, at least 14 min":             {deploy(840, 840), grown(300), grown(0)},
		"2 redeploys, at least 14 min":                      {deploy(840, 1140), {Service: "web", Verdict: plan.Redeploy}},
		"1 new, 1 redeploy, at least 14 min":                {deploy(840, 1140), {Service: "web", Verdict: plan.New}},
		"1 redeploy, about 14 min; 1 held":                  {deploy(840, 840), {Service: "web", Verdict: plan.Held, Usual: richUsual(9, 9)}},
		"2 redeploys, about 23 min (9 in 10 within 30 min)": {deploy(840, 1140), web},
	} {
		does, leaves := outlook(&plan.Plan{Decisions: decisions})
		got := strings.Join(append([]string{strings.Join(does, ", ")}, leaves...), "; ")
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHeadline(t *testing.T) {
	for width, want := range map[int]string{
		0: "Plan 7f3a-91c2-d04e: 2 new, 7 redeploys, 2 records, 5 scales, at least 1 h 53 min.\n" +
			"2 held, 1 frozen, 1 waiting, 1 parked, 6 unapproved, 1 blocked, 2 invalid, 1 unknown, 9 same.",
		50: "Plan 7f3a-91c2-d04e: 2 new, 7 redeploys,\n2 records, 5 scales, at least 1 h 53 min.\n" +
			"2 held, 1 frozen, 1 waiting, 1 parked,\n6 unapproved, 1 blocked, 2 invalid, 1 unknown,\n9 same.",
	} {
		if diff := cmp.Diff(want, strings.Join(headline(richFleet().Plan, Style{Width: width}), "\n")); diff != "" {
			t.Errorf("in %d columns (-want +got):\n%s", width, diff)
		}
	}
	held := &plan.Plan{Decisions: []plan.Decision{{Verdict: plan.Held}, {Verdict: plan.Same}}}
	if diff := cmp.Diff([]string{"Nothing to apply: 1 held, 1 same."}, headline(held, Style{})); diff != "" {
		t.Errorf("all held (-want +got):\n%s", diff)
	}
}
