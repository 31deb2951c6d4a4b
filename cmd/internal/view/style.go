// Package view turns plans, results and faults into text and JSON. A view is a function of data: it decides nothing and asks nobody.
package view

import (
	"fmt"
	"io"
	"regexp"
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

// sequence is an order to a terminal, such as to change colours (ECMA-48, section 5.4).
var sequence = regexp.MustCompile(`(\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]`)

// clean makes a text from outside safe to show on one line: control characters, line breaks among them, and invisible ones such as those
// that turn the direction of writing become blanks.
func clean(text string) string {
	text = sequence.ReplaceAllString(text, "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

var written = regexp.MustCompile(`[^\n\t]+`)

// CleanLines makes a text from outside safe to show as it is broken into lines and columns.
func CleanLines(text string) string { return written.ReplaceAllStringFunc(text, clean) }

// cut shortens a text to at most width columns.
func cut(s string, width int) string {
	if width <= 0 || text.StringWidthWithoutEscSequences(s) <= width {
		return s
	}
	return strings.TrimRight(text.Trim(s, width-3), " ") + "..."
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
