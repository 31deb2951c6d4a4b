package view

import (
	"io"
	"strings"

	"launchpad.net/cdplan/plan"
)

// Fallbacks writes a line for each fallback, below a title; nothing if there is none.
func Fallbacks(w io.Writer, fallbacks []plan.Fallback) error {
	if len(fallbacks) == 0 {
		return nil
	}
	return lines(w, append([]string{"Took a slower way to read:"}, fallbackLines(fallbacks, "  ")...)...)
}

// fallbackLines tells each fallback. Those that share a reason stand below it, in the place of the first of them.
func fallbackLines(fallbacks []plan.Fallback, indent string) []string {
	var reasons []string
	sharing := map[string][]string{}
	for _, f := range fallbacks {
		reason := clean(f.Reason)
		if sharing[reason] == nil {
			reasons = append(reasons, reason)
		}
		sharing[reason] = append(sharing[reason], strings.TrimRight(clean(f.Addr.String())+"  "+clean(f.Location), " "))
	}
	var texts []string
	for _, reason := range reasons {
		if same := sharing[reason]; len(same) == 1 {
			texts = append(texts, indent+same[0]+": "+reason)
			continue
		}
		texts = append(texts, indent+reason+":")
		for _, text := range sharing[reason] {
			texts = append(texts, indent+"  "+text)
		}
	}
	return texts
}
