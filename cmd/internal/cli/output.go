package cli

import (
	"errors"
	"io"
	"slices"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
)

// output is where an apply tells what it does.
type output interface {
	event(apply.Event)
	// results ends the output, and returns the first error that there was. Where nothing was done and nobody watches, it tells nothing of a
	// result that is routine.
	results(all []apply.Result, routine func(apply.Result) bool) error
	// changes tells how services stand now that stood otherwise before.
	changes([]view.Change) error
}

// output prints the plan, unless nobody watches and nothing is done about it yet, and returns how to go on.
func (o applyOptions) output(fleet *opened, p *plan.Plan) (output, error) {
	if o.json {
		stream, err := view.NewStream(o.env.Stdout, o.env.Version, o.env.Now)
		if err != nil {
			return nil, err
		}
		return &jsonOutput{stream: stream}, stream.Plan(p, fleet.faults)
	}
	text := &textOutput{env: o.env, plan: p, auto: o.auto}
	if o.auto {
		return text, nil
	}
	return text, text.begin()
}

// textOutput prints plan and results on stdout, and the progress on stderr.
type textOutput struct {
	env    *Env
	plan   *plan.Plan
	auto   bool          // nobody watches
	begun  bool          // the plan is printed
	before []apply.Event // that came before anything was done
	err    error
}

func (t *textOutput) begin() error {
	t.begun = true
	err := view.Plan(t.env.Stdout, t.plan, t.env.style(t.env.StdoutTerminal))
	if t.env.StdoutTerminal && t.env.StderrTerminal {
		t.env.say("\n") // before the progress, which follows on the same terminal
	}
	return err
}

func (t *textOutput) event(e apply.Event) {
	if !t.begun && e.Kind != apply.EventStart {
		t.before = append(t.before, e)
		return
	}
	if !t.begun {
		t.err = t.begin()
	}
	for _, event := range append(t.before, e) {
		t.err = errors.Join(t.err, view.Event(t.env.Stderr, event, t.env.style(t.env.StderrTerminal)))
	}
	t.before = nil
}

// results prints the table. Where nobody watches and nothing was done, all there is to say is why, on stderr.
func (t *textOutput) results(results []apply.Result, routine func(apply.Result) bool) error {
	if t.begun {
		return errors.Join(t.err, view.Results(t.env.Stdout, results, t.env.style(t.env.StdoutTerminal)))
	}
	for _, r := range results {
		if r.Err != nil && !errors.Is(r.Err, apply.ErrDone) && !routine(r) {
			t.env.say("%s %s: %s\n", r.Service, r.Outcome, r.Err)
		}
	}
	return t.err
}

// changes prints a line for each; where a person watches, for those alone that the results have brought, since the plan tells the others.
func (t *textOutput) changes(changes []view.Change) error {
	if !t.auto {
		changes = slices.DeleteFunc(slices.Clone(changes), func(c view.Change) bool { return c.Result == nil })
	}
	if t.begun && len(changes) > 0 {
		if _, err := io.WriteString(t.env.Stdout, "\n"); err != nil {
			return err
		}
	}
	return view.Changes(t.env.Stdout, changes, t.env.style(t.env.StdoutTerminal))
}

// jsonOutput prints JSON lines on stdout.
type jsonOutput struct {
	stream *view.Stream
	err    error
}

func (j *jsonOutput) event(e apply.Event) { j.err = errors.Join(j.err, j.stream.Event(e)) }

func (j *jsonOutput) results(results []apply.Result, _ func(apply.Result) bool) error {
	return errors.Join(j.err, j.stream.Results(results))
}

func (j *jsonOutput) changes(changes []view.Change) error { return j.stream.Changes(changes) }
