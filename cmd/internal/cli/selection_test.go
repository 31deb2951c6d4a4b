package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/plan"
)

func TestChoose(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"some": "# the web\n\n  web-?   # one digit\r\napi", "none": "# nothing\n\n", "wrong": "api\n\nap\n", "bad": "api\n[\n", "api": "api\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) []string { return []string{filepath.Join(dir, name)} }
	var services []plan.Service
	for _, name := range []string{"api", "db", "web-1", "web-10"} {
		services = append(services, plan.Service{Name: name})
	}
	for _, test := range []struct {
		name string
		selection
		want string // the services, or the error
	}{
		{"all", selection{}, "api db web-1 web-10"},
		{"targets", selection{targets: []string{"web-*", "db"}, excludes: []string{"*0"}}, "db web-1"},
		{"a file", selection{targetFiles: file("some")}, "api web-1"},
		{"a file and more", selection{targets: []string{"db"}, targetFiles: file("api")}, "api db"},
		{"a file of others", selection{excludeFiles: file("some")}, "db web-10"},
		{"a file of no others", selection{excludeFiles: file("none")}, "api db web-1 web-10"},
		{"others that are none", selection{excludeFiles: file("wrong")}, "db web-1 web-10"},
		{"no service", selection{targets: []string{"wbe"}}, "no service matches -target wbe"},
		{"no service in a file", selection{targetFiles: file("wrong")}, `DIR/wrong:3: no service matches "ap"`},
		{"no pattern", selection{excludes: []string{"["}}, `"[" is not a pattern of service names: * stands for any text, ? for one character`},
		{"no pattern in a file", selection{excludeFiles: file("bad")}, `DIR/bad:2: "[" is not a pattern of service names: * stands for any text, ? for one character`},
		{"an empty file", selection{targetFiles: file("none")}, "DIR/none has no pattern, so that nothing would be selected: write one a line"},
		{"no file", selection{targetFiles: file("gone")}, "cannot read -target-file: open DIR/gone: no such file or directory"},
		{"a directory", selection{excludeFiles: []string{dir}}, "cannot read -exclude-file: read DIR: is a directory"},
		{"nothing left", selection{targetFiles: file("api"), excludes: []string{"a*"}}, "-target and -exclude leave no service"},
		{"both ways", selection{withDeps: true, noDeps: true}, "-with-deps takes along what goes first, and -no-deps goes without: give one of them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := test.choose(services)
			var found []string
			for _, service := range services {
				if err == nil && c.has(service.Name) {
					found = append(found, service.Name)
				}
			}
			got := strings.Join(found, " ")
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("chosen (-want +got):\n%s", diff)
			}
		})
	}
}

// What is printed to be typed does the same.
func TestSelectionArguments(t *testing.T) {
	s := selection{targets: []string{"web-*", "db"}, targetFiles: []string{"my list"}, excludes: []string{"x"}, excludeFiles: []string{"-"}}
	want := " -target 'web-*' -target db -target-file 'my list' -exclude x -exclude-file -"
	for deps, change := range map[string]func(*selection){
		"": func(*selection) {}, " -with-deps": func(s *selection) { s.withDeps = true }, " -no-deps": func(s *selection) { s.noDeps = true },
	} {
		given := s
		change(&given)
		if got := given.arguments(); got != want+deps {
			t.Errorf("got %s, want %s", got, want+deps)
		}
	}
	for _, given := range []selection{{targets: []string{"x"}}, {targetFiles: []string{"x"}}, {excludes: []string{"x"}}, {excludeFiles: []string{"x"}}} {
		if given.all() {
			t.Errorf("%v is all", given)
		}
	}
}

// Nobody is left out who was taken along.
func TestSayTaken(t *testing.T) {
	for want, taken := range map[string][]string{"": nil, "-with-deps takes along what goes first: a, b, c, d, e, f, g\n\n": {"a", "b", "c", "d", "e", "f", "g"}} {
		var stderr strings.Builder
		(&Env{Stderr: &stderr}).sayTaken(&plan.Plan{Taken: taken})
		if stderr.String() != want {
			t.Errorf("got %q, want %q", stderr.String(), want)
		}
	}
}
