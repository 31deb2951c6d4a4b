package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// nearest returns which of the known names was probably meant by a name that is not among them: the one with the fewest
// letters to change, case aside, and the first of several. More than two letters is too far, and so is more than a third
// of the longer name, but for a single letter. It returns "" if none is near.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, candidate := range known {
		length := max(utf8.RuneCountInString(name), utf8.RuneCountInString(candidate))
		distance := distance(strings.ToLower(name), strings.ToLower(candidate))
		if distance < least && distance < length && distance <= max(length/3, 1) {
			best, least = candidate, distance
		}
	}
	return best
}

// distance is Levenshtein's, but for two neighbouring letters that changed places, which is one change and the most usual of all.
func distance(a, b string) int {
	for i := range len(a) - 1 {
		if len(a) == len(b) && a[:i] == b[:i] && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] && a != b {
			return 1
		}
	}
	return levenshtein.Distance(a, b, nil)
}

// didYouMean returns a sentence that names the nearest known name, with a space before it to append it to another; "" if
// none is near.
func didYouMean(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}
