// Package view turns plans, results and faults into text and JSON. A view is a function of data: it decides nothing and asks nobody.
package view

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Style says what the output can show.
type Style struct {
	Color bool
	Width int // columns; 0 for no limit
}

type color string

const (
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	faint  color = "2"
	bold   color = "1"
)

// paint marks a text. Colour never carries a meaning that the text does not.
func (s Style) paint(c color, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// sequence is an order to a terminal: to move the cursor or change colours, to take a text that is not shown, such as a title, or another one
// (ECMA-48, sections 5.3 to 5.6).
var sequence = regexp.MustCompile(`(?s)(\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]|` +
	`(\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}-\x{9f}])[^\x07\x1b\x{9c}]*(\x07|\x1b\\|\x{9c})|` +
	`\x1b[ -/]*[0-~]`)

// maxMarks is how many marks a character may carry, one above the other; scripts that pile them up need no more.
const maxMarks = 3

// clean makes a text from outside safe to show on one line. Orders to a terminal are taken out. What no one can see becomes a blank: control
// characters, line breaks among them, those that turn the direction of writing or have no width, and what is no text at all. Nor does a character
// reach into the lines above and below it by its marks.
func clean(text string) string {
	if printable(text) {
		return text
	}
	text = sequence.ReplaceAllString(text, "")
	marks := maxMarks // nothing that a first mark could belong to
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Variation_Selector, r):
			return -1
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			if marks++; marks > maxMarks {
				return -1
			}
			return r
		case !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar || strings.ContainsRune(fillers, r):
			marks = maxMarks
			return ' '
		}
		marks = 0
		return r
	}, text)
}

// printable says that a text is in ASCII and has no control characters, as nearly all have that come from outside.
func printable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// fillers are letters and signs that nobody can see.
const fillers = "\u115f\u1160\u2800\u3164\uffa0"

var written = regexp.MustCompile(`[^\n\t]+`)

// CleanLines makes a text from outside safe to show as it is broken into lines and columns.
func CleanLines(text string) string { return written.ReplaceAllStringFunc(text, clean) }

// columns returns how many columns of a terminal a text takes.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// cut shortens a text to at most width columns.
func cut(s string, width int) string {
	if width <= 0 || columns(s) <= width {
		return s
	}
	return text.Trim(strings.TrimRight(text.Trim(s, width-3), " .")+"...", width)
}

// cutMiddle shortens a text to at most width columns, and leaves both its ends.
func cutMiddle(s string, width int) string {
	if width <= 0 || columns(s) <= width {
		return s
	}
	runes := []rune(s)
	slices.Reverse(runes)
	tail := []rune(text.Trim(string(runes), (width-3)/2))
	slices.Reverse(tail)
	return text.Trim(text.Trim(s, width-3-columns(string(tail)))+"..."+string(tail), width)
}

// maxWrapped is how much of a text is wrapped, in columns; nobody reads more of a line.
const maxWrapped = 600

// wrap breaks a text into lines of at most width columns, without a limit into one.
func wrap(s string, width int) []string {
	if width <= 0 {
		return []string{s}
	}
	var texts []string
	for line := range strings.SplitSeq(text.WrapSoft(cut(s, maxWrapped), width), "\n") {
		texts = append(texts, strings.TrimRight(line, " "))
	}
	return texts
}

// newTable returns a table without lines, two blanks between columns.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Format.Header = text.FormatDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight, style.Box.UnfinishedRow = "", "  ", "..."
	t.SetStyle(style)
	t.AppendHeader(header)
	t.SuppressTrailingSpaces()
	return t
}

// lines writes each text on a line of its own and returns the first error.
func lines(w io.Writer, texts ...string) error {
	for _, line := range texts {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// plural returns "1 server" or "3 servers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
