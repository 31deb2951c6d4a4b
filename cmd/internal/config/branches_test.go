package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatchBranch(t *testing.T) {
	fleet := &Fleet{Schemas: schemas(drivers())}
	plainPlace := func(location string) string { return plainPlace(fleet.Schemas["bzr_branch"], location) }
	branches := []Branch{{"api", "app", plainPlace("lp:~svc/api/trunk;revno=41")}, {"api", "docs", plainPlace("/srv/docs/")}, {"api", "old", ""},
		{"web", "app", plainPlace("bzr+ssh://host/web;tag=a;b")}, {"web", "lib", plainPlace("sftp://ann:hush@host/lib")}, {"web", "root", plainPlace("/")}}
	for text, want := range map[string]string{
		"app":                              "api/app web/app",
		"APP":                              "api/app web/app",
		"old":                              "api/old",
		"lp:~svc/api/trunk":                "api/app",
		"lp:~svc/api/trunk/;revid=joe@x-2": "api/app",
		"/srv/docs":                        "api/docs",
		"file:///srv/docs/":                "api/docs",
		"/":                                "web/root",
		"bzr+ssh://host/web;revno=1":       "web/app",
		"sftp://ann:hush@host/lib/":        "web/lib",
		"ap":                               `no service has the branch "ap". Did you mean "app"?`,
		"lp:~svc/api/trnk":                 `no service has the branch "lp:~svc/api/trnk". Did you mean "lp:~svc/api/trunk"?`,
		"something":                        `no service has the branch "something". There are the labels app, docs, lib, old, root.`,
		"sftp://ann:hush@host/some-thing/else": `no service has the branch "sftp://ann:****@host/some-thing/else". There are the locations /, /srv/docs, ` +
			`bzr+ssh://host/web, lp:~svc/api/trunk, sftp://ann:****@host/lib.`,
		"": `no service has the branch "". There are the labels app, docs, lib, old, root.`,
	} {
		var found []string
		means, err := fleet.MatchBranch(text, branches)
		for _, b := range branches {
			if err == nil && means(b) {
				found = append(found, b.Service+"/"+b.Label)
			}
		}
		got := strings.Join(found, " ")
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	many := slices.Clone(branches[:0])
	for i := range 10 {
		many = append(many, Branch{"api", fmt.Sprint("branch-", i), ""})
	}
	for text, want := range map[string]string{
		"x":  "There are the labels branch-0, branch-1, branch-2, branch-3, branch-4, branch-5, branch-6, branch-7 and 2 more.",
		"x:": "There is none.",
	} {
		if _, err := fleet.MatchBranch(text, many); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want ... %s", text, err, want)
		}
	}
}
