package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type undoOptions struct {
	*common
	commit bool
}

func newUndo(c *common) *cobra.Command {
	o := undoOptions{common: c}
	cmd := &cobra.Command{
		Use:   "undo SERVICE",
		Short: "Bring a service's branch back to what was deployed before",
		Long: "Undoes commits to the branch of the service's own directory by one more commit,\n" +
			"a merge backwards, so that the history keeps both. The branch goes back to the\n" +
			"revision that the servers carry, or, if that is its tip, to the one that was\n" +
			"deployed before. It prints what it would do; with -commit it does it, and prints\n" +
			"the plan for the service. It deploys nothing.",
		Example: "  cdplan undo api\n  cdplan undo api -commit && cdplan apply -target api",
		Args:    oneService,
		RunE:    func(cmd *cobra.Command, args []string) error { return runUndo(cmd.Context(), o, args[0]) },
	}
	cmd.Flags().BoolVar(&o.commit, "commit", false, "make the commit")
	return cmd
}

func oneService(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("undo takes the name of one service, not %d", len(args))
	}
	return nil
}

func runUndo(ctx context.Context, o undoOptions, name string) error {
	err := o.undo(ctx, name)
	if busy := (*state.BusyError)(nil); errors.As(err, &busy) {
		o.env.say("Error: %s\n", busy)
		return exit(codeBusy)
	}
	if err != nil || !o.commit {
		return err
	}
	return o.next(ctx, name)
}

// undo tells what is to be undone and, if it may, does it. The lock of the service is held all the while, so that what is read stays so.
func (o undoOptions) undo(ctx context.Context, name string) (err error) {
	fleet, err := o.open(ctx, selection{}, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	service, err := fleet.Service(name)
	if err != nil {
		return err
	}
	if o.commit {
		lock, err := fleet.lock(ctx, name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
	}
	u, err := fleet.undoing(ctx, service)
	if err != nil {
		return fleet.told(name, err)
	}
	if err := u.reverter.Undoable(ctx, u.undo); err != nil {
		return fleet.told(name, err)
	}
	style := o.env.style(o.env.StdoutTerminal)
	if !o.commit && o.env.Getenv("CDPLAN_IN_AUTOMATION") == "" {
		u.view.Commit = "cdplan undo " + shellescape.Quote(name) + " -commit"
	}
	if err := view.UndoPlan(o.env.Stdout, u.view, style); err != nil || !o.commit {
		return err
	}
	made, err := u.reverter.Undo(ctx, u.undo)
	if err != nil {
		return fleet.told(name, err)
	}
	return view.Undone(o.env.Stdout, name, made, style)
}

// next prints the plan for the service as it is now.
func (o undoOptions) next(ctx context.Context, name string) (err error) {
	one := selection{targets: []string{name}}
	fleet, err := o.open(ctx, one, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close()) }()
	p, err := fleet.plan(ctx, plan.Input{Past: fleet.past(ctx)})
	if err != nil {
		return err
	}
	if err := o.env.printPlan(fleet.offer(p, one, false)); err != nil {
		return err
	}
	fleet.tell(troubles(p))
	return planCode(p, false)
}

func (o *opened) lock(ctx context.Context, service string) (*state.Lock, error) {
	dir, err := o.stateDir()
	if err != nil {
		return nil, err
	}
	return dir.Lock(ctx, o.env.Owner.Of(service, o.env.Now()), 0)
}

// told prints an error that has a place in a file, or is about a declaration, and returns what is left to say.
func (o *opened) told(service string, err error) error {
	if attr := (*resource.AttrError)(nil); !errors.As(err, &attr) {
		return err
	}
	o.tell([]trouble{{service, err}})
	return exit(codeError)
}

// undoing is what is to be undone in a service's own branch.
type undoing struct {
	undo     resource.Undo
	reverter providers.Reverter
	view     view.Undo
}

func (o *opened) undoing(ctx context.Context, service plan.Service) (undoing, error) {
	now, err := o.present(ctx, service)
	if err != nil {
		return undoing{}, err
	}
	own := now.own
	reverter, ok := o.types[own.Addr.Type].(providers.Reverter)
	if !ok {
		return undoing{}, fmt.Errorf("cannot undo commits to %s: its provider only reads", own.Addr)
	}
	to, why, err := now.back(func() ([]resource.Revision, error) { return o.previously(ctx, service.Name) })
	if errors.Is(err, errMovedElsewhere) {
		return undoing{}, o.movedElsewhere(service, now)
	}
	if err != nil {
		return undoing{}, fmt.Errorf("cannot undo %s: %w", service.Name, err)
	}
	u := undoing{undo: resource.Undo{Addr: own.Addr, Config: own.Config, From: now.tips[plan.ConfigLabel], To: to}, reverter: reverter}
	u.view = view.Undo{Service: service.Name, Why: why}
	if u.view.Change, err = o.undone(ctx, u.undo); err != nil {
		return undoing{}, err
	}
	u.undo.Message = undoMessage(u.undo, *u.view.Change.History, o.env.Owner.User)
	short := u.undo
	short.Message, _, _ = strings.Cut(u.undo.Message, "\n")
	u.view.ByHand = "cd " + shellescape.Quote(u.view.Change.Location) + " && " + reverter.UndoCommand(short)
	return u, nil
}

// previously returns the revisions of the service's own branch that earlier successful deploys were made from, newest first.
func (o *opened) previously(ctx context.Context, service string) (earlier []resource.Revision, err error) {
	_, journal, err := o.readJournal(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	deploys, err := journal.Revisions(ctx, service)
	for _, revisions := range deploys {
		if own, ok := revisions[plan.ConfigLabel]; ok {
			earlier = append(earlier, own)
		}
	}
	return earlier, err
}

// undone tells what the commits did that are to be undone.
func (o *opened) undone(ctx context.Context, u resource.Undo) (plan.Change, error) {
	change := plan.Change{Label: plan.ConfigLabel, Location: u.Config.GetAttr("location").AsString(), From: u.From, To: u.To}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	span := resource.Span{Addr: u.Addr, Config: u.Config, From: u.To, To: u.From}
	history := state.Histories(ctx, o.types, []resource.Span{span})[u.Addr]
	switch {
	case history.Err != nil:
		return change, fmt.Errorf("cannot tell what would be undone: %w", history.Err)
	case history.Rewritten || history.Back || len(history.Commits) == 0:
		return change, fmt.Errorf("cannot undo what was committed since r%s: that revision does not lead to the tip, r%s, for the history was rewritten",
			u.To.Revno, u.From.Revno)
	}
	var unread error
	if change.Keys, unread = config.CompareKeys(o.Schemas, &config.Masks{}, history.FileTo, history.FileFrom); unread != nil {
		change.KeysErr = errors.New("cannot be compared, since one of the two files cannot be read")
	}
	history.FileFrom, history.FileTo = nil, nil // they may hold secrets
	change.History = &history
	return change, nil
}

func (o *opened) movedElsewhere(service plan.Service, now present) error {
	var moved []view.Undo
	for _, source := range now.others {
		u := resource.Undo{Addr: source.Addr, Config: source.Config, From: now.tips[source.Addr.Label], To: now.deployed[source.Addr.Label]}
		u.Message = undoSubject(u, resource.History{})
		change := plan.Change{Label: source.Addr.Label, Location: source.Config.GetAttr("location").AsString(), From: u.To, To: u.From}
		reverter, ok := o.types[source.Addr.Type].(providers.Reverter)
		if !ok {
			return fmt.Errorf("cannot undo commits to %s: its provider only reads", source.Addr)
		}
		moved = append(moved, view.Undo{Change: change, ByHand: reverter.UndoCommand(u)})
	}
	if err := view.MovedElsewhere(o.env.Stdout, service.Name, moved, o.env.style(o.env.StdoutTerminal)); err != nil {
		return err
	}
	return exit(codeError)
}

// undoMessage says what is undone, to what, and who asked.
func undoMessage(u resource.Undo, h resource.History, user string) string {
	var b strings.Builder
	b.WriteString(undoSubject(u, h) + "\n\n")
	for _, c := range h.Commits {
		fmt.Fprintf(&b, "r%s %s: %s\n", c.Revno, c.Author, c.Subject)
	}
	if h.More > 0 {
		fmt.Fprintf(&b, "and %d more\n", h.More)
	}
	fmt.Fprintf(&b, "\nAsked for by %s, by cdplan undo.\n", user)
	return b.String()
}

// undoSubject names the first and the last commit that is undone. Where the history does not tell the first it is the one after the earlier
// revision.
func undoSubject(u resource.Undo, h resource.History) string {
	first := u.From.Revno
	if n, err := strconv.Atoi(u.To.Revno); err == nil {
		first = strconv.Itoa(n + 1)
	}
	if len(h.Commits) > 0 && h.More == 0 {
		first = h.Commits[len(h.Commits)-1].Revno
	}
	if first == u.From.Revno {
		return fmt.Sprintf("Undo r%s: back to r%s", first, u.To.Revno)
	}
	return fmt.Sprintf("Undo r%s..r%s: back to r%s", first, u.From.Revno, u.To.Revno)
}
