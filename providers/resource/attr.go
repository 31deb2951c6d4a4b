package resource

import (
	"fmt"
	"reflect"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// AttrError is a fault of one attribute as it was declared. Whoever knows where the attribute was written can show the line.
type AttrError struct {
	Addr    Addr
	Attr    string // empty for a fault of the resource as a whole
	Summary string // the kind of fault in two or three words
	Detail  string // what is wrong and what to do, in full sentences
	Shared  bool   // the same is told of another resource, so that once is enough
}

func (e *AttrError) Error() string {
	if e.Attr == "" {
		return fmt.Sprintf("%s: %s", e.Addr, e.Detail)
	}
	return fmt.Sprintf("%s, attribute %q: %s", e.Addr, e.Attr, e.Detail)
}

// Decode stores the attributes of o in the struct that target points to, by its "cty" tags. Attributes that are null or not yet known
// leave the zero value of their field, which for one of object type has to be a pointer, and no object leaves the target as it is. A target
// that does not fit the type of o is a fault of the caller.
func Decode(o Object, target any) error {
	if o == cty.NilVal || o.IsNull() {
		return nil
	}
	o, _ = o.Unmark()
	fields := reflect.ValueOf(target).Elem() // taken one by one, for gocty is slow with objects, and one is decoded for each resource that is read
	if !o.IsKnown() || !o.Type().IsObjectType() || o.LengthInt() != fields.NumField() {
		return fmt.Errorf("cannot decode %#v into %s", o.Type(), fields.Type())
	}
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("cty")
		if !o.Type().HasAttribute(name) {
			return fmt.Errorf("cannot decode object: there is no attribute %q", name)
		}
		if err := decodeAttr(o.GetAttr(name), fields.Field(i)); err != nil {
			return fmt.Errorf("cannot decode attribute %q: %w", name, err)
		}
	}
	return nil
}

// Part returns the object that has those of the attributes of o alone which the schema's attributes name; cty.NilVal for no object.
func Part(o Object, attrs map[string]Attr) Object {
	if o == cty.NilVal || !o.Type().IsObjectType() || o.IsNull() {
		return cty.NilVal
	}
	values := make(map[string]cty.Value, len(attrs))
	for name, attr := range attrs {
		values[name] = cty.NullVal(attr.Type)
		if value := attribute(o, name); value != cty.NilVal {
			values[name] = value
		}
	}
	return cty.ObjectVal(values)
}

func decodeAttr(v cty.Value, field reflect.Value) error {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown() || v.IsNull():
		field.SetZero()
		return nil
	case v.Type() == cty.String && field.Kind() == reflect.String:
		field.SetString(v.AsString())
		return nil
	}
	v, err := plain(v)
	if err != nil {
		return err
	}
	return gocty.FromCtyValue(v, field.Addr().Interface())
}

// plain returns v without marks, and with a zero value for whatever in it is null or unknown.
func plain(v cty.Value) (cty.Value, error) {
	v, _ = v.UnmarkDeep()
	return cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.IsKnown() && !v.IsNull() {
			return v, nil
		}
		return zero(v.Type()), nil
	})
}

// Encode returns the struct as an object of type s.
func Encode(s Schema, from any) (Object, error) {
	return gocty.ToCtyValue(from, s.Type())
}

func zero(t cty.Type) cty.Value {
	switch t {
	case cty.String:
		return cty.StringVal("")
	case cty.Number:
		return cty.Zero
	case cty.Bool:
		return cty.False
	}
	return cty.NullVal(t)
}
