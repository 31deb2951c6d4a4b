package logrotate

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rotation is the configuration for logs elsewhere, of the user that runs the test.
type rotation struct {
	t           *testing.T
	dir         string
	conf, state string
}

func newRotation(t *testing.T) rotation {
	t.Helper()
	text, err := os.ReadFile("cdplan")
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := rotation{t, dir + "/logs", dir + "/conf", dir + "/state"}
	edited := strings.NewReplacer("/var/lib/cdplan/logs", r.dir, "su deploy deploy", "su "+me.Username+" "+group.Name).Replace(string(text))
	if err := os.WriteFile(r.conf, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// file makes a file that was written so many days ago.
func (r rotation) file(name string, days int) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("of "+name+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	then := time.Now().AddDate(0, 0, -days)
	if err := os.Chtimes(path, then, then); err != nil {
		r.t.Fatal(err)
	}
}

func (r rotation) run(args ...string) string {
	r.t.Helper()
	program, err := exec.LookPath("logrotate")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/logrotate"); err != nil {
			r.t.Fatalf("this test needs logrotate: run test/needs.sh: %v", err)
		}
	}
	out, err := exec.Command(program, append(args, "-s", r.state, r.conf)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "error:") {
		r.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// seen has logrotate believe that it saw all logs two days ago, and rotated them then.
func (r rotation) seen() {
	r.t.Helper()
	then := time.Now().AddDate(0, 0, -2).Format("2006-1-2-15:4:5")
	state := "logrotate state -- version 2\n"
	for _, name := range r.names() {
		if strings.HasSuffix(name, ".log") {
			state += fmt.Sprintf("%q %s\n", filepath.Join(r.dir, name), then)
		}
	}
	if err := os.WriteFile(r.state, []byte(state), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r rotation) names() []string {
	r.t.Helper()
	var names []string
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, r.dir+"/"))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// A log is put away a week after its deploy, one that is being written is left alone, and what is older than a year goes.
func TestRotation(t *testing.T) {
	r := newRotation(t)
	for name, days := range map[string]int{
		"api/running.log": 0, "api/young.log": 6, "api/done.log": 8, "api/done.log.exit": 8, "api/empty.log": 30,
		"web/kept.log.1.gz": 300, "web/kept.log.exit": 300, "web/old.log.1.gz": 367, "web/old.log.exit": 367, "gone/old.log.1.gz": 900,
	} {
		r.file(name, days)
	}
	if err := os.Truncate(r.dir+"/api/empty.log", 0); err != nil {
		t.Fatal(err)
	}
	then := time.Now().AddDate(0, 0, -30)
	if err := os.Chtimes(r.dir+"/api/empty.log", then, then); err != nil {
		t.Fatal(err)
	}
	if out := r.run("-d"); !strings.Contains(out, "running.log") {
		t.Errorf("the dry run looks at no log:\n%s", out)
	}
	r.seen()
	r.run()
	want := []string{"api/done.log.1.gz", "api/done.log.exit", "api/empty.log.1.gz", "api/running.log", "api/young.log", "web/kept.log.1.gz",
		"web/kept.log.exit"}
	if diff := cmp.Diff(want, r.names()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	if text, err := exec.Command("zcat", r.dir+"/api/done.log.1.gz").Output(); err != nil || string(text) != "of api/done.log\n" {
		t.Errorf("the log was %q, %v", text, err)
	}
	r.run()
	if diff := cmp.Diff(want, r.names()); diff != "" {
		t.Errorf("what is left after the second run (-want +got):\n%s", diff)
	}
}

// A year later what was put away is deleted, on the next day that something is put away.
func TestRotationInTheEnd(t *testing.T) {
	r := newRotation(t)
	r.file("api/a.log", 370)
	r.file("api/b.log", 8)
	r.seen()
	r.run()
	if diff := cmp.Diff([]string{"api/b.log.1.gz"}, r.names()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}
