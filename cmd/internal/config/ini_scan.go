package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// blanks are the only white space within a line.
const blanks = " \t"

var (
	// inlineComment matches from the blanks before a comment sign.
	inlineComment = regexp.MustCompile(`[ \t]+[;#]`)

	// setting matches an indented line that is meant as one of its own. A colon needs a blank after it: lp:x is a value.
	setting = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*[ \t]*(=|:[ \t]|:$)`)

	keyName = regexp.MustCompile(`^[A-Za-z0-9_][ -~]*$`)
)

// scanner splits a file into sections and raw values, line by line, and refuses every line that some reader might take
// in another way. It reports each mistake once and goes on after it as if it had not been made.
type scanner struct {
	filename string
	src      []byte
	doc      *document
	diags    hcl.Diagnostics

	section *section // where keys go; nil before the first header
	value   *value   // what an indented line continues; nil after a header
	gap     string   // the first line since then that ended the value, in words; "" if none
	lost    bool     // a line was refused, so that nobody knows what indented lines after it belong to
}

// scanLine is one line, or its rest, without the line's end.
type scanLine struct {
	src  []byte // of the file
	at   hcl.Range
	text string
}

func (s *scanner) scan() {
	start, ok := s.byteOrderMark()
	if !ok {
		return
	}
	lines := hcl.NewRangeScannerFragment(s.src, s.filename, start, splitLine)
	for lines.Scan() {
		s.line(scanLine{src: s.src, at: lines.Range(), text: string(lines.Bytes())})
	}
}

// splitLine is a bufio.SplitFunc. Unlike bufio.ScanLines it leaves a carriage return in the last line alone.
func splitLine(data []byte, _ bool) (advance int, token []byte, err error) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return len(data), data, nil
	}
	return i + 1, bytes.TrimSuffix(data[:i], []byte("\r")), nil
}

// byteOrderMark reports a byte order mark and returns where to read on; false if the file is not UTF-8 at all.
func (s *scanner) byteOrderMark() (hcl.Pos, bool) {
	const remedy = "Python does not accept it. Save the file as UTF-8 without a byte order mark."
	start := hcl.InitialPos
	at := hcl.Range{Filename: s.filename, Start: start, End: start}
	switch {
	case bytes.HasPrefix(s.src, []byte("\ufeff")):
		start.Byte = len("\ufeff")
		at.Start, at.End = start, start
		s.report(at, "Byte order mark", "The file begins with a byte order mark, which does not show. %s", remedy)
	case bytes.HasPrefix(s.src, []byte("\xfe\xff")), bytes.HasPrefix(s.src, []byte("\xff\xfe")):
		s.report(at, "Byte order mark", "The file begins with the byte order mark of UTF-16. %s", remedy)
		return start, false
	}
	return start, true
}

func (s *scanner) line(l scanLine) {
	text := strings.Trim(l.text, blanks)
	switch {
	case text == "":
		s.interrupt("blank line", l)
	case !s.readable(l):
		s.lose()
	case isComment(l.text):
		s.interrupt("comment", l)
	case isComment(text):
		s.report(l.trim().at, "Indented comment",
			"Python 2 takes an indented comment for a part of the value above it. Begin the comment in the first column.")
	case text != strings.TrimRight(l.text, blanks):
		s.indented(l.trim())
	case text[0] == '[':
		s.header(l.trim())
	default:
		s.key(l.trim())
	}
}

func isComment(text string) bool {
	return text != "" && (text[0] == '#' || text[0] == ';')
}

// interrupt notes what ended the value before it.
func (s *scanner) interrupt(what string, l scanLine) {
	if s.gap == "" {
		s.gap = fmt.Sprintf("the %s in line %d", what, l.at.Start.Line)
	}
}

// lose forgets the value, and with it whatever continues it.
func (s *scanner) lose() {
	s.value, s.lost = nil, true
	if s.section != nil {
		s.section.holes = true
	}
}

// readable reports the first character of a line that readers differ about, if there is one.
func (s *scanner) readable(l scanLine) bool {
	comment := isComment(l.text)
	for i, r := range l.text {
		summary, detail := unreadable(r, comment)
		if summary == "" {
			continue
		}
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(l.text[i:])
			if size > 1 {
				continue // a replacement character that somebody has written
			}
			s.report(l.slice(i, i+size).at, summary, detail, l.text[i])
			return false
		}
		s.report(l.slice(i, i+size).at, summary, detail, r)
		return false
	}
	return true
}

// unreadable says what is wrong with a character, in a summary and a detail that takes the character.
func unreadable(r rune, comment bool) (summary, detail string) {
	switch {
	case r == utf8.RuneError:
		return "Invalid UTF-8", "The byte %#02x is not UTF-8 text here. Save the file as UTF-8."
	case r == '\r':
		return "Control character", "A carriage return (%U) that is not at the end of a line ends the line for some readers and not for others. Remove it, or end the line there."
	case r != '\t' && unicode.IsControl(r):
		return "Control character", "The control character %U does not belong into a text file. Remove it."
	case comment:
		return "", ""
	case r > unicode.MaxASCII && unicode.IsSpace(r):
		return "Special space", "The character %U looks like a space, but not every reader takes it for one. Replace it by an ordinary space."
	case unicode.Is(unicode.Cf, r):
		return "Invisible character", "The character %U does not show, so nobody who reads the file can know of it. Remove it."
	}
	return "", ""
}

// header starts the section of a line that begins with a bracket. The keys after a header without a name are checked, then dropped.
func (s *scanner) header(l scanLine) {
	s.value, s.gap, s.lost = nil, "", false
	name, ok := s.headerName(l)
	if !ok {
		s.section = &section{byKey: map[string]*value{}}
		return
	}
	header := l.slice(0, strings.IndexByte(l.text, ']')+1).at
	if s.section = s.doc.section(name); s.section != nil {
		s.report(header, "Duplicate section",
			"The section [%s] begins in line %d already. Python 3 refuses a second one. Move its keys there.", name, s.section.Header.Start.Line)
		return
	}
	s.section = &section{Name: name, Header: header, byKey: map[string]*value{}}
	s.doc.Sections = append(s.doc.Sections, s.section)
}

// headerName returns the name of a section, corrected if its mistake is small, or reports why there is none.
func (s *scanner) headerName(l scanLine) (name string, ok bool) {
	const summary = "Invalid section header"
	inner, after, closed := strings.Cut(l.text[1:], "]")
	name = strings.Trim(inner, blanks)
	rest := strings.Trim(after, blanks)
	switch {
	case !closed:
		s.report(l.at, summary, `The section header has no closing "]".`)
		return "", false
	case name == "":
		s.report(l.at, summary, "The section has no name. Put one between the brackets.")
		return "", false
	case strings.Contains(name, "["):
		s.report(l.at, summary, `The name of a section must not have a "[" in it.`)
		return "", false
	case name != inner:
		s.report(l.at, summary, "Blanks between the brackets would be a part of the name. Write [%s].", name)
	case name != defaultSection && strings.EqualFold(name, defaultSection):
		s.report(l.at, summary, "The section whose keys all others inherit is called [DEFAULT], in capitals. Under the name [%s] it is one like any other.", name)
		name = defaultSection
	}
	switch {
	case isComment(rest):
		s.report(l.slice(len(l.text)-len(rest), len(l.text)).at, "Inline comment", inlineRemedy)
	case rest != "":
		s.report(l.slice(len(l.text)-len(rest), len(l.text)).at, summary, `Nothing may come after the "]" of a section header. A key and its value go on the next line.`)
	}
	return name, true
}

const inlineRemedy = `A ";" or "#" after a blank, or at the start of a value, begins a comment for some readers and is text for others. Put the comment on a line of its own, beginning in the first column. Within a word, as in "lp:x;revno=3", the sign is a part of the value.`

// key reads a line that begins in the first column, or should.
func (s *scanner) key(l scanLine) {
	s.gap = ""
	if s.section == nil {
		s.report(l.at, "Missing section", "The first key comes before any section header. Put a header such as [service] above it.")
		s.section = &section{byKey: map[string]*value{}}
	}
	l = s.withoutComment(l)
	at := strings.IndexAny(l.text, "=:")
	if at < 0 {
		s.missingDelimiter(l)
		s.lose()
		return
	}
	key := l.slice(0, at).trim()
	if problem := badKey(key.text, l.text); problem != "" {
		s.report(l.slice(0, max(at, 1)).at, "Invalid key", "%s", problem)
		s.lose()
		return
	}
	s.add(key, l.slice(at+1, len(l.text)).trim())
}

// withoutComment reports a comment at the end of a line, and cuts it off.
func (s *scanner) withoutComment(l scanLine) scanLine {
	found := inlineComment.FindStringIndex(l.text)
	if found == nil {
		return l
	}
	s.report(l.slice(found[1]-1, len(l.text)).at, "Inline comment", inlineRemedy)
	return l.slice(0, found[0])
}

func (s *scanner) missingDelimiter(l scanLine) {
	detail := `The line has no "=" or ":" between a key and its value. If it goes on with the value above it, indent it.`
	if isRem(l.text) {
		detail = `A comment begins with "#" or ";" in the first column. Python 3 does not know "rem".`
	}
	s.report(l.at, "Missing delimiter", "%s", detail)
}

// isRem says whether Python 2 takes the line for a comment.
func isRem(text string) bool {
	word, _, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	return strings.EqualFold(word, "rem")
}

// badKey says in full sentences what is wrong with a key and the line it begins; "" if nothing is.
func badKey(key, line string) string {
	switch {
	case key == "":
		return "There is no key before the delimiter."
	case isRem(line):
		return `Python 2 takes a line that begins with "rem" for a comment. Begin a comment with "#"; give a key another name.`
	case key[0] == '"' || key[0] == '\'' || key[0] == '`':
		return "A key is written without quotes: to Python they are a part of its name."
	case !keyName.MatchString(key):
		return "A key must begin with an ASCII letter, a digit or an underscore, and have only printable ASCII characters."
	case strings.EqualFold(key, "__name__"):
		return `Python 2 keeps the name of the section under "__name__". Give the key another name.`
	}
	return ""
}

// add puts a value into the section.
func (s *scanner) add(key, text scanLine) {
	s.lost = false
	s.value = &value{Key: key.text, KeyRange: key.at, Range: text.at, raw: text.text, lines: []scanLine{text}}
	s.checkValue(text)
	if first := s.section.own(key.text); first != nil {
		s.report(key.at, "Duplicate key",
			"The key %q is in line %d of this section already, and case does not matter. Python 3 refuses a second one. Remove one of them.", key.text, first.KeyRange.Start.Line)
		return
	}
	s.section.Keys = append(s.section.Keys, s.value)
	s.section.byKey[strings.ToLower(key.text)] = s.value
}

// checkValue reports a value that begins with what one of the readers gives a meaning to.
func (s *scanner) checkValue(l scanLine) {
	switch {
	case isComment(l.text):
		s.report(l.at, "Inline comment", inlineRemedy)
	case strings.HasPrefix(l.text, "`"), strings.HasPrefix(l.text, `"""`):
		s.report(l.at, "Unsupported quote", "A value that begins with a backquote or with three double quotes goes on over several lines for some readers and not for others. Remove the quotes: values need none.")
	case l.text == `""`:
		s.report(l.at, "Unsupported quote", "Two double quotes are an empty value for Python 2 and two quotes for Python 3. To leave the value empty, write nothing after the delimiter.")
	}
}

// indented reads an indented line, given without its blanks.
func (s *scanner) indented(l scanLine) {
	switch {
	case l.text[0] == '[':
		s.report(l.at, "Indented section", "An indented line goes on with the value above it, even if it looks like a section header. Begin the header in the first column.")
		s.header(l)
	case setting.MatchString(l.text):
		s.report(l.at, "Indented key", "An indented line goes on with the value above it, even if it looks like a key. Begin the key in the first column. If it is a part of the value, write it on the line that the value begins on.")
		s.key(l)
	case s.lost:
	case s.value == nil:
		s.report(l.at, "Unexpected indentation", "An indented line goes on with the value above it, and there is none. Begin the line in the first column.")
		s.lose()
	default:
		s.resume(s.withoutComment(l))
	}
}

// resume adds a line to the value above it.
func (s *scanner) resume(l scanLine) {
	if s.gap != "" {
		s.report(l.at, "Interrupted value", "The line goes on with the value of the key %q, but %s lies between, which readers take in different ways. Keep the lines of a value together.", s.value.Key, s.gap)
		s.gap = ""
	}
	if s.value.Range.Empty() {
		s.value.Range = l.at
	}
	s.value.Range.End = l.at.End
	s.value.raw += "\n" + l.text
	s.value.lines = append(s.value.lines, l)
}

func (s *scanner) report(at hcl.Range, summary, format string, args ...any) {
	s.diags = append(s.diags, problem(at, summary, format, args...))
}

// slice returns a part of the line, by its bytes.
func (l scanLine) slice(from, to int) scanLine {
	at := l.at
	at.Start = advance(l.src, l.at.Start, l.at.Start.Byte+from)
	at.End = advance(l.src, at.Start, l.at.Start.Byte+to)
	return scanLine{src: l.src, at: at, text: l.text[from:to]}
}

// trim returns the line without the blanks around it.
func (l scanLine) trim() scanLine {
	right := len(strings.TrimRight(l.text, blanks))
	left := right - len(strings.TrimLeft(l.text[:right], blanks))
	return l.slice(left, right)
}

// advance returns the position of a later byte of the same line.
func advance(src []byte, from hcl.Pos, to int) hcl.Pos {
	all := func(data []byte, _ bool) (int, []byte, error) { return len(data), data, nil }
	s := hcl.NewRangeScannerFragment(src[:to], "", from, all)
	if !s.Scan() {
		return from
	}
	return s.Range().End
}

// rawRange returns the place of some bytes of the raw value, which lie in one line.
func (v *value) rawRange(from, to int) hcl.Range {
	line := strings.Count(v.raw[:from], "\n")
	start := strings.LastIndexByte(v.raw[:from], '\n') + 1
	return v.lines[line].slice(from-start, to-start).at
}
