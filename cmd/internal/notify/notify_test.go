package notify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func failing() Event {
	return Event{
		ID: "7f3a", Time: time.Date(2026, 11, 22, 19, 0, 0, 0, time.FixedZone("", 3600)), Host: "deployer-1", Kind: Failing,
		Services: []string{"web", "api"}, Text: "mojo ended with exit code 3", Log: "/var/lib/cdplan/logs/api/r1.log",
		Tail: []string{"phase verify", "no answer"}, Fingerprint: "0d8b-5d33-e207",
	}
}

const failingDocument = `{"format_version":"1.0","id":"7f3a","time":"2026-11-22T18:00:00Z","host":"deployer-1","kind":"failing",` +
	`"services":["api","web"],"text":"mojo ended with exit code 3","log":"/var/lib/cdplan/logs/api/r1.log",` +
	`"tail":["phase verify","no answer"],"fingerprint":"0d8b-5d33-e207"}`

func TestDocument(t *testing.T) {
	given := failing()
	for _, test := range []struct {
		name  string
		event Event
		want  string
	}{
		{"full", given, failingDocument},
		{"of the whole host", Event{Kind: HostTrouble}, `{"format_version":"1.0","id":"","time":"0001-01-01T00:00:00Z","host":"","kind":"host-trouble",` +
			`"services":[],"text":"","log":"","tail":[],"fingerprint":""}`},
		{"control codes", Event{FormatVersion: "9", Text: "a\nb\x1b[31mc\u202ed\xff", Tail: []string{"\x07"}, Services: []string{"\r"}},
			`{"format_version":"1.0","id":"","time":"0001-01-01T00:00:00Z","host":"","kind":"","services":[" "],"text":"a b [31mc d` + "\ufffd" +
				`","log":"","tail":[" "],"fingerprint":""}`},
	} {
		got, err := test.event.document()
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", test.name, err, got, test.want)
		}
	}
	if diff := cmp.Diff([]string{"web", "api"}, given.Services); diff != "" {
		t.Errorf("telling changed the event (-want +got):\n%s", diff)
	}
}

func TestWants(t *testing.T) {
	for _, kind := range Kinds() {
		if !(Notifier{}).Wants(kind) {
			t.Errorf("one that wants all does not want %s", kind)
		}
		if got := (Notifier{Events: []string{Failing, Held}}).Wants(kind); got != slices.Contains([]string{Failing, Held}, kind) {
			t.Errorf("wants %s: %v", kind, got)
		}
	}
}

// noneLeft waits for all that a notifier may have started in this process to end. If it never does, the test's own time limit shows where it is.
func noneLeft(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for stacks := make([]byte, 1<<20); ; time.Sleep(5 * time.Millisecond) {
			all := string(stacks[:runtime.Stack(stacks, true)])
			if !strings.Contains(all, "net/http.(*persistConn)") && !strings.Contains(all, "os/exec.(*Cmd)") && !strings.Contains(all, "notify.Notifier.Send") {
				return
			}
		}
	})
}

// script writes a shell script. It finds its own directory in $OUT.
func script(t *testing.T, text string) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nOUT='"+dir+"'\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// fifo makes the named pipe that a script tells by that it lives.
func fifo(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "alive")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCommand(t *testing.T) {
	noneLeft(t)
	dir, path := script(t, `cat >"$OUT/stdin"; printf '%s\n' "$@" >"$OUT/args"; pwd >"$OUT/pwd"; echo chatter
[ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo own >"$OUT/session"`)
	n := Notifier{Name: "pager", Via: Command{Argv: []string{path, "-x", "$(id); two words"}}}
	if err := n.Send(t.Context(), failing()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"stdin": failingDocument + "\n", "args": "-x\n$(id); two words\n", "pwd": "/\n", "session": "own\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestCommandFails(t *testing.T) {
	noneLeft(t)
	for _, test := range []struct{ script, want string }{
		{"exit 3", "cannot notify pager: PATH ended with exit code 3"},
		{`echo first; echo 'no route' >&2; echo; exit 1`, "cannot notify pager: PATH ended with exit code 1: no route"},
		{`printf 'a\033[31mred\007'; exit 1`, "cannot notify pager: PATH ended with exit code 1: a [31mred"},
		{`head -c 100000 /dev/zero | tr '\0' x; exit 1`, "cannot notify pager: PATH ended with exit code 1: " + strings.Repeat("x", 200) + "..."},
		{"kill -9 $$", "cannot notify pager: PATH failed: signal: killed"},
	} {
		_, path := script(t, test.script)
		err := Notifier{Name: "pager", Via: Command{Argv: []string{path}}}.Send(t.Context(), failing())
		if want := strings.ReplaceAll(test.want, "PATH", path); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", test.script, err, want)
		}
	}
	err := Notifier{Name: "pager", Via: Command{Argv: []string{"/nowhere/page"}}}.Send(t.Context(), failing())
	if want := "cannot notify pager: cannot start /nowhere/page: fork/exec /nowhere/page: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A program need not read what it is told.
func TestCommandThatDoesNotRead(t *testing.T) {
	noneLeft(t)
	_, path := script(t, "exit 0")
	e := failing()
	e.Text = strings.Repeat("x", 1<<20)
	if err := (Notifier{Name: "pager", Via: Command{Argv: []string{path}}}).Send(t.Context(), e); err != nil {
		t.Error(err)
	}
}

// lives opens the pipe and returns once the script tells that it lives. The function returned waits until nothing of the script lives any more.
func lives(t *testing.T, pipe string) (wait func()) {
	t.Helper()
	file, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(file)
	if line, err := in.ReadString('\n'); line != "up\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return func() {
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("%q, %v", rest, err)
		}
		_ = file.Close() // it was only read
	}
}

// What hangs is killed with its children, whatever it does about SIGTERM.
func TestCommandIsKilled(t *testing.T) {
	noneLeft(t)
	for _, body := range []string{
		`exec 3>"$OUT/alive"; sleep 10000 & echo up >&3; wait`,
		`trap '' TERM INT HUP; exec 3>"$OUT/alive"; sleep 10000 & echo up >&3; while :; do sleep 10000; done`,
	} {
		dir, path := script(t, body)
		pipe := fifo(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- Notifier{Name: "pager", Via: Command{Argv: []string{path}}}.Send(ctx, failing()) }()
		wait := lives(t, pipe)
		cancel()
		if err := <-failed; err == nil || err.Error() != "cannot notify pager: interrupted" {
			t.Errorf("%s: got %v", body, err)
		}
		wait()
	}
}

// What a program leaves behind does not outlive it, and does not keep its success from being seen.
func TestCommandLeavesChildBehind(t *testing.T) {
	noneLeft(t)
	for _, redirected := range []string{">/dev/null 2>&1 </dev/null", ""} {
		dir, path := script(t, `exec 3>"$OUT/alive"; sleep 10000 `+redirected+` & echo up >&3; exit 0`)
		pipe := fifo(t, dir)
		failed := make(chan error, 1)
		go func() {
			failed <- Notifier{Name: "pager", Via: Command{Argv: []string{path}}}.Send(t.Context(), failing())
		}()
		wait := lives(t, pipe)
		if err := <-failed; err != nil {
			t.Errorf("%q: %v", redirected, err)
		}
		wait()
	}
}

// The time of a notifier ends even if nothing else does. Where the machine is slow it ends before the program has begun.
func TestTimeout(t *testing.T) {
	noneLeft(t)
	_, path := script(t, "sleep 10000")
	err := Notifier{Name: "pager", Timeout: 100 * time.Millisecond, Via: Command{Argv: []string{path}}}.Send(t.Context(), failing())
	if err == nil || !strings.HasPrefix(err.Error(), "cannot notify pager within 100ms: ") {
		t.Errorf("got %v", err)
	}
}

// One that waits for another is told at the same time as that.
func TestDeliver(t *testing.T) {
	noneLeft(t)
	told := make(chan string, 10)
	fast := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-fast:
			told <- "slow"
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/fast", func(http.ResponseWriter, *http.Request) { told <- "fast"; close(fast) })
	mux.HandleFunc("/other", func(http.ResponseWriter, *http.Request) { told <- "other" })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	server := httptest.NewServer(mux)
	defer server.Close()
	hook := func(name string, events ...string) Notifier {
		return Notifier{Name: name, Timeout: time.Hour, Events: events, Via: Webhook{URL: server.URL + "/" + name}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := Deliver(ctx, []Notifier{hook("slow"), hook("other", Held), hook("broken", Failing), hook("fast", Failing, Held)}, failing())
	close(told)
	var got []string
	for name := range told {
		got = append(got, name)
	}
	if diff := cmp.Diff([]string{"fast", "slow"}, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	want := fmt.Sprintf("map[broken:cannot notify broken: %s answered 404 Not Found]", strings.TrimPrefix(server.URL, "http://"))
	if got := fmt.Sprint(failed); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if failed := Deliver(ctx, []Notifier{hook("other", Held)}, failing()); failed != nil {
		t.Errorf("got %v, want nil", failed)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestInterruptedBefore(t *testing.T) {
	noneLeft(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the end"))
	for _, via := range []way{Command{Argv: []string{"/bin/true"}}, Webhook{URL: "http://127.0.0.1:1/"}, Mail{Sendmail: "/bin/true"}} {
		if got := message(Notifier{Name: "n", Via: via}.Send(ctx, failing())); got != "cannot notify n: interrupted" {
			t.Errorf("%T: got %s", via, got)
		}
	}
}
