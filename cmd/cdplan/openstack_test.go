package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/test/openstack"
)

var withReal = flag.Bool("openstack", false, "deploy a fleet to a real OpenStack as well; it must be up (test/openstack/up)")

// TestOpenStackFleet tells how five services of four servers each live on a cloud: they are deployed, nothing is to do, a commit deploys one of them
// again, and a server that loses its stamp is found and stamped. The cloud lists its servers on pages of 50, of which there are more than one, and its tokens live for 20 seconds, which is less than an
// apply takes.
func TestOpenStackFleet(t *testing.T) {
	tools := newTools(t)
	t.Run("novatest", func(t *testing.T) {
		w := newWorld(t, tools)
		for i := range 60 {
			w.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: fmt.Sprintf("kept-%02d", i)})
		}
		fleet(w, "", 0, func(name string) {
			for _, s := range w.cloud.Servers() {
				if s.Name == name {
					delete(s.Metadata, "cd.hash")
					w.cloud.SetMetadata(s.ID, s.Metadata)
				}
			}
		})
	})
	if *withReal {
		t.Run("real", func(t *testing.T) {
			cloud := openstack.Open(t)
			cloud.Keep(60)
			run := fmt.Sprintf("r%x-", time.Now().UnixNano())
			t.Cleanup(func() { cloud.RemoveAll("^juju-" + run) })
			w := newWorld(t, tools)
			w.env = append(w.env, "OS_CLIENT_CONFIG_FILE="+openstack.CloudsYAML(), "OS_CLOUD=brief-pages")
			fleet(w, run, 22, func(name string) {
				id := cloud.Named("^" + name + "$")[name]
				metadata := cloud.Metadata(id)
				delete(metadata, "cd.hash")
				cloud.SetMetadata(id, metadata)
			})
		})
	}
}

// fleet tells the story. The names of the services begin with run, and the deploy of one of them takes so many seconds; unstamp takes the stamp off
// the server of a name.
func fleet(w *world, run string, seconds int, unstamp func(name string)) {
	after := map[string]string{"db": "", "queue": run + "db", "api": run + "db, " + run + "queue", "web": run + "api", "cron": ""}
	var dirs []string
	for name, others := range after {
		name = run + name
		files := serviceFiles(w.dir, name, map[string]string{"after": others})
		files["branches/"+name+"-spec/servers"] = "juju-" + name + "-machine-%d 4\n"
		if name == run+"cron" {
			files["branches/"+name+"-spec/manifest"] += fmt.Sprintf("sleep seconds=%d\n", seconds)
		}
		w.write(files)
		dirs = append(dirs, "LOCAL/"+name, "branches/"+name+"-spec", "branches/"+name+"-app")
	}
	w.commit(dirs...)
	w.says(2, "5 new", "cdplan", "plan", "-detailed-exitcode")
	w.says(0, "", "cdplan", "apply", "-auto")
	w.settled(run, 5)

	w.commit("branches/" + run + "api-app")
	w.says(2, "1 redeploy", "cdplan", "plan", "-detailed-exitcode")
	w.says(0, "", "cdplan", "apply", "-auto")
	w.settled(run, 6)

	w.says(0, "No drift: 20 servers of 5 services.", "cdplan", "drift", "-detailed-exitcode", "-target", run+"*")
	unstamp("juju-" + run + "web-machine-3")
	w.says(2, "1 of 20 servers of 5 services drifted: 1 unstamped.", "cdplan", "drift", "-detailed-exitcode", "-target", run+"*")
	w.says(0, "recorded", "cdplan", "apply", "-auto")
	w.says(0, "No drift: 20 servers", "cdplan", "drift", "-detailed-exitcode", "-target", run+"*")
}

// settled fails unless there were so many deploys in all, and there is nothing to do.
func (w *world) settled(run string, deploys int) {
	w.Helper()
	if results := w.results(); results["deployed"] != deploys || len(results) != 1 {
		w.Errorf("the deploys ended as %v, want %d deployed", results, deploys)
	}
	list := w.says(0, "", "cdplan", "list")
	for _, name := range []string{"api", "cron", "db", "queue", "web"} {
		if !strings.Contains(list, run+name) {
			w.Errorf("%s is not listed", name)
		}
	}
	w.says(0, "No changes: 5 services", "cdplan", "plan", "-detailed-exitcode")
	if e := w.run("cdplan", "apply", "-auto"); e.code != 0 || e.stdout+e.stderr != "" {
		w.Errorf("there was something to do: %s", e)
	}
}

// says runs a command that must end with that exit code and print that text, and returns what it printed.
func (w *world) says(code int, text string, args ...string) string {
	w.Helper()
	e := w.timed(args...)
	if e.code != code || !strings.Contains(e.stdout, text) {
		w.Fatal(e)
	}
	return e.stdout
}
