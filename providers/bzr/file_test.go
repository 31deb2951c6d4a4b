package bzr

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// The text of a file is that of the tip or the pin, wherever the branch is, and not that of a working tree.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "one", "two\n", "")
	brz(t, b, "rm", "-q", "--keep", "config.ini")
	brz(t, b, "commit", "-q", "-m", "gone")
	write(t, b+"/config.ini", "uncommitted")
	brz(t, dir, "init", "-q", "--format=development-colo", "colo")
	brz(t, dir, "push", "-q", "-r2", "-d", "b", "file://"+dir+"/colo,branch=x")
	brz(t, dir, "branch", "-q", "-r2", "--stacked", "b", "stacked")
	brz(t, dir, "checkout", "-q", "--lightweight", "stacked", "light")
	newBranch(t, dir+"/empty", "2a")
	root := serve(t, dir)
	filer := opened(t, nil).Resource(branchType).(providers.Filer)
	for location, want := range map[string]string{
		b + ";revno=1": "one", b + ";revno=3": "", "file://" + dir + "/colo,branch=x": "two\n", dir + "/stacked": "two\n", dir + "/light": "two\n",
		root + "/b;revno=2": "two\n", root + "/stacked": "two\n",
	} {
		got, err := filer.File(t.Context(), wanted("config", location), "config.ini")
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", location, got, err, want)
		}
	}
	for location, want := range map[string]string{
		b: "has no file config.ini in its revision 4.", b + ";revno=9": "has no revision 9", dir + "/empty": "has no commits", "x": `The location "x" cannot be used.`,
	} {
		_, err := filer.File(t.Context(), wanted("config", location), "config.ini")
		if attr := (*resource.AttrError)(nil); !errors.As(err, &attr) || !strings.Contains(attr.Detail, want) || attr.Addr.Label != "config" {
			t.Errorf("%s: got %v, want %q", location, err, want)
		}
	}
	if err := os.RemoveAll(b); err != nil { // on which another is stacked
		t.Fatal(err)
	}
	for location, want := range map[string]string{dir + "/none": "cannot read the tip of", dir + "/stacked": "cannot read config.ini of"} {
		if _, err := filer.File(t.Context(), wanted("config", location), "config.ini"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", location, err, want)
		}
	}
}

// Without the hash of a file in a working tree, none is looked at, and the history tells the file's text all the same.
func TestReadWithoutATree(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "one", "two")
	write(t, b+"/config.ini", "uncommitted")
	p := opened(t, map[string]cty.Value{"rewrite": cty.MapVal(map[string]cty.Value{"lp:b": cty.StringVal(b)})})
	for _, location := range []string{b + ";revno=1", "lp:b;revno=1"} {
		w := wantedTree(b, "other")
		attrs := w.Config.AsValueMap()
		attrs["tree_sha1"], attrs["location"] = cty.NullVal(cty.String), cty.StringVal(location)
		w.Config = cty.ObjectVal(attrs)
		if got := revision(t, read(t, p, w)[0]); got != info(t, b, "-r1") {
			t.Errorf("%s: got %v", location, got)
		}
	}
}

// A branch that began before the revision it is compared with is told by the help of the one that holds that.
func TestHistoryBeside(t *testing.T) {
	dir := t.TempDir()
	trunk := newBranch(t, dir+"/trunk", "2a", "start\n")
	brz(t, dir, "branch", "-q", "trunk", "fix")
	brz(t, dir, "branch", "-q", "--stacked", "trunk", "stacked")
	for _, name := range []string{"fix", "stacked"} {
		commit(t, dir+"/"+name, "fix one\n")
		commit(t, dir+"/"+name, "fix two\n")
	}
	commit(t, trunk, "trunk one\n")
	commit(t, trunk, "trunk two\n")
	commit(t, trunk, "trunk three\n")
	root := serve(t, dir)
	p := opened(t, nil).Resource(branchType).(branches)
	tell := func(location, beside string) resource.History {
		attrs := wanted("app", location).Config.AsValueMap()
		attrs["tree_file"] = cty.StringVal("config.ini")
		span := resource.Span{Config: cty.ObjectVal(attrs), From: info(t, trunk), To: info(t, location)}
		if beside != "" {
			span.Beside = wanted("app", beside).Config
		}
		return p.History(t.Context(), []resource.Span{span})[0]
	}
	for _, places := range [][2]string{{dir + "/fix", trunk}, {dir + "/fix", trunk + ";revno=1"}, {dir + "/fix", root + "/trunk;revno=99"}, {root + "/fix", trunk}, {dir + "/stacked", trunk}} {
		got := tell(places[0], places[1])
		if got.Err != nil || got.Fallback != "" || !got.Rewritten || got.Back || len(got.Commits) != 2 || len(got.Lost) != 3 || got.More+got.LostMore != 0 {
			t.Errorf("%v: got %+v", places, got)
			continue
		}
		if got.Commits[0].Subject != "set fix two" || got.Lost[2].Subject != "set trunk one" || got.Lost[0].Revno != "4" {
			t.Errorf("%v: got %+v", places, got)
		}
		if string(got.FileFrom) != "trunk three\n" || string(got.FileTo) != "fix two\n" {
			t.Errorf("%v: the texts are %q and %q", places, got.FileFrom, got.FileTo)
		}
	}
	for _, beside := range []string{"", dir + "/none", "bzr://127.0.0.1:1/trunk", "x", dir + "/fix"} {
		if got := tell(dir+"/fix", beside); got.Err != nil || !got.Rewritten || len(got.Commits) != 0 || len(got.Lost) != 1 || got.FileTo != nil && beside != dir+"/fix" {
			t.Errorf("%q: got %+v", beside, got)
		}
	}
}
