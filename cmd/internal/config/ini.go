// Package config reads what people write for cdplan, and says precisely what is wrong with it.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"gopkg.in/ini.v1"
)

const (
	// defaultSection gives its keys to every other section that is written.
	defaultSection = "DEFAULT"

	// maxSize bounds a file, and a value after interpolation, in bytes. A config.ini has a few kilobytes; finding places in
	// one endless line takes time, and references to references grow without bound.
	maxSize = 64<<10 - 1
)

// document is one config.ini.
type document struct {
	// Sections are in the order of the file, [DEFAULT] among them if it is written.
	Sections []*section
}

// section is one section of a document.
type section struct {
	Name   string
	Header hcl.Range // brackets included
	Keys   []*value  // what is written in the section itself, in the order of the file

	byKey map[string]*value // by lower-cased key
	holes bool              // a line was refused that may have been a key
}

// value is one value with its place.
type value struct {
	Key      string    // as written
	Text     string    // interpolated; lines joined by "\n", each without the blanks around it
	KeyRange hcl.Range // of the key
	Range    hcl.Range // of the value, first byte to last; empty, after the delimiter, if the value is

	// Broken says that Text is as written because it cannot be interpolated. That has been reported, save for
	// a value of [DEFAULT] that only makes sense in the sections that have the keys it refers to.
	Broken bool

	raw   string     // Text before interpolation
	lines []scanLine // of raw
	told  bool       // Broken, and reported
}

// parseINI reads a config.ini in the subset of the format that Python's ConfigParser, 2.7 and 3, and ini.v1 read alike.
// Whatever lies outside is reported, all of it at once and in the order of the file, never guessed at.
//
// The document is never nil. After errors it holds the sections and keys that were understood, so that a caller may check
// those as well, but should not be acted upon.
func parseINI(filename string, src []byte) (*document, hcl.Diagnostics) {
	doc := &document{}
	if len(src) > maxSize {
		return doc, hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "File too large",
			Detail:   fmt.Sprintf("The file %s has %d bytes. A config.ini must not have more than %d.", filename, len(src), maxSize),
		}}
	}
	s := &scanner{filename: filename, src: src, doc: doc}
	s.scan()
	diags := append(s.diags, doc.interpolate()...)
	if !diags.HasErrors() {
		diags = doc.compare(filename, src)
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte)
	})
	return doc, diags
}

// section returns the section of that name, which is case-sensitive, or nil.
func (d *document) section(name string) *section {
	for _, s := range d.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// get returns the value of a key, in any case, as seen from a section: its own, or else the one it inherits from [DEFAULT],
// which keeps its place there. It returns nil if there is neither, or if the section is not written at all.
//
// Diagnostics come only with an inherited value that cannot be interpolated in this section, and come at every call.
func (d *document) get(section, key string) (*value, hcl.Diagnostics) {
	s := d.section(section)
	if s == nil {
		return nil, nil
	}
	if v := s.own(key); v != nil {
		return v, nil
	}
	inherited := d.lookup(s, key)
	if inherited == nil || inherited.told {
		return inherited, nil
	}
	in := newInterpolation(d, s)
	v := *inherited
	in.set(&v)
	return &v, in.diags
}

// lookup returns the value of a key in a section or in [DEFAULT], not interpolated for the section; nil if there is none.
func (d *document) lookup(s *section, key string) *value {
	if v := s.own(key); v != nil {
		return v
	}
	if s := d.section(defaultSection); s != nil {
		return s.own(key)
	}
	return nil
}

// own returns the value of a key, in any case, that is written in the section itself, or nil.
func (s *section) own(key string) *value {
	return s.byKey[strings.ToLower(key)]
}

// compare reads the file once more, by ini.v1, and reports where that differs from the document, which had no errors.
func (d *document) compare(filename string, src []byte) hcl.Diagnostics {
	whole := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	file, err := ini.LoadSources(ini.LoadOptions{
		AllowPythonMultilineValues: true,
		IgnoreContinuation:         true,
		IgnoreInlineComment:        true,
		PreserveSurroundedQuote:    true,
		ChildSectionDelimiter:      "\x00",       // [a.b] must not inherit from [a], and no name has a NUL
		ReaderBufferSize:           len(src) + 1, // ini.v1 cuts a value of many lines where its buffer ends
	}, src)
	if err != nil {
		return hcl.Diagnostics{disagreement(whole, "the file")}
	}
	var diags hcl.Diagnostics
	if len(file.SectionStrings()) != len(d.withDefault()) {
		diags = append(diags, disagreement(whole, "the number of sections"))
	}
	for _, s := range d.Sections {
		diags = append(diags, s.compare(file)...)
	}
	return diags
}

func (s *section) compare(file *ini.File) hcl.Diagnostics {
	other, err := file.GetSection(s.Name)
	if err != nil || len(other.Keys()) != len(s.Keys) {
		return hcl.Diagnostics{disagreement(s.Header, "this section")}
	}
	var diags hcl.Diagnostics
	for i, key := range other.Keys() {
		v := s.Keys[i]
		if key.Name() != v.Key || stripLines(key.Value()) != v.raw {
			diags = append(diags, disagreement(v.KeyRange, fmt.Sprintf("the key %q", v.Key)))
		}
	}
	return diags
}

// stripLines takes the blanks from both ends of every line, as Python does, and the blank lines from the end.
func stripLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// withDefault returns the names of the sections and that of [DEFAULT], which ini.v1 makes up when it is not written.
func (d *document) withDefault() []string {
	names := []string{defaultSection}
	for _, s := range d.Sections {
		if s.Name != defaultSection {
			names = append(names, s.Name)
		}
	}
	return names
}

func disagreement(at hcl.Range, what string) *hcl.Diagnostic {
	return problem(at, "Internal error",
		"The two readers that cdplan has for this kind of file disagree about %s, so neither is believed. This is a mistake in cdplan: please report it, with the line above and the lines around it.", what)
}

// problem is a fault whose place is always known.
func problem(at hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return fault(summary, &at, format, args...)
}
