package bzr

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]location{
		"/srv/a b":                            {path: "/srv/a b"},
		"/srv/a;revno=41":                     {path: "/srv/a", pin: pin{byRevno, "41"}},
		"/srv/a,b;x;revno=41.2.1":             {path: "/srv/a,b;x", pin: pin{byRevno, "41.2.1"}},
		"file:///srv/a%20b/":                  {path: "/srv/a b"},
		"file://localhost/srv/a":              {path: "/srv/a"},
		"file:///srv/a/,branch=x%2Fy;revno=2": {path: "/srv/a", name: "x/y", pin: pin{byRevno, "2"}},
		"file:///srv/a,branch=caf%C3%A9":      {path: "/srv/a", name: "café"},
		"bzr://h:4155/b":                      {remote: "bzr://h:4155/b"},
		"bzr+ssh://joe@h/~joe/b;revno=3":      {remote: "bzr+ssh://joe@h/~joe/b", pin: pin{byRevno, "3"}},
		"sftp://h/b":                          {remote: "sftp://h/b"},
		"https://h/b":                         {remote: "https://h/b"},
		"lp:app":                              {remote: "lp:app"},
		"/srv/a;revid=joe@h-1,2;x;tag=y":      {path: "/srv/a", pin: pin{byID, "joe@h-1,2;x;tag=y"}},
		"/srv/a;b;tag=v1 beta;revno=3":        {path: "/srv/a;b", pin: pin{byTag, "v1 beta;revno=3"}},
		"lp:~team/app/trunk;revno=9":          {remote: "lp:~team/app/trunk", pin: pin{byRevno, "9"}},
	} {
		got, err := parseLocation(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(location{}, pin{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseLocationRefuses(t *testing.T) {
	for text, summary := range map[string]string{
		"": "Invalid location", "a/b": "Invalid location", "./a": "Invalid location", "-Dx": "Invalid location", "--lsprof-file": "Invalid location",
		"/a\nb": "Invalid location", "/a\x00": "Invalid location", "/a\xff": "Invalid location", "ext::sh -c x": "Invalid location",
		"readonly+file:///a": "Invalid location", "log+bzr://h/a": "Invalid location", "ssh://h/a": "Invalid location",
		"host:path": "Invalid location", "git@github.com:a/b": "Invalid location", ":parent": "Invalid location", "co:x": "Invalid location",
		"memory:///": "Invalid location", "file://host/a": "Invalid location", "file:relative": "Invalid location",
		"file:///a%zz": "Invalid location", "file:///a%0a": "Invalid location", "file:///a,branch=../x": "Invalid location",
		"file:///a,branch=%2Fx": "Invalid location", "bzr:///a": "Invalid location", "bzr+ssh://-oProxyCommand=x/a": "Invalid location",
		"bzr+ssh://-l@h/a": "Invalid location", "bzr:h/a": "Invalid location", "http://h/a b": "Invalid location",
		"lp:a/%2e%2e/b": "Invalid location", "lp://edge/a": "Invalid location", "lp:a//b": "Invalid location",
		"lp://staging": "Invalid location", "lp:a?b": "Invalid location", "lp:a%0ab": "Invalid location", "lp:a%zz": "Invalid location",
		"ubuntu:": "Invalid location", "ubuntu:a/b/c": "Invalid location", "ubuntu://a/b": "Invalid location", "debianlp:a/": "Invalid location",
		"lp:": "Invalid location", "lp:../x": "Invalid location", "lp:a/../b": "Invalid location", "BZR://": "Invalid location",
		"http://joe:secret@h/a": "Password in location", "bzr+ssh://joe:secret@h/a;revno=3": "Password in location",
		"http://joe:se/cret@h/a": "Invalid location", "http://joe:secret@@h/a": "Password in location",
		"http://joe:secret@h/%zz": "Invalid location", "x+http://joe:secret@h/": "Invalid location",
		"/a;revno=x": "Invalid pin", "/a;revno=": "Invalid pin", "/a;revno=-1": "Invalid pin", "/a;revno=1..2": "Invalid pin",
		"/a;revno=1,revno=2": "Invalid pin", "/a;overwrite=True": "Unknown option", "/a;revno=1,method=copy": "Invalid pin", "/a;": "Unknown option",
		"/a;revno=1;tag=x": "Invalid pin", "/a;revid=": "Invalid pin", "/a;revid=null:": "Invalid pin", "/a;revid=a b": "Invalid pin",
		"/a;tag=": "Invalid pin", "/a;tag=a\x1bb": "Invalid pin", "/a;revision=3": "Unknown option", "/a;tags=x": "Unknown option",
		"/a;revid=\xff": "Invalid pin", "/a;revno": "Unknown option",
	} {
		_, err := parseLocation(text)
		var f *fault
		if !errors.As(err, &f) || f.summary != summary {
			t.Errorf("%q: got %#v, want %q", text, err, summary)
			continue
		}
		if strings.Contains(f.detail, "secret") || strings.Contains(f.detail, "cret@") {
			t.Errorf("%q: the detail tells the password: %s", text, f.detail)
		}
	}
}
