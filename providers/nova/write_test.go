package nova

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

// carries fails unless the server has exactly these items.
func (w *world) carries(id string, want map[string]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.Metadata(id)); diff != "" {
		w.t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

// writes fails unless there were so many requests that write metadata, and not one that replaces it.
func (w *world) writes(posts, deletes int) {
	w.t.Helper()
	if p, d := w.Count("POST", "/metadata"), w.Count("DELETE", "/metadata/"); p != posts || d != deletes {
		w.t.Errorf("%d POST and %d DELETE, want %d and %d", p, d, posts, deletes)
	}
	if n := w.Count("PUT", ""); n > 0 {
		w.t.Errorf("%d PUT", n)
	}
}

func TestStamp(t *testing.T) {
	w := newWorld(t, novatest.Options{Regions: []string{theRegion, "south"}})
	one := w.add("api-0", "owner=joe", "juju-model=m")
	two := w.AddServer("south", novatest.ServerSpec{Name: "api-1", Status: "SHUTOFF"})
	other := w.add("web-0", "owner=ann")
	var events []resource.Event
	object, err := w.p.Apply(t.Context(), stampStep("api", "api-*", both), func(e resource.Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	w.carries(one, with(stamped(), "owner=joe", "juju-model=m"))
	w.carries(two, stamped())
	w.carries(other, metadata("owner=ann"))
	w.writes(2, 0)
	if reads, lists := w.Count("GET", "/metadata"), w.Count("GET", "/servers/detail"); reads != 2 || lists != 2 {
		t.Errorf("%d reads and %d lists, want one a server and one a region", reads, lists)
	}
	if diff := cmp.Diff([]resource.Event{{Addr: addrOf("api"), Text: "stamping 2 servers"}}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, c := range append(w.read(ask("api", "api-*"))[0].Copies, resource.Copy{Object: object}) {
		want := resource.Stamp{Revisions: both, Hash: resource.Hash(both), At: "2027-01-02T03:04:05Z", Run: "r1"}
		if got, ok := c.Stamp(); !ok || c.Err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %v", c.Name, got, c.Err)
		}
	}
}

func TestStampAgain(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.add("api-0", "cd.service=api", "cd.rev.app=1 old", "cd.rev.gone=7 x", "cd.rev.away 2=8 y", "cd.hash=v1:old", "cd.other=kept", "owner=joe")
	if err := w.apply(""); err != nil {
		t.Fatal(err)
	}
	w.carries(id, with(stamped(), "cd.other=kept", "owner=joe"))
	w.writes(1, 2)
}

// TestTwins: to nova's database some keys are the same that are not.
func TestTwins(t *testing.T) {
	for _, test := range []struct {
		name  string
		items []string
		want  map[string]string // nil: an error that names the key
		key   string
	}{
		{"of our own, going", []string{"cd.rev.old=1 x", "cd.rev.OLD=1 x"}, stamped(), ""},
		{"of our own, staying", []string{"cd.rev.app=1 x", "cd.rev.APP=1 x"}, stamped(), ""},
		{"in a blank at the end", []string{"cd.rev.app=1 x", "cd.rev.app =1 x"}, stamped(), ""},
		{"of somebody else", []string{"cd.rev.old=1 x", "CD.rev.old=theirs"}, nil, `"CD.rev.old"`},
		{"of somebody else, with a blank", []string{"cd.rev.old=1 x", "CD.rev.old =theirs"}, nil, `"CD.rev.old "`},
		{"of somebody else, not touched", []string{"CD.rev.app=theirs"}, with(stamped(), "CD.rev.app=theirs"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			id := w.add("api-0", test.items...)
			err := w.apply("api-*")
			if test.want == nil {
				mustSay(t, err, "cannot stamp server api-0", test.key, "by hand")
				w.carries(id, metadata(test.items...))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.carries(id, test.want)
		})
	}
}

func TestLostWrites(t *testing.T) {
	for _, test := range []struct {
		name           string
		fault          novatest.Fault
		posts, deletes int
		want           string // of the error
	}{
		{"post once", novatest.Fault{Method: "POST", Path: "/metadata", Lost: true, Times: 1}, 2, 1, ""},
		{"post twice", novatest.Fault{Method: "POST", Path: "/metadata", Lost: true, Times: 2}, 3, 1, ""},
		{"post for ever", novatest.Fault{Method: "POST", Path: "/metadata", Lost: true}, 3, 1, "somebody else writes its metadata"},
		{"delete once", novatest.Fault{Method: "DELETE", Path: "/metadata", Lost: true, Times: 1}, 2, 2, ""},
		{"delete for ever", novatest.Fault{Method: "DELETE", Path: "/metadata", Lost: true}, 3, 3, "lost 3 times"},
		{"answer lost", novatest.Fault{Method: "POST", Path: "/metadata", CutAnswer: true, Times: 1}, 2, 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			id := w.add("api-0", "cd.rev.gone=1 x")
			w.Inject(test.fault)
			err := w.apply("api-*")
			w.writes(test.posts, test.deletes)
			if test.want != "" {
				mustSay(t, err, "cannot stamp server api-0 ("+id+")", test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.carries(id, stamped())
		})
	}
}

// TestGhostGoneMeanwhile: somebody removes a key that was to be removed.
func TestGhostGoneMeanwhile(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.add("api-0", "cd.rev.gone=1 x")
	w.Inject(novatest.Fault{Method: "DELETE", Times: 1, Match: func(*http.Request) bool {
		w.SetMetadata(id, nil)
		return true
	}})
	if err := w.apply("api-*"); err != nil {
		t.Fatal(err)
	}
	w.carries(id, stamped())
}

// onGet calls f before every look at the one server, and tells which look it is.
func (w *world) onGet(id string, f func(nth int32)) {
	var n atomic.Int32
	w.Inject(novatest.Fault{Method: "GET", Match: func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/servers/"+id) {
			f(n.Add(1))
		}
		return false
	}})
}

func TestBuildIsWaitedFor(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.AddServer(theRegion, novatest.ServerSpec{Name: "api-0", Status: "BUILD", Metadata: metadata("cd.rev.gone=1 x")})
	w.onGet(id, func(nth int32) {
		if nth == 3 {
			w.SetStatus(id, "ACTIVE")
		}
	})
	if err := w.apply("api-*"); err != nil {
		t.Fatal(err)
	}
	w.carries(id, stamped())
}

func TestStatesThatForbid(t *testing.T) {
	for _, test := range []struct {
		name   string
		spec   novatest.ServerSpec
		change func(*world, string) // at the first look
		want   []string
	}{
		{"ERROR", novatest.ServerSpec{Status: "ERROR"}, nil, []string{"its status is ERROR", "vm_state error (409)", "delete the server"}},
		{"RESCUE", novatest.ServerSpec{Status: "RESCUE"}, nil, []string{"its status is RESCUE", "openstack server unrescue ID"}},
		{"SHELVED_OFFLOADED", novatest.ServerSpec{Status: "SHELVED_OFFLOADED"}, nil, []string{"its status is SHELVED_OFFLOADED", "openstack server unshelve ID"}},
		{"VERIFY_RESIZE", novatest.ServerSpec{Status: "VERIFY_RESIZE"}, nil, []string{"openstack server resize confirm ID"}},
		{"locked", novatest.ServerSpec{Locked: true}, nil, []string{"its status is ACTIVE", "is locked (409)", "openstack server unlock ID"}},
		{"locked and off", novatest.ServerSpec{Status: "SHUTOFF", Locked: true}, nil, []string{"its status is SHUTOFF", "is locked (409)"}},
		{"build that fails", novatest.ServerSpec{Status: "BUILD"}, func(w *world, id string) { w.SetStatus(id, "ERROR") },
			[]string{"its status is ERROR", "vm_state"}},
		{"locked once built", novatest.ServerSpec{Status: "BUILD"}, func(w *world, id string) {
			w.SetStatus(id, "ACTIVE")
			w.Lock(id, true)
		}, []string{"its status is ACTIVE", "is locked"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			test.spec.Name = "api-0"
			id := w.AddServer(theRegion, test.spec)
			good := w.add("api-1")
			if test.change != nil {
				w.onGet(id, func(int32) { test.change(w, id) })
			}
			err := w.apply("api-*")
			for _, text := range append(test.want, "cannot stamp server api-0 (ID)") {
				mustSay(t, err, strings.ReplaceAll(text, "ID", id))
			}
			if strings.Contains(err.Error(), "api-1") {
				t.Errorf("api-1 is blamed: %v", err)
			}
			w.carries(id, map[string]string{})
			w.carries(good, stamped()) // one server's trouble does not keep another from its stamp
		})
	}
}

func TestBuildThatNeverEnds(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.AddServer(theRegion, novatest.ServerSpec{Name: "api-0", Status: "BUILD"})
	w.p.settle, w.p.tick = 200*time.Millisecond, time.Hour
	mustSay(t, w.apply("api-*"), "its status is still BUILD", "vm_state building")
}

func TestDeletedMeanwhile(t *testing.T) {
	for _, test := range []struct {
		name    string
		deleted int // servers of two
		path    string
		want    string
	}{
		{"one, before it is written", 1, "POST", ""},
		{"one, before it is read back", 1, "GET", ""},
		{"all", 2, "POST", "every server of the service was deleted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			ids := []string{w.add("api-0"), w.add("api-1")}
			w.Inject(novatest.Fault{Method: test.path, Path: "/metadata", Match: func(r *http.Request) bool {
				for _, id := range ids[:test.deleted] {
					if strings.Contains(r.URL.Path, id) {
						w.Delete(id)
					}
				}
				return false
			}})
			err := w.apply("api-*")
			if test.want != "" {
				mustSay(t, err, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.carries(ids[1], stamped())
		})
	}
}

func TestDeletedWhileBuilding(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.AddServer(theRegion, novatest.ServerSpec{Name: "api-0", Status: "BUILD"})
	other := w.add("api-1")
	w.onGet(id, func(int32) { w.Delete(id) })
	if err := w.apply("api-*"); err != nil {
		t.Fatal(err)
	}
	w.carries(other, stamped())
}

func TestNoServers(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("web-0")
	mustSay(t, w.apply(""), "no server to stamp", "no server carries cd.service = api", "juju-NAME-machine-*", "metadata.KEY = VALUE")
	w.add("web-1")
	mustSay(t, w.apply("api-*"), "servers = api-* under [nova] matches no server")
}

func TestQuota(t *testing.T) {
	w := newWorld(t, novatest.Options{MaxMeta: 6})
	id := w.add("api-0", "owner=joe")
	mustSay(t, w.apply("api-*"), "cannot stamp server api-0", "Maximum number of metadata items exceeds 6 (403)")
	w.carries(id, metadata("owner=joe"))
	w.writes(1, 0)
}

// TestItemsRefused: what nova would not take is refused before anything is written.
// Servers that cannot be stamped are told in one line that can be read, however many they are.
func TestManyFailures(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	var texts []string
	for i := range 10 {
		name := fmt.Sprint("api-", i)
		texts = append(texts, fmt.Sprintf("cannot stamp server %s (%s): Forbidden (403)", name, w.add(name)))
	}
	w.Inject(novatest.Fault{Method: "POST", Path: "/metadata", Status: http.StatusForbidden})
	want := strings.Join(append(texts[:8], "and 2 servers more"), "; ")
	if diff := cmp.Diff(want, fmt.Sprint(w.apply("api-*"))); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestItemsRefused(t *testing.T) {
	one := func(label, revno, id string) map[string]resource.Revision {
		return map[string]resource.Revision{label: {Revno: revno, ID: id}}
	}
	for _, test := range []struct {
		name      string
		service   string
		revisions map[string]resource.Revision
		want      string // empty: good
	}{
		{"longest value", "api", one("app", "1", strings.Repeat("x", 253)), ""},
		{"value too long", "api", one("app", "1", strings.Repeat("x", 254)), "longer than the 255 characters"},
		{"characters, not bytes", "api", one("app", "1", strings.Repeat("é", 253)), ""},
		{"too many of them", "api", one("app", "1", strings.Repeat("é", 254)), "longer than the 255 characters"},
		{"four bytes", "api", one("app", "1", "😀"), "beyond U+FFFF"},
		{"four bytes in the name", "😀", one("app", "1", "x"), "beyond U+FFFF"},
		{"longest key", "api", one(strings.Repeat("x", 248), "1", "x"), ""},
		{"key too long", "api", one(strings.Repeat("x", 249), "1", "x"), "as a key"},
		{"slash", "api", one("a/b", "1", "x"), `"cd.rev.a/b" as a key`},
		{"not ASCII", "api", one("é", "1", "x"), "as a key"},
		{"newline at the end", "api", one("a\n", "1", "x"), "as a key"},
		{"legal signs", "api", one("a-b_c:d.e f", "1", "x"), ""},
		{"newline in an id", "api", one("app", "1", "x\ny"), "is not a number and an id"},
		{"blank in a revno", "api", one("app", "1 2", "x"), "is not a number and an id"},
		{"no id", "api", one("app", "1", ""), "is not a number and an id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			w.add("api-0")
			step := stampStep(test.service, "api-*", test.revisions)
			_, err := w.p.Lines(step)
			_, applied := w.p.Apply(t.Context(), step, func(resource.Event) {})
			if test.want == "" {
				if err != nil || applied != nil {
					t.Errorf("got %v and %v", err, applied)
				}
				return
			}
			mustSay(t, err, test.want)
			mustSay(t, applied, test.want)
			w.writes(0, 0)
		})
	}
}

func TestLinesAreWhatIsStamped(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	id := w.add("api-0")
	step := stampStep("api", "api-*", both)
	lines, err := w.p.Lines(step)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Requests()) > 0 || !slices.IsSorted(lines) {
		t.Errorf("%d requests, lines %q", len(w.Requests()), lines)
	}
	if _, err := w.p.Apply(t.Context(), step, func(resource.Event) {}); err != nil {
		t.Fatal(err)
	}
	w.carries(id, metadata(lines...))
}

// A record tells of the deploy that the other servers tell of, leaves those alone, and has nothing to do where none lacks it.
func TestFill(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	first := w.add("api-0")
	if err := w.apply("api-*"); err != nil {
		t.Fatal(err)
	}
	added := w.add("api-1")
	step := stampStep("api", "api-*", both)
	step.Fill, step.Run, step.At = true, "r2", began.Add(time.Hour)
	for _, posts := range []int{1, 0} {
		w.ResetRequests()
		if _, err := w.p.Apply(t.Context(), step, func(resource.Event) {}); err != nil {
			t.Fatal(err)
		}
		w.writes(posts, 0)
		w.carries(first, stamped())
		w.carries(added, stamped())
	}
}

// TestVerify: what the mojo spec is to have written is only looked at.
func TestVerify(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	step := stampStep("api", "api-*", both)
	step.Verify = true
	verify := func() error {
		_, err := w.p.Apply(t.Context(), step, func(e resource.Event) { t.Errorf("event %v", e) })
		return err
	}
	mustSay(t, verify(), "no server to stamp")
	first := w.AddServer(theRegion, novatest.ServerSpec{Name: "api-0", Metadata: stamped()})
	if err := verify(); err != nil {
		t.Error(err)
	}
	w.add("api-1")
	w.AddServer(theRegion, novatest.ServerSpec{Name: "api-2", Metadata: with(stamped(), "cd.rev.gone=1 x")})
	mustSay(t, verify(), "has not done so on 2 of 3 servers: api-1, api-2", "cdplan record")
	w.SetMetadata(first, with(stamped(), "cd.run=r0"))
	mustSay(t, verify(), "api-0, api-1, api-2")
	w.writes(0, 0)
}

// TestListOfOneService: where it can be told by their names, no more servers are listed than the service's.
func TestListOfOneService(t *testing.T) {
	for _, test := range []struct {
		servers string
		listed  string // the filter; empty: all servers
	}{
		{"api-*", "^api-"}, {"api-0", "^api-0"}, {"api-[0-9]", "^api-"}, {"*-0", ""}, {"api.*", ""}, {`api\-*`, "^api"}, {"", ""}, {"metadata.role = api", ""},
	} {
		t.Run(test.servers, func(t *testing.T) {
			w := newWorld(t, novatest.Options{MaxLimit: 2})
			id := w.add("api-0", "cd.service=api", "role=api")
			w.add("API-1")
			w.add("web-0")
			w.add("web-1")
			if test.servers == "api.*" {
				w.names(w.read(ask("api", test.servers))[0])
			} else if err := w.apply(test.servers); err != nil {
				t.Fatal(err)
			} else {
				w.carries(id, with(stamped(), "role=api"))
			}
			for _, r := range w.Requests() {
				if strings.HasSuffix(r.Path, "/servers/detail") && nameOf(t, r) != test.listed {
					t.Errorf("%v, want %q", r, test.listed)
				}
			}
			w.ResetRequests()
			w.read(ask("api", test.servers), ask("web", "web-*"))
			for _, r := range w.Requests() {
				if nameOf(t, r) != "" {
					t.Errorf("not all were listed for two services: %v", r)
				}
			}
		})
	}
}

// nameOf returns what a request asks the names of servers to match.
func nameOf(t *testing.T, r novatest.Request) string {
	t.Helper()
	values, err := url.ParseQuery(r.Query)
	if err != nil {
		t.Fatal(err)
	}
	return values.Get("name")
}
