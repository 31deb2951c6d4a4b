package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// mask returns the text of a config.ini for showing lines of it: as long as the original, so that places fit, with a "*" for every byte of a
// value that is not public, and a "?" for every byte of what a terminal should not get. Public are the values of the keys that cdplan knows,
// save for passwords in URLs; [environment] and the service's own sections may hold secrets.
func mask(src []byte) []byte {
	shown := bytes.Clone(src)
	section, key := "", noKey
	for line := range bytes.Lines(shown) {
		line = bytes.TrimRight(line, "\r\n")
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) {
			section, key = sectionOf(line), noKey
			continue
		}
		value := line
		if len(line) > 0 && !isBlank(line[0]) { // not a continuation
			key = noKey
			if end := bytes.IndexAny(line, "=:"); end >= 0 {
				key, value = strings.TrimSpace(string(line[:end])), line[end+1:]
			}
		}
		maskValue(value, public(section, key))
	}
	escape(shown)
	return shown
}

// Masks numbers values that may not be shown, in the order in which they are met; equal ones have the same number. The zero Masks has met none. It
// holds the values, so that nothing may keep it for longer than it takes to make a plan.
type Masks struct {
	numbers map[string]int
}

func (m *Masks) number(text string) int {
	if m.numbers == nil {
		m.numbers = map[string]int{}
	}
	if m.numbers[text] == 0 {
		m.numbers[text] = len(m.numbers) + 1
	}
	return m.numbers[text]
}

var (
	sectionHeader = regexp.MustCompile(`^\[([^\]]*)\]\s*$`)
	urlPassword   = regexp.MustCompile(`(?:://|lp:~?)[^:@/\s]*:(.*)@`)
)

// sectionOf returns the name in a header. What cannot be read as one begins a section of which nothing is public.
func sectionOf(line []byte) string {
	if header := sectionHeader.FindSubmatch(line); header != nil {
		return string(header[1])
	}
	return "[]"
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// noKey stands for the key of a line that has none.
const noKey = ""

// public says whether the value of a key may be shown.
func public(section, key string) bool {
	key = strings.ToLower(key)
	switch section {
	case branchesSection:
		return true
	case defaultSection:
		return slices.ContainsFunc([]string{serviceSection, mojoSection, novaSection, scaleSection}, func(section string) bool {
			return slices.Contains(keys[section], key) && !slices.Contains(hiddenKeys, key)
		})
	case scaleSection:
		return (slices.Contains(keys[section], key) || key == noKey) && !slices.Contains(hiddenKeys, key)
	}
	return slices.Contains(keys[section], key) || len(keys[section]) > 0 && key == noKey
}

// maskValue overwrites what must not be seen of a value, blanks aside.
func maskValue(value []byte, public bool) {
	if !public {
		overwrite(value)
		return
	}
	for _, found := range urlPassword.FindAllSubmatchIndex(value, -1) {
		overwrite(value[found[2]:found[3]])
	}
}

var (
	// hostAttribute matches what sets an attribute in a cdplan.hcl, in a comment, too.
	hostAttribute = regexp.MustCompile(`(?:^|[{,])\s*(?:#|//)?\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=`)
	// hostBlockEdge matches a line that begins or ends a block.
	hostBlockEdge = regexp.MustCompile(`^\s*(?:\}|[A-Za-z_][A-Za-z0-9_-]*(?:\s+"[^"]*")*\s*\{)`)
)

// maskHost returns the text of a cdplan.hcl for showing lines of it: as long as the original, without the passwords in URLs, and without the values of
// attributes that are not public. It need not be possible to parse.
func maskHost(src []byte, public func(name string) bool) []byte {
	shown := bytes.Clone(src)
	hidden := false // the value of the line before may go on
	for line := range bytes.Lines(shown) {
		line = bytes.TrimRight(line, "\r\n")
		maskValue(line, true)
		found := hostAttribute.FindAllSubmatchIndex(line, -1)
		if hidden = hidden && len(found) == 0 && !hostBlockEdge.Match(line); hidden {
			overwrite(line)
		}
		for _, at := range found {
			if !hidden && !public(string(line[at[2]:at[3]])) {
				hidden = true
				overwrite(bytes.TrimRight(line[at[1]:], " }"))
			}
		}
	}
	return shown
}

// publicSettings returns which attributes are public wherever they may be written in a cdplan.hcl.
func publicSettings(drivers []providers.Driver) func(name string) bool {
	schemas := []resource.Schema{hostSchema, freezeSchema, backoffSchema}
	for _, kind := range notifyKinds() {
		schemas = append(schemas, kind.schema)
	}
	for _, driver := range drivers {
		schemas = append(schemas, driver.Config)
	}
	public := map[string]bool{}
	for _, schema := range schemas {
		for name, attr := range schema.Attrs {
			before, known := public[name]
			public[name] = attr.Public && (before || !known)
		}
	}
	return func(name string) bool { return public[name] }
}

func overwrite(text []byte) {
	for i, b := range text {
		if !isBlank(b) {
			text[i] = '*'
		}
	}
}

func escape(text []byte) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError || r != '\n' && r != '\r' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			copy(text[i:i+size], "????")
		}
		i += size
	}
}
