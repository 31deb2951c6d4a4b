package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
)

// output is where an apply tells what it does. Its methods are called one at a time.
type output interface {
	// approval tells, before anything is done, what is not as it was approved.
	approval(view.Approval) error
	// event tells what has come to pass, and what runs after it.
	event(e apply.Event, running []view.Running)
	// tick tells what runs, again and again, and of which services it is time to say so.
	tick(now time.Time, running, due []view.Running)
	// results ends the output, and returns the first error that there was. Where nothing was done and nobody watches, it tells nothing of a
	// result that is routine.
	results(all []apply.Result, routine func(apply.Result) bool) error
	// changes tells how services stand now that stood otherwise before.
	changes([]view.Change) error
}

// outputs prints the plan, unless nobody watches and nothing is done about it yet, and returns how to go on.
func (o applyOptions) outputs(fleet *opened, p *plan.Plan, into io.Writer) ([]output, error) {
	var all []output
	if into != nil {
		out, err := o.jsonOutput(into, fleet, p)
		if err != nil {
			return nil, err
		}
		all = append(all, out)
	}
	if o.json {
		out, err := o.jsonOutput(o.env.Stdout, fleet, p)
		return append(all, out), err
	}
	text := &textOutput{env: o.env, page: fleet.page(p), auto: o.auto, progress: view.NewProgress(p)}
	if o.env.live() {
		text.foot = newFoot(o.env, p, text.progress)
	}
	if o.auto {
		return append(all, text), nil
	}
	return append(all, text), text.begin()
}

// textOutput prints plan and results on stdout, and the progress on stderr.
type textOutput struct {
	env      *Env
	page     view.Page
	progress view.Progress
	foot     *foot         // nil where the progress is lines and nothing else
	auto     bool          // nobody watches
	begun    bool          // the plan is printed
	before   []apply.Event // that came before anything was done
	err      error         // the first
}

func (t *textOutput) begin() error {
	t.begun = true
	err := t.env.printPlan(t.page)
	if t.env.StdoutTerminal && t.env.StderrTerminal {
		t.env.say("\n") // before the progress, which follows on the same terminal
	}
	return err
}

// approval prints it on stderr, below the plan.
func (t *textOutput) approval(a view.Approval) error {
	if t.env.StdoutTerminal && t.env.StderrTerminal && !a.Holds() {
		t.env.say("\n")
	}
	return view.Refused(t.env.Stderr, a, t.env.style(t.env.StderrTerminal))
}

func (t *textOutput) event(e apply.Event, running []view.Running) {
	if !t.begun && e.Kind != apply.EventStart {
		t.before = append(t.before, e)
		return
	}
	if !t.begun {
		t.failed(t.begin())
	}
	events := append(t.before, e)
	t.before = nil
	if t.foot != nil {
		t.failed(t.foot.events(events, running))
		return
	}
	for _, event := range events {
		t.failed(t.progress.Event(t.env.Stderr, event, t.env.style(t.env.StderrTerminal)))
	}
}

func (t *textOutput) tick(now time.Time, running, due []view.Running) {
	if t.foot != nil && t.begun {
		t.failed(t.foot.draw("", now, running))
		return
	}
	for _, r := range due {
		t.failed(t.progress.Beat(t.env.Stderr, now, r, t.env.style(t.env.StderrTerminal)))
	}
}

func (t *textOutput) failed(err error) { t.err = cmp.Or(t.err, err) }

// results prints the table. Where nobody watches and nothing was done, all there is to say is why, on stderr.
func (t *textOutput) results(results []apply.Result, routine func(apply.Result) bool) error {
	if t.begun {
		if t.foot != nil {
			t.failed(t.foot.erase())
		}
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

// live says whether the progress can be drawn at the foot of a terminal, and not only be told in lines.
func (env *Env) live() bool {
	return env.StderrTerminal && env.StderrSize != nil && !env.noColor && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb" &&
		env.Getenv("TERM") != ""
}

// foot draws what runs at the foot of the terminal; what has ended scrolls above it.
type foot struct {
	env      *Env
	progress view.Progress
	region   *view.Region
	total    int // services that are to be dealt with
	done     int
	stopping bool
}

func newFoot(env *Env, p *plan.Plan, progress view.Progress) *foot {
	f := &foot{env: env, progress: progress, region: view.NewRegion(env.Stderr)}
	for _, d := range p.Decisions {
		if d.Verdict.Acts() {
			f.total++
		}
	}
	return f
}

func (f *foot) events(events []apply.Event, running []view.Running) error {
	var above strings.Builder
	for _, e := range events {
		switch e.Kind {
		case apply.EventEnd:
			f.done++
		case apply.EventStop:
			f.stopping = true
		default:
			continue
		}
		if err := f.progress.Event(&above, e, f.env.style(true)); err != nil {
			return err
		}
	}
	return f.draw(above.String(), events[len(events)-1].Time, running)
}

func (f *foot) draw(above string, now time.Time, running []view.Running) error {
	all := fmt.Sprintf("%d of %d done", f.done, f.total)
	if f.stopping {
		all += ", nothing more is started"
	}
	width, height := f.env.StderrSize()
	return f.region.Draw(above, f.progress.Live(now, running, all, width, height))
}

func (f *foot) erase() error { return f.region.Draw("", nil) }

// jsonOutput prints JSON lines.
type jsonOutput struct {
	stream *view.Stream
	err    error // the first
}

func (o applyOptions) jsonOutput(w io.Writer, fleet *opened, p *plan.Plan) (*jsonOutput, error) {
	stream, err := view.NewStream(w, o.env.Version, o.env.Now)
	if err != nil {
		return nil, err
	}
	return &jsonOutput{stream: stream}, stream.Plan(fleet.page(p))
}

func (j *jsonOutput) approval(a view.Approval) error { return j.stream.Approval(a) }

func (j *jsonOutput) event(e apply.Event, _ []view.Running) { j.err = cmp.Or(j.err, j.stream.Event(e)) }

func (j *jsonOutput) tick(now time.Time, _, due []view.Running) {
	for _, r := range due {
		j.err = cmp.Or(j.err, j.stream.Beat(now, r))
	}
}

func (j *jsonOutput) results(results []apply.Result, _ func(apply.Result) bool) error {
	return cmp.Or(j.err, j.stream.Results(results))
}

// createInto opens the file of -json-into, before anything else is done. It returns nil for no name.
func createInto(name string) (io.WriteCloser, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the JSON: %w", err)
	}
	return file, nil
}

// closeInto closes the file, if there is one, and returns the error with what that adds to it.
func closeInto(file io.Closer, err error) error {
	if file == nil {
		return err
	}
	if closed := file.Close(); closed != nil {
		return errors.Join(err, fmt.Errorf("cannot write the JSON: %w", closed))
	}
	return err
}

func (j *jsonOutput) changes(changes []view.Change) error { return j.stream.Changes(changes) }
