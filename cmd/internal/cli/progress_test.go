package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// stage is an apply of services named a, b and so on, at a clock that the test moves.
type stage struct {
	env      Env
	out, err bytes.Buffer
	plan     plan.Plan
}

func newStage(services ...string) *stage {
	s := &stage{}
	s.env = Env{Stdout: &s.out, Stderr: &s.err, Getenv: func(string) string { return "" }, Now: func() time.Time { return noon }}
	for _, service := range services {
		s.plan.Decisions = append(s.plan.Decisions, plan.Decision{Service: service, Verdict: plan.New})
	}
	return s
}

func (s *stage) text() *textOutput {
	return &textOutput{env: &s.env, page: view.Page{Plan: &s.plan}, progress: view.NewProgress(&s.plan)}
}

// halfAnHour is a deploy of thirty minutes with four phases, at a tick a second.
func halfAnHour(w *watch) {
	w.event(apply.Event{Time: noon, Service: "api", Kind: apply.EventStart, Usual: 29 * time.Minute, Log: "/var/lib/cdplan/logs/api/20260302T120000.000Z.log"})
	for second := 1; second < 1800; second++ {
		now := noon.Add(time.Duration(second) * time.Second)
		if second%450 == 10 {
			w.event(apply.Event{Time: now, Service: "api", Kind: apply.EventProgress, Phase: fmt.Sprintf("phase-%d", second)})
		}
		w.tick(now)
	}
	end := noon.Add(30 * time.Minute)
	w.event(apply.Event{Time: end, Service: "api", Kind: apply.EventEnd, Result: &apply.Result{Service: "api", Outcome: apply.Deployed, Start: noon, End: end}})
}

func TestThirtyMinutesWithoutTerminal(t *testing.T) {
	s := newStage("api")
	halfAnHour(newWatch(&s.env, s.text()))
	lines := strings.Split(strings.TrimRight(s.err.String(), "\n"), "\n")
	if len(lines) != 1+4+29+1 {
		t.Errorf("%d lines:\n%s", len(lines), s.err.String())
	}
	for _, line := range lines {
		if len(line) > 100 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	for _, want := range []string{"12:01:00Z api  running  phase phase-10, 1m of about 29m", "12:29:00Z api  running  phase phase-1360, 29m of about 29m"} {
		if !strings.Contains(s.err.String(), want+"\n") {
			t.Errorf("no line %q in\n%s", want, s.err.String())
		}
	}
	if strings.ContainsAny(s.err.String(), "\r\x1b") {
		t.Error("there are orders to a terminal")
	}
}

// TestBeats: each service has its own minutes, one that was waited for long is not told twice, and one that has ended not at all.
func TestBeats(t *testing.T) {
	s := newStage("a", "b")
	w := newWatch(&s.env, s.text())
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	w.event(apply.Event{Time: at(0), Service: "a", Kind: apply.EventStart})
	w.event(apply.Event{Time: at(30), Service: "b", Kind: apply.EventStart})
	s.err.Reset()
	for _, second := range []int{59, 60, 61, 89, 90} {
		w.tick(at(second))
	}
	w.event(apply.Event{Time: at(91), Service: "a", Kind: apply.EventEnd, Result: &apply.Result{Service: "a", Outcome: apply.Deployed}})
	w.tick(at(600))
	w.tick(at(601))
	want := "12:01:00Z a  running  1m\n12:01:30Z b  running  1m\n12:01:31Z a  deployed\n12:10:00Z b  running  9m\n"
	if got := s.err.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestTicks: the clock is read until the results are there, and no longer.
func TestTicks(t *testing.T) {
	s := newStage("a")
	ticks, stopped := make(chan time.Time), false
	s.env.Ticks = func(time.Duration) (<-chan time.Time, func()) { return ticks, func() { stopped = true } }
	w := newWatch(&s.env, s.text())
	w.event(apply.Event{Time: noon, Service: "a", Kind: apply.EventStart})
	ticks <- noon.Add(time.Minute)
	if err := w.results(nil, all); err != nil || !stopped {
		t.Errorf("stopped %v, %v", stopped, err)
	}
	if want := "12:01:00Z a  running  1m\n"; !strings.HasSuffix(s.err.String(), want) {
		t.Errorf("got %q", s.err.String())
	}
	select {
	case ticks <- noon:
		t.Error("somebody still reads the clock")
	default:
	}
}

// all says that no result is routine.
func all(apply.Result) bool { return false }

func TestBeatsInJSON(t *testing.T) {
	s := newStage("api")
	stream, err := view.NewStream(&s.out, "1", s.env.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.out.Reset()
	halfAnHour(newWatch(&s.env, &jsonOutput{stream: stream}))
	var beats []string
	for line := range strings.Lines(s.out.String()) {
		var l struct {
			Type, Service, Phase, Message, Time string
			Elapsed                             *int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Elapsed != nil {
			beats = append(beats, fmt.Sprint(l.Type, " ", l.Service, " ", l.Phase, " ", *l.Elapsed, " ", l.Time, " ", l.Message))
		}
	}
	want := "progress api phase-10 60 2026-03-02T12:01:00Z api: phase phase-10, 1m of about 29m"
	if len(beats) != 29 || beats[0] != want {
		t.Errorf("%d beats, first %q", len(beats), beats)
	}
}

// gone is where nobody reads any more.
type gone struct{ writes int }

var errGone = errors.New("gone")

func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, errGone
}

// TestNobodyReads: the apply goes on to its end, on every output, and the first error is told once.
func TestNobodyReads(t *testing.T) {
	for name, terminal := range map[string]bool{"lines": false, "terminal": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage("api")
			g := &gone{}
			s.env.Stdout, s.env.Stderr = g, g
			out := s.text()
			if terminal {
				s.env.StderrSize = func() (int, int) { return 80, 24 }
				out.foot = newFoot(&s.env, &s.plan, out.progress)
			}
			var kept bytes.Buffer
			stream, err := view.NewStream(&kept, "1", s.env.Now)
			if err != nil {
				t.Fatal(err)
			}
			w := newWatch(&s.env, out, &jsonOutput{stream: stream})
			halfAnHour(w)
			if err := w.results([]apply.Result{{Service: "api"}}, all); err == nil || strings.Count(err.Error(), "gone") > 2 {
				t.Errorf("got %v", err)
			}
			if !strings.Contains(kept.String(), `"type":"results"`) || g.writes == 0 {
				t.Errorf("the other output has %q", kept.String())
			}
		})
	}
}

func TestLiveOnlyOnTerminals(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		noColor  bool
		vars     map[string]string
		want     bool
	}{
		{"terminal", true, false, map[string]string{"TERM": "xterm"}, true},
		{"no terminal", false, false, map[string]string{"TERM": "xterm"}, false},
		{"flag", true, true, map[string]string{"TERM": "xterm"}, false},
		{"NO_COLOR", true, false, map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{"dumb", true, false, map[string]string{"TERM": "dumb"}, false},
		{"unknown", true, false, nil, false},
	} {
		env := &Env{StderrTerminal: test.terminal, noColor: test.noColor, Getenv: func(name string) string { return test.vars[name] },
			StderrSize: func() (int, int) { return 80, 24 }, Stderr: io.Discard}
		if got := env.live(); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}
