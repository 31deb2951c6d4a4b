package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"launchpad.net/cdplan/test/scaling"
)

var withLoad = flag.Bool("scaling", false, "scale a service by a real RabbitMQ and by a real Prometheus, which the tests start")

// TestScalingByQueue tells how a service lives whose units follow the length of a queue: it is deployed, gets work, gets more units in steps, which carry
// the stamp of the others, and loses them again in steps when the work is done. A broker that does not answer changes nothing.
func TestScalingByQueue(t *testing.T) {
	if !*withLoad {
		t.Skip("only with a real RabbitMQ, by make test-scaling")
	}
	r := scaling.StartRabbitMQ(t)
	r.AddVHost("/ci")
	r.AddUser("cdplan", "hush-hush", "monitoring")
	r.Permit("cdplan", "/ci", "^$")
	jobs := r.Queue("/ci", "jobs")
	w := newScaledWorld(t, "metric = rabbitmq", "url = "+r.URL, "vhost = /ci", "queue = jobs", "user = cdplan", "password_file = rabbitmq-password")
	w.must(os.WriteFile(w.path("LOCAL/worker/rabbitmq-password"), []byte("hush-hush\n"), 0o600))

	w.says(0, "worker", "cdplan", "apply", "-auto")
	w.sized(2)

	jobs.Publish(1450)
	w.until("1450 / 200 = 7.25 -> 8", "cdplan", "plan")
	w.steps(2, 6, 8)
	w.says(0, "No drift: 8 servers of 1 service", "cdplan", "drift", "-detailed-exitcode")
	w.says(0, "", "cdplan", "plan", "-detailed-exitcode")

	jobs.Take(1450)()
	w.steps(8, 6, 4)
	w.says(0, "No drift: 4 servers of 1 service", "cdplan", "drift", "-detailed-exitcode")

	r.Stop()
	w.says(0, "worker unmeasured: queue jobs of /ci on "+strings.TrimPrefix(r.URL, "http://")+": dial tcp", "cdplan", "apply", "-auto")
	for end := time.Now().Add(3 * downWindow); time.Now().Before(end); {
		if e := w.run("cdplan", "apply", "-auto"); e.code != 0 || e.stdout+e.stderr != "" {
			t.Fatalf("it was told before: %s", e)
		}
	}
	w.sized(4)
	w.says(0, "no data of its load, it keeps its 4 units", "cdplan", "plan", "-detailed-exitcode")
}

// TestScalingByQuery tells the same of a service whose units follow a query to Prometheus, which scrapes what the test exports.
func TestScalingByQuery(t *testing.T) {
	if !*withLoad {
		t.Skip("only with a real Prometheus, by make test-scaling")
	}
	var load atomic.Int64
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "backlog{queue=\"jobs\"} %d\n", load.Load()) // a scrape that fails is no data
	}))
	defer exporter.Close()
	w := newScaledWorld(t, "metric = prometheus", "url = "+scaling.StartPrometheus(t, exporter.URL+"/metrics"), "query = sum(backlog)")

	w.says(0, "worker", "cdplan", "apply", "-auto")
	w.sized(2)

	load.Store(1450)
	w.until("1450 / 200 = 7.25 -> 8", "cdplan", "plan")
	w.steps(2, 6, 8)
	w.says(0, "No drift: 8 servers of 1 service", "cdplan", "drift", "-detailed-exitcode")

	load.Store(0)
	w.steps(8, 6, 4)
	w.says(0, "No drift: 4 servers of 1 service", "cdplan", "drift", "-detailed-exitcode")
}

// downWindow is for how long the load of the story asks for fewer units before there are fewer.
const downWindow = 4 * time.Second

// scaledWorld has one service, worker, whose units follow a load.
type scaledWorld struct{ *world }

// newScaledWorld takes the keys that say what is asked for the load.
func newScaledWorld(t *testing.T, metric ...string) scaledWorld {
	t.Helper()
	w := scaledWorld{newWorld(t, newTools(t))}
	w.env = append(w.env, "JUJU_STANDIN_STATE="+w.path(".juju.json"))
	files := serviceFiles(w.dir, "worker", nil)
	files["branches/worker-spec/servers"] = "juju-worker-machine-%d 2\n"
	files["LOCAL/worker/config.ini"] += `
[scale]
application = worker
model = demo
min = 2
max = 10
target = 200
up_step = 4
down_step = 2
cooldown = 1s
down_window = ` + downWindow.String() + "\n" + strings.Join(metric, "\n") + "\n"
	files["LOCAL/cdplan.hcl"] = "provider \"juju\" {\n  poll = \"10ms\"\n}\n"
	w.write(files)
	w.commit("LOCAL/worker", "branches/worker-spec", "branches/worker-app")
	return w
}

// until runs a command until it prints a text.
func (w scaledWorld) until(text string, args ...string) {
	w.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		e := w.run(args...)
		if e.code == 0 && strings.Contains(e.stdout, text) {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("want ...%s...: %s", text, e)
		}
	}
}

// steps applies until the number of servers has been each of these, one after the other. The first is what it is.
func (w scaledWorld) steps(sizes ...int) {
	w.Helper()
	w.sized(sizes[0])
	for _, want := range sizes[1:] {
		from := w.size()
		for deadline := time.Now().Add(2 * time.Minute); w.size() == from; {
			if e := w.run("cdplan", "apply", "-auto"); e.code != 0 || time.Now().After(deadline) {
				w.Fatalf("%d servers, want %d: %s", w.size(), want, e)
			}
		}
		w.sized(want)
	}
}

func (w scaledWorld) size() int { return len(w.cloud.Servers()) }

// sized fails unless there are so many servers, all of which carry a stamp.
func (w scaledWorld) sized(want int) {
	w.Helper()
	for _, s := range w.cloud.Servers() {
		if s.Metadata["cd.hash"] == "" {
			w.Errorf("%s carries no stamp", s.Name)
		}
	}
	if got := w.size(); got != want {
		w.Fatalf("%d servers, want %d", got, want)
	}
}
