package cli

import (
	"fmt"
	"io"
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
}

// formats are the forms of a plan, by name.
var formats = []struct {
	name  string
	write func(w io.Writer, page view.Page, env *Env) error
}{
	{"text", func(_ io.Writer, page view.Page, env *Env) error { return env.printPlan(page) }},
	{"json", func(w io.Writer, page view.Page, _ *Env) error { return view.PlanJSON(w, page) }},
}

func (f *format) flags(cmd *cobra.Command) {
	var names []string
	for _, form := range formats {
		names = append(names, form.name)
	}
	cmd.Flags().StringVar(&f.name, "format", "text", "print the plan as `FORM`: "+strings.Join(names, ", "))
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON document: short for -format=json")
	cmd.Flags().BoolVar(&f.stable, "stable", false, "leave out times and estimates, so that identical plans are printed alike to the byte")
}

// check settles the name, and returns an error if it is none.
func (f *format) check() error {
	if f.json {
		f.name = "json"
	}
	var names []string
	for _, form := range formats {
		if form.name == f.name {
			return nil
		}
		names = append(names, form.name)
	}
	return fmt.Errorf("there is no -format %q: it is one of %s", f.name, strings.Join(names, ", "))
}

// print writes the page to stdout.
func (f format) print(env *Env, page view.Page) error {
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
