package juju

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
)

// parsed returns the answer in a sample, after changes to it, each of an old text and a new one.
func parsed(t *testing.T, name string, changes ...string) status {
	t.Helper()
	answer := sample(t, name)
	for change := range slices.Chunk(changes, 2) {
		if strings.Count(answer, change[0]) != 1 {
			t.Fatalf("the sample does not have %s once", change[0])
		}
		answer = strings.Replace(answer, change[0], change[1], 1)
	}
	s, err := parseStatus([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUnitsDialects(t *testing.T) {
	for name, want := range map[string][]resource.Unit{
		"juju1.json": {
			{Name: "svc-worker/6", State: resource.UnitLeaving, Text: "dying", Place: dying},
			{Name: "svc-worker/5", State: resource.UnitStarting, Text: "pending"},
			{Name: "svc-worker/4", State: resource.UnitReady, Place: seven},
		},
		"juju2.json": {
			{Name: "svc-worker/11", State: resource.UnitReady, Place: ten},
			{Name: "svc-worker/5", State: resource.UnitReady, Place: ten},
			{Name: "svc-worker/4", State: resource.UnitReady, Place: seven, Last: true},
		},
		"juju3.json": {
			{Name: "svc-worker/10", State: resource.UnitStarting, Text: "waiting for machine"},
			{Name: "svc-worker/9", State: resource.UnitStarting, Text: "installing agent"},
			{Name: "svc-worker/8", State: resource.UnitReady, Place: seven, Last: true},
		},
	} {
		units, err := parsed(t, name).units(wanted{Application: "svc-worker"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&resource.Units{List: want}, units); diff != "" {
			t.Errorf("%s: units (-want +got):\n%s", name, diff)
		}
	}
}

func TestNoUnits(t *testing.T) {
	units, err := parsed(t, "juju3.json").units(wanted{Application: "empty"})
	if diff := cmp.Diff(&resource.Units{}, units); diff != "" || err != nil {
		t.Errorf("%v, units (-want +got):\n%s", err, diff)
	}
}

func TestUnitsRefused(t *testing.T) {
	s := parsed(t, "juju2.json")
	for _, test := range []struct {
		wanted
		want string
	}{
		{wanted{Application: "svc-wroker"}, `no application "svc-wroker" in its current model; the nearest that it has is "svc-worker"`},
		{wanted{Application: "cahce", Model: "prod"}, `no application "cahce" in the model "prod"; the nearest that it has is "cache"`},
		{wanted{Application: "cache"}, `of the agent of unit cache/0 that it is "", which is none of the states`},
	} {
		units, err := s.units(test.wanted)
		mustFail(t, err, test.want)
		if units != nil || errors.As(err, new(*resource.AttrError)) {
			t.Errorf("%s: got %v, %v", test.Application, units, err)
		}
	}
	_, err := status{Applications: map[string]application{}}.units(wanted{Application: "a"})
	mustFail(t, err, "and no other either")
	_, err = s.units(wanted{Application: "nrpe"})
	mustFail(t, err, "as many units as its principals", "svc-worker")
	if fault := (*resource.AttrError)(nil); !errors.As(err, &fault) || fault.Attr != "application" {
		t.Errorf("got %v, want a fault of application", err)
	}
}

// What juju cannot tell of its units, or of their machines, is the fault of their application alone.
func TestUnitsFaults(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"application", `{"charm":"svc-worker",`, `{"status-error":"no charm","charm":"svc-worker",`, "juju cannot tell of application svc-worker: no charm"},
		{"unit", `"svc-worker/11":{`, `"svc-worker/11":{"status-error":"no agent",`, "juju cannot tell of unit svc-worker/11: no agent"},
		{"machine", `"10":{"juju-status":{"current":"started"}`, `"10":{"juju-status":{"status-error":"lost"}`,
			"juju cannot tell of machine 10, which unit svc-worker/11 is on: lost"},
		{"unlisted machine", `"svc-worker/5":{"workload-status":{"current":"active"},"juju-status":{"current":"idle"},"machine":"10"`,
			`"svc-worker/5":{"workload-status":{"current":"active"},"juju-status":{"current":"idle"},"machine":"4"`, "svc-worker/5 on machine 4, of which it tells nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			units, err := parsed(t, "juju2.json", test.old, test.new).units(wanted{Application: "svc-worker"})
			mustFail(t, err, test.want)
			if units != nil {
				t.Errorf("got %v", units)
			}
		})
	}
	if _, err := parsed(t, "juju2.json", `{"charm":"cache",`, `{"status-error":"no charm","charm":"cache",`).units(wanted{Application: "svc-worker"}); err != nil {
		t.Error(err)
	}
}

// TestStates: each case is what juju tells of a unit w/0, and of the machine that it is on.
func TestStates(t *testing.T) {
	const (
		juju1 = `{"services":{"w":{"units":{"w/0":%s}}},"machines":{"1":%s}}`
		juju2 = `{"applications":{"w":{"units":{"w/0":%s}}},"machines":{"1":%s}}`
		up    = `{"instance-id":"i"}`
	)
	modern := func(workload, agent string) string {
		return fmt.Sprintf(`{"machine":"1","workload-status":{%s},"juju-status":{%s}}`, workload, agent)
	}
	at := time.Date(2015, 5, 13, 21, 2, 11, 0, time.UTC)
	for _, test := range []struct {
		name, answer, unit, machine string
		want                        resource.Unit
	}{
		{"works", juju2, modern(`"current":"active","message":"Unit is ready","since":"2015-05-13 21:02:11Z"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitReady, Text: "Unit is ready", Since: at, Place: "i"}},
		{"never said anything", juju2, modern(`"current":"unknown"`, `"current":"idle"`), up, resource.Unit{State: resource.UnitReady, Place: "i"}},
		{"waits for a relation", juju2, modern(`"current":"waiting","message":"no amqp yet"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitReady, Text: "no amqp yet", Place: "i"}},
		{"runs a hook", juju2, modern(`"current":"active"`, `"current":"executing","message":"running config-changed hook"`), up,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it runs the hook config-changed"}},
		{"runs a hook of a relation", juju2, modern(`"current":"active"`, `"current":"executing","message":"running amqp-relation-changed hook for rabbitmq/0"`), up,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it runs the hook amqp-relation-changed"}},
		{"runs an action", juju2, modern(`"current":"active"`, `"current":"executing","message":"running action backup"`), up,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it runs the action backup"}},
		{"does something", juju2, modern(`"current":"active"`, `"current":"executing","message":"upgrading"`), up,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it is at work: upgrading"}},
		{"does something unsaid", juju2, modern(`"current":"active"`, `"current":"executing"`), up, resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it is at work"}},
		{"starts again", juju2, modern(`"current":"active"`, `"current":"executing","message":"running start hook"`), up,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it runs the hook start"}},
		{"no server yet", juju2, modern(`"current":"waiting","message":"waiting for machine","since":"2015-05-13T23:02:11+02:00"`,
			`"current":"allocating","since":"2015-05-13T23:12:11+02:00"`), `{"instance-id":"pending"}`,
			resource.Unit{State: resource.UnitStarting, Text: "waiting for machine", Since: at}},
		{"installs", juju2, modern(`"current":"maintenance","message":"installing charm software"`, `"current":"executing","message":"running install hook"`), up,
			resource.Unit{State: resource.UnitStarting, Text: "installing charm software", Place: "i", Busy: "it runs the hook install"}},
		{"installs and says what", juju2, modern(`"current":"maintenance","message":"fetching java"`, `"current":"executing","message":"running install hook"`), up,
			resource.Unit{State: resource.UnitStarting, Text: "fetching java", Place: "i", Busy: "it runs the hook install"}},
		{"is maintained", juju2, modern(`"current":"maintenance","message":"compacting"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitReady, Text: "compacting", Place: "i"}},
		{"is installed", juju2, modern(`"current":"maintenance","message":"installing charm software"`, `"current":"executing","message":"running config-changed hook"`), up,
			resource.Unit{State: resource.UnitStarting, Text: "installing charm software", Place: "i", Busy: "it runs the hook config-changed"}},
		{"reboots", juju2, modern(`"current":"active"`, `"current":"rebooting"`), up, resource.Unit{State: resource.UnitStarting, Text: "rebooting", Place: "i"}},
		{"hook error", juju2, modern(`"current":"error","message":"hook failed: \"install\"","since":"13 May 2015 21:02:11Z"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitFailed, Text: `hook failed: "install"`, Since: at, Place: "i"}},
		{"blocked", juju2, modern(`"current":"blocked","message":"no database","since":"13 May 2015 23:02:11+02:00"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitFailed, Text: "no database", Since: at, Place: "i"}},
		{"lost", juju2, modern(`"current":"unknown","message":"agent lost"`, `"current":"lost","message":"agent is not communicating with the server"`), up,
			resource.Unit{State: resource.UnitFailed, Text: "its agent is lost: agent is not communicating with the server", Place: "i"}},
		{"agent failed", juju2, modern(`"current":"allocating"`, `"current":"failed","message":"no space"`), up, resource.Unit{State: resource.UnitFailed, Text: "no space", Place: "i"}},
		{"quota", juju2, modern(`"current":"waiting"`, `"current":"allocating"`),
			`{"instance-id":"pending","juju-status":{"current":"pending"},"machine-status":{"current":"provisioning error","message":"Quota exceeded for instances","since":"2015-05-13 21:02:11Z"}}`,
			resource.Unit{State: resource.UnitFailed, Text: "machine 1: Quota exceeded for instances", Since: at}},
		{"quota, and juju tries again", juju2, modern(`"current":"waiting","message":"waiting for machine"`, `"current":"allocating"`),
			`{"instance-id":"pending","machine-status":{"current":"allocating","message":"failed to start machine 1 (quota), retrying in 10s (9 more attempts)"}}`,
			resource.Unit{State: resource.UnitStarting, Text: "waiting for machine"}},
		{"quota for a container", juju2, strings.Replace(modern(`"current":"waiting"`, `"current":"allocating"`), `"1"`, `"1/lxd/0"`, 1),
			`{"instance-id":"i","containers":{"1/lxd/0":{"machine-status":{"current":"error","message":"no bridge"}}}}`,
			resource.Unit{State: resource.UnitFailed, Text: "machine 1/lxd/0: no bridge", Place: "i"}},
		{"goes", juju2, modern(`"current":"active"`, `"current":"idle","life":"dying"`), up, resource.Unit{State: resource.UnitLeaving, Text: "dying", Place: "i"}},
		{"goes by its workload", juju2, modern(`"current":"active","life":"dying"`, `"current":"idle"`), up, resource.Unit{State: resource.UnitLeaving, Text: "dying", Place: "i"}},
		{"has gone", juju2, modern(`"current":"terminated"`, `"current":"idle","since":"2015-05-13 21:02:11Z"`), up,
			resource.Unit{State: resource.UnitLeaving, Text: "dying", Since: at, Place: "i"}},
		{"goes with its application", `{"applications":{"w":{"life":"dying","units":{"w/0":%s}}},"machines":{"1":%s}}`, modern(`"current":"active"`, `"current":"idle"`), up,
			resource.Unit{State: resource.UnitLeaving, Text: "dying", Place: "i"}},
		{"goes, and cannot", juju2, modern(`"current":"error","message":"hook failed: \"stop\""`, `"current":"idle","life":"dying"`), up,
			resource.Unit{State: resource.UnitLeaving, Text: `hook failed: "stop"`, Place: "i"}},
		{"on a controller", juju2, modern(`"current":"active"`, `"current":"idle"`), `{"instance-id":"i","controller-member-status":"has-vote"}`,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it is on a controller"}},
		{"odd time", juju2, modern(`"current":"active","since":"yesterday"`, `"current":"idle"`), up, resource.Unit{State: resource.UnitReady, Place: "i"}},

		{"1: works", juju1, `{"agent-state":"started","machine":"1"}`, up, resource.Unit{State: resource.UnitReady, Place: "i"}},
		{"1: works, of late", juju1, `{"agent-state":"started","workload-status":{"current":"active","since":"13 May 2015 21:02:11Z"},"agent-status":{"current":"executing","message":"running config-changed hook"},"machine":"1"}`,
			up, resource.Unit{State: resource.UnitReady, Since: at, Place: "i", Busy: "it runs the hook config-changed"}},
		{"1: pending", juju1, `{"agent-state":"pending","machine":"1"}`, `{"instance-id":"pending"}`, resource.Unit{State: resource.UnitStarting, Text: "pending"}},
		{"1: installed", juju1, `{"agent-state":"installed","machine":"1"}`, up, resource.Unit{State: resource.UnitStarting, Text: "installed", Place: "i"}},
		{"1: hook error", juju1, `{"agent-state":"error","agent-state-info":"hook failed: \"install\"","machine":"1"}`, up,
			resource.Unit{State: resource.UnitFailed, Text: `hook failed: "install"`, Place: "i"}},
		{"1: down", juju1, `{"agent-state":"down","agent-state-info":"(started)","agent-status":{"current":"idle"},"machine":"1"}`, up,
			resource.Unit{State: resource.UnitFailed, Text: "its agent is down: (started)", Place: "i"}},
		{"1: stopped", juju1, `{"agent-state":"stopped","machine":"1"}`, up, resource.Unit{State: resource.UnitLeaving, Text: "dying", Place: "i"}},
		{"1: goes", juju1, `{"agent-state":"started","life":"dying","machine":"1"}`, up, resource.Unit{State: resource.UnitLeaving, Text: "dying", Place: "i"}},
		{"1: quota", juju1, `{"agent-state":"pending","machine":"1"}`, `{"agent-state":"error","agent-state-info":"Quota exceeded for instances","instance-id":"pending"}`,
			resource.Unit{State: resource.UnitFailed, Text: "machine 1: Quota exceeded for instances"}},
		{"1: on a controller", juju1, `{"agent-state":"started","machine":"1"}`, `{"instance-id":"i","state-server-member-status":"has-vote"}`,
			resource.Unit{State: resource.UnitReady, Place: "i", Busy: "it is on a controller"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := fmt.Sprintf(test.answer, test.unit, test.machine)
			s, err := parseStatus([]byte(answer))
			if err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			units, err := s.units(wanted{Application: "w"})
			if err != nil {
				t.Fatal(err)
			}
			test.want.Name = "w/0"
			if diff := cmp.Diff([]resource.Unit{test.want}, units.List); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A word that juju did not use when this was written tells nothing.
func TestUnknownState(t *testing.T) {
	_, err := parsed(t, "juju3.json", `"juju-status":{"current":"idle"},"leader":true`, `"juju-status":{"current":"dreaming"},"leader":true`).units(wanted{Application: "svc-worker"})
	mustFail(t, err, `unit svc-worker/8 that it is "dreaming"`)
}

// The order is that in which they go: the failed first, then the highest numbers, which are no words; the leader never before another.
func TestRemovalOrder(t *testing.T) {
	var units []string
	for i, unit := range map[int]string{2: `"workload-status":{"current":"error"},`, 0: `"leader":true,"workload-status":{"current":"error"},`, 9: "", 10: "", 11: "",
		7: `"workload-status":{"current":"blocked"},`} {
		units = append(units, fmt.Sprintf(`"w/%d":{%s"juju-status":{"current":"idle"}}`, i, unit))
	}
	s, err := parseStatus([]byte(`{"applications":{"w":{"units":{` + strings.Join(units, ",") + `}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.units(wanted{Application: "w"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range found.List {
		names = append(names, u.Name)
	}
	if diff := cmp.Diff([]string{"w/7", "w/2", "w/11", "w/10", "w/9", "w/0"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Kubernetes chooses by itself which units go, and they have no servers.
func TestKubernetes(t *testing.T) {
	s, err := parseStatus([]byte(`{"model":{"type":"caas"},"applications":{"w":{"scale":2,"units":{
"w/0":{"workload-status":{"current":"active"},"juju-status":{"current":"idle"},"leader":true,"provider-id":"w-0","address":"10.1.0.4"},
"w/1":{"workload-status":{"current":"waiting","message":"installing agent"},"juju-status":{"current":"allocating"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	units, err := s.units(wanted{Application: "w"})
	want := &resource.Units{Unchosen: true, List: []resource.Unit{{Name: "w/1", State: resource.UnitStarting, Text: "installing agent"},
		{Name: "w/0", State: resource.UnitReady, Last: true}}}
	if diff := cmp.Diff(want, units); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func FuzzUnits(f *testing.F) {
	for _, name := range []string{"juju1.json", "juju2.json", "juju3.json"} {
		f.Add([]byte(sample(f, name)), "svc-worker")
	}
	f.Add([]byte(`{"applications":{"w":{"units":{"w/":{"machine":"//","juju-status":{"current":"idle"}}}}},"machines":{"":{"containers":{"/":{}}}}}`), "w")
	f.Fuzz(func(t *testing.T, answer []byte, name string) {
		s, err := parseStatus(answer)
		if err != nil {
			return
		}
		units, err := s.units(wanted{Application: name})
		if (err == nil) != (units != nil) {
			t.Fatalf("got %v and error %v", units, err)
		}
		if err != nil {
			return
		}
		if len(units.List) != len(s.Applications[name].Units) {
			t.Errorf("got %d of %d units", len(units.List), len(s.Applications[name].Units))
		}
		if !slices.IsSortedFunc(units.List, removalOrder) {
			t.Errorf("got %v, in another order", units.List)
		}
		for _, u := range units.List {
			if !slices.Contains([]resource.UnitState{resource.UnitReady, resource.UnitStarting, resource.UnitFailed, resource.UnitLeaving}, u.State) {
				t.Errorf("%s is %q", u.Name, u.State)
			}
		}
	})
}
