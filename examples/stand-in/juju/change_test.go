package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/resource"
)

const (
	one   = "1.25.6-xenial-amd64"
	two   = "2.8.11-focal-amd64"
	later = "2.9.51-ubuntu-amd64"
	three = "3.6.1-genericlinux-amd64"
)

var dialects = []string{one, two, later, three}

// fleet is the application api, as the real provider sees it.
type fleet struct {
	bench
	state  string
	units  providers.Scaler
	config cty.Value
	events []string
}

// newFleet has two units. Its model is of that version, and keeps its state.
func newFleet(t *testing.T, version string, settings ...string) *fleet {
	t.Helper()
	f := &fleet{bench: newBench(t), state: filepath.Join(t.TempDir(), "state.json")}
	f.add("juju-api-machine-0", map[string]string{"juju-is-state": "true"})
	f.add("juju-api-machine-1", nil)
	f.add("juju-api-machine-2", nil)
	f.add("juju-web-machine-1", nil)
	t.Setenv("JUJU_STANDIN_VERSION", version)
	t.Setenv("JUJU_STANDIN_STATE", f.state)
	client := juju.New()
	if _, err := client.Version(t.Context(), "juju"); err != nil {
		t.Fatal(err)
	}
	driver := juju.Driver(client)
	provider, err := driver.Open(t.Context(), block(driver.Config.Type(), append(settings, "poll=1ms")...))
	if err != nil {
		t.Fatal(err)
	}
	f.units = provider.Resource("juju_units").(providers.Scaler)
	f.config = block(driver.Types["juju_units"].Type(), "application=api", "metric=command", "command=echo 1")
	return f
}

// block has these attributes, each "name=value".
func block(typ cty.Type, attrs ...string) cty.Value {
	values := map[string]cty.Value{}
	for name, typ := range typ.AttributeTypes() {
		values[name] = cty.NullVal(typ)
	}
	for _, attr := range attrs {
		name, value, _ := strings.Cut(attr, "=")
		values[name] = cty.StringVal(value)
	}
	return cty.ObjectVal(values)
}

var addr = resource.Addr{Service: "api", Type: "juju_units", Label: "scale"}

func (f *fleet) read() resource.Reading {
	return f.units.Read(f.Context(), []resource.Wanted{{Addr: addr, Config: f.config}})[0]
}

// is fails unless these are the units, in the order in which they go, each "NAME STATE", with + behind one that has a server and ! behind the leader.
func (f *fleet) is(want string) {
	f.Helper()
	r := f.read()
	if r.Err != nil {
		f.Error(r.Err)
		return
	}
	var got []string
	for _, u := range r.Units.List {
		text := u.Name + " " + string(u.State)
		if u.Place != "" {
			text += "+"
		}
		if u.Last {
			text += "!"
		}
		got = append(got, text)
	}
	if text := strings.Join(got, ", "); text != want {
		f.Errorf("got %s, want %s", text, want)
	}
}

func (f *fleet) resize(ctx context.Context, from, to int, remove ...string) error {
	f.Helper()
	f.events = nil
	_, err := f.units.Apply(ctx, resource.Step{Addr: addr, Want: f.config, Resize: &resource.Resize{From: from, To: to, Remove: remove}},
		func(e resource.Event) { f.events = append(f.events, e.Text) })
	return err
}

// wait lets the clock run, in one step.
func (f *fleet) wait(d time.Duration) {
	f.Helper()
	f.Setenv("JUJU_STANDIN_STEP", d.String())
	f.run(0, "status")
	f.Setenv("JUJU_STANDIN_STEP", "")
}

func (f *fleet) servers() string {
	var names []string
	for _, s := range f.cloud.Servers() {
		names = append(names, strings.TrimPrefix(strings.Replace(s.Name, "-machine", "", 1), "juju-"))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (f *fleet) hasServers(want string) {
	f.Helper()
	if got := f.servers(); got != want {
		f.Errorf("there are the servers %s, want %s", got, want)
	}
}

func (f *fleet) fails(err error, want string) {
	f.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		f.Errorf("got error %v, want ...%s...", err, want)
	}
}

// Units come and go through the real provider, in every dialect.
func TestScaling(t *testing.T) {
	for _, version := range dialects {
		t.Run(version, func(t *testing.T) {
			f := newFleet(t, version)
			leader := "!"
			if version == one {
				leader = "" // it tells of none
			}
			f.is("api/1 ready+, api/0 ready+" + leader)
			if err := f.resize(t.Context(), 2, 4); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.events, ", "); !strings.HasSuffix(got, "api/3: it has a server") {
				t.Errorf("got events %s", got)
			}
			f.hasServers("api-0 api-1 api-2 api-3 api-4 web-1")
			f.is("api/3 starting+, api/2 starting+, api/1 ready+, api/0 ready+" + leader)
			f.wait(worksAfter)
			f.is("api/3 ready+, api/2 ready+, api/1 ready+, api/0 ready+" + leader)
			for _, u := range f.read().Units.List {
				if added := u.Name > "api/1"; added == u.Since.IsZero() && version != one {
					t.Errorf("%s is so since %s", u.Name, u.Since)
				}
			}
			if err := f.resize(t.Context(), 4, 2, "api/3", "api/1"); err != nil {
				t.Fatal(err)
			}
			f.is("api/2 ready+, api/0 ready+" + leader)
			f.hasServers("api-0 api-1 api-3 web-1")
			if err := f.resize(t.Context(), 2, 3); err != nil {
				t.Fatal(err)
			}
			f.is("api/4 starting+, api/2 ready+, api/0 ready+" + leader)
			f.hasServers("api-0 api-1 api-3 api-5 web-1")
			f.fails(f.resize(t.Context(), 2, 3), "application api has 3 units by now, not 2")
		})
	}
}

// The last unit goes, and the application stays.
func TestScaleToZero(t *testing.T) {
	f := newFleet(t, three)
	if err := f.resize(t.Context(), 2, 0, "api/1", "api/0"); err != nil {
		t.Fatal(err)
	}
	f.is("")
	f.hasServers("api-0 web-1")
	if err := f.resize(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	f.is("api/2 starting+!")
}

func TestFaults(t *testing.T) {
	for _, version := range dialects {
		t.Run(version, func(t *testing.T) {
			fault := func(fault string) *fleet {
				f := newFleet(t, version)
				t.Setenv("JUJU_STANDIN_FAULTS", fault)
				return f
			}
			f := fault(faultQuota)
			f.fails(f.resize(t.Context(), 2, 3), "for unit api/2: Quota exceeded for instances")
			if first := f.read().Units.List[0]; first.State != resource.UnitFailed || !strings.Contains(first.Text, "Quota exceeded") {
				t.Errorf("got %+v", first)
			}
			f = fault(faultInstallHook)
			f.fails(f.resize(t.Context(), 2, 3), `unit api/2 was added, and does not start: hook failed: "install"`)
			f = fault(faultStopHook)
			f.fails(f.resize(t.Context(), 2, 1, "api/1"), `unit api/1 was told to go, and does not: hook failed: "stop"`)
			f = fault(faultStatusError)
			f.fails(f.read().Err, "cannot get the status of unit api/0")
			f = fault(faultRefuseAdd)
			f.fails(f.resize(t.Context(), 2, 3), `cannot add unit: application "api" is not to be changed`)
			f = fault(faultLoggedOut)
			f.fails(f.read().Err, "cannot read password: EOF")
		})
	}
}

// What is stuck is waited for until nobody wants to wait any more.
func TestStuck(t *testing.T) {
	f := newFleet(t, three)
	f.writeFaults(faultStuckAllocating)
	f.fails(f.resize(f.afterMinutes(2), 2, 3), "unit api/2 has no server yet: context canceled")
	f.is("api/2 starting, api/1 ready+, api/0 ready+!")
	f.writeFaults(faultStuckDying)
	f.fails(f.resize(f.afterMinutes(3), 3, 2, "api/1"), "unit api/1 is not gone yet: context canceled")
	f.hasServers("api-0 api-1 api-2 api-3 web-1") // the fault before is over
	f.writeFaults()
	f.wait(goneAfter)
	f.is("api/2 ready+, api/0 ready+!")
}

// writeFaults names faults in the state, as a person would.
func (f *fleet) writeFaults(faults ...string) {
	f.Helper()
	f.run(0, "status") // so that there is a state
	w := f.world()
	w.Faults = faults
	text, err := json.Marshal(w)
	if err == nil {
		err = os.WriteFile(f.state, text, 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fleet) world() *world {
	f.Helper()
	w := &world{}
	text, err := os.ReadFile(f.state)
	if err == nil {
		err = json.Unmarshal(text, w)
	}
	if err != nil {
		f.Fatal(err)
	}
	return w
}

// afterMinutes returns a context that is canceled when that much time has gone by on the stand-in's clock.
func (f *fleet) afterMinutes(n int) context.Context {
	ctx, cancel := context.WithCancel(f.Context())
	end := f.world().Now.Add(time.Duration(n) * time.Minute)
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			text, _ := os.ReadFile(f.state)
			if w := (world{}); json.Unmarshal(text, &w) == nil && w.Now.After(end) {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx
}

func TestHang(t *testing.T) {
	f := newFleet(t, three, "timeout=200ms") // for what never answers
	t.Setenv("JUJU_STANDIN_FAULTS", faultHang)
	f.fails(f.read().Err, "no answer within 200ms")
}

func TestKubernetes(t *testing.T) {
	for _, version := range []string{later, three} {
		f := newFleet(t, version)
		t.Setenv("JUJU_STANDIN_TYPE", "caas")
		if err := os.WriteFile(f.state, []byte(`{"units":[{"application":"api"},{"application":"api","number":1}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		f.is("api/1 ready, api/0 ready!")
		if err := f.resize(t.Context(), 2, 3); err != nil {
			t.Error(err)
		}
		f.is("api/2 starting, api/1 ready, api/0 ready!")
		if err := f.resize(t.Context(), 3, 1); err != nil {
			t.Error(err)
		}
		f.is("api/0 ready!")
		if !f.read().Units.Unchosen {
			t.Error("units are chosen")
		}
		f.fails(errors.New(f.run(1, "remove-unit", "api/0")), "only support --num-units")
		f.hasServers("api-0 api-1 api-2 web-1")
	}
}

// Each dialect has its own words.
func TestCommands(t *testing.T) {
	for _, test := range []struct{ version, args, want string }{
		{one, "add-unit -m demo api", "not defined: -m"},
		{three, "add-unit -e demo api", "not defined: -e"},
		{three, "add-unit -n 0 api", "positive"},
		{three, "add-unit", "no application"},
		{three, "add-unit db", `application "db" not found`},
		{three, "add-unit -m no api", "model no not found"},
		{one, "remove-unit api/1", "is not a juju command"},
		{one, "scale-application api 3", "is not a juju command"},
		{two, "destroy-unit api/1", "is not a juju command"},
		{three, "destroy-machine 1", "is not a juju command"},
		{one, "destroy-unit --no-prompt api/1", "not defined: -no-prompt"},
		{two, "remove-unit --no-prompt api/1", "not defined: -no-prompt"},
		{three, "remove-unit --force api/1", "not defined: -force"},
		{three, "remove-unit", "no units"},
		{three, "remove-unit --no-prompt api/1 api/7", `unit "api/7" not found`},
		{three, "remove-unit api/1", "Continue [y/N]? ERROR unit removal: aborted"},
		{three, "scale-application api 3", "only supported in Kubernetes"},
		{one, "destroy-machine 0", "required by the environment"},
		{one, "destroy-machine 1", `machine 1 has unit "api/0" assigned`},
		{one, "destroy-machine 9", "machine 9 not found"},
	} {
		f := newFleet(t, test.version)
		f.fails(errors.New(f.run(1, strings.Fields(test.args)...)), test.want)
		f.run(0, "status")
		f.wait(goneAfter)
		f.hasServers("api-0 api-1 api-2 web-1")
		if n := len(f.read().Units.List); n != 2 {
			t.Errorf("%s: there are %d units", test.args, n)
		}
	}
}

// Juju 3 takes yes for an answer, the others do not ask.
func TestPrompt(t *testing.T) {
	for _, version := range dialects {
		f := newFleet(t, version)
		f.run(0, "status")
		word := "remove-unit"
		if version == one {
			word = "destroy-unit"
		}
		cmd := exec.Command("juju", word, "api/1")
		cmd.Stdin = strings.NewReader(map[string]string{three: "y\n"}[version])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", version, err, out)
		}
		f.wait(goneAfter)
		f.is("api/0 ready+" + map[bool]string{false: "!"}[version == one])
	}
}

// Anything but yes is no.
func TestPromptRefused(t *testing.T) {
	f := newFleet(t, three)
	cmd := exec.Command("juju", "remove-unit", "api/1")
	cmd.Stdin = strings.NewReader("n\n")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("got %s", out)
	}
	f.wait(2 * goneAfter)
	f.is("api/1 ready+, api/0 ready+!")
}

// A unit that was added comes to work step by step.
func TestStages(t *testing.T) {
	f := newFleet(t, three)
	f.run(0, "status")
	f.run(0, "add-unit", "api")
	var got []string
	for range worksAfter / defaultStep {
		u := f.read().Units.List[0]
		got = append(got, fmt.Sprintf("%s %t %s", u.State, u.Place != "", u.Text))
	}
	want := []string{"starting false waiting for machine", "starting true installing agent", "starting true installing agent",
		"starting true installing charm software", "starting true installing charm software", "ready true "}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("api/2 (-want +got):\n%s", diff)
	}
}

// The clock moves by the step of the environment, and what runs at the same time is one after another.
func TestClock(t *testing.T) {
	f := newFleet(t, three)
	t.Setenv("JUJU_STANDIN_STEP", "1h")
	f.run(0, "status")
	begun := f.world().Now
	errs := make(chan string, 4)
	for range cap(errs) {
		go func() {
			out, err := exec.Command("juju", "add-unit", "api").CombinedOutput()
			errs <- fmt.Sprint(string(out), cmp.Or(err, errors.New("")))
		}()
	}
	for range cap(errs) {
		if text := <-errs; text != "" {
			t.Error(text)
		}
	}
	w := f.world()
	if got := w.Now.Sub(begun); got != 4*time.Hour {
		t.Errorf("the clock moved by %s", got)
	}
	if w.Next["api"] != 6 || len(w.Units) != 8 {
		t.Errorf("there are %d units, the next is %d", len(w.Units), w.Next["api"])
	}
	t.Setenv("JUJU_STANDIN_STEP", "soon")
	f.fails(errors.New(f.run(1, "status")), "JUJU_STANDIN_STEP")
}

// Juju 1 leaves the machine of a unit, with its server, until somebody destroys it; the others do not.
func TestMachinesStay(t *testing.T) {
	f := newFleet(t, one)
	f.run(0, "status")
	f.run(0, "destroy-unit", "api/1")
	f.wait(goneAfter)
	f.is("api/0 ready+")
	f.hasServers("api-0 api-1 api-2 web-1")
	f.run(0, "destroy-machine", "2")
	f.hasServers("api-0 api-1 web-1")

	f = newFleet(t, three)
	f.run(0, "status")
	f.run(0, "remove-unit", "--no-prompt", "api/1")
	f.wait(goneAfter)
	f.hasServers("api-0 api-1 web-1")
}

// A server that somebody else boots is a new unit, also under a name that there is, and one that somebody deletes is none any more.
func TestServersOfOthers(t *testing.T) {
	f := newFleet(t, three)
	f.is("api/1 ready+, api/0 ready+!")
	id := f.add("juju-api-machine-2", nil)
	f.is("api/2 ready+, api/1 ready+, api/0 ready+!")
	f.cloud.Delete(id)
	f.is("api/1 ready+, api/0 ready+!")
}
