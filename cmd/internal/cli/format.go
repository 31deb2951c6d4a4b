package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
)

// format is how a plan is printed.
type format struct {
	name   string
	json   bool // is "json" by another name
	stable bool
	bytes  int // that it may take at most; 0 for what the form itself allows
}

// formats are the forms of a plan, by name.
var formats = []struct {
	name  string
	write func(w io.Writer, page view.Page, env *Env) error
}{
	{"text", func(_ io.Writer, page view.Page, env *Env) error { return env.printPlan(page) }},
	{"json", func(w io.Writer, page view.Page, _ *Env) error { return view.PlanJSON(w, page) }},
	{"review", func(w io.Writer, page view.Page, _ *Env) error { return view.Review(w, page) }},
	{"markdown", func(w io.Writer, page view.Page, _ *Env) error { return view.Markdown(w, page) }},
	{"html", func(w io.Writer, page view.Page, _ *Env) error { return view.HTML(w, page) }},
}

// comments are the forms that have to fit in a comment.
var comments = []string{"review", "markdown"}

func (f *format) flags(cmd *cobra.Command) {
	var names []string
	for _, form := range formats {
		names = append(names, form.name)
	}
	cmd.Flags().StringVar(&f.name, "format", "text", "print the plan as `FORM`: "+strings.Join(names, ", "))
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON document: short for -format=json")
	cmd.Flags().BoolVar(&f.stable, "stable", false, "leave out times and estimates, so that identical plans are printed alike to the byte")
	cmd.Flags().IntVar(&f.bytes, "max-bytes", 0, "print at most `N` bytes of a review, 15000 if not set, or of Markdown, 60000; what is left out is told")
}

// check settles the name, and returns an error if it is none, or another one than -json says.
func (f *format) check() error {
	switch {
	case f.json && f.name != "text" && f.name != "json":
		return fmt.Errorf("-json is short for -format=json, and here is -format=%s, too: give one of them", f.name)
	case f.json:
		f.name = "json"
	}
	var names []string
	for _, form := range formats {
		if form.name == f.name {
			return f.checkBytes()
		}
		names = append(names, form.name)
	}
	return fmt.Errorf("there is no -format %q: it is one of %s", f.name, strings.Join(names, ", "))
}

func (f *format) checkBytes() error {
	switch {
	case f.bytes == 0:
		return nil
	case !slices.Contains(comments, f.name):
		return fmt.Errorf("-max-bytes is for -format=%s, whose text can be cut: -format=%s is printed whole", strings.Join(comments, " and -format="), f.name)
	case f.bytes < view.MinBytes:
		return fmt.Errorf("-max-bytes=%d is too little: it must be %d or more", f.bytes, view.MinBytes)
	}
	return nil
}

// print writes the page to stdout.
func (f format) print(env *Env, page view.Page) error {
	page.Limit = f.bytes
	if f.stable {
		page = page.Stable()
	}
	for _, form := range formats {
		if form.name == f.name {
			return form.write(env.Stdout, page, env)
		}
	}
	return f.check()
}

// page is the plan with what is told around it.
func (o *opened) page(p *plan.Plan) view.Page {
	return view.Page{Plan: p, Made: o.env.Now().UTC(), Host: o.env.Host, Faults: o.faults}
}

// printPlan prints a plan for a person, on stdout. It names no command where a program drives cdplan.
func (env *Env) printPlan(page view.Page) error {
	if env.Getenv("CDPLAN_IN_AUTOMATION") != "" {
		page.Apply = ""
	}
	return view.Plan(env.Stdout, page, env.style(env.StdoutTerminal))
}
