package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Setting is something that is written in cdplan.hcl.
type Setting struct {
	Name  string
	Value string // as it would be written, without passwords
	Place string // FILE:LINE
}

// Place returns where a setting outside of blocks is written, as FILE:LINE; empty if it is not.
func (h Host) Place(name string) string {
	if attr := h.written[name]; attr != nil {
		return placeOf(attr)
	}
	return ""
}

func placeOf(attr *hcl.Attribute) string {
	return fmt.Sprintf("%s:%d", attr.NameRange.Filename, attr.NameRange.Start.Line)
}

// ProviderSettings returns what is written of a provider, by name.
func (h Host) ProviderSettings(name string) []Setting {
	given := h.providers[name]
	var settings []Setting
	for _, key := range slices.Sorted(maps.Keys(given.attrs)) {
		value := []byte("...")
		if given.config.IsWhollyKnown() && given.config.Type().HasAttribute(key) {
			value = hclwrite.TokensForValue(given.config.GetAttr(key)).Bytes()
		}
		maskValue(value, true)
		settings = append(settings, Setting{Name: key, Value: string(value), Place: placeOf(given.attrs[key])})
	}
	return settings
}
