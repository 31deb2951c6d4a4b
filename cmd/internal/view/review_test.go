package view

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

func same(n int) *plan.Plan {
	p := &plan.Plan{}
	for range n {
		p.Decisions = append(p.Decisions, plan.Decision{Verdict: plan.Same})
	}
	return p
}

// pageOf returns a page in which that text stands wherever a text from outside can.
func pageOf(text string) Page {
	commit := resource.Commit{Revision: resource.Revision{Revno: text, ID: text}, Author: text, Subject: text, Merged: &resource.Merged{Revisions: 2, Authors: []string{text}},
		Bugs: []string{text, "https://host/" + text}}
	history := &resource.History{Commits: []resource.Commit{commit}, Rewritten: true, Lost: []resource.Commit{commit, {Revision: commit.Revision}},
		Files: &resource.Files{Count: 1, Areas: []resource.Area{{Name: text}}}, Err: errors.New(text)}
	change := plan.Change{Label: text, Location: text, From: commit.Revision, To: resource.Revision{Revno: "9", ID: "r-9"}, History: history,
		Keys: []plan.KeyChange{{Section: text, Key: text, Kind: plan.KeyChanged, Public: true, From: text, To: text}, {Section: text, Key: text, Kind: plan.KeyRemoved}}}
	unread := change
	unread.KeysErr, unread.Keys = errors.New(text), nil
	acting := plan.Decision{Service: text, Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.BranchMoved}, Wave: 1, Copies: 3, Behind: []string{text}, Last: text, WaitsFor: []string{text},
		Changes: []plan.Change{change, unread}, Declared: richAfter(text), Fallbacks: []plan.Fallback{{Addr: resource.Addr{Service: text, Type: "x", Label: text}, Location: text, Reason: text}}}
	held := plan.Decision{Service: text + "2", Verdict: plan.Held, Reasons: []plan.Reason{plan.ConfigChanged}, Copies: 3, Behind: []string{text}, Held: plan.Hold{By: text, Reason: text, Until: madeAt},
		Changes: []plan.Change{change}}
	first := plan.Decision{Service: text + "3", Verdict: plan.Unapproved, Reasons: []plan.Reason{plan.NeverRecorded}, Held: plan.Hold{Reason: text}, Changes: []plan.Change{change}}
	broken := plan.Decision{Service: text + "4", Verdict: plan.Invalid, Err: &resource.AttrError{Summary: text, Detail: text}}
	faults := func(string, error) hcl.Diagnostics {
		return hcl.Diagnostics{{Summary: text, Detail: text, Subject: &hcl.Range{Filename: text}}, {Summary: text, Detail: text}}
	}
	p := &plan.Plan{Fingerprint: strings.Repeat("7f3a91c2d04e58b6", 4), Decisions: append([]plan.Decision{acting, held, first, broken}, sizesOf(text)...)}
	for range 9 {
		p.With = append(p.With, plan.With{Service: text, Label: text, Location: text})
	}
	return Page{Plan: p, Made: madeAt, Host: text, Apply: "cdplan apply", Faults: faults}
}

// sizesOf are services with a size, and with that text wherever one of it can come from outside.
func sizesOf(text string) []plan.Decision {
	size := func(due bool, err error) *plan.Size {
		return &plan.Size{Due: due, Size: scale.Size{Units: 3, To: 1, Wanted: 1, Load: resource.Load{Value: 9, Source: text, Err: err}, Sum: text, Cuts: []string{text}, Remove: []string{text, text},
			Wait: text, Guard: text, States: map[resource.UnitState]int{resource.UnitReady: 3}}}
	}
	silent, lost := size(false, errors.New(text)), size(false, nil)
	lost.Err = errors.New(text)
	due := richScale(text+"5", size(true, nil))
	due.Usual = state.Usual{}
	late := due
	late.Service, late.Wave, late.Size = text+"6", 0, size(true, errors.New(text))
	return []plan.Decision{due, richHold(late, plan.Unapproved, "", text, time.Time{}),
		{Service: text + "7", Verdict: plan.Same, Size: silent}, {Service: text + "8", Verdict: plan.Same, Size: lost}}
}

// checkReview says what in a review is not as it has to be.
func checkReview(t testing.TB, text string, limit int) {
	t.Helper()
	if len(text) > limit {
		t.Errorf("%d bytes are more than %d", len(text), limit)
	}
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		if !ended || len(line) > 72 || !printable(line) || line != "" && !strings.HasPrefix(line, "    ") || line != clean(line) {
			t.Errorf("a line is not as it has to be: %q", line)
		}
		if order := orderOf(line); order != "" {
			t.Errorf("Launchpad takes %q for an order: %s", line, order)
		}
	}
}

// orders are the words that Launchpad looks for in mails about merge proposals and about bugs: the first of a line that is indented, "done" alone
// in it.
var orders = strings.Fields(`vote review status merge reviewer done
	affects assignee bug cve duplicate importance information_type informationtype milestone private security subscribe summary tag title unlink unsubscribe`)

func orderOf(line string) string {
	words := strings.Fields(strings.ToLower(line))
	if len(words) == 0 {
		return ""
	}
	if slices.Contains(orders, words[0]) || strings.HasPrefix(words[0], ">") || words[0] == "--" {
		return words[0]
	}
	return ""
}

func TestReviewOfHostileTexts(t *testing.T) {
	texts := slices.Clone(hostileTexts)
	for _, order := range orders {
		texts = append(texts, order, order+" approve", strings.Repeat(order+" ", 40), strings.TrimPrefix(order, "r"))
	}
	for _, text := range texts {
		review := write(t, Review, pageOf(text))
		checkReview(t, review, ReviewBytes)
		if strings.Contains(review, " @all") {
			t.Errorf("%q calls somebody:\n%s", text, review)
		}
	}
}

func TestASCII(t *testing.T) {
	for text, want := range map[string]string{
		"plain: \"a\" ~ {b}\x7e":                "plain: \"a\" ~ {b}~",
		"Zoë Müller-Łukasz, Søren, Æsop, ﬁn, Ǆ": "Zoe Muller-Lukasz, Soren, AEsop, fin, DZ",
		"Größe e\u0301 ⅓ ①②":                    "Grosse e 1/3 12",
		"“a” ‘b’ «c» — d–e…":                    "\"a\" 'b' \"c\" - d-e...",
		"山田 שלום 😀 Ж":                           "?? ???? ? ?",
		"Ｆｕｌｌ ｗｉｄｔｈ":                            "Full width",
		"@all ＠all a@b, (@c)":                   "(at)all (at)all a@b, ((at)c)",
		"1 € → 2 £ × 3":                         "1 EUR -> 2 GBP x 3",
		"":                                      "",
	} {
		if got := ascii(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestReviewCommand(t *testing.T) {
	many := "cdplan apply -expect 7f3a-91c2-d04e" + strings.Repeat(" -target 'web-*'", 6)
	for command, want := range map[string]string{
		"cdplan apply -expect 7f3a-91c2-d04e": "Apply exactly this: cdplan apply -expect 7f3a-91c2-d04e",
		many: "Apply exactly this:\n  cdplan apply -expect 7f3a-91c2-d04e -target 'web-*' \\\n" +
			"    -target 'web-*' -target 'web-*' -target 'web-*' \\\n    -target 'web-*' -target 'web-*'",
		"cdplan apply -target " + strings.Repeat("x", 90):             "The command to apply it does not fit in here: see cdplan plan.",
		"cdplan apply -target 'größe'":                                "The command to apply it does not fit in here: see cdplan plan.",
		"cdplan apply -target 'a " + strings.Repeat("x ", 40) + "-b'": "The command to apply it does not fit in here: see cdplan plan.",
	} {
		got := strings.Join(reviewCommand("Apply exactly this: ", command), "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", command, diff)
		}
	}
}

func TestReviewWithoutCommands(t *testing.T) {
	held := moved(nil)
	held.Decisions[0].Verdict, held.Decisions[0].Held.Reason, held.Decisions[0].Wave = plan.Blocked, "web goes first and is held", 0
	landed := moved(nil)
	landed.With = []plan.With{{Service: "api", Label: "app", Location: "lp:~ann/api/fix"}, {Service: "web", Label: "app", Location: "lp:~ann/web/fix"}}
	for _, test := range []struct {
		page Page
		want string
	}{
		{Page{Plan: same(3), Host: "cd1", Made: madeAt, Apply: "cdplan apply"},
			"    cdplan plan, host cd1, 2026-03-02 14:05 UTC\n    No changes: 3 services, all as their branches say.\n"},
		{Page{Plan: same(3), Host: "cd1", Made: madeAt, Apply: "cdplan apply"}.Stable(),
			"    cdplan plan, host cd1\n    No changes: 3 services, all as their branches say.\n"},
		{Page{Plan: held, Apply: "cdplan apply"}, `    cdplan plan
    fingerprint 0123-4567-89ab: nothing to apply.
    1 blocked.

    = blocked  api  app r1 -> r9  web goes first and is held

    = api: branch-moved
      - app r1 -> r9  /app
`},
		{Page{Plan: landed}, `    cdplan plan
    fingerprint 0123-4567-89ab: 1 redeploy.
    As if landed: api app = lp:~ann/api/fix, web app =
      ... lp:~ann/web/fix.
    It cannot be applied: landing makes a revision of its own.

    ~ [1] redeploy  api  app r1 -> r9  2 servers

    [1] api: branch-moved
      - app r1 -> r9  /app
`},
	} {
		if diff := cmp.Diff(test.want, write(t, Review, test.page)); diff != "" {
			t.Errorf("review (-want +got):\n%s", diff)
		}
	}
}
