package view

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Checkup is what doctor found out, a field for each section.
type Checkup struct {
	Branches Branches
}

// Healthy says that nothing has to be mended.
func (c Checkup) Healthy() bool { return len(c.Branches.Unreadable) == 0 }

// Branches tells how the branches of a fleet were read.
type Branches struct {
	Schemes    map[string]int  // how many branches each has, those that cannot be read among them; "local" for a path
	Fallbacks  []plan.Fallback // what took a slower way than the usual one
	Unreadable []Unreadable
}

// Unreadable is a branch that cannot be read, or a service whose branches are not known.
type Unreadable struct {
	Service string
	Addr    resource.Addr // zero for a service
	Err     error
}

// text names it and says why.
func (u Unreadable) text() string {
	attr := (*resource.AttrError)(nil)
	switch {
	case u.Addr == (resource.Addr{}):
		return u.Service + ": " + kindOf(u.Err) + ", see cdplan validate"
	case errors.As(u.Err, &attr):
		return u.Addr.String() + ": " + attr.Summary + ": " + attr.Detail
	}
	return u.Addr.String() + ": " + u.Err.Error()
}

// Doctor writes a section for each thing that was looked at.
func Doctor(w io.Writer, c Checkup, s Style) error {
	texts := []string{s.paint(bold, "Branches"), "  " + schemesText(c.Branches.Schemes)}
	if len(c.Branches.Fallbacks) > 0 {
		texts = append(texts, "  "+s.paint(yellow, "took a slower way to read")+":")
		texts = append(texts, fallbackLines(c.Branches.Fallbacks, "    ")...)
	}
	if len(c.Branches.Unreadable) > 0 {
		texts = append(texts, "  "+s.paint(red, "cannot be read")+":")
		for _, u := range c.Branches.Unreadable {
			texts = append(texts, "    "+clean(u.text()))
		}
	}
	return lines(w, texts...)
}

// schemesText counts the branches of each scheme, most first, then by name.
func schemesText(schemes map[string]int) string {
	all := 0
	var texts []string
	for _, scheme := range sortedSchemes(schemes) {
		all += schemes[scheme]
		texts = append(texts, fmt.Sprintf("%d %s", schemes[scheme], clean(scheme)))
	}
	if all == 0 {
		return "none"
	}
	return fmt.Sprintf("%d in all: %s", all, strings.Join(texts, ", "))
}

func sortedSchemes(schemes map[string]int) []string {
	return slices.SortedFunc(maps.Keys(schemes), func(a, b string) int {
		return cmp.Or(cmp.Compare(schemes[b], schemes[a]), cmp.Compare(a, b))
	})
}

// DoctorJSON writes what doctor found out as one JSON document.
func DoctorJSON(w io.Writer, c Checkup, faults Faults) error {
	document := jsonCheckup{FormatVersion: FormatVersion, Healthy: c.Healthy(), Branches: jsonBranches{Schemes: []jsonScheme{},
		Fallbacks: fallbacksJSON(c.Branches.Fallbacks), Unreadable: []jsonUnreadable{}}}
	for _, scheme := range sortedSchemes(c.Branches.Schemes) {
		document.Branches.Count += c.Branches.Schemes[scheme]
		document.Branches.Schemes = append(document.Branches.Schemes, jsonScheme{Scheme: scheme, Count: c.Branches.Schemes[scheme]})
	}
	for _, u := range c.Branches.Unreadable {
		unreadable := jsonUnreadable{Service: u.Service, Diagnostics: diagnostics(faults(u.Service, u.Err))}
		if u.Addr != (resource.Addr{}) {
			unreadable.Resource = u.Addr.String()
		}
		document.Branches.Unreadable = append(document.Branches.Unreadable, unreadable)
	}
	return encode(w, document)
}

type (
	jsonCheckup struct {
		FormatVersion string       `json:"format_version"`
		Healthy       bool         `json:"healthy"`
		Branches      jsonBranches `json:"branches"`
	}
	jsonBranches struct {
		Count      int              `json:"count"`
		Schemes    []jsonScheme     `json:"schemes"`
		Fallbacks  []jsonFallback   `json:"fallbacks"`
		Unreadable []jsonUnreadable `json:"unreadable"`
	}
	jsonScheme struct {
		Scheme string `json:"scheme"`
		Count  int    `json:"count"`
	}
	jsonUnreadable struct {
		Service     string           `json:"service"`
		Resource    string           `json:"resource"`
		Diagnostics []jsonDiagnostic `json:"diagnostics"`
	}
)
