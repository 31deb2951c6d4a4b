package bzr

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const accepted = "A location is an absolute path such as /srv/branches/app, or a URL that begins with file://, bzr://, bzr+ssh://, sftp://, " +
	"http://, https:// or lp:."

// fault is something about the declared location that a person has to mend. It becomes a resource.AttrError once it is known which
// resources were declared with it.
type fault struct {
	summary string
	detail  string
}

func (f *fault) Error() string { return f.detail }

// location says where a branch is, and which of its revisions is meant.
type location struct {
	path   string // absolute; empty for a remote location
	name   string // of a colocated branch in the directory path; empty for its default branch
	remote string // URL of a remote location
	pin    pin
	shown  string // how people wrote it, without the pin, where that is something else
}

// parseLocation understands a location that means the same on every host. Its errors are faults.
func parseLocation(text string) (location, error) { return names{}.parse(text) }

func parsePlace(text string) (location, error) {
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return location{}, invalid("The location %q holds a control character.", redact(text))
	case strings.HasPrefix(text, "/"):
		return location{path: text}, nil
	case strings.HasPrefix(text, "file://"):
		return parseFileURL(text)
	case onLaunchpad(text):
		return parseLaunchpad(text)
	}
	return parseURL(text)
}

func invalid(format string, args ...any) error {
	return &fault{"Invalid location", fmt.Sprintf(format, args...) + " " + accepted}
}

// parseFileURL understands file:///PATH and file:///PATH,branch=NAME.
func parseFileURL(text string) (location, error) {
	return parseEncoded("", strings.TrimPrefix(strings.TrimPrefix(text, "file://"), "localhost"), text)
}

// parseEncoded understands a percent-encoded path, perhaps with the name of a colocated branch. A relative one begins at the directory
// base; where that is empty there are none. The text is the whole location, for errors.
func parseEncoded(base, encoded, text string) (location, error) {
	if strings.HasPrefix(encoded, "/") {
		base = "/"
	}
	encoded, name, _ := cutLast(encoded, ",branch=")
	dir, errDir := url.PathUnescape(encoded)
	name, errName := url.PathUnescape(name)
	switch {
	case base == "":
		return location{}, invalid("The location %q names another host.", redact(text))
	case errDir != nil || errName != nil:
		return location{}, invalid("The location %q is not percent-encoded properly.", redact(text))
	case !validName(name):
		return location{}, invalid("The location %q names a branch that cannot be.", redact(text))
	case !utf8.ValidString(dir+name) || strings.ContainsFunc(dir+name, unicode.IsControl):
		return location{}, invalid("The location %q holds a control character.", redact(text))
	}
	return location{path: path.Join(base, dir), name: name}, nil
}

// validName says whether name may be that of a colocated branch: a relative path that stays below its start. The empty name is the
// default branch.
func validName(name string) bool {
	return name == "" || path.Clean("/"+name) == "/"+name
}

func parseURL(text string) (location, error) {
	u, err := url.Parse(text)
	if err != nil || !remoteScheme(u.Scheme) || !strings.Contains(text, "://") || strings.Contains(text, " ") {
		return location{}, invalid("The location %q cannot be used.", redact(text))
	}
	if u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") {
		return location{}, invalid("The location %q names no host.", redact(text))
	}
	if strings.HasPrefix(u.User.Username(), "-") {
		return location{}, invalid("The location %q names no user.", redact(text))
	}
	if _, secret := u.User.Password(); secret {
		return location{}, passwordFault(text)
	}
	return location{remote: text}, nil
}

func passwordFault(text string) error {
	return &fault{"Password in location", fmt.Sprintf("The location %q holds a password, which every process of this host could see. "+
		"Keep it in Breezy's authentication.conf and leave it out of the location.", redact(text))}
}

func remoteScheme(scheme string) bool {
	return slices.Contains([]string{"bzr", "bzr+ssh", "sftp", "http", "https"}, scheme)
}

// unpinned returns the branch itself.
func (l location) unpinned() location {
	l.pin = pin{}
	return l
}

// meantBy returns the location as the one to which what people wrote has led, with its pin.
func (l location) meantBy(written location) location {
	l.pin, l.shown = written.pin, written.String()
	return l
}

// String returns the branch as people write it, without the pin.
func (l location) String() string {
	if l.shown != "" {
		return l.shown
	}
	return l.place()
}

// place returns where the branch is read, as people would write it.
func (l location) place() string {
	switch {
	case l.remote != "":
		return l.remote
	case l.name != "":
		return "file://" + escape(l.path) + ",branch=" + escapeName(l.name)
	}
	return l.path
}

// argument returns the branch as brz is to be given it. It never begins with a dash. A local branch is given as a decorated URL,
// because brz otherwise opens the working tree, too, and fails while somebody commits.
func (l location) argument() string {
	switch {
	case l.remote != "":
		return l.remote
	case l.name != "":
		return "readonly+file://" + escape(l.path) + ",branch=" + escapeName(l.name)
	}
	return "readonly+file://" + escape(l.path)
}

// personal says that the branch can only be opened with the user's own configuration: names on Launchpad, passwords, ssh programs.
func (l location) personal() bool {
	return l.launchpad() || strings.HasPrefix(l.remote, "bzr+ssh:") || strings.HasPrefix(l.remote, "sftp:") ||
		strings.HasPrefix(l.remote, "https:")
}

func (l location) launchpad() bool { return onLaunchpad(l.remote) }

// escape percent-encodes a path for a URL. Commas are encoded, too, since brz reads parameters after them.
func escape(p string) string {
	var b strings.Builder
	for i := range len(p) {
		c := p[i]
		if c == '/' || c == '-' || c == '_' || c == '.' || c == '~' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func escapeName(name string) string {
	return strings.ReplaceAll(escape(name), "/", "%2F")
}

// cutLast slices s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// password matches what may be a password in a URL. It errs on the side of hiding too much.
var password = regexp.MustCompile(`((?:://|lp:~?)[^:@/\s]*):.*@`)

// redact hides passwords in the URLs that text holds.
func redact(text string) string {
	return password.ReplaceAllString(text, "$1:***@")
}
