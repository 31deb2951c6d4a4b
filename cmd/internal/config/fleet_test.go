package config

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
	"launchpad.net/cdplan/providers/resource"
)

// TestLoad loads each directory of testdata/fleets.txtar as a root, and compares what it finds with the file "want" in it.
func TestLoad(t *testing.T) {
	const golden = "testdata/fleets.txtar"
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	roots := map[string]string{}
	for _, file := range archive.Files {
		name, rest, _ := strings.Cut(file.Name, "/")
		if roots[name] == "" {
			roots[name] = t.TempDir()
		}
		if rest != "want" {
			writeFile(t, filepath.Join(roots[name], rest), file.Data)
		}
	}
	for i, file := range archive.Files {
		name, rest, _ := strings.Cut(file.Name, "/")
		if rest != "want" {
			continue
		}
		got := strings.ReplaceAll(describe(load(roots[name])), roots[name], "ROOT")
		if *update {
			archive.Files[i].Data = []byte(got)
		} else if diff := cmp.Diff(string(file.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if *update {
		writeFile(t, golden, txtar.Format(archive))
	}
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func drivers() []providers.Driver {
	return []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(nil), juju.Driver(juju.New())}
}

func load(root string) (*Fleet, hcl.Diagnostics) {
	return Load(Options{Root: root, Getenv: func(string) string { return "" }, Drivers: drivers()})
}

func describe(fleet *Fleet, diags hcl.Diagnostics) string {
	var b strings.Builder
	b.WriteString(text(diags, fleet))
	for _, service := range fleet.Services {
		fmt.Fprintf(&b, "service %s", service.Name)
		if len(service.After) > 0 {
			fmt.Fprintf(&b, " after %s", strings.Join(service.After, ", "))
		}
		if service.Attended {
			b.WriteString(" attended")
		}
		if service.AllowRewritten {
			b.WriteString(" allow_rewritten")
		}
		if service.SpecRecords {
			b.WriteString(" spec_records")
		}
		b.WriteString("\n")
		if service.Err != nil {
			b.WriteString(text(fleet.Sources.Diagnose(service.Err), fleet))
			continue
		}
		for _, declared := range service.Resources {
			fmt.Fprintf(&b, "  %s%s\n", declared.Addr, attrs(declared))
		}
	}
	return b.String()
}

func text(diags hcl.Diagnostics, fleet *Fleet) string {
	var b bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&b, fleet.Sources.Files(), 78, false).WriteDiagnostics(diags); err != nil {
		return err.Error()
	}
	return b.String()
}

// attrs writes what is given of a resource, but for what every service has.
func attrs(declared plan.Declared) string {
	var b strings.Builder
	values := declared.Config.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if v.IsNull() || slices.Contains([]string{"tree_sha1", "directory", "labels"}, name) {
			continue
		}
		switch {
		case v.Type() == cty.String:
			fmt.Fprintf(&b, " %s=%s", name, v.AsString())
		case v.Type() == cty.Number:
			fmt.Fprintf(&b, " %s=%s", name, v.AsBigFloat().Text('g', -1))
		case v.Type().IsListType():
			fmt.Fprintf(&b, " %s=%s", name, joined(v))
		default:
			for key, element := range v.AsValueMap() {
				fmt.Fprintf(&b, " %s.%s=%s", name, key, element.AsString())
			}
		}
	}
	return b.String()
}

func joined(v cty.Value) string {
	var texts []string
	for _, element := range v.AsValueSlice() {
		texts = append(texts, element.AsString())
	}
	return strings.Join(texts, ",")
}

func TestRoot(t *testing.T) {
	empty := t.TempDir()
	writeFile(t, filepath.Join(empty, "secrets", "key"), nil)
	writeFile(t, filepath.Join(empty, ".hidden", "config.ini"), nil)
	for root, want := range map[string]string{
		filepath.Join(empty, "absent"): "No root; The directory of the services cannot be read",
		empty:                          "No services; There is no config.ini in any directory below",
	} {
		fleet, diags := load(root)
		if len(fleet.Services) > 0 || !diags.HasErrors() || !strings.HasPrefix(strings.Replace(diags[0].Error(), "<nil>: ", "", 1), want) {
			t.Errorf("%s: %v, want %q", root, diags, want)
		}
	}
}

// A file says where each value stands, so that an error of a provider can show the line.
func TestDiagnose(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "api", "config.ini"), []byte("[mojo]\nspec = lp:spec\n[branches]\napp = lp:app;revno=9\n[nova]\nservers = api-*\n"))
	fleet, diags := load(root)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, test := range []struct{ typ, label, attr, want string }{
		{"bzr_branch", "app", "location", "api/config.ini:4,7-21"},
		{"bzr_branch", "spec", "location", "api/config.ini:2,8-15"},
		{"nova_stamp", "stamp", "servers", "api/config.ini:6,11-16"},
		{"bzr_branch", "config", "location", ""},
	} {
		err := fmt.Errorf("wrapped: %w", &resource.AttrError{Addr: resource.Addr{Service: "api", Type: test.typ, Label: test.label},
			Attr: test.attr, Summary: "Kind", Detail: "What."})
		got := fleet.Sources.Diagnose(err)
		where := ""
		if got[0].Subject != nil {
			where = got[0].Subject.String()
		}
		if where != test.want || got[0].Summary != "Kind" || got[0].Detail != "What." {
			t.Errorf("%s.%s: %v at %q, want it at %q", test.typ, test.label, got, where, test.want)
		}
	}
}

func TestHost(t *testing.T) {
	tests := []struct {
		name, src string
		env       map[string]string
		root      string // -root
		want      string
	}{
		{name: "nothing", src: "", want: "root=/srv/mojo/LOCAL state= parallelism=4"},
		{name: "all", src: `root = "/r"` + "\n" + `state = "/s"` + "\nparallelism = 2\n", want: "root=/r state=/s parallelism=2"},
		{name: "root by variable", src: `root = "/r"`, env: map[string]string{"CDPLAN_ROOT": "/v"}, want: "root=/v state= parallelism=4"},
		{name: "root by flag", src: `root = "/r"`, env: map[string]string{"CDPLAN_ROOT": "/v"}, root: "/f", want: "root=/f state= parallelism=4"},
		{name: "relative root", src: `root = "r"`, want: `Invalid value; "root" must be an absolute path, not "r".`},
		{name: "unknown attribute", src: "paralelism = 2",
			want: `Unsupported argument; An argument named "paralelism" is not expected here. Did you mean "parallelism"?`},
		{name: "negative", src: "parallelism = -1", want: `Invalid value; "parallelism" must be a whole number, 1 or more.`},
		{name: "half a service", src: "parallelism = 1.5", want: `Invalid value; "parallelism" must be a whole number, 1 or more.`},
		{name: "unknown provider", src: `provider "nowa" {}`, want: `Unknown provider; There is no provider "nowa". Did you mean "nova"?`},
		{name: "provider twice", src: "provider \"nova\" {}\nprovider \"nova\" {}", want: `Duplicate provider; The provider "nova" is already configured on line 1.`},
		{name: "unknown setting", src: "provider \"mojo\" {\n  comand = []\n}",
			want: `Unsupported argument; An argument named "comand" is not expected here. Did you mean "command"?`},
		{name: "no hcl", src: "root", want: "Argument or block definition required; An argument or block definition is required here. To set an argument, use the equals sign \"=\" to introduce the argument value."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeFile(t, "cdplan.hcl", []byte(test.src))
			host, diags := loadHost(Options{Config: "cdplan.hcl", Root: test.root, Drivers: drivers(),
				Getenv: func(name string) string { return test.env[name] }}, newSources())
			got := fmt.Sprintf("root=%s state=%s parallelism=%d", host.Root, host.State, host.Parallelism)
			if diags.HasErrors() {
				got = diags[0].Summary + "; " + diags[0].Detail
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("host (-want +got):\n%s", diff)
			}
		})
	}
}

// Whether anything was changed is told by what was read, whatever of it may be shown.
func TestSame(t *testing.T) {
	root := t.TempDir()
	service, host := filepath.Join(root, "api", "config.ini"), filepath.Join(root, "cdplan.hcl")
	before := ""
	for _, step := range []struct {
		name string
		do   func()
		same bool
	}{
		{"made", func() { writeFile(t, service, []byte("[mojo]\nspec = lp:x\n[own]\npassword = hush\n")) }, false},
		{"touched", func() { writeFile(t, service, []byte("[mojo]\nspec = lp:x\n[own]\npassword = hush\n")) }, true},
		{"a secret", func() { writeFile(t, service, []byte("[mojo]\nspec = lp:x\n[own]\npassword = hunt\n")) }, false},
		{"a host", func() { writeFile(t, host, []byte("parallelism = 2\n")) }, false},
		{"the host", func() { writeFile(t, host, []byte("parallelism = 3\n")) }, false},
		{"a service", func() { writeFile(t, filepath.Join(root, "web", "config.ini"), []byte("[mojo]\nspec = lp:x\n")) }, false},
		{"gone", func() {
			if err := os.RemoveAll(filepath.Join(root, "web")); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		old, _ := load(root)
		step.do()
		fresh, _ := load(root)
		if got := fresh.Sources.Same(old.Sources); got != step.same {
			t.Errorf("%s after %s: the same: %t", step.name, before, got)
		}
		before = step.name
	}
}
