package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/nova/novatest"
)

// TestMain puts a program juju on PATH, which is this one.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"juju": main})
}

// bench is a cloud, which the environment names.
type bench struct {
	*testing.T
	cloud *novatest.Server
}

func newBench(t *testing.T) bench {
	t.Helper()
	cloud, err := novatest.Start("", novatest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	clouds := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(clouds, cloud.CloudsYAML("demo"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OS_CLOUD", "demo")
	t.Setenv("OS_CLIENT_CONFIG_FILE", clouds)
	t.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // under the race detector each juju would sleep for a second at its end
	return bench{t, cloud}
}

func (b bench) add(name string, metadata map[string]string) string {
	return b.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: name, Metadata: metadata})
}

// run returns all output of a juju that has to end with that code.
func (b bench) run(code int, args ...string) string {
	b.Helper()
	cmd := exec.Command("juju", args...)
	out, _ := cmd.CombinedOutput() // the code is looked at
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.Errorf("%v: exit code %d, want %d\n%s", args, got, code, out)
	}
	return string(out)
}

// What the stand-in answers is read by what reads the real one, in every dialect.
func TestDialects(t *testing.T) {
	b := newBench(t)
	one, two, web := b.add("juju-api-machine-1", nil), b.add("juju-api-machine-2", nil), b.add("juju-web-api-machine-1", nil)
	controller := b.add("juju-api-machine-0", map[string]string{"juju-is-controller": "true"})
	b.add("juju-api-machine-00", map[string]string{"juju-is-state": "true"})
	b.add("other", nil)
	want := map[string][]string{"api": {one, two}, "web-api": {web}}
	for version, marks := range map[string][]string{
		"1.25.6-xenial-amd64":      {`"environment":"demo"`, `"services"`, `"series"`},
		"2.9.51-ubuntu-amd64":      {`"model"`, `"applications"`, `"series"`},
		"3.6.1-genericlinux-amd64": {`"model"`, `"applications"`, `"base"`},
	} {
		t.Setenv("JUJU_STANDIN_VERSION", version)
		if got := b.run(0, "version"); got != version+"\n" {
			t.Errorf("version %q, want %q", got, version)
		}
		answer := b.run(0, "status", "--format=json")
		if old := strings.HasPrefix(version, "1."); strings.Contains(answer, "state-server") != old || strings.Contains(answer, controller) != old {
			t.Errorf("%s: the controllers belong to a model of their own but in juju 1: %s", version, answer)
		}
		for _, mark := range marks {
			if !strings.Contains(answer, mark) {
				t.Errorf("%s: no %s in %s", version, mark, answer)
			}
		}
		for _, model := range []string{"", "demo"} {
			servers, faults, err := juju.New().Servers(t.Context(), "juju", model)
			if err != nil || len(faults) > 0 {
				t.Errorf("%s: faults %v, error %v", version, faults, err)
			}
			if diff := cmp.Diff(want, servers); diff != "" {
				t.Errorf("%s: servers (-want +got):\n%s", version, diff)
			}
		}
	}
}

func TestTable(t *testing.T) {
	b := newBench(t)
	b.add("juju-api-machine-1", nil)
	id := b.add("juju-web-machine-2", nil)
	want := "Unit   Machine  Inst id\nweb/1  1        " + id + "\n"
	if diff := cmp.Diff(want, b.run(0, "status", "web")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	for _, test := range []struct{ version, logged, args, want string }{
		{"1.25.6", "", "status -m demo", "ERROR flag provided but not defined: -m"},
		{"1.25.6", "", "status -B", "not defined: -B"},
		{"2.9.51", "", "status -e demo", "not defined: -e"},
		{"1.25.6", "", "status -e no", `ERROR environment "no" not found`},
		{"3.6.1", "", "status -m no", "ERROR model no not found"},
		{"3.6.1", "no", "status", "please enter password for admin on stand-in: \nERROR cannot read password: EOF"},
		{"3.6.1", "", "status a b", "one application"},
		{"3.6.1", "", "status --format=yaml", "invalid value"},
		{"3.6.1", "", "add-relation api db", "is not a juju command"},
		{"3.6.1", "", "add-unit api", "set $JUJU_STANDIN_STATE"},
	} {
		t.Setenv("JUJU_STANDIN_VERSION", test.version)
		t.Setenv("JUJU_STANDIN_LOGGED_OUT", test.logged)
		if out := b.run(1, strings.Fields(test.args)...); !strings.Contains(out, test.want) {
			t.Errorf("%s: got %q, want ...%s...", test.args, out, test.want)
		}
	}
	t.Setenv("JUJU_STANDIN_LOGGED_OUT", "")
	t.Setenv("OS_CLOUD", "nowhere")
	if out := b.run(1, "status"); !strings.Contains(out, "cannot find a cloud") {
		t.Errorf("got %q", out)
	}
}
