package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
)

// phase is one line of a manifest.
type phase struct {
	line int
	name string
	args map[string]string
	text string // as written
}

func (p phase) String() string { return p.text }

// parseManifest reads lines such as `script config=hello WHO="the world"`. Values may name variables of the environment, as ${NAME} or
// with a default as ${NAME:-default}.
func parseManifest(text string, lookup func(string) (string, bool)) ([]phase, error) {
	var phases []phase
	number := 0
	for line := range strings.Lines(text) {
		number++
		words, err := split(strings.TrimSpace(line))
		if err == nil && len(words) > 0 {
			var p phase
			p, err = parsePhase(words, lookup)
			p.line, p.text = number, strings.TrimSpace(line)
			phases = append(phases, p)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return phases, nil
}

func parsePhase(words []string, lookup func(string) (string, bool)) (phase, error) {
	p := phase{name: words[0], args: map[string]string{}}
	if !known(p.name) {
		return p, fmt.Errorf("unknown phase %q", p.name)
	}
	for _, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		if !found && p.name == "sleep" {
			key, value = "seconds", word
		} else if !found {
			return p, fmt.Errorf("argument %q is not key=value", word)
		}
		expanded, err := expand(value, lookup)
		if err != nil {
			return p, err
		}
		p.args[key] = expanded
	}
	return p, nil
}

// split parts a line at its spaces, but not inside quotes, and drops a comment.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		case quote == 0 && r == '#' && !inWord:
			return words, nil
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

func expand(value string, lookup func(string) (string, bool)) (string, error) {
	var missing error
	expanded := os.Expand(value, func(name string) string {
		name, fallback, hasFallback := strings.Cut(name, ":-")
		found, set := lookup(name)
		if hasFallback && found == "" {
			return fallback
		}
		if !set {
			missing = fmt.Errorf("variable %s is not set and has no default", name)
		}
		return found
	})
	return expanded, missing
}
