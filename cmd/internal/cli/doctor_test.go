package cli

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
)

var (
	textSections = regexp.MustCompile(`(?s)^host\n.*\n\nBranches`)
	jsonSections = regexp.MustCompile(`(?s)  "sections": \[.*?\n  \],\n`)
)

// sectionless leaves out what doctor tells of this host and of providers.
func sectionless(text string) string {
	return textSections.ReplaceAllString(jsonSections.ReplaceAllString(text, ""), "Branches")
}

func TestDoctor(t *testing.T) {
	services := map[string]string{
		"api": "[mojo]\nspec = lp:spec\n[branches]\napp = bzr+ssh://host/api\nlib = sftp://ann:hush@host/lib\n",
		"web": "[mojo]\nspec = lp:spec\n[branches]\napp = ../web\n",
		"x":   "[mojo]\nspce = lp:spec\n",
		"y":   "[mojo]\nspec = FILE:///srv/y\n",
	}
	read := branches(map[string]string{"lp:spec": "a name on Launchpad", "sftp://ann:hush@host/lib": "sftp"},
		map[string]error{"sftp://ann:hush@host/lib": errors.New("no route"),
			"../web": &resource.AttrError{Addr: resource.Addr{Service: "web"}, Summary: "Relative path", Detail: "Write it out."}})
	code, stdout, stderr := cdplan(t, services, read, "doctor")
	want := `Branches
  9 in all: 4 local, 2 lp, 1 bzr+ssh, 1 other, 1 sftp
  took a slower way to read:
    a name on Launchpad:
      api/bzr_branch.spec  lp:spec
      web/bzr_branch.spec  lp:spec
    api/bzr_branch.lib: sftp
  cannot be read:
    api/bzr_branch.lib: no route
    web/bzr_branch.app: Relative path: Write it out.
    x: Missing spec, see cdplan validate
`
	if diff := cmp.Diff(want, sectionless(stdout)); diff != "" || code != codeError || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout (-want +got):\n%s", code, stderr, diff)
	}
	code, stdout, stderr = cdplan(t, services, read, "doctor", "-target", "y")
	if want := "Branches\n  2 in all: 2 local\n"; sectionless(stdout) != want || code != codeOK || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout %s", code, stderr, stdout)
	}
}

func TestDoctorJSON(t *testing.T) {
	read := branches(map[string]string{"lp:spec": "a name on Launchpad"}, map[string]error{"lp:app": errors.New("no route")})
	services := map[string]string{"api": "[mojo]\nspec = lp:spec\n[branches]\napp = lp:app\n", "x": "[mojo]\n"}
	code, stdout, stderr := cdplan(t, services, read, "doctor", "-json")
	want := `{
  "format_version": "1.5",
  "healthy": false,
  "branches": {
    "count": 3,
    "schemes": [
      {
        "scheme": "lp",
        "count": 2
      },
      {
        "scheme": "local",
        "count": 1
      }
    ],
    "fallbacks": [
      {
        "resource": "api/bzr_branch.spec",
        "location": "lp:spec",
        "reason": "a name on Launchpad"
      }
    ],
    "unreadable": [
      {
        "service": "api",
        "resource": "api/bzr_branch.app",
        "diagnostics": [
          {
            "severity": "error",
            "summary": "Cannot tell",
            "detail": "api: no route",
            "file": "",
            "line": 0,
            "column": 0
          }
        ]
      },
      {
        "service": "x",
        "resource": "",
        "diagnostics": [
          {
            "severity": "error",
            "summary": "Missing spec",
            "detail": "A service needs the branch of its mojo spec: write spec = LOCATION under [mojo].",
            "file": "x/config.ini",
            "line": 1,
            "column": 1
          }
        ]
      }
    ]
  }
}
`
	if diff := cmp.Diff(want, sectionless(stdout)); diff != "" || code != codeError || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout (-want +got):\n%s", code, stderr, diff)
	}
	// Every list is there, and the branches of services that are not selected are not read.
	code, stdout, _ = cdplan(t, services, func(w resource.Wanted) resource.Reading {
		t.Errorf("%s was read", w.Addr)
		return resource.Reading{}
	}, "doctor", "-json", "-exclude", "api")
	want = `{
  "format_version": "1.5",
  "healthy": false,
  "branches": {
    "count": 0,
    "schemes": [],
    "fallbacks": [],
`
	if !strings.HasPrefix(sectionless(stdout), want) || code != codeError {
		t.Errorf("code %d, stdout %s", code, stdout)
	}
}
