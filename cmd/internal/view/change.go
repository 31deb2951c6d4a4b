package view

import (
	"fmt"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// How much is shown of a change; the rest is counted.
const (
	maxCommits = 5 // the newest
	maxKeys    = 10
	maxValue   = 200 // columns of the value of a key
)

// changeDetail tells one change: between which revisions, what they say, and which keys of a config.ini they change.
func changeDetail(c plan.Change, s Style) []string {
	texts := []string{strings.TrimRight(fmt.Sprintf("  %s %s  %s", clean(c.Label), arrow(c), s.paint(faint, clean(c.Location))), " ")}
	if c.History != nil {
		texts = append(texts, historyDetail(*c.History, s)...)
	}
	return append(texts, keysDetail(c, s)...)
}

func historyDetail(h resource.History, s Style) []string {
	switch {
	case h.Rewritten:
		return []string{"    " + s.paint(red, "history rewritten") + ": the deployed revision is not among those that lead to this one"}
	case h.Back:
		return []string{"    back to a revision before the deployed one"}
	case h.Err != nil:
		return []string{"    the log could not be read: " + clean(h.Err.Error())}
	}
	var texts []string
	for _, commit := range h.Commits {
		texts = append(texts, commitLine(commit, s))
	}
	return limit(texts, maxCommits, "    ")
}

// limit cuts a list short and counts the rest.
func limit(texts []string, most int, indent string) []string {
	if more := len(texts) - most; more > 0 {
		return append(texts[:most:most], fmt.Sprintf("%sand %d more", indent, more))
	}
	return texts
}

func commitLine(c resource.Commit, s Style) string {
	line := fmt.Sprintf("    %-6s %s  %s", revno(c.Revision), cut(clean(c.Author), 24), cut(clean(c.Subject), 72))
	return cut(strings.TrimRight(line, " "), s.Width)
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
	return append([]string{"    keys:"}, limit(texts, maxKeys, "      ")...)
}

func keyText(c plan.KeyChange) string {
	name := fmt.Sprintf("[%s] %s ", clean(c.Section), cut(clean(c.Key), 40))
	switch {
	case !c.Public:
		return name + string(c.Kind)
	case c.Kind == plan.KeyAdded:
		return name + "added: " + valueText(c.To)
	case c.Kind == plan.KeyRemoved:
		return name + "removed: " + valueText(c.From)
	}
	return name + valueText(c.From) + " -> " + valueText(c.To)
}

func valueText(text string) string {
	if text == "" {
		return "nothing"
	}
	return cut(clean(text), maxValue)
}
