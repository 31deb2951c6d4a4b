// Package schedule decides, for every executor alike, what may start now, what a failure skips and when to stop. It is a pure state machine:
// no clock, no goroutine, no I/O, and the same calls give the same answers.
package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan/graph"
)

// Step is something to be done once all that it needs has succeeded. A need that is not a step of the same machine counts as done.
type Step struct {
	ID    string
	Needs []string
}

// State says how far a step has come.
type State string

// The states of a step. Waiting and Running turn into one of the others; those last.
const (
	Waiting    State = "waiting"
	Running    State = "running"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Skipped    State = "skipped"     // something that it needs failed
	NotStarted State = "not-started" // the machine was stopped first
)

// Status is the state of one step.
type Status struct {
	ID    string
	State State
	Cause string // of a skipped step: the step whose failure skipped it
}

// Machine follows steps from waiting to their end. It is not safe for concurrent use: one goroutine asks Next and reports Finish.
type Machine struct {
	limit   int
	order   []string // by level, then ID
	steps   map[string]*progress
	running int
}

type progress struct {
	needs  []string
	status Status
}

// New returns a machine that lets at most limit steps run at a time; a limit below 1 is 1. It refuses steps that need one another, and
// two steps of one ID.
func New(steps []Step, limit int) (*Machine, error) {
	m := &Machine{limit: max(limit, 1), steps: make(map[string]*progress, len(steps))}
	needs := make(graph.Graph, len(steps))
	for _, step := range steps {
		if m.steps[step.ID] != nil {
			return nil, fmt.Errorf("cannot schedule two steps named %q", step.ID)
		}
		m.steps[step.ID] = &progress{needs: step.Needs, status: Status{ID: step.ID, State: Waiting}}
		m.order = append(m.order, step.ID)
		needs[step.ID] = step.Needs
	}
	if cycles := needs.Cycles(); len(cycles) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(cycles)))
		return nil, fmt.Errorf("cannot schedule steps that need one another: %s", strings.Join(cycles[first], ", "))
	}
	levels := needs.Levels()
	slices.SortFunc(m.order, func(a, b string) int {
		if levels[a] != levels[b] {
			return levels[a] - levels[b]
		}
		return strings.Compare(a, b)
	})
	return m, nil
}

// Next marks as running, and returns, the steps that may start now, in the order in which they should.
func (m *Machine) Next() []string {
	var start []string
	for _, id := range m.order {
		if m.running == m.limit {
			break
		}
		step := m.steps[id]
		if step.status.State == Waiting && m.ready(step) {
			step.status.State = Running
			m.running++
			start = append(start, id)
		}
	}
	return start
}

func (m *Machine) ready(step *progress) bool {
	for _, need := range step.needs {
		if needed := m.steps[need]; needed != nil && needed.status.State != Succeeded {
			return false
		}
	}
	return true
}

// Finish reports the end of a running step. If it did not succeed, all that needs it, directly or not, is skipped. A step that is not
// running is a fault of the caller, and ignored.
func (m *Machine) Finish(id string, ok bool) {
	step := m.steps[id]
	if step == nil || step.status.State != Running {
		return
	}
	m.running--
	if ok {
		step.status.State = Succeeded
		return
	}
	step.status.State = Failed
	m.skip(id)
}

// skip follows the order once: whatever needs a step comes after it.
func (m *Machine) skip(cause string) {
	lost := map[string]bool{cause: true}
	for _, id := range m.order {
		step := m.steps[id]
		if step.status.State == Waiting && slices.ContainsFunc(step.needs, func(need string) bool { return lost[need] }) {
			step.status.State, step.status.Cause = Skipped, cause
			lost[id] = true
		}
	}
}

// Stop lets no further step start. Those that run go on.
func (m *Machine) Stop() {
	for _, step := range m.steps {
		if step.status.State == Waiting {
			step.status.State = NotStarted
		}
	}
}

// Done says whether no step runs or waits any more.
func (m *Machine) Done() bool {
	for _, step := range m.steps {
		if step.status.State == Running || step.status.State == Waiting {
			return false
		}
	}
	return true
}

// Result returns the status of every step, in the order in which they may start.
func (m *Machine) Result() []Status {
	result := make([]Status, 0, len(m.order))
	for _, id := range m.order {
		result = append(result, m.steps[id].status)
	}
	return result
}
