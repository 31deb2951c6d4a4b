package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
)

// simulate runs "cdplan simulate" in a directory with one service, worker, and one without [scale].
func simulate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"worker": workerINI, "plain": "[mojo]\nspec = /spec\n"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "config.ini"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code = Run(context.Background(), context.Background(), append([]string{"simulate"}, args...), &Env{Stdout: &out, Stderr: &errs, Now: time.Now,
		Drivers: []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(nil), juju.Driver(juju.New())},
		Getenv:  func(name string) string { return map[string]string{"CDPLAN_ROOT": root}[name] }, Setenv: func(string, string) error { return nil }})
	return code, out.String(), strings.ReplaceAll(errs.String(), root, "ROOT")
}

const workerINI = "[mojo]\nspec = /spec\n[scale]\napplication = worker\nmin = 1\nmax = 8\nmetric = rabbitmq\nurl = http://mq\nqueue = jobs\nuser = cdplan\npassword_file = password\ntarget = 200\n"

// file writes a file, and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimulate(t *testing.T) {
	load := file(t, "load.csv", "time,load\n0,100\n10m,1450\n30m,100\n1h,100\n")
	code, stdout, stderr := simulate(t, "worker", "-load", load, "-hpa")
	if code != 0 || stderr != "" {
		t.Fatalf("code %d: %s", code, stderr)
	}
	for _, want := range []string{"worker, from 0d 00:00:00 to 0d 01:00:00:\n1 to 8 units of 200 each, a run each 30s, 4m until a unit works.",
		"0d 00:10:00  1 -> 5  1450 / 200 = 7.25 -> 8, up_step 4", "0d 00:13:00  5 -> 8  1450 / 200 = 7.25 -> 8\n", "0d 00:35:00  8 -> 7  100 / 200 = 0.5 -> 1, down_step 1"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("there is no %q in\n%s", want, stdout)
		}
	}
	if code, stdout, _ := simulate(t, "worker", "-load", load); code != 0 || strings.Contains(stdout, "HPA") {
		t.Errorf("nobody asked for the HPA:\n%s", stdout)
	}
	if strings.ContainsFunc(stdout, func(r rune) bool { return r > '~' }) {
		t.Errorf("not in ASCII:\n%s", stdout)
	}
}

// A config.ini that is not committed is tried by its path, whatever the file is called. What work arrives makes a backlog, by the rate.
func TestSimulateFile(t *testing.T) {
	load, text := file(t, "load.csv", "0,60\n2h,60\n"), strings.NewReplacer("target = 200", "target = 100", "min = 1", "min = 2").Replace(workerINI)
	t.Chdir(filepath.Dir(file(t, "config.ini", text)))
	for _, ini := range []string{"config.ini", file(t, "policy", text)} {
		code, stdout, stderr := simulate(t, ini, "-load", load, "-rate", "25", "-format", "json")
		if code != 0 || stderr != "" {
			t.Fatalf("code %d: %s", code, stderr)
		}
		var document struct {
			Cdplan struct {
				Changes []struct {
					At       string
					From, To int
					Why      string
				}
			}
		}
		if err := json.Unmarshal([]byte(stdout), &document); err != nil {
			t.Fatal(err)
		}
		first := document.Cdplan.Changes[0] // ten more wait each minute
		if first.At != "22m30s" || first.From != 2 || first.To != 3 || first.Why != "225 / 100 = 2.25 -> 3" {
			t.Errorf("%s: %+v", ini, first)
		}
	}
}

func TestSimulateMistakes(t *testing.T) {
	good := file(t, "load.csv", "0,100\n10m,1450\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no service":               {[]string{"-load", good}, "Error: simulate takes the name of one service, or the path of one config.ini, not 0"},
		"another service":          {[]string{"workr", "-load", good}, `Error: there is no service "workr". Did you mean "worker"?`},
		"no [scale]":               {[]string{"plain", "-load", good}, "Error: plain has no section [scale], so that there is nothing to simulate: docs/scaling.md tells what to write in it"},
		"no file":                  {[]string{"worker"}, "Error: the load is missing: name its file by -load FILE"},
		"a file not there":         {[]string{"worker", "-load", "/no/such"}, "Error: -load: open /no/such: no such file or directory"},
		"a form":                   {[]string{"worker", "-load", good, "-format", "png"}, `Error: there is no -format "png": it is one of text, svg, json`},
		"a rate":                   {[]string{"worker", "-load", good, "-rate", "-1"}, "Error: -rate must be a number of more than 0"},
		"an endless rate":          {[]string{"worker", "-load", good, "-rate", "Inf"}, "Error: -rate must be a number of more than 0"},
		"a start":                  {[]string{"worker", "-load", good, "-start", "-1m"}, "Error: -start must be 0s or more"},
		"an interval":              {[]string{"worker", "-load", good, "-interval", "0s"}, good + ": the interval between two runs of the agent has to be more than 0"},
		"too many runs":            {[]string{"worker", "-load", good, "-interval", "1ns"}, "the agent would run more than 1000000 times: give a shorter load, or a longer interval"},
		"one line":                 {[]string{"worker", "-load", file(t, "one.csv", "0,1\n")}, "one.csv: the load has to be given at two times at least, of which the last is the end"},
		"a bad line":               {[]string{"worker", "-load", file(t, "bad.csv", "time,load\n0,1\n5m,much\n")}, `bad.csv line 3: the load is a number of 0 or more, not "much"`},
		"a bad config.ini":         {[]string{file(t, "config.ini", workerINI+"idle = 5m\n"), "-load", good}, "The section [scale] has no key \"idle\"."},
		"a bad policy":             {[]string{file(t, "config.ini", strings.Replace(workerINI, "min = 1", "min = 9", 1)), "-load", good}, "The minimum of 9 units is more than the maximum of 8."},
		"too many runs of the HPA": {[]string{"worker", "-load", file(t, "long.csv", "0,1\n4800h,1\n"), "-interval", "1h", "-hpa"}, "the agent would run more than 1000000 times"},
		"no such config.ini":       {[]string{"/no/config.ini", "-load", good}, "Error: open /no/config.ini: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, stdout, stderr := simulate(t, c.args...); code != 1 || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

// week is a made-up week of work that arrives in a minute, with all the trouble that one may have.
func week() string {
	random := rand.New(rand.NewPCG(7, 11))
	events := map[int]string{ // by minute
		minuteOf(2, 9, 0): "metric-down", minuteOf(2, 11, 0): "metric-up", minuteOf(3, 13, 0): "units-down", minuteOf(3, 13, 50): "units-up", minuteOf(3, 20, 0): "clock +1h", minuteOf(4, 3, 0): "clock -1h20m",
		minuteOf(4, 4, 0): "clock +20m", minuteOf(4, 8, 0): "agent-down", minuteOf(4, 9, 30): "agent-up", minuteOf(4, 15, 0): "agent-down", minuteOf(4, 15, 2): "agent-up", minuteOf(5, 3, 0): "poison 3000", minuteOf(5, 7, 0): "purge",
	}
	var b strings.Builder
	b.WriteString("time,load,event\n")
	for minute := 0; minute <= 7*24*60; minute++ {
		event := events[minute]
		if minute%10 != 0 && event == "" {
			continue
		}
		day, hour := minute/(24*60), float64(minute%(24*60))/60
		work := 20 + 260*math.Pow(max(0, math.Sin((hour-6)/24*2*math.Pi)), 1.5)
		if day >= 5 { // the weekend
			work /= 4
		}
		if spike := minute - minuteOf(1, 10, 0); spike >= 0 && spike < 40 || minute >= minuteOf(6, 2, 0) && minute < minuteOf(6, 2, 20) {
			work += 250
		}
		work *= 0.9 + 0.2*random.Float64()
		fmt.Fprintf(&b, "%s,%.0f,%s\n", time.Date(2026, 3, 2, 0, minute, 0, 0, time.UTC).Format(time.RFC3339), work, event)
	}
	return b.String()
}

func minuteOf(day, hour, minute int) int { return (day*24+hour)*60 + minute }

// TestWeek holds the simulated week of docs/scaling.md to what "cdplan simulate" says of it. With -update it writes it.
func TestWeek(t *testing.T) {
	const example = "../../../examples/scaling/"
	golden(t, example+"week.csv", week())
	args := []string{example + "config.ini", "-load", example + "week.csv", "-rate", "30", "-hpa"}
	run := func(more ...string) string {
		code, stdout, stderr := simulate(t, append(args, more...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("code %d: %s", code, stderr)
		}
		return stdout
	}
	golden(t, filepath.Join(docs, "scaling-week.svg"), run("-format", "svg"))
	page := filepath.Join(docs, "scaling.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`(?s)(<!-- week -->\n).*(<!-- end -->\n)`)
	if !marked.Match(text) {
		t.Fatalf("%s has no place for the week", page)
	}
	golden(t, page, marked.ReplaceAllString(string(text), "${1}"+figures(t, run())+"${2}"))
}

// figures makes Markdown of the table of figures.
func figures(t *testing.T, text string) string {
	t.Helper()
	_, table, _ := strings.Cut(text, "\n\n")
	table, _, ok := strings.Cut(table, "\n\n")
	if !ok {
		t.Fatalf("there is no table in\n%s", text)
	}
	columns := regexp.MustCompile(` {2,}`)
	var b strings.Builder
	for i, line := range strings.Split(table, "\n") {
		b.WriteString("| " + strings.Join(columns.Split(line, -1), " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|---|---|\n")
		}
	}
	return b.String()
}

// golden compares a file with what it is to be, or writes it.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not up to date: run \"make golden\" (-want +got):\n%s", path, diff)
	}
}
