// Package plan turns what is declared and what was read into a Plan: for every service what is to be done, why, and after what. It is
// pure: no I/O, no clock, no goroutine, no provider. Applying a plan only follows it.
package plan

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan/graph"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Service is one service as its files declare it.
type Service struct {
	Name      string
	After     []string   // services that are deployed before this one, if they are to be deployed at all
	Attended  bool       // nothing is done to it unless a person stands behind the run
	Resources []Declared // each after all that it needs
	Err       error      // why the declaration cannot be used; then Resources may be incomplete

	SpecRecords    bool // the action writes the record itself; apply only sees to it that it is there
	AllowRewritten bool // no person has to stand behind the run where what is deployed is lost from the history of its branch
}

// Declared is one resource as the files declare it.
type Declared struct {
	Addr   resource.Addr
	Config resource.Object // of its type; what a person does not give is null
	Needs  []resource.Addr // resources of the same service

	// InsteadOf is what the files declare, where Config is a branch under review that is to be taken for it as if it had landed; else cty.NilVal.
	InsteadOf resource.Object
}

// Input is all that a plan depends on.
type Input struct {
	Services []Service
	Schemas  map[string]resource.Schema // by resource type
	Readings state.Readings
	Past     state.Past
	Now      time.Time
	Approved bool              // a person stands behind the run: attended services are like any other
	Selected func(string) bool // the services that the plan is for; nil selects all
	Expect   *Expect           // the plan that was approved; nil if none was
	Excluded func(string) bool // those among the others that DepsTaken does not take; nil for none
	Deps     Deps              // what becomes of services that are not selected and go first

	Rules

	// Histories are the answers to the Spans of a plan that was computed without them. None are needed where nothing moved.
	Histories map[resource.Addr]resource.History
}

// Verdict says what the plan does about a service.
type Verdict string

// The verdicts. The plan acts on New, Redeploy, Record and Scale alone.
const (
	Same       Verdict = "same"
	New        Verdict = "new"
	Redeploy   Verdict = "redeploy"
	Record     Verdict = "record"     // what is deployed is right; some servers only lack the record of it
	Scale      Verdict = "scale"      // what is deployed is right; there are to be more units of it, or fewer
	Held       Verdict = "held"       // something is to be done, and a person holds the service
	Frozen     Verdict = "frozen"     // something is to be done, and a freeze is in force
	Waiting    Verdict = "waiting"    // it failed, and is tried once more later
	Parked     Verdict = "parked"     // it failed so often that it is not tried any more
	Unapproved Verdict = "unapproved" // something is to be done, and only by a person
	Blocked    Verdict = "blocked"    // something is to be done, and a service that goes first stands in the way
	Invalid    Verdict = "invalid"    // its declaration has to be mended
	Unknown    Verdict = "unknown"    // something of it could not be read
)

// Acts says whether apply does something about a service of this verdict.
func (v Verdict) Acts() bool { return v.Deploys() || v == Record || v == Scale }

// Deploys says whether apply deploys a service of this verdict.
func (v Verdict) Deploys() bool { return v == New || v == Redeploy }

// Held says whether something is to be done that apply leaves for later.
func (v Verdict) Held() bool {
	switch v {
	case Held, Frozen, Waiting, Parked, Unapproved, Blocked:
		return true
	}
	return false
}

// Reason says why something is to be done about a service.
type Reason string

// The reasons.
const (
	// HistoryRewritten says that what is deployed is not in the history of its branch any more. It comes before all others.
	HistoryRewritten Reason = "history-rewritten"

	BranchMoved   Reason = "branch-moved"
	ConfigChanged Reason = "config-changed" // the branch of the service's own directory moved
	BranchAdded   Reason = "branch-added"
	BranchRemoved Reason = "branch-removed"
	Mixed         Reason = "mixed"          // its servers run different revisions
	Unstamped     Reason = "unstamped"      // servers without a record beside others that agree
	HashMismatch  Reason = "hash-mismatch"  // a record contradicts itself
	NeverRecorded Reason = "never-recorded" // no server has a record, or there is no server

	// NotRecorded says that this host has deployed just what is wanted, and could not record it.
	NotRecorded Reason = "not-recorded"

	// LastAttemptFailed says that servers are there without any record, or with one that the deploy made itself, because this host has tried to
	// deploy, and did not succeed.
	LastAttemptFailed Reason = "last-attempt-failed"

	// LoadChanged says that the load asks for another number of units, and OutOfBounds that there are fewer than the least or more than the most there may be.
	LoadChanged Reason = "load-changed"
	OutOfBounds Reason = "out-of-bounds"
)

// ConfigLabel is the label of the branch that a service's own directory is.
const ConfigLabel = "config"

// Plan is what to do about each service.
type Plan struct {
	// Decisions are in the order in which apply may take them: a service comes after all that it names in "after". There is one for
	// every selected service.
	Decisions []Decision
	// Fingerprint is the hex SHA-256 over what is to be done, whether it is held or not. It depends on revisions alone, not on clocks,
	// names of servers or the order of reading. It is empty if nothing is to be done.
	Fingerprint string
	// Taken are the services that were not selected and are here for DepsTaken, sorted.
	Taken []string
	// With are the branches under review for which the plan was made as if they had landed, in the order of the services. A plan that has one is no
	// plan to apply: landing makes a revision of its own.
	With []With

	schemas map[string]resource.Schema
}

// Decision is what to do about one service.
type Decision struct {
	Service  string
	Verdict  Verdict
	Reasons  []Reason        // why something is to be done; the most telling first
	Changes  []Change        // of revisions, by label
	Steps    []resource.Step // what is to be done, in order; also for a service that is held
	WaitsFor []string        // services that apply takes first, sorted
	Held     Hold            // what holds a held service back
	Wave     int             // 1 for a service that waits for none, one more than the highest it waits for; 0 if apply does nothing
	Copies   int             // servers
	Doubt    string          // why it may have servers that were not found, if none were; empty for nearly all
	Others   []string        // "SERVER carries the stamp of SERVICE" for those servers that carry another's, sorted
	Behind   []string        // names of the servers whose record is missing, wrong or of another revision than wanted, sorted
	Last     string          // how the last attempt ended, if it was to do the same and did not succeed
	Err      error           // why the verdict is Invalid or Unknown

	Usual state.Usual // how long it takes to deploy it, or to change its size, if that is to be done, now or later
	Size  *Size       // nil if it has no load to be measured, or nobody measured it

	Fallbacks []Fallback // in the order of the resources

	// Fingerprint is the hex SHA-256 of what is to be done about this service; empty if nothing is.
	Fingerprint string

	Revisions map[string]resource.Revision // that are wanted, by label; nil if the service is invalid or unknown
	Live      []string                     // the hashes of what its servers carry, each once, sorted; a "!" is before that of a record that contradicts itself

	Declared Service // what the decision was made from, so that it can be made again
}

// Change is a branch whose deployed revision is not the wanted one.
type Change struct {
	Label    string
	Location string            // of the branch, as declared; empty for one that is no longer named
	From     resource.Revision // zero for a branch that was not deployed before
	To       resource.Revision // zero for a branch that is no longer named
	History  *resource.History // what lies between; nil if nobody asked

	// Landing says that To is of a branch under review. What the History has lost is then what that lacks, and what landing merges.
	Landing bool

	// Keys are the keys of the service's config.ini that differ, where this is its branch; nil if nobody compared.
	Keys    []KeyChange
	KeysErr error // why Keys could not be told
}

// KeyChange is one key of a config.ini that is not as it was deployed.
type KeyChange struct {
	Section string
	Key     string
	Kind    KeyKind
	Public  bool   // the values may be shown to people; else they are not even here
	From    string // empty for a key that was added
	To      string // empty for one that was removed

	// FromMask and ToMask stand for values that are not here. Within a plan equal values have the same number, from 1 on; 0 says that there is none.
	FromMask, ToMask int
}

// KeyKind says what became of a key.
type KeyKind string

// The kinds.
const (
	KeyAdded   KeyKind = "added"
	KeyRemoved KeyKind = "removed"
	KeyChanged KeyKind = "changed"

	// What becomes of a branch's location: another place, or at the same place another pin.
	KeyRelocated KeyKind = "relocated"
	KeyPinned    KeyKind = "pinned"
	KeyUnpinned  KeyKind = "unpinned"
	KeyRepinned  KeyKind = "repinned"
)

// With is a branch under review that is taken for a branch of a service.
type With struct {
	Service  string
	Label    string
	Location string // where the branch under review is
}

// Fallback is a resource that was read, or whose history was told, in a slower way than the usual one.
type Fallback struct {
	Addr     resource.Addr
	Location string // where it was read; empty if it could not be
	Reason   string // why
}

// Fallbacks returns what took a slower way, in the order of the resources. The histories may be nil.
func (s Service) Fallbacks(readings state.Readings, histories map[resource.Addr]resource.History) []Fallback {
	var found []Fallback
	for _, declared := range s.Resources {
		reading := readings[declared.Addr]
		for _, reason := range slices.Compact([]string{reading.Fallback, histories[declared.Addr].Fallback}) {
			if reason != "" {
				found = append(found, Fallback{declared.Addr, location(reading), reason})
			}
		}
	}
	return found
}

func location(reading resource.Reading) string {
	if reading.Object == cty.NilVal {
		return ""
	}
	return reading.Object.GetAttr("location").AsString()
}

// Compute makes the plan. Trouble with one service changes nothing for those that do not come after it.
func Compute(in Input) *Plan {
	decisions := make(map[string]*Decision, len(in.Services))
	after := make(graph.Graph, len(in.Services))
	for _, service := range in.Services {
		decisions[service.Name] = in.decide(service)
		after[service.Name] = service.After
	}
	levels := after.Levels()
	order := slices.SortedFunc(maps.Values(decisions), func(a, b *Decision) int {
		return cmp.Or(cmp.Compare(levels[a.Service], levels[b.Service]), cmp.Compare(a.Service, b.Service))
	})
	plan := &Plan{schemas: in.Schemas, Taken: in.take(order, decisions)}
	arrange(in, order, decisions)
	for _, decision := range order {
		if in.selected(decision.Service) {
			plan.Decisions = append(plan.Decisions, *decision)
			plan.With = append(plan.With, decision.Declared.with()...)
		}
	}
	plan.Fingerprint = planFingerprint(plan.Decisions)
	return plan
}

// decide judges one service by itself, with all that is known.
func (in Input) decide(service Service) *Decision {
	past := in.Past.Services[service.Name]
	decision := Decide(service, in.Schemas, in.Readings, past)
	decision.Last = lastTry(&decision, past.Last)
	switch {
	case decision.Verdict.Deploys():
		decision.Usual = past.Usual
	case decision.Verdict == Scale:
		decision.Usual = past.UsualResize
	}
	decision.remember(in)
	decision.Fallbacks = service.Fallbacks(in.Readings, in.Histories)
	return &decision
}

// Counts returns how many services have each verdict.
func (p *Plan) Counts() map[Verdict]int {
	counts := map[Verdict]int{}
	for _, decision := range p.Decisions {
		counts[decision.Verdict]++
	}
	return counts
}

// Spans returns what moved: what to ask a Historian for. A branch that was added or removed, or whose service is held back for an error,
// has nothing to tell.
func (p *Plan) Spans() []resource.Span {
	var spans []resource.Span
	for _, decision := range p.Decisions {
		for _, change := range decision.Changes {
			if change.From.ID == "" {
				continue
			}
			if source := decision.Declared.source(p.schemas, change.Label); source != nil {
				spans = append(spans, resource.Span{Addr: source.Addr, Config: source.Config, From: change.From, To: change.To, Beside: source.InsteadOf})
			}
		}
	}
	return spans
}
