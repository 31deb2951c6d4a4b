package bzr

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// What a pin can name a revision by.
const (
	byRevno = "revno"
	byID    = "revid"
	byTag   = "tag"
)

const pinHelp = "The one thing that may follow a location is a pin: ;revno=41, ;revno=41.2.1, ;revid=ID or ;tag=NAME."

// pin names a revision of a branch. The zero pin stands for the tip.
type pin struct {
	by    string
	value string
}

// pinForm begins a pin.
var pinForm = regexp.MustCompile(`;(revno|revid|tag)=`)

// revnoForm is a revision number: of the main line, or dotted.
var revnoForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

// splitPin slices a location before its pin, whether that can be one or not.
func splitPin(text string) (place, pin string) {
	if mark := pinForm.FindStringIndex(text); mark != nil {
		return text[:mark[0]], text[mark[0]:]
	}
	return text, ""
}

// cutPin slices a location before its pin, which is all that follows the first mark of one, for ids and tags may hold any mark themselves.
// Where the pin cannot be one, the error is a fault.
func cutPin(text string) (place string, p pin, err error) {
	mark := pinForm.FindStringSubmatchIndex(text)
	if mark == nil {
		_, option, found := cutLast(text, ";")
		if found {
			err = &fault{"Unknown option", fmt.Sprintf("The location has an option %q. %s", redact(option), pinHelp)}
		}
		return strings.TrimSuffix(text, ";"+option), pin{}, err
	}
	p = pin{text[mark[2]:mark[3]], text[mark[1]:]}
	if !p.valid() {
		err = &fault{"Invalid pin", fmt.Sprintf("The location has the pin %q. %s", redact(p.value), pinHelp)}
	}
	return text[:mark[0]], p, err
}

func (p pin) valid() bool {
	switch p.by {
	case byRevno:
		return revnoForm.MatchString(p.value)
	case byID:
		return validID(p.value) && p.value != nullID
	}
	return p.value != "" && utf8.ValidString(p.value) && !strings.ContainsFunc(p.value, unicode.IsControl)
}

// String returns the pin as it is written behind a location.
func (p pin) String() string { return ";" + p.by + "=" + p.value }

// At returns the declaration of a branch with another pin in place of its own: a revno, or what else may follow the ";" of a location. What the
// working tree has to be like is left out, for it may be another revision's.
func (p *provider) At(config resource.Object, revision string) (resource.Object, error) {
	attrs := config.AsValueMap()
	place, _, err := cutPin(attrs["location"].AsString())
	if err != nil {
		return config, err
	}
	if revnoForm.MatchString(revision) {
		revision = byRevno + "=" + revision
	}
	if before, p, _ := cutPin(";" + revision); before != "" || !p.valid() {
		return config, fmt.Errorf("%q names no revision: write a number, revid=ID or tag=NAME", revision)
	}
	attrs["location"] = cty.StringVal(place + ";" + revision)
	for _, name := range []string{"tree_file", "tree_sha1"} {
		attrs[name] = cty.NullVal(cty.String)
	}
	return cty.ObjectVal(attrs), nil
}

// noRevision returns the fault of a pin that names nothing in its branch.
func noRevision(at location) error {
	what := "revision"
	switch at.pin.by {
	case byID:
		what = "revision with the id"
	case byTag:
		what = "tag"
	}
	return &fault{"Unknown revision", fmt.Sprintf("The branch %s has no %s %s. Pin a revision that it has, or leave out %s to follow the tip.",
		at, what, at.pin.value, at.pin)}
}

// notInBranch returns the fault of a pin that names, perhaps by a tag, a revision that is not in the branch.
func notInBranch(at location, id string) error {
	if at.pin.by != byTag {
		return noRevision(at)
	}
	return &fault{"Unknown revision", fmt.Sprintf("The tag %s of the branch %s names the revision %s, which is not in the branch. Move the tag, "+
		"pin a revision that the branch has, or leave out %s to follow the tip.", at.pin.value, at, clean(id), at.pin)}
}
