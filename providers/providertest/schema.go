package providertest

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

var legalName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Faults returns what is wrong with the schemas of a driver, in words, in a stable order.
func Faults(driver providers.Driver) iter.Seq[string] {
	return func(yield func(string) bool) {
		f := faults{yield: yield, where: "driver " + driver.Name}
		f.check(legalName.MatchString(driver.Name), "its name is not of small letters, digits and _")
		f.check(driver.Open != nil, "it cannot be opened")
		f.check(len(driver.Types) > 0, "it has no types")
		f.check(driver.Config.Role == "", "its block has a role")
		f.block(driver.Config)
		for _, typ := range slices.Sorted(maps.Keys(driver.Types)) {
			f.where = typ
			f.check(strings.HasPrefix(typ, driver.Name+"_"), "its name does not begin with the provider's")
			f.schema(driver.Types[typ])
			f.role(driver.Types[typ])
		}
	}
}

// faults collects until its reader has enough.
type faults struct {
	yield func(string) bool
	where string
	done  bool
}

func (f *faults) check(ok bool, format string, values ...any) {
	if !ok && !f.done {
		f.done = !f.yield(f.where + ": " + fmt.Sprintf(format, values...))
	}
}

func (f *faults) block(s resource.Schema) {
	f.schema(s)
	for _, name := range slices.Sorted(maps.Keys(s.Attrs)) {
		attr := s.Attrs[name]
		f.check(!attr.Required && !attr.Computed && !attr.Trigger, "%s is required, computed or a trigger, which a block's cannot be", name)
	}
}

func (f *faults) schema(s resource.Schema) {
	f.check(sentence(s.Doc), "its doc is not a sentence: %q", s.Doc)
	for _, name := range slices.Sorted(maps.Keys(s.Attrs)) {
		attr := s.Attrs[name]
		f.check(legalName.MatchString(name), "the attribute %q is not of small letters, digits and _", name)
		f.check(attr.Type != cty.NilType, "%s has no type", name)
		f.check(sentence(attr.Doc), "the doc of %s is not a sentence: %q", name, attr.Doc)
		f.check(!attr.Trigger || attr.Public, "%s is a trigger that nobody may see", name)
		f.check(!attr.Required || !attr.Computed, "%s is required and computed", name)
	}
}

func sentence(text string) bool {
	return len(text) > 1 && strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "..") && strings.TrimSpace(text) == text
}

// role checks the attributes that the planner knows by name.
func (f *faults) role(s resource.Schema) {
	switch s.Role {
	case resource.Source:
		f.has(s, "revision", resource.RevisionType)
		f.has(s, "location", cty.String)
		f.check(s.Attrs["revision"].Trigger, "revision is no trigger")
		f.check(s.Attrs["location"].Public, "location is not public")
	case resource.Action:
		f.has(s, resource.Revisions, cty.Map(resource.RevisionType))
	case resource.Record:
		f.has(s, resource.Revisions, cty.Map(resource.RevisionType))
		f.check(s.Attrs[resource.Revisions].Trigger, "%s is no trigger", resource.Revisions)
	case resource.Sized:
		for _, name := range slices.Sorted(maps.Keys(resource.ScalingAttrs())) {
			f.has(s, name, resource.ScalingAttrs()[name].Type)
		}
	default:
		f.check(false, "it has no role, or an unknown one: %q", s.Role)
	}
}

func (f *faults) has(s resource.Schema, name string, typ cty.Type) {
	attr, ok := s.Attrs[name]
	f.check(ok && attr.Type != cty.NilType && attr.Type.Equals(typ), "%s is not a %s", name, typ.FriendlyName())
}
