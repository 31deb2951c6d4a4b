package meter

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"launchpad.net/cdplan/test/scaling"
)

var withReal = flag.Bool("scaling", false, "ask a real RabbitMQ and a real Prometheus, which the tests start")

func onReal(t *testing.T) {
	t.Helper()
	if !*withReal {
		t.Skip("only on a real one, by make test-scaling")
	}
}

// becomes waits until the load is that, since neither RabbitMQ nor Prometheus counts at once.
func becomes(t *testing.T, s Source, want float64) {
	t.Helper()
	waitFor(t, s, func(got float64, err error) bool { return got == want && err == nil }, fmt.Sprint(want))
}

// fails waits until there is no data, and why.
func fails(t *testing.T, s Source, text string) {
	t.Helper()
	waitFor(t, s, func(_ float64, err error) bool { return err != nil && strings.Contains(err.Error(), text) }, "an error ..."+text+"...")
}

func waitFor(t *testing.T, s Source, done func(float64, error) bool, want string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		got, err := s.Read(t.Context())
		if done(got, err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v, %v, want %s", s, got, err, want)
		}
	}
}

func TestScalingRabbitMQ(t *testing.T) {
	onReal(t)
	r := scaling.StartRabbitMQ(t)
	r.AddVHost("/ci")
	r.AddUser("cdplan", password, "monitoring")
	for _, vhost := range []string{"/", "/ci"} {
		r.Permit("cdplan", vhost, "^$")
	}
	source := func(vhost, name, count string) Source {
		s := queue(t, r.URL)
		s.VHost, s.Queue, s.Count = vhost, name, count
		return s
	}

	jobs := r.Queue("/ci", "jobs")
	becomes(t, source("/ci", "jobs", "both"), 0)
	jobs.Publish(1450)
	becomes(t, source("/ci", "jobs", ""), 1450)
	finish := jobs.Take(50)
	becomes(t, source("/ci", "jobs", "unacknowledged"), 50)
	becomes(t, source("/ci", "jobs", "ready"), 1400)
	becomes(t, source("/ci", "jobs", "both"), 1450)
	finish()
	becomes(t, source("/ci", "jobs", "both"), 1400)
	becomes(t, source("/ci", "jobs", "unacknowledged"), 0)

	odd := r.Queue("/", "a/b c?d#e%2f.")
	odd.Publish(3)
	becomes(t, source("", odd.Name, ""), 3)

	mustFail(t, source("/", "jobs", ""), `there is no queue "jobs" in the virtual host "/"`)
	mustFail(t, source("/none", "jobs", ""), `there is no queue "jobs" in the virtual host "/none"`)
	mustFail(t, source("/", "..", ""), "no JSON")
	elsewhere := source("/ci", "jobs", "")
	elsewhere.URL += "/elsewhere"
	mustFail(t, elsewhere, "the server answers 4")
	wrong := source("/ci", "jobs", "")
	wrong.PasswordFile = write(t, "wrong-one", 0o600)
	mustFail(t, wrong, "the login is refused with 401")
	t.Run("tags", func(t *testing.T) { rights(t, r, source) })
	r.StopVHost("/ci")
	fails(t, source("/ci", "jobs", "both"), `the queue is in the state "stopped"`)
	r.Stop()
	mustFail(t, source("/ci", "jobs", ""), "connection refused")
}

// rights holds docs/providers/meter.md to what it says of the tags that a user needs.
func rights(t *testing.T, r *scaling.RabbitMQ, source func(vhost, name, count string) Source) {
	const mayNot = "the login is refused with 401"
	for _, user := range []struct {
		name, tags, names string // names of what the user may do anything to; without any, the virtual host is closed
		want              string // none for a user who may
	}{
		{"monitoring", "monitoring", "^$", ""},
		{"management", "management", "^$", ""},
		{"all", "management", ".*", ""},
		{"monitoring-outside", "monitoring", "", mayNot},
		{"management-outside", "management", "", mayNot},
		{"untagged", "", ".*", mayNot},
	} {
		r.AddUser(user.name, password, user.tags)
		if user.names != "" {
			r.Permit(user.name, "/ci", user.names)
		}
		s := source("/ci", "jobs", "both")
		if s.User = user.name; user.want == "" {
			mustRead(t, s, 1400)
		} else {
			mustFail(t, s, user.want)
		}
	}
}

func TestScalingPrometheus(t *testing.T) {
	onReal(t)
	var mu sync.Mutex
	text := "load 7.25\nqueue{name=\"jobs\"} 5\nqueue{name=\"mails\"} 6\nnan NaN\nless -3\n"
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(exporter.Close)
	r := scaling.StartRabbitMQ(t)
	jobs := r.Queue("/", "jobs")
	jobs.Publish(1450)
	url := scaling.StartPrometheus(t, exporter.URL+"/metrics", r.Metrics)
	source := func(query string) Source { return Source{Metric: "prometheus", URL: url, Query: query} }

	becomes(t, source("load"), 7.25)
	becomes(t, source(`rabbitmq_queue_messages{queue="jobs"}`), 1450)
	jobs.Take(450)()
	becomes(t, source(`sum(rabbitmq_queue_messages{queue="jobs"})`), 1000)

	mustRead(t, source(`queue{name="mails"}`), 6)
	mustRead(t, source("sum(queue)"), 11)
	mustRead(t, source("scalar(load) * 2"), 14.5)
	mustRead(t, source("-1 * 0"), 0)
	mustFail(t, source("queue"), "the query gives 2 numbers, not one: put an aggregate such as sum(...)")
	mustFail(t, source("none"), "the query finds nothing")
	mustFail(t, source("count(none)"), "the query finds nothing")
	mustFail(t, source("scalar(none)"), "the answer is NaN")
	mustFail(t, source("nan"), "the answer is NaN")
	mustFail(t, source("less"), "the answer is -3")
	mustFail(t, source("load / 0"), "the answer is +Inf")
	mustFail(t, source("load[5m]"), `is not one number, but of type "matrix"`)
	mustFail(t, source(`"text"`), `of type "string"`)
	mustFail(t, source("sum(load"), "the server answers 400 Bad Request: invalid parameter \"query\"")
	elsewhere := source("load")
	elsewhere.URL += "/elsewhere"
	mustFail(t, elsewhere, "the server answers 404 Not Found")

	mu.Lock()
	text = strings.Replace(text, "load 7.25\n", "", 1)
	mu.Unlock()
	fails(t, source("load"), "the query finds nothing")
	mustRead(t, source("sum(queue)"), 11)
	exporter.Close()
	fails(t, source("sum(queue)"), "the query finds nothing")
}
