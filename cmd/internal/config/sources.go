package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/providers/resource"
)

// Sources knows where everything that was declared is written.
type Sources struct {
	files  map[string]*hcl.File
	ranges map[place]hcl.Range
	sums   map[string][sha256.Size]byte // of what was read, by the same names as the files
}

// place is an attribute of a resource, or with an empty attribute the resource itself.
type place struct {
	addr resource.Addr
	attr string
}

func newSources() *Sources {
	return &Sources{files: map[string]*hcl.File{}, ranges: map[place]hcl.Range{}, sums: map[string][sha256.Size]byte{}}
}

// Files returns the text of every file by the name that ranges give it, so that lines can be shown.
func (s *Sources) Files() map[string]*hcl.File { return s.files }

// Same says whether the same files were read, with the same text.
func (s *Sources) Same(other *Sources) bool { return maps.Equal(s.sums, other.sums) }

// Shared is the Extra of a diagnostic that is told, in the same words, of every service that it concerns.
type Shared struct{}

// Diagnose turns an error about a service into diagnostics: one for each error that was joined, with the place in the file where there is
// one to blame.
func (s *Sources) Diagnose(err error) hcl.Diagnostics {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var diags hcl.Diagnostics
		for _, inner := range joined.Unwrap() {
			diags = append(diags, s.Diagnose(inner)...)
		}
		return diags
	}
	var diags hcl.Diagnostics
	var attr *resource.AttrError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &diags):
		return diags
	case errors.As(err, &attr):
		diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: attr.Summary, Detail: attr.Detail, Subject: s.subject(attr)}
		if attr.Shared {
			diag.Extra = Shared{}
		}
		return hcl.Diagnostics{diag}
	}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot tell", Detail: err.Error()}}
}

// subject returns the place of the attribute, or else that of the section that it lacks in; nil if neither is in a file.
func (s *Sources) subject(e *resource.AttrError) *hcl.Range {
	for _, at := range []place{{e.Addr, e.Attr}, {e.Addr, ""}} {
		if found, ok := s.ranges[at]; ok {
			return &found
		}
	}
	return nil
}

func fault(summary string, subject *hcl.Range, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

// sentence makes a sentence of an error text but for its full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
