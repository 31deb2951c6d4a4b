package main

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

// newMany makes services s000, s001 and so on, with a server each, that share an app and a spec. The app has moved since they were deployed. Instead
// of mojo runs a script that notes the service in the file runs, and fails if that is what the shell words say.
func newMany(t testing.TB, n int, fails string) *world {
	t.Helper()
	w := newWorld(t, newTools(t))
	w.write(map[string]string{
		"branches/app/main.py": "print(1)\n", "branches/spec/manifest": "script config=run\n", "LOCAL/cdplan.hcl": fmt.Sprintf("provider \"mojo\" {\n  command = [%q, \"{service}\"]\n}\n", w.path("mojo")),
		"mojo": "#!/bin/sh\necho $1 >>" + w.path("runs") + "\necho it is $1\n! { " + fails + "; }\n",
	})
	w.commit("branches/app", "branches/spec")
	old := map[string]resource.Revision{"app": w.tip("branches/app"), "spec": w.tip("branches/spec")}
	w.commit("branches/app")
	template := newTemplate(t, w.path("template"), w.env)
	old["config"] = template.revision
	config := fmt.Sprintf("[mojo]\nspec = %s\n\n[branches]\napp = %s\n\n[nova]\nservers = ", w.path("branches/spec"), w.path("branches/app"))
	for i := range n {
		name := fmt.Sprintf("s%03d", i)
		template.copyTree(t, w.path("LOCAL", name), []byte(config+name+"-server\n"))
		metadata := map[string]string{"cd.service": name, "cd.hash": resource.Hash(old)}
		for label, revision := range old {
			metadata["cd.rev."+label] = revision.String()
		}
		w.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: name + "-server", Metadata: metadata})
	}
	return w
}

// tip returns the revision that a branch has now.
func (w *world) tip(dir string) resource.Revision {
	w.Helper()
	text, err := os.ReadFile(w.path(dir, ".bzr/branch/last-revision"))
	w.must(err)
	revno, id, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return resource.Revision{Revno: revno, ID: id}
}

// lines counts how often each line is in a file.
func (w *world) lines(file string) map[string]int {
	w.Helper()
	text, err := os.ReadFile(w.path(file))
	w.must(err)
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}

// results counts the attempts by their results.
func (w *world) results() map[string]int {
	w.Helper()
	var history struct{ Attempts []struct{ Result string } }
	w.must(json.Unmarshal([]byte(w.mustRun("cdplan", "history", "-json", "-limit", "0")), &history))
	counts := map[string]int{}
	for _, a := range history.Attempts {
		counts[a.Result]++
	}
	return counts
}

// timed runs a command and says what it took.
func (w *world) timed(args ...string) ended {
	w.Helper()
	begin := time.Now()
	e := w.run(args...)
	w.Logf("%s: exit code %d, %s, %d MiB at most", e.command, e.code, time.Since(begin).Round(10*time.Millisecond), e.peak>>10)
	return e
}

func fleetSize() int {
	if *long {
		return 200
	}
	return 40
}

// One service in five fails, several at a time: all others are deployed, and nobody takes that for trouble of the host.
func TestManyFailing(t *testing.T) {
	n := fleetSize()
	w := newMany(t, n, "case $1 in *[05]) true;; *) false;; esac")
	e := w.timed("cdplan", "apply", "-auto", "-parallelism", "8")
	if e.code != 4 {
		t.Fatal(e)
	}
	if results, tried := w.results(), len(w.lines("runs")); tried != n || results["deployed"] != n*4/5 || results["failed"] != n/5 {
		t.Errorf("%d were tried, with the results %v", tried, results)
	}
	again := w.timed("cdplan", "apply", "-auto", "-parallelism", "8")
	if again.code != 0 || again.stdout+again.stderr != "" {
		t.Errorf("the second run: %v", again)
	}
	for service, times := range w.lines("runs") {
		if times != 1 {
			t.Errorf("%s was tried %d times", service, times)
		}
	}
	status := w.mustRun("cdplan", "status")
	if strings.Contains(status, "host") {
		t.Errorf("the host is blamed: %s", status)
	}
	info, err := os.Stat(w.path(".state", "journal.db"))
	w.must(err)
	headline, _, _ := strings.Cut(status, "\n")
	t.Logf("%d services, the journal has %d KiB; %s", n, info.Size()>>10, headline)
}

// All services fail the same way: after three the host is blamed, and no more are started.
func TestManyAllFailing(t *testing.T) {
	n := fleetSize()
	w := newMany(t, n, "true")
	e := w.timed("cdplan", "apply", "-auto", "-parallelism", "8")
	if e.code != 4 {
		t.Fatal(e)
	}
	tried := len(w.lines("runs"))
	t.Logf("%d of %d services were tried", tried, n)
	if tried > 3+7 {
		t.Errorf("%d services were tried", tried)
	}
	if status := w.mustRun("cdplan", "status"); !strings.Contains(status, "host") {
		t.Errorf("the host is not blamed: %s", status)
	}
	if again := w.run("cdplan", "apply", "-auto"); again.code != 0 || again.stdout+again.stderr != "" {
		t.Errorf("the second run: %v", again)
	}
}

// Two runs begin at the same moment, again and again, with something new to deploy each time: each service is deployed once, by one of them. The other
// does nothing, or what is left; one that planned before and looked again later may have to refuse.
func TestRace(t *testing.T) {
	rounds := 10
	if *long {
		rounds = 100
	}
	f := newCrash(t, newTools(t))
	f.mustRun("cdplan", "apply", "-auto")
	codes := map[string]int{}
	for round := range rounds {
		f.must(os.RemoveAll(f.path("runs")))
		f.must(os.Mkdir(f.path("runs"), 0o700))
		each([]string{"api", "db", "web"}, func(name string) { f.commit("branches/" + name + "-app") })
		results := make([]ended, 2)
		each([]int{0, 1}, func(i int) { results[i] = f.run("cdplan", "apply", "-auto") })
		slices.SortFunc(results, func(a, b ended) int { return cmp.Compare(a.code, b.code) })
		codes[fmt.Sprintf("%d and %d", results[0].code, results[1].code)]++
		for _, e := range results {
			if strings.Contains(e.stdout+e.stderr, "locked") || !slices.Contains([]int{0, 3, 5}, e.code) {
				t.Fatalf("round %d: %v", round, e)
			}
		}
		if last := f.run("cdplan", "apply", "-auto"); last.code != 0 {
			t.Fatalf("round %d: %v", round, last)
		}
		begun, well := f.count("begin"), f.count("well")
		for run, n := range begun {
			if n != 1 || well[run] != 1 {
				t.Fatalf("round %d: %s was begun %d times and succeeded %d times: %v", round, run, n, well[run], results)
			}
		}
		if len(begun) != 3 {
			t.Fatalf("round %d: %d services were deployed: %v", round, len(begun), results)
		}
	}
	t.Logf("%d rounds, exit codes %v", rounds, codes)
}

// each calls do with every element, all at once.
func each[T any](all []T, do func(T)) {
	var wait sync.WaitGroup
	for _, one := range all {
		wait.Go(func() { do(one) })
	}
	wait.Wait()
}

// Who reads the journal never waits for who writes, and the other way round.
func TestReadersAndWriters(t *testing.T) {
	w := newMany(t, 40, "false")
	w.mustRun("cdplan", "apply", "-auto", "-target", "s00*")
	done := make(chan ended)
	go func() { done <- w.run("cdplan", "apply", "-auto", "-parallelism", "8") }()
	reads := 0
	for running := true; running; {
		for _, args := range [][]string{{"history", "-json"}, {"status"}, {"plan", "-json"}, {"list"}} {
			if e := w.run(append([]string{"cdplan"}, args...)...); e.code != 0 || e.stderr != "" {
				t.Errorf("while an apply runs: %v", e)
			}
			reads++
		}
		select {
		case e := <-done:
			running = false
			if e.code != 0 {
				t.Error(e)
			}
		default:
		}
	}
	t.Logf("%d commands read while an apply wrote", reads)

	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.path(".state"), "journal.db")+"?_txlock=immediate")
	w.must(err)
	tx, err := db.Begin()
	w.must(err)
	_, err = tx.Exec("UPDATE attempts SET result = 'failed'")
	w.must(err)
	for _, args := range [][]string{{"history"}, {"status"}, {"plan"}} {
		if e := w.run(append([]string{"cdplan"}, args...)...); e.code != 0 || e.stderr != "" || strings.Contains(e.stdout, "failed") {
			t.Errorf("while somebody writes: %v", e)
		}
	}
	w.must(tx.Rollback())
	rows, err := db.Query("SELECT id FROM attempts")
	w.must(err)
	if !rows.Next() {
		t.Fatal("there are no attempts")
	}
	w.commit("branches/app")
	w.mustRun("cdplan", "apply", "-auto")
	w.must(rows.Close())
	w.must(db.Close())
}
