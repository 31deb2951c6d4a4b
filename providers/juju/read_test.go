package juju

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

// config declares with these attributes, each "name=value".
func config(typ cty.Type, attrs ...string) cty.Value {
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

// ask asks about the units of a service. Unless it says otherwise, its load is what the command echo says.
func ask(service string, attrs ...string) resource.Wanted {
	attrs = append([]string{"metric=command", "command=echo 7"}, attrs...)
	return resource.Wanted{Addr: resource.Addr{Service: service, Type: "juju_units", Label: "scale"}, Config: config(unitsSchema().Type(), attrs...)}
}

// opened returns the provider of that program. It looks again at once.
func opened(t *testing.T, program string) *provider {
	t.Helper()
	p, err := open(New(), config(Driver(nil).Config.Type(), "program="+program, "poll=1ms"))
	if err != nil {
		t.Fatal(err)
	}
	return p.(*provider)
}

func TestContract(t *testing.T) {
	dir := t.TempDir()
	juju := program(t, fmt.Sprintf("echo >> %s/log\n%s", dir, answers(t, "juju3.json")))
	providertest.Contract(t, Driver(New()), providertest.World{
		Config: config(Driver(nil).Config.Type(), "program="+juju),
		Want:   []resource.Wanted{ask("worker", "application=svc-worker"), ask("empty", "application=empty", "model=prod")},
		Requests: func() int {
			text, _ := os.ReadFile(filepath.Join(dir, "log")) // not there before the first
			return len(text)
		},
	})
}

// answers is a script that prints a sample.
func answers(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return "cat " + path
}

func TestSettings(t *testing.T) {
	p, err := open(New(), config(Driver(nil).Config.Type(), "program=/snap/bin/juju", "timeout=90s", "poll=5s"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.(*provider); got.program != "/snap/bin/juju" || got.timeout != 90*time.Second || got.poll != 5*time.Second {
		t.Errorf("got %s %s %s", got.program, got.timeout, got.poll)
	}
	if p, err = open(New(), cty.NullVal(Driver(nil).Config.Type())); err != nil {
		t.Fatal(err)
	}
	if got := p.(*provider); got.program != "juju" || got.timeout != time.Minute || got.poll != 10*time.Second {
		t.Errorf("without a block: got %s %s %s", got.program, got.timeout, got.poll)
	}
	for _, wrong := range []string{"program=-x", "timeout=soon", "timeout=0s", "poll=-1s"} {
		_, err := open(New(), config(Driver(nil).Config.Type(), wrong))
		mustFault(t, err, strings.SplitN(wrong, "=", 2)[0])
	}
}

// mustFault fails unless the error is the fault of that attribute.
func mustFault(t *testing.T, err error, attr string) {
	t.Helper()
	if fault := (*resource.AttrError)(nil); !errors.As(err, &fault) || fault.Attr != attr {
		t.Errorf("got %v, want a fault of %s", err, attr)
	}
}

func TestCheck(t *testing.T) {
	p := opened(t, "juju")
	if err := p.Check(ask("api", "application=api", "model=ps:admin/prod")); err != nil {
		t.Error(err)
	}
	for attr, w := range map[string]resource.Wanted{
		"application": ask("api", "application=-n"),
		"model":       ask("api", "application=api", "model=--controller"),
		"metric":      ask("api", "application=api", "metric=moon"),
	} {
		err := p.Check(w)
		mustFault(t, err, attr)
		if fault := (*resource.AttrError)(nil); errors.As(err, &fault) && fault.Addr != w.Addr {
			t.Errorf("%s: the fault is of %s", attr, fault.Addr)
		}
	}
	mustFault(t, p.Check(ask("api")), "application")
}

// Each model is asked about once a reading, and all at the same time: no answer comes before all are asked.
func TestReadAsksEachModelOnce(t *testing.T) {
	dir := t.TempDir()
	for _, gate := range []string{"a", "b"} {
		if err := syscall.Mkfifo(filepath.Join(dir, gate), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	juju := program(t, fmt.Sprintf("echo \"$@\" >> %s/log\nread -r line < %[1]s/$5\n%s", dir, answers(t, "juju2.json")))
	p := opened(t, juju)
	opening := make(chan error, 1)
	go func() {
		var err error
		for _, gate := range []string{"b", "a"} { // each waits for its reader
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, gate), []byte("go\n"), 0o600))
		}
		opening <- err
	}()
	readings := p.Read(t.Context(), []resource.Wanted{ask("one", "application=svc-worker", "model=a"), ask("two", "application=svc-worker", "model=b"),
		ask("three", "application=svc-wroker", "model=a"), ask("four", "application=nrpe", "model=a"), ask("five", "application=-x", "model=c")})
	if err := <-opening; err != nil {
		t.Fatal(err)
	}
	log := lines(t, filepath.Join(dir, "log"))
	slices.Sort(log)
	if diff := cmp.Diff([]string{"status --format=json -B -m a", "status --format=json -B -m b"}, log); diff != "" {
		t.Errorf("juju was run with (-want +got):\n%s", diff)
	}
	for _, r := range readings[:2] {
		if r.Err != nil || len(r.Units.List) != 3 {
			t.Errorf("%s: got %v, %v", r.Addr, r.Units, r.Err)
		}
	}
	mustFail(t, readings[2].Err, `the nearest that it has is "svc-worker"`)
	mustFault(t, readings[3].Err, "application")
	mustFail(t, readings[3].Err, "four/juju_units.scale", "is a subordinate")
	mustFault(t, readings[4].Err, "application")
}

// Those who read at the same time share a question, and the one of them who gives up does not spoil the answer of the others.
func TestReadersShare(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := opened(t, program(t, fmt.Sprintf("echo asked >> %s\nmkdir %[1]s.first 2>/dev/null && exec sleep 1000\n%s", log, answers(t, "juju2.json"))))
	want := []resource.Wanted{ask("one", "application=svc-worker")}
	ctx, giveUp := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { mustFail(t, p.Read(ctx, want)[0].Err, "context canceled") })
	for _, err := os.Stat(log + ".first"); err != nil; _, err = os.Stat(log + ".first") {
		time.Sleep(time.Millisecond)
	}
	var others sync.WaitGroup
	for range 5 {
		others.Go(func() {
			if r := p.Read(t.Context(), want)[0]; r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // so that they join; nothing fails if they come too late for that
	if got := lines(t, log); len(got) != 1 {
		t.Errorf("juju was asked %d times while the first question was open", len(got))
	}
	giveUp()
	done.Wait()
	others.Wait()
}

// Juju is asked for times that do not depend on where it runs.
func TestReadAsksForTimes(t *testing.T) {
	p := opened(t, program(t, `echo "ERROR $JUJU_STATUS_ISO_TIME" >&2; exit 1`))
	mustFail(t, p.Read(t.Context(), []resource.Wanted{ask("api", "application=api")})[0].Err, "cannot ask ", " about its current model: true")
}

func TestMeasure(t *testing.T) {
	p, now := opened(t, "juju"), time.Date(2026, 11, 23, 4, 0, 0, 0, time.FixedZone("", 3600))
	p.now = func() time.Time { return now }
	loads := p.Measure(t.Context(), []resource.Wanted{ask("api", "application=api"), ask("web", "application=web", "command=false"),
		ask("db", "application=-db"), ask("none", "application=none", "command=echo 0")})
	if load := loads[0]; load.Err != nil || load.Value != 7 || load.Source == "" {
		t.Errorf("got %+v", load)
	}
	if load := loads[1]; load.Err == nil || load.Source == "" || errors.As(load.Err, new(*resource.AttrError)) {
		t.Errorf("got %+v, want no data", load)
	}
	mustFault(t, loads[2].Err, "application")
	if load := loads[3]; load.Err != nil || load.Value != 0 {
		t.Errorf("got %+v, want no load", load)
	}
	for i, load := range loads {
		if !load.At.Equal(now) || load.At.Location() != time.UTC {
			t.Errorf("%d: measured at %s", i, load.At)
		}
	}
	if got := p.Measure(t.Context(), nil); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

// A load is one of when it was asked for, also if its source says when it measured: how old that may be is the source's to judge.
func TestMeasureOfASourceThatTellsWhen(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"n":3,"at":%d}`, time.Now().Add(-time.Hour).Unix()) // the test fails without it
	}))
	defer server.Close()
	p, now := opened(t, "juju"), time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	p.now = func() time.Time { return now }
	w := ask("api")
	w.Config = config(unitsSchema().Type(), "application=api", "metric=http", "url="+server.URL, "path=$.n", "time_path=$.at", "max_age=24h")
	load := p.Measure(t.Context(), []resource.Wanted{w})[0]
	if load.Err != nil || load.Value != 3 || !load.At.Equal(now) {
		t.Errorf("got %+v, want what was asked for at %s", load, now)
	}
}

// All loads are measured at the same time: each waits until the other is asked.
func TestMeasureTogether(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"to-a", "to-b"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := write(t, fmt.Sprintf("echo > %s/to-b; cat %[1]s/to-a >/dev/null; echo 1", dir))
	b := write(t, fmt.Sprintf("cat %s/to-b >/dev/null; echo > %[1]s/to-a; echo 2", dir))
	loads := opened(t, "juju").Measure(t.Context(), []resource.Wanted{ask("b", "application=b", "command="+b), ask("a", "application=a", "command="+a)})
	if loads[0].Value != 2 || loads[1].Value != 1 {
		t.Errorf("got %+v", loads)
	}
}
