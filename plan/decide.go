package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Decide judges one service by itself, as if it came after no other and nothing held it. The same declaration, readings and past give the same
// decision.
func Decide(service Service, schemas map[string]resource.Schema, readings state.Readings, past state.ServicePast) Decision {
	d := Decision{Service: service.Name, Declared: service}
	if d.Err = service.Err; d.Err != nil {
		d.Verdict = Invalid
		return d
	}
	if d.Verdict, d.Err = trouble(service, schemas, readings); d.Err != nil {
		return d
	}
	wanted := revisions(service, schemas, readings)
	record := service.record(schemas)
	if record == nil {
		d.Verdict, d.Err = Invalid, errors.New("the service declares nothing that keeps a record of what is deployed")
		return d
	}
	d.Revisions = map[string]resource.Revision{}
	for label, value := range wanted {
		d.Revisions[label] = resource.RevisionOf(value)
	}
	d.Doubt = readings[record.Addr].Doubt
	d.judge(schemas[record.Addr.Type], fill(schemas, *record, wanted), readings[record.Addr].Copies)
	if d.Verdict.Acts() && d.Copies > 0 && unrecorded(past.Last, d.Revisions) {
		d.Verdict, d.Reasons = Record, []Reason{NotRecorded}
	}
	if d.Verdict == Same && premature(past.Last, d.Revisions, readings[record.Addr].Copies) {
		d.Verdict, d.Reasons = Redeploy, []Reason{LastAttemptFailed}
	}
	if d.Verdict == New && d.asleep(schemas, readings, past) {
		d.Verdict, d.Reasons, d.Changes = Same, nil, nil
	}
	if neverRecorded(&d) && past.Last != nil {
		d.Reasons = append(d.Reasons, LastAttemptFailed)
	}
	for i, change := range d.Changes {
		if source := service.source(schemas, change.Label); source != nil {
			d.Changes[i].Location, d.Changes[i].Landing = source.location(), source.InsteadOf != cty.NilVal
		}
	}
	d.plan(schemas, wanted)
	d.resize(schemas, readings, past)
	d.Fingerprint = d.fingerprint()
	return d
}

// unrecorded says that the attempt deployed just these revisions, and that all it left to do is to record them.
func unrecorded(last *state.Attempt, revisions map[string]resource.Revision) bool {
	return last != nil && last.Deployed && !last.Done() && last.Forgiven == "" && last.Hash == resource.Hash(revisions)
}

// premature says that a deploy was recorded by itself and did not succeed after that: what the record tells is not so.
func premature(last *state.Attempt, revisions map[string]resource.Revision, copies []resource.Copy) bool {
	if last == nil || last.Result == "" || last.Done() || last.Deployed || last.Hash != resource.Hash(revisions) {
		return false
	}
	return slices.ContainsFunc(copies, func(c resource.Copy) bool {
		stamp, ok := c.Stamp()
		return ok && stamp.Run == last.Run
	})
}

// lastTry says how an attempt ended that was to do what the decision is to do, and did not succeed.
func lastTry(d *Decision, last *state.Attempt) string {
	switch {
	case !d.Verdict.Acts() || d.Scales() || last == nil || last.Done() || last.Forgiven != "" || last.Hash != resource.Hash(d.Revisions):
		return ""
	case last.Result == "":
		return "under way"
	case last.Phase != "":
		return last.Result + " in " + last.Phase
	}
	return last.Result
}

// trouble joins the errors of all readings. A declaration that has to be mended weighs more than a look-up that failed. How many units there are need not be
// known: what is not known stays as it is.
func trouble(service Service, schemas map[string]resource.Schema, readings state.Readings) (Verdict, error) {
	verdict := Unknown
	var errs []error
	for _, declared := range service.Resources {
		err := readings[declared.Addr].Err
		attr := (*resource.AttrError)(nil)
		invalid := errors.As(err, &attr)
		if err == nil || !invalid && schemas[declared.Addr.Type].Role == resource.Sized {
			continue
		}
		errs = append(errs, err)
		if invalid {
			verdict = Invalid
		}
	}
	return verdict, errors.Join(errs...)
}

// revisions returns the revision that each source of the service has now, by label.
func revisions(service Service, schemas map[string]resource.Schema, readings state.Readings) map[string]cty.Value {
	found := map[string]cty.Value{}
	for _, declared := range service.Resources {
		if schemas[declared.Addr.Type].Role == resource.Source {
			found[declared.Addr.Label] = readings[declared.Addr].Object.GetAttr("revision")
		}
	}
	return found
}

// fill returns the declared object with the revisions put in, where its type asks for them.
func fill(schemas map[string]resource.Schema, declared Declared, wanted map[string]cty.Value) resource.Object {
	if _, ok := schemas[declared.Addr.Type].Attrs[resource.Revisions]; !ok {
		return declared.Config
	}
	attrs := declared.Config.AsValueMap()
	attrs[resource.Revisions] = cty.MapValEmpty(resource.RevisionType)
	if len(wanted) > 0 {
		attrs[resource.Revisions] = cty.MapVal(wanted)
	}
	return cty.ObjectVal(attrs)
}

// judge compares what every copy of the record says with what is wanted.
func (d *Decision) judge(schema resource.Schema, want resource.Object, copies []resource.Copy) {
	j := judgement{schema: schema, want: want}
	for _, c := range copies {
		j.look(c)
	}
	slices.Sort(j.others)
	d.Copies, d.Changes, d.Behind, d.Others, d.Live = len(copies), j.changes(), j.behind(), j.others, live(copies)
	d.Verdict, d.Reasons = j.verdict(d.Changes)
}

// live returns what the copies say that say something: the hash of the revisions of each, with a "!" before it if the copy contradicts itself; each
// once, sorted.
func live(copies []resource.Copy) []string {
	var found []string
	for _, c := range copies {
		stamp, ok := c.Stamp()
		if !ok {
			continue
		}
		hash := resource.Hash(stamp.Revisions)
		if c.Err != nil {
			hash = "!" + hash
		}
		found = append(found, hash)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// judgement sorts the copies of a record.
type judgement struct {
	schema resource.Schema
	want   resource.Object

	current int               // copies that say what is wanted
	stale   []resource.Object // what the others say that say something consistent
	diffs   []resource.Change // how those, and the ones that contradict themselves, differ from what is wanted

	// Names, of the copies that are stale, that have no record, and whose record contradicts itself.
	behindStale, bare, broken []string
	others                    []string // of the bare ones, those that carry another service's record, with its name
}

func (j *judgement) look(c resource.Copy) {
	switch {
	case c.Err != nil:
		j.broken = append(j.broken, c.Name)
		j.diffs = append(j.diffs, resource.Diff(j.schema, c.Object, j.want)...)
		return
	case c.Object == cty.NilVal:
		j.bare = append(j.bare, c.Name)
		if c.Other != "" {
			j.others = append(j.others, fmt.Sprintf("%s carries the stamp of %s", c.Name, c.Other))
		}
		return
	}
	diff := resource.Diff(j.schema, c.Object, j.want)
	if len(diff) == 0 {
		j.current++
		return
	}
	j.stale, j.diffs, j.behindStale = append(j.stale, c.Object), append(j.diffs, diff...), append(j.behindStale, c.Name)
}

func (j *judgement) verdict(changes []Change) (Verdict, []Reason) {
	switch {
	case !j.recorded():
		return New, []Reason{NeverRecorded}
	case len(j.broken) > 0:
		return Redeploy, append([]Reason{HashMismatch}, reasons(changes)...)
	case j.mixed():
		return Redeploy, append([]Reason{Mixed}, reasons(changes)...)
	case len(j.stale) > 0:
		return Redeploy, reasons(changes)
	case len(j.bare) > 0:
		return Record, []Reason{Unstamped}
	}
	return Same, nil
}

func (j *judgement) recorded() bool { return j.current+len(j.stale)+len(j.broken) > 0 }

// mixed says whether copies differ among themselves.
func (j *judgement) mixed() bool {
	if len(j.stale) == 0 {
		return false
	}
	return j.current > 0 || slices.ContainsFunc(j.stale[1:], func(object resource.Object) bool {
		return len(resource.Diff(j.schema, j.stale[0], object)) > 0
	})
}

// changes returns, by label, how the wanted revisions differ from what is recorded; where copies differ among themselves, from the first
// that is not as wanted. Without any record every wanted branch is new.
func (j *judgement) changes() []Change {
	diffs := j.diffs
	if !j.recorded() {
		diffs = resource.Diff(j.schema, cty.NilVal, j.want)
	}
	var changes []Change
	for _, diff := range diffs {
		if c := toChange(diff); !slices.ContainsFunc(changes, func(known Change) bool { return known.Label == c.Label }) {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, compareChanges)
	return changes
}

func (j *judgement) behind() []string {
	names := slices.Concat(j.broken, j.behindStale, j.bare)
	slices.Sort(names)
	return names
}

// reasons returns each reason once, in the order of the changes.
func reasons(changes []Change) []Reason {
	var found []Reason
	for _, change := range changes {
		if reason := change.reason(); !slices.Contains(found, reason) {
			found = append(found, reason)
		}
	}
	return found
}

func (c Change) reason() Reason {
	switch {
	case c.From.ID == "":
		return BranchAdded
	case c.To.ID == "":
		return BranchRemoved
	case c.Label == ConfigLabel:
		return ConfigChanged
	}
	return BranchMoved
}

// plan sets the steps: all actions and then the record, or the record alone.
func (d *Decision) plan(schemas map[string]resource.Schema, wanted map[string]cty.Value) {
	if !d.Verdict.Acts() {
		return
	}
	for _, declared := range d.Declared.Resources {
		role := schemas[declared.Addr.Type].Role
		if role == resource.Record || role == resource.Action && d.Verdict != Record {
			missing := d.Verdict == Record && !slices.Contains(d.Reasons, NotRecorded)
			verify := role == resource.Record && d.Verdict != Record && d.Declared.SpecRecords
			d.Steps = append(d.Steps, resource.Step{Addr: declared.Addr, Want: fill(schemas, declared, wanted), Fill: missing, Verify: verify})
		}
	}
}

// RecordStep returns the step that records those revisions of the service, by label; false if it declares no record.
func (s Service) RecordStep(schemas map[string]resource.Schema, revisions map[string]resource.Revision) (resource.Step, bool) {
	declared := s.record(schemas)
	if declared == nil {
		return resource.Step{}, false
	}
	values := map[string]cty.Value{}
	for label, revision := range revisions {
		values[label] = revision.Value()
	}
	return resource.Step{Addr: declared.Addr, Want: fill(schemas, *declared, values)}, true
}

// Labels returns the labels of the service's sources, in the order of their declaration.
func (s Service) Labels(schemas map[string]resource.Schema) []string {
	var labels []string
	for _, declared := range s.Resources {
		if schemas[declared.Addr.Type].Role == resource.Source {
			labels = append(labels, declared.Addr.Label)
		}
	}
	return labels
}

func (s Service) record(schemas map[string]resource.Schema) *Declared {
	for i, declared := range s.Resources {
		if schemas[declared.Addr.Type].Role == resource.Record {
			return &s.Resources[i]
		}
	}
	return nil
}

// source returns the source of that label.
func (s Service) source(schemas map[string]resource.Schema, label string) *Declared {
	for i, declared := range s.Resources {
		if declared.Addr.Label == label && schemas[declared.Addr.Type].Role == resource.Source {
			return &s.Resources[i]
		}
	}
	return nil
}
