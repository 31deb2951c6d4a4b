package nova

import (
	"maps"
	"path"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
)

// FuzzParseSelector: a selector that is taken is one that can be matched, finds what a look at every server finds, and is no fault later.
func FuzzParseSelector(f *testing.F) {
	for _, text := range []string{"", "juju-web-*", "*", "[a-z]x", `\*`, "metadata.a = b", "metadata.", "[", "é*", "a?[^b]"} {
		f.Add(text, "juju-web-1")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		got, fault := parseSelector(text)
		if fault != "" || got == (selector{}) {
			return
		}
		s := &server{ID: "1", Name: name, Metadata: map[string]string{"a": "b"}}
		want := got.key == "a" && got.value == "b"
		if got.key == "" {
			var err error
			if want, err = path.Match(got.glob, name); err != nil {
				t.Fatalf("%q was taken: %v", text, err)
			}
		}
		if found := newIndex([]*server{s}).find(got, nil); (len(found) == 1) != want {
			t.Errorf("%q finds %d of %q, want %t", text, len(found), name, want)
		}
	})
}

// FuzzStamp: what stampItems writes, readStamp reads back, whatever stands beside it.
func FuzzStamp(f *testing.F) {
	f.Add("api", "app", "3", "joe@x-3", "spec", "1.2", "x y", "owner", "joe")
	f.Add("", "", "", "", "a", " ", "\n", "cd.hash", "v1:")
	f.Add("api", "a", "1", "x\nb y", "b", "", " z", "cd.rev.", "")
	f.Fuzz(func(t *testing.T, service, label1, revno1, id1, label2, revno2, id2, key, value string) {
		if !utf8.ValidString(service + label1 + revno1 + id1 + label2 + revno2 + id2) {
			return // cty keeps no such text
		}
		p := &provider{prefix: defaultPrefix}
		revisions := map[string]resource.Revision{label1: {Revno: revno1, ID: id1}, label2: {Revno: revno2, ID: id2}}
		config, err := resource.Encode(stampSchema(), wanted{Service: service, Revisions: revisions})
		if err != nil {
			t.Skip(err)
		}
		var decoded wanted
		if err := resource.Decode(config, &decoded); err != nil {
			t.Fatal(err)
		}
		items, err := p.stampItems(resource.Step{Want: config, Run: "r1", At: time.Unix(0, 0)})
		if err != nil {
			return
		}
		all := map[string]string{key: value}
		maps.Copy(all, items)
		if len(ghosts(p.prefix, all, items)) > 0 {
			return
		}
		object, err := readStamp(p.prefix, decoded.Service, all)
		if err != nil {
			t.Fatalf("%q: %v", all, err)
		}
		stamp, ok := resource.Copy{Object: object}.Stamp()
		if diff := cmp.Diff(decoded.Revisions, stamp.Revisions); !ok || diff != "" {
			t.Errorf("revisions (-written +read):\n%s", diff)
		}
	})
}

// FuzzReadStamp: no metadata is too strange to be read.
func FuzzReadStamp(f *testing.F) {
	f.Add("cd.rev.app", "3 joe@x-3", "v1:x")
	f.Add("cd.rev.", " ", "")
	f.Add("cd.rev.é", "\x00\xff", "\xff")
	f.Fuzz(func(t *testing.T, key, value, hash string) {
		m := map[string]string{"cd.service": "api", "cd.hash": hash}
		m[key] = value
		object, err := readStamp(defaultPrefix, "api", m)
		stamp, ok := resource.Copy{Object: object}.Stamp()
		if ok && err == nil && stamp.Hash != resource.Hash(stamp.Revisions) {
			t.Errorf("%q was taken for consistent: %v", m, stamp)
		}
	})
}
