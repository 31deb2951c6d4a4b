package mojo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

var _ providers.Examiner = (*runner)(nil)

// examine opens the provider with that command line.
func examine(t *testing.T, command ...string) []resource.Finding {
	t.Helper()
	config, err := resource.Encode(Driver().Config, settings{Command: command})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(providers.Examiner).Examine(t.Context(), nil)
}

// install writes a program for this test.
func install(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExamine(t *testing.T) {
	told := install(t, "mojo", `echo "mojo 1.2 $1"; echo more`)
	silent, failing := install(t, "mojo", "true"), install(t, "mojo", "echo no; exit 2")
	marker := filepath.Join(t.TempDir(), "deployed")
	other := install(t, "deploy", "touch "+marker)
	for _, test := range []struct {
		name    string
		path    string // of the directory on PATH
		command []string
		want    string // "VALUE, FROM" of each
	}{
		{"the default", filepath.Dir(told), nil, told + ", default; mojo 1.2 --version, "},
		{"a path", "", []string{told, "run"}, told + `, command in the block provider "mojo"; mojo 1.2 --version, `},
		{"no answer", "", []string{silent}, silent + `, command in the block provider "mojo"; not known: mojo --version does not answer, `},
		{"a wrong answer", "", []string{failing}, failing + `, command in the block provider "mojo"; not known: mojo --version does not answer, `},
		{"another program", "", []string{other}, other + `, command in the block provider "mojo"; not asked: the program is not called mojo, `},
		{"one for each service", "", []string{"/bin/{stage}"}, `/bin/{stage}, command in the block provider "mojo", filled in for each service`},
		{"one in the directory", "", []string{"./deploy"}, `./deploy, command in the block provider "mojo", in the directory of each service`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("PATH", test.path+":/usr/bin:/bin")
			var texts []string
			for _, f := range examine(t, test.command...) {
				if f.Err != nil {
					t.Error(f.Err)
				}
				texts = append(texts, f.Value+", "+f.From)
			}
			if got := strings.Join(texts, "; "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a program that is not mojo was run")
	}
}

func TestExamineFindsNoMojo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, command := range map[string][]string{"on PATH": nil, "no such file": {filepath.Join(t.TempDir(), "mojo")}} {
		found := examine(t, command...)
		if len(found) != 1 || found[0].Err == nil || found[0].Minor || !strings.Contains(found[0].Err.Error(), "nothing can be deployed: ") {
			t.Errorf("%s: %v", name, found)
		}
	}
}
