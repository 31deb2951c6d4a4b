package resource_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

func rev(revno, id string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"revno": cty.StringVal(revno), "id": cty.StringVal(id)})
}

var schema = resource.Schema{Attrs: map[string]resource.Attr{
	"revisions": {Type: cty.Map(resource.RevisionType), Trigger: true},
	"revision":  {Type: resource.RevisionType, Trigger: true},
	"series":    {Type: cty.String, Trigger: true},
	"note":      {Type: cty.String},
}}

// object returns an object of the schema's type, with these attributes and nulls.
func object(attrs map[string]cty.Value) resource.Object {
	values := map[string]cty.Value{}
	for name, attr := range schema.Attrs {
		values[name] = cty.NullVal(attr.Type)
		if value, ok := attrs[name]; ok {
			values[name] = value
		}
	}
	return cty.ObjectVal(values)
}

func revisions(of map[string]cty.Value) resource.Object {
	return object(map[string]cty.Value{"revisions": cty.MapVal(of)})
}

// text writes a change as "PATH: FROM -> TO", a revision by its id.
func text(change resource.Change) string {
	var path strings.Builder
	for _, step := range change.Path {
		switch s := step.(type) {
		case cty.GetAttrStep:
			path.WriteString("." + s.Name)
		case cty.IndexStep:
			path.WriteString("[" + s.Key.AsString() + "]")
		}
	}
	return fmt.Sprintf("%s: %s -> %s", path.String(), side(change.From), side(change.To))
}

func side(v cty.Value) string {
	switch {
	case v == cty.NilVal:
		return "nothing"
	case !v.IsKnown():
		return "unknown"
	case v.Type().Equals(resource.RevisionType):
		return v.GetAttr("id").AsString()
	}
	return v.AsString()
}

func TestDiff(t *testing.T) {
	one := revisions(map[string]cty.Value{"app": rev("1", "a-1"), "spec": rev("5", "s-5")})
	for _, test := range []struct {
		name     string
		from, to resource.Object
		want     []string
	}{
		{"same", one, one, nil},
		{"nothing and nothing", cty.NilVal, cty.NilVal, nil},
		{"nulls and nothing", object(nil), cty.NilVal, nil},
		{"a null object and nothing", cty.NullVal(schema.Type()), cty.NilVal, nil},
		{"key added", revisions(map[string]cty.Value{"spec": rev("5", "s-5")}), one, []string{".revisions[app]: nothing -> a-1"}},
		{"key removed", one, revisions(map[string]cty.Value{"spec": rev("5", "s-5")}), []string{".revisions[app]: a-1 -> nothing"}},
		{"keys changed", one, revisions(map[string]cty.Value{"app": rev("2", "a-2"), "spec": rev("6", "s-6")}),
			[]string{".revisions[app]: a-1 -> a-2", ".revisions[spec]: s-5 -> s-6"}},
		{"revno alone", one, revisions(map[string]cty.Value{"app": rev("9", "a-1"), "spec": rev("5", "s-5")}), nil},
		{"id alone", one, revisions(map[string]cty.Value{"app": rev("1", "b-1"), "spec": rev("5", "s-5")}), []string{".revisions[app]: a-1 -> b-1"}},
		{"from nothing", cty.NilVal, one, []string{".revisions[app]: nothing -> a-1", ".revisions[spec]: nothing -> s-5"}},
		{"to a null object", one, cty.NullVal(schema.Type()), []string{".revisions[app]: a-1 -> nothing", ".revisions[spec]: s-5 -> nothing"}},
		{"to an empty map", one, object(map[string]cty.Value{"revisions": cty.MapValEmpty(resource.RevisionType)}),
			[]string{".revisions[app]: a-1 -> nothing", ".revisions[spec]: s-5 -> nothing"}},
		{"one revision", object(map[string]cty.Value{"revision": rev("1", "a-1")}), object(map[string]cty.Value{"revision": rev("1", "a-2")}),
			[]string{".revision: a-1 -> a-2"}},
		{"one revision's revno", object(map[string]cty.Value{"revision": rev("1", "a-1")}),
			object(map[string]cty.Value{"revision": rev("2", "a-1")}), nil},
		{"text", object(map[string]cty.Value{"series": cty.StringVal("focal")}), object(map[string]cty.Value{"series": cty.StringVal("noble")}),
			[]string{".series: focal -> noble"}},
		{"to the unknown", object(map[string]cty.Value{"series": cty.StringVal("focal")}),
			object(map[string]cty.Value{"series": cty.UnknownVal(cty.String)}), []string{".series: focal -> unknown"}},
		{"no trigger", object(map[string]cty.Value{"note": cty.StringVal("x")}), object(map[string]cty.Value{"note": cty.StringVal("y")}), nil},
		{"in order", object(nil), object(map[string]cty.Value{"series": cty.StringVal("noble"), "revision": rev("1", "a-1")}),
			[]string{".revision: nothing -> a-1", ".series: nothing -> noble"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, change := range resource.Diff(schema, test.from, test.to) {
				got = append(got, text(change))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHashInAShell holds Hash to what its comment tells people to type.
func TestHashInAShell(t *testing.T) {
	for _, set := range []map[string]resource.Revision{
		{},
		{"app": {Revno: "1", ID: "joe@example.com-20270101-x"}},
		{"b": {ID: "2"}, "a-b": {ID: "3"}, "a": {ID: "1"}, "a0": {ID: "4"}, "é": {ID: "ß"}, "B": {ID: "5"}},
	} {
		script := `LC_ALL=C sort | sha256sum | cut -d' ' -f1`
		var lines strings.Builder
		for label, revision := range set {
			fmt.Fprintf(&lines, "%s %s\n", label, revision.ID)
		}
		cmd := exec.Command("sh", "-c", script)
		cmd.Stdin = strings.NewReader(lines.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := resource.Hash(set), "v1:"+strings.TrimSpace(string(out)); got != want {
			t.Errorf("%v: got %s, the shell says %s", set, got, want)
		}
	}
}

func TestHashIgnoresTheRevno(t *testing.T) {
	one := resource.Hash(map[string]resource.Revision{"app": {Revno: "1", ID: "a"}})
	other := resource.Hash(map[string]resource.Revision{"app": {Revno: "2", ID: "a"}})
	if one != other {
		t.Errorf("%s and %s", one, other)
	}
}

type decoded struct {
	Revisions map[string]resource.Revision `cty:"revisions"`
	Revision  *resource.Revision           `cty:"revision"` // an object that may be null needs a pointer
	Series    string                       `cty:"series"`
	Note      string                       `cty:"note"`
}

func TestDecode(t *testing.T) {
	one := resource.Revision{Revno: "1", ID: "a-1"}
	untouched := decoded{Series: "before"}
	for _, test := range []struct {
		name   string
		object resource.Object
		want   decoded
	}{
		{"none", cty.NilVal, untouched},
		{"null", cty.NullVal(schema.Type()), untouched},
		{"nulls", object(nil), decoded{}},
		{"unknown attributes", object(map[string]cty.Value{"series": cty.UnknownVal(cty.String),
			"revision": cty.UnknownVal(resource.RevisionType), "revisions": cty.UnknownVal(cty.Map(resource.RevisionType))}), decoded{}},
		{"an unknown part", object(map[string]cty.Value{
			"revision": cty.ObjectVal(map[string]cty.Value{"revno": cty.UnknownVal(cty.String), "id": cty.StringVal("a-1")}),
		}), decoded{Revision: &resource.Revision{ID: "a-1"}}},
		{"marks", object(map[string]cty.Value{"series": cty.StringVal("noble").Mark("secret"), "note": cty.NullVal(cty.String).Mark("x")}).Mark("y"),
			decoded{Series: "noble"}},
		{"all", object(map[string]cty.Value{"series": cty.StringVal("noble"), "note": cty.StringVal("n"), "revision": rev("1", "a-1"),
			"revisions": cty.MapVal(map[string]cty.Value{"app": rev("1", "a-1")})}),
			decoded{Series: "noble", Note: "n", Revision: &one, Revisions: map[string]resource.Revision{"app": one}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := untouched
			if err := resource.Decode(test.object, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeOfAnotherType(t *testing.T) {
	renamed, retyped, more := object(nil).AsValueMap(), object(nil).AsValueMap(), object(nil).AsValueMap()
	delete(renamed, "note")
	renamed["nota"], more["nota"] = cty.StringVal("x"), cty.StringVal("x")
	retyped["note"] = cty.True
	for _, o := range []resource.Object{cty.StringVal("x"), cty.EmptyObjectVal, cty.UnknownVal(schema.Type()), cty.DynamicVal,
		cty.ObjectVal(renamed), cty.ObjectVal(retyped), cty.ObjectVal(more)} {
		if err := resource.Decode(o, &decoded{}); err == nil {
			t.Errorf("%#v was decoded", o)
		}
	}
	var other struct {
		Note bool `cty:"note"`
	}
	if err := resource.Decode(cty.ObjectVal(map[string]cty.Value{"note": cty.StringVal("true")}), &other); err == nil {
		t.Error("a text was decoded into a bool")
	}
}

func TestEncodeIsTheWayBack(t *testing.T) {
	want := decoded{Series: "noble", Revision: &resource.Revision{Revno: "1", ID: "a-1"},
		Revisions: map[string]resource.Revision{"app": {Revno: "2", ID: "a-2"}}}
	object, err := resource.Encode(schema, want)
	if err != nil {
		t.Fatal(err)
	}
	var got decoded
	if err := resource.Decode(object, &got); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAttrError(t *testing.T) {
	addr := resource.Addr{Service: "api", Type: "bzr_branch", Label: "config"}
	for _, test := range []struct {
		err  resource.AttrError
		want string
	}{
		{resource.AttrError{Addr: addr, Attr: "location", Summary: "x", Detail: "It is wrong."},
			`api/bzr_branch.config, attribute "location": It is wrong.`},
		{resource.AttrError{Addr: addr, Detail: "All is wrong."}, "api/bzr_branch.config: All is wrong."},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestAddrOrder(t *testing.T) {
	sorted := []resource.Addr{{"a", "b", "c"}, {"a", "b", "d"}, {"a", "c", "a"}, {"b", "a", "a"}}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := a.Compare(b) < 0, i < j; got != want {
				t.Errorf("%s before %s: %t, want %t", a, b, got, want)
			}
		}
	}
}

func TestStamp(t *testing.T) {
	typ := map[string]cty.Value{"hash": cty.StringVal("v1:x"), "at": cty.StringVal("then"), "run": cty.StringVal("r")}
	with := func(revisions cty.Value) resource.Object {
		typ["revisions"] = revisions
		return cty.ObjectVal(typ)
	}
	one := resource.Revision{Revno: "1", ID: "a-1"}
	for _, test := range []struct {
		name   string
		object resource.Object
		want   resource.Stamp
		ok     bool
	}{
		{"none", cty.NilVal, resource.Stamp{}, false},
		{"null", cty.NullVal(schema.Type()), resource.Stamp{}, false},
		{"whole", with(cty.MapVal(map[string]cty.Value{"app": rev("1", "a-1")})),
			resource.Stamp{Revisions: map[string]resource.Revision{"app": one}, Hash: "v1:x", At: "then", Run: "r"}, true},
		{"no revisions", with(cty.MapValEmpty(resource.RevisionType)),
			resource.Stamp{Revisions: map[string]resource.Revision{}, Hash: "v1:x", At: "then", Run: "r"}, true},
		{"nulls", object(nil), resource.Stamp{Revisions: map[string]resource.Revision{}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := resource.Copy{Object: test.object}.Stamp()
			if diff := cmp.Diff(test.want, got); ok != test.ok || diff != "" {
				t.Errorf("%t, stamp (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestFailureUnwraps(t *testing.T) {
	inner := &resource.AttrError{Detail: "x"}
	failure := &resource.Failure{Err: inner, Tail: slices.Repeat([]string{"x"}, 3)}
	if failure.Unwrap() != error(inner) || failure.Error() != inner.Error() {
		t.Errorf("got %v", failure)
	}
}

func TestParseAddr(t *testing.T) {
	for _, addr := range []resource.Addr{{Service: "api", Type: "bzr_branch", Label: "config"}, {Service: "a.b", Type: "mojo_run", Label: "x.y"}} {
		if got, err := resource.ParseAddr(addr.String()); err != nil || got != addr {
			t.Errorf("%s: got %v, %v", addr, got, err)
		}
	}
	for _, text := range []string{"", "api", "api/", "api/bzr_branch", "api/bzr_branch.", "/bzr_branch.x", "api/.x"} {
		if got, err := resource.ParseAddr(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// A part has all that it is asked for, null where the object has nothing of the kind; of what is no object there is none.
func TestPart(t *testing.T) {
	attrs := map[string]resource.Attr{"min": {Type: cty.Number}, "pause": {Type: cty.String}}
	o := cty.ObjectVal(map[string]cty.Value{"min": cty.NumberIntVal(2), "other": cty.True})
	want := cty.ObjectVal(map[string]cty.Value{"min": cty.NumberIntVal(2), "pause": cty.NullVal(cty.String)})
	if got := resource.Part(o, attrs); !got.RawEquals(want) {
		t.Errorf("got %#v", got)
	}
	for _, none := range []cty.Value{cty.NilVal, cty.NullVal(o.Type()), cty.StringVal("x"), cty.DynamicVal, cty.EmptyTupleVal} {
		if got := resource.Part(none, attrs); got != cty.NilVal {
			t.Errorf("of %#v there is the part %#v", none, got)
		}
	}
}
