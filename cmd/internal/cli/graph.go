package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
)

type graphOptions struct {
	*common
	selection
	with []string
	name string // of the form
}

// graphs are the forms of a graph, by name.
var graphs = []graphForm{
	{"tree", view.Graph},
	{"dot", func(w io.Writer, page view.Page, _ view.Style) error { return view.Dot(w, page) }},
	{"mermaid", func(w io.Writer, page view.Page, _ view.Style) error { return view.Mermaid(w, page) }},
	{"svg", func(w io.Writer, page view.Page, _ view.Style) error { return view.SVG(w, page) }},
}

type graphForm struct {
	name string
	draw func(w io.Writer, page view.Page, s view.Style) error
}

func newGraph(c *common) *cobra.Command {
	o := graphOptions{common: c}
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Draw which service comes after which, and who waits for whom",
		Long: "Makes the same plan as \"cdplan plan\" and draws it: each service with its verdict,\n" +
			"and what comes after it. Where a service waits for another one now, the arrow is\n" +
			"bold, or dashed if services that are the same stand between the two. It changes\n" +
			"nothing and takes no lock.",
		Example: "  cdplan graph\n  cdplan graph -target 'web-*' -with-deps\n  cdplan graph -format=svg > plan.svg\n  cdplan graph -format=dot | dot -Tpng > plan.png",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runGraph(cmd.Context(), o) },
	}
	o.selection.flags(cmd)
	o.selection.depsFlags(cmd)
	withFlag(cmd, &o.with)
	cmd.Flags().StringVar(&o.name, "format", "tree", "draw the plan as `FORM`: "+strings.Join(graphNames(), ", "))
	return cmd
}

func graphNames() []string {
	var names []string
	for _, form := range graphs {
		names = append(names, form.name)
	}
	return names
}

func runGraph(ctx context.Context, o graphOptions) (err error) {
	form := slices.Index(graphNames(), o.name)
	if form < 0 {
		return fmt.Errorf("there is no -format %q: it is one of %s", o.name, strings.Join(graphNames(), ", "))
	}
	fleet, err := o.open(ctx, o.selection, o.name != "tree")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	if err := fleet.land(ctx, o.common, o.with, o.name != "tree"); err != nil {
		return err
	}
	p, err := fleet.preview(ctx)
	if err != nil {
		return err
	}
	if err := graphs[form].draw(o.env.Stdout, fleet.page(p), o.env.style(o.env.StdoutTerminal)); err != nil {
		return err
	}
	fleet.tell(troubles(p))
	return planCode(p, false)
}
