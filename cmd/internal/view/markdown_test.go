package view

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gfm "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// rendered is what a reader of GitHub's Markdown makes of a text.
type rendered struct {
	rows  [][]string // cells of the tables
	code  []string   // what stands in code, in the cells and elsewhere
	html  []string
	other string // all other text
	kinds []string
}

func render(t testing.TB, source string) rendered {
	t.Helper()
	src := []byte(source)
	var r rendered
	err := ast.Walk(goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		r.kinds = append(r.kinds, node.Kind().String())
		switch node := node.(type) {
		case *ast.FencedCodeBlock:
			r.code = append(r.code, string(node.Lines().Value(src)))
		case *ast.CodeSpan:
			r.code = append(r.code, spanText(node, src))
			return ast.WalkSkipChildren, nil
		case *ast.HTMLBlock:
			r.html = append(r.html, strings.TrimRight(string(node.Lines().Value(src)), "\n"))
		case *ast.Text:
			r.other += string(node.Value(src)) + "\n"
		case *gfm.TableRow, *gfm.TableHeader:
			r.rows = append(r.rows, cells(node, src))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func spanText(node ast.Node, src []byte) string {
	var b strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			b.Write(child.Value(src))
		case *ast.String:
			b.Write(child.Value)
		default:
			b.WriteString(spanText(child, src))
		}
	}
	return b.String()
}

func cells(row ast.Node, src []byte) []string {
	var found []string
	for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
		found = append(found, spanText(cell, src))
	}
	return found
}

// What may stand outside of code, and the only HTML.
var (
	ourWords  = regexp.MustCompile(`^[A-Za-z0-9 .,:;()\n-]*$`)
	ourHTML   = regexp.MustCompile(`^(<details><summary><code>[A-Za-z0-9._+-]*</code>: [a-z, -]+ \([0-9]+ lines\)</summary>|</details>|<!-- cdplan:[A-Za-z0-9._+-]*:[0-9a-z-]* -->)$`)
	ourBlocks = []string{"Document", "Paragraph", "Text", "Emphasis", "CodeSpan", "FencedCodeBlock", "HTMLBlock", "Table", "TableHeader", "TableRow", "TableCell"}
)

// check says what in the Markdown is more than text of ours and code.
func (r rendered) check(t testing.TB) {
	t.Helper()
	if !ourWords.MatchString(r.other) {
		t.Errorf("a text from outside is not in code:\n%s", r.other)
	}
	for _, html := range r.html {
		if !ourHTML.MatchString(html) {
			t.Errorf("there is HTML: %q", html)
		}
	}
	for _, kind := range r.kinds {
		if !slices.Contains(ourBlocks, kind) {
			t.Errorf("there is something of the kind %s", kind)
		}
	}
}

func TestMarkdownOfRichFleet(t *testing.T) {
	page := richFleet()
	source := write(t, Markdown, page)
	r := render(t, source)
	r.check(t)
	if want := len(notable(page.Plan)) + 1; len(r.rows) != want {
		t.Errorf("the table has %d rows, want %d", len(r.rows), want)
	}
	wantRows := map[string][]string{
		"":       {"", "service", "action", "change", "commits", "servers", "usual", "wave", "note"},
		"api":    {"~", "api", "redeploy", "config r12 -> r13, app r812 -> r815", "4", "6", "14m", "1", ""},
		"search": {"!", "search", "waiting", "app r301 -> r302", "1", "2", "5m", "-", "next try 2026-03-02 15:10 UTC: failed twice in verify: #9 @all|'x' timed out"},
		"broken": {"!", "broken", "invalid", "-", "-", "-", "-", "-", "Invalid duration"},
	}
	for _, row := range r.rows {
		name := row[1]
		if name == "service" {
			name = ""
		}
		if want, ok := wantRows[name]; ok {
			delete(wantRows, name)
			if diff := cmp.Diff(want, row); diff != "" {
				t.Errorf("row of %q (-want +got):\n%s", name, diff)
			}
		}
	}
	for name := range wantRows {
		t.Errorf("there is no row of %q", name)
	}
	for i, html := range r.html {
		r.html[i] = regexp.MustCompile(`\([0-9]+ lines`).ReplaceAllString(html, "(N lines")
	}
	if !strings.HasSuffix(source, "\n\nApply exactly this:\n\n```sh\ncdplan apply\n```\n") ||
		strings.LastIndex(source, "<details>") > strings.LastIndex(source, "</details>") {
		t.Errorf("the command is not the last, or is folded:\n%s", source)
	}
	if wanted := []string{"<!-- cdplan:cd1:7f3a-91c2-d04e -->", "<details><summary><code>api</code>: config-changed, branch-moved (N lines)</summary>", "</details>"}; !cmp.Equal(wanted, r.html) {
		t.Errorf("the HTML is %q, want %q", r.html, wanted)
	}
}

// Texts that would do something if they were not in code.
var hostileTexts = []string{hostile, "@all", "@team/owners", "fixes #12", "closes org/repo#12", "<script>alert(1)</script>", "</details>", "</summary>", "<!-- x", "-->",
	"| x |", `a\|b`, `a\\|b`, `\`, "`", "``", "```", "`````", "~~~", "a `code` b", "[text](http://example.com)", "![](http://example.com/x.png)", "http://example.com", "www.example.com",
	"ann@example.com", "# Title", "- item", "1. item", "> quote", "    code", "\tcode", "***", "---", "===", "| --- |", "[x]: http://example.com", "&#64;all", "&lt;b&gt;", `\@all`,
	"/close", "-- ", "-->\n\n@all", "review approve", "merge approved", "done", "*bold*", "_under_", "~~gone~~", ":smile:", "$$x$$", "検索@all", "\u202e@all", " ", "",
	strings.Repeat("a\u0301\u0301\u0301", 200), strings.Repeat("\U0001f600\ufdfa", 200), strings.Repeat("x", 4000), strings.Repeat("word ", 1000)}

func TestMarkdownOfHostileTexts(t *testing.T) {
	for _, text := range hostileTexts {
		r := render(t, write(t, Markdown, pageOf(text)))
		r.check(t)
		if len(r.rows) != len(notable(pageOf(text).Plan))+1 {
			t.Errorf("%q: the table has %d rows", text, len(r.rows))
		}
		seen := strings.TrimSpace(strings.ReplaceAll(clean(text), "`", "'"))
		if seen == "" || columns(seen) > 60 {
			continue
		}
		for _, row := range r.rows[1:] {
			if len(row) != 8 || !strings.Contains(row[7], seen) {
				t.Errorf("%q does not stand in the last cell of %q", text, row)
			}
		}
		if !slices.ContainsFunc(r.code, func(code string) bool { return strings.Contains(code, strings.TrimSpace(clean(text))) }) {
			t.Errorf("%q does not stand as it is in code: %q", text, r.code)
		}
	}
}

func TestFenced(t *testing.T) {
	for text, want := range map[string]string{"a": "```", "a`b``c": "```", "```": "````", "a ````` b ```": "``````"} {
		if got := fenced("text", []string{text}); got != want+"text\n"+text+"\n"+want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestMarkdownWithoutChanges(t *testing.T) {
	for _, test := range []struct {
		page Page
		want string
	}{
		{Page{Plan: same(3), Host: "cd1", Made: madeAt, Apply: "cdplan apply"},
			"**No changes: 3 services, all as their branches say.** (host `cd1`, 2026-03-02 14:05 UTC)\n\n<!-- cdplan:cd1:none -->\n"},
		{Page{Plan: same(1)}, "**No changes: 1 service, all as their branches say.**\n\n<!-- cdplan::none -->\n"},
		{Page{Plan: same(1), Host: "a--b --> @all"}, "**No changes: 1 service, all as their branches say.** (host `a--b --> (at)all`)\n\n<!-- cdplan:a-b-all:none -->\n"},
	} {
		if diff := cmp.Diff(test.want, write(t, Markdown, test.page)); diff != "" {
			t.Errorf("Markdown (-want +got):\n%s", diff)
		}
	}
}
