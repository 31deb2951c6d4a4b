// Package providertest serves the tests of everything that uses or implements a provider: Memory is a provider whose world is in memory and
// does what a test tells it to, and Contract holds any provider to what package providers promises.
package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// The resource types of Memory.
const (
	BranchType = "memory_branch" // a Source, which tells its history too
	RunType    = "memory_run"    // an Action
	RecordType = "memory_record" // a Record
	UnitsType  = "memory_units"  // Sized
)

// Memory is the world of the provider "memory". The methods beside Driver and Types are for the test's side: they say what there is, make
// the provider fail, and look at what it did. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	branches map[string][]resource.Commit // by location, oldest first
	copies   map[string][]resource.Copy   // by service
	units    map[string]resource.Units    // by service
	loads    map[string]resource.Load     // by service
	unread   map[resource.Addr]error
	slow     map[resource.Addr]string
	told     map[resource.Addr]resource.History
	failing  map[resource.Addr]error
	gates    map[resource.Addr]*Gate
	applied  []resource.Step
	reads    map[string]int // by type
	measured int
}

// New returns a world without branches and records.
func New() *Memory {
	return &Memory{
		branches: map[string][]resource.Commit{},
		copies:   map[string][]resource.Copy{},
		units:    map[string]resource.Units{},
		loads:    map[string]resource.Load{},
		unread:   map[resource.Addr]error{},
		slow:     map[resource.Addr]string{},
		told:     map[resource.Addr]resource.History{},
		failing:  map[resource.Addr]error{},
		gates:    map[resource.Addr]*Gate{},
		reads:    map[string]int{},
	}
}

// Driver describes the provider. However often it is opened, it is the same world.
func (m *Memory) Driver() providers.Driver {
	return providers.Driver{
		Name:   "memory",
		Config: resource.Schema{Doc: "A world in memory.", Attrs: map[string]resource.Attr{}},
		Types:  map[string]resource.Schema{BranchType: branchSchema(), RunType: runSchema(), RecordType: recordSchema(), UnitsType: unitsSchema()},
		Open:   func(context.Context, cty.Value) (providers.Provider, error) { return opened{m}, nil },
	}
}

// Types returns the resource types of the opened provider, by name.
func (m *Memory) Types() map[string]providers.Resource {
	return map[string]providers.Resource{BranchType: branches{m}, RunType: runs{m}, RecordType: records{m}, UnitsType: units{m}}
}

func branchSchema() resource.Schema {
	return resource.Schema{Doc: "The tip of a branch.", Role: resource.Source, Attrs: map[string]resource.Attr{
		"location": {Type: cty.String, Required: true, Public: true, Doc: "The branch's name in the world."},
		"revision": {Type: resource.RevisionType, Trigger: true, Public: true, Computed: true, Doc: "The newest revision."},
	}}
}

func runSchema() resource.Schema {
	return resource.Schema{Doc: "Something that is done.", Role: resource.Action, Attrs: map[string]resource.Attr{
		"environment":      {Type: cty.Map(cty.String), Doc: "Values that must not be shown."},
		resource.Revisions: {Type: cty.Map(resource.RevisionType), Public: true, Computed: true, Doc: "What it is done with."},
	}}
}

func recordSchema() resource.Schema {
	return resource.Schema{Doc: "What was done last.", Role: resource.Record, Attrs: map[string]resource.Attr{
		"service": {Type: cty.String, Required: true, Public: true, Doc: "The service's name."},
		resource.Revisions: {Type: cty.Map(resource.RevisionType), Trigger: true, Public: true, Computed: true,
			Doc: "What it was done with."},
		"hash": {Type: cty.String, Public: true, Computed: true, Doc: "The one hash of all the revisions."},
		"at":   {Type: cty.String, Public: true, Computed: true, Doc: "When it began."},
		"run":  {Type: cty.String, Public: true, Computed: true, Doc: "The name of the run."},
	}}
}

// opened is Memory as a Provider.
type opened struct{ *Memory }

func (o opened) Resource(typ string) providers.Resource { return o.Types()[typ] }

func (o opened) Close() error { return nil }

// SetTip replaces a branch by one whose only revision is r.
func (m *Memory) SetTip(location string, r resource.Revision) {
	m.SetBranch(location, resource.Commit{Revision: r})
}

// SetBranch replaces a branch by these commits, oldest first. Without commits there is no such branch.
func (m *Memory) SetBranch(location string, commits ...resource.Commit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.branches[location] = slices.Clone(commits)
}

// SetCopies says which places hold, or could hold, the record of a service.
func (m *Memory) SetCopies(service string, copies ...resource.Copy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.copies[service] = slices.Clone(copies)
}

// Copies returns the places of a service with what they hold.
func (m *Memory) Copies(service string) []resource.Copy {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.copies[service])
}

// FailRead makes every Read of the address answer with the error; nil ends that.
func (m *Memory) FailRead(addr resource.Addr, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread[addr] = err
}

// SetFallback makes every Read of the address say that it took a slower way, and why; "" ends that.
func (m *Memory) SetFallback(addr resource.Addr, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slow[addr] = reason
}

// SetHistory makes every history of its address be that one, whatever the branch holds.
func (m *Memory) SetHistory(history resource.History) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[history.Addr] = history
}

// FailApply makes every Apply of the address fail; nil ends that.
func (m *Memory) FailApply(addr resource.Addr, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing[addr] = err
}

// Reads says how often a type was read.
func (m *Memory) Reads(typ string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads[typ]
}

// Applied returns the steps that were begun, in that order.
func (m *Memory) Applied() []resource.Step {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.applied)
}

// Gate holds an Apply up.
type Gate struct {
	entered chan struct{}
	open    chan struct{}
	enter   sync.Once
	release sync.Once
}

// Entered is closed once an Apply stands at the gate.
func (g *Gate) Entered() <-chan struct{} { return g.entered }

// Release lets all through from now on.
func (g *Gate) Release() { g.release.Do(func() { close(g.open) }) }

// Block holds every Apply of the address up until the gate is released or its context ends.
func (m *Memory) Block(addr resource.Addr) *Gate {
	m.mu.Lock()
	defer m.mu.Unlock()
	gate := &Gate{entered: make(chan struct{}), open: make(chan struct{})}
	m.gates[addr] = gate
	return gate
}

// begin logs the step, waits at its gate and returns the error it was told to fail with.
func (m *Memory) begin(ctx context.Context, step resource.Step) error {
	m.mu.Lock()
	m.applied = append(m.applied, step)
	gate := m.gates[step.Addr]
	m.mu.Unlock()
	if gate != nil {
		gate.enter.Do(func() { close(gate.entered) })
		select {
		case <-gate.open:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failing[step.Addr]
}

// read answers each question with look, unless the context has ended or the test forbids it. It holds the lock.
func (m *Memory) read(ctx context.Context, typ string, want []resource.Wanted, look func(resource.Wanted) resource.Reading) []resource.Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads[typ]++
	readings := make([]resource.Reading, len(want))
	for i, w := range want {
		if err := errors.Join(m.unread[w.Addr], ctx.Err()); err != nil {
			readings[i].Err = err
		} else {
			readings[i] = look(w)
		}
		readings[i].Addr, readings[i].Fallback = w.Addr, m.slow[w.Addr]
	}
	return readings
}

// tip returns the newest revision of a branch. The caller holds the lock.
func (m *Memory) tip(location string) (resource.Revision, error) {
	commits := m.branches[location]
	if len(commits) == 0 {
		return resource.Revision{}, fmt.Errorf("there is no branch %q", location)
	}
	return commits[len(commits)-1].Revision, nil
}
