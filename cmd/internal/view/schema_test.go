package view

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"launchpad.net/cdplan/plan"
)

const schemaFile = "../../../docs/schema/plan.schema.json"

func readSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("plan.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema, document.(map[string]any)
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// The schema that is shipped accepts what is written, describes every field of it and no other, and refuses what is not of that kind.
func TestSchema(t *testing.T) {
	schema, document := readSchema(t)
	full := planJSON(t, richFleet())
	for _, text := range []string{full, planJSON(t, richFleet().Stable()), planJSON(t, Page{Plan: &plan.Plan{}})} {
		if err := schema.Validate(parsed(t, text)); err != nil {
			t.Errorf("%.80s...: %v", text, err)
		}
	}
	written, described := map[string]bool{}, map[string]bool{}
	fields(parsed(t, full), written)
	properties(document, described)
	for name := range written {
		if !described[name] {
			t.Errorf("the field %q is not in the schema", name)
		}
	}
	for name := range described {
		if !written[name] {
			t.Errorf("the schema has a field %q that no plan has", name)
		}
	}
	for was, is := range map[string]string{
		`"format_version": "1.`: `"format_version": "2.`,
		`"verdict": "same"`:     `"verdict": "fine"`,
		`"wave": 1`:             `"wave": "1"`,
		`"made": "2026`:         `"made": "26`,
		`"services": [`:         `"service": [`,
	} {
		changed := strings.Replace(full, was, is, 1)
		if changed == full {
			t.Fatalf("the document has no %s", was)
		}
		if err := schema.Validate(parsed(t, changed)); err == nil {
			t.Errorf("%s is accepted", is)
		}
	}
}

// fields collects the names of all fields of a document, but for the verdicts and the states of units that are counted.
func fields(value any, names map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			fields(element, names)
		}
	case map[string]any:
		for name, element := range value {
			names[name] = true
			if name != "summary" && name != "states" {
				fields(element, names)
			}
		}
	}
}

// properties collects the names of all fields that a schema describes.
func properties(schema any, names map[string]bool) {
	switch schema := schema.(type) {
	case []any:
		for _, element := range schema {
			properties(element, names)
		}
	case map[string]any:
		if described, ok := schema["properties"].(map[string]any); ok {
			for name := range described {
				names[name] = true
			}
		}
		for _, element := range schema {
			properties(element, names)
		}
	}
}

// The closed lists of the schema are those of package plan.
func TestSchemaLists(t *testing.T) {
	_, document := readSchema(t)
	defs := document["$defs"].(map[string]any)
	for name, typ := range map[string]string{"verdict": "Verdict", "reason": "Reason", "key": "KeyKind"} {
		want := planWords(t, typ)
		list := defs[name].(map[string]any)
		if name == "key" {
			list = list["properties"].(map[string]any)["change"].(map[string]any)
		}
		var got []string
		for _, value := range list["enum"].([]any) {
			got = append(got, value.(string))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s: the schema has %v, package plan %v", name, got, want)
		}
	}
}
