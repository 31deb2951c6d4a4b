package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// accepted are files that every reader takes alike, with what is in them.
var accepted = []struct{ name, src, want string }{
	{"empty", "", ""},
	{"only comments", "# one\n; two\n\n", ""},
	{"empty section", "[s]\n", "[s]\n"},
	{"no newline at the end", "[s]\na = 1", "[s]\na=1\n"},
	{"CRLF", "[s]\r\na = 1\r\nb =\r\n  x\r\n  y\r\n", "[s]\na=1\nb=\\nx\\ny\n"},
	{"pin", "[s]\nu=lp:foo;revno=3\n", "[s]\nu=lp:foo;revno=3\n"},
	{"fragment", "[s]\nu = http://h/#frag\n", "[s]\nu=http://h/#frag\n"},
	{"colon", "[s]\na: lp:x\nb=c:d\n", "[s]\na=lp:x\nb=c:d\n"},
	{"first delimiter wins", "[s]\na=b=c\nd:e=f\n", "[s]\na=b=c\nd=e=f\n"},
	{"key case", "[s]\nFooBar = 1\n", "[s]\nFooBar=1\n"},
	{"section case", "[s]\na=1\n[S]\na=2\n", "[s]\na=1\n[S]\na=2\n"},
	{"key of two words", "[s]\na  b = 1\n", "[s]\na  b=1\n"},
	{"key with brackets", "[s]\na[0] = 1\n", "[s]\na[0]=1\n"},
	{"empty value", "[s]\na =\nb=\nc = \n", "[s]\na=\nb=\nc=\n"},
	{"inherited", "[DEFAULT]\nx = 1\nY = 2\n[s]\ny = 3\n", "[DEFAULT]\nx=1\nY=2\n[s]\ny=3\nx<1\n"},
	{"default last", "[s]\ny = %(x)s\n[DEFAULT]\nx = 1\n", "[s]\ny=1\nx<1\n[DEFAULT]\nx=1\n"},
	{"references", "[s]\nhost = h\nURL = http://%(HOST)s/%(path)s\npath = %(host)s-p\n", "[s]\nhost=h\nURL=http://h/h-p\npath=h-p\n"},
	{"default seen from sections", "[DEFAULT]\nu = lp:%(name)s\n[a]\nname = one\n[b]\nname = two\n[c]\nx = y\n",
		"[DEFAULT]\nu!lp:%(name)s\n[a]\nname=one\nu<lp:one\n[b]\nname=two\nu<lp:two\n[c]\nx=y\nu!lp:%(name)s\n"},
	{"override in section", "[DEFAULT]\nn = d\nu = %(n)s\n[s]\nn = o\n", "[DEFAULT]\nn=d\nu=d\n[s]\nn=o\nu<o\n"},
	{"percent", "[s]\na = 50%%\nb = %%(a)s\nc = %(a)s of %(b)s\n", "[s]\na=50%\nb=%(a)s\nc=50% of %(a)s\n"},
	{"ten levels", "[s]\n" + chain(10), "[s]\nk0=1\nk1=1\nk2=1\nk3=1\nk4=1\nk5=1\nk6=1\nk7=1\nk8=1\nk9=1\nk10=1\n"},
	{"list", "[s]\na = 1\n  2\n\t3  \nb = 4\n", "[s]\na=1\\n2\\n3\nb=4\n"},
	{"list below the key", "[s]\na =\n  lp:x\n  lp:y;revno=4\n", "[s]\na=\\nlp:x\\nlp:y;revno=4\n"},
	{"list with a reference", "[s]\nt = lp:~team\na =\n  %(t)s/x\n  %(t)s/y\n", "[s]\nt=lp:~team\na=\\nlp:~team/x\\nlp:~team/y\n"},
	{"options in a list", "[s]\na =\n  --opt=1\n  lp:a=b\n", "[s]\na=\\n--opt=1\\nlp:a=b\n"},
	{"blank lines after a value", "[s]\na = 1\n  2\n   \n\n\t\nb = 3\n  \n", "[s]\na=1\\n2\nb=3\n"},
	{"comment after a value", "[s]\na = 1\n# note\nb = 2\n", "[s]\na=1\nb=2\n"},
	{"quotes", "[s]\na = \"q v\"\nb = 'x'\nc = x\"\"\"y\nd = \"\"x\n", "[s]\na=\"q v\"\nb='x'\nc=x\"\"\"y\nd=\"\"x\n"},
	{"backslash", "[s]\na = one \\\nb = 2\n", "[s]\na=one \\\nb=2\n"},
	{"child section", "[a]\nx = 1\n[a.b]\ny = 2\n", "[a]\nx=1\n[a.b]\ny=2\n"},
	{"remark", "[s]\nremark = 1\nrem=2\n", "[s]\nremark=1\nrem=2\n"},
	{"unicode", "[ä b]\na = grüße 👩🏽\n", "[ä b]\na=grüße 👩🏽\n"},
	{"blanks after a header", "[s]  \t\na=1\n", "[s]\na=1\n"},
	{"tabs", "[s]\na\t=\t1\t2\n", "[s]\na=1\t2\n"},
	{"a value longer than a buffer", "[s]\na =\n" + strings.Repeat("  abcdefg\n", 2000) + "b = 1\n",
		"[s]\na=" + strings.Repeat("\\nabcdefg", 2000) + "\nb=1\n"},
}

// chain returns the keys k0 to kN, each of which but the first refers to the one before.
func chain(n int) string {
	lines := "k0 = 1\n"
	for i := range n {
		lines += fmt.Sprintf("k%d = %%(k%d)s\n", i+1, i)
	}
	return lines
}

func TestParseINI(t *testing.T) {
	for _, test := range accepted {
		t.Run(test.name, func(t *testing.T) {
			doc, diags := parseINI("config.ini", []byte(test.src))
			if len(diags) > 0 {
				t.Fatalf("unexpected problems:\n%s", render(t, test.src, diags))
			}
			if diff := cmp.Diff(test.want, dump(doc)); diff != "" {
				t.Errorf("document differs (-want +got):\n%s", diff)
			}
		})
	}
}

// dump shows a document: "=" between a key and its own value, "<" before an inherited one, "!" before a broken one.
func dump(doc *document) string {
	var b strings.Builder
	for _, s := range doc.Sections {
		fmt.Fprintf(&b, "[%s]\n", s.Name)
		for _, key := range visibleKeys(doc, s) {
			v, _ := doc.get(s.Name, key)
			sign := "="
			if s.own(key) == nil {
				sign = "<"
			}
			if v.Broken {
				sign = "!"
			}
			fmt.Fprintf(&b, "%s%s%s\n", v.Key, sign, strings.ReplaceAll(v.Text, "\n", `\n`))
		}
	}
	return b.String()
}

// visibleKeys returns the lower-cased keys that a section has or inherits.
func visibleKeys(doc *document, s *section) []string {
	var keys []string
	for _, from := range []*section{s, doc.section(defaultSection)} {
		if from == nil {
			continue
		}
		for _, v := range from.Keys {
			if key := strings.ToLower(v.Key); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// refused are files that a reader could take in another way than its author, the name saying why.
var refused = []struct{ name, src string }{
	{"byte order mark", "\ufeff[s]\na = 1\n"},
	{"UTF-16", "\xff\xfe[\x00s\x00]\x00\n\x00"},
	{"invalid UTF-8", "[s]\nname = gr\xfc\xdfe\nb = %(name)s\n  \xff\n[t]\na = %(b)s\n"},
	{"control character", "[s]\na = \x1b[31mred\nb = 1\x0c\n# note \x7f\n"},
	{"lone carriage return", "[s]\na = 1\rb = 2\nc = 3\r"},
	{"special space", "[s]\na\u00a0= 1\n\u3000b = 2\n# fine\u00a0here\n"},
	{"invisible character", "[s]\na = lp:x\u202ey\u200b\n"},
	{"no section", "a = 1\nb = 2\n  3\n[s]\nc = 4\n"},
	{"no delimiter", "[s]\nlonely\n  quiet\nrem\na = 1\n"},
	{"duplicate key", "[s]\nStage = a\nother = x\nstage = b\n  c\n"},
	{"duplicate section", "[s]\na = 1\n[t]\n[s]\nA = 2\nb = 3\n[DEFAULT]\n[DEFAULT]\n"},
	{"inline comment", "[s] # note\na = x ; note\nb = x\t# note\nc = # note\nd =;note\ne =\n  lp:x ; the first\n  lp:y\n"},
	{"indented comment", "[s]\na =\n  1\n  # note\n  2\n ; other\n"},
	{"indented after a header", "[s]\n  lp:x\n  lp:y\n\n  lp:z\na = 1\n"},
	{"indented at the start", "  lp:x\n"},
	{"indented key", "[s]\na = 1\n  b = 2\n  c: 3\n\td=\n"},
	{"indented section", "[s]\na = 1\n  [t]\nb = 2\n"},
	{"blank line in a value", "[s]\na =\n  1\n\n  2\n  3\n"},
	{"comment in a value", "[s]\na =\n  1\n# note\n\n  2\n"},
	{"unclosed header", "[s\na = 1\n"},
	{"header without a name", "[]\na = 1\n[  ]\na = 1\n"},
	{"blanks in a header", "[ s ]\na = 1\n"},
	{"text after a header", "[s] a = 1\n[t]]\n"},
	{"bracket in a header", "[a[b]\n"},
	{"default in small letters", "[Default]\nx = 1\n[s]\ny = %(x)s\n"},
	{"bad keys", "[s]\n- = 1\n= 2\n\"q\" = 3\nREM x = 4\nrem = 5\nü = 6\n.dot = 7\na\tb = 8\n__NAME__ = 9\n"},
	{"single percent", "[s]\na = 50% of %d\nb =\n  %(a\n  b)s\n  %()s\nc = 100%%%\n"},
	{"unknown reference", "[DEFAULT]\nStage = p\n[s]\na = x-%(stge)s-%(zzz)s\n  %(a_b)s\n"},
	{"unknown reference without default", "[s]\nb = %(B2)s\n"},
	{"unknown reference in default", "[DEFAULT]\na = %(b)s\n[s]\nc = %(a)s\n"},
	{"reference that waits", "[DEFAULT]\nu = lp:%(name)s\n[a]\nname = one\n[b]\nv = %(u)s\n"},
	{"loop", "[s]\na = %(b)s\nb = %(c)s\nc = %(A)s\nd = %(d)s\ne = %(a)s\n"},
	{"too deep", "[s]\n" + chain(12)},
	{"too long", "[s]\na = " + strings.Repeat("x", 40) + "\n" + growth(9)},
	{"quotes", "[s]\na = `x`\nb = \"\"\"x\"\"\"\nc = \"\"\n"},
	{"too large", "[s]\n" + strings.Repeat("# filler\n", 8000)},
}

// growth returns n keys, each eight times as long as the one before; the first refers to a.
func growth(n int) string {
	before, lines := "a", ""
	for i := range n {
		key := fmt.Sprintf("b%d", i)
		lines += key + " = " + strings.Repeat("%("+before+")s", 8) + "\n"
		before = key
	}
	return lines
}

func TestParseINIProblems(t *testing.T) {
	const golden = "testdata/problems.txtar"
	got := &txtar.Archive{Comment: []byte("What is said about the files of the same names in ini_test.go. Written by go test -update.\n\n")}
	for _, test := range refused {
		_, diags := parseINI("config.ini", []byte(test.src))
		if !diags.HasErrors() {
			t.Errorf("%s: accepted", test.name)
		}
		got.Files = append(got.Files, txtar.File{Name: test.name, Data: []byte(render(t, test.src, diags))})
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(txtar.Format(got))); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

// render writes problems as a user sees them, with the characters escaped that do not print.
func render(t *testing.T, src string, diags hcl.Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	files := map[string]*hcl.File{"config.ini": {Bytes: []byte(src)}}
	if err := hcl.NewDiagnosticTextWriter(&b, files, 78, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range b.String() {
		if r == '\n' || unicode.IsPrint(r) && r != unicode.ReplacementChar {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "<%04X>", r)
		}
	}
	return out.String()
}

// What was understood of a file with errors can be used.
func TestParseINIPartly(t *testing.T) {
	doc, diags := parseINI("config.ini", []byte("[ s ]\na = 1 ; note\nb\nc = %(a)s\nd = 5%\n[x\ne = 1\n[t]\nf = 2\nF = 3\n"))
	if len(diags) != 6 {
		t.Errorf("want 6 problems, got:\n%v", diags.Errs())
	}
	want := "[s]\na=1\nc=1\nd!5%\n[t]\nf=2\n"
	if diff := cmp.Diff(want, dump(doc)); diff != "" {
		t.Errorf("document differs (-want +got):\n%s", diff)
	}
}

func TestGet(t *testing.T) {
	doc, diags := parseINI("config.ini", []byte("[DEFAULT]\nx = 1\nu = %(name)s\n[a]\nname = n\n[b]\nX = 2\n"))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	tests := []struct{ section, key, want string }{
		{"a", "x", `"1" in line 2, 0 problems`},
		{"a", "U", `"n" in line 3, 0 problems`},
		{"b", "x", `"2" in line 7, 0 problems`},
		{"b", "u", `"%(name)s" in line 3, 1 problems`},
		{"a", "y", "none, 0 problems"},
		{"A", "x", "none, 0 problems"},
		{"DEFAULT", "x", `"1" in line 2, 0 problems`},
		{"DEFAULT", "name", "none, 0 problems"},
	}
	for _, test := range tests {
		v, diags := doc.get(test.section, test.key)
		got := "none"
		if v != nil {
			got = fmt.Sprintf("%q in line %d", v.Text, v.Range.Start.Line)
		}
		if got += fmt.Sprintf(", %d problems", len(diags)); got != test.want {
			t.Errorf("get(%q, %q) = %s, want %s", test.section, test.key, got, test.want)
		}
	}
}

func TestRanges(t *testing.T) {
	src := "[s]\r\no = 👩🏽 ; note\nkey = 👩🏽 x %(zz)s\nlist =\n  one\n  two\nempty =\n"
	doc, diags := parseINI("config.ini", []byte(src))
	var got []string
	add := func(what string, r hcl.Range) {
		got = append(got, fmt.Sprintf("%s %s %q", what, r, r.SliceBytes([]byte(src))))
	}
	for _, s := range doc.Sections {
		add("section", s.Header)
		for _, v := range s.Keys {
			add("key", v.KeyRange)
			add("value", v.Range)
		}
	}
	for _, d := range diags {
		add(d.Summary, *d.Subject)
	}
	want := []string{
		`section config.ini:1,1-4 "[s]"`,
		`key config.ini:2,1-2 "o"`,
		`value config.ini:2,5-6 "👩🏽"`,
		`key config.ini:3,1-4 "key"`,
		`value config.ini:3,7-17 "👩🏽 x %(zz)s"`,
		`key config.ini:4,1-5 "list"`,
		`value config.ini:5,3-6,6 "one\n  two"`,
		`key config.ini:7,1-6 "empty"`,
		`value config.ini:7,8-8 ""`,
		`Inline comment config.ini:2,7-13 "; note"`,
		`Unknown reference config.ini:3,11-17 "%(zz)s"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ranges differ (-want +got):\n%s", diff)
	}
}

// hcl takes a grapheme cluster of more than 4 KiB for several, so that columns are off. Bytes must not be.
func TestLongCluster(t *testing.T) {
	src := "[s]\na = e"
	src += strings.Repeat("\u0301", (maxSize-len(src))/2)
	doc, diags := parseINI("config.ini", []byte(src))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if v, _ := doc.get("s", "a"); v.Range.End.Byte != len(src) {
		t.Errorf("value ends at byte %d, want %d", v.Range.End.Byte, len(src))
	}
}

// readByPython prints what both parsers of Python 3 make of the files on stdin, a value that cannot be read as null.
const readByPython = `
import configparser, io, json, sys
def read(parser, src):
    parser.read_file(io.TextIOWrapper(io.BytesIO(src.encode("utf-8")), encoding="utf-8"))
    def get(section, key):
        try:
            return parser.get(section, key)
        except configparser.InterpolationError:
            return None
    keys = {s: parser.options(s) for s in parser.sections()}
    keys["DEFAULT"] = list(parser.defaults())
    return {s: {k: get(s, k) for k in keys[s]} for s in keys}
json.dump([[read(p(), src) for p in (configparser.RawConfigParser, configparser.ConfigParser)] for src in json.load(sys.stdin)], sys.stdout)
`

// pythonView is what one of Python's parsers sees: section, key, value or nil.
type pythonView map[string]map[string]*string

// Python has the last word on what a file means. The tool is at home where bzr is, and that needs Python too.
func TestPythonAgrees(t *testing.T) {
	var sources []string
	for _, test := range accepted {
		sources = append(sources, test.src)
	}
	for i, views := range askPython(t, sources) {
		doc, _ := parseINI("config.ini", []byte(sources[i]))
		if diff := cmp.Diff(views, [2]pythonView{viewAs(doc, rawText), viewAs(doc, finalText)}); diff != "" {
			t.Errorf("%s: differs (-python +cdplan):\n%s", accepted[i].name, diff)
		}
	}
}

// askPython returns what RawConfigParser and ConfigParser see in each file.
func askPython(t *testing.T, sources []string) [][2]pythonView {
	t.Helper()
	input, err := json.Marshal(sources)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", readByPython)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot run python3: %v\n%s", err, &stderr)
	}
	var views [][2]pythonView
	if err := json.Unmarshal(output, &views); err != nil {
		t.Fatal(err)
	}
	return views
}

func rawText(v *value) *string { return &v.raw }

func finalText(v *value) *string {
	if v.Broken {
		return nil
	}
	return &v.Text
}

// viewAs returns a document as Python would show it.
func viewAs(doc *document, text func(*value) *string) pythonView {
	view := pythonView{defaultSection: {}}
	for _, s := range doc.Sections {
		view[s.Name] = map[string]*string{}
		for _, key := range visibleKeys(doc, s) {
			v, _ := doc.get(s.Name, key)
			view[s.Name][key] = text(v)
		}
	}
	return view
}
