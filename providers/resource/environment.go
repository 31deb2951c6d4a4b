package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The variables by which a deploy learns what it deploys, beside a REVNO and a REVISION of every branch.
const (
	ServiceVariable = "CDPLAN_SERVICE" // the service's name
	RunVariable     = "CDPLAN_RUN"     // the run's name
	// StampFileVariable is set by a provider that writes the record's lines to a file, which is there as long as the run.
	StampFileVariable = "CDPLAN_STAMP_FILE"

	atVariable    = "CDPLAN_AT"   // when the attempt began, UTC, RFC 3339
	hashVariable  = "CDPLAN_HASH" // of all the revisions
	revnoVariable = "CDPLAN_REVNO_"
	idVariable    = "CDPLAN_REVISION_"
)

// Environment returns the variables "NAME=VALUE" for the deploy that a step is, sorted by label where they are of branches.
func Environment(step Step, revisions map[string]Revision) []string {
	env := []string{ServiceVariable + "=" + step.Addr.Service, RunVariable + "=" + step.Run,
		atVariable + "=" + step.At.UTC().Format(time.RFC3339), hashVariable + "=" + Hash(revisions)}
	for _, label := range sortedKeys(revisions) {
		env = append(env, variable(revnoVariable, label)+"="+revisions[label].Revno, variable(idVariable, label)+"="+revisions[label].ID)
	}
	return env
}

// variable returns the name for a label. Labels have no underscore, so that each has a name of its own.
func variable(prefix, label string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(label, "-", "_"))
}

// FromEnvironment reads what Environment wrote: the revision of each label, and the step's Run and At.
func FromEnvironment(getenv func(string) string, labels []string) (step Step, revisions map[string]Revision, err error) {
	step.Run = getenv(RunVariable)
	if step.At, err = time.Parse(time.RFC3339, getenv(atVariable)); err != nil {
		return step, nil, fmt.Errorf("%s is %q, which is not when the run began", atVariable, getenv(atVariable))
	}
	revisions = map[string]Revision{}
	for _, label := range slices.Sorted(slices.Values(labels)) {
		revision := Revision{Revno: getenv(variable(revnoVariable, label)), ID: getenv(variable(idVariable, label))}
		if revision.ID == "" {
			return step, nil, fmt.Errorf("%s is not set: the run does not deploy the branch %q", variable(idVariable, label), label)
		}
		revisions[label] = revision
	}
	if Hash(revisions) != getenv(hashVariable) {
		return step, nil, fmt.Errorf("the run deploys more than the branches %s: %s is %s", strings.Join(sortedKeys(revisions), ", "), hashVariable, getenv(hashVariable))
	}
	return step, revisions, nil
}
