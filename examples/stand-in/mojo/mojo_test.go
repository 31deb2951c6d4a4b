package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// bench is a built mojo, a spec and a cloud.
type bench struct {
	t     *testing.T
	mojo  string
	spec  string
	env   []string
	cloud *novatest.Server
}

func newBench(t *testing.T, options novatest.Options) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, mojo: filepath.Join(dir, "mojo"), spec: filepath.Join(dir, "spec")}
	if out, err := exec.Command("go", "build", "-o", b.mojo, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cloud, err := novatest.Start("", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	b.cloud = cloud
	clouds := filepath.Join(dir, "clouds.yaml")
	if err := os.WriteFile(clouds, cloud.CloudsYAML("demo"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "OS_CLOUD=demo", "OS_CLIENT_CONFIG_FILE=" + clouds}
	return b
}

// write puts a file into the spec. Those that begin with #! may be run.
func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.spec, name)
	mode := os.FileMode(0o600)
	if strings.HasPrefix(text, "#!") {
		mode = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
}

// run returns all output and the exit code.
func (b *bench) run(args ...string) (string, int) {
	b.t.Helper()
	command := exec.Command(b.mojo, args...)
	command.Env = b.env
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func wantRun(t *testing.T, out string, code, wantCode int, texts ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit %d, want %d\n%s", code, wantCode, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in\n%s", text, out)
		}
	}
}

func (b *bench) names() []string {
	var names []string
	for _, s := range b.cloud.Servers() {
		names = append(names, s.Name+" "+s.Status)
	}
	slices.Sort(names)
	return names
}

func TestDeployBootsWhatIsMissing(t *testing.T) {
	b := newBench(t, novatest.Options{Boot: 300 * time.Millisecond})
	b.write("manifest", "deploy config=services\nverify\n")
	b.write("services", "# name, count\n[servers]\njuju-api-machine-%d 2\njuju-web-machine-%d 1\n")
	b.write("verify", "#!/bin/sh\nexit 0\n")
	args := []string{"run", "--project", "api", "--series=trusty", "--stage", "production", b.spec, "api"}
	out, code := b.run(args...)
	wantRun(t, out, code, 0, "booting juju-api-machine-2", "all 3 servers are ACTIVE", "### run complete, 2 phases")
	want := []string{"juju-api-machine-1 ACTIVE", "juju-api-machine-2 ACTIVE", "juju-web-machine-1 ACTIVE"}
	if diff := cmp.Diff(want, b.names()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	first := b.cloud.Servers()[0]
	if diff := cmp.Diff(map[string]string{"juju-units-deployed": "api/0"}, first.Metadata); diff != "" {
		t.Errorf("metadata of %s (-want +got):\n%s", first.Name, diff)
	}

	b.cloud.ResetRequests()
	out, code = b.run(args...)
	wantRun(t, out, code, 0, "juju-api-machine-1 is there")
	if n := b.cloud.Count("POST", "/servers"); n != 0 {
		t.Errorf("%d servers booted by the second run, want none", n)
	}
}

func TestDeployWithoutWaiting(t *testing.T) {
	b := newBench(t, novatest.Options{Boot: time.Hour})
	b.write("manifest", "deploy config=services wait=False\n")
	b.write("services", "juju-api-machine-%d 1\n")
	out, code := b.run("run", "--project=api", "file://"+b.spec, "api")
	wantRun(t, out, code, 0)
	if diff := cmp.Diff([]string{"juju-api-machine-1 BUILD"}, b.names()); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	b.write("manifest", "deploy config=services timeout=0\n")
	out, code = b.run("run", "--project=api", b.spec, "api")
	wantRun(t, out, code, 1, "[ERROR] phase deploy", "timeout after 0 seconds")
	b.cloud.SetStatus(b.cloud.Servers()[0].ID, "ERROR")
	b.write("manifest", "deploy config=services\n")
	out, code = b.run("run", "--project=api", b.spec, "api")
	wantRun(t, out, code, 1, "cannot start juju-api-machine-1: it is in ERROR")
}

func TestDeployByVariables(t *testing.T) {
	b := newBench(t, novatest.Options{})
	b.env = []string{
		"OS_AUTH_URL=" + b.cloud.URL + "/v3", "OS_USERNAME=demo", "OS_PASSWORD=secret", "OS_PROJECT_NAME=demo",
		"OS_DOMAIN_NAME=Default", "OS_REGION_NAME=RegionOne",
		"MOJO_PROJECT=api", "MOJO_WORKSPACE=api", "MOJO_SPEC=" + b.spec,
	}
	b.write("manifest", "deploy config=services\n")
	b.write("services", "juju-api-machine-%d 1\n")
	out, code := b.run("run")
	wantRun(t, out, code, 0, "all 1 servers are ACTIVE")
}

func TestFailureEndsTheRun(t *testing.T) {
	b := newBench(t, novatest.Options{})
	b.write("manifest", "script config=one\nverify config=two\nscript config=three\n")
	b.write("one", "#!/bin/sh\necho one ran\n")
	b.write("two", "#!/bin/sh\nexit 3\n")
	b.write("three", "#!/bin/sh\necho three ran\n")
	out, code := b.run("run", "--project", "p", b.spec, "w")
	wantRun(t, out, code, 1, "one ran")
	if strings.Contains(out, "three ran") {
		t.Errorf("the phase after the failed one ran:\n%s", out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	want := "[ERROR] phase verify (line 2 of manifest) failed: cannot run two: exit status 3"
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, want) {
		t.Errorf("the last line is %q, want %q", last, want)
	}
}

func TestManifestStageAndEnvironment(t *testing.T) {
	b := newBench(t, novatest.Options{})
	b.env = append(b.env, "WHO=world", "MOJO_ROOT=/root-of-mojo")
	b.write("manifest", "nonsense\n")
	b.write("production/manifest-hello", `
# a comment
secrets
collect
repo
sleep seconds=0   # another
script config=hello GREETING="hello ${WHO}" NAME='${NOBODY:-no  one}' lower=x
nagios-check
`)
	b.write("collect", "charms @\ncharms/api lp:~team/api/charm;revno=3\n")
	b.write("hello", "#!/bin/sh\necho common\n")
	b.write("production/hello", `#!/bin/sh
echo "$GREETING and $NAME$lower: $MOJO_PROJECT $MOJO_SERIES $MOJO_STAGE $MOJO_WORKSPACE $MOJO_LOCAL_DIR"
test "$MOJO_SPEC_DIR" = "$PWD" && echo in the spec
`)
	out, code := b.run("run", "--project", "p", "--series", "s", "--stage", "production", "-m", "manifest-hello", b.spec+";revno=4", "w")
	wantRun(t, out, code, 0,
		"hello world and no  one: p s production w /root-of-mojo/p/s/w/local\n", "in the spec",
		"would collect charms/api from lp:~team/api/charm;revno=3", `"revno=4" is left aside`, "[INFO] ### phase nagios-check\n")
}

func TestRefusals(t *testing.T) {
	b := newBench(t, novatest.Options{})
	b.write("good", "script config=touch\n")
	b.write("touch", "#!/bin/sh\necho touched\n")
	b.write("unknown", "script config=touch\nfrobnicate\n")
	b.write("quote", "script config=\"touch\n")
	b.write("word", "script touch\n")
	b.write("variable", "script config=${UNSET_VARIABLE}\n")
	b.write("absent", "script config=nothing\n")
	b.write("servers", "deploy config=lines\n")
	b.write("lines", "juju-machine 2\n")
	tests := []struct{ args, want string }{
		{"run --project p -m unknown SPEC w", `cannot read unknown: line 2: unknown phase "frobnicate"`},
		{"run --project p -m quote SPEC w", "a quote is not closed"},
		{"run --project p -m word SPEC w", `argument "touch" is not key=value`},
		{"run --project p -m variable SPEC w", "variable UNSET_VARIABLE is not set"},
		{"run --project p -m absent SPEC w", "cannot find nothing in the spec"},
		{"run --project p -m servers SPEC w", `cannot deploy "juju-machine 2"`},
		{"run --project p --manifest missing SPEC w", "cannot find missing in the spec"},
		{"run --project p lp:~team/spec w", "not a directory on this machine"},
		{"run -m good SPEC w", "no project given"},
		{"run --project p -m good SPEC", "no workspace given"},
		{"run --project p -m good SPEC w more", `cannot take argument "more"`},
		{"project-new p", "cannot do that"},
	}
	for _, test := range tests {
		out, code := b.run(strings.Fields(strings.ReplaceAll(test.args, "SPEC", b.spec))...)
		wantRun(t, out, code, 1, test.want)
		if strings.Contains(out, "touched") {
			t.Errorf("%s: a phase ran:\n%s", test.args, out)
		}
	}
	out, code := b.run("--version")
	wantRun(t, out, code, 0, "stand-in")
}
