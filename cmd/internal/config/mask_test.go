package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	src := `stray secret
[DEFAULT]
base = lp:~team
token = hush
spec = lp:x
# password = hush
[mojo]
spec = lp:~team/svc
password = hush
no delimiter
[branches]
app = bzr+ssh://ann:hush@host/app
	http://eve:hush@host/more
[environment]
TOKEN: hush and tell
  more hush
forgotten delimiter
[own]
x = hush
[branches]
app = https://ann:pass word@host/x
lib = lp:~ann:hush@x
[environment
TOKEN = hush
[mojo]
spec = /x
 [environment]
spec = hush
`
	want := `***** ******
[DEFAULT]
base = ********
token = ****
spec = lp:x
# password = ****
[mojo]
spec = lp:~team/svc
password = ****
no delimiter
[branches]
app = bzr+ssh://ann:****@host/app
	http://eve:****@host/more
[environment]
TOKEN: **** *** ****
  **** ****
********* *********
[own]
x = ****
[branches]
app = https://ann:**** ****@host/x
lib = lp:~ann:****@x
[environment
TOKEN = ****
[mojo]
spec = /x
 [environment]
spec = ****
`
	if diff := cmp.Diff(want, string(mask([]byte(src)))); diff != "" {
		t.Errorf("mask (-want +got):\n%s", diff)
	}
}

// What is shown is as long as what was read, and holds nothing that changes a terminal.
func TestMaskEscapes(t *testing.T) {
	src := "[mojo]\nstage = a\x1b[31m\u202eb\xff\r\n"
	want := "[mojo]\nstage = a?[31m???b?\r\n"
	if got := string(mask([]byte(src))); got != want {
		t.Errorf("mask(%q) = %q, want %q", src, got, want)
	}
}

func TestMaskHost(t *testing.T) {
	src := `provider "bzr" {
  rewrite = { "lp:" = "http://u:s3cret@h/",
    "ubuntu:" = "http://u:s3cret@h/" }
  command = "/usr/bin/brz"
  timeout = "30s", token = "s3cret"
}
  url = "https://h/s3cret" x
# password = "s3cret"
provider "nova" { password = "s3cret" }
pigeon "x" {
  keys = [
    "s3cret",
  ]
  command = ["page", "--level=high"]
}
from = "2026-12-20"
`
	want := `provider "bzr" {
  rewrite = { "lp:" = "http://u:******@h/",
    "ubuntu:" = "http://u:******@h/" }
  command = "/usr/bin/brz"
  timeout = "30s", token = ********
}
  url = ****************** *
# password = ********
provider "nova" { password = ******** }
pigeon "x" {
  keys = *
    *********
  *
  command = ["page", "--level=high"]
}
from = "2026-12-20"
`
	public := func(name string) bool {
		return slices.Contains([]string{"rewrite", "command", "timeout", "from"}, name)
	}
	if diff := cmp.Diff(want, string(maskHost([]byte(src), public))); diff != "" {
		t.Errorf("mask (-want +got):\n%s", diff)
	}
}

// No line of cdplan.hcl that is shown with an error holds a password, or the value of a setting that there is not.
func TestHostFileIsShownWithoutSecrets(t *testing.T) {
	for _, src := range []string{
		"provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://u:s3cret@h/\" }\n",
		"provider \"bzr\" {\n  password = \"s3cret\"\n}\n",
		"provider \"bzr\" {\n  frobs = [\n# comment\n  \"s3cret\"]\n}\n",
		"provider \"pigeon\" {\n  command = \"s3cret\"\n}\n",
		"pigeon {\n  password = \"s3cret\"\n}\n",
		"password = \"s3cret\"\n",
		"password = \"s3cret\n",
	} {
		sources := newSources()
		var h Host
		diags := h.read("cdplan.hcl", []byte(src), Options{Drivers: drivers(), Getenv: func(string) string { return "" }}, sources)
		if !diags.HasErrors() || strings.Contains(string(sources.files["cdplan.hcl"].Bytes), "s3cret") || strings.Contains(diags.Error(), "s3cret") {
			t.Errorf("%v: %s", diags, sources.files["cdplan.hcl"].Bytes)
		}
	}
}
