package view

import (
	"cmp"
	"slices"

	"launchpad.net/cdplan/plan/graph"
)

// The measures of a drawing, in pixels.
const (
	boxHeight = 42
	boxGap    = 14 // between boxes above one another, and between links that pass beside one
	columnGap = 52
	outerEdge = 16 // around everything
)

// sweeps is how often the columns of a drawing are gone over, once from the left and once from the right each time.
const sweeps = 8

// placement is where the services of a drawing are, and which way its links go.
type placement struct {
	width, height int
	boxes         []box   // of the services
	paths         [][]box // of the links: what each passes through, from box to box
}

// box is a place for a service; its height is boxHeight. Of a link that passes between services it is without height, and y is where it passes.
type box struct{ x, y, width int }

// place lays out services that are so wide. Each is in a column right of all that it comes after; those that have nothing to do with one another are laid
// out by themselves and packed into rows of about that width. It takes the steps of Sugiyama, Tagawa and Toda ("Methods for visual understanding of
// hierarchical system structures", 1981), with the middle of the neighbours as the measure both for the order in a column and for the place.
func (d drawing) place(widths []int, width int) placement {
	l := placement{boxes: make([]box, len(widths)), paths: make([][]box, len(d.links))}
	var parts []*part
	levels := d.levels()
	for _, members := range d.parts() {
		parts = append(parts, newPart(d, members, levels, widths))
	}
	for _, p := range parts {
		width = max(width, p.width+2*outerEdge)
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(b.height, a.height) })
	x, y, row := outerEdge, outerEdge, 0
	for _, p := range parts {
		if x+p.width+outerEdge > width {
			x, y, row = outerEdge, y+row+2*boxGap, 0
		}
		p.draw(&l, x, y)
		l.width, l.height = max(l.width, x+p.width+outerEdge), max(l.height, y+p.height+outerEdge)
		x, row = x+p.width+2*boxGap, max(row, p.height)
	}
	return l
}

// levels returns the column of each service, from 0. Those that come after one another share a column.
func (d drawing) levels() []int {
	needs := make(graph.Graph, len(d.services))
	for _, service := range d.services {
		needs[service.Service] = nil
	}
	for _, l := range d.links {
		to := d.services[l.to].Service
		needs[to] = append(needs[to], d.services[l.from].Service)
	}
	all := needs.Levels()
	levels := make([]int, len(d.services))
	for i, service := range d.services {
		levels[i] = all[service.Service] - 1
	}
	return levels
}

// parts returns the services by what hangs together, each part and all of them in the order of the services.
func (d drawing) parts() [][]int {
	part := make([]int, len(d.services))
	for i := range part {
		part[i] = i
	}
	for _, l := range d.links {
		from, to := part[l.from], part[l.to]
		for i := range part {
			if part[i] == max(from, to) {
				part[i] = min(from, to)
			}
		}
	}
	members := make([][]int, len(d.services))
	for i, first := range part {
		members[first] = append(members[first], i)
	}
	return slices.DeleteFunc(members, func(m []int) bool { return m == nil })
}

// part is some services that hang together, in columns from left to right.
type part struct {
	cells         []cell
	columns       [][]int       // of cells, from top to bottom
	starts, ends  []int         // of the columns, from the left edge
	chains        map[int][]int // by link: its cells from service to service, those where it passes a column among them
	width, height int
}

// cell is a service, or where a link passes a column.
type cell struct {
	service     int // -1 for a link
	column      int
	y           int   // of its middle
	left, right []int // the cells that links lead to
}

func newPart(d drawing, members, levels, widths []int) *part {
	p := &part{chains: map[int][]int{}}
	at := map[int]int{}
	for _, service := range members {
		at[service] = p.add(service, levels[service])
	}
	for i, l := range d.links {
		if from, ok := at[l.from]; ok {
			p.lead(i, from, at[l.to])
		}
	}
	for range sweeps {
		for _, column := range p.columns[1:] {
			p.settle(column, func(c cell) []int { return c.left })
		}
		for _, column := range slices.Backward(p.columns[:len(p.columns)-1]) {
			p.settle(column, func(c cell) []int { return c.right })
		}
	}
	p.measure(widths)
	return p
}

// add puts a cell below all others of its column.
func (p *part) add(service, column int) int {
	for len(p.columns) <= column {
		p.columns = append(p.columns, nil)
	}
	i := len(p.cells)
	p.cells = append(p.cells, cell{service: service, column: column, y: len(p.columns[column]) * (boxHeight + boxGap)})
	p.columns[column] = append(p.columns[column], i)
	return i
}

// lead leads a link through the columns between its ends. One that does not lead to the right is part of a cycle, and moves nothing.
func (p *part) lead(link, from, to int) {
	chain := []int{from}
	for column := p.cells[from].column + 1; column < p.cells[to].column; column++ {
		chain = append(chain, p.add(-1, column))
	}
	chain = append(chain, to)
	p.chains[link] = chain
	if p.cells[from].column >= p.cells[to].column {
		return
	}
	for i, c := range chain[1:] {
		p.cells[chain[i]].right = append(p.cells[chain[i]].right, c)
		p.cells[c].left = append(p.cells[c].left, chain[i])
	}
}

// settle moves each cell of a column as near to the middle of its neighbours as the others let it.
func (p *part) settle(column []int, neighbours func(cell) []int) {
	want := map[int]int{}
	for _, i := range column {
		want[i] = p.middle(p.cells[i].y, neighbours(p.cells[i]))
	}
	slices.SortStableFunc(column, func(a, b int) int { return cmp.Compare(want[a], want[b]) })
	down, up := make([]int, len(column)), make([]int, len(column))
	for k, i := range column {
		down[k] = want[i]
		if k > 0 {
			down[k] = max(down[k], down[k-1]+p.distance(column[k-1], i))
		}
	}
	for k, i := range slices.Backward(column) {
		up[k] = want[i]
		if k < len(column)-1 {
			up[k] = min(up[k], up[k+1]-p.distance(i, column[k+1]))
		}
	}
	for k, i := range column {
		p.cells[i].y = down[k] - (down[k]-up[k])/2
	}
}

func (p *part) middle(y int, neighbours []int) int {
	if len(neighbours) == 0 {
		return y
	}
	sum := 0
	for _, i := range neighbours {
		sum += p.cells[i].y
	}
	return sum / len(neighbours)
}

// distance is how far apart the middles of two cells of a column have to be.
func (p *part) distance(a, b int) int { return p.half(a) + boxGap + p.half(b) }

func (p *part) half(i int) int {
	if p.cells[i].service < 0 {
		return 0
	}
	return boxHeight / 2
}

// measure settles where the columns are, and moves everything to the top.
func (p *part) measure(widths []int) {
	for _, column := range p.columns {
		width := 0
		for _, i := range column {
			if service := p.cells[i].service; service >= 0 {
				width = max(width, widths[service])
			}
		}
		if p.width > 0 {
			p.width += columnGap
		}
		p.starts, p.ends = append(p.starts, p.width), append(p.ends, p.width+width)
		p.width += width
	}
	top, bottom := p.cells[0].y, p.cells[0].y
	for i, c := range p.cells {
		top, bottom = min(top, c.y-p.half(i)), max(bottom, c.y+p.half(i))
	}
	for i := range p.cells {
		p.cells[i].y -= top
	}
	p.height = bottom - top
}

// draw puts the part into a placement, at that place.
func (p *part) draw(l *placement, x, y int) {
	box := func(i int) box {
		c := p.cells[i]
		return box{x + p.starts[c.column], y + c.y - p.half(i), p.ends[c.column] - p.starts[c.column]}
	}
	for i, c := range p.cells {
		if c.service >= 0 {
			l.boxes[c.service] = box(i)
		}
	}
	for link, chain := range p.chains {
		for _, i := range chain {
			l.paths[link] = append(l.paths[link], box(i))
		}
	}
}
