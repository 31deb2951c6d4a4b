package view

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"launchpad.net/cdplan/providers/resource"
)

// comments are the forms of a plan that have to fit in a comment.
var comments = map[string]func(io.Writer, Page) error{"review": Review, "markdown": Markdown}

// bigFleet has so many services more of the rich fleet's kinds.
func bigFleet(more int) Page {
	page := richFleet()
	kinds := notable(page.Plan)
	for i := range more {
		d := kinds[i%len(kinds)]
		d.Service = fmt.Sprintf("svc%03d", i)
		page.Plan.Decisions = append(page.Plan.Decisions, d)
	}
	return page
}

// What has no room is left out in an order: log, files, keys, all else below the table, and its rows at the very last. Whatever is left out is told,
// and takes the command with it.
func TestLeftOut(t *testing.T) {
	for name, form := range comments {
		page, reached := bigFleet(60), 0
		page.Limit = 1_000_000
		all := write(t, form, page)
		if !strings.Contains(all, "Apply exactly this") || strings.Contains(all, "Left out") {
			t.Errorf("%s: all there is has no command, or is cut", name)
		}
		for page.Limit = len(all) - 1; page.Limit >= MinBytes; page.Limit = page.Limit * 19 / 20 {
			text := write(t, form, page)
			if len(text) > page.Limit {
				t.Errorf("%s: %d bytes are more than %d", name, len(text), page.Limit)
			}
			reached = max(reached, checkLeftOut(t, text, page))
		}
		if text := write(t, form, page.withLimit(len(all))); text != all || reached != len(leftOutOrder) {
			t.Errorf("%s: only %v were ever left out, and what just fits is %d bytes of %d", name, leftOutOrder[:reached], len(text), len(all))
		}
	}
}

func (p Page) withLimit(limit int) Page {
	p.Limit = limit
	return p
}

var leftOutOrder = []string{" of the log", "the files of ", "the keys of ", "all else about ", " of the table"}

// checkLeftOut checks a form that was cut, and returns how much of the order it leaves out.
func checkLeftOut(t *testing.T, text string, page Page) int {
	t.Helper()
	told := strings.Join(strings.Fields(text), " ")
	for _, word := range []string{"Apply exactly this", "cdplan check"} {
		if strings.Contains(told, word) {
			t.Errorf("a plan that is cut to %d bytes says %q", page.Limit, word)
		}
	}
	if !strings.Contains(told, fmt.Sprintf("Left out, to stay within %d bytes: ", page.Limit)) || !strings.Contains(told, "names no command to apply it") {
		t.Errorf("%d bytes do not tell that they are cut:\n%s", page.Limit, text)
	}
	reached, rows := 0, 0
	for i, what := range leftOutOrder {
		if strings.Contains(told, what) {
			reached = i + 1
		}
	}
	for i, what := range leftOutOrder[:reached] {
		if !strings.Contains(told, what) {
			t.Errorf("%d bytes leave out %q before %q:\n%s", page.Limit, leftOutOrder[reached-1], leftOutOrder[i], text)
		}
	}
	for _, d := range notable(page.Plan) {
		row := strings.Contains(text, "  "+d.Service+" ") || strings.Contains(text, "| `"+d.Service+"` |") || strings.Contains(text, "  www-front...ong-name ") && len(d.Service) > 20
		rows += one(row)
	}
	if all := len(notable(page.Plan)); reached < len(leftOutOrder) && rows != all || reached == len(leftOutOrder) && !strings.Contains(told, fmt.Sprintf("%d of the %d rows", all-rows, all)) {
		t.Errorf("%d bytes have %d rows of %d:\n%s", page.Limit, rows, all, text)
	}
	return reached
}

// What is left out is counted.
func TestLeftOutCounts(t *testing.T) {
	p := richFleet().Plan
	shown := notable(p)
	for want, d := range map[string]depth{
		"":                    depths[0],
		"1 line of the log":   {rows: 99, blocks: true, commits: 4, files: true, keys: true},
		"27 lines of the log": {rows: 99, blocks: true, files: true, keys: true},
		"27 lines of the log; the files of 2 changes; the keys of 2 changes; 3 warnings; all else about 7 services; 30 of the 31 rows of the table": {rows: 1},
	} {
		if got := strings.Join(d.leftOut(p, shown, 7), "; "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Three hundred commits take as many lines as five, in any form that people read line by line, and their number is told.
func TestThreeHundredCommits(t *testing.T) {
	page := Page{Plan: moved(&resource.History{Commits: manyCommits(300)}), Apply: "cdplan apply"}
	for _, name := range []string{"plan.txt", "plan-80.txt", "plan.review.txt", "plan.md"} {
		text := write(t, forms[name], page)
		if !strings.Contains(text, "and 295 more\n") || strings.Count(text, "Ann Example") != 5 || !strings.Contains(text, "cdplan apply") {
			t.Errorf("%s: not five lines of 300 commits:\n%s", name, text)
		}
	}
}

// Whatever the texts and the limit, a form is not longer, a review is as it has to be, and in Markdown nothing of a text is more than text.
func FuzzComments(f *testing.F) {
	for i, text := range hostileTexts {
		f.Add(text, "cdplan apply -target "+text, uint8(i%5), uint16(MinBytes+i*i*9))
		f.Add(text, text, uint8(0), uint16(MinBytes))
	}
	f.Fuzz(func(t *testing.T, text, command string, more uint8, limit uint16) {
		page := pageOf(text)
		page.Apply, page.Limit = command, max(int(limit), MinBytes)
		for i := range more % 16 {
			page.Plan.Decisions = append(page.Plan.Decisions, page.Plan.Decisions[i])
		}
		checkReview(t, write(t, Review, page), page.Limit)
		markdown := write(t, Markdown, page)
		if len(markdown) > page.Limit || !utf8.ValidString(markdown) {
			t.Errorf("%d bytes of Markdown are more than %d", len(markdown), page.Limit)
		}
		render(t, markdown).check(t)
	})
}

// How long it takes to make a comment of a plan that has to be cut to its rows, or even there; the plan itself is left out.
func BenchmarkComments(b *testing.B) {
	for name, form := range comments {
		for _, services := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/services=%d", name, services), func(b *testing.B) {
				page := bigFleet(services)
				for b.Loop() {
					if err := form(io.Discard, page); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
