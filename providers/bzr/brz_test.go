package bzr

import (
	"crypto/sha1"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr/bzrtest"
	"launchpad.net/cdplan/providers/resource"
)

// TestMain gives every brz, the tests' own and the package's, an environment that no user's configuration reaches.
func TestMain(m *testing.M) {
	os.Exit(isolated(m))
}

func isolated(m *testing.M) int {
	home, err := os.MkdirTemp("", "cdplan-bzr-test-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": home + "/cache", "BRZ_HOME": home, "BRZ_EMAIL": "Ann Example <ann@example.com>", "BRZ_LOG": "/dev/null", "LC_ALL": "C.UTF-8",
		"BRZ_PROGRESS_BAR": "none",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// breezy runs the tests' own commands of brz. It is started when it is first needed.
var breezy = sync.OnceValues(func() (*bzrtest.Process, error) { return bzrtest.Start() })

// brz runs brz in the directory and returns what it prints.
func brz(t testing.TB, dir string, args ...string) string {
	t.Helper()
	process, err := breezy()
	if err != nil {
		t.Fatal(err)
	}
	out, err := process.Run(dir, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func brzEnv(t testing.TB, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command("brz", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("brz %q: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// shell runs a command as a person would who pasted it.
func shell(t testing.TB, command string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// commit writes config.ini and commits all there is.
func commit(t testing.TB, dir, text string) {
	t.Helper()
	write(t, filepath.Join(dir, "config.ini"), text)
	brz(t, dir, "add", "-q")
	brz(t, dir, "commit", "-q", "-m", "set "+text)
}

// newBranch makes a branch of the format with one commit for each text of config.ini.
func newBranch(t testing.TB, dir, format string, texts ...string) string {
	t.Helper()
	brz(t, "/", "init", "-q", "--format="+format, dir)
	for _, text := range texts {
		commit(t, dir, text)
	}
	return dir
}

// info is what brz itself says about a revision of a branch; the tip without arguments.
func info(t testing.TB, dir string, args ...string) resource.Revision {
	t.Helper()
	revno, id, _ := strings.Cut(strings.TrimSpace(brz(t, "/", append([]string{"revision-info", "-d", dir}, args...)...)), " ")
	return resource.Revision{Revno: revno, ID: id}
}

func sum(text string) string {
	s := sha1.Sum([]byte(text))
	return hex.EncodeToString(s[:])
}

// opened opens the provider with settings as they might stand in a file.
func opened(t testing.TB, settings map[string]cty.Value) providers.Provider {
	t.Helper()
	p, err := Driver().Open(t.Context(), object(Driver().Config, settings))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// withoutBrz opens a provider that cannot run any process.
func withoutBrz(t testing.TB) providers.Provider {
	return opened(t, map[string]cty.Value{"command": cty.StringVal("/nonexistent/brz")})
}

func object(s resource.Schema, values map[string]cty.Value) cty.Value {
	attrs := make(map[string]cty.Value)
	for name, attr := range s.Attrs {
		attrs[name] = cty.NullVal(attr.Type)
		if value, ok := values[name]; ok {
			attrs[name] = value
		}
	}
	return cty.ObjectVal(attrs)
}

func wanted(label, location string) resource.Wanted {
	return resource.Wanted{
		Addr:   resource.Addr{Service: "api", Type: branchType, Label: label},
		Config: object(branchSchema(), map[string]cty.Value{"location": cty.StringVal(location)}),
	}
}

// wantedTree asks for the branch of a service whose config.ini was read as text.
func wantedTree(dir, text string) resource.Wanted {
	w := wanted("config", dir)
	w.Config = object(branchSchema(), map[string]cty.Value{
		"location": cty.StringVal(dir), "tree_file": cty.StringVal("config.ini"), "tree_sha1": cty.StringVal(sum(text)),
	})
	return w
}

func read(t testing.TB, p providers.Provider, want ...resource.Wanted) []resource.Reading {
	t.Helper()
	return p.Resource(branchType).Read(t.Context(), want)
}

// revision returns the revision in a reading that must have one.
func revision(t testing.TB, r resource.Reading) resource.Revision {
	t.Helper()
	if r.Err != nil {
		t.Fatalf("reading %s failed: %v", r.Addr, r.Err)
	}
	v := r.Object.GetAttr("revision")
	return resource.Revision{Revno: v.GetAttr("revno").AsString(), ID: v.GetAttr("id").AsString()}
}
