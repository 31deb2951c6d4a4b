package novatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// invalid is how nova's schema check words an error; it echoes the value twice.
func invalid(field string, value any, complaint string) error {
	shown := python(value)
	if s, isString := value.(string); isString {
		shown = s
	}
	return fail(http.StatusBadRequest, "Invalid input for field/attribute %s. Value: %s. %s %s", field, shown, python(value), complaint)
}

// python writes a decoded JSON value as Python's repr does, near enough. The values of encoding/json are the only ones it knows.
func python(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`).Replace(v) + "'"
	case json.Number:
		return v.String()
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = python(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			items = append(items, python(key)+": "+python(v[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(value)
}
