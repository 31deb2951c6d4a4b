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
	Units  *Units // of what is Sized; nil of all else
	Load   *Load  // of what is Sized; nil if nobody measured it

	// Doubt says, of a Record without Copies, why there may be some all the same, which the declaration does not find. It is empty for nearly all.
	Doubt string

	// Err says that the resource could not be read: "cannot tell", never "gone" and never "changed". An *AttrError says that it is
	// the declaration that has to be mended.
	Err error

	// Fallback says why a slower way than the usual one had to be taken, such as a process for this resource alone. It is empty for nearly all.
	Fallback string
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

	Resize *Resize // of what is Sized: how many units there are to be

	Fill   bool // of a Record: write only where it is missing, as the places say that have it
	Verify bool // of a Record: write nothing, but see to it that it was written everywhere by what came before

	Run    string     // names the attempt that this step is part of
	At     time.Time  // when that attempt began, UTC
	Record []string   // the lines "key=value" that the service's Record will hold if the attempt succeeds
	Log    string     // path of the file that takes the output; its directory exists
	Keep   []*os.File // open files that a child process must inherit, so that what they lock stays locked as long as it lives
}

// Event tells how a step goes on: in one line, or by the phase that begins.
type Event struct {
	Addr  Addr
	Text  string // empty where all there is to tell is the phase
	Phase string // the phase that begins now, in the words of the outside system; empty if none does
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

	// Beside declares, with the same type, a second place that may hold From and what comes before it, if the first does not; cty.NilVal for none.
	Beside Object
}

// History answers a Span. What a History cannot tell is nil or zero in it.
type History struct {
	Addr    Addr
	Commits []Commit // on the main line of To and not in From, newest first
	More    int      // commits older than those, which were only counted

	// Rewritten says that From is not in the history of the branch any more: what was deployed is lost. Lost then names the commits of From's
	// main line that To has not, newest first, the first of them From. Where the branch does not hold it any longer, its revision is all there is.
	Rewritten bool
	Lost      []Commit
	LostMore  int // lost commits older than those, which were only counted

	Back  bool   // To has not got From although the branch has: a pin was moved back, or aside
	Files *Files // what differs between From and To

	// FileFrom and FileTo are the text of the branch's own file, if its declaration names one, at both ends; nil where it is not there. They
	// may hold secrets.
	FileFrom, FileTo []byte

	Err      error  // the history could not be read; the plan stands without it
	Fallback string // as in a Reading
}

// Commit is one revision of a branch, as its log tells it. Its texts come from outside and may hold anything.
type Commit struct {
	Revision
	Author  string    // the names alone, without addresses, with commas between them
	Date    time.Time // UTC
	Subject string    // first line of the message
	Merged  *Merged   // what it brought in; nil for a commit that merges nothing
	Bugs    []string  // what it fixes: URLs, as bzr commit --fixes keeps them
}

// Merged is what a merge brought to the main line.
type Merged struct {
	Revisions int      // how many
	Authors   []string // of these, each once, sorted
}

// Files are the files that differ between two revisions. Directories do not count.
type Files struct {
	Count int
	Areas []Area // most files first, then by name
}

// Area is a directory at the top of a branch with all that is below it, or, under the name ".", the files at the top itself.
type Area struct {
	Name  string
	Files int
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
