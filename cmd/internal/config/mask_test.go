package config

import (
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

func TestMaskPasswords(t *testing.T) {
	src := "provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://u:s3cret@h/\" }\n  command = \"/usr/bin/brz\"\n}\n  url = \"https://h/s3cret\" x\n"
	want := "provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://u:******@h/\" }\n  command = \"/usr/bin/brz\"\n}\n  url = ****************** *\n"
	if got := string(maskPasswords([]byte(src))); got != want {
		t.Errorf("got %s", got)
	}
}

// No line of cdplan.hcl that is shown with an error holds a password.
func TestHostFileIsShownWithoutPasswords(t *testing.T) {
	sources := newSources()
	var h Host
	src := []byte("provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://u:s3cret@h/\" }\n")
	if diags := h.read("cdplan.hcl", src, Options{}, sources); !diags.HasErrors() || strings.Contains(string(sources.files["cdplan.hcl"].Bytes), "s3cret") {
		t.Errorf("%v: %s", diags, sources.files["cdplan.hcl"].Bytes)
	}
}
