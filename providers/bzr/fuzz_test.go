package bzr

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"launchpad.net/cdplan/providers/resource"
)

// sealed returns a dirstate whose checksum and count of rows are right, so that fuzzing gets past them.
func sealed(body string) []byte {
	rows := strings.Count(body, "\x00\n\x00") - 2
	return fmt.Appendf(nil, "%scrc32: %d\nnum_entries: %d\n%s", dirstateHeader, crc32.ChecksumIEEE([]byte(body)), rows, body)
}

const oneFile = "1\x00tip\x00\n\x000\x00\n\x00" +
	"\x00config.ini\x00id\x00f\x00\x004\x00n\x00x\x00f\x00c142\x004\x00n\x00tip\x00\n\x00"

func TestParseDirstate(t *testing.T) {
	d, err := parseDirstate(sealed(oneFile))
	if err != nil || len(d.parents) != 1 || d.parents[0] != "tip" {
		t.Fatalf("got %+v, %v", d, err)
	}
	if got, want := d.file("config.ini"), (fileState{versioned: true, committed: true, sha1: "c142"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := d.file("sub/config.ini"); got != (fileState{}) {
		t.Errorf("got %+v for a file that is not there", got)
	}
	whole := string(sealed(oneFile))
	for i := range oneFile {
		cut := fmt.Sprintf("%scrc32: %d\nnum_entries: 1\n%s", dirstateHeader, crc32.ChecksumIEEE([]byte(oneFile[:i])), oneFile[:i])
		if d, err := parseDirstate([]byte(cut)); !errors.Is(err, errTorn) {
			t.Errorf("cut off at %d: got %+v, %v", i, d, err)
		}
	}
	for i := range whole {
		if d, err := parseDirstate([]byte(whole[:i])); !errors.Is(err, errTorn) {
			t.Errorf("the file is cut off at %d: got %+v, %v", i, d, err)
		}
	}
	if d, err := parseDirstate([]byte(strings.Replace(whole, "c142", "c143", 1))); !errors.Is(err, errTorn) {
		t.Errorf("another sum in the file: got %+v, %v", d, err)
	}
	ghost := strings.Replace(oneFile, "1\x00tip\x00\n\x000\x00\n", "2\x00tip\x00side\x00\n\x001\x00tip\x00\n", 1)
	if d, err := parseDirstate(sealed(ghost)); !errors.Is(err, errTorn) {
		t.Errorf("the first parent is not there: got %+v, %v", d, err)
	}
	if d, err := parseDirstate(sealed(strings.Replace(ghost, "\x001\x00tip\x00", "\x001\x00side\x00", 1))); err != nil || len(d.parents) != 2 {
		t.Errorf("the second parent is not there: got %+v, %v", d, err)
	}
}

func TestFileOfSeveralRows(t *testing.T) {
	here := "\x00config.ini\x00new\x00f\x00\x004\x00n\x00x\x00a\x00\x000\x00n\x00\x00\n\x00"
	gone := "\x00config.ini\x00old\x00a\x00\x000\x00n\x00x\x00f\x00c142\x004\x00n\x00tip\x00\n\x00"
	for _, rows := range []string{here + gone, gone + here} {
		d, err := parseDirstate(sealed("1\x00tip\x00\n\x000\x00\n\x00" + rows))
		if got, want := d.file("config.ini"), (fileState{versioned: true, committed: true, sha1: "c142"}); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", rows, got, err, want)
		}
	}
}

func FuzzDirstate(f *testing.F) {
	for _, body := range []string{"", oneFile, "0\x00\n\x000\x00\n\x00", "2\x00a\x00b\x00\n\x001\x00b\x00\n\x00", "-1\x00\n\x00-1\x00\n\x00"} {
		f.Add(body, "config.ini")
	}
	f.Fuzz(func(t *testing.T, body, name string) {
		d, err := parseDirstate(sealed(body))
		if err != nil && !errors.Is(err, errTorn) {
			t.Errorf("got error %v", err)
		}
		if state := d.file(name); err != nil && state != (fileState{}) {
			t.Errorf("got %+v beside the error", state)
		}
		_, _ = parseDirstate([]byte(body))
	})
}

func TestParseConflicts(t *testing.T) {
	head := conflictsHeader
	for text, want := range map[string]string{
		head: "", head + "path: a b\ntype: text conflict\n": "a b", head + "type: path conflict\npath: a\nconflict_path: b\n\npath: c\n": "a|c",
		head + "path: a\n\tpath: b\n\npath: a\n": "a", head + "path: é: x": "é: x",
	} {
		if got, err := parseConflicts(text); err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "BZR conflict list format 2\n", head + "path", head + "<html>\n"} {
		if got, err := parseConflicts(text); err == nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
	many := (&provider{brz: newProgram("", 0, 1)}).inConflict(checkout{dir: "/d"}, []string{"a", "b", "c\x1b", "d", "e", "f", "g"})
	if !strings.Contains(many.Error(), "update: a, b, c, d, e and 2 more.") {
		t.Errorf("got %q", many)
	}
}

func FuzzConflicts(f *testing.F) {
	for _, body := range []string{"", "path: a\ntype: text conflict\n\npath: b\n", "path: \n\tx", ": \n", "\tx"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		paths, err := parseConflicts(conflictsHeader + body)
		if slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(p, "\n") }) || err != nil && paths != nil {
			t.Errorf("got %q, %v", paths, err)
		}
		_, _ = parseConflicts(body)
	})
}

func checkRevision(t *testing.T, r resource.Revision, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if !revnoForm.MatchString(r.Revno) || r.ID == "" || strings.ContainsFunc(r.String()[len(r.Revno)+1:], unicode.IsSpace) {
		t.Errorf("got %q", r)
	}
}

func FuzzLastRevision(f *testing.F) {
	for _, text := range []string{"1 a\n", "0 null:\n", "007 a", "", "1  a", "x a", "1 a\nb"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseLastRevision(data)
		checkRevision(t, r, err)
		if err == nil && (r.Revno != "0" && r.Revno[0] == '0' || strings.TrimSuffix(strings.TrimLeft(string(data), "0"), "\n") !=
			strings.TrimLeft(r.String(), "0")) {
			t.Errorf("got %q from %q", r, data)
		}
	})
}

func FuzzRevisionHistory(f *testing.F) {
	for _, text := range []string{"", "a", "a\nb", "a\n", "\n", "a\n\nb", "a b"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseHistory(data)
		checkRevision(t, r, err)
	})
}

func FuzzBranchFiles(f *testing.F) {
	f.Add("Bazaar-NG meta directory, format 1\n", "Bazaar Branch Format 7 (needs bzr 1.6)\n", "1 a\n", "")
	f.Add("Bazaar-NG meta directory, format 1\n", "Bazaar-NG Branch Reference Format 1\n", "", "../x")
	f.Add("Bazaar-NG meta directory, format 1\n", "Bazaar-NG Branch Reference Format 1\n", "", "bzr://h/x")
	f.Add("Bazaar-NG branch, format 6\n", "", "", "")
	f.Fuzz(func(t *testing.T, control, format, last, reference string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"branch-format": control, "branch/format": format, "branch/last-revision": last,
			"branch/location": reference} {
			write(t, filepath.Join(dir, ".bzr", name), text)
		}
		end, r, err := readTip(location{path: dir})
		checkRevision(t, r, err)
		if end.remote == "" && !filepath.IsAbs(end.path) {
			t.Errorf("the reference leads to %+v", end)
		}
	})
}

func FuzzLog(f *testing.F) {
	record := separator + "\nrevno: 2 [merge]\ntags: t\nrevision-id: i\nauthor: A <a@b>, B\ncommitter: C <c@d>\nbranch nick: x\n" +
		"timestamp: Sun 2026-11-22 12:14:09 +0000\nmessage:\n  s\n  t\n"
	f.Add(record)
	f.Add(record + record)
	f.Add("fixes bugs: http://x/\x1b[2J http://y/\u0085\n" + record)
	f.Add(strings.Replace(record, "author", "fixes bugs: http://x/\x1b[2J \x07\nauthor", 1))
	f.Add(strings.ReplaceAll(record, "message:", "massage:"))
	f.Fuzz(func(t *testing.T, text string) {
		commits, err := parseLog(text)
		for _, c := range commits {
			checkRevision(t, c.Revision, err)
			checkCommit(t, c)
		}
	})
}

func FuzzLocation(f *testing.F) {
	for _, text := range []string{"/a;revno=1", "file:///a%20b,branch=x", "bzr+ssh://j@h/x", "lp:~a/b", "http://j:secretword@h/", "-x", "a::b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseLocation(text)
		if err != nil {
			var fault *fault
			if !errors.As(err, &fault) {
				t.Errorf("got error %#v", err)
			}
			return
		}
		arg := at.argument()
		if strings.HasPrefix(arg, "-") || strings.ContainsFunc(arg, unicode.IsControl) || (at.path == "") == (at.remote == "") {
			t.Errorf("%q: got %+v, argument %q", text, at, arg)
		}
		again, err := parseLocation(at.String())
		if at.remote == "" && !strings.Contains(at.String(), ";") && (err != nil || again.argument() != arg) {
			t.Errorf("%q: written out it is %q, which is %+v, %v", text, at, again, err)
		}
	})
}
