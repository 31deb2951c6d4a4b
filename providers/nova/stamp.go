package nova

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// The stamp is a set of metadata items. After the prefix their keys are "service", "rev.LABEL" with the value "REVNO ID", "hash", "at" and
// "run". Without "hash" there is no stamp.
const revisionKey = "rev."

// stampItems returns the items of the stamp of a run.
func (p *provider) stampItems(step resource.Step) (map[string]string, error) {
	var stamp wanted
	if err := resource.Decode(step.Want, &stamp); err != nil {
		return nil, err
	}
	items := map[string]string{
		p.prefix + "service": stamp.Service,
		p.prefix + "hash":    resource.Hash(stamp.Revisions),
		p.prefix + "at":      step.At.UTC().Format(time.RFC3339),
		p.prefix + "run":     step.Run,
	}
	for _, label := range slices.Sorted(maps.Keys(stamp.Revisions)) {
		revision := stamp.Revisions[label]
		if err := checkRevision(label, revision); err != nil {
			return nil, err
		}
		items[p.prefix+revisionKey+label] = revision.String()
	}
	for _, key := range slices.Sorted(maps.Keys(items)) {
		if err := checkItem(key, items[key]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// Lines returns the items as "key=value", sorted.
func (p *provider) Lines(step resource.Step) ([]string, error) {
	items, err := p.stampItems(step)
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(items))
	for key, value := range items {
		lines = append(lines, key+"="+value)
	}
	slices.Sort(lines)
	return lines, nil
}

// readStamp returns what the metadata of a server says about the service: cty.NilVal if it carries no stamp of it, and an error beside the
// object if the stamp contradicts itself.
func readStamp(prefix, service string, metadata map[string]string) (resource.Object, error) {
	if metadata[prefix+"service"] != service || metadata[prefix+"hash"] == "" {
		return cty.NilVal, nil
	}
	revisions, err := readRevisions(prefix+revisionKey, metadata)
	object := stampObject(prefix, metadata, revisions)
	if hash := resource.Hash(revisions); err == nil && hash != metadata[prefix+"hash"] {
		err = fmt.Errorf("%shash is %s, the revisions beside it give %s", prefix, metadata[prefix+"hash"], hash)
	}
	return object, err
}

// readRevisions returns those of all labels, and an error for the first that is none.
func readRevisions(prefix string, metadata map[string]string) (map[string]resource.Revision, error) {
	revisions := map[string]resource.Revision{}
	var err error
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		label, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		revno, id, ok := strings.Cut(metadata[key], " ")
		if !ok && err == nil {
			err = fmt.Errorf("%s is not of the form \"REVNO REVISION-ID\"", key)
		}
		revisions[label] = resource.Revision{Revno: revno, ID: id}
	}
	return revisions, err
}

// noStamp has every attribute of a stamp, null.
var noStamp = func() map[string]cty.Value {
	attrs := map[string]cty.Value{}
	for name, attr := range stampSchema().Attrs {
		attrs[name] = cty.NullVal(attr.Type)
	}
	return attrs
}()

func stampObject(prefix string, metadata map[string]string, revisions map[string]resource.Revision) resource.Object {
	values := cty.MapValEmpty(resource.RevisionType)
	if len(revisions) > 0 {
		elements := make(map[string]cty.Value, len(revisions))
		for label, revision := range revisions {
			elements[label] = revision.Value()
		}
		values = cty.MapVal(elements)
	}
	object := maps.Clone(noStamp)
	object[resource.Revisions] = values
	for _, name := range []string{"service", "hash", "at", "run"} {
		object[name] = cty.StringVal(metadata[prefix+name])
	}
	return cty.ObjectVal(object)
}

// ghosts returns the keys of branches that the stamp no longer names, sorted.
func ghosts(prefix string, metadata, items map[string]string) []string {
	var keys []string
	for key := range metadata {
		if _, wanted := items[key]; !wanted && strings.HasPrefix(key, prefix+revisionKey) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// twin returns a key of somebody else's that nova would delete along with the ghost: its database takes keys for the same that differ in
// case or in blanks at the end. A twin that is a revision's too does not count, since those are written right afterwards.
func twin(prefix string, metadata map[string]string, ghost string) string {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if fold(key) == fold(ghost) && !strings.HasPrefix(key, prefix+revisionKey) {
			return key
		}
	}
	return ""
}

// fold returns what is left of a key where nova's database compares it.
func fold(key string) string { return strings.ToLower(strings.TrimRight(key, " ")) }

// checkRevision refuses what readStamp could not take apart again.
func checkRevision(label string, revision resource.Revision) error {
	if revision.ID == "" || strings.Contains(revision.Revno, " ") || strings.ContainsFunc(revision.String(), unicode.IsControl) {
		return fmt.Errorf("the revision of %s cannot be stamped: %q is not a number and an id", label, revision)
	}
	return nil
}

// maxItems is how many metadata items nova lets a server have unless it is configured otherwise: metadata_items in its quotas.
const maxItems = 128

// checkStamp refuses a service whose stamp no server could hold, whatever the revisions.
func checkStamp(prefix string, stamp wanted) error {
	if err := checkItem(prefix+"service", stamp.Service); err != nil {
		return err
	}
	for _, label := range stamp.Labels {
		if err := checkKey(prefix + revisionKey + label); err != nil {
			return err
		}
	}
	if n := stampSize(stamp); n > maxItems {
		return fmt.Errorf("it has %d branches, and the stamp of so many takes %d metadata items of the %d that nova gives a server", len(stamp.Labels), n, maxItems)
	}
	return nil
}

// stampSize returns how many items a stamp takes.
func stampSize(stamp wanted) int { return 4 + len(stamp.Labels) }

// checkRoom refuses a server that has so many items of other people that the stamp does not fit.
func checkRoom(prefix string, stamp wanted, s *server) error {
	others := 0
	for key := range s.Metadata {
		if !ours(prefix, key) {
			others++
		}
	}
	if n := stampSize(stamp); others+n > maxItems {
		return fmt.Errorf("server %s (%s) has %d metadata items that are not cdplan's, and the stamp takes %d more: nova gives a server %d", s.Name, s.ID, others, n, maxItems)
	}
	return nil
}

// ours says whether a key belongs to the stamp.
func ours(prefix, key string) bool {
	name, ok := strings.CutPrefix(key, prefix)
	return ok && (strings.HasPrefix(name, revisionKey) || slices.Contains([]string{"service", "hash", "at", "run"}, name))
}

// What nova accepts. A key that ends in a newline passes its own check and is refused here.
var keyPattern = regexp.MustCompile(`^[a-zA-Z0-9\-_:. ]{1,255}\z`)

func checkKey(key string) error {
	if !keyPattern.MatchString(key) {
		return fmt.Errorf("nova does not take %q as a key: it must be 1 to 255 letters, digits, blanks or any of \"-_:.\"", key)
	}
	return nil
}

// checkItem refuses what nova would refuse, and what its database cannot hold.
func checkItem(key, value string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("the value for %s is not UTF-8", key)
	}
	if utf8.RuneCountInString(value) > 255 {
		return fmt.Errorf("the value for %s is longer than the 255 characters that nova takes", key)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r > 0xFFFF }) {
		return fmt.Errorf("the value for %s has a character beyond U+FFFF, which nova cannot store", key)
	}
	return nil
}
