// Package providers says what cdplan asks of an outside system. A provider is described by a Driver, opened once for a run, and reads or
// changes the resources of its types. The optional abilities of a resource are interfaces of their own, found by type assertion.
package providers

import (
	"context"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// Driver describes a provider before it is opened, so that checking a fleet needs no credentials.
type Driver struct {
	Name   string
	Config resource.Schema            // the provider block in cdplan.hcl
	Types  map[string]resource.Schema // its resource types

	// Open makes the provider ready. The config is an object of type Config.Type(), or a null one. No request is made before the first Read
	// or Apply. A setting that cannot be used is an *resource.AttrError without an address.
	Open func(ctx context.Context, config cty.Value) (Provider, error)
}

// Provider is a driver that was opened.
type Provider interface {
	// Resource returns the resource type of that name. The name is one of the Driver's Types.
	Resource(typ string) Resource
	// Close releases what the provider holds. It is called once, after the last Read or Apply has returned.
	Close() error
}

// Resource reads things of one type, all that are wanted in one call, so that a provider can batch. The answers come in the order of the
// questions; one that fails never fails another. Read may be called again, also while an Apply runs.
type Resource interface {
	Read(ctx context.Context, want []resource.Wanted) []resource.Reading
}

// Applier is a Resource that cdplan may also change. On error it still returns what it knows. Steps of different services may be applied
// at the same time. The events come from the caller's goroutine or another, one at a time.
type Applier interface {
	Resource
	Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error)
}

// Recorder is an Applier that can tell beforehand what it will record.
type Recorder interface {
	Applier
	// Lines returns the lines "key=value" that a successful run of the step would leave, sorted.
	Lines(step resource.Step) ([]string, error)
}

// Historian is a Resource that can tell what lies between two of its versions: who, when, why. It is asked once the plan is made, for
// what moved and nothing else. The answers come in the order of the spans.
type Historian interface {
	Resource
	History(ctx context.Context, spans []resource.Span) []resource.History
}

// Pinner is a Resource of which any version can be read, not only the one that is declared.
type Pinner interface {
	Resource
	// At returns the declaration of that version, in the words of the outside system.
	At(config resource.Object, version string) (resource.Object, error)
}

// Checker is a Resource that can find fault with a declaration without asking anybody. Read finds the same faults.
type Checker interface {
	Resource
	// Check returns an *resource.AttrError, or nil.
	Check(w resource.Wanted) error
}

// Survivor is an Applier whose work may outlive cdplan, and which can tell afterwards how it ended.
type Survivor interface {
	Applier
	// Outcome returns when and how the work ended whose output went to that log: err is what Apply would have returned. There is no time if the work
	// goes on, or was cut off without leaving word.
	Outcome(log string) (end time.Time, err error)
}
