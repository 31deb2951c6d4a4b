// Package arch holds the rules about which package may import which. It parses the files itself: what the go command says of imports is
// cached, and a test that asks it passes on code that has changed.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "launchpad.net/cdplan/"
	root   = "../.."
)

// may says, for every package of the module, which others of it the package may import. A trailing "/..." stands for everything below.
var may = map[string][]string{
	"providers/resource":      {},
	"providers":               {"providers/resource"},
	"providers/child":         {},
	"providers/bzr":           {"providers", "providers/child", "providers/resource"},
	"providers/juju":          {"providers", "providers/child", "providers/meter", "providers/resource"},
	"providers/meter":         {"providers/child", "providers/resource"},
	"providers/bzr/bzrtest":   {},
	"providers/mojo":          {"providers", "providers/child", "providers/resource"},
	"providers/nova":          {"providers", "providers/resource"},
	"providers/nova/novatest": {},
	"providers/providertest":  {"providers", "providers/resource"},
	"state":                   {"providers", "providers/resource"},
	"plan/graph":              {},
	"plan/schedule":           {"plan/graph"},
	"plan":                    {"plan/graph", "plan/scale", "state", "providers/resource"},
	"plan/scale":              {"state", "providers/resource"},
	"plan/replay":             {"plan/scale", "state", "providers/resource"},
	"plan/apply":              {"plan", "plan/schedule", "state", "providers", "providers/resource"},
	"cmd/internal/notify":     {},
	"cmd/internal/config":     {"cmd/internal/notify", "plan", "plan/graph", "plan/scale", "providers", "providers/resource"},
	"cmd/internal/view":       {"plan", "plan/apply", "plan/graph", "plan/replay", "plan/scale", "state", "providers/resource"},
	"cmd/internal/cli": {"cmd/internal/config", "cmd/internal/notify", "cmd/internal/view", "plan", "plan/apply", "plan/graph", "plan/replay", "plan/scale", "plan/schedule", "state", "providers",
		"providers/resource"},
	"cmd/cdplan":             {"cmd/internal/cli", "providers", "providers/bzr", "providers/juju", "providers/mojo", "providers/nova", "state"},
	"examples/quickstart":    {},
	"examples/stand-in/auth": {},
	"examples/stand-in/juju": {"examples/stand-in/auth"},
	"examples/stand-in/mojo": {"examples/stand-in/auth"},
	"examples/stand-in/nova": {"providers/nova/novatest"},
	"test/arch":              {},
	"test/barelist":          {},
	"test/openstack":         {},
	"test/scaling":           {},
}

// homes says, for packages from outside, below which of our directories they may be imported.
var homes = map[string][]string{
	"github.com/hashicorp/hcl/v2":        {"cmd/internal"},
	"github.com/spf13/cobra":             {"cmd/internal/cli"},
	"gopkg.in/ini.v1":                    {"cmd/internal/config"},
	"github.com/adhocore/gronx":          {"cmd/internal/config"},
	"github.com/cenkalti/backoff/v5":     {"cmd/internal/notify"},
	"github.com/jedib0t/go-pretty":       {"cmd/internal/view"},
	"github.com/gophercloud/gophercloud": {"providers/nova", "examples/stand-in", "test/barelist", "test/openstack"},
	"github.com/guptarohit/asciigraph":   {"cmd/internal/view"},
	"github.com/mitchellh/go-wordwrap":   {"cmd/internal/view"},
	"github.com/zclconf/go-cty":          {"providers", "plan", "cmd/internal/config"},
	"github.com/google/renameio":         {"cmd/internal/cli", "examples/stand-in/juju", "providers/mojo", "state"},
	"github.com/coreos/go-systemd":       {"cmd/internal/cli"},
	"golang.org/x/sys":                   {"cmd/internal/cli", "state"},
	"golang.org/x/text":                  {"cmd/internal/view"},
	"modernc.org/sqlite":                 {"state"},
	"github.com/prometheus":              {"cmd/internal/view"},
	"github.com/gowebpki/jcs":            {"cmd/internal/view"},
	"github.com/ohler55/ojg":             {"providers/meter"},
	"github.com/rabbitmq/amqp091-go":     {"test/scaling"},
	"os/exec":                            {"providers/bzr", "providers/child", "providers/juju", "providers/meter", "providers/mojo", "cmd/internal/notify", "examples/stand-in", "test/openstack", "test/scaling"},
}

// never says where a package that has a home is not wanted all the same.
var never = map[string][]string{
	"github.com/zclconf/go-cty": {"plan/graph", "plan/schedule", "plan/apply"},
}

// drawers are names of packages that end up holding anything.
var drawers = []string{"util", "utils", "common", "types", "helpers", "pkg", "misc"}

// file is one Go file that is not a test.
type file struct {
	dir     string // its package, relative to the root
	name    string
	imports []string
}

func TestImports(t *testing.T) {
	for _, f := range files(t) {
		allowed, known := may[f.dir]
		if !known {
			t.Errorf("%s: the package %s is not in the table", f.name, f.dir)
		}
		for _, imported := range f.imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which %s may not", f.name, ours, f.dir)
			}
			checkHome(t, f, imported)
		}
	}
}

func checkHome(t *testing.T, f file, imported string) {
	for outside, dirs := range homes {
		if below(imported, outside) && (!slices.ContainsFunc(dirs, func(dir string) bool { return below(f.dir, dir) }) ||
			slices.ContainsFunc(never[outside], func(dir string) bool { return below(f.dir, dir) })) {
			t.Errorf("%s imports %s, which has its home in %s", f.name, imported, strings.Join(dirs, ", "))
		}
	}
}

func TestNames(t *testing.T) {
	for _, f := range files(t) {
		if slices.Contains(drawers, path.Base(f.dir)) {
			t.Errorf("%s: %s is a drawer, not a package", f.name, f.dir)
		}
	}
}

// The table must not outlive what it names.
func TestTable(t *testing.T) {
	seen := map[string]bool{"examples/quickstart": true, "test/arch": true} // tests alone
	for _, f := range files(t) {
		seen[f.dir] = true
	}
	for dir := range may {
		if !seen[dir] {
			t.Errorf("the table names %s, which is no package", dir)
		}
	}
}

func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// files parses every Go file of the module that is not a test.
func files(t *testing.T) []file {
	t.Helper()
	var found []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != root || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parse(name)
		found = append(found, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 20 {
		t.Fatalf("found %d files only: this is not the module's root", len(found))
	}
	return found
}

func parse(name string) (file, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return file{}, err
	}
	relative, err := filepath.Rel(root, name)
	f := file{dir: filepath.ToSlash(filepath.Dir(relative)), name: filepath.ToSlash(relative)}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return f, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, err
}
