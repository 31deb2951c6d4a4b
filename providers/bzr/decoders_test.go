package bzr

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dsnet/compress/bzip2"
	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
)

// What follows are answers of a real server, unpacked, about a branch whose second revision merged another.
const (
	firstID = "ann@example.com-20261122153958-m1lwm3brqbr2g9ey"
	sideID  = "ann@example.com-20261122154000-670bv0kbx38s7lhu"
	whileID = "ann@example.com-20261122154001-k2kk9m24sqoig7sq"
	tipID   = "ann@example.com-20261122154002-6cn2fxg9pw5u7pio"

	realGraph = firstID + "\n" + sideID + " " + firstID + "\n" + whileID + " " + firstID + "\n" + tipID + " " + whileID + " " + sideID

	realRecord = "ll6:formati10eel9:committer29:Ann Example <ann@example.com>el8:timezonei0eel10:propertiesd7:authors42:Bob <bob@example.com>\n" +
		"Éva <e@example.com>11:branch-nick4:side4:bugs35:https://launchpad.net/bugs/12 fixedeel9:timestamp14:1795362000.300el11:revision-id47:" +
		sideID + "el10:parent-idsl47:" + firstID + "eel14:inventory-sha140:204c47ab47f23a532d6bdd698c99e790fd89171ael7:message4:sideee"

	realXML = `<revision committer="Ann Example &lt;ann@example.com&gt;" format="5" inventory_sha1="bc57cf2510cb4164bb96b8038a3d3b7c258398bc" ` +
		`revision_id="` + sideID + `" timestamp="1795362005.264" timezone="0">
<message>side</message>
<parents>
<revision_ref revision_id="` + firstID + `" />
</parents>
<properties><property name="authors">Bob &lt;bob@example.com&gt;
&#201;va &lt;e@example.com&gt;</property>
<property name="branch-nick">side</property>
<property name="bugs">https://launchpad.net/bugs/12 fixed</property>
</properties>
</revision>
`

	realInventories = containerHeader + "B54\n\nBazaar repository format 2a (needs bzr 1.16 or later)\nB852\ninventory-deltas\n\nfulltext\n\x00\x00\x009l47:" +
		firstID + "3:nile" + deltaHeader + "parent: null:\nversion: " + firstID + "\nversioned_root: true\ntree_references: true\n" +
		"None\x00/\x00tree_root-20261122153957-uha5pn0jzmpaaknb-1\x00\x00" + firstID + "\x00dir\n" +
		"None\x00/config.ini\x00config.ini-20261122153958-z3cdah21jb323fm9-1\x00tree_root-20261122153957-uha5pn0jzmpaaknb-1\x00" + firstID +
		"\x00file\x004\x00\x00281bac2b704617e807850e07e54bae3469f6a2e7\n" +
		"None\x00/d\x00d-20261122153958-z3cdah21jb323fm9-2\x00tree_root-20261122153957-uha5pn0jzmpaaknb-1\x00" + firstID + "\x00dir\n" +
		"None\x00/d/x\x00x-20261122153958-z3cdah21jb323fm9-3\x00d-20261122153958-z3cdah21jb323fm9-2\x00" + firstID +
		"\x00file\x001\x00\x00356a192b7913b04c54574d18c28d46e6395428ab\n" +
		"B720\ninventory-deltas\n\nfulltext\n\x00\x00\x009l47:" +
		tipID + "3:nile" + deltaHeader + "parent: " + firstID + "\nversion: " + tipID + "\nversioned_root: true\ntree_references: true\n" +
		"/config.ini\x00/config.ini\x00config.ini-20261122153958-z3cdah21jb323fm9-1\x00tree_root-20261122153957-uha5pn0jzmpaaknb-1\x00" + tipID +
		"\x00file\x004\x00\x00389cc6b7ae5a659383eab5dfc253764eccf84732\n" +
		"/d/x\x00None\x00x-20261122153958-z3cdah21jb323fm9-3\x00\x00null:\x00deleted\x00\x00\n" +
		"None\x00/d/y\x00y-20261122154000-b05rf47xzs9cfb35-1\x00d-20261122153958-z3cdah21jb323fm9-2\x00" + sideID +
		"\x00file\x001\x00\x00da4b9237bacccdf19c0760cab7aec4a8359010b0\nE"
)

// packed returns what is written to the writer that open returns, packed as that does it. Writing to memory cannot fail.
func packed(text string, open func(io.Writer) (io.WriteCloser, error)) []byte {
	var all bytes.Buffer
	w, err := open(&all)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return all.Bytes()
}

// bzip2Of compresses a text as a server does its graph.
func bzip2Of(text string) []byte {
	return packed(text, func(w io.Writer) (io.WriteCloser, error) { return bzip2.NewWriter(w, &bzip2.WriterConfig{Level: 1}) })
}

// zlibOf compresses texts as a server does its records, one behind the other.
func zlibOf(texts ...string) []byte {
	var all []byte
	for _, text := range texts {
		all = append(all, packed(text, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil })...)
	}
	return all
}

// listRecord writes a record out as repositories since format 2a have it.
func listRecord(r record) string {
	properties := bdict{}
	for name, text := range r.properties {
		properties[name] = bstring(text)
	}
	pair := func(name string, v value) value { return blist{bstring(name), v} }
	return string(blist{
		pair("committer", bstring(r.committer)), pair("properties", properties), pair("timestamp", bstring(fmt.Sprint(r.seconds))),
		pair("revision-id", bstring(r.id)), pair("message", bstring(r.message)),
	}.bencode(nil))
}

// container writes deltas out as a server does.
func container(deltas ...delta) string {
	var b strings.Builder
	b.WriteString(containerHeader)
	place := func(path string) string {
		if path == "" {
			return "None"
		}
		return path
	}
	for _, d := range deltas {
		body := fmt.Sprintf("%sparent: %s\nversion: %s\nversioned_root: true\ntree_references: true\n", deltaHeader, d.parent, d.version)
		for _, r := range d.rows {
			body += fmt.Sprintf("%s\x00%s\x00%s\x00\x00%s\x00%s\n", place(r.from), place(r.to), r.file, r.revision, r.kind)
		}
		fmt.Fprintf(&b, "B%d\ninventory-deltas\n\n%s", len(body), body)
	}
	return b.String() + "E"
}

// taken returns how many bytes of memory were taken while f ran, all that was given back included.
func taken(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkMemory fails unless f takes less than limit MiB of memory.
func checkMemory(t *testing.T, limit uint64, f func()) {
	t.Helper()
	if n := taken(f) >> 20; n > limit {
		t.Errorf("%d MiB of memory were taken, more than %d", n, limit)
	}
}

func TestParseParents(t *testing.T) {
	got, err := parseParents(bzip2Of(realGraph))
	want := map[string][]string{firstID: {}, sideID: {firstID}, whileID: {firstID}, tipID: {whileID, sideID}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := parseParents(bzip2Of("")); len(got) != 0 || err != nil {
		t.Errorf("nothing: got %v, %v", got, err)
	}
	for _, text := range []string{"a\n", "a  b", "a b\na c", " a", "a\x00 b", "a b\x1b[2J", "a \xff", "a\tb"} {
		if got, err := parseParents(bzip2Of(text)); err == nil || got != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	long := strings.Repeat("x", maxGraph)
	if got, err := parseParents(bzip2Of(long)); len(got) != 1 || err != nil {
		t.Errorf("as much as can be taken: got %d, %v", len(got), err)
	}
	if got, err := parseParents(bzip2Of(long + "x")); err == nil || got != nil {
		t.Errorf("one byte too much: got %d, %v", len(got), err)
	}
}

// TestGraphBombs unpacks little that becomes much.
func TestGraphBombs(t *testing.T) {
	var short strings.Builder
	for i := 0; short.Len() < maxGraph-10; i++ {
		fmt.Fprintf(&short, "%x\n", i)
	}
	for name, text := range map[string]string{
		"one line":        "a" + strings.Repeat(" a", maxGraph/2-1),
		"short revisions": short.String() + "z",
		"zeros":           strings.Repeat("0", 20*maxGraph),
	} {
		body := bzip2Of(text)
		checkMemory(t, 300, func() { _, _ = parseParents(body) })
		if t.Failed() {
			t.Log(name)
		}
	}
}

func FuzzParents(f *testing.F) {
	for _, text := range []string{"", realGraph, "a", "a b\nb", "a b\na c", "a  b", "a\n", "a \x00", "a \u00a0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseParents(bzip2Of(text))
		if err != nil && got != nil {
			t.Errorf("got %q beside the error", got)
		}
		var lines []string
		for id, parents := range got {
			line := append([]string{id}, parents...)
			if slices.ContainsFunc(line, func(id string) bool { return !validID(id) }) {
				t.Errorf("got the ids %q", line)
			}
			lines = append(lines, strings.Join(line, " "))
		}
		wanted := strings.Split(text, "\n")
		slices.Sort(wanted)
		slices.Sort(lines)
		if err == nil && text != "" && !slices.Equal(lines, wanted) {
			t.Errorf("%q is understood as %q", text, got)
		}
		if got, err := parseParents([]byte(text)); err != nil && got != nil {
			t.Errorf("got %q beside the error", got)
		}
	})
}

func TestParseRecords(t *testing.T) {
	want := record{id: sideID, committer: "Ann Example <ann@example.com>", message: "side", seconds: 1795362000, properties: map[string]string{
		"authors": "Bob <bob@example.com>\nÉva <e@example.com>", "branch-nick": "side", "bugs": "https://launchpad.net/bugs/12 fixed"}}
	got, err := parseRecords("10", zlibOf(realRecord))
	if diff := cmp.Diff(map[string]record{sideID: want}, got, cmp.AllowUnexported(record{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	want.seconds += 5
	for _, serializer := range []string{"5", "6", "7", "8"} {
		got, err = parseRecords(serializer, zlibOf(realXML))
		if diff := cmp.Diff(map[string]record{sideID: want}, got, cmp.AllowUnexported(record{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", serializer, err, diff)
		}
	}
	if got, err := parseRecords("9", zlibOf(realXML)); !errors.Is(err, errUndecided) || got != nil {
		t.Errorf("an unknown serializer: got %v, %v", got, err)
	}
	for _, time := range []string{"nan", "inf", "-inf", "1e400", "", "soon", "253402300800", "-62167219201"} {
		text := strings.Replace(realRecord, "14:1795362000.300", fmt.Sprintf("%d:%s", len(time), time), 1)
		if got, err := parseRecords("10", zlibOf(text)); err == nil || got != nil {
			t.Errorf("time %q: got %v, %v", time, got, err)
		}
	}
	for _, seconds := range []int64{firstSecond, -1, 0, lastSecond} {
		all, err := parseRecords("10", zlibOf(listRecord(record{id: "a", seconds: seconds})))
		if date := all["a"].commit("1").Date; err != nil || date.Unix() != seconds || date.Year() < 0 || date.Year() > 9999 {
			t.Errorf("%d seconds: got %s, %v", seconds, date, err)
		}
	}
	early := strings.Replace(listRecord(record{id: "a"}), "1:0e", "4:-0.5e", 1)
	if all, err := parseRecords("10", zlibOf(early)); err != nil || all["a"].seconds != -1 {
		t.Errorf("half a second before 1970: got %+v, %v", all, err)
	}
}

func TestRecordsTellCommits(t *testing.T) {
	for name, test := range map[string]struct {
		record
		want string // author, subject, bugs
	}{
		"a committer":            {record{committer: "Ann <a@b>", message: "x\ny"}, "Ann|x|"},
		"one of several lines":   {record{committer: "Ann <a@b>\nBob <b@c>", message: "\n \nx"}, "Ann|x|"},
		"an author, the old way": {record{committer: "Ann <a@b>", properties: map[string]string{"author": "Bob <b@c>"}}, "Bob|(no message)|"},
		"authors": {record{committer: "Ann <a@b>", message: "x", properties: map[string]string{"author": "Eve", "authors": "Bob <b@c>\n\nC, D <c@d>\n"}},
			"Bob, C, D|x|"},
		"nobody": {record{message: " \n"}, "|(no message)|"},
		"bugs": {record{committer: "Ann", message: "x", properties: map[string]string{"bugs": "http://x/1 fixed\nhttp://x/2 related\nhttp://x/3\n\nhttp://x/4 fixed"}},
			"Ann|x|http://x/1 http://x/4"},
	} {
		c := test.commit("5")
		if got := c.Author + "|" + c.Subject + "|" + strings.Join(c.Bugs, " "); got != test.want || c.Revno != "5" || c.Date.Location() != time.UTC {
			t.Errorf("%s: got %q, %+v", name, got, c)
		}
	}
	records := map[string]record{"a": {committer: "Eve"}, "b": {committer: "Bob <b@c>"}, "c": {committer: "Eve <e@f>"}, "d": {committer: "Zoe"}}
	if got := authorsOf([]string{"a", "b", "c", "none"}, records); fmt.Sprint(got) != "[Bob Eve]" {
		t.Errorf("got the authors %q", got)
	}
}

// TestRecordsAreLimited sends records at the limits and beyond.
func TestRecordsAreLimited(t *testing.T) {
	sized := func(id string, size int) string {
		r := record{id: id, message: strings.Repeat("x", size-200)}
		r.message = strings.Repeat("x", size-200+size-len(listRecord(r)))
		return listRecord(r)
	}
	if all, err := parseRecords("10", zlibOf(sized("a", maxRecord))); err != nil || len(all) != 1 {
		t.Errorf("as long as a record may be: %d, %v", len(all), err)
	}
	if all, err := parseRecords("10", zlibOf(sized("a", maxRecord+1))); err == nil || all != nil {
		t.Errorf("longer than a record may be: %d, %v", len(all), err)
	}
	var many []string
	for i := range maxRecords / maxRecord {
		many = append(many, sized(fmt.Sprint("r", i), maxRecord))
	}
	if all, err := parseRecords("10", zlibOf(many...)); err != nil || len(all) != len(many) {
		t.Errorf("as much as records may be together: %d, %v", len(all), err)
	}
	if all, err := parseRecords("10", zlibOf(append(many, sized("z", 400))...)); err == nil || all != nil {
		t.Errorf("more than records may be together: %d, %v", len(all), err)
	}
}

// TestRecordBombs unpacks little that becomes much.
func TestRecordBombs(t *testing.T) {
	var bomb []byte
	for i := range 64 {
		bomb = append(bomb, zlibOf(listRecord(record{id: fmt.Sprint("r", i), message: strings.Repeat("x", maxRecord-200)}))...)
	}
	var all map[string]record
	var err error
	checkMemory(t, 128, func() { all, err = parseRecords("10", bomb) })
	if err == nil || all != nil {
		t.Errorf("got %d records", len(all))
	}
	checkMemory(t, 300, func() { _, _ = parseRecords("10", zlibOf("l"+strings.Repeat("le", maxRecord/2-1)+"e")) })
	nested := strings.Repeat("<property>", maxRecord/10)
	checkMemory(t, 300, func() { _, _ = parseRecords("5", zlibOf(nested)) })
}

// checkCommit fails unless the commit can be shown and written down.
func checkCommit(t *testing.T, c resource.Commit) {
	t.Helper()
	if strings.ContainsFunc(c.Author+c.Subject+strings.Join(c.Bugs, ""), unicode.IsControl) || !validID(c.ID) {
		t.Errorf("got %+q", c)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Errorf("%+v: %v", c, err)
	}
}

func FuzzRecords(f *testing.F) {
	for _, text := range []string{
		realRecord, "", "le", "ll11:revision-id1:ael9:timestamp3:0.5ee", listRecord(record{id: "a", committer: "<x@y>", properties: map[string]string{"author": "\x1b"}}),
		strings.Replace(realRecord, "14:1795362000.300", "3:nan", 1),
	} {
		f.Add("10", text)
	}
	f.Add("5", realXML)
	f.Add("8", `<revision revision_id="a" timestamp="1e3"><properties><property name="bugs">u&#27; fixed</property></properties></revision>`)
	f.Add("9", realXML)
	f.Fuzz(func(t *testing.T, serializer, text string) {
		got, err := parseRecords(serializer, zlibOf(text))
		if err != nil && got != nil || len(got) > 1 {
			t.Errorf("got %v, %v", got, err)
		}
		for id, r := range got {
			if id != r.id {
				t.Errorf("%q is told as %q", r.id, id)
			}
			checkCommit(t, r.commit("1"))
			if r.commit("1").Subject == "" {
				t.Errorf("%+v has no subject", r)
			}
			again, err := parseRecords("10", zlibOf(listRecord(r)))
			if diff := cmp.Diff(got, again, cmp.AllowUnexported(record{})); diff != "" || err != nil {
				t.Errorf("written out it is understood as something else, %v:\n%s", err, diff)
			}
		}
		if got, err := parseRecords(serializer, []byte(text)); err != nil && got != nil {
			t.Errorf("got %v beside the error", got)
		}
	})
}

func TestParseDeltas(t *testing.T) {
	deltas, err := parseDeltas([]byte(realInventories))
	if err != nil || len(deltas) != 2 || len(deltas[0].rows) != 4 || len(deltas[1].rows) != 3 {
		t.Fatalf("got %+v, %v", deltas, err)
	}
	want := delta{parent: firstID, version: tipID, rows: []row{
		{"/config.ini", "/config.ini", "config.ini-20261122153958-z3cdah21jb323fm9-1", tipID, "file"},
		{"/d/x", "", "x-20261122153958-z3cdah21jb323fm9-3", "null:", "deleted"},
		{"", "/d/y", "y-20261122154000-b05rf47xzs9cfb35-1", sideID, "file"},
	}}
	if diff := cmp.Diff(want, deltas[1], cmp.AllowUnexported(delta{}, row{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i := range realInventories {
		if got, err := parseDeltas([]byte(realInventories[:i])); err == nil || got != nil {
			t.Errorf("cut off at %d: got %v, %v", i, got, err)
		}
	}
	for _, text := range []string{
		containerHeader + "B2\n\nxE", containerHeader + "B99999999999\n\nxE", containerHeader + "B-1\n\nxE", containerHeader + "B\n\nE",
		containerHeader + "B000000000000000000001\n\nxE", containerHeader + "B1\n\nxEE", containerHeader + "U1\n\nxE", containerHeader + "",
		container(delta{rows: []row{{from: "\n"}}}), strings.Replace(container(delta{}), "parent", "patent", 1),
		strings.Replace(container(delta{}), "version:", "version=", 1), strings.Replace(container(delta{}), "tree_ref", "tree-ref", 1),
		strings.Replace(container(delta{rows: []row{{kind: "file"}}}), "\x00file", "-file", 1),
	} {
		if got, err := parseDeltas([]byte(text)); err == nil || got != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if got, err := parseDeltas([]byte(containerHeader + "B00000000000000000001\n\nxE")); err != nil || got != nil {
		t.Errorf("a record of another kind: got %v, %v", got, err)
	}
}

// TestDifference asks both ways round: older repositories send the newer inventory first.
func TestDifference(t *testing.T) {
	whole := delta{version: "a", rows: []row{
		{to: "/", kind: "dir", file: "root"}, {to: "/d", kind: "dir", file: "d"}, {to: "/d/x", kind: "file", file: "x", revision: "1"},
		{to: "/e", kind: "dir", file: "e"}, {to: "/same", kind: "file", file: "s", revision: "1"}, {to: "/old", kind: "file", file: "o", revision: "1"},
	}}
	change := delta{parent: "a", version: "b", rows: []row{
		{from: "/d/x", to: "/d/x", kind: "file", file: "x", revision: "2"}, {from: "/e", kind: "deleted", file: "e"}, {to: "/f", kind: "dir", file: "f"},
		{from: "/old", to: "/f/new", kind: "file", file: "o", revision: "2"}, {to: "/f/link", kind: "link", file: "l"},
		{from: "/d", to: "/d", kind: "dir", file: "d"}, {to: "/top", kind: "file", file: "t"},
	}}
	revisions := func(from, to *row) string {
		name := func(r *row) string {
			if r == nil {
				return "-"
			}
			return r.file + r.revision
		}
		return name(from) + " " + name(to)
	}
	forth, back := difference{whole: whole, change: change}, difference{whole: whole, change: change, backwards: true}
	for path, want := range map[string][2]string{
		"/d/x": {"x1 x2", "x2 x1"}, "/same": {"s1 s1", "s1 s1"}, "/old": {"o1 -", "- o1"}, "/f/new": {"- o2", "o2 -"}, "/none": {"- -", "- -"},
		"/d": {"d d", "d d"}, "/e": {"e -", "- e"},
	} {
		if one, other := revisions(forth.entries(path)), revisions(back.entries(path)); one != want[0] || other != want[1] {
			t.Errorf("%s: got %q and %q, want %q", path, one, other, want)
		}
	}
	want := &resource.Files{Count: 4, Areas: []resource.Area{{Name: "f", Files: 2}, {Name: ".", Files: 1}, {Name: "d", Files: 1}}}
	if diff := cmp.Diff(want, forth.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func FuzzDeltas(f *testing.F) {
	for _, text := range []string{
		realInventories, "", containerHeader + "E", containerHeader + "B1\n\nxE", container(delta{}, delta{}),
		container(delta{version: "a", rows: []row{{to: "/x", kind: "dir", file: "x"}}}, delta{parent: "a", rows: []row{{from: "/x", kind: "deleted", file: "x"}}}),
	} {
		f.Add(text, "/config.ini")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		deltas, err := parseDeltas([]byte(text))
		if err != nil && deltas != nil {
			t.Errorf("got %+v beside the error", deltas)
		}
		again, err := parseDeltas([]byte(container(deltas...)))
		if diff := cmp.Diff(deltas, again, cmp.AllowUnexported(delta{}, row{})); diff != "" || err != nil {
			t.Errorf("written out they are understood as something else, %v:\n%s", err, diff)
		}
		for i := range deltas {
			checkDifference(t, difference{whole: deltas[0], change: deltas[i]}, path)
		}
	})
}

// checkDifference fails if what is told of a difference is not in it.
func checkDifference(t *testing.T, d difference, path string) {
	t.Helper()
	from, to := d.entries(path)
	if from != nil && from.to != path || to != nil && to.to != path {
		t.Errorf("at %q there are %+v and %+v", path, from, to)
	}
	d.backwards = true
	if other, one := d.entries(path); one != from || other != to {
		t.Errorf("backwards, at %q there are %+v and %+v", path, one, other)
	}
	files, n := d.files(), 0
	for _, area := range files.Areas {
		n += area.Files
	}
	if files.Count != n || n > len(d.change.rows) {
		t.Errorf("of %d rows there are the files %+v", len(d.change.rows), files)
	}
}

func TestParseTexts(t *testing.T) {
	ok := func(n, text string) string { return "ok\x00" + n + "\n" + string(zlibOf(text)) }
	got, err := parseTexts([]byte("absent\x00no\x00no\x002\n"+ok("1", "new\n")+ok("0", "")), 3)
	if diff := cmp.Diff(map[int][]byte{0: {}, 1: []byte("new\n")}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, body := range []string{
		ok("3", ""), ok("-1", ""), ok("1", "") + ok("1", ""), ok("x", ""), ok("", ""), "no\x000\n", "ok\x000\nx", "ok\x000", ok("0", "x")[:12],
		ok("0", strings.Repeat("x", maxRecord+1)),
	} {
		if got, err := parseTexts([]byte(body), 3); err == nil || got != nil {
			t.Errorf("%.40q: got %v, %v", body, got, err)
		}
	}
	if got, err := parseTexts([]byte(ok("2", strings.Repeat("x", maxRecord))), 3); err != nil || len(got[2]) != maxRecord {
		t.Errorf("as long as a text may be: %d, %v", len(got[2]), err)
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("ok\x001", "new\n", "ok\x000", "old\n", 2)
	f.Add("absent\x00no\x00no\x002\nok\x001", "", "ok\x001", "", 3)
	f.Add("ok\x00-1", "x", "no", "", math.MaxInt)
	f.Fuzz(func(t *testing.T, head1, text1, head2, text2 string, asked int) {
		body := slices.Concat([]byte(head1+"\n"), zlibOf(text1), []byte(head2+"\n"), zlibOf(text2))
		got, err := parseTexts(body, asked)
		if err != nil && got != nil || len(got) > 2 {
			t.Errorf("got %v, %v", got, err)
		}
		for n, text := range got {
			if n < 0 || n >= asked || string(text) != text1 && string(text) != text2 {
				t.Errorf("got %q as number %d", text, n)
			}
		}
		if got, err := parseTexts([]byte(head1), asked); err != nil && got != nil {
			t.Errorf("got %v beside the error", got)
		}
	})
}

// answers is a caller that knows its answers by heart.
type answers map[string]reply

func (a answers) call(_ context.Context, q request) (reply, error) { return a[q.verb], nil }

// answered is the answer to a request that succeeded.
func answered(body []byte, args ...string) reply {
	all := blist{bstring("ok")}
	for _, arg := range args {
		all = append(all, bstring(arg))
	}
	return reply{ok: true, args: all, body: body}
}

// FuzzHistory tells a history of whatever a server says of its graph, of two revisions and of their files.
func FuzzHistory(f *testing.F) {
	f.Add(realGraph, realRecord, strings.ReplaceAll(realRecord, sideID, tipID), realInventories, whileID, tipID, "3")
	f.Add(realGraph, realRecord, realRecord, realInventories, firstID, sideID, "2")
	f.Add("c b\nb a\na", listRecord(record{id: "c"}), listRecord(record{id: "b"}), container(delta{version: "a"}, delta{parent: "a", version: "c"}), "a", "c", "3")
	f.Add("c b\nb c\na", listRecord(record{id: "c"}), listRecord(record{id: "b"}), "", "a", "c", "1")
	f.Add("b g\na g", listRecord(record{id: "a"}), listRecord(record{id: "b"}), "", "a", "b", "2")
	f.Fuzz(func(t *testing.T, graph, one, other, inventories, from, to, revno string) {
		s := served{smart: smart{answers{
			"BzrDir.find_repositoryV3":                answered(nil, "", "yes", "yes", "yes", ""),
			"Repository.get_parent_map":               answered(bzip2Of(graph)),
			"Repository.iter_revisions":               answered(zlibOf(one, other), "10"),
			"VersionedFileRepository.get_inventories": answered([]byte(inventories)),
			"Repository.iter_files_bytes":             answered([]byte("ok\x000\n" + string(zlibOf("text")))),
			"Branch.get_stacked_on_url":               {args: blist{bstring("NotStacked")}},
		}}, dir: "b", tip: resource.Revision{Revno: "1", ID: to}}
		span := resource.Span{From: resource.Revision{Revno: revno, ID: from}, To: resource.Revision{Revno: revno, ID: to}}
		got, err := s.history(t.Context(), span, "config.ini", nil)
		if err != nil {
			return
		}
		checkHistory(t, got, span)
	})
}

// checkHistory fails if a history contradicts itself.
func checkHistory(t *testing.T, got resource.History, span resource.Span) {
	t.Helper()
	seen := map[string]bool{}
	for i, c := range slices.Concat(got.Commits, got.Lost) {
		told := c.Subject != ""
		if seen[c.ID] || told && (c.Revno == "0" || strings.HasPrefix(c.Revno, "-")) {
			t.Errorf("commit %d is %+v", i, c)
		}
		seen[c.ID] = true
		if c.Merged != nil && (!slices.IsSorted(c.Merged.Authors) || len(slices.Compact(c.Merged.Authors)) < len(c.Merged.Authors)) {
			t.Errorf("commit %d merged %+v", i, c.Merged)
		}
		if told {
			checkCommit(t, c)
		}
	}
	if len(got.Commits) > 0 && got.Commits[0].ID != span.To.ID || len(got.Lost) > 0 && got.Lost[0].ID != span.From.ID {
		t.Errorf("from %v to %v: got %+v", span.From, span.To, got)
	}
	if got.Rewritten != (len(got.Lost) > 0) || got.Rewritten && got.Back || got.More < 0 || got.LostMore < 0 {
		t.Errorf("got %+v", got)
	}
}
