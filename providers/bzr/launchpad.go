package bzr

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// launchpadDomains are those of Launchpad's instances, by what a location names after "lp://".
var launchpadDomains = map[string]string{
	"":           "launchpad.net",
	"production": "launchpad.net",
	"staging":    "staging.launchpad.net",
	"qastaging":  "qastaging.launchpad.net",
	"demo":       "demo.launchpad.net",
	"test":       "launchpad.test",
}

// launchpadRoots are the schemes of locations on Launchpad, each with where its paths begin.
var launchpadRoots = map[string]string{"lp": "", "lp+bzr": "", "ubuntu": "ubuntu/", "debianlp": "debian/"}

// launchpadName is what the name of an account may be.
var launchpadName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*$`)

// onLaunchpad says that the scheme of a location is one of Launchpad's.
func onLaunchpad(text string) bool {
	scheme, _, found := strings.Cut(text, ":")
	_, known := launchpadRoots[scheme]
	return found && known
}

func parseLaunchpad(text string) (location, error) {
	if _, _, ok := launchpadPath(text); !ok {
		return location{}, invalid("The location %q is not a branch on Launchpad.", redact(text))
	}
	return location{remote: text}, nil
}

// launchpadPath returns the domain and the path of a location on Launchpad. The path is percent-encoded and has no slash at its ends.
func launchpadPath(text string) (domain, path string, ok bool) {
	scheme, rest, _ := strings.Cut(text, ":")
	root := launchpadRoots[scheme]
	instance := ""
	if after, found := strings.CutPrefix(rest, "//"); found && root == "" {
		instance, rest, _ = strings.Cut(after, "/")
	}
	domain, known := launchpadDomains[instance]
	if root == "" {
		rest = strings.Trim(rest, "/")
	}
	short := root == "" || strings.Count(rest, "/") < 2
	return domain, root + rest, known && short && validPath(rest)
}

// validPath says whether all names on a percent-encoded path can be such.
func validPath(encoded string) bool {
	decoded, err := url.PathUnescape(encoded)
	odd := func(name string) bool { return name == "" || name == "." || name == ".." }
	return err == nil && !strings.ContainsAny(encoded, " \\@?#") && !strings.ContainsFunc(decoded, unicode.IsControl) &&
		!slices.ContainsFunc(strings.Split(decoded, "/"), odd)
}

// launchpadURL returns where a location on Launchpad leads for the user with that name. It is false for what only Launchpad can tell: which
// branch is meant by a shorter path, and all there is without a user name.
func launchpadURL(text, user string) (string, bool) {
	domain, path, ok := launchpadPath(text)
	if !ok || user == "" || !onLaunchpad(text) {
		return "", false
	}
	if rest, own := strings.CutPrefix(path, "~/"); own {
		path = "~" + user + "/" + rest
	}
	if !strings.HasPrefix(path, "~") {
		path = "+branch/" + path
	} else if parts := strings.Split(path, "/"); len(parts) < 3 || len(parts) < 5 && (parts[1] == "ubuntu" || parts[1] == "debian") {
		return "", false
	}
	return "bzr+ssh://" + user + "@bazaar." + domain + "/" + path, true
}
