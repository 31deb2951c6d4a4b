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

// Checkup is what doctor found out.
type Checkup struct {
	Sections []Section // of this host, and of each provider
	Branches Branches
}

// Section is what was found out about one thing.
type Section struct {
	Name     string
	Findings []resource.Finding
}

// Healthy says that nothing has to be mended for a plan or an apply.
func (c Checkup) Healthy() bool { return len(c.Branches.Unreadable) == 0 && len(c.faults(false)) == 0 }

// faults returns what is missing, or what is no more than a warning, with the section that it is in.
func (c Checkup) faults(minor bool) []string {
	var texts []string
	for _, section := range c.Sections {
		for _, f := range section.Findings {
			if f.Err != nil && f.Minor == minor {
				texts = append(texts, fmt.Sprintf("%s, %s: %s", clean(section.Name), clean(f.Name), clean(f.Err.Error())))
			}
		}
	}
	return texts
}

// lines returns the title and a line for each finding.
func (section Section) lines(s Style) []string {
	width := 0
	for _, f := range section.Findings {
		width = max(width, len(clean(f.Name)))
	}
	texts := []string{s.paint(bold, clean(section.Name))}
	for _, f := range section.Findings {
		value := clean(f.Value)
		switch {
		case f.Err != nil && f.Minor:
			value = strings.TrimSpace(value + " " + s.paint(yellow, "(see the warnings)"))
		case f.Err != nil:
			value = strings.TrimSpace(value + " " + s.paint(red, "(see what is missing)"))
		}
		if f.From != "" {
			value += s.paint(faint, "  ["+clean(f.From)+"]")
		}
		texts = append(texts, fmt.Sprintf("  %-*s  %s", width, clean(f.Name), value))
	}
	return texts
}

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

// Doctor writes a section for each thing that was looked at, and at the end what is missing.
func Doctor(w io.Writer, c Checkup, s Style) error {
	var texts []string
	for _, section := range c.Sections {
		texts = append(append(texts, section.lines(s)...), "")
	}
	texts = append(texts, s.paint(bold, "Branches"), "  "+schemesText(c.Branches.Schemes))
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
	for _, part := range []struct {
		title  string
		faults []string
		color  color
	}{{"Warnings", c.faults(true), yellow}, {"Missing", c.faults(false), red}} {
		if len(part.faults) > 0 {
			texts = append(texts, "", s.paint(part.color, part.title))
		}
		for _, fault := range part.faults {
			texts = append(texts, "  "+fault)
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
	document := jsonCheckup{FormatVersion: FormatVersion, Healthy: c.Healthy(), Sections: []jsonSection{}, Branches: jsonBranches{Schemes: []jsonScheme{},
		Fallbacks: fallbacksJSON(c.Branches.Fallbacks), Unreadable: []jsonUnreadable{}}}
	for _, section := range c.Sections {
		document.Sections = append(document.Sections, jsonSection{clean(section.Name), findingsJSON(section.Findings)})
	}
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

func findingsJSON(findings []resource.Finding) []jsonFinding {
	list := []jsonFinding{}
	for _, f := range findings {
		finding := jsonFinding{Name: clean(f.Name), Value: clean(f.Value), From: clean(f.From)}
		if f.Err != nil {
			finding.Error, finding.Severity = clean(f.Err.Error()), "error"
		}
		if f.Err != nil && f.Minor {
			finding.Severity = "warning"
		}
		list = append(list, finding)
	}
	return list
}

type (
	jsonCheckup struct {
		FormatVersion string        `json:"format_version"`
		Healthy       bool          `json:"healthy"`
		Sections      []jsonSection `json:"sections"`
		Branches      jsonBranches  `json:"branches"`
	}
	jsonSection struct {
		Name     string        `json:"name"`
		Findings []jsonFinding `json:"findings"`
	}
	jsonFinding struct {
		Name     string `json:"name"`
		Value    string `json:"value"`
		From     string `json:"from"`
		Error    string `json:"error"`
		Severity string `json:"severity"` // error, warning, or empty
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
