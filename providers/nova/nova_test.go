package nova

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

const theRegion = "RegionOne"

// world is a cloud and a provider that is set up for it.
type world struct {
	*novatest.Server
	t *testing.T
	p *provider
}

// newWorld starts a cloud and writes a clouds.yaml for it, where a provider without settings finds it. No pause is long.
func newWorld(t *testing.T, options novatest.Options) *world {
	t.Helper()
	w := &world{Server: startCloud(t, options), t: t}
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(file, w.CloudsYAML("demo"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	t.Setenv("OS_CLOUD", "demo")
	w.p = w.open(settings{Regions: options.Regions})
	return w
}

func startCloud(t *testing.T, options novatest.Options) *novatest.Server {
	t.Helper()
	noVariables(t)
	cloud, err := novatest.Start("", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	return cloud
}

// noVariables hides the tester's own cloud.
func noVariables(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "")
		}
	}
}

func (w *world) open(s settings) *provider {
	w.t.Helper()
	p := openWith(w.t, s)
	p.tick, p.pause = time.Millisecond, time.Millisecond
	w.t.Cleanup(func() { _ = p.Close() })
	return p
}

func openWith(t *testing.T, s settings) *provider {
	t.Helper()
	config, err := resource.Encode(Driver(nil).Config, s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*provider)
}

// add puts a server into the first region. The items are "key=value".
func (w *world) add(name string, items ...string) string {
	return w.AddServer(theRegion, novatest.ServerSpec{Name: name, Metadata: metadata(items...)})
}

func metadata(items ...string) map[string]string {
	m := map[string]string{}
	for _, item := range items {
		key, value, _ := strings.Cut(item, "=")
		m[key] = value
	}
	return m
}

func addrOf(service string) resource.Addr {
	return resource.Addr{Service: service, Type: "nova_stamp", Label: "servers"}
}

// ask asks for the stamp of a service with that selector.
func ask(service, servers string) resource.Wanted {
	return askFor(wanted{Service: service, Servers: servers})
}

func askFor(stamp wanted) resource.Wanted {
	config, err := resource.Encode(stampSchema(), stamp)
	if err != nil {
		panic(err)
	}
	return resource.Wanted{Addr: addrOf(stamp.Service), Config: config}
}

func (w *world) read(want ...resource.Wanted) []resource.Reading {
	return w.p.Read(w.t.Context(), want)
}

// names returns the names of the servers in a reading that must have no error.
func (w *world) names(r resource.Reading) string {
	w.t.Helper()
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
	names := make([]string, len(r.Copies))
	for i, c := range r.Copies {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}

var began = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

// stampStep asks for a stamp with these revisions.
func stampStep(service, servers string, revisions map[string]resource.Revision) resource.Step {
	config, err := resource.Encode(stampSchema(), wanted{Service: service, Servers: servers, Revisions: revisions})
	if err != nil {
		panic(err)
	}
	return resource.Step{Addr: addrOf(service), Want: config, Run: "r1", At: began}
}

var both = map[string]resource.Revision{"app": {Revno: "3", ID: "joe@x-3"}, "spec": {Revno: "1.2.3", ID: "ann@x-9"}}

// stamped are the items that a stamp of both on the service api consists of.
func stamped() map[string]string {
	return metadata("cd.service=api", "cd.rev.app=3 joe@x-3", "cd.rev.spec=1.2.3 ann@x-9", "cd.at=2027-01-02T03:04:05Z", "cd.run=r1",
		"cd.hash="+resource.Hash(both))
}

// with returns the metadata of both, with these items beside them.
func with(m map[string]string, items ...string) map[string]string {
	m = maps.Clone(m)
	maps.Copy(m, metadata(items...))
	return m
}

// apply stamps both on the servers that the selector names.
func (w *world) apply(servers string) error {
	_, err := w.p.Apply(w.t.Context(), stampStep("api", servers, both), func(resource.Event) {})
	return err
}

// mustSay fails unless the error has all these texts.
func mustSay(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got error %v, want ...%s...", err, text)
		}
	}
}

// mustFault fails unless the error is a fault of the attribute servers with all these texts.
func mustFault(t *testing.T, err error, service string, texts ...string) {
	t.Helper()
	var fault *resource.AttrError
	if !errors.As(err, &fault) || fault.Attr != "servers" || fault.Addr != addrOf(service) {
		t.Errorf("got %v, want a fault of the servers of %s", err, service)
	}
	mustSay(t, err, texts...)
}

func TestContract(t *testing.T) {
	w := newWorld(t, novatest.Options{MaxLimit: 2})
	for i := range 3 {
		w.add(fmt.Sprintf("api-%d", i))
	}
	providertest.Contract(t, Driver(nil), providertest.World{
		Want:     []resource.Wanted{ask("api", "api-*"), ask("web", "")},
		Requests: func() int { return len(w.Requests()) },
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		settings settings
		want     string
	}{
		{settings{Settle: "soon"}, `not "soon"`},
		{settings{Settle: "0s"}, `not "0s"`},
		{settings{Settle: "-1m"}, `not "-1m"`},
		{settings{Prefix: "a/b"}, `"a/b" as a key`},
		{settings{Prefix: "cd.\n"}, "as a key"},
		{settings{Juju: "-x"}, `"-x" looks like an option`},
	} {
		config, err := resource.Encode(Driver(nil).Config, test.settings)
		if err != nil {
			t.Fatal(err)
		}
		_, err = open(config, nil)
		mustSay(t, err, test.want)
	}
}

func TestOpenSettings(t *testing.T) {
	p := openWith(t, settings{Cloud: "c", Regions: []string{"a", "b"}, Prefix: "x:", Settle: "5m", Juju: "/opt/juju"})
	if p.usual.cloud != "c" || len(p.usual.regions) != 2 || p.prefix != "x:" || p.settle != 5*time.Minute || p.program != "/opt/juju" {
		t.Errorf("got %q %q %q %s %q", p.usual.cloud, p.usual.regions, p.prefix, p.settle, p.program)
	}
	var none cty.Value
	opened, err := open(none, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := opened.(*provider); p.prefix != "cd." || p.settle != defaultSettle || p.tick != defaultTick || p.pause != defaultPause || p.program != "juju" {
		t.Errorf("defaults: %q %s %s %s %q", p.prefix, p.settle, p.tick, p.pause, p.program)
	}
}
