package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/state"
)

// errChanged says what to do about a plan that is not as it was made.
var errChanged = errors.New("only a plan as it was made can be applied: make it anew, or apply it by its fingerprint with -expect")

// expected returns the plan that the fingerprint or the file names, of which at most one is given; nil if none is.
func (o *opened) expected(fingerprint, file string) (*plan.Expect, error) {
	switch {
	case fingerprint == "" && file == "":
		return nil, nil
	case file == "":
		return o.byFingerprint(fingerprint)
	}
	saved, err := readPlanFile(file)
	if err != nil {
		return nil, err
	}
	if saved.Changed != nil {
		return nil, fmt.Errorf("%s: %w; %w", file, saved.Changed, errChanged)
	}
	if len(saved.Plan.With) > 0 {
		return nil, fmt.Errorf("%s: it was made as if a branch under review had landed: make it anew once that has", file)
	}
	return &plan.Expect{Fingerprint: saved.Plan.Fingerprint, Plan: saved.Plan, Selected: o.selected}, nil
}

// byFingerprint finds the plan that this host has kept. Where it has none, the digits have to do.
func (o *opened) byFingerprint(text string) (*plan.Expect, error) {
	digits, err := plan.ParseFingerprint(text)
	if err != nil {
		return nil, err
	}
	saved, err := o.keptPlan(digits)
	switch {
	case errors.Is(err, errDamaged) || errors.As(err, new(*fs.PathError)):
		o.env.say("Warning: %s. The fingerprint stands for the whole plan, or for nothing.\n\n", err)
		return &plan.Expect{Fingerprint: digits}, nil
	case errors.Is(err, state.ErrNoPlan):
		return &plan.Expect{Fingerprint: digits}, nil
	case err != nil:
		return nil, err
	}
	return &plan.Expect{Fingerprint: saved.Plan.Fingerprint, Plan: saved.Plan, Selected: o.selected}, nil
}

// errDamaged says that a plan was kept, and is not there any more as it was.
var errDamaged = errors.New("the plan that was kept cannot be used")

// keptPlan returns the plan whose fingerprint begins so.
func (o *opened) keptPlan(digits string) (view.Saved, error) {
	dir, err := o.stateDir()
	if err != nil {
		return view.Saved{}, err
	}
	text, err := dir.Plan(digits)
	if err != nil {
		return view.Saved{}, err
	}
	saved, err := view.ReadPlan(text)
	if err = cmp.Or(err, saved.Changed); err != nil {
		return view.Saved{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if !strings.HasPrefix(saved.Plan.Fingerprint, digits) {
		return view.Saved{}, fmt.Errorf("%w: it is %s by its name, and %s by what it says", errDamaged, view.ShortFingerprint(digits), view.ShortFingerprint(saved.Plan.Fingerprint))
	}
	return saved, nil
}

func readPlanFile(name string) (view.Saved, error) {
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "/."):
		return view.Saved{}, fmt.Errorf("there is no file %s: an argument is a plan that was made with \"cdplan plan -out FILE\"; to select services, write -target %s", name, name)
	case err != nil:
		return view.Saved{}, fmt.Errorf("cannot read the plan: %w", err)
	}
	saved, err := view.ReadPlan(text)
	if err != nil {
		return saved, fmt.Errorf("cannot read the plan %s: %w", name, err)
	}
	return saved, nil
}

// offer is the page of a plan of the selected services that may be approved: it names the command that applies just that, and the plan is kept. One that
// cannot be kept is as good: whether it still holds can be told later, and not what moved. With verbose that is said.
func (o *opened) offer(p *plan.Plan, s selection, verbose bool) view.Page {
	page := o.page(p)
	if p.Fingerprint == "" || len(p.With) > 0 {
		return page
	}
	page.Apply = "cdplan apply -expect " + view.ShortFingerprint(p.Fingerprint) + s.arguments()
	if err := o.keep(page); err != nil && verbose {
		o.env.say("Warning: %s. Whether it still holds can be told later, and not what moved.\n\n", err)
	}
	return page
}

// keep keeps the plan, so that apply -expect and check can tell later what was approved, and not only that it is no longer so. What is kept of it and is
// damaged is replaced.
func (o *opened) keep(page view.Page) error {
	dir, err := o.stateDir()
	if err != nil {
		return err
	}
	fingerprint := page.Plan.Fingerprint
	switch _, err := o.keptPlan(fingerprint); {
	case err == nil:
		return dir.RenewPlan(fingerprint, o.env.Now())
	case errors.Is(err, errDamaged):
		if err := dir.ForgetPlan(fingerprint); err != nil {
			return err
		}
	}
	var document strings.Builder
	if err := view.PlanJSON(&document, page); err != nil {
		return err
	}
	return dir.KeepPlan(fingerprint, []byte(document.String()), o.env.Now())
}

// approval compares the plan with the one that was approved.
func approval(e plan.Expect, now *plan.Plan, s selection) view.Approval {
	compared, known := e.Compare(now)
	return view.Approval{Expect: e, Compared: compared, Known: known, Now: now, Review: "cdplan plan -format=review" + s.arguments()}
}
