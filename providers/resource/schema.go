package resource

import (
	"maps"

	"github.com/zclconf/go-cty/cty"
)

// Role says what part a resource type plays in its service. The planner goes by the role and knows no type by name.
type Role string

const (
	// Source is only read: it says which revision is wanted. Its object has an attribute "revision" of RevisionType, and "location", which
	// tells people where it is read and holds no secret.
	Source Role = "source"
	// Action is something done, not something kept: whether it must be done again is told by the service's Record.
	Action Role = "action"
	// Record keeps, in one or more copies, which revisions the actions of its service were last done with.
	Record Role = "record"
	// Sized is made of units, of which a measured load asks for more or fewer. Its object has the attributes of ScalingAttrs.
	Sized Role = "sized"
)

// Revisions is the attribute of an Action or a Record that holds the revision of each Source it needs, by the source's label. It is a
// map of RevisionType, and the planner fills it in.
const Revisions = "revisions"

// Schema describes a resource type, or the block that configures a provider.
type Schema struct {
	Doc   string // one sentence, for the reference
	Role  Role   // empty for a provider's block
	Attrs map[string]Attr

	// Pin slices the location of a Source before its pin, which names one of its versions and is empty where none is named. It is nil for what
	// knows no pins.
	Pin func(location string) (place, pin string)
}

// Place returns where a location of s is, and its pin.
func (s Schema) Place(location string) (place, pin string) {
	if s.Pin == nil {
		return location, ""
	}
	return s.Pin(location)
}

// Attr describes one attribute.
type Attr struct {
	Type     cty.Type
	Doc      string // one sentence, for the reference
	Required bool   // must be given; a null is an error
	Trigger  bool   // a difference between wanted and live is a reason to act
	Public   bool   // the value may be shown to people; every other value is masked
	Computed bool   // known only after apply, never given by a person
}

// Object holds the values of one resource's attributes, in the type that its Schema gives. cty.NilVal says that there is none.
type Object = cty.Value

// Type returns the object type of s. Every attribute may be null.
func (s Schema) Type() cty.Type {
	types := make(map[string]cty.Type, len(s.Attrs))
	for name, attr := range s.Attrs {
		types[name] = attr.Type
	}
	return cty.Object(types)
}

// Change is one difference between two objects of a type, at a path inside them. A side that has nothing there is cty.NilVal.
type Change struct {
	Path cty.Path
	From cty.Value
	To   cty.Value
}

// Diff returns the differences between the trigger attributes of two objects of type s, ordered by path. Maps are compared key by
// key, revisions by their id alone. Either object may be cty.NilVal; a null or missing attribute is nothing.
func Diff(s Schema, from, to Object) []Change {
	var changes []Change
	for _, name := range sortedKeys(s.Attrs) {
		if s.Attrs[name].Trigger {
			changes = append(changes, diff(cty.GetAttrPath(name), attribute(from, name), attribute(to, name))...)
		}
	}
	return changes
}

func diff(path cty.Path, from, to cty.Value) []Change {
	if isMap(from) || isMap(to) {
		return diffMaps(path, elements(from), elements(to))
	}
	if same(from, to) {
		return nil
	}
	return []Change{{Path: path, From: from, To: to}}
}

func diffMaps(path cty.Path, from, to map[string]cty.Value) []Change {
	keys := make(map[string]bool, len(from)+len(to))
	for key := range from {
		keys[key] = true
	}
	for key := range to {
		keys[key] = true
	}
	var changes []Change
	for _, key := range sortedKeys(keys) {
		changes = append(changes, diff(path.IndexString(key), from[key], to[key])...)
	}
	return changes
}

func same(a, b cty.Value) bool {
	if a == cty.NilVal || b == cty.NilVal {
		return a == cty.NilVal && b == cty.NilVal
	}
	if a.Type().Equals(RevisionType) && b.Type().Equals(RevisionType) {
		return a.GetAttr("id").RawEquals(b.GetAttr("id"))
	}
	return a.RawEquals(b)
}

// attribute returns the attribute of o, or cty.NilVal where there is none to speak of.
func attribute(o Object, name string) cty.Value {
	if o == cty.NilVal || o.IsNull() || !o.Type().HasAttribute(name) || o.GetAttr(name).IsNull() {
		return cty.NilVal
	}
	return o.GetAttr(name)
}

func isMap(v cty.Value) bool {
	return v != cty.NilVal && v.Type().IsMapType() && v.IsKnown()
}

func elements(v cty.Value) map[string]cty.Value {
	if !isMap(v) {
		return nil
	}
	all := v.AsValueMap()
	maps.DeleteFunc(all, func(_ string, element cty.Value) bool { return element.IsNull() })
	return all
}
