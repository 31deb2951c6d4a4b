package view

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed *.tmpl *.css
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "*.tmpl"))

// The measures of the texts in a box, in pixels: they are set in a type whose characters are all of one width.
const (
	nameCut        = 32  // columns
	nameColumn     = 7.9 // of a column of a name
	standingColumn = 6.7 // of a character of what is below it
	boxMargin      = 12  // left and right of a text
	drawingWidth   = 1120
)

// SVG draws the plan, with the services that come first on the left.
func SVG(w io.Writer, page Page) error {
	d := newDrawing(page.Plan)
	style, err := pages.ReadFile("drawing.css")
	if err != nil {
		return err
	}
	picture := d.picture(fmt.Sprintf("Plan %s", ShortFingerprint(page.Plan.Fingerprint)))
	picture.Style = template.CSS(toneStyle() + string(style)) // ours alone
	return templates.ExecuteTemplate(w, "drawing.tmpl", picture)
}

// picture is a drawing as it is printed.
type picture struct {
	Title         string
	Style         template.CSS // empty within a page that has it
	Width, Height int
	Links         []pictureLink
	Boxes         []pictureBox
}

type pictureLink struct {
	Kind  linkKind
	Title string
	Line  string // the path, and the tip at its end
	Tip   string
}

type pictureBox struct {
	Service, Name, Standing, Class string
	Linked                         bool // to where the page tells of it
	X, Y, Width, Height            int
	Fill, Line, Ink                string // on a light page, for what knows no style sheets
	Middle, NameLine, StandingLine int    // where the texts are
}

func (d drawing) picture(title string) picture {
	var widths []int
	for _, service := range d.services {
		name := float64(columns(cutMiddle(clean(service.Service), nameCut))) * nameColumn
		widths = append(widths, 2*boxMargin+int(max(name, float64(len(stand(service)))*standingColumn)))
	}
	l := d.place(widths, drawingWidth)
	p := picture{Title: title, Width: l.width, Height: l.height}
	for i, link := range d.links {
		from, to := clean(d.services[link.from].Service), clean(d.services[link.to].Service)
		line, tip := curve(l.paths[i])
		p.Links = append(p.Links, pictureLink{Kind: link.kind, Title: fmt.Sprintf(linkTitles[link.kind], to, from), Line: line, Tip: tip})
	}
	for i, service := range d.services {
		b, t := l.boxes[i], toneOf(service.Verdict)
		p.Boxes = append(p.Boxes, pictureBox{Service: clean(service.Service), Name: cutMiddle(clean(service.Service), nameCut), Standing: stand(service),
			Class: string(service.Verdict) + " " + t.name, X: b.x, Y: b.y, Width: b.width, Height: boxHeight, Fill: t.light.fill, Line: t.light.line, Ink: t.light.ink,
			Middle: b.x + b.width/2, NameLine: b.y + 18, StandingLine: b.y + 33})
	}
	return p
}

var linkTitles = map[linkKind]string{after: "%s comes after %s", waits: "%s waits for %s", through: "%s waits for %s"}

// The shape of the links, in pixels.
const (
	tipLength = 8
	tipHalf   = 4
	loop      = 16 // how far to the right one reaches that leads back
)

// curve returns the path of a link, and the tip at its end.
func curve(path []box) (line, tip string) {
	from, to := path[0], path[len(path)-1]
	x, y := from.x+from.width, from.y+boxHeight/2
	if from.x >= to.x {
		end, below := to.x+to.width, to.y+boxHeight/2+boxGap/2
		return fmt.Sprintf("M%d,%d C%d,%d %d,%d %d,%d", x, y-boxGap/2, x+loop, y-boxGap/2, end+loop, below, end+tipLength, below), tipOf(end, below, -1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%d,%d", x, y)
	bend := func(toX, toY int) {
		middle := (x + toX) / 2
		fmt.Fprintf(&b, " C%d,%d %d,%d %d,%d", middle, y, middle, toY, toX, toY)
		x, y = toX, toY
	}
	for _, pass := range path[1 : len(path)-1] {
		bend(pass.x, pass.y)
		x += pass.width
		fmt.Fprintf(&b, " H%d", x)
	}
	bend(to.x-tipLength, to.y+boxHeight/2)
	return b.String(), tipOf(to.x, y, 1)
}

// tipOf is the tip of a link that ends there, towards the right (1) or the left (-1).
func tipOf(x, y, towards int) string {
	return fmt.Sprintf("M%d,%d L%d,%d L%d,%d Z", x-towards*tipLength, y-tipHalf, x, y, x-towards*tipLength, y+tipHalf)
}
