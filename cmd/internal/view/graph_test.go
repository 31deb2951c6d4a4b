package view

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
)

// fleetOf makes a page of services that are the same, each written "SERVICE after SERVICE SERVICE".
func fleetOf(services ...string) Page {
	p := &plan.Plan{}
	for _, text := range services {
		name, before, _ := strings.Cut(text, " after ")
		p.Decisions = append(p.Decisions, plan.Decision{Service: name, Verdict: plan.Same, Declared: richAfter(strings.Fields(before)...)})
	}
	return Page{Plan: p}
}

func TestGraphTree(t *testing.T) {
	tests := map[string]struct {
		services []string
		want     string
	}{
		"alone":              {[]string{"a", "b"}, " a  same\n b  same\n"},
		"several parents":    {[]string{"a", "b", "c after a b", "d after c"}, " a  same\n   `- c  same\n      `- d  same\n b  same\n   `- c (above)\n"},
		"a parent twice":     {[]string{"a", "b after a a"}, " a  same\n   `- b  same\n"},
		"a parent elsewhere": {[]string{"a after z"}, " a  same\n"},
		"a line of children": {[]string{"a", "b after a", "c after a", "d after b"}, " a  same\n   |- b  same\n   |  `- d  same\n   `- c  same\n"},
		"a cycle":            {[]string{"a after c", "b after a", "c after b", "d after c"}, " a  same\n   `- b  same\n      `- c  same\n         |- a (above)\n         `- d  same\n"},
		"after itself":       {[]string{"a after a"}, " a  same\n   `- a (above)\n"},
	}
	for name, test := range tests {
		_, got, _ := strings.Cut(write(t, forms["graph.txt"], fleetOf(test.services...)), "\n\n")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLinks(t *testing.T) {
	page := fleetOf("a", "b after a", "c after b", "d after c a", "e after gone")
	page.Plan.Decisions[3].WaitsFor = []string{"a", "b", "gone"}
	want := []link{{0, 1, after}, {1, 2, after}, {0, 3, waits}, {1, 3, through}, {2, 3, after}}
	if got := newDrawing(page.Plan).links; !slices.Equal(got, want) {
		t.Errorf("links %v, want %v", got, want)
	}
}

// nasty are names that mean something to the languages in which graphs are written.
var nasty = []string{`q"uote`, `back\slash`, `end\`, `\N`, "a&lt;b", "<b>bold</b>", "#quot;", "]:::x", "a-->b", "`code`", "end", "graph", "日本", hostile}

func nastyFleet() Page {
	page := fleetOf()
	for i, name := range nasty {
		d := plan.Decision{Service: name, Verdict: plan.Redeploy, Wave: i}
		if i > 0 {
			d.WaitsFor = nasty[i-1 : i]
			d.Declared = richAfter(nasty[i-1])
		}
		page.Plan.Decisions = append(page.Plan.Decisions, d)
	}
	return page
}

// Graphviz itself reads every service and every link as they are meant.
func TestDotByGraphviz(t *testing.T) {
	for name, page := range map[string]Page{"rich": richFleet(), "nasty": nastyFleet(), "cycle": fleetOf("a after b", "b after a")} {
		cmd := exec.Command("dot", "-Tjson0")
		cmd.Stdin = strings.NewReader(write(t, Dot, page))
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			t.Fatalf("%s: %s", name, exit.Stderr)
		} else if err != nil {
			t.Fatal(err)
		}
		var graph struct {
			Objects []struct{ Label, Class string }
			Edges   []struct {
				Head, Tail int
				Class      linkKind
			}
		}
		if err := json.Unmarshal(out, &graph); err != nil {
			t.Fatal(err)
		}
		d := newDrawing(page.Plan)
		var links []link
		for _, edge := range graph.Edges {
			links = append(links, link{edge.Tail, edge.Head, edge.Class})
		}
		slices.SortFunc(links, func(a, b link) int { return (a.to-b.to)*len(d.services) + a.from - b.from })
		if !slices.Equal(links, d.links) {
			t.Errorf("%s: links %v, want %v", name, links, d.links)
		}
		for i, service := range d.services {
			want := dotText(service.Service) + `\n` + stand(service)
			if got := strings.ReplaceAll(graph.Objects[i].Label, `"`, `\"`); got != want || graph.Objects[i].Class != string(service.Verdict) {
				t.Errorf("%s: service %d is %q, of class %q", name, i, got, graph.Objects[i].Class)
			}
		}
	}
}

// What Graphviz draws are the names, with nothing taken for an escape or an entity.
func TestDotLabels(t *testing.T) {
	cmd := exec.Command("dot", "-Tsvg")
	cmd.Stdin = strings.NewReader(write(t, Dot, nastyFleet()))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	shown := textsOf(t, strings.ReplaceAll(string(out), "&#160;", " "), "text")
	for _, name := range nasty {
		if !slices.Contains(shown, clean(name)) {
			t.Errorf("%q is not among %q", clean(name), shown)
		}
	}
}

// textsOf returns what the elements of that name hold in a document that has to be well-formed.
func textsOf(t *testing.T, document, name string) []string {
	t.Helper()
	var texts []string
	inside := false
	decoder := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if inside = token.Name.Local == name; inside {
				texts = append(texts, "")
			}
		case xml.EndElement:
			inside = false
		case xml.CharData:
			if inside {
				texts[len(texts)-1] += string(token)
			}
		}
	}
}

// Mermaid takes a label to its quotation mark, and the rest of the line for its own language.
func TestMermaidLabels(t *testing.T) {
	for line := range strings.Lines(write(t, Mermaid, nastyFleet())) {
		_, label, ok := strings.Cut(strings.TrimSuffix(line, "\n"), `["`)
		if !ok {
			continue
		}
		label, rest, _ := strings.Cut(label, `"]`)
		name, _, _ := strings.Cut(label, "<br>")
		if rest != ":::redeploy" || strings.ContainsAny(name, "\"<>`\\&") {
			t.Errorf("%q", line)
		}
	}
}

func TestSVG(t *testing.T) {
	for name, page := range map[string]Page{"rich": richFleet(), "nasty": nastyFleet(), "none": fleetOf()} {
		titles := textsOf(t, write(t, SVG, page), "title")
		for _, service := range page.Plan.Decisions {
			if want := clean(service.Service) + ": " + stand(service); !slices.Contains(titles, want) {
				t.Errorf("%s: no service has the title %q", name, want)
			}
		}
		if want := len(page.Plan.Decisions) + len(newDrawing(page.Plan).links); len(titles) != want {
			t.Errorf("%s: %d titles, want %d", name, len(titles), want)
		}
	}
}

// wideFleet is a fleet of many services of which each comes after up to three others.
func wideFleet(n int) Page {
	var services []string
	for i := range n {
		text := fmt.Sprintf("service-%d", i)
		if i > n/3 {
			text += fmt.Sprintf(" after service-%d service-%d service-%d", i*7%(i/2), i*11%(i/3), i-n/4)
		}
		services = append(services, text)
	}
	return fleetOf(services...)
}

// No two services are drawn over each other, each is right of all that it comes after, and no link goes through another service.
func TestPlacement(t *testing.T) {
	for name, page := range map[string]Page{"rich": richFleet(), "wide": wideFleet(300), "cycle": fleetOf("a after c", "b after a", "c after b", "d after c", "e after e")} {
		d := newDrawing(page.Plan)
		levels := d.levels()
		widths := make([]int, len(d.services))
		for i := range widths {
			widths[i] = 60 + i*37%100
		}
		p := d.place(widths, drawingWidth)
		for i, a := range p.boxes {
			if a.x < 0 || a.y < 0 || a.x+a.width > p.width || a.y+boxHeight > p.height || a.width < widths[i] {
				t.Errorf("%s: service %d is at %v of %dx%d", name, i, a, p.width, p.height)
			}
			for k, b := range p.boxes[:i] {
				if a.x < b.x+b.width && b.x < a.x+a.width && a.y < b.y+boxHeight && b.y < a.y+boxHeight {
					t.Errorf("%s: the services %d and %d are at %v and %v", name, i, k, a, b)
				}
			}
		}
		for i, l := range d.links {
			path := p.paths[i]
			if name != "cycle" && path[0].x+path[0].width >= path[len(path)-1].x {
				t.Errorf("%s: the link %v goes back: %v", name, l, path)
			}
			if want := max(levels[l.to]-levels[l.from], 1) + 1; len(path) != want {
				t.Errorf("%s: the link %v is in %d columns, want %d", name, l, len(path), want)
			}
			for _, pass := range path[1 : len(path)-1] {
				if over := slices.IndexFunc(p.boxes, func(b box) bool { return b.x == pass.x && b.y < pass.y && pass.y < b.y+boxHeight }); over >= 0 {
					t.Errorf("%s: the link %v goes through service %d", name, l, over)
				}
			}
		}
	}
}

// A graph that can be drawn without links that cross each other is.
func TestPlacementWithoutCrossings(t *testing.T) {
	page := fleetOf("a", "b", "c", "d after c", "e after b", "f after a", "g after d", "h after f", "i after g", "j after a e")
	d := newDrawing(page.Plan)
	p := d.place(slices.Repeat([]int{60}, len(d.services)), drawingWidth)
	for i, first := range d.links {
		for k, second := range d.links[:i] {
			a, b := p.paths[i], p.paths[k]
			if len(a) != 2 || len(b) != 2 || a[0].x != b[0].x || first.from == second.from || first.to == second.to {
				continue
			}
			if (a[0].y < b[0].y) != (a[1].y < b[1].y) {
				t.Errorf("%v crosses %v", first, second)
			}
		}
	}
}

// Every verdict has a colour, and every text on it, and on the page, a contrast of 4.5 to 1 or more (WCAG 2.2, success criterion 1.4.3).
func TestTones(t *testing.T) {
	for _, word := range planWords(t, "Verdict") {
		tone := toneOf(plan.Verdict(word))
		for _, pair := range [][2]string{{tone.light.ink, tone.light.fill}, {tone.light.ink, "#ffffff"}, {tone.dark.ink, tone.dark.fill}, {tone.dark.ink, "#16181b"}} {
			if got := contrast(t, pair[0], pair[1]); got < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f", word, pair[0], pair[1], got)
			}
		}
	}
}

// contrast is the ratio that WCAG 2.2 defines.
func contrast(t *testing.T, a, b string) float64 {
	light, dark := luminance(t, a), luminance(t, b)
	return (max(light, dark) + 0.05) / (min(light, dark) + 0.05)
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
