package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Revision is one revision of a branch. ID is its identity; Revno is for people only, since bzr gives a number out again after uncommit
// or an overwriting push.
type Revision struct {
	Revno string `cty:"revno"` // a decimal number, or a dotted one
	ID    string `cty:"id"`
}

// RevisionType is the cty form of Revision.
var RevisionType = cty.Object(map[string]cty.Type{"revno": cty.String, "id": cty.String})

// String returns "REVNO ID", as bzr revision-info prints it and as the stamp keeps it.
func (r Revision) String() string {
	return r.Revno + " " + r.ID
}

// Value returns r as a value of RevisionType.
func (r Revision) Value() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"revno": cty.StringVal(r.Revno), "id": cty.StringVal(r.ID)})
}

// RevisionOf returns the revision that a value of RevisionType holds; the zero Revision for cty.NilVal, a null and any other type.
func RevisionOf(v cty.Value) Revision {
	if v == cty.NilVal || v.IsNull() || !v.Type().Equals(RevisionType) {
		return Revision{}
	}
	return Revision{Revno: v.GetAttr("revno").AsString(), ID: v.GetAttr("id").AsString()}
}

// Hash returns the one hash of a set of revisions by label: "v1:" and the hex SHA-256 of the lines "LABEL ID\n", sorted bytewise. Printing
// those lines through "sort | sha256sum" in the C locale gives the same digits.
func Hash(revisions map[string]Revision) string {
	lines := make([]string, 0, len(revisions))
	for label, revision := range revisions {
		lines = append(lines, label+" "+revision.ID+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return "v1:" + hex.EncodeToString(sum[:])
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
