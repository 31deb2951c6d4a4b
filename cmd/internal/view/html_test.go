package view

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"launchpad.net/cdplan/plan"
)

// evil is what somebody may write who wants to be an element, an attribute, a style or a script.
const evil = `"'></title></style></svg></td></table><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">&lt;x {{.}} */ } ]]> --> ` + "`\x1b[31m"

// elements returns the elements of a page in their order.
func elements(t *testing.T, page string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var found []*html.Node
	for node := range root.Descendants() {
		if node.Type == html.ElementNode {
			found = append(found, node)
		}
	}
	return found
}

// shape writes each element with its attributes, but for their values.
func shape(nodes []*html.Node) []string {
	var texts []string
	for _, node := range nodes {
		text := node.Data
		for _, attr := range node.Attr {
			text += " " + attr.Key
		}
		texts = append(texts, text)
	}
	return texts
}

// Whatever anybody writes, the page has the same elements, with the same attributes, and a browser shows what was written.
func TestHTMLOfHostileText(t *testing.T) {
	for name, form := range map[string]string{"page": write(t, HTML, pageOf(evil)), "drawing": write(t, SVG, pageOf(evil))} {
		plain := write(t, HTML, pageOf("text"))
		if name == "drawing" {
			plain = write(t, SVG, pageOf("text"))
		}
		if diff := cmp.Diff(shape(elements(t, plain)), shape(elements(t, form))); diff != "" {
			t.Errorf("the elements of the %s (-plain +hostile):\n%s", name, diff)
		}
	}
	shown := 0
	for _, node := range elements(t, write(t, HTML, pageOf(evil))) {
		if node.FirstChild != nil && node.FirstChild.Data == clean(evil) {
			shown++
		}
	}
	if shown < 10 {
		t.Errorf("the text is shown as it was written %d times only", shown)
	}
}

// Nothing that a terminal or a reader cannot see gets into a page, a drawing or a graph.
func TestGraphsAndPagesAreClean(t *testing.T) {
	for _, name := range []string{"plan.html", "graph.svg", "graph.mmd", "graph.dot", "graph.txt"} {
		for line := range strings.Lines(write(t, forms[name], pageOf(hostile))) {
			if text := strings.TrimPrefix(line, "\t"); !tame(text) {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

// The page is whole by itself: it refers to places in itself, and to bugs on Launchpad.
func TestHTMLReferences(t *testing.T) {
	for _, page := range []Page{richFleet(), pageOf(evil), pageOf("http://example.com/x"), pageOf("javascript:alert(1)")} {
		ids := map[string]bool{}
		var places []string
		for _, node := range elements(t, write(t, HTML, page)) {
			for _, attr := range node.Attr {
				switch {
				case attr.Key == "id" && ids[attr.Val]:
					t.Errorf("the id %q is there twice", attr.Val)
				case attr.Key == "id":
					ids[attr.Val] = true
				case attr.Key == "href" && strings.HasPrefix(attr.Val, "#"):
					places = append(places, attr.Val[1:])
				case attr.Key == "href" && strings.HasPrefix(attr.Val, "https://bugs.launchpad.net/bugs/"):
				case slices.Contains([]string{"href", "src", "srcset", "style", "action", "data", "xlink:href"}, attr.Key), strings.HasPrefix(attr.Key, "on"):
					t.Errorf("<%s %s=%q>", node.Data, attr.Key, attr.Val)
				}
			}
			if slices.Contains([]atom.Atom{atom.Script, atom.Link, atom.Img, atom.Iframe, atom.Object, atom.Base, atom.Form}, node.DataAtom) {
				t.Errorf("there is a <%s>", node.Data)
			}
		}
		if len(places) == 0 {
			t.Error("nothing refers to a service")
		}
		for _, place := range places {
			if !ids[unescaped(t, place)] {
				t.Errorf("there is no %q", place)
			}
		}
	}
}

func unescaped(t *testing.T, fragment string) string {
	t.Helper()
	text, err := url.PathUnescape(fragment)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBugLinks(t *testing.T) {
	tests := map[string]bool{
		"https://bugs.launchpad.net/bugs/12345":              true,
		"https://launchpad.net/bugs/12345":                   true,
		"https://bugs.launchpad.net/project/+bug/12345":      true,
		"http://bugs.launchpad.net/bugs/12345":               false,
		"https://bugs.launchpad.net.example.com/bugs/12345":  false,
		"https://example.com/bugs.launchpad.net/bugs/12345":  false,
		"https://ann:hush@bugs.launchpad.net/bugs/12345":     false,
		"https://bugs.launchpad.net/bugs/12345?next=//x.com": false,
		"https://github.com/org/api/issues/3":                false,
		"javascript:alert(1)":                                false,
	}
	for address, want := range tests {
		if got := bugOf(address); (got.Link == address) != want || got.Link != "" && !want || got.Text == "" {
			t.Errorf("%s: %+v", address, got)
		}
	}
}

// Where of no service it is known how long it takes, there is no column for that, and every row of the table has as many cells as its head.
func TestHTMLColumns(t *testing.T) {
	for _, test := range []struct {
		page    Page
		columns int
	}{{richFleet(), 7}, {richFleet().Stable(), 6}} {
		for _, node := range elements(t, write(t, HTML, test.page)) {
			if node.DataAtom != atom.Tr || node.Parent.Parent.Attr[0].Val != "plan" {
				continue
			}
			cells := 0
			for cell := range node.ChildNodes() {
				cells++
				for _, a := range cell.Attr {
					if a.Key == "colspan" {
						cells, _ = strconv.Atoi(a.Val)
					}
				}
			}
			if cells != test.columns {
				t.Errorf("a row has %d cells, want %d", cells, test.columns)
			}
		}
	}
}

// What reads the page aloud finds its language, its title, headings that leave no level out, and what each cell of a table is about.
func TestHTMLForAll(t *testing.T) {
	level := 0
	for _, node := range elements(t, write(t, HTML, richFleet())) {
		attr := func(key string) string {
			i := slices.IndexFunc(node.Attr, func(a html.Attribute) bool { return a.Key == key })
			if i < 0 {
				return ""
			}
			return node.Attr[i].Val
		}
		switch node.DataAtom {
		case atom.Html:
			if attr("lang") != "en" {
				t.Errorf("the language is %q", attr("lang"))
			}
		case atom.Title:
			if node.Parent.DataAtom == atom.Head && !strings.HasPrefix(node.FirstChild.Data, "Plan 7f3a-91c2-d04e: ") {
				t.Errorf("the title is %q", node.FirstChild.Data)
			}
		case atom.H1, atom.H2, atom.H3, atom.H4:
			if now := int(node.Data[1] - '0'); now > level+1 {
				t.Errorf("<%s> comes after <h%d>", node.Data, level)
			} else {
				level = now
			}
		case atom.Th:
			if attr("scope") == "" {
				t.Errorf("the heading %q is of no row or column", node.FirstChild.Data)
			}
		}
	}
	if level == 0 {
		t.Error("there is no heading")
	}
}

// A plan that has nothing to do is a page all the same; one that has nothing but services that are the same draws none.
func TestHTMLOfLittle(t *testing.T) {
	for _, page := range []Page{fleetOf(), fleetOf("a", "b after a")} {
		got := write(t, HTML, page)
		if !strings.Contains(got, "Nothing to apply.") || strings.Contains(got, "<svg") || strings.Contains(got, "<table") {
			t.Errorf("%s", got)
		}
	}
	held := fleetOf("a", "b after a", "c")
	held.Plan.Decisions[0].Verdict = plan.Held
	got := write(t, HTML, held)
	if !strings.Contains(got, "Not drawn: 1 that is the same") || strings.Contains(got, "<title>c: same") || !strings.Contains(got, "<title>b: same") {
		t.Errorf("%s", got)
	}
}
