package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// long has the tests of reliability do all that docs/reliability.md has figures of, instead of a sample.
var long = flag.Bool("long", false, "run the tests of reliability at full length")

// TestCrash kills cdplan with SIGKILL at one moment of a run after the other, and looks each time whether the next run, without any help, finds
// the truth and goes on from there.
func TestCrash(t *testing.T) {
	f := newCrash(t, newTools(t))
	scene := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			f.world.TB = t
			f.scene(name, args)
		})
		f.world.TB = t
	}
	scene("first deploy", "apply", "-auto")
	f.restore()
	f.mustRun("cdplan", "apply", "-auto")

	f.unstamp("juju-api-machine-2")
	f.keep()
	scene("record only", "apply", "-auto")
	f.restore()
	f.mustRun("cdplan", "apply", "-auto")

	f.commit("branches/api-app", "branches/db-app", "branches/web-app")
	f.keep()
	scene("redeploy", "apply", "-auto")
	t.Run("supervisor", func(t *testing.T) {
		f.world.TB = t
		f.supervisor()
	})
	f.world.TB = t
	scene("hold", "hold", "web", "-until", "3d", "-reason", "quarter close")
	f.restore()
	f.atRequest(true)(1, []string{"apply", "-auto"})
	f.awaitOrphans([]string{"api", "db", "web"})
	f.keep()
	scene("record what a killed run deployed", "apply", "-auto")
	f.restore()
	f.mustRun("cdplan", "apply", "-auto")

	f.write(map[string]string{"branches/api-app/broken": "yes\n"})
	f.commit("branches/api-app", "branches/web-app")
	f.keep()
	scene("failing", "apply", "-auto")
	t.Logf("%d kills in all", f.kills)
}

// crash is a fleet that can be put back to how it was.
type crash struct {
	*world
	metadata map[string]map[string]string // of each server, when it was kept
	kills    int
}

// newCrash makes three services: api with two servers, web, which comes after it, and db. Each run of one tells in the file runs/NAME when its
// verify script began, and that it ended well. A script kills the cdplan that had it run, where it finds a file that says so.
func newCrash(t testing.TB, tools tools) *crash {
	f := &crash{world: newWorld(t, tools)}
	for name, after := range map[string]string{"api": "", "web": "api", "db": ""} {
		files := serviceFiles(f.dir, name, map[string]string{"after": after})
		if name == "api" {
			files["branches/api-spec/servers"] = "juju-api-machine-%d 2\n"
		}
		files["branches/"+name+"-spec/verify"] = strings.NewReplacer("NAME", name, "WORK", f.dir).Replace(`#!/bin/sh
echo "begin $CDPLAN_HASH" >>WORK/runs/NAME
strike() {
	test ! -e "WORK/kill-NAME-$1" || kill -KILL $(sed 's/.*"pid":\([0-9]*\),.*/\1/' WORK/.state/locks/NAME.lock)
}
strike begin
test ! -e WORK/branches/NAME-app/broken || exit 1
echo "well $CDPLAN_HASH" >>WORK/runs/NAME
strike end
`)
		f.write(files)
		f.commit("LOCAL/"+name, "branches/"+name+"-spec", "branches/"+name+"-app")
	}
	f.must(os.MkdirAll(f.path("runs"), 0o700))
	f.must(os.MkdirAll(f.path(".state"), 0o700))
	f.keep()
	return f
}

// keep remembers how all is that runs change: the state directory, what ran, and what the servers carry.
func (f *crash) keep() {
	f.Helper()
	f.must(os.RemoveAll(f.path("kept")))
	for _, dir := range []string{".state", "runs"} {
		f.must(os.CopyFS(f.path("kept", dir), os.DirFS(f.path(dir))))
	}
	f.metadata = map[string]map[string]string{}
	for _, server := range f.cloud.Servers() {
		f.metadata[server.ID] = server.Metadata
	}
}

// restore makes all as it was.
func (f *crash) restore() {
	f.Helper()
	for _, dir := range []string{".state", "runs"} {
		f.must(os.RemoveAll(f.path(dir)))
		f.must(os.CopyFS(f.path(dir), os.DirFS(f.path("kept", dir))))
	}
	for _, server := range f.cloud.Servers() {
		if metadata, ok := f.metadata[server.ID]; ok {
			f.cloud.SetMetadata(server.ID, metadata)
		} else {
			f.cloud.Delete(server.ID)
		}
	}
}

// unstamp takes the stamp from a server.
func (f *crash) unstamp(name string) {
	for _, server := range f.cloud.Servers() {
		if server.Name == name {
			f.cloud.SetMetadata(server.ID, nil)
		}
	}
}

// strike runs cdplan and kills it at the nth moment of a kind; false if it came to its end before. Where says what it had done by then.
type strike func(n int, args []string) (killed bool, where string)

// scene kills one command at all moments of every kind, one after the other, or at a sample of them.
func (f *crash) scene(name string, args []string) {
	f.Helper()
	kinds := []struct {
		name   string
		strike strike
		every  int // of the sample
	}{
		{"writing the journal or a lock", f.atWrite, 13},
		{"a moment of its time", f.atTime, 9},
		{"a request to nova", f.atRequest(false), 9},
		{"a stamp that is not written", f.atRequest(true), 2},
		{"a script", f.atScript, 2},
	}
	for _, kind := range kinds {
		kills, places := 0, map[string]bool{}
		for n, misses := 1, 0; misses < 2; n += f.step(kind.every) {
			f.restore()
			killed, where := kind.strike(n, args)
			if !killed {
				misses++
				continue
			}
			kills++
			places[where] = true
			f.look(fmt.Sprintf("%s: killed at %s, %d, %s", name, kind.name, n, where), args, n%2 == 0)
		}
		f.kills += kills
		f.Logf("%d kills at %s, in %d different places", kills, kind.name, len(places))
	}
}

func (f *crash) step(every int) int {
	if *long {
		return 1
	}
	return every
}

// writes are the system calls by which the journal and the locks change. Nothing that cdplan starts makes any of them.
const writes = "pwrite64,ftruncate,unlink,flock"

// completed matches the lines that strace writes of calls that have succeeded.
var completed = regexp.MustCompile(`(?m) = [0-9]+$`)

// atWrite kills it before one of its threads makes one of those calls for the nth time. strace, which counts them, ends when all has ended that cdplan started.
func (f *crash) atWrite(n int, args []string) (bool, string) {
	f.Helper()
	command := []string{"strace", "-f", "-qq", "-e", "signal=none", "-o", f.path("trace"), "-e", "trace=" + writes,
		"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", writes, n), "cdplan"}
	e := f.run(append(command, args...)...)
	if e.code != 137 && e.code != 0 && e.code != 4 {
		f.Fatal(e)
	}
	trace, err := os.ReadFile(f.path("trace"))
	f.must(err)
	return e.code == 137, fmt.Sprintf("after %d writes", len(completed.FindAll(trace, -1)))
}

// atTime kills it so many times 3 ms after its start.
func (f *crash) atTime(n int, args []string) (bool, string) {
	f.Helper()
	cmd, stdout, stderr := f.command(append([]string{"cdplan"}, args...)...)
	f.must(cmd.Start())
	timer := time.AfterFunc(time.Duration(n)*3*time.Millisecond, func() { _ = cmd.Process.Kill() }) // it may have ended
	_ = cmd.Wait()                                                                                  // the state says it all
	timer.Stop()
	return cmd.ProcessState.ExitCode() < 0, "after it said " + stdout.String() + stderr.String()
}

// supervisor kills the supervisors instead, as they are about to leave word of how the deploys ended; cdplan dies, too, as it is about to leave
// its heartbeat. What nobody can tell has failed, and is tried once more when its time has come.
func (f *crash) supervisor() {
	f.Helper()
	f.restore()
	e := f.run("strace", "-f", "-qq", "-o", f.path("trace"), "-e", "trace=renameat", "-e", "inject=renameat:signal=SIGKILL:when=1", "cdplan", "apply", "-auto")
	if e.code != 137 || strings.Count(e.stdout, "cannot tell how mojo ended: what watched over it died") == 0 {
		f.Fatal(e)
	}
	f.look("the supervisors were killed", []string{"supervisor"}, false)
	f.mustRun("cdplan", "retry", "api", "db")
	f.mustRun("cdplan", "apply", "-auto")
	if err := f.done(nil); err != nil {
		f.Fatal(err)
	}
}

// atRequest kills it when nova gets the nth request since it runs: its own or one of what it started. If it is to stamp a server, the stamp is
// written all the same; with stamps, only those requests count, and the stamp is not written.
func (f *crash) atRequest(stamps bool) strike {
	return func(n int, args []string) (bool, string) {
		f.Helper()
		cmd, _, _ := f.command(append([]string{"cdplan"}, args...)...)
		var seen atomic.Int64
		var start sync.WaitGroup
		start.Add(1)
		matches := func(r *http.Request) bool {
			start.Wait()
			stamp := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/metadata")
			if stamps && !stamp || seen.Add(1) != int64(n) {
				return false
			}
			_ = cmd.Process.Kill() // it may have ended, and this be the request of what it started
			return stamps
		}
		f.cloud.Inject(novatest.Fault{Match: matches, Cut: true})
		defer f.cloud.ClearFaults()
		f.must(cmd.Start())
		start.Done()
		_ = cmd.Wait() // the state says it all
		return cmd.ProcessState.ExitCode() < 0, fmt.Sprintf("after %d requests", n)
	}
}

// atScript kills it as a verify script begins or ends.
func (f *crash) atScript(n int, args []string) (bool, string) {
	f.Helper()
	moments := []string{"api-begin", "api-end", "db-begin", "db-end", "web-begin", "web-end"}
	if n > len(moments) {
		return false, ""
	}
	file := f.path("kill-" + moments[n-1])
	f.must(os.WriteFile(file, nil, 0o600))
	defer func() { f.must(os.Remove(file)) }()
	e := f.run(append([]string{"cdplan"}, args...)...)
	return e.code == 137, moments[n-1]
}

// look lets cdplan go on by itself, and looks whether all is true that it says, and all is done that was to be done. What the killed run started
// may still be at work: then the next one waits for it, if at once, or comes later.
func (f *crash) look(what string, args []string, atOnce bool) {
	f.Helper()
	services := []string{"api", "db", "web"}
	if !atOnce {
		f.awaitOrphans(services)
	}
	waiting := map[string]string{}
	switch {
	case f.failing():
		waiting = map[string]string{"api": "waiting", "web": "blocked"}
	case args[0] == "supervisor":
		waiting = map[string]string{"api": "waiting", "db": "waiting", "web": "blocked"}
	case args[0] == "hold" && f.held("web"):
		waiting = map[string]string{"web": "held"}
	}
	before := f.count("begin")
	next := f.run("cdplan", "apply", "-auto", "-lock-timeout", "1m")
	say := func(format string, values ...any) {
		f.Helper()
		f.Fatalf("%s: %s\nthe next run: %v\n%s", what, fmt.Sprintf(format, values...), next, f.run("cdplan", "history").stdout)
	}
	began := f.count("begin")
	for run := range before {
		delete(began, run)
	}
	switch failing := f.failing(); {
	case next.code == 4 && failing && len(began) == 1: // the killed run had not come to it
	case next.code == 1 && failing && strings.Contains(next.stdout+next.stderr, "api not-started: it is waiting by now"): // what it had started was still at it
	case next.code != 0:
		say("it ended with exit code %d", next.code)
	}
	for run, n := range f.count("well") {
		if n > 1 {
			say("%s succeeded %d times", run, n)
		}
	}
	for run, n := range f.count("begin") {
		if f.failing() && n > 1 {
			say("%s was tried %d times", run, n)
		}
	}
	if silent := f.run("cdplan", "apply", "-auto"); silent.code != 0 || silent.stdout+silent.stderr != "" {
		say("the run after that is not silent: %v", silent)
	}
	for _, err := range []error{f.stamps(), f.history(), f.journal(), f.locks(services), f.done(waiting)} {
		if err != nil {
			say("%v", err)
		}
	}
}

// awaitOrphans returns when nothing of a killed run is left.
func (f *crash) awaitOrphans(services []string) {
	f.Helper()
	for _, name := range services {
		lock, err := f.stateDir().Lock(context.Background(), state.Owner{Service: name}, time.Minute)
		f.must(err)
		f.must(lock.Close())
	}
}

func (f *crash) stateDir() state.Dir { return state.Dir(f.path(".state")) }

func (f *crash) failing() bool {
	_, err := os.Stat(f.path("branches", "api-app", "broken"))
	return err == nil
}

// count counts the lines of that word in the files of runs, by service and hash.
func (f *crash) count(word string) map[string]int {
	f.Helper()
	counts := map[string]int{}
	for _, name := range []string{"api", "db", "web"} {
		text, err := os.ReadFile(f.path("runs", name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if found, hash, _ := strings.Cut(strings.TrimSpace(line), " "); found == word {
				counts[name+" "+hash]++
			}
		}
	}
	return counts
}

// stamps says whether each server carries revisions that were deployed, and a stamp that says just that.
func (f *crash) stamps() error {
	well := f.count("well")
	for _, server := range f.cloud.Servers() {
		revisions := map[string]resource.Revision{}
		for key, value := range server.Metadata {
			if label, ok := strings.CutPrefix(key, "cd.rev."); ok {
				revno, id, _ := strings.Cut(value, " ")
				revisions[label] = resource.Revision{Revno: revno, ID: id}
			}
		}
		hash := server.Metadata["cd.hash"]
		if hash != resource.Hash(revisions) {
			return fmt.Errorf("%s carries a stamp that contradicts itself: %v", server.Name, server.Metadata)
		}
		if name := server.Metadata["cd.service"]; well[name+" "+hash] != 1 {
			return fmt.Errorf("%s carries what was never deployed: %v", server.Name, server.Metadata)
		}
	}
	var list struct {
		Services []struct {
			Servers []struct {
				Name  string
				Stamp *struct{ Consistent bool }
			}
		}
	}
	if err := json.Unmarshal([]byte(f.mustRun("cdplan", "list", "-json")), &list); err != nil {
		return err
	}
	for _, service := range list.Services {
		for _, server := range service.Servers {
			if server.Stamp == nil || !server.Stamp.Consistent {
				return fmt.Errorf("the list says that the stamp of %s is %+v", server.Name, server.Stamp)
			}
		}
	}
	return nil
}

// history says whether those attempts alone are said to have succeeded that did, and those that failed to have failed.
func (f *crash) history() error {
	var history struct {
		Attempts []struct{ Service, Hash, Result, Action string }
	}
	if err := json.Unmarshal([]byte(f.mustRun("cdplan", "history", "-json", "-limit", "0")), &history); err != nil {
		return err
	}
	well, begun := f.count("well"), f.count("begin")
	deployed, failed := map[string]int{}, map[string]int{}
	for _, a := range history.Attempts {
		run := a.Service + " " + a.Hash
		switch {
		case a.Result == "":
			return fmt.Errorf("the end of an attempt is not known: %+v", a)
		case (a.Result == "deployed" || a.Result == "recorded") && well[run] != 1:
			return fmt.Errorf("an attempt is said to have succeeded that did not: %+v", a)
		case a.Result == "deployed":
			deployed[run]++
		case a.Result == "failed":
			failed[run]++
		}
		if deployed[run] > 1 {
			return fmt.Errorf("it is said twice that this was deployed: %+v", a)
		}
	}
	for run, n := range begun {
		if well[run] == 0 && failed[run] != n {
			return fmt.Errorf("%s failed %d times, and the history says %d times", run, n, failed[run])
		}
	}
	return nil
}

func (f *crash) journal() (err error) {
	db, err := sql.Open("sqlite", "file:"+f.path(".state", "journal.db")+"?mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return fmt.Errorf("the journal is damaged: %s %w", verdict, err)
	}
	return nil
}

// locks says whether somebody still has one.
func (f *crash) locks(services []string) error {
	for _, name := range services {
		lock, err := f.stateDir().Lock(context.Background(), state.Owner{Service: name}, 0)
		if err != nil {
			return err
		}
		if err := lock.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (f *crash) held(service string) bool {
	f.Helper()
	return strings.Contains(f.mustRun("cdplan", "plan"), "= "+service+" ")
}

// done says whether all is deployed but for what has to wait, and that with the verdict given.
func (f *crash) done(waiting map[string]string) error {
	var plan struct {
		Services []struct{ Service, Verdict string }
	}
	if err := json.Unmarshal([]byte(f.run("cdplan", "plan", "-json").stdout), &plan); err != nil {
		return err
	}
	status := f.mustRun("cdplan", "status")
	for _, s := range plan.Services {
		if want := cmp.Or(waiting[s.Service], "same"); s.Verdict != want {
			return fmt.Errorf("%s is %s, want %s", s.Service, s.Verdict, want)
		}
		if s.Verdict == "waiting" && !strings.Contains(status, s.Service+": failing") {
			return fmt.Errorf("the status does not say that %s fails: %s", s.Service, status)
		}
	}
	return nil
}
