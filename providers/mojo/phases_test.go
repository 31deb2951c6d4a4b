package mojo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

const stamped = "2026-11-22 18:00:01 [INFO] "

func TestPhases(t *testing.T) {
	many := strings.Builder{}
	var first []string
	for i := range maxPhases + 1 {
		name := strings.Repeat("x", 1+i%2)
		fmt.Fprintf(&many, "%sphase %s\n", stamped, name)
		if i < maxPhases {
			first = append(first, name)
		}
	}
	for _, test := range []struct {
		name, pattern, log string
		want               []string
	}{
		{"the stand-in's", defaultPhase, stamped + "### phase deploy config=servers\nbooting\n" + stamped + "### phase juju-check-wait\n",
			[]string{"deploy", "juju-check-wait"}},
		{"other spellings", defaultPhase, "2015-05-13 21:02:11,123 [INFO] Running phase: collect\n" + stamped + "phase build\n", []string{"collect", "build"}},
		{"not a phase", defaultPhase, "phase deploy\n" + stamped + "the phase deploy\n" + stamped + "phase (line 1) failed\n", nil},
		{"the same again", defaultPhase, stamped + "phase script a\n" + stamped + "phase script b\n", []string{"script"}},
		{"a line without an end", defaultPhase, stamped + "phase deploy\n" + stamped + "phase ver", []string{"deploy"}},
		{"an own pattern", `^== (.*) ==$`, "== one ==\n== two ==\n", []string{"one", "two"}},
		{"a group that matches nothing", `^==(x)?`, "==\n==x\n", []string{"x"}},
		{"control codes", `^== (.*)`, "== \x1b[31mred\x1b[0m\x07\u202e\x00 \n== \x1b\x07\n", []string{"red"}},
		{"long ones", `^== (.*)`, "== " + strings.Repeat("ä", 50) + "\n", []string{strings.Repeat("ä", maxPhase)}},
		{"long lines", `^== (\w+)`, "== a " + strings.Repeat("x", 100_000) + "== b\n" + strings.Repeat("x", 100_000) + "\n== c\n", []string{"a", "c"}},
		{"junk", `^== (.*)`, "\xff\xfe\x00\x01\n== \xffok\xc3\n\x00", []string{"ok"}},
		{"too many", defaultPhase, many.String(), first},
	} {
		t.Run(test.name, func(t *testing.T) {
			for how, read := range map[string]func(*follower){
				"at once":  func(f *follower) { f.read(strings.NewReader(test.log)) },
				"by bytes": func(f *follower) { f.read(iotest.OneByteReader(strings.NewReader(test.log))) },
			} {
				var got []string
				read(&follower{pattern: regexp.MustCompile(test.pattern), tell: func(phase string) { got = append(got, phase) }})
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

// TestLongLine: a line without an end takes no more memory than one with.
func TestLongLine(t *testing.T) {
	f := &follower{pattern: regexp.MustCompile(defaultPhase)}
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range 100 {
		f.take(chunk)
	}
	if cap(f.line) > 2*maxLine {
		t.Errorf("it keeps %d bytes", cap(f.line))
	}
}

// TestPhaseWhileItRuns: a phase is told when it begins, and not at the end of all.
func TestPhaseWhileItRuns(t *testing.T) {
	w := newWorld(t, `echo "2026-11-22 18:00:01 [INFO] phase deploy"; read x < "$OUT/go"; echo "2026-11-22 18:00:01 [INFO] phase verify"`)
	w.fifo("go")
	object, err := resource.Encode(runSchema(), w.deploy)
	if err != nil {
		t.Fatal(err)
	}
	w.step.Want = object
	var told []resource.Event
	_, err = w.run.Apply(t.Context(), w.step, func(e resource.Event) {
		if told = append(told, e); e.Phase == "deploy" {
			w.write("go", "\n", 0) // it goes no further before
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []resource.Event{{Addr: w.step.Addr, Phase: "deploy"}, {Addr: w.step.Addr, Phase: "verify"}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestPhasesOfQuickDeploy: none is lost that began after the last look.
func TestPhasesOfQuickDeploy(t *testing.T) {
	w := newWorld(t, `for p in collect deploy verify; do echo "2026-11-22 18:00:01 [INFO] ### phase $p"; done; exit 1`)
	w.run.poll = time.Hour
	_ = w.mustFail(t.Context())
	if diff := cmp.Diff([]string{"collect", "deploy", "verify"}, w.phases); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// TestPhasesOfEarlierRun: what is in the log from before is not told.
func TestPhasesOfEarlierRun(t *testing.T) {
	w := newWorld(t, "exit 0")
	w.write("r1.log", stamped+"phase deploy\n", 0o600)
	w.mustApply()
	if len(w.phases) != 0 {
		t.Errorf("told %q", w.phases)
	}
}

func TestPhaseSetting(t *testing.T) {
	for _, test := range []struct {
		text, want string // want is of the error
	}{
		{"", ""},
		{`phase (\w+)`, ""},
		{`(`, "missing closing )"},
		{`phase`, "with a group"},
		{`(?:phase)`, "with a group"},
	} {
		config := cty.ObjectVal(map[string]cty.Value{"command": cty.NullVal(cty.List(cty.String)), "timeout": cty.NullVal(cty.String),
			"phase": cty.StringVal(test.text)})
		p, err := open(t.Context(), config)
		var attr *resource.AttrError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q: %v", test.text, err)
		case test.want == "":
			if r := p.(*runner); r.phase == nil || test.text != "" && r.phase.String() != test.text {
				t.Errorf("%q became %v", test.text, r.phase)
			}
		case !errors.As(err, &attr) || attr.Attr != "phase" || !strings.Contains(attr.Detail, test.want):
			t.Errorf("%q: got %v, want ...%s...", test.text, err, test.want)
		}
	}
}

func FuzzPhases(f *testing.F) {
	f.Add([]byte(stamped+"phase deploy\n"), 7)
	f.Add([]byte("\xff\n\n== \x1b[31m"), 1)
	f.Fuzz(func(t *testing.T, log []byte, cut int) {
		cut = max(0, min(cut, len(log)))
		var once, twice []string
		a := &follower{pattern: regexp.MustCompile(`== (.*)|phase (.*)`), tell: func(phase string) { once = append(once, phase) }}
		b := &follower{pattern: a.pattern, tell: func(phase string) { twice = append(twice, phase) }}
		a.take(log)
		b.take(log[:cut])
		b.take(log[cut:])
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Errorf("in two parts (-once +twice):\n%s", diff)
		}
		for _, phase := range once {
			if phase == "" || cleanPhase(phase) != phase {
				t.Errorf("told %q", phase)
			}
		}
	})
}

func BenchmarkPhases(b *testing.B) {
	log := filepath.Join(b.TempDir(), "log")
	text := strings.Repeat(stamped+"a line of some length, as a deploy prints many\n"+stamped+"phase deploy\n", 10_000)
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		file, err := os.Open(log)
		if err != nil {
			b.Fatal(err)
		}
		(&follower{pattern: regexp.MustCompile(defaultPhase), tell: func(string) {}}).read(file)
		closeRead(file)
	}
}
