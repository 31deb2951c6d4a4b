package view

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"

	"launchpad.net/cdplan/plan"
)

// MarkdownBytes is how long the Markdown is where nobody says otherwise: GitHub refuses a comment of more than 65536 characters.
const MarkdownBytes = 60_000

// How much room the Markdown has, and how many lines about a service are not folded away.
const (
	markdownChange = 60
	markdownNote   = 100
	markdownWidth  = 100
	markdownOpen   = 12
)

// Markdown writes the plan as a comment for GitHub, GitLab and others that know the tables of GitHub's Markdown, in no more bytes than the page allows.
// What is cut for that is told, and a plan that is cut names no command to apply it. A text from outside stands in code alone: there it calls nobody,
// closes no issue, is no link and ends neither table nor fold. To escape it would not do that, since names and numbers of issues are looked for in what
// is shown.
func Markdown(w io.Writer, page Page) error {
	limit := cmp.Or(page.Limit, MarkdownBytes)
	shown := notable(page.Plan)
	_, err := io.WriteString(w, fit(limit, len(shown), func(d depth) string { return markdown(page, shown, d, limit) }))
	return err
}

func markdown(page Page, shown []plan.Decision, d depth, limit int) string {
	m := manner{Style: Style{Width: markdownWidth}, layout: layout{change: markdownChange, note: markdownNote}, depth: d, faults: page.faults}
	blocks := m.blocks(shown)
	parts := markdownHead(page)
	if rows := shown[:min(d.rows, len(shown))]; len(rows) > 0 {
		parts = append(parts, markdownTable(rows, m.layout))
	}
	if told := m.warningLines(page.Plan); told != nil && d.blocks {
		parts = append(parts, told[0]+"\n\n"+fenced("text", unindented(told[1:])))
	}
	for _, told := range blocks {
		if d.blocks {
			parts = append(parts, told.markdown())
		}
	}
	parts = append(parts, markdownFoot(page, d.leftOut(page.Plan, shown, len(blocks)), limit)...)
	return strings.Join(parts, "\n\n") + "\n"
}

// markdownHead tells how much the plan does, where and when it was made, and how a program finds this comment again. It is never cut: in ASCII it takes no
// more bytes than it has columns.
func markdownHead(page Page) []string {
	texts := headline(page.Plan, Style{})
	texts[0] = "**" + texts[0] + "**"
	var made []string
	if page.Host != "" {
		made = append(made, "host "+code(cut(ascii(clean(page.Host)), markdownChange)))
	}
	if !page.Made.IsZero() {
		made = append(made, page.Made.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if len(made) > 0 {
		texts[0] += " (" + strings.Join(made, ", ") + ")"
	}
	if len(page.Plan.With) > 0 {
		texts = append(texts, "As if landed: "+code(cut(ascii(strings.Join(landedBranches(page.Plan), ", ")), maxWrapped))+". "+notAsIs)
	}
	return append(texts, fmt.Sprintf("<!-- cdplan:%s:%s -->", bare(cut(page.Host, markdownChange)), bare(cmp.Or(ShortFingerprint(page.Plan.Fingerprint), "none"))))
}

// markdownTable tells each service in a row.
func markdownTable(shown []plan.Decision, l layout) string {
	head, rule := []string{""}, []string{"---"}
	for _, i := range l.columns(shown) {
		head = append(head, planColumns[i].name)
		if planColumns[i].number {
			rule = append(rule, "---:")
			continue
		}
		rule = append(rule, "---")
	}
	rows := []string{markdownRow(head), markdownRow(rule)}
	for _, d := range shown {
		row := []string{code(marks[d.Verdict])}
		for _, i := range l.columns(shown) {
			cell := planColumns[i].cell(d, l)
			if planColumns[i].number || planColumns[i].name == "action" {
				row = append(row, cell)
				continue
			}
			row = append(row, code(cell))
		}
		rows = append(rows, markdownRow(row))
	}
	return strings.Join(rows, "\n")
}

func markdownRow(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// markdown returns the block; one of many lines is folded away.
func (b block) markdown() string {
	if len(b.lines) == 0 {
		return code(b.service) + ": " + b.title
	}
	texts := unindented(b.lines)
	if len(b.lines) <= markdownOpen {
		return code(b.service) + ": " + b.title + "\n\n" + fenced("text", texts)
	}
	summary := fmt.Sprintf("<details><summary><code>%s</code>: %s (%d lines)</summary>", bare(b.service), b.title, len(b.lines))
	return summary + "\n\n" + fenced("text", texts) + "\n\n</details>"
}

// unindented returns lines without their first two blanks.
func unindented(lines []string) []string {
	var texts []string
	for _, line := range lines {
		texts = append(texts, strings.TrimPrefix(line, "  "))
	}
	return texts
}

func markdownFoot(page Page, leftOut []string, limit int) []string {
	named := page.Apply != "" && applicable(page.Plan)
	if len(leftOut) > 0 {
		text := list(fmt.Sprintf("Left out, to stay within %d bytes: ", limit), leftOut, 0)[0]
		if named {
			text += " This is not all of the plan, so it names no command to apply it."
		}
		return []string{text}
	}
	if !named {
		return nil
	}
	if clean(page.Apply) != page.Apply {
		return []string{"The command to apply it cannot be told in here: see `cdplan plan`."}
	}
	return []string{"Apply exactly this:", fenced("sh", []string{page.Apply})}
}

// inCode is what cannot stand in a code span of a table as it is: a backtick would end the span, and a bar the cell, if no backslash is before it.
var inCode = strings.NewReplacer("`", "'", "|", `\|`)

// code writes a text as a code span, also for the cell of a table. Nothing, and what stands for nothing, is none.
func code(s string) string {
	if s = strings.TrimSpace(s); s == "" || s == "-" {
		return s
	}
	return "`" + inCode.Replace(s) + "`"
}

var backticks = regexp.MustCompile("`{3,}")

// fenced writes lines as a block of code, in a fence that none of them can end.
func fenced(language string, texts []string) string {
	body, fence := strings.Join(texts, "\n"), "```"
	for _, run := range backticks.FindAllString(body, -1) {
		fence = max(fence, run+"`") // of two runs the longer is the greater
	}
	return fence + language + "\n" + body + "\n" + fence
}

var unnamed = regexp.MustCompile(`[^A-Za-z0-9._+]+`)

// bare writes a name in the characters that names of services and hosts have: nothing in it ends a comment or a tag.
func bare(name string) string { return unnamed.ReplaceAllString(name, "-") }
