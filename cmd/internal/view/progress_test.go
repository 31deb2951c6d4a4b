package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hinshun/vt10x"
	"github.com/jedib0t/go-pretty/v6/text"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/providers/resource"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// acts returns a plan that redeploys the services.
func acts(services ...string) *plan.Plan {
	p := &plan.Plan{}
	for _, service := range services {
		p.Decisions = append(p.Decisions, plan.Decision{Service: service, Verdict: plan.Redeploy, Changes: []plan.Change{{Label: "app",
			From: resource.Revision{Revno: "812", ID: "a"}, To: resource.Revision{Revno: "815", ID: "b"}}}})
	}
	return p
}

func TestProgressLines(t *testing.T) {
	p := NewProgress(acts("api", "billing"))
	ended := &apply.Result{Service: "api", Outcome: apply.Deployed, Start: noon, End: noon.Add(818 * time.Second)}
	var out bytes.Buffer
	beat := func(r Running, after time.Duration) error { return p.Beat(&out, noon.Add(after), r, Style{}) }
	for _, err := range []error{
		p.Event(&out, apply.Event{Time: noon, Service: "api", Kind: apply.EventStart}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: "api", Kind: apply.EventStart, Usual: 14*time.Minute + 20*time.Second, Log: "/logs/api/r1.log"}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: "api", Kind: apply.EventProgress, Phase: "deploy"}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: "billing", Kind: apply.EventProgress, Text: "stamping 1 server"}, Style{}),
		beat(Running{Service: "api", Start: noon}, 62*time.Second),
		beat(Running{Service: "api", Start: noon, Phase: "deploy", Usual: 14 * time.Minute}, 62*time.Second),
		beat(Running{Service: "api", Start: noon, Text: "stamping 1 server", Usual: 40 * time.Second}, 62*time.Minute),
		beat(Running{Service: "api", Start: noon, Usual: 40 * time.Second}, -time.Second),
		p.Event(&out, apply.Event{Time: noon, Service: "api", Kind: apply.EventEnd, Result: ended}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: "billing", Kind: apply.EventEnd, Result: &apply.Result{Outcome: apply.Skipped}}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Kind: apply.EventStop, Text: "nothing more is started"}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: "api", Kind: apply.EventProgress, Text: strings.Repeat("long ", 50)}, Style{}),
		p.Event(&out, apply.Event{Time: noon, Service: strings.Repeat("name", 30), Kind: apply.EventProgress, Phase: "deploy"}, Style{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := `12:00:00Z api      start    app r812 -> r815
12:00:00Z api      start    app r812 -> r815, usual 14m, log r1.log
12:00:00Z api      running  phase deploy
12:00:00Z billing  running  stamping 1 server
12:01:02Z api      running  1m
12:01:02Z api      running  phase deploy, 1m of about 14m
13:02:00Z api      running  stamping 1 server, 1h02m, usually 40s
11:59:59Z api      running  0s of about 40s
12:00:00Z api      deployed 13m38s
12:00:00Z billing  skipped
12:00:00Z nothing more is started
12:00:00Z api      running  long long long long long long long long long long long long long long...
12:00:00Z namenamenamenamenamenamenamenamenamenamenamen...  running  phase deploy
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLive(t *testing.T) {
	p := NewProgress(acts("api", "billing", "web"))
	running := []Running{
		{Service: "api", Start: noon, Phase: "deploy", Usual: 14 * time.Minute},
		{Service: "billing", Start: noon.Add(55 * time.Second)},
		{Service: "web", Start: noon.Add(30 * time.Second), Text: "stamping 1 server"},
	}
	for _, test := range []struct {
		name          string
		width, height int
		want          []string
	}{
		{"no limit", 0, 0, []string{"api      1m05s of about 14m  phase deploy", "billing  10s", "web      35s                 stamping 1 server", "1 of 5 done"}},
		{"narrow", 32, 24, []string{"api      1m05s of about 14m...", "billing  10s", "web      35s...", "1 of 5 done"}},
		{"low", 80, 4, []string{"api      1m05s of about 14m  phase deploy", "2 more running, 1 of 5 done"}},
		{"lowest", 80, 1, []string{"3 more running, 1 of 5 done"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := p.Live(noon.Add(65*time.Second), running, "1 of 5 done", test.width, test.height)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("foot (-want +got):\n%s", diff)
			}
			for _, line := range got {
				if test.width > 0 && text.StringWidthWithoutEscSequences(line) >= test.width {
					t.Errorf("%q fills the line", line)
				}
			}
		})
	}
}

// screen returns what a terminal shows, without the blanks at its end.
func screen(terminal vt10x.Terminal) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(terminal.String(), " \n")) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// crlf does what the driver of a terminal does with the ends of lines.
type crlf struct{ vt10x.Terminal }

func (c crlf) Write(text []byte) (int, error) {
	_, err := c.Terminal.Write(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
	return len(text), err
}

func TestRegion(t *testing.T) {
	terminal := vt10x.New(vt10x.WithSize(20, 6))
	out := crlf{terminal}
	region := NewRegion(out)
	draw := func(above string, foot ...string) func() error {
		return func() error { return region.Draw(above, foot) }
	}
	say := func(line string) func() error {
		return func() error {
			_, err := out.Write([]byte(line))
			return err
		}
	}
	for _, test := range []struct {
		name string
		do   func() error
		want string
	}{
		{"before", say("plan\n"), "plan\n"},
		{"first", draw("", "a 1", "b 1", "0 of 3"), "plan\na 1\nb 1\n0 of 3\n"},
		{"what a key types", say("^C"), "plan\n^C1\nb 1\n0 of 3\n"},
		{"again", draw("", "a 2", "b", "0 of 3"), "plan\na 2\nb\n0 of 3\n"},
		{"one ends", draw("a done\n", "b 3", "1 of 3"), "plan\na done\nb 3\n1 of 3\n"},
		{"scrolls", draw("x done\ny done\n", "b 4", "c 1", "2 of 3"), "a done\nx done\ny done\nb 4\nc 1\n2 of 3\n"},
		{"scrolled", draw("", "b 5", "2 of 3"), "a done\nx done\ny done\nb 5\n2 of 3\n"},
		{"over", draw(""), "a done\nx done\ny done\n"},
		{"after", say("table\n"), "a done\nx done\ny done\ntable\n"},
	} {
		if err := test.do(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, screen(terminal)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestRegionMadeNarrower: whatever becomes of the lines that are there, nothing of them stays.
func TestRegionMadeNarrower(t *testing.T) {
	terminal := vt10x.New(vt10x.WithSize(40, 8))
	region := NewRegion(crlf{terminal})
	if err := region.Draw("before\n", []string{strings.Repeat("a", 39), strings.Repeat("b", 39), "foot"}); err != nil {
		t.Fatal(err)
	}
	terminal.Resize(20, 8)
	if err := region.Draw("", []string{"a", "b", "foot"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("before\na\nb\nfoot\n", screen(terminal)); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}
