package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// branches is the type memory_branch.
type branches struct{ *Memory }

type branch struct {
	Location string             `cty:"location"`
	Revision *resource.Revision `cty:"revision"`
}

// Read returns each branch with its newest revision.
func (b branches) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	return b.read(ctx, BranchType, want, func(w resource.Wanted) resource.Reading {
		var wanted branch
		if err := resource.Decode(w.Config, &wanted); err != nil {
			return resource.Reading{Err: err}
		}
		tip, err := b.tip(wanted.Location)
		if err != nil {
			return resource.Reading{Err: err}
		}
		object, err := resource.Encode(branchSchema(), branch{wanted.Location, &tip})
		return resource.Reading{Object: object, Err: err}
	})
}

// History returns the commits after From up to To, or what the test told it to.
func (b branches) History(_ context.Context, spans []resource.Span) []resource.History {
	b.mu.Lock()
	defer b.mu.Unlock()
	histories := make([]resource.History, len(spans))
	for i, span := range spans {
		histories[i] = b.history(span)
	}
	return histories
}

func (b branches) history(span resource.Span) resource.History {
	if told, ok := b.told[span.Addr]; ok {
		return told
	}
	history := resource.History{Addr: span.Addr}
	var wanted branch
	if history.Err = resource.Decode(span.Config, &wanted); history.Err != nil {
		return history
	}
	commits := b.branches[wanted.Location]
	position := func(r resource.Revision) int {
		return slices.IndexFunc(commits, func(c resource.Commit) bool { return c.ID == r.ID })
	}
	from, to := position(span.From), position(span.To)
	switch {
	case to < 0:
		history.Err = fmt.Errorf("there is no revision %s in %q", span.To.ID, wanted.Location)
	case from < 0 || from > to:
		history.Rewritten = true
	default:
		history.Commits = slices.Clone(commits[from+1 : to+1])
		slices.Reverse(history.Commits)
	}
	return history
}

// runs is the type memory_run.
type runs struct{ *Memory }

// Read finds nothing: a run leaves nothing.
func (r runs) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	return r.read(ctx, RunType, want, func(resource.Wanted) resource.Reading { return resource.Reading{} })
}

// Apply does nothing but what the test told it to.
func (r runs) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	events(resource.Event{Addr: step.Addr, Text: "running"})
	return step.Want, r.begin(ctx, step)
}

// records is the type memory_record.
type records struct{ *Memory }

type record struct {
	Service   string                       `cty:"service"`
	Revisions map[string]resource.Revision `cty:"revisions"`
	Hash      string                       `cty:"hash"`
	At        string                       `cty:"at"`
	Run       string                       `cty:"run"`
}

// Read returns the copies of each service's record.
func (r records) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	return r.read(ctx, RecordType, want, func(w resource.Wanted) resource.Reading {
		var wanted record
		if err := resource.Decode(w.Config, &wanted); err != nil {
			return resource.Reading{Err: err}
		}
		return resource.Reading{Copies: slices.Clone(r.copies[wanted.Service])}
	})
}

// Apply writes the record to all places of the service. That there is none is an error.
func (r records) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	events(resource.Event{Addr: step.Addr, Text: "recording"})
	if err := r.begin(ctx, step); err != nil {
		return step.Want, err
	}
	var wanted record
	if err := resource.Decode(step.Want, &wanted); err != nil {
		return step.Want, err
	}
	object, err := Record(wanted.Service, wanted.Revisions, step.At, step.Run)
	if err != nil {
		return step.Want, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.copies[wanted.Service]) == 0 {
		return step.Want, errors.New("there is no place for the record")
	}
	written := slices.Clone(r.copies[wanted.Service])
	for i := range written {
		written[i].Object, written[i].Err = object, nil
	}
	r.copies[wanted.Service] = written
	return object, nil
}

// Lines returns the record as a real provider would write it.
func (r records) Lines(step resource.Step) ([]string, error) {
	var wanted record
	if err := resource.Decode(step.Want, &wanted); err != nil {
		return nil, err
	}
	lines := []string{"hash=" + resource.Hash(wanted.Revisions), "run=" + step.Run, "service=" + wanted.Service}
	for label, revision := range wanted.Revisions {
		lines = append(lines, "rev."+label+"="+revision.String())
	}
	slices.Sort(lines)
	return lines, nil
}

// Record returns the object of a record, for a Copy.
func Record(service string, revisions map[string]resource.Revision, at time.Time, run string) (resource.Object, error) {
	return resource.Encode(recordSchema(), record{
		Service: service, Revisions: revisions, Hash: resource.Hash(revisions), At: at.UTC().Format(time.RFC3339), Run: run,
	})
}
