package bzr

import (
	"bufio"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// newTagged makes a branch with three revisions, the last of them a merge, and tags: of revisions that are in it, of one that it has lost, and of
// one that it never had.
func newTagged(t *testing.T, dir string) string {
	t.Helper()
	newBranch(t, dir, "2a", "1", "2")
	brz(t, "/", "branch", "-q", "-r1", dir, dir+"-side")
	for _, name := range []string{"one", "two"} {
		write(t, dir+"-side/"+name, "")
		brz(t, dir+"-side", "add", "-q")
		brz(t, dir+"-side", "commit", "-qm", name)
	}
	brz(t, dir+"-side", "tag", "-q", "elsewhere")
	brz(t, dir, "merge", "-q", "-r2", dir+"-side")
	brz(t, dir, "commit", "-qm", "merge")
	commit(t, dir, "4")
	for name, revno := range map[string]string{"v1": "1", "v1 beta;revno=2": "1.1.1", "newest é": "3", "lost": "4"} {
		brz(t, dir, "tag", "-q", "-r", revno, name)
	}
	brz(t, dir, "uncommit", "-q", "--force", "--keep-tags")
	return dir
}

// lostID is the id of the revision that a tagged branch has lost.
func lostID(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(dir + "/.bzr/branch/tags")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := parseTags(data)
	if err != nil {
		t.Fatal(err)
	}
	return tags["lost"]
}

// checkPins compares what a provider says of the pins of a tagged branch with what brz says of it in the directory.
func checkPins(t *testing.T, p providers.Provider, dir, at string, dotted bool) {
	t.Helper()
	specs := []string{"revno:1", "revno:2", "revno:3", "tag:v1", "tag:v1 beta;revno=2", "tag:newest é"}
	if dotted {
		specs = append(specs, "revno:1.1.1")
	}
	for _, revno := range []string{"1", "3", "1.1.1"} {
		specs = append(specs, "revid:"+info(t, dir, "-r", revno).ID)
	}
	said := strings.Split(brz(t, "/", append([]string{"revision-info", "-d", dir}, specs...)...), "\n")
	for i, spec := range specs {
		by, value, _ := strings.Cut(spec, ":")
		got := revision(t, read(t, p, wanted("app", at+pin{by, value}.String()))[0])
		if want := strings.TrimSpace(said[i]); got.String() != want {
			t.Errorf("%s, %s: got %s, brz says %s", at, spec, got, want)
		}
	}
	lost := lostID(t, dir)
	for option, text := range map[string]string{
		";revno=4":         "has no revision 4. Pin a revision that it has, or leave out ;revno=4 to follow the tip.",
		";revno=0":         "has no revision 0.",
		";revid=" + lost:   "has no revision with the id " + lost + ".",
		";revid=x@y-1":     "has no revision with the id x@y-1. Pin a revision that it has, or leave out ;revid=x@y-1 to follow the tip.",
		";tag=none":        "has no tag none.",
		";tag=lost":        "names the revision " + lost + ", which is not in the branch.",
		";tag=elsewhere":   "The tag elsewhere of the branch " + at + " names the revision ",
		";revno=999999999": "has no revision 999999999.",
	} {
		checkFailure(t, read(t, p, wanted("app", at+option))[0], "Unknown revision", text)
	}
}

// countingBrz returns a provider whose brz notes how it is called, and a function that returns the calls.
func countingBrz(t *testing.T) (providers.Provider, func() []string) {
	t.Helper()
	path, err := exec.LookPath("brz")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir+"/brz", "#!/bin/sh\necho \"$*\" >> "+dir+"/calls\nexec "+path+" \"$@\"\n")
	if err := os.Chmod(dir+"/brz", 0o755); err != nil {
		t.Fatal(err)
	}
	return opened(t, map[string]cty.Value{"command": cty.StringVal(dir + "/brz")}), func() []string {
		data, _ := os.ReadFile(dir + "/calls") // none if there was none
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

func TestPinsOfLocalBranches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newTagged(t, dir+"/b, c%é")
	brz(t, dir, "checkout", "-q", "--lightweight", b, "light")
	brz(t, dir, "init-shared-repository", "-q", "repo")
	write(t, dir+"/repo/deep/README", "")
	brz(t, dir, "branch", "-q", b, "repo/deep/shared")
	brz(t, dir, "branch", "-q", "--stacked", b, "stacked")
	p, calls := countingBrz(t)
	checkPins(t, p, b, b, false)
	checkPins(t, p, b, dir+"/light", false)
	checkPins(t, p, dir+"/repo/deep/shared", dir+"/repo/deep/shared", false)
	for _, call := range calls() {
		if call != "--no-plugins --no-aliases serve --inet --directory=/" {
			t.Errorf("brz ran: %s", call)
		}
	}
	for _, pin := range []string{";tag=newest é", ";revid=" + info(t, b).ID, ";revno=3"} {
		revision(t, read(t, withoutBrz(t), wanted("app", b+pin))[0])
	}
	commit(t, dir+"/stacked", "4")
	brz(t, dir+"/stacked", "uncommit", "-q", "--force")
	checkPins(t, opened(t, nil), dir+"/stacked", dir+"/stacked", true)
	old := newBranch(t, dir+"/knit", "knit", "1", "2")
	checkFailure(t, read(t, p, wanted("app", old+";tag=v1"))[0], "Unknown revision", "has no tag v1")
	if got, want := revision(t, read(t, p, wanted("app", old+";revno=1"))[0]), info(t, old, "-r1"); got != want {
		t.Errorf("knit: got %s, brz says %s", got, want)
	}
}

// Pins of many branches start few brz, however far away they seem to be, and a single one starts no more than it needs.
func TestPinsShareServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	brz(t, dir, "init-shared-repository", "-q", "repo")
	newBranch(t, dir+"/repo/b", "2a", "1", "2")
	p, calls := countingBrz(t)
	p.(*provider).smart.far = 0
	var want []resource.Wanted
	for _, name := range []string{"c", "d", "e", "f", "g"} {
		brz(t, dir+"/repo", "branch", "-q", "b", name)
		want = append(want, wanted("app", dir+"/repo/"+name+";revno=1"))
	}
	revision(t, read(t, p, want[0])[0])
	if got := calls(); len(got) != 1 {
		t.Errorf("brz ran %d times for one pin: %q", len(got), got)
	}
	for _, r := range read(t, p, want...) {
		revision(t, r)
	}
	if got := calls(); len(got) > ownServers {
		t.Errorf("brz ran %d times: %q", len(got), got)
	}
}

// What is above a location is no branch of it, although brz would take it for one.
func TestPinsOfNoBranch(t *testing.T) {
	t.Parallel()
	b := newTagged(t, t.TempDir()+"/b")
	write(t, b+"/sub/HEAD", "x") // so that brz is asked
	for _, option := range []string{"", ";revno=1", ";tag=v1", ";revid=" + info(t, b).ID} {
		r := read(t, opened(t, nil), wanted("app", b+"/sub"+option))[0]
		if r.Err == nil || r.Fallback == "" {
			t.Errorf("%s: got %+v", option, r)
		}
	}
}

func TestPinsOnOtherHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newTagged(t, dir+"/b")
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(web.Close)
	checkPins(t, withoutBrz(t), b, serve(t, dir)+"/b", false)
	checkPins(t, withoutBrz(t), b, webServe(t, dir, false)+"/b", false)
	checkPins(t, withoutBrz(t), b, webServe(t, dir, true)+"/b", false)
	checkPins(t, opened(t, nil), b, web.URL+"/b", true)
	if got, want := revision(t, read(t, withoutBrz(t), wanted("app", web.URL+"/b;tag=newest é"))[0]), info(t, b); got != want {
		t.Errorf("a tag at the tip: got %s, brz says %s", got, want)
	}
	if err := os.Remove(b + "/.bzr/branch/tags"); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, read(t, withoutBrz(t), wanted("app", web.URL+"/b;tag=v1"))[0], "Unknown revision", "has no tag v1")
	checkFailure(t, read(t, withoutBrz(t), wanted("app", b+";tag=v1"))[0], "Unknown revision", "has no tag v1")
}

// webApp serves a directory to smart clients, and, if asked to, its files, by the web server that Python has.
const webApp = `
import sys
import breezy, breezy.bzr
from breezy.transport.http.wsgi import make_app
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server
breezy.initialize()
root, shown = sys.argv[1], sys.argv[2] == "files"
smart = make_app(root, "", path_var="PATH_INFO", load_plugins=False, enable_logging=False)
def app(environ, start):
    file = Path(root + environ["PATH_INFO"])
    if environ["REQUEST_METHOD"] == "GET" and shown and file.is_file():
        start("200 OK", [])
        return [file.read_bytes()]
    return smart(environ, start)
class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass
server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
`

// webServe runs breezy's own smart server behind HTTP, with or without the files, and returns the root of its URLs.
func webServe(t *testing.T, dir string, files bool) string {
	t.Helper()
	shown := "no files"
	if files {
		shown = "files"
	}
	cmd := exec.Command(breezyPython, "-c", webApp, dir, shown)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the web server names no port: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

func TestTipsOfASmartServerBehindHTTP(t *testing.T) {
	t.Parallel()
	dir := servedTree(t)
	if err := os.Rename(dir+"/a b%é", dir+"/plain"); err != nil { // breezy's application does not understand encoded paths
		t.Fatal(err)
	}
	root := webServe(t, dir, false)
	p := withoutBrz(t)
	for _, name := range []string{"b", "repo/shared", "stacked", "plain", "knit"} {
		if got, want := revision(t, read(t, p, wanted("app", root+"/"+name))[0]), info(t, dir+"/"+name); got != want {
			t.Errorf("%s: got %s, brz says %s", name, got, want)
		}
	}
	refer(t, dir, "hop", root+"/b")
	if got, want := revision(t, read(t, p, wanted("app", root+"/hop;revno=2"))[0]), info(t, dir+"/b", "-r2"); got != want {
		t.Errorf("a reference: got %s, want %s", got, want)
	}
	for name, failure := range map[string][2]string{
		"empty": {"Empty branch", "has no commits"},
		"none":  {"", "no branch at " + root + "/none"},
		"local": {"", `cannot follow the reference to "file://` + dir + "/b"},
	} {
		checkFailure(t, read(t, p, wanted("app", root+"/"+name))[0], failure[0], failure[1])
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newTagged(t, dir+"/b")
	colocated := newBranch(t, dir+"/colo", "development-colo", "1", "2")
	brz(t, colocated, "branch", "-q", "-r1", colocated, "file://"+colocated+",branch=x")
	git := dir + "/git"
	if out, err := exec.Command("git", "init", "-q", git).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
	odd := newBranch(t, dir+"/odd", "2a", "1")
	write(t, odd+"/.bzr/branch/format", "Bazaar Branch Format 99\n")
	newBranch(t, dir+"/knit", "knit", "1")
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(web.Close)
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(locked.Close)
	secret := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	secret.Config.ErrorLog = log.New(io.Discard, "", 0)
	secret.StartTLS()
	t.Cleanup(secret.Close)
	p := withoutBrz(t)
	for at, want := range map[string]string{
		b: "", b + ";revno=3": "", dir + "/none": "", "relative": "", dir + "/knit": "", web.URL + "/b": "",
		b + ";revno=1.1.1":                          "a dotted revision number",
		"file://" + colocated + ",branch=x;revno=2": "a pin that is not the tip of a colocated branch",
		git:                              "a branch of another system",
		odd:                              "an unknown branch format",
		web.URL + "/b;revno=2":           "a web server without a smart server",
		web.URL + "/knit":                "an unknown branch format",
		locked.URL + "/b":                "a web server that wants a password",
		secret.URL + "/b":                "a certificate that is not trusted",
		web.URL + "/colo,branch=x":       "a colocated branch on another host",
		"sftp://h/b":                     "sftp is not read directly",
		"lp:app":                         "a location that only Launchpad can resolve",
		"http://joe@h/b":                 "a URL with a user name",
		"bzr://h/b?c":                    "an unusual URL",
		serve(t, dir) + "/b;revno=1.1.1": "a dotted revision number",
	} {
		r := read(t, p, wanted("app", at))[0]
		if r.Fallback != want || want != "" && !strings.Contains(r.Err.Error(), "is not installed") {
			t.Errorf("%s: the fallback is %q, the error %v, want %q", at, r.Fallback, r.Err, want)
		}
	}
	r := read(t, opened(t, nil), wanted("app", b+";revno=1.1.1"))[0]
	if r.Fallback != "a dotted revision number" || revision(t, r) != info(t, b, "-r1.1.1") {
		t.Errorf("got %+v", r)
	}
	r = read(t, opened(t, nil), wantedTree(dir+"/knit", "1"))[0]
	if r.Fallback != "a working tree of another format" || revision(t, r) != info(t, dir+"/knit") {
		t.Errorf("got %+v", r)
	}
}

func TestParseTags(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"": nil, "de": {}, "d5:v1 é1:be": {"v1 é": "b"}, "d1:a1:b1:c1:de": {"a": "b", "c": "d"}, "d1:c1:d1:a1:be": {"a": "b", "c": "d"},
	} {
		got, err := parseTags([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v: %s", text, err, diff)
		}
	}
	for _, text := range []string{"le", "d", "dex", "d1:ai1ee", "d1:a0:e", "d1:a3:b ce", "d1:a1:b1:a1:ce", "<html>"} {
		if got, err := parseTags([]byte(text)); err == nil {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func FuzzTags(f *testing.F) {
	for _, seed := range []string{"", "de", "d2:v11:ae", "d1:ade1:be", "dddd", "d99:x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tags, err := parseTags(data)
		for name, id := range tags {
			if err != nil || !validID(id) || len(name) > len(data) {
				t.Errorf("got %q, %v", tags, err)
			}
		}
	})
}

func FuzzPin(f *testing.F) {
	for _, text := range []string{"/a;revno=1", "/a;revid=x;tag=y", "/a;tag=b c", "/a;b", ";revno=", "/a;tag=\x1b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		place, p, err := cutPin(text)
		if err == nil && p != (pin{}) && (place+p.String() != text || !p.valid()) || err == nil && p == (pin{}) && place != text {
			t.Errorf("%q is taken for %q and %q", text, place, p)
		}
	})
}

// Without brz a local pin says what is missing, and nothing of connections.
func TestPinWithoutBrz(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1", "2")
	r := read(t, withoutBrz(t), wanted("app", b+";revno=1"))[0]
	checkFailure(t, r, "", "cannot read the tip of "+b+": /nonexistent/brz is not installed")
}

// What a location has before its pin is told without judging either.
func TestPlaceOfALocation(t *testing.T) {
	for location, want := range map[string][2]string{
		"lp:x": {"lp:x", ""}, "lp:x;revno=41.2.1": {"lp:x", ";revno=41.2.1"}, "/x;tag=a;revno=1": {"/x", ";tag=a;revno=1"}, "/x;y=1": {"/x;y=1", ""}, "/x;revid=": {"/x", ";revid="},
	} {
		if place, pin := branchSchema().Place(location); place != want[0] || pin != want[1] {
			t.Errorf("%s: %q and %q", location, place, pin)
		}
	}
}

func TestAt(t *testing.T) {
	for _, test := range []struct{ location, revision, want string }{
		{"lp:x", "41", "lp:x;revno=41"},
		{"lp:x;revid=a;b", "41.2.1", "lp:x;revno=41.2.1"},
		{"/srv/x;tag=v1", "tag=v 2", "/srv/x;tag=v 2"},
		{"/srv/x", "revid=joe@x-1", "/srv/x;revid=joe@x-1"},
		{"/srv/x", "v2", ""},
		{"/srv/x", "-1", ""},
		{"/srv/x", "41;revno=2", ""},
		{"/srv/x", "tag=", ""},
		{"/srv/x", "", ""},
	} {
		asked := wanted("app", test.location)
		got, err := (&provider{}).At(asked.Config, test.revision)
		if test.want == "" {
			if err == nil {
				t.Errorf("%s at %q: got %#v", test.location, test.revision, got)
			}
			continue
		}
		if err != nil || got.GetAttr("location").AsString() != test.want || !got.GetAttr("tree_file").IsNull() {
			t.Errorf("%s at %q: got %#v, %v", test.location, test.revision, got, err)
		}
	}
}
