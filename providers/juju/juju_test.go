package juju

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// program writes a shell script that stands for juju. It says that its version is 3.6.1, and does as the script says when it is asked for more.
func program(t *testing.T, script string) string {
	t.Helper()
	return write(t, "test \"$1\" = version && echo 3.6.1-genericlinux-amd64 && exit\n"+script)
}

func write(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "juju")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// mustFail fails unless the error has all these texts.
func mustFail(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got error %v, want ...%s...", err, text)
		}
	}
}

// Each juju gets the flags it knows, and is asked for its version once.
func TestDialects(t *testing.T) {
	for _, test := range []struct{ version, sample, model, want string }{
		{"1.25.6-xenial-amd64", "juju1.json", "ci-prod", "status --format=json -e ci-prod"},
		{"1.25.6-xenial-amd64", "juju1.json", "", "status --format=json"},
		{"2.0-beta12-xenial-amd64", "juju2.json", "ci-prod", "status --format=json -B -m ci-prod"},
		{"2.9.51-ubuntu-amd64", "juju2.json", "ps:admin/ci-prod", "status --format=json -B -m ps:admin/ci-prod"},
		{"3.6.1-genericlinux-amd64", "juju3.json", "a b", "status --format=json -B -m a b"},
		{"10.0.1", "juju3.json", "", "status --format=json -B"},
	} {
		answer, err := filepath.Abs(filepath.Join("testdata", test.sample))
		if err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(t.TempDir(), "log")
		juju := write(t, fmt.Sprintf(`echo "$@" >> %s
case $1 in version) echo %s;; status) cat %s;; *) exit 1;; esac`, log, test.version, answer))
		client := New()
		for range 2 {
			servers, faults, err := client.Servers(t.Context(), juju, test.model)
			if err != nil || len(faults) > 0 || len(servers["svc-worker"]) == 0 {
				t.Fatalf("%s: got %v %v %v", test.version, servers, faults, err)
			}
		}
		if diff := cmp.Diff([]string{"version", test.want, test.want}, lines(t, log)); diff != "" {
			t.Errorf("%s was run with (-want +got):\n%s", test.version, diff)
		}
		if got, err := client.Version(t.Context(), juju); got != test.version || err != nil {
			t.Errorf("got version %q, %v", got, err)
		}
	}
}

// Many who ask at once share one question for the version. It is answered only when all of them are on their way.
func TestVersionIsAskedOnce(t *testing.T) {
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	juju := write(t, fmt.Sprintf(`echo "$@" >> %s/log; test "$1" = version && cat %[1]s/gate && exit; echo '{"applications":{}}'`, dir))
	client := New()
	var asking, done sync.WaitGroup
	for i := range 20 {
		asking.Add(1)
		done.Go(func() {
			asking.Done()
			if _, _, err := client.Servers(t.Context(), juju, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if err := os.WriteFile(gate, []byte("3.6.1\n"), 0o600); err != nil { // waits for the reader
		t.Fatal(err)
	}
	done.Wait()
	if got := strings.Count(strings.Join(lines(t, filepath.Join(dir, "log")), "\n"), "version"); got != 1 {
		t.Errorf("juju was asked %d times for its version", got)
	}
}

func TestVersionRefused(t *testing.T) {
	for _, script := range []string{"echo", "echo juju", "echo 0.8.1", "echo 3", "echo '3.6 and more'"} {
		_, err := New().Version(t.Context(), write(t, script))
		mustFail(t, err, "cannot ask ", "for its version: its answer is no version")
	}
	_, _, err := New().Servers(t.Context(), write(t, "echo ERROR snap is broken >&2; exit 46"), "m")
	mustFail(t, err, "for its version: snap is broken")
}

// A failure is not kept: a juju that answers later is heard.
func TestVersionIsAskedAgain(t *testing.T) {
	juju := write(t, `test -e "$0.once" && echo 2.9.51 && exit; touch "$0.once"; exit 1`)
	client := New()
	_, err := client.Version(t.Context(), juju)
	mustFail(t, err, "ended with status 1 and said nothing")
	if got, err := client.Version(t.Context(), juju); got != "2.9.51" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A process may outlive the juju that it began with: what the new one refuses is asked in its own words the next time.
func TestVersionIsAskedAfterRefusal(t *testing.T) {
	juju := write(t, `echo "$@" >> $0.log
case $1:$3 in
version:) cat $0.version;;
status:-B) test 3 = $(cat $0.version | cut -c1) && echo '{"applications":{}}' && exit;;
status:-e) test 1 = $(cat $0.version | cut -c1) && echo '{"services":{}}' && exit;;
esac || { echo error: flag provided but not defined: $3 >&2; exit 2; }`)
	client := New()
	for _, step := range []struct{ version, want string }{
		{first, ""}, {third, "flag provided but not defined: -e"}, {third, ""}, {third, ""}, {first, "flag provided but not defined: -B"}, {first, ""},
	} {
		if err := os.WriteFile(juju+".version", []byte(step.version), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.Servers(t.Context(), juju, "m"); step.want != "" {
			mustFail(t, err, step.want)
		} else if err != nil {
			t.Error(err)
		}
	}
	if got := strings.Count("\n"+strings.Join(lines(t, juju+".log"), "\n"), "\nversion"); got != 3 {
		t.Errorf("juju was asked %d times for its version", got)
	}
}

func TestFailuresOfJuju(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"says why", `echo hint >&2; echo 'ERROR model ps:admin/m not found' >&2; exit 1`, `about model "m": model ps:admin/m not found`},
		{"says nothing", `exit 3`, "ended with status 3 and said nothing"},
		{"killed", `kill -9 $$`, "ended with status -1"},
		{"writes and fails", `echo '{"applications":{}}'; echo ERROR late >&2; exit 1`, `"m": late`},
		{"no answer", `exit 0`, "not what juju status gives as JSON"},
		{"a page", `echo '<html>'`, "not what juju status gives as JSON"},
		{"prompts", `printf 'please enter password for ann on ps: ' >&2; read -r password || { echo >&2; echo 'ERROR cannot get password: EOF' >&2; exit 1; }`,
			"cannot get password: EOF"},
		{"prompts on the terminal", `(exec 3<>/dev/tty) 2>/dev/null && cat /dev/tty; echo ERROR no terminal >&2; exit 1`, "no terminal"},
		{"writes much", `cat /dev/zero`, "writes too much"},
		{"complains much", `head -c 9999999 /dev/zero | tr '\0' e >&2; exit 1`, strings.Repeat("e", maxLine)},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers, faults, err := New().Servers(t.Context(), program(t, test.script), "m")
			mustFail(t, err, test.want)
			if servers != nil || faults != nil || err != nil && len(err.Error()) > 1000 {
				t.Errorf("got %v %v and an error of %d letters", servers, faults, len(err.Error()))
			}
		})
	}
}

func TestCannotStart(t *testing.T) {
	for program, want := range map[string]string{
		"no-such-juju":      "cannot ask no-such-juju for its version: it is not installed, or not on PATH",
		"-x":                "looks like an option",
		"/":                 "it is not installed",
		t.TempDir() + "/no": "it is not installed",
	} {
		_, _, err := New().Servers(t.Context(), program, "")
		mustFail(t, err, want)
	}
	log := filepath.Join(t.TempDir(), "log")
	_, _, err := New().Servers(t.Context(), program(t, "touch "+log), "--model=x")
	mustFail(t, err, `the model "--model=x": it looks like an option`)
	if _, err := os.Stat(log); err == nil {
		t.Error("juju ran")
	}
}

// The end of a juju that hangs is the end of all that it started: whoever reads the pipe sees it close.
func TestInterruptEndsTheWholeGroup(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error)
	go func() {
		_, _, err := New().Servers(ctx, program(t, `(exec 3>`+held+`; trap '' TERM; echo started >&3; exec sleep 1000) & wait`), "")
		failed <- err
	}()
	pipe, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }()
	if _, err := io.ReadFull(pipe, make([]byte, len("started\n"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	mustFail(t, <-failed, "about its current model: context canceled")
	if rest, err := io.ReadAll(pipe); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestDeadline(t *testing.T) {
	client, juju := New(), program(t, "exec sleep 1000")
	if _, err := client.Version(t.Context(), juju); err != nil {
		t.Fatal(err)
	}
	client.timeout = 100 * time.Millisecond
	_, _, err := client.Servers(t.Context(), juju, "m")
	mustFail(t, err, `about model "m": no answer within 100ms`)
}

// Juju runs with the environment and the name of whoever runs cdplan, for that is where it knows its models from.
func TestEnvironment(t *testing.T) {
	t.Setenv("JUJU_MODEL", "ps:admin/chosen")
	juju := program(t, `echo "ERROR $JUJU_MODEL in $PWD." >&2; exit 1`)
	_, _, err := New().Servers(t.Context(), juju, "")
	mustFail(t, err, "about its current model: ps:admin/chosen in /.")
}

// No more of them run at a time than there are places.
func TestPlaces(t *testing.T) {
	juju := program(t, `mkdir "$0.lock" || exit 1; sleep 0.01; rmdir "$0.lock"; echo '{"applications":{}}'`)
	client := New()
	client.slots = make(chan struct{}, 1)
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if _, _, err := client.Servers(t.Context(), juju, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
