package view

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/text/unicode/norm"

	"launchpad.net/cdplan/plan"
)

// ReviewBytes is how long a review may be where nobody says otherwise: Gerrit refuses a comment of more than 16 KiB.
const ReviewBytes = 15_000

// A review is indented as far as Markdown takes for text as it stands, and is as wide as mail.
const (
	reviewIndent = "    "
	reviewWidth  = 72 - len(reviewIndent)
)

// Review writes the plan as a comment for the review of a change: in ASCII, in lines of 72 columns at most, and in no more bytes than the page
// allows. What is cut for that is told, and a plan that is cut names no command to apply it. Launchpad takes an indented line of a mail for an
// order if it begins with certain words, such as "merge" or "review", so that none begins with a text from outside.
func Review(w io.Writer, page Page) error {
	limit := cmp.Or(page.Limit, ReviewBytes)
	shown := notable(page.Plan)
	_, err := io.WriteString(w, fit(limit, len(shown), func(d depth) string { return review(page, shown, d, limit) }))
	return err
}

func review(page Page, shown []plan.Decision, d depth, limit int) string {
	rows, room := reviewRows(shown[:min(d.rows, len(shown))])
	blocks := reviewBlocks(page, shown, d, room)
	sections := [][]string{reviewHead(page), rows}
	if d.blocks {
		warned := manner{Style: Style{Width: reviewWidth}, apart: true}.warningLines(page.Plan)
		sections = append(append(sections, warned), blocks...)
	}
	var b strings.Builder
	for _, section := range append(sections, reviewFoot(page, d.leftOut(page.Plan, shown, len(blocks)), limit)) {
		if b.Len() > 0 && len(section) > 0 {
			b.WriteString("\n")
		}
		for _, line := range section {
			b.WriteString(reviewIndent + cut(ascii(line), reviewWidth) + "\n")
		}
	}
	return b.String()
}

// reviewBlocks tells of each service what its row does not, which has that room for a note if apply does nothing about it, and else has none.
func reviewBlocks(page Page, shown []plan.Decision, d depth, room int) [][]string {
	m := manner{Style: Style{Width: reviewWidth}, depth: d, apart: true, faults: page.faults}
	var blocks [][]string
	for _, decision := range shown {
		m.layout = layout{change: reviewChange, note: room}
		if decision.Verdict.Acts() {
			m.note = 0
		}
		if b := m.block(decision); b.title != "" {
			title := cmp.Or(waveMark(decision), marks[decision.Verdict]) + " " + b.service + ": " + b.title
			blocks = append(blocks, append(m.wrapped("", title), b.lines...))
		}
	}
	return blocks
}

// reviewHead tells where and when the plan was made, how much it does, and which branches under review it takes for landed.
func reviewHead(page Page) []string {
	head := "cdplan plan"
	if page.Host != "" {
		head += ", host " + cut(clean(page.Host), 24)
	}
	if !page.Made.IsZero() {
		head += ", " + page.Made.UTC().Format("2006-01-02 15:04 UTC")
	}
	texts := append([]string{head}, reviewGist(page.Plan)...)
	if len(page.Plan.With) == 0 {
		return texts
	}
	landed := "As if landed: " + strings.Join(landedBranches(page.Plan), ", ") + "."
	return append(append(texts, manner{Style: Style{Width: reviewWidth}, apart: true}.wrapped("", landed)...), notAsIs)
}

func reviewGist(p *plan.Plan) []string {
	if p.Fingerprint == "" {
		return headline(p, Style{Width: reviewWidth})
	}
	does, leaves := outlook(p)
	if len(does) == 0 {
		does = []string{"nothing to apply"}
	}
	return append(list("fingerprint "+ShortFingerprint(p.Fingerprint)+": ", does, reviewWidth), list("", leaves, reviewWidth)...)
}

// How much of a line the name of a service may take, and what moved.
const (
	reviewService = 20
	reviewChange  = 17
)

// reviewRows tells each service in a line: those that apply does something about, and then the others, which have that room for a note.
func reviewRows(shown []plan.Decision) (texts []string, room int) {
	rest := slices.IndexFunc(shown, func(d plan.Decision) bool { return !d.Verdict.Acts() })
	if rest < 0 {
		rest = len(shown)
	}
	texts, _ = reviewGroup(shown[:rest])
	others, room := reviewGroup(shown[rest:])
	return append(texts, others...), room
}

// reviewGroup aligns the lines of a group, and returns how many columns are left after what is aligned.
func reviewGroup(group []plan.Decision) (texts []string, room int) {
	var widths [3]int
	rows := make([][3]string, len(group))
	for i, d := range group {
		action := marks[d.Verdict] + " " + strings.TrimLeft(waveMark(d)+" "+string(d.Verdict), " ")
		rows[i] = [3]string{action, cutMiddle(clean(d.Service), reviewService), changeWithin(d, reviewChange)}
		for j, cell := range rows[i] {
			widths[j] = max(widths[j], columns(cell)+2)
		}
	}
	room = reviewWidth - widths[0] - widths[1] - widths[2]
	for i, d := range group {
		line := ""
		for j, cell := range rows[i] {
			line += text.Pad(cell, widths[j], ' ')
		}
		texts = append(texts, strings.TrimRight(line+reviewNote(d, room), " "))
	}
	return texts, room
}

// waveMark tells when apply comes to a service; empty if it does nothing about it.
func waveMark(d plan.Decision) string {
	if d.Wave <= 0 {
		return ""
	}
	return fmt.Sprintf("[%d]", d.Wave)
}

// reviewNote tells of what is done how long that takes and how much it is, as far as there is room; and of what is not, why.
func reviewNote(d plan.Decision, room int) string {
	if !d.Verdict.Acts() {
		return cut(note(d), room)
	}
	var facts []string
	if d.Usual.Median > 0 {
		facts = append(facts, spoken(d.Usual.Median))
	}
	facts = append(facts, sizeNote(d)...)
	if n, known := commitCount(d); known {
		facts = append(facts, plural(n, "commit"))
	}
	told := ""
	for _, fact := range append(facts, plural(d.Copies, "server")) {
		if next := strings.TrimLeft(told+", "+fact, ", "); columns(next) <= room {
			told = next
		}
	}
	return told
}

// reviewFoot names the commands that apply the plan and check it; or it tells what was left out, and that it names none for that.
func reviewFoot(page Page, leftOut []string, limit int) []string {
	named := page.Apply != "" && applicable(page.Plan)
	if len(leftOut) > 0 {
		texts := list(fmt.Sprintf("Left out, to stay within %d bytes: ", limit), leftOut, reviewWidth)
		if named {
			texts = append(texts, "This is not all of the plan, so it names no command to apply it.")
		}
		return texts
	}
	if !named {
		return nil
	}
	return append(reviewCommand("Apply exactly this: ", page.Apply), "Still valid?        cdplan check "+ShortFingerprint(page.Plan.Fingerprint))
}

// reviewCommand tells a command in a line, or in several that a shell takes for one, each flag with its value. One that cannot be told in lines so
// narrow is not told.
func reviewCommand(label, command string) []string {
	if line := label + command; len(line) <= reviewWidth && printable(command) && ascii(command) == command {
		return []string{line}
	}
	var parts []string
	for _, word := range strings.Fields(command) {
		if len(parts) == 0 || strings.HasPrefix(word, "-") {
			parts = append(parts, "")
		}
		parts[len(parts)-1] += " " + word
		if !printable(word) || ascii(word) != word || strings.Count(word, "'")%2 == 1 || len(parts[len(parts)-1]) > reviewWidth-len("    \\") {
			return []string{"The command to apply it does not fit in here: see cdplan plan."}
		}
	}
	texts, line := []string{strings.TrimRight(label, " ")}, " "
	for _, part := range parts {
		if len(line+part+" \\") > reviewWidth {
			texts, line = append(texts, line+" \\"), "   "
		}
		line += part
	}
	return append(texts, line)
}

// mention is what makes Gerrit and others tell somebody about a comment.
var mention = regexp.MustCompile(`(^|[^A-Za-z0-9_])@`)

// ascii writes a text in ASCII: letters without their accents, ligatures and wide forms as what they stand for, quotes and dashes as the plain
// ones; of all else a question mark tells that there was something. What would call somebody by "@" does not.
func ascii(s string) string {
	if printable(s) && !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch other, ok := similar[r]; {
		case r < unicode.MaxASCII:
			b.WriteRune(r)
		case ok:
			b.WriteString(other)
		case !unicode.Is(unicode.M, r):
			b.WriteByte('?')
		}
	}
	return mention.ReplaceAllString(b.String(), "${1}(at)")
}

// similar are the letters and signs of European texts that Unicode does not make from those of ASCII.
var similar = map[rune]string{'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D", 'ð': "d", 'Ð': "D",
	'þ': "th", 'Þ': "Th", 'ł': "l", 'Ł': "L", 'ı': "i", 'ħ': "h", 'Ħ': "H", '‘': "'", '’': "'", '‚': "'", '‛': "'", '“': "\"", '”': "\"", '„': "\"",
	'‟': "\"", '«': "\"", '»': "\"", '‹': "'", '›': "'", '‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-", '⁄': "/", '•': "*",
	'→': "->", '←': "<-", '×': "x", '€': "EUR", '£': "GBP", '©': "(c)", '®': "(R)"}
