package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
)

func TestProviderSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdplan.hcl")
	text := "parallelism = 2\nprovider \"bzr\" {\n  timeout = \"9s\"\n  parallelism = 3\n  rewrite = {\"lp:\" = \"sftp://ann:hush@host/\"}\n}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	fleet, diags := LoadHost(Options{Config: path, Getenv: func(string) string { return "" }, Drivers: []providers.Driver{bzr.Driver()}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []Setting{{"parallelism", "3", path + ":4"}, {"rewrite", "{\n  \"lp:\" = \"sftp://ann:****@host/\"\n}", path + ":5"}, {"timeout", `"9s"`, path + ":3"}}
	if diff := cmp.Diff(want, fleet.Host.ProviderSettings("bzr")); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if got := fleet.Host.Place("parallelism") + " " + fleet.Host.Place("root"); got != path+":1 " {
		t.Errorf("places: %q", got)
	}
	if got := fleet.Host.ProviderSettings("nova"); got != nil {
		t.Errorf("of a provider that is not written: %v", got)
	}
}
