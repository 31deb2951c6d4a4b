package resource

import (
	"errors"
	"os"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Wanted asks for the reading of one resource.
type Wanted struct {
	Addr   Addr
	Config Object // as declared; attributes that the planner fills in are null
}

// Reading is what was found of one resource.
type Reading struct {
	Addr   Addr
	Object Object // of a Source; cty.NilVal for an Action, which keeps nothing, and for a Record, which has Copies
	Copies []Copy // of a Record, ordered by name, then id; none means that there is no place that could hold one yet

	// Err says that the resource could not be read: "cannot tell", never "gone" and never "changed". An *AttrError says that it is
	// the declaration that has to be mended.
	Err error
}

// ErrMoved is the Err of a Reading whose question rests on what is no longer so: the caller has read a file that was committed anew since.
var ErrMoved = errors.New("it was committed anew since it was read")

// Copy is what one place holds of a Record.
type Copy struct {
	ID     string // identity of the place, such as a server's id
	Name   string // its name, for people; several may share one
	Region string
	Status string
	Object Object // cty.NilVal: the place carries no record of this service
	Other  string // the service whose record it carries instead, if any
	Err    error  // the record is there and contradicts itself; Object is what it says all the same
}

// Step is one change that an Applier is asked to make.
type Step struct {
	Addr Addr
	Want Object // wholly known, but for computed attributes, which are null

	Fill bool // of a Record: write only where it is missing, as the places say that have it

	Run    string     // names the attempt that this step is part of
	At     time.Time  // when that attempt began, UTC
	Record []string   // the lines "key=value" that the service's Record will hold if the attempt succeeds
	Log    string     // path of the file that takes the output; its directory exists
	Keep   []*os.File // open files that a child process must inherit, so that what they lock stays locked as long as it lives
}

// Event tells how a step goes on, in one line.
type Event struct {
	Addr Addr
	Text string
}

// Failure is the error of a step that ran and did not succeed.
type Failure struct {
	Err  error
	Log  string   // path of the whole output; empty if there is none
	Tail []string // its last lines, secrets masked
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the error that f adds a log to.
func (f *Failure) Unwrap() error { return f.Err }

// Span asks for what lies between two revisions of a Source.
type Span struct {
	Addr   Addr
	Config Object
	From   Revision
	To     Revision
}

// History answers a Span.
type History struct {
	Addr      Addr
	Commits   []Commit // newest first
	Rewritten bool     // From is not an ancestor of To: what was deployed is not in the history of what is wanted; Commits is empty
	Back      bool     // To is an ancestor of From, which is still in the branch: a pin was moved back; Commits is empty
	Err       error    // the history could not be read; the plan stands without it
}

// Commit is one revision of a branch, as its log tells it. Its texts come from outside and may hold anything.
type Commit struct {
	Revision
	Author  string    // the name alone, without an address
	Date    time.Time // UTC
	Subject string    // first line of the message
}

// Stamp is what a copy of a Record tells, in plain values.
type Stamp struct {
	Revisions map[string]Revision
	Hash      string
	At        string // when the deploy began, as written: UTC, RFC 3339
	Run       string
}

// Stamp returns what the copy tells, and false if it carries no record. A record that contradicts itself is returned as it stands.
func (c Copy) Stamp() (Stamp, bool) {
	if c.Object == cty.NilVal || c.Object.IsNull() {
		return Stamp{}, false
	}
	text := func(name string) string {
		if v := attribute(c.Object, name); v != cty.NilVal {
			return v.AsString()
		}
		return ""
	}
	stamp := Stamp{Revisions: map[string]Revision{}, Hash: text("hash"), At: text("at"), Run: text("run")}
	for label, v := range elements(attribute(c.Object, Revisions)) {
		stamp.Revisions[label] = RevisionOf(v)
	}
	return stamp, true
}
