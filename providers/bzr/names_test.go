package bzr

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// breezyPython is the interpreter that Debian's brz is installed for.
const breezyPython = "/usr/bin/python3"

// python runs a program that may import breezy, and returns what it prints.
func python(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(breezyPython, append([]string{"-c", program}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", breezyPython, err, stderr.String())
	}
	return string(out)
}

// lookUp prints where each location leads for the user joe, but for those about which brz would ask Launchpad.
const lookUp = `
import json, sys
import breezy
from breezy.plugins.launchpad import lp_directory
breezy.initialize()
asked = "bzr+ssh://bazaar.launchpad.net"
directory, ask = lp_directory.LaunchpadDirectory(), lambda path, url: {"urls": [asked]}
found = {at: directory._resolve(at, ask, "joe") for at in sys.argv[1:]}
print(json.dumps({at: url.removeprefix("bzr+ssh://") for at, url in found.items() if url != asked}))
`

func TestLaunchpadIsResolvedAsBrzDoes(t *testing.T) {
	var want map[string]string
	all := []string{"lp:app", "lp:app/1.x", "lp:/app/", "lp:///app", "lp:~team/app/trunk", "lp:~/app/trunk", "lp://staging/app", "lp://qastaging/~a/b/c",
		"lp://demo/app", "lp://test/app", "lp://production/app", "lp+bzr:app", "lp+bzr:~/a/b", "ubuntu:app", "ubuntu:noble/app", "debianlp:app",
		"debianlp:sid/app", "lp:caf%C3%A9", "lp:~team", "lp:~team/app", "lp:~team/ubuntu/app", "lp:~team/ubuntu/noble/app",
		"lp:~team/ubuntu/noble/app/trunk", "lp:~team/debian/sid/app", "lp:~/app"}
	if err := json.Unmarshal([]byte(python(t, lookUp, all...)), &want); err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		got, err := names{launchpadUser: "joe"}.parse(text)
		remote := text
		if want[text] != "" {
			remote = "bzr+ssh://joe@" + want[text] // brz finds the user when it connects
		}
		if err != nil || got.remote != remote || got.String() != text {
			t.Errorf("%s: got %+v, %v, want %s", text, got, err, remote)
		}
		if alone, err := parseLocation(text); err != nil || alone.remote != text || !alone.launchpad() {
			t.Errorf("%s without a user name: got %+v, %v", text, alone, err)
		}
	}
	if want["lp:app"] != "bazaar.launchpad.net/+branch/app" || want["lp:~team"] != "" {
		t.Errorf("brz says %v", want)
	}
}

func TestRewrite(t *testing.T) {
	n, err := newNames("joe", map[string]string{"lp:": "bzr+ssh://mirror.example.com/lp/", "lp:~team/": "/srv/team/", "app:": "lp:~team/app/",
		"lp:up": "lp:up"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]location{
		"lp:web;revno=3": {remote: "bzr+ssh://mirror.example.com/lp/web", pin: pin{byRevno, "3"},
			shown: "lp:web (rewritten to bzr+ssh://mirror.example.com/lp/web)"},
		"lp:~team/web": {path: "/srv/team/web", shown: "lp:~team/web (rewritten to /srv/team/web)"},
		"app:trunk": {remote: "bzr+ssh://joe@bazaar.launchpad.net/~team/app/trunk",
			shown: "app:trunk (rewritten to lp:~team/app/trunk)"},
		"lp:upper":  {remote: "bzr+ssh://joe@bazaar.launchpad.net/+branch/upper", shown: "lp:upper"},
		"/srv/team": {path: "/srv/team"},
	} {
		got, err := n.parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(location{}, pin{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	_, err = n.parse("lp:a b")
	var f *fault
	if !errors.As(err, &f) || !strings.Contains(f.detail, `"bzr+ssh://mirror.example.com/lp/a b"`) || !strings.Contains(f.detail, `"lp:a b"`) {
		t.Errorf("got %v, want an error that names both", err)
	}
	if _, err = n.parse("lp:~ann:hush@web"); !errors.As(err, &f) || f.summary != "Password in location" || strings.Contains(f.detail, "hush") {
		t.Errorf("got %v, want an error that tells of the password, and not what it is", err)
	}
}

func TestRewriteRefuses(t *testing.T) {
	for prefix, replacement := range map[string]string{
		"": "/srv/", "a:": "", "b:": "srv/", "c:": "-Dx", "d:": "bzr://h", "e:": "bzr+ssh://joe:secret@h/", "f:": "/srv/a;revno=3", "g:": "ext::sh ",
		"h:": "bzr://", "i:": "/a\n",
	} {
		_, err := newNames("", map[string]string{prefix: replacement})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q to %q: got %v", prefix, replacement, err)
		}
	}
}

func TestRewrittenBranches(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "1")
	newBranch(t, dir+"/empty", "2a")
	root := serve(t, dir)
	p := opened(t, map[string]cty.Value{"command": cty.StringVal("/nonexistent/brz"),
		"rewrite": cty.MapVal(map[string]cty.Value{"lp:": cty.StringVal(root + "/"), "ours:": cty.StringVal(dir + "/"), dir: cty.StringVal("/nowhere")})})
	for _, at := range []string{"lp:b", "ours:b"} {
		r := read(t, p, wanted("app", at))[0]
		if got := revision(t, r); got != info(t, b) {
			t.Errorf("%s: got %s, want %s", at, got, info(t, b))
		}
		if got := r.Object.GetAttr("location").AsString(); got != at {
			t.Errorf("the location is now %s", got)
		}
	}
	checkFailure(t, read(t, p, wanted("app", "lp:none"))[0], "", "cannot read the tip of lp:none (rewritten to "+root+"/none): no branch at "+root+"/none")
	checkFailure(t, read(t, p, wanted("app", "lp:empty"))[0], "Empty branch", "The branch lp:empty (rewritten to "+root+"/empty) has no commits")
	if got := revision(t, read(t, p, wantedTree(b, "1"))[0]); got != info(t, b) {
		t.Errorf("a service's directory: got %s", got)
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("lp:x", "lp:", "/srv/")
	f.Add("lp:~/a/b;revno=2", "b", "bzr://h/")
	f.Add("ubuntu:a/b", "u", "u")
	f.Fuzz(func(t *testing.T, text, prefix, replacement string) {
		n, err := newNames("joe", map[string]string{prefix: replacement})
		if err != nil {
			return
		}
		at, err := n.parse(text)
		var fault *fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("got error %#v", err)
		}
		if err == nil && (strings.HasPrefix(at.argument(), "-") || (at.path == "") == (at.remote == "")) {
			t.Errorf("%q: got %+v", text, at)
		}
	})
}
