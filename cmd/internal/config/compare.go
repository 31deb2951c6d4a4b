package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// owned are the sections that are cdplan's own, in the order in which a reader wants them.
var owned = []string{serviceSection, mojoSection, branchesSection, environmentSection, novaSection, scaleSection}

// settingID names a value of a config.ini: the key in lower case, but a variable as written.
type settingID struct{ section, key string }

// CompareKeys returns the keys in which two texts of a config.ini differ: cdplan's own sections first, in the order of the reference, then
// the others by name; in each the keys by name. Values are compared as they count, that is with references replaced and, in the sections whose keys
// are fixed, with what [DEFAULT] gives. A nil text is a file that is not there. The result is never nil, but with an error, which is fit to be
// shown and says which of the texts cannot be read.
//
// The values themselves are given only where the schemas call them public and they cannot hold a password; for all others there are the numbers of the masks.
func CompareKeys(schemas map[string]resource.Schema, masks *Masks, from, to []byte) ([]plan.KeyChange, error) {
	before, err := settings("deployed", from)
	if err != nil {
		return nil, err
	}
	after, err := settings("wanted", to)
	if err != nil {
		return nil, err
	}
	ids := slices.Collect(maps.Keys(before))
	for id := range after {
		if before[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, compareSettings)
	changes := []plan.KeyChange{}
	for _, id := range ids {
		if kind := compareValues(before[id], after[id]); kind != "" {
			changes = append(changes, id.change(schemas, masks, kind, before[id], after[id]))
		}
	}
	return changes, nil
}

// settings returns the values that count, by name. The error tells nothing of the text, which may hold secrets.
func settings(which string, src []byte) (map[settingID]*value, error) {
	doc, diags := parseINI(serviceFile, src)
	if diags.HasErrors() {
		return nil, fmt.Errorf("the %s %s cannot be read", which, serviceFile)
	}
	found := map[settingID]*value{}
	for _, section := range doc.Sections {
		for _, v := range section.Keys {
			id := settingID{section.Name, strings.ToLower(v.Key)}
			if section.Name == environmentSection {
				id.key = v.Key
			}
			found[id] = v
		}
		for _, key := range keys[section.Name] {
			if v, _ := doc.get(section.Name, key); v != nil { // one that cannot be interpolated counts as it is written
				found[settingID{section.Name, key}] = v
			}
		}
	}
	return found, nil
}

func compareSettings(a, b settingID) int {
	return cmp.Or(cmp.Compare(rank(a.section), rank(b.section)), cmp.Compare(a.section, b.section), cmp.Compare(a.key, b.key))
}

func rank(section string) int {
	if i := slices.Index(owned, section); i >= 0 {
		return i
	}
	return len(owned)
}

// compareValues returns what became of a value; "" if it is the same. A nil is a value that is not there.
func compareValues(from, to *value) plan.KeyKind {
	switch {
	case from == nil:
		return plan.KeyAdded
	case to == nil:
		return plan.KeyRemoved
	case from.Text != to.Text:
		return plan.KeyChanged
	}
	return ""
}

// change tells the values if they may be shown, and else their masks.
func (id settingID) change(schemas map[string]resource.Schema, masks *Masks, kind plan.KeyKind, from, to *value) plan.KeyChange {
	c := plan.KeyChange{Section: id.section, Key: id.key, Kind: kind}
	var texts [2]string
	for i, v := range []*value{from, to} {
		if v != nil {
			texts[i] = v.Text
		}
	}
	if kind == plan.KeyChanged && id.location() {
		c.Kind = compareLocations(schemas["bzr_branch"], texts[0], texts[1])
	}
	if publicSetting(schemas, id) && innocent(texts[0]) && innocent(texts[1]) {
		c.Public, c.From, c.To = true, texts[0], texts[1]
		return c
	}
	if from != nil {
		c.FromMask = masks.number(texts[0])
	}
	if to != nil {
		c.ToMask = masks.number(texts[1])
	}
	return c
}

// location says that the value is the location of a branch.
func (id settingID) location() bool {
	return id.section == branchesSection || id == settingID{mojoSection, specLabel}
}

// compareLocations returns what became of a location that is written in another way than before.
func compareLocations(schema resource.Schema, from, to string) plan.KeyKind {
	_, oldPin := schema.Place(from)
	_, newPin := schema.Place(to)
	switch {
	case plainPlace(schema, from) != plainPlace(schema, to):
		return plan.KeyRelocated
	case oldPin == newPin:
		return plan.KeyChanged
	case oldPin == "":
		return plan.KeyPinned
	case newPin == "":
		return plan.KeyUnpinned
	}
	return plan.KeyRepinned
}

// publicSetting says whether the value becomes an attribute that may be shown. What the plan itself goes by may be.
func publicSetting(schemas map[string]resource.Schema, id settingID) bool {
	location := schemas["bzr_branch"].Attrs["location"].Public
	if id.section == branchesSection {
		return location
	}
	if !slices.Contains(keys[id.section], id.key) {
		return false
	}
	switch id.section {
	case mojoSection:
		return id.key == "record" || schemas["mojo_run"].Attrs[id.key].Public && (id.key != specLabel || location)
	case novaSection:
		return schemas["nova_stamp"].Attrs[attribute(id.key)].Public
	case scaleSection:
		return schemas["juju_units"].Attrs[id.key].Public
	}
	return id.key != "timeout" || schemas["mojo_run"].Attrs[id.key].Public
}

// plainURL is a URL without anything that could be a password: at most a user's name, and no query.
var plainURL = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9._-]+@)?([A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(/[^@?#]*)?$`)

// revisionID is a pin by an id as Bazaar makes them, which has an "@" and no password before it.
var revisionID = regexp.MustCompile(`;revid=[A-Za-z0-9._+-]+@[A-Za-z0-9._-]+-[0-9]{14}-[a-z0-9]{16}$`)

// innocent says that a text cannot hold a password as locations may.
func innocent(text string) bool {
	text = revisionID.ReplaceAllString(text, "")
	return !strings.Contains(text, "@") && !strings.Contains(text, "://") || plainURL.MatchString(text)
}
