// Package mojo deploys a service: it runs "mojo run" as a child process, keeps its whole output in a log, and tells how it ended. What is
// deployed afterwards it leaves to others to record.
package mojo

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// defaultTimeout is long because deploys are: an hour and a half is usual, and one that is cut off leaves its service half deployed.
const defaultTimeout = 4 * time.Hour

// defaultPoll is how late a phase may be told.
const defaultPoll = time.Second

// defaultCommand is the command line in the form that mojo's users type. An element whose value is empty is left out.
var defaultCommand = []string{"mojo", "run", "--project={project}", "--series={series}", "--stage={stage}", "--manifest={manifest}",
	"{spec}", "{workspace}"}

// Driver describes the provider.
func Driver() providers.Driver {
	return providers.Driver{
		Name: "mojo",
		Config: resource.Schema{
			Doc: "How services are deployed.",
			Attrs: map[string]resource.Attr{
				"command": {Type: cty.List(cty.String), Public: true, Doc: "The command line, one element an argument. {project}, {series}, " +
					"{stage}, {workspace}, {spec}, {manifest} and {service} stand for the service's values; an element whose value is empty is left " +
					"out. The default is mojo run --project={project} --series={series} --stage={stage} --manifest={manifest} {spec} {workspace}."},
				"timeout": {Type: cty.String, Public: true, Doc: "How long a deploy may take where its service does not say: a duration such as \"90m\". " +
					"The default is 4h."},
				"phase": {Type: cty.String, Public: true, Doc: "How a phase of a deploy is known: a regular expression for the line of mojo's output by " +
					"which it begins; the first group matches the phase's name. The default matches lines such as 2015-05-13 21:02:11 [INFO] ### phase " +
					"deploy, also without ###, and with Running before the word phase or a colon behind it."},
			},
		},
		Types: map[string]resource.Schema{"mojo_run": runSchema()},
		Open:  open,
	}
}

func runSchema() resource.Schema {
	text := func(doc string) resource.Attr { return resource.Attr{Type: cty.String, Public: true, Doc: doc} }
	return resource.Schema{
		Doc:  "A deployment by mojo.",
		Role: resource.Action,
		Attrs: map[string]resource.Attr{
			"directory": {Type: cty.String, Required: true, Public: true, Doc: "The service's directory, where mojo runs."},
			"spec":      {Type: cty.String, Required: true, Public: true, Doc: "The branch that holds the mojo spec. It is watched as the branch \"spec\"."},
			"project":   text("The mojo project. The default is the service's name."),
			"series":    text("The Ubuntu series."),
			"stage":     text("The stage, such as production."),
			"workspace": text("The mojo workspace. The default is the service's name."),
			"manifest":  text("The manifest's file name, where it is not mojo's default."),
			"timeout":   text("How long the deploy may take: a duration such as 90m."),
			"environment": {Type: cty.Map(cty.String), Doc: "Variables that mojo gets beside cdplan's own environment, names as written. " +
				"Their values are not shown."},
			resource.Revisions: {Type: cty.Map(resource.RevisionType), Public: true, Computed: true, Doc: "The revision of every branch that is deployed."},
		},
	}
}

type settings struct {
	Command []string `cty:"command"`
	Timeout string   `cty:"timeout"`
	Phase   string   `cty:"phase"`
}

func open(_ context.Context, config cty.Value) (providers.Provider, error) {
	var s settings
	if err := resource.Decode(config, &s); err != nil {
		return nil, err
	}
	phase, err := parsePhase(cmp.Or(s.Phase, defaultPhase))
	if err != nil {
		return nil, err
	}
	r := &runner{command: s.Command, timeout: defaultTimeout, grace: defaultGrace, phase: phase, poll: defaultPoll}
	if len(r.command) == 0 {
		r.command = defaultCommand
	}
	if s.Timeout != "" {
		timeout, err := time.ParseDuration(s.Timeout)
		if err != nil || timeout <= 0 {
			return nil, &resource.AttrError{Attr: "timeout", Summary: "Invalid duration",
				Detail: fmt.Sprintf("The timeout must be a duration such as \"90m\", not %q.", s.Timeout)}
		}
		r.timeout = timeout
	}
	return r, nil
}

// runner is provider and resource in one: it has a single type and holds nothing open.
type runner struct {
	command []string
	timeout time.Duration
	grace   time.Duration // between SIGTERM and SIGKILL
	phase   *regexp.Regexp
	poll    time.Duration // how often the log is looked at for phases
}

func (r *runner) Resource(string) providers.Resource { return r }

func (r *runner) Close() error { return nil }

// Read finds nothing: what was deployed last is told by the record, and mojo keeps none.
func (r *runner) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	readings := make([]resource.Reading, len(want))
	for i, w := range want {
		readings[i] = resource.Reading{Addr: w.Addr}
	}
	return readings
}
