package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// attempt is one try to do what a decision says, with the lock of its service held.
type attempt struct {
	Options
	decision *plan.Decision
	action   string // in the journal; empty: the verdict
	lock     *os.File
	events   chan<- Event
	note     state.Attempt // what the journal knows of it
	lost     error         // that the journal could not take something
}

// run does the steps and notes in the journal what happens, each before it is done or as soon as it is known. What is deployed is told by the
// servers, so that a journal which fails in the middle ends nothing.
func (a *attempt) run(ctx context.Context, result *Result) {
	noting := context.WithoutCancel(ctx)
	if err := a.begin(noting); err != nil {
		result.Outcome, result.Err = NotStarted, err
		return
	}
	a.events <- Event{Time: a.note.Begin, Service: a.note.Service, Kind: EventStart, Log: a.note.Log, Usual: a.decision.Usual.Median}
	err := a.steps(ctx)
	a.note.End = a.now()
	result.Start, result.End, result.Phase, result.Attempt = a.note.Begin, a.note.End, a.note.Phase, a.note.ID
	result.Size = a.note.Size
	if _, err := os.Stat(a.note.Log); err == nil {
		result.Log = a.note.Log
	}
	result.Outcome, a.note.Blame, result.Err = a.judge(ctx, err)
	a.note.Result = string(result.Outcome)
	if result.Err != nil {
		a.note.Error = result.Err.Error()
	}
	a.keep(a.Journal.Finish(noting, a.note))
	result.Err = errors.Join(result.Err, a.lost)
}

// begin notes what is going to be done.
func (a *attempt) begin(ctx context.Context) error {
	d, now := a.decision, a.now()
	a.note = state.Attempt{Service: d.Service, Run: state.RunName(now), Action: cmp.Or(a.action, string(d.Verdict)), Revisions: d.Revisions, Hash: resource.Hash(d.Revisions),
		Fingerprint: d.Fingerprint, Begin: now, Deployed: a.action == Adopted || slices.Contains(d.Reasons, plan.NotRecorded), Owner: a.Owner}
	if a.frozen(now) {
		a.note.Reason = a.Reason
	}
	if d.Verdict == plan.Scale {
		a.note.Size = &state.Resized{At: now, From: d.Size.Units, To: d.Size.To, Remove: d.Size.Remove, Known: d.Size.Load.Err == nil, Load: d.Size.Load.Value, Sum: d.Size.Sum}
	}
	for _, change := range d.Changes {
		a.note.Moves = append(a.note.Moves, state.Move{Label: change.Label, From: change.From, To: change.To})
	}
	var err error
	if d.Verdict != plan.Scale { // which has no output
		if a.note.Log, err = a.Dir.Log(d.Service, a.note.Run); err != nil {
			return err
		}
	}
	a.note.ID, err = a.Journal.Start(ctx, a.note)
	return err
}

// frozen says whether a freeze is in force for the service, broken or not.
func (a *attempt) frozen(now time.Time) bool {
	unbroken := plan.Rules{Freezes: a.Rules.Freezes}
	verdict, _ := unbroken.Bar(a.decision, nil, now)
	return verdict != ""
}

// steps does one after another, and stops at the first that fails.
func (a *attempt) steps(ctx context.Context) error {
	steps := make([]resource.Step, len(a.decision.Steps))
	for i, step := range a.decision.Steps {
		step.Run, step.At, step.Log, step.Keep = a.note.Run, a.note.Begin, a.note.Log, []*os.File{a.lock}
		steps[i] = step
	}
	if err := announce(steps, a.Options); err != nil {
		return err
	}
	for _, step := range steps {
		applier, ok := a.Types[step.Addr.Type].(providers.Applier)
		if !ok {
			return fmt.Errorf("cannot apply %s: its provider only reads", step.Addr)
		}
		if a.Schemas[step.Addr.Type].Role == resource.Record && a.decision.Verdict.Deploys() {
			a.note.Deployed, a.note.Phase = true, state.PhaseRecord
			a.keep(a.Journal.Deployed(context.WithoutCancel(ctx), a.note.ID))
		}
		if err := providers.Catch(func() error { _, err := applier.Apply(ctx, step, a.tell); return err }); err != nil {
			return err
		}
	}
	return nil
}

// tell passes on how a step goes on.
func (a *attempt) tell(event resource.Event) {
	if event.Phase != "" && event.Phase != a.note.Phase {
		a.note.Phase = event.Phase
		a.keep(a.Journal.Phase(context.Background(), a.note.ID, a.now(), event.Phase))
	}
	a.events <- Event{Time: a.now(), Service: a.note.Service, Kind: EventProgress, Text: event.Text, Phase: event.Phase}
}

// keep remembers the first error of the journal.
func (a *attempt) keep(err error) {
	if a.lost == nil {
		a.lost = err
	}
}

// judge says what the error of the steps means. A deploy that ran and failed is blamed on the revisions, anything else on the host.
func (a *attempt) judge(ctx context.Context, err error) (Outcome, state.Blame, error) {
	if err != nil && a.note.Deployed && a.action != Adopted {
		err = fmt.Errorf("deployed but not recorded: %w", err)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		if a.note.Phase != "" {
			err = fmt.Errorf("%w in phase %s", err, a.note.Phase)
		}
		return Interrupted, "", fmt.Errorf("%w; what it had begun may be half done", err)
	case err != nil && a.decision.Verdict.Deploys() && errors.As(err, new(*resource.Failure)):
		return Failed, state.BlameRevision, err
	case err != nil:
		return Failed, state.BlameHost, err
	case a.decision.Verdict == plan.Record:
		return Recorded, "", nil
	case a.decision.Verdict == plan.Scale:
		return Scaled, "", nil
	}
	return Deployed, "", nil
}

// announce lets every step know what the record of the attempt will say.
func announce(steps []resource.Step, o Options) error {
	var lines []string
	for _, step := range steps {
		if recorder, ok := o.Types[step.Addr.Type].(providers.Recorder); ok {
			more, err := recorder.Lines(step)
			if err != nil {
				return err
			}
			lines = append(lines, more...)
		}
	}
	for i := range steps {
		steps[i].Record = lines
	}
	return nil
}
