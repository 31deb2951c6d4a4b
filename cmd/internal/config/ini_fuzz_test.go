package config

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// FuzzINI demands of any file: its problems can be drawn; what was understood is where it is said to be; and if there are
// no problems, then scanner and ini.v1 agree, or else parseINI would have reported an internal error.
func FuzzINI(f *testing.F) {
	for _, test := range accepted {
		addSeed(f, test.src)
	}
	for _, test := range refused {
		addSeed(f, test.src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, diags := parseINI("config.ini", src)
		for _, d := range diags {
			if d.Subject != nil {
				checkRange(t, src, *d.Subject)
			}
			if d.Summary == "Internal error" {
				t.Error(d)
			}
		}
		render(t, string(src), diags)
		for _, s := range doc.Sections {
			checkRange(t, src, s.Header)
			for _, v := range s.Keys {
				checkValue(t, src, v, len(diags) == 0)
			}
		}
	})
}

// addSeed leaves out the long files, which make a fuzzer slow and teach it little.
func addSeed(f *testing.F, src string) {
	if len(src) < 1000 {
		f.Add([]byte(src))
	}
}

func checkRange(t *testing.T, src []byte, r hcl.Range) {
	t.Helper()
	if r.Filename != "config.ini" || r.Start.Line < 1 || r.Start.Column < 1 || !r.CanSliceBytes(src) {
		t.Errorf("range %#v does not lie in the file", r)
	}
}

func checkValue(t *testing.T, src []byte, v *value, clean bool) {
	t.Helper()
	checkRange(t, src, v.KeyRange)
	checkRange(t, src, v.Range)
	if got := string(v.KeyRange.SliceBytes(src)); got != v.Key {
		t.Errorf("key %q lies where %q is", v.Key, got)
	}
	var lines []string
	for _, l := range v.lines {
		lines = append(lines, string(l.at.SliceBytes(src)))
	}
	if got := strings.Join(lines, "\n"); got != v.raw {
		t.Errorf("lines of %q lie where those of %q are", v.raw, got)
	}
	whole := string(v.Range.SliceBytes(src))
	if clean && stripLines(whole) != strings.TrimPrefix(v.raw, "\n") || len(v.lines) == 1 && whole != v.raw {
		t.Errorf("value %q lies where %q is", v.raw, whole)
	}
	if !strings.Contains(v.raw, "%") && v.Text != v.raw {
		t.Errorf("value %q became %q", v.raw, v.Text)
	}
}
