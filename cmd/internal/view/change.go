package view

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// How much is shown of a change; the rest is counted.
const (
	maxCommits = 5 // the newest, of those that came and of those that were lost
	maxServers = 6
	maxAuthors = 3 // of a merge
	maxBugs    = 3 // of a commit
	maxAreas   = 4
	maxKeys    = 10
	maxValue   = 200 // columns of the value of a key
)

// changeDetail tells one change: between which revisions, what they say, and which keys of a config.ini they change.
func changeDetail(c plan.Change, s Style) []string { return whole(s, layout{}).changeLines(c) }

func (m manner) changeLines(c plan.Change) []string {
	texts := []string{strings.TrimRight(fmt.Sprintf("  %s%s %s  %s", m.begin(), clean(c.Label), became(c), m.paint(faint, clean(c.Location))), " ")}
	if c.History != nil {
		texts = append(texts, landing(c)...)
		texts = append(texts, m.historyLines(*c.History)...)
	}
	if !m.keys {
		return texts
	}
	return append(texts, keysDetail(c, m.Style)...)
}

// historyLines tells what was lost, what came, and which files it touches; of a history that was read in part, that part.
func (m manner) historyLines(h resource.History) []string {
	texts := m.standing(h)
	if h.Err != nil {
		texts = append(texts, m.wrapped("    ", "the log could not be read: "+clean(h.Err.Error()))...)
	}
	texts = append(texts, m.commitLines(h.Commits, h.More, "    ")...)
	if h.Files != nil && m.files {
		texts = append(texts, cut("    touches "+filesText(*h.Files), m.Width))
	}
	return texts
}

// standing tells how the deployed revision stands to the wanted one, unless it simply comes before it.
func (m manner) standing(h resource.History) []string {
	rewritten := "    " + m.paint(red, "history rewritten")
	switch {
	case h.Rewritten && len(h.Lost) == 0:
		return []string{rewritten + ": the deployed revision is not among those that lead to this one"}
	case h.Rewritten:
		return append([]string{rewritten + "; lost:"}, m.commitLines(h.Lost, h.LostMore, "      ")...)
	case h.Back && len(h.Commits) == 0:
		return []string{"    back to a revision before the deployed one"}
	case h.Back:
		return []string{"    aside: the deployed revision is still in the branch, and does not lead to this one"}
	}
	return nil
}

// commitLines tells the newest of the commits; more is how many there are beside them.
func (m manner) commitLines(commits []resource.Commit, more int, indent string) []string {
	if m.commits == 0 && len(commits)+more > 0 {
		return []string{indent + plural(len(commits)+more, "commit")}
	}
	var texts []string
	for _, commit := range commits[:min(len(commits), m.commits)] {
		texts = append(texts, indent+commitText(commit, max(m.Width-len(indent), 0)))
	}
	return limit(texts, m.commits, more+len(commits)-len(texts), indent)
}

// limit cuts a list of lines short and counts the rest, to which more belong that are not in the list.
func limit(texts []string, most, more int, indent string) []string {
	shown := texts[:min(len(texts), most)]
	if more += len(texts) - len(shown); more > 0 {
		return append(slices.Clip(shown), fmt.Sprintf("%sand %d more", indent, more))
	}
	return shown
}

// enumerate joins the first of the words, and counts the rest.
func enumerate(words []string, most int) string {
	text := strings.Join(words[:min(len(words), most)], ", ")
	if more := len(words) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// How much of a line the subject of a commit takes, and how much of it stays where there is room for less.
const (
	subjectCut   = 72
	subjectLeast = 24
)

// commitText tells a commit in that many columns, if the width is not 0. Its subject is cut rather than what it merged and fixes, if enough of it is
// left then. Of one that is no longer stored only the revision is known.
func commitText(c resource.Commit, width int) string {
	if c.Author == "" && c.Date.IsZero() && c.Subject == "" {
		return cut(fmt.Sprintf("%-6s %s", revno(c.Revision), clean(c.ID)), width)
	}
	begin, end := fmt.Sprintf("%-6s %s  ", revno(c.Revision), cut(clean(c.Author), 24)), ""
	if c.Merged != nil {
		end = " (" + mergedText(*c.Merged) + ")"
	}
	if len(c.Bugs) > 0 {
		end += "  " + bugsText(c.Bugs)
	}
	room := subjectCut
	if left := width - columns(begin+end); left >= subjectLeast {
		room = min(room, left)
	}
	return cut(strings.TrimRight(begin+cut(clean(c.Subject), room)+end, " "), width)
}

func mergedText(m resource.Merged) string {
	if len(m.Authors) == 0 {
		return plural(m.Revisions, "revision")
	}
	var authors []string
	for _, author := range m.Authors {
		authors = append(authors, cut(clean(author), 24))
	}
	return enumerate(authors, maxAuthors) + "; " + plural(m.Revisions, "revision")
}

func bugsText(bugs []string) string {
	var texts []string
	for _, bug := range bugs {
		texts = append(texts, bugText(bug))
	}
	return enumerate(texts, maxBugs)
}

// launchpadBug matches the addresses that a bug has on Launchpad.
var launchpadBug = regexp.MustCompile(`^https?://(?:bugs\.)?launchpad\.net/(?:bugs|[^/?#]+/\+bug)/([0-9]{1,12})/?$`)

// bugText names a bug: by its number if it is on Launchpad, else by host and path, and by nothing that could be a secret.
func bugText(address string) string {
	if found := launchpadBug.FindStringSubmatch(address); found != nil {
		return "LP: #" + found[1]
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "a bug elsewhere"
	}
	return cut(clean(u.Host+u.Path), 40)
}

func filesText(f resource.Files) string {
	switch {
	case f.Count == 0:
		return "no files"
	case len(f.Areas) == 0:
		return plural(f.Count, "file")
	case len(f.Areas) == 1:
		return plural(f.Count, "file") + " in " + areaName(f.Areas[0])
	}
	var areas []string
	for _, area := range f.Areas {
		areas = append(areas, fmt.Sprintf("%s (%d)", areaName(area), area.Files))
	}
	return enumerate(areas, maxAreas) + ", " + plural(f.Count, "file") + " in all"
}

func areaName(a resource.Area) string {
	if a.Name == "." {
		return "the top directory"
	}
	return cut(clean(a.Name), 24)
}

// keysDetail tells the keys of a config.ini that changed: one beside its title, several below it.
func keysDetail(c plan.Change, s Style) []string {
	switch {
	case c.KeysErr != nil:
		return []string{"    keys: " + clean(c.KeysErr.Error())}
	case c.Keys == nil:
		return nil
	case len(c.Keys) == 0:
		return []string{"    keys: none changed"}
	case len(c.Keys) == 1:
		return []string{cut("    keys: "+keyText(c.Keys[0]), s.Width)}
	}
	var texts []string
	for _, key := range c.Keys {
		texts = append(texts, cut("      "+keyText(key), s.Width))
	}
	return append([]string{"    keys:"}, limit(texts, maxKeys, 0, "      ")...)
}

func keyText(c plan.KeyChange) string {
	name := fmt.Sprintf("[%s] %s ", clean(c.Section), cut(clean(c.Key), 40))
	from, to := valueText(c.From), valueText(c.To)
	if !c.Public {
		from, to = maskText(c.FromMask), maskText(c.ToMask)
	}
	switch c.Kind {
	case plan.KeyAdded:
		return name + "added: " + to
	case plan.KeyRemoved:
		return name + "removed: " + from
	case plan.KeyChanged:
		return name + from + " -> " + to
	}
	return name + string(c.Kind) + ": " + from + " -> " + to
}

func maskText(number int) string { return fmt.Sprintf("masked #%d", number) }

func valueText(text string) string {
	if text == "" {
		return "nothing"
	}
	return cut(clean(text), maxValue)
}
