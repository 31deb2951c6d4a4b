package bzr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// names says how locations, as people write them, are understood on this host. The zero value takes them as they are.
type names struct {
	launchpadUser string            // empty if it is not known
	rewrite       map[string]string // how a location may begin, and what it is to begin with instead
}

// newNames checks what the provider's block says of locations.
func newNames(launchpadUser string, rewrite map[string]string) (names, error) {
	if launchpadUser != "" && !launchpadName.MatchString(launchpadUser) {
		return names{}, settingError("launchpad_user", "Invalid name", `The key "launchpad_user" must be the name of an account on Launchpad.`)
	}
	for _, prefix := range slices.Sorted(maps.Keys(rewrite)) {
		replacement := rewrite[prefix]
		if prefix == "" || !beginsLocation(replacement) {
			return names{}, settingError("rewrite", "Invalid rewrite", fmt.Sprintf("The key \"rewrite\" replaces %q by %q, with which "+
				"no location can begin. %s", redact(prefix), redact(replacement), accepted))
		}
	}
	return names{launchpadUser, rewrite}, nil
}

// beginsLocation says whether a location may begin with text. What follows a URL must not become a part of its host.
func beginsLocation(text string) bool {
	_, err := parseLocation(text + "x")
	_, rest, isURL := strings.Cut(text, "://")
	return err == nil && (!isURL || strings.Contains(rest, "/"))
}

// parse understands a location. Its errors are faults.
func (n names) parse(text string) (location, error) {
	place, pin, wrong := cutPin(text)
	at, err := n.parsePlace(place)
	if err != nil {
		return at, err
	}
	at.pin = pin
	return at, wrong
}

// parsePlace understands a location without a pin.
func (n names) parsePlace(written string) (location, error) {
	if onLaunchpad(written) && password.MatchString(written) { // what it is rewritten to need not look like one
		return location{}, passwordFault(written)
	}
	text := n.rewritten(written)
	at, err := parsePlace(text)
	var f *fault
	if errors.As(err, &f) && text != written {
		return at, &fault{f.summary, fmt.Sprintf("%s It was written %q, which this host's cdplan.hcl rewrites.", f.detail, redact(written))}
	}
	if err != nil {
		return at, err
	}
	if text != written {
		at.shown = fmt.Sprintf("%s (rewritten to %s)", redact(written), at)
	}
	return n.resolve(at), nil
}

// resolve returns the location with its URL, if it is on Launchpad and the URL can be told.
func (n names) resolve(at location) location {
	if u, ok := launchpadURL(at.remote, n.launchpadUser); ok {
		at.shown, at.remote = at.String(), u
	}
	return at
}

// rewritten returns the text with its beginning replaced, once. The longest that fits counts.
func (n names) rewritten(text string) string {
	longest := ""
	for prefix := range n.rewrite {
		if strings.HasPrefix(text, prefix) && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	return n.rewrite[longest] + strings.TrimPrefix(text, longest)
}
