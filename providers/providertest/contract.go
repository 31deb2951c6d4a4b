package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// World tells Contract what a provider is to be tried with.
type World struct {
	Config   cty.Value         // the provider's block; cty.NilVal: no block
	Want     []resource.Wanted // resources that can be read, of any of the types
	Requests func() int        // how many requests the outside has seen; nil if nobody counts them
}

// Contract holds a provider to what package providers promises. It opens the driver several times.
func Contract(t *testing.T, driver providers.Driver, world World) {
	c := contract{driver, world}
	t.Run("schemas", c.schemas)
	t.Run("open", c.open)
	for typ := range driver.Types {
		t.Run(typ, func(t *testing.T) {
			t.Run("nothing", func(t *testing.T) { c.nothing(t, typ) })
			t.Run("order", func(t *testing.T) { c.order(t, typ) })
			t.Run("check", func(t *testing.T) { c.check(t, typ) })
			t.Run("ended", func(t *testing.T) { c.ended(t, typ) })
			t.Run("together", func(t *testing.T) { c.together(t, typ) })
		})
	}
}

type contract struct {
	driver providers.Driver
	world  World
}

func (c contract) schemas(t *testing.T) {
	for fault := range Faults(c.driver) {
		t.Error(fault)
	}
}

// open needs no block, fills in what a block leaves out, and asks nobody.
func (c contract) open(t *testing.T) {
	before := c.requests()
	typ := c.driver.Config.Type()
	for _, config := range []cty.Value{cty.NullVal(typ), nulls(typ)} {
		provider, err := c.driver.Open(t.Context(), config)
		if err != nil {
			t.Fatalf("open with %#v: %v", config, err)
		}
		for typ := range c.driver.Types {
			if provider.Resource(typ) == nil {
				t.Errorf("there is no resource %s", typ)
			}
		}
		if err := provider.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if n := c.requests() - before; n > 0 {
		t.Errorf("open made %d requests", n)
	}
}

func (c contract) requests() int {
	if c.world.Requests == nil {
		return 0
	}
	return c.world.Requests()
}

// start opens the provider for one test.
func (c contract) start(t *testing.T, typ string) providers.Resource {
	t.Helper()
	config := c.world.Config
	if config == cty.NilVal {
		config = cty.NullVal(c.driver.Config.Type())
	}
	provider, err := c.driver.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return provider.Resource(typ)
}

func (c contract) nothing(t *testing.T, typ string) {
	if got := c.start(t, typ).Read(t.Context(), nil); len(got) > 0 {
		t.Errorf("nothing was asked, the answer is %v", got)
	}
}

// order: what can be read is read, whatever stands beside it, and each answer has its place.
func (c contract) order(t *testing.T, typ string) {
	good := c.good(typ)
	want := slices.Concat(good, c.hostile(typ), good)
	got := c.start(t, typ).Read(t.Context(), want)
	c.fits(t, typ, want, got)
	for i, w := range want {
		if (i < len(good) || i >= len(want)-len(good)) && got[i].Err != nil {
			t.Errorf("%s cannot be read: %v", w.Addr, got[i].Err)
		}
	}
}

// check: what Check finds, Read finds too.
func (c contract) check(t *testing.T, typ string) {
	res := c.start(t, typ)
	checker, ok := res.(providers.Checker)
	if !ok {
		t.Skip("it checks nothing")
	}
	want := slices.Concat(c.good(typ), c.hostile(typ))
	got := res.Read(t.Context(), want)
	for i, w := range want {
		if fault := checker.Check(w); fault != nil && !same(fault, got[i].Err) {
			t.Errorf("%s: Check finds %v, Read finds %v", w.Addr, fault, got[i].Err)
		}
	}
}

// same compares the text of faults only: that of other errors may change from one call to the next.
func same(a, b error) bool {
	var x, y *resource.AttrError
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return (a != nil) == (b != nil)
	}
	return *x == *y
}

// ended: under an ended context nothing is known, and that is what is said.
func (c contract) ended(t *testing.T, typ string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := slices.Concat(c.good(typ), c.hostile(typ))
	got := c.start(t, typ).Read(ctx, want)
	c.fits(t, typ, want, got)
	if c.driver.Types[typ].Role == resource.Action {
		return
	}
	for i, reading := range got {
		if reading.Err == nil {
			t.Errorf("%s is known under an ended context: %#v", want[i].Addr, reading)
		}
	}
}

// together: reading at the same time changes no answer.
func (c contract) together(t *testing.T, typ string) {
	res := c.start(t, typ)
	want := slices.Concat(c.good(typ), c.hostile(typ))
	answers := make([][]string, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			for _, reading := range res.Read(t.Context(), want) {
				answers[i] = append(answers[i], told(reading))
			}
		})
	}
	wg.Wait()
	for i, answer := range answers {
		if diff := cmp.Diff(answers[0], answer); diff != "" {
			t.Errorf("the first answer and that of reader %d (-first +this):\n%s", i+1, diff)
		}
	}
}

// told returns all that a reading says, but for the text of errors.
func told(reading resource.Reading) string {
	text := fmt.Sprintf("%s %#v %t", reading.Addr, reading.Object, reading.Err != nil)
	for _, c := range reading.Copies {
		text += fmt.Sprintf("\n%s %s %s %#v %t", c.ID, c.Name, c.Status, c.Object, c.Err != nil)
	}
	if reading.Units != nil {
		text += fmt.Sprintf("\n%+v", *reading.Units)
	}
	return text
}

// fits says whether the readings have the form that the role of their type asks for.
func (c contract) fits(t *testing.T, typ string, want []resource.Wanted, got []resource.Reading) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d answers to %d questions", len(got), len(want))
	}
	for i, reading := range got {
		if reading.Addr != want[i].Addr {
			t.Errorf("answer %d is about %s, the question was about %s", i, reading.Addr, want[i].Addr)
		}
		if err := misfit(c.driver.Types[typ], reading); err != nil {
			t.Errorf("%s: %v", want[i].Addr, err)
		}
	}
}

func misfit(schema resource.Schema, reading resource.Reading) error {
	switch {
	case reading.Err != nil && (reading.Object != cty.NilVal || reading.Copies != nil || reading.Units != nil):
		return errors.New("there is an error and an answer")
	case schema.Role != resource.Record && reading.Copies != nil:
		return errors.New("there are copies of what is no record")
	case (schema.Role == resource.Sized && reading.Err == nil) != (reading.Units != nil):
		return errors.New("there are units of what is not sized, or none of what is")
	case schema.Role != resource.Source && reading.Object != cty.NilVal:
		return errors.New("there is an object of what is no source")
	case schema.Role == resource.Source && reading.Err == nil:
		return sourceMisfit(schema, reading.Object)
	}
	for _, c := range reading.Copies {
		if c.Object != cty.NilVal && !c.Object.Type().Equals(schema.Type()) {
			return fmt.Errorf("the object of copy %s is of another type: %#v", c.ID, c.Object.Type())
		}
	}
	return nil
}

func sourceMisfit(schema resource.Schema, object resource.Object) error {
	if object == cty.NilVal || object.IsNull() || !object.Type().Equals(schema.Type()) {
		return fmt.Errorf("the object is of another type: %#v", object)
	}
	if id := object.GetAttr("revision"); id.IsNull() || !id.IsWhollyKnown() || id.GetAttr("id").AsString() == "" {
		return fmt.Errorf("the object has no revision: %#v", object)
	}
	return nil
}

func (c contract) good(typ string) []resource.Wanted {
	return slices.DeleteFunc(slices.Clone(c.world.Want), func(w resource.Wanted) bool { return w.Addr.Type != typ })
}

// hostile returns questions that no planner asks, each about a service of its own.
func (c contract) hostile(typ string) []resource.Wanted {
	objects := hostileObjects(c.driver.Types[typ].Type())
	want := make([]resource.Wanted, len(objects))
	for i, object := range objects {
		addr := resource.Addr{Service: fmt.Sprintf("hostile-%d", i), Type: typ, Label: "x"}
		want[i] = resource.Wanted{Addr: addr, Config: object}
	}
	return want
}

func hostileObjects(typ cty.Type) []cty.Value {
	objects := []cty.Value{
		cty.NilVal, cty.NullVal(typ), cty.UnknownVal(typ), nulls(typ), nulls(typ).Mark("secret"), filled(typ, cty.UnknownVal),
		cty.DynamicVal, cty.NullVal(cty.DynamicPseudoType), cty.EmptyObjectVal, cty.StringVal("x"), cty.True, cty.Zero,
		cty.ListValEmpty(cty.String), cty.ObjectVal(map[string]cty.Value{"x": cty.StringVal("y")}),
	}
	for _, text := range []string{"-x", "--help", "a\x00b", "\x1b[31m", "[", "metadata.", "file:///dev/null", "\xff", strings.Repeat("x", 1<<16)} {
		objects = append(objects, filled(typ, func(t cty.Type) cty.Value {
			if t == cty.String {
				return cty.StringVal(text)
			}
			return cty.NullVal(t)
		}))
	}
	return objects
}

func nulls(typ cty.Type) cty.Value { return filled(typ, cty.NullVal) }

// filled returns an object of that type with what f gives for the type of each attribute.
func filled(typ cty.Type, f func(cty.Type) cty.Value) cty.Value {
	attrs := map[string]cty.Value{}
	for name, t := range typ.AttributeTypes() {
		attrs[name] = f(t)
	}
	return cty.ObjectVal(attrs)
}
