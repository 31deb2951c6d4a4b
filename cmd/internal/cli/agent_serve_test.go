package cli

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// get asks the agent, which says at its start where it answers.
func (y *yard) get(method, path string) (int, string) {
	y.t.Helper()
	at := regexp.MustCompile(`answers at (http://[^/]+)/metrics`).FindStringSubmatch(y.errs.String())
	if at == nil {
		y.t.Fatalf("nobody says where the agent answers:\n%s", y.errs.String())
	}
	request, err := http.NewRequestWithContext(y.t.Context(), method, at[1]+path, nil)
	if err != nil {
		y.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		y.t.Fatal(err)
	}
	defer func() {
		if err := response.Body.Close(); err != nil {
			y.t.Error(err)
		}
	}()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		y.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestAgentMetrics(t *testing.T) {
	y := newYard(t, "blind", "worker")
	y.with(func() { y.loads["blind"] = resource.Load{Err: errors.New("no data")} })
	y.load("worker", 150.5)
	y.start("-listen", "127.0.0.1:0")
	y.until("worker  scaled", 1)
	gate := make(chan struct{})
	y.with(func() { y.gates["worker"] = gate })
	y.load("worker", 900)
	for second := false; !second; y.with(func() { second = y.begun["worker"] == 2 }) { // after the cooldown
		y.round(30 * time.Second)
	}
	code, metrics := y.get("GET", "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, metrics)
	}
	for _, want := range []string{
		`cdplan_scale_units{service="worker"} 2`, `cdplan_scale_wanted_units{service="worker"} 9`, `cdplan_scale_load{service="worker"} 900`,
		`cdplan_scale_target{service="worker"} 100`, `cdplan_scale_no_data{service="worker"} 0`, `cdplan_scale_running{service="worker"} 1`,
		`cdplan_scale_units{service="blind"} 1`, `cdplan_scale_no_data{service="blind"} 1`, `cdplan_scale_running{service="blind"} 0`,
		`cdplan_agent_changes_total{kind="out",result="scaled"} 1`, `cdplan_agent_interval_seconds 30`, `cdplan_agent_rounds_total{result="failed"} 0`,
		`cdplan_holds 0`, "process_open_fds ", "go_goroutines ",
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
	for _, unwanted := range []string{`cdplan_scale_load{service="blind"}`, `cdplan_scale_wanted_units{service="blind"}`} {
		if strings.Contains(metrics, unwanted) {
			t.Errorf("there is %s", unwanted)
		}
	}
	if !regexp.MustCompile(`\ncdplan_agent_last_round_timestamp_seconds 1\.7724\d+e\+09\n`).MatchString(metrics) ||
		!regexp.MustCompile(`\ncdplan_agent_rounds_total\{result="complete"\} [1-9]`).MatchString(metrics) {
		t.Errorf("the last round, or how many there were, is not told")
	}
	close(gate)
	for _, test := range []struct {
		method, path string
		want         int
	}{{"HEAD", "/metrics", 200}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/metrics/x", 404}, {"DELETE", "/healthz", 405}} {
		if code, _ := y.get(test.method, test.path); code != test.want {
			t.Errorf("%s %s: %d, not %d", test.method, test.path, code, test.want)
		}
	}
}

// The agent is well as long as rounds come to their end.
func TestAgentHealth(t *testing.T) {
	y := newYard(t, "worker")
	y.start("-listen", "localhost:0")
	check := func(wantCode int, want string) {
		t.Helper()
		if code, text := y.get("GET", "/healthz"); code != wantCode || !strings.Contains(text, want) {
			t.Errorf("%d %q, not %d %q", code, text, wantCode, want)
		}
	}
	check(200, "ok\n")
	y.with(func() { y.now = y.now.Add(90 * time.Second) })
	check(200, "ok\n")
	y.with(func() { y.now = y.now.Add(time.Second) })
	check(503, "the last complete round was 1m31s ago, and there is to be one every 30s: it goes on\n")
	journal := filepath.Join(string(y.dir), "journal.db")
	if err := errors.Join(os.MkdirAll(filepath.Join(string(y.dir), "logs", "x"), 0o700), os.Rename(journal, journal+".away")); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		y.round(30 * time.Second)
	}
	y.says("cannot use the journal", 1)
	check(503, "the last complete round was 3m31s ago, and there is to be one every 30s: the journal is not the one any more that is written to\n")
	if err := os.Rename(journal+".away", journal); err != nil {
		t.Fatal(err)
	}
	y.round(30 * time.Second)
	check(200, "ok\n")
	y.says("agent  has read the files anew", 1)
}

// systemd is told when the agent is ready, reloads, stops, and that it is alive.
func TestAgentTellsSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	go func() {
		defer close(told)
		for text := make([]byte, 4096); ; {
			n, err := listener.Read(text)
			if err != nil {
				return // it was closed
			}
			told <- string(text[:n])
		}
	}()
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if !regexp.MustCompile("^" + want + "$").MatchString(got) {
				t.Errorf("systemd is told %q, not %q", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("systemd is not told %q", want)
		}
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "2000000") // a word every second
	y := newYard(t, "worker")
	y.start()
	next("READY=1\nSTATUS=services: 1, units: 1; last round 12:00:00Z")
	y.beats <- y.clock()
	next("WATCHDOG=1")
	y.with(func() { y.loads["worker"] = resource.Load{Err: errors.New("no data")} })
	y.round(30 * time.Second)
	next("STATUS=services: 1, units: 1, without data: 1; last round 12:00:30Z")
	y.hangup()
	next("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
	next("READY=1\nSTATUS=.*")
	y.with(func() { y.now = y.now.Add(time.Hour) }) // without a round
	y.beats <- y.clock()
	y.beats <- y.clock() // the one before was dealt with
	y.round(time.Second)
	next("STATUS=.*")
	y.beats <- y.clock()
	next("WATCHDOG=1")
	y.end()
	next("STOPPING=1\nSTATUS=waiting for what runs")
}
