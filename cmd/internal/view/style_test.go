package view

import (
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestClean(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "Raise the pool to 8: \"why not?\"", "Raise the pool to 8: \"why not?\""},
		{"other scripts", "検索 Größe Привет שלום ไทย", "検索 Größe Привет שלום ไทย"},
		{"colours", "\x1b[1;31mred\x1b[0m, \u009b32mgreen\u009bm", "red, green"},
		{"cursor", "a\x1b[2Jb\x1b[?25lc\x1b[12;40Hd\x1b7e\x1bMf", "abcdef"},
		{"character set", "a\x1b(0b\x1b#8c\x1b Fd", "abcd"},
		{"title", "a\x1b]0;title\x07b\x1b]2;title\x1b\\c\u009d0;title\u009cd", "abcd"},
		{"link", "\x1b]8;;http://host/\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"texts for a device", "a\x1bP1$r0m\x1b\\b\x1b_G...\x1b\\c\x1b^x\x1b\\d\x1bXy\x1b\\e\u0090z\u009cf", "abcdef"},
		{"order that does not end", "a\x1b[12", "a12"},
		{"title that does not end", "a\x1b]0;title", "a0;title"},
		{"text over lines for a device", "a\x1bP1\n2\x1b\\b", "ab"},
		{"bare escape", "a\x1b", "a "},
		{"control characters", "a\x00b\x07c\x08d\x7fe\u0085f", "a b c d e f"},
		{"lines", "a\r\nb\tc\u2028d\u2029e\vf\fg", "a  b c d e f g"},
		{"direction", "a\u202eb\u202cc\u2066d\u2069e\u200ff\u061cg", "a b c d e f g"},
		{"no width", "a\u200bb\u200dc\u2060d\ufeffe\u00adf\U000e0041g", "a b c d e f g"},
		{"blanks", "a\u00a0b\u2003c\u3000d\u1680e", "a b c d e"},
		{"unseen letters", "a\u3164b\u115fc\uffa0d\u2800e", "a b c d e"},
		{"no text", "a\xff\xfeb\ufffdc\ue000d\U0010ffffe", "a  b c d e"},
		{"variation selectors", "\u2764\ufe0fa\U000e0100b", "\u2764ab"},
		{"marks", "e\u0301, a\u0302\u0301 and n\u0303\u0324\u0325", "e\u0301, a\u0302\u0301 and n\u0303\u0324\u0325"},
		{"a pile of marks", "z" + strings.Repeat("\u0335\u0321\u20dd", 99) + "a" + strings.Repeat("\u0301", 5), "z\u0335\u0321\u20dda\u0301\u0301\u0301"},
		{"marks of nothing", "\u0301a \u0302b\x1b[m\u0303", "a b\u0303"},
		{"an order made by taking out another", "\x1b\x1b[m[31mred", " [31mred"},
		{"nothing", "", ""},
	} {
		if diff := cmp.Diff(test.want, clean(test.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Whatever the text, what is clean is shown as it stands, and cleaning it again changes nothing.
func TestCleanAnything(t *testing.T) {
	seen := func(text string) bool {
		once := clean(text)
		unseen := strings.ContainsFunc(once, func(r rune) bool { return r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) })
		return !unseen && clean(once) == once
	}
	if err := quick.Check(seen, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text        string
		width       int
		end, middle string
	}{
		{"abcdefghij", 0, "abcdefghij", "abcdefghij"},
		{"abcdefghij", 10, "abcdefghij", "abcdefghij"},
		{"abcdefghij", 9, "abcdef...", "abc...hij"},
		{"abcdefghij", 8, "abcde...", "abc...ij"},
		{"abcd fghij", 8, "abcd...", "abc...ij"},
		{"abc. fghij", 8, "abc...", "abc...ij"},
		{"検索の速度を", 12, "検索の速度を", "検索の速度を"},
		{"検索の速度を", 11, "検索の速...", "検索...度を"},
		{"検索の速度を", 10, "検索の...", "検索...を"},
		{"abcdefghij", 3, "...", "..."},
		{"abcdefghij", 1, ".", "."},
	} {
		if got := cut(test.text, test.width); got != test.end {
			t.Errorf("%q cut to %d: %q, want %q", test.text, test.width, got, test.end)
		}
		if got := cutMiddle(test.text, test.width); got != test.middle {
			t.Errorf("%q cut to %d in the middle: %q, want %q", test.text, test.width, got, test.middle)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"検索 速度", 5, []string{"検索", "速度"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
	} {
		if got := wrap(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("%q in %d columns: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// However long a text is, it is cleaned and cut in a time that grows no faster: with 50,000 parts one that grew with the square would never end.
func TestLongTexts(t *testing.T) {
	for _, part := range []string{"x", "word ", "\x1b[", "\x1b]0;", "\u0301", "検", "|`", "\u202e"} {
		text := clean(strings.Repeat(part, 50_000))
		for _, line := range append(wrap(text, 72), cut(text, 72), cutMiddle(text, 72)) {
			if columns(line) > 72 {
				t.Errorf("of many times %q a line is %d columns wide", part, columns(line))
			}
		}
	}
}
