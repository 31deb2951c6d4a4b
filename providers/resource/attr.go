package resource

import (
	"fmt"

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
// leave the zero value of their field, which for one of object type has to be a pointer, and no object leaves the target as it is. A target that does not fit the type of o is a fault of the caller.
func Decode(o Object, target any) error {
	if o == cty.NilVal || o.IsNull() {
		return nil
	}
	plain, _ := o.UnmarkDeep()
	known, err := cty.Transform(plain, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.IsKnown() && !v.IsNull() {
			return v, nil
		}
		return zero(v.Type()), nil
	})
	if err != nil {
		return fmt.Errorf("cannot decode object: %w", err)
	}
	return gocty.FromCtyValue(known, target)
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
