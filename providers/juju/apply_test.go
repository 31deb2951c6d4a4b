package juju

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const (
	first  = "1.25.6-xenial-amd64"
	second = "2.9.51-ubuntu-amd64"
	third  = "3.6.1-genericlinux-amd64"
)

type object = map[string]any

// says is what a juju of that version says of units, each "NAME STATE MACHINE": the machine is its number and, behind a =, the server that it has, or
// the error that it is in behind a !. A machine without a unit has - in place of both words.
func says(t *testing.T, version string, units ...string) string {
	t.Helper()
	apps, machines := object{}, object{"0": object{"instance-id": "s0", "state-server-member-status": "has-vote"}}
	for _, text := range units {
		words := append(strings.SplitN(text, " ", 3), "", "")
		name, state, place := words[0], words[1], words[2]
		number, server, _ := strings.Cut(place, "=")
		number, fault, failed := strings.Cut(number, "!")
		unit := unitObject(version, state)
		if number != "" {
			unit["machine"] = number
		}
		if host, _, contained := strings.Cut(number, "/"); contained {
			machines[host] = object{"instance-id": "s" + host, "containers": object{number: object{"instance-id": "c"}}}
		} else if number != "" && number != "0" {
			machines[number] = machineObject(version, server, fault, failed)
		}
		app, _, _ := strings.Cut(name, "/")
		if name == "-" {
			continue
		}
		if apps[app] == nil {
			apps[app] = object{"units": object{}}
		}
		apps[app].(object)["units"].(object)[name] = unit
	}
	status := object{"machines": machines, "applications": apps, "model": object{"type": "iaas"}}
	switch {
	case isFirst(version):
		status = object{"machines": machines, "services": apps, "environment": "prod"}
	case strings.HasSuffix(version, "k8s"):
		status["model"] = object{"type": "caas"}
	}
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func unitObject(version, state string) object {
	agent, workload, life := state, object{"current": "active"}, ""
	switch state {
	case "idle", "leader", "executing":
	case "dying":
		agent, life = "idle", "dying"
	case "hook":
		agent, workload = "idle", object{"current": "error", "message": `hook failed: "install"`}
	case "stop":
		agent, life, workload = "idle", "dying", object{"current": "error", "message": `hook failed: "stop"`}
	case "blocked":
		agent, workload = "idle", object{"current": "blocked", "message": "no amqp"}
	default:
		workload = object{"current": "waiting"}
	}
	if state == "leader" {
		agent = "idle"
	}
	if !isFirst(version) {
		return object{"juju-status": object{"current": agent, "life": life}, "workload-status": workload, "leader": state == "leader"}
	}
	old := object{"life": life, "agent-state": map[string]string{"idle": "started", "executing": "started", "allocating": "pending"}[agent]}
	if workload["current"] == "error" {
		old["agent-state"], old["agent-state-info"] = "error", workload["message"]
	}
	return old
}

func machineObject(version, server, fault string, failed bool) object {
	machine := object{"instance-id": server}
	if server == "" {
		machine["instance-id"] = "pending"
	}
	switch {
	case failed && isFirst(version):
		machine["agent-state"], machine["agent-state-info"] = "error", fault
	case failed:
		machine["machine-status"] = object{"current": "provisioning error", "message": fault}
	}
	return machine
}

// stage is a juju that answers each question for the status with the next answer, and goes on with the last. An answer that begins with ERROR is that.
type stage struct {
	*testing.T
	dir     string
	version string
	events  []string
}

func newStage(t *testing.T, version string, answers ...string) *stage {
	t.Helper()
	s := &stage{T: t, dir: t.TempDir(), version: version}
	for i, answer := range answers {
		s.write(fmt.Sprintf("status.%d", i+1), answer)
	}
	return s
}

func (s *stage) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) program() string {
	return write(s.T, fmt.Sprintf(`cd %s; refuse() { cat "$1" >&2; exit 1; }
case $1 in
version) echo %s; exit;;
status)
	echo asked >> asked; n=$(wc -l < asked)
	while ! test -e status.$n; do n=$((n-1)); done
	grep -q ^ERROR status.$n && refuse status.$n
	cat status.$n;;
*)
	echo "$@" >> log
	test ! -e refusal || refuse refusal;;
esac`, s.dir, s.version))
}

// commands returns what juju was told to do.
func (s *stage) commands() []string {
	s.Helper()
	if _, err := os.Stat(filepath.Join(s.dir, "log")); err != nil {
		return nil
	}
	return lines(s.T, filepath.Join(s.dir, "log"))
}

// resize changes the units of worker in the model prod.
func (s *stage) resize(ctx context.Context, resize resource.Resize, attrs ...string) error {
	s.Helper()
	w := ask("api", append([]string{"application=worker", "model=prod"}, attrs...)...)
	step := resource.Step{Addr: w.Addr, Want: w.Config, Resize: &resize}
	got, err := opened(s.T, s.program()).Apply(ctx, step, func(e resource.Event) {
		s.events = append(s.events, e.Text)
		if e.Addr != w.Addr {
			s.Errorf("%q is told of %s", e.Text, e.Addr)
		}
	})
	if !got.RawEquals(w.Config) {
		s.Errorf("got %#v", got)
	}
	if errors.As(err, new(*resource.Failure)) {
		s.Errorf("%v is a failure of a deploy", err)
	}
	return err
}

func TestAbilities(t *testing.T) {
	if _, ok := any(&provider{}).(providers.Scaler); !ok {
		t.Error("it measures nothing")
	}
	if _, ok := any(&provider{}).(providers.Checker); !ok {
		t.Error("it checks nothing")
	}
}

func TestAdd(t *testing.T) {
	for version, want := range map[string]string{
		first:                 "add-unit -e prod -n 2 worker",
		"2.0.4-xenial-amd64":  "add-unit -B -m prod -n 2 worker",
		second:                "add-unit -B -m prod -n 2 worker",
		third:                 "add-unit -B -m prod -n 2 worker",
		"10.1.0-linux-amd64":  "add-unit -B -m prod -n 2 worker",
		"2.0-beta12-xenial-x": "add-unit -B -m prod -n 2 worker",
	} {
		t.Run(version, func(t *testing.T) {
			is := func(units ...string) string {
				return says(t, version, append(units, "worker/4 leader 1=s1", "worker/9 idle 2=s2", "web/0 hook 3!quota")...)
			}
			s := newStage(t, version, is(), is(), is("worker/10 allocating", "worker/11 allocating"), is("worker/10 allocating 5", "worker/11 allocating 6"), is("worker/10 allocating 5=s5", "worker/11 allocating 6"),
				is("worker/10 blocked 5=s5", "worker/11 allocating 6=s6"))
			if err := s.resize(t.Context(), resource.Resize{From: 2, To: 4}); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{want}, s.commands()); diff != "" {
				t.Errorf("juju was told (-want +got):\n%s", diff)
			}
			state := "allocating"
			if isFirst(version) {
				state = "pending"
			}
			told := []string{"worker/10: " + state, "worker/11: " + state, "worker/10: it has a server", "worker/11: it has a server"}
			if diff := cmp.Diff(told, s.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if asked := len(lines(t, filepath.Join(s.dir, "asked"))); asked != 6 {
				t.Errorf("juju was asked %d times", asked)
			}
		})
	}
}

// Without a model none is named.
func TestAddInCurrentModel(t *testing.T) {
	s := newStage(t, third, says(t, third, "worker/0 idle 1=s1"), says(t, third, "worker/0 idle 1=s1", "worker/1 idle 2=s2"))
	if err := s.resize(t.Context(), resource.Resize{From: 1, To: 2}, "model="); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"add-unit -B -n 1 worker"}, s.commands()); diff != "" {
		t.Errorf("juju was told (-want +got):\n%s", diff)
	}
}

func TestAddFails(t *testing.T) {
	for _, version := range []string{first, second, third} {
		is := func(units ...string) string { return says(t, version, append(units, "worker/0 idle 1=s1")...) }
		for name, test := range map[string]struct {
			answers []string
			refusal string
			want    []string
		}{
			"refused":             {[]string{is()}, "ERROR cannot add unit: the model is read-only", []string{"add-unit for application worker in ", `"prod": cannot add unit: the model is read-only`}},
			"machine":             {[]string{is(), is("worker/1 allocating 5"), is("worker/1 allocating 5!Quota exceeded for instances")}, "", []string{"juju cannot start machine 5 for unit worker/1: Quota exceeded for instances"}},
			"hook":                {[]string{is(), is("worker/1 hook 5")}, "", []string{`unit worker/1 was added, and does not start: hook failed: "install"`}},
			"removed at once":     {[]string{is(), is("worker/1 dying 5")}, "", []string{"unit worker/1 was added, and somebody removes it"}},
			"removed meanwhile":   {[]string{is(), is("worker/1 allocating 5"), is()}, "", []string{"unit worker/1 was added, and somebody removes it"}},
			"cannot tell":         {[]string{is(), is("worker/1 allocating 5"), "ERROR no controller"}, "", []string{"unit worker/1 has no server yet", "goes on by itself", "no controller"}},
			"application is gone": {[]string{is(), says(t, version, "web/0 idle")}, "", []string{"cannot be asked any more", `no application "worker"`}},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				s := newStage(t, version, test.answers...)
				if test.refusal != "" {
					s.write("refusal", test.refusal)
				}
				mustFail(t, s.resize(t.Context(), resource.Resize{From: 1, To: 2}), test.want...)
				if len(s.commands()) != 1 {
					t.Errorf("juju was told %q", s.commands())
				}
			})
		}
	}
}

// A juju that fails now and then is asked again.
func TestWaitBearsFailures(t *testing.T) {
	is := func(units ...string) string { return says(t, third, append(units, "worker/0 idle 1=s1")...) }
	s := newStage(t, third, is(), "ERROR lost", "ERROR lost", is("worker/1 allocating 5"), "ERROR lost", `{"applications":{"worker":{"status-error":"lost"}}}`, is("worker/1 idle 5=s5"))
	if err := s.resize(t.Context(), resource.Resize{From: 1, To: 2}); err != nil {
		t.Error(err)
	}
}

func TestRemove(t *testing.T) {
	for version, want := range map[string][]string{
		first:                {"destroy-unit -e prod worker/10 worker/9", "destroy-machine -e prod 5 6"},
		"2.0.4-xenial-amd64": {"remove-unit -B -m prod worker/10 worker/9"},
		"2.8.11-focal-amd64": {"remove-unit -B -m prod worker/10 worker/9"},
		second:               {"remove-unit -B -m prod --no-prompt worker/10 worker/9"},
		third:                {"remove-unit -B -m prod --no-prompt worker/10 worker/9"},
		"10.1.0-linux-amd64": {"remove-unit -B -m prod --no-prompt worker/10 worker/9"},
	} {
		t.Run(version, func(t *testing.T) {
			is := func(units ...string) string {
				return says(t, version, append(units, "worker/4 leader 1=s1", "web/0 hook 3!quota")...)
			}
			s := newStage(t, version, is("worker/9 idle 6=s6", "worker/10 idle 5=s5", "worker/2 dying 7=s7"), is("worker/9 idle 6=s6", "worker/10 dying 5=s5"),
				is("worker/9 dying 6=s6", "- - 5=s5"), is("- - 5=s5", "- - 6=s6"))
			if err := s.resize(t.Context(), resource.Resize{From: 3, To: 1, Remove: []string{"worker/10", "worker/9"}}); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, s.commands()); diff != "" {
				t.Errorf("juju was told (-want +got):\n%s", diff)
			}
			if asked := len(lines(t, filepath.Join(s.dir, "asked"))); asked != 4 {
				t.Errorf("juju was asked %d times", asked)
			}
			if diff := cmp.Diff([]string{"worker/9: it is gone"}, s.events[len(s.events)-1:]); diff != "" {
				t.Errorf("last event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemoveRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		resize resource.Resize
		want   string
	}{
		{"another application's", resource.Resize{From: 4, To: 3, Remove: []string{"web/0"}}, `"web/0" is no unit of application worker`},
		{"an application whose name begins so", resource.Resize{From: 4, To: 3, Remove: []string{"worker-db/0"}}, `"worker-db/0" is no unit`},
		{"an option", resource.Resize{From: 4, To: 3, Remove: []string{"--force"}}, `"--force" is no unit`},
		{"an option in disguise", resource.Resize{From: 4, To: 3, Remove: []string{"worker/--force"}}, `"worker/--force" is no unit`},
		{"gone", resource.Resize{From: 4, To: 3, Remove: []string{"worker/7"}}, "unit worker/7 is not there any more"},
		{"leaves", resource.Resize{From: 4, To: 3, Remove: []string{"worker/5"}}, "unit worker/5 is not there any more"},
		{"busy", resource.Resize{From: 4, To: 3, Remove: []string{"worker/2"}}, "unit worker/2 cannot go now: it is at work"},
		{"on a controller", resource.Resize{From: 4, To: 3, Remove: []string{"worker/3"}}, "unit worker/3 cannot go now: it is on a controller"},
		{"leader", resource.Resize{From: 4, To: 3, Remove: []string{"worker/1"}}, "unit worker/1 is the leader by now"},
		{"too few", resource.Resize{From: 4, To: 2, Remove: []string{"worker/4"}}, "2 units are to go, and 1 are named"},
		{"too many", resource.Resize{From: 4, To: 3, Remove: []string{"worker/4", "worker/4"}}, "1 units are to go, and 2 are named"},
		{"none", resource.Resize{From: 4, To: 3}, "1 units are to go, and 0 are named"},
		{"others are there by now", resource.Resize{From: 5, To: 4, Remove: []string{"worker/4"}}, "application worker has 4 units by now, not 5"},
		{"more are there by now", resource.Resize{From: 3, To: 4}, "application worker has 4 units by now, not 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, third, says(t, third, "worker/1 leader 1=s1", "worker/2 executing 2=s2", "worker/3 idle 0=s0", "worker/4 idle 4=s4", "worker/5 dying 5=s5",
				"web/0 idle 6=s6", "worker-db/0 idle 7=s7"))
			mustFail(t, s.resize(t.Context(), test.resize), "nothing was ", test.want)
			if len(s.commands()) > 0 {
				t.Errorf("juju was told %q", s.commands())
			}
		})
	}
}

// The last unit is the leader, and goes.
func TestRemoveLast(t *testing.T) {
	s := newStage(t, third, says(t, third, "worker/1 leader 1=s1", "web/0 idle 2=s2"), `{"applications":{"worker":{}}}`)
	if err := s.resize(t.Context(), resource.Resize{From: 1, To: 0, Remove: []string{"worker/1"}}); err != nil {
		t.Error(err)
	}
}

func TestRemoveFails(t *testing.T) {
	for _, version := range []string{first, second, third} {
		is := func(units ...string) string { return says(t, version, append(units, "worker/0 idle 1=s1")...) }
		remove := resource.Resize{From: 2, To: 1, Remove: []string{"worker/9"}}
		s := newStage(t, version, is("worker/9 idle 2=s2"), is("worker/9 dying 2=s2"), is("worker/9 stop 2=s2"))
		mustFail(t, s.resize(t.Context(), remove), `unit worker/9 was told to go, and does not: hook failed: "stop"`, "juju resolved worker/9")
		if len(s.commands()) != 1 {
			t.Errorf("juju was told %q", s.commands())
		}
		s = newStage(t, version, is("worker/9 idle 2=s2"))
		s.write("refusal", "ERROR the controller is being upgraded")
		mustFail(t, s.resize(t.Context(), remove), removal(version)+" for application worker in ", "the controller is being upgraded")
		if len(s.events) > 0 {
			t.Errorf("got %q", s.events)
		}
	}
}

// Juju 1 leaves machines behind. They go if nothing else is on them, and it is not juju's own.
func TestDestroyMachines(t *testing.T) {
	remove := resource.Resize{From: 2, To: 1, Remove: []string{"worker/9"}}
	for _, test := range []struct{ name, unit, rest, want string }{
		{"empty", "worker/9 idle 2=s2", "- - 2=s2", "destroy-machine -e prod 2"},
		{"shared", "worker/9 idle 2=s2", "web/0 idle 2=s2", ""},
		{"shared with its own", "worker/9 idle 1=s1", "- - 3=s3", ""},
		{"destroyed already", "worker/9 idle 2=s2", "- - 3=s3", ""},
		{"no machine yet", "worker/9 allocating", "- - 3=s3", ""},
		{"container", "worker/9 idle 2/lxc/0=c", "- - 2/lxc/0=c", "destroy-machine -e prod 2/lxc/0"},
		{"host of a container", "worker/9 idle 2=s2", "web/0 idle 2/lxc/0=c", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, first, says(t, first, "worker/0 idle 1=s1", test.unit), says(t, first, "worker/0 idle 1=s1", test.rest))
			if err := s.resize(t.Context(), remove); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, strings.Join(s.commands()[1:], "\n")); diff != "" {
				t.Errorf("juju was told (-want +got):\n%s", diff)
			}
		})
	}
}

// A machine that two of the units were on is destroyed once, and one of juju's own never.
func TestIdleMachines(t *testing.T) {
	s := newStage(t, first, says(t, first, "worker/9 idle 2=s2", "worker/8 idle 2=s2"), `{"services":{"worker":{}},"machines":{"2":{"instance-id":"s2"}}}`)
	if err := s.resize(t.Context(), resource.Resize{From: 2, To: 0, Remove: []string{"worker/9", "worker/8"}}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"destroy-unit -e prod worker/9 worker/8", "destroy-machine -e prod 2"}, s.commands()); diff != "" {
		t.Errorf("juju was told (-want +got):\n%s", diff)
	}
	now, err := parseStatus([]byte(says(t, first, "worker/8 idle 2=s2", "- - 3=s3")))
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]bool{"0": false, "2": false, "3": true, "4": false, "": false, "3/lxc/0": false} {
		if now.idle(number) != want {
			t.Errorf("machine %q: want idle %t", number, want)
		}
	}
}

func TestKubernetesIsScaled(t *testing.T) {
	version := "3.6.1-k8s"
	two := []string{"worker/0 leader", "worker/1 idle"}
	for _, test := range []struct {
		resize  resource.Resize
		answers []string
		want    string
	}{
		{resource.Resize{From: 2, To: 3}, []string{says(t, version, two...), says(t, version, append(two, "worker/2 allocating")...)}, ""},
		{resource.Resize{From: 2, To: 1}, []string{says(t, version, two...), says(t, version, two...), says(t, version, "worker/0 leader", "worker/1 dying"),
			says(t, version, "worker/0 leader")}, ""},
		{resource.Resize{From: 2, To: 4}, []string{says(t, version, two...), says(t, version, append(two, "worker/2 hook")...)},
			`unit worker/2 was added, and does not start: hook failed: "install"`},
		{resource.Resize{From: 2, To: 1}, []string{says(t, version, two...), says(t, version, "worker/0 leader", "worker/1 stop")},
			`unit worker/1 was told to go, and does not: hook failed: "stop"`},
	} {
		s := newStage(t, version, test.answers...)
		if err := s.resize(t.Context(), test.resize); test.want == "" && err != nil {
			t.Error(err)
		} else if test.want != "" {
			mustFail(t, err, test.want)
		}
		if diff := cmp.Diff([]string{fmt.Sprintf("scale-application -B -m prod worker %d", test.resize.To)}, s.commands()); diff != "" {
			t.Errorf("juju was told (-want +got):\n%s", diff)
		}
		if asked := len(lines(t, filepath.Join(s.dir, "asked"))); asked != len(test.answers) {
			t.Errorf("juju was asked %d times", asked)
		}
	}
}

func TestNothingToResize(t *testing.T) {
	s := newStage(t, third, says(t, third, "worker/0 idle 1=s1"))
	if err := s.resize(t.Context(), resource.Resize{From: 1, To: 1}); err != nil || len(s.commands()) > 0 {
		t.Errorf("%v, juju was told %q", err, s.commands())
	}
	w := ask("api", "application=worker")
	_, err := opened(t, s.program()).Apply(t.Context(), resource.Step{Addr: w.Addr, Want: w.Config}, nil)
	mustFail(t, err, "not said how many")
	mustFault(t, s.resize(t.Context(), resource.Resize{From: 1, To: 2}, "application=-f"), "application")
}

// Nothing that juju itself has begun ends with cdplan.
func TestApplyEnds(t *testing.T) {
	pending := []string{says(t, third, "worker/0 idle 1=s1"), says(t, third, "worker/0 idle 1=s1", "worker/1 allocating")}
	s := newStage(t, third, pending...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := ask("api", "application=worker")
	_, err := opened(t, s.program()).Apply(ctx, resource.Step{Addr: w.Addr, Want: w.Config, Resize: &resource.Resize{From: 1, To: 2}}, func(resource.Event) { cancel() })
	mustFail(t, err, "unit worker/1 has no server yet: ", "context canceled", "Juju goes on by itself")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	s = newStage(t, third, pending...)
	mustFail(t, s.resize(t.Context(), resource.Resize{From: 1, To: 2, Timeout: 300 * time.Millisecond}), "it takes longer than the timeout of 300ms")
}
