package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
)

// Dot writes the plan as a graph in the language of Graphviz.
func Dot(w io.Writer, page Page) error {
	d := newDrawing(page.Plan)
	texts := []string{"digraph cdplan {", "\trankdir=LR", "\tnode [shape=box style=\"rounded,filled\" fontname=\"Helvetica\" fontsize=11]",
		"\tedge [color=\"#80868c\" arrowsize=0.7]"}
	for _, service := range d.services {
		colors := toneOf(service.Verdict).light
		texts = append(texts, fmt.Sprintf("\t%s [label=\"%s\\n%s\" class=%q fillcolor=%q color=%q fontcolor=%q]", dotID(service.Service),
			dotText(service.Service), stand(service), service.Verdict, colors.fill, colors.line, colors.ink))
	}
	for _, l := range d.links {
		texts = append(texts, fmt.Sprintf("\t%s -> %s [class=%q style=%s]", dotID(d.services[l.from].Service), dotID(d.services[l.to].Service), l.kind, dotLines[l.kind]))
	}
	return lines(w, append(texts, "}")...)
}

// stand tells how a service stands, in few words.
func stand(d plan.Decision) string {
	text := string(d.Verdict)
	if d.Scales() {
		text += " " + change(d)
	}
	if d.Wave == 0 {
		return text
	}
	return fmt.Sprintf("%s, wave %d", text, d.Wave)
}

var dotLines = map[linkKind]string{after: "solid", waits: "bold", through: "dashed"}

// dotText escapes a text for a label: in one a backslash begins an escape, and an ampersand an entity.
func dotText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(clean(text))
}

// dotID quotes a name. In one only the quotation mark is escaped; but a backslash before it, or at the end, would be taken for that.
func dotID(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(name)) + `"`
}

// Mermaid writes the plan as a flowchart for Mermaid, which forges draw where they show Markdown.
func Mermaid(w io.Writer, page Page) error {
	d := newDrawing(page.Plan)
	texts := []string{"flowchart LR"}
	for _, v := range slices.Concat(acting, resting) {
		if page.Plan.Counts()[v] > 0 {
			colors := toneOf(v).light
			texts = append(texts, fmt.Sprintf("  classDef %s fill:%s,stroke:%s,color:%s", v, colors.fill, colors.line, colors.ink))
		}
	}
	for i, service := range d.services {
		texts = append(texts, fmt.Sprintf("  n%d[\"%s<br>%s\"]:::%s", i+1, mermaidText(service.Service), mermaidText(stand(service)), service.Verdict))
	}
	for _, l := range d.links {
		texts = append(texts, fmt.Sprintf("  n%d %s n%d", l.from+1, mermaidLines[l.kind], l.to+1))
	}
	return lines(w, texts...)
}

var mermaidLines = map[linkKind]string{after: "-->", waits: "==>", through: "-.->"}

// mermaidText escapes a text for a quoted label, which may hold entities without their ampersand, HTML and Markdown.
func mermaidText(text string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "&", "#amp;", "<", "#lt;", ">", "#gt;", "`", "#96;", `\`, "#92;", "*", "#42;", "_", "#95;").Replace(clean(text))
}
