package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// maxDepth is Python's bound on references to references.
const maxDepth = 10

// percent matches all that may begin with a percent sign; a single one, its last choice, is an error.
var percent = regexp.MustCompile(`%%|%\(([^)\n]+)\)s|%`)

// interpolate sets the text of every value. Values of [DEFAULT] are taken as seen from [DEFAULT] itself; what they
// are in a section is for get to tell.
func (d *document) interpolate() hcl.Diagnostics {
	var diags hcl.Diagnostics
	if s := d.section(defaultSection); s != nil {
		diags = append(diags, d.interpolateSection(s)...)
	}
	for _, s := range d.Sections {
		if s.Name != defaultSection {
			diags = append(diags, d.interpolateSection(s)...)
		}
	}
	return diags
}

func (d *document) interpolateSection(s *section) hcl.Diagnostics {
	in := newInterpolation(d, s)
	for _, v := range s.Keys {
		in.set(v)
	}
	return in.diags
}

// interpolation expands values as seen from one section, every key once: a reference costs no more than a look-up,
// however many lead to the same key.
type interpolation struct {
	doc     *document
	section *section
	done    map[string]expansion // by lower-cased key
	path    []string             // the keys being expanded, outermost first
	diags   hcl.Diagnostics
}

// expansion is what became of one value.
type expansion struct {
	text  string
	depth int  // how many levels of values with percent signs are in it
	ok    bool // text is right
	waits bool // not ok and not reported: it refers to keys that only other sections have
}

func newInterpolation(d *document, s *section) *interpolation {
	return &interpolation{doc: d, section: s, done: map[string]expansion{}}
}

// set puts the outcome into the value.
func (in *interpolation) set(v *value) {
	e := in.expand(v)
	v.Text, v.Broken, v.told = e.text, !e.ok, !e.ok && !e.waits
	if !e.ok {
		v.Text = v.raw
	}
}

func (in *interpolation) expand(v *value) expansion {
	key := strings.ToLower(v.Key)
	if e, ok := in.done[key]; ok {
		return e
	}
	e := expansion{text: v.raw, ok: true}
	switch {
	case v.told:
		e = expansion{}
	case strings.Contains(v.raw, "%"):
		in.path = append(in.path, key)
		e = in.build(v)
		in.path = in.path[:len(in.path)-1]
	}
	in.done[key] = e
	return e
}

// build expands every reference in a value, so that all its problems are reported.
func (in *interpolation) build(v *value) expansion {
	whole := expansion{ok: true}
	var text strings.Builder
	end := 0
	for _, m := range percent.FindAllStringSubmatchIndex(v.raw, -1) {
		part := in.token(v, m)
		whole.ok = whole.ok && part.ok
		whole.waits = whole.waits || part.waits
		whole.depth = max(whole.depth, part.depth)
		text.WriteString(v.raw[end:m[0]])
		end = m[1]
		if text.Len() <= maxSize {
			text.WriteString(part.text)
		}
	}
	text.WriteString(v.raw[end:])
	whole.text = text.String()
	whole.depth++
	return in.bounded(v, whole)
}

// bounded reports a value that has grown out of bounds, and passes any other.
func (in *interpolation) bounded(v *value, e expansion) expansion {
	switch {
	case !e.ok:
	case e.depth > maxDepth:
		in.report(v, nil, "Interpolation too deep",
			"The key %q refers to a key that refers to a key, and so on for more than %d levels. Write the value out at one of them.", v.Key, maxDepth)
		return expansion{}
	case len(e.text) > maxSize:
		in.report(v, nil, "Value too long",
			"With its references replaced, the value of the key %q has more than %d bytes. Refer to fewer or to shorter values.", v.Key, maxSize)
		return expansion{}
	}
	return e
}

// token expands one match of percent.
func (in *interpolation) token(v *value, m []int) expansion {
	switch {
	case m[2] >= 0:
		return in.reference(v, m)
	case m[1]-m[0] == 2:
		return expansion{text: "%", ok: true}
	}
	in.report(v, m, "Invalid percent sign",
		`A "%%" in the value of %q begins neither "%%%%", which stands for a percent sign, nor a reference such as "%%(name)s". To mean the sign itself, write it twice.`, v.Key)
	return expansion{}
}

// reference expands a match of %(name)s.
func (in *interpolation) reference(v *value, m []int) expansion {
	key := strings.ToLower(v.raw[m[2]:m[3]])
	if i := slices.Index(in.path, key); i >= 0 {
		loop := append(slices.Clone(in.path[i:]), key)
		in.report(v, m, "Interpolation loop",
			"The key %q refers to itself: %s. Write the value out at one of them.", key, strings.Join(loop, " → "))
		return expansion{}
	}
	if found := in.doc.lookup(in.section, key); found != nil {
		return in.expand(found)
	}
	if in.section.Name == defaultSection && in.doc.anywhere(key) {
		return expansion{waits: true}
	}
	if in.section.holes || in.doc.defaultHoles() {
		return expansion{} // what is missing may be what was refused
	}
	in.report(v, m, "Unknown reference",
		`The key %q refers to a key %q, which %s.%s A reference finds the keys of its own section and of [DEFAULT].`,
		v.Key, key, in.lacks(), didYouMean(key, in.known()))
	return expansion{}
}

// lacks ends the sentence that says where a key was looked for in vain.
func (in *interpolation) lacks() string {
	switch {
	case in.section.Name == defaultSection:
		return "no section has"
	case in.doc.section(defaultSection) == nil:
		return "[" + in.section.Name + "] does not have"
	}
	return "neither [" + in.section.Name + "] nor [DEFAULT] has"
}

// known returns the keys that a reference may name, lower-cased.
func (in *interpolation) known() []string {
	var names []string
	for _, s := range []*section{in.section, in.doc.section(defaultSection)} {
		if s == nil {
			continue
		}
		for _, v := range s.Keys {
			names = append(names, strings.ToLower(v.Key))
		}
	}
	return names
}

// defaultHoles says whether a line of [DEFAULT] was refused.
func (d *document) defaultHoles() bool {
	s := d.section(defaultSection)
	return s != nil && s.holes
}

// anywhere says whether some section has the key itself.
func (d *document) anywhere(key string) bool {
	return slices.ContainsFunc(d.Sections, func(s *section) bool { return s.own(key) != nil })
}

// report reports a problem at a match of percent, or at the whole value if that is nil; a second of the same words is left out.
func (in *interpolation) report(v *value, m []int, summary, format string, args ...any) {
	d := problem(v.Range, summary, format, args...)
	if slices.ContainsFunc(in.diags, func(other *hcl.Diagnostic) bool { return other.Detail == d.Detail }) {
		return
	}
	if m != nil {
		at := v.rawRange(m[0], m[1])
		d.Subject = &at
	}
	in.diags = append(in.diags, d)
}
