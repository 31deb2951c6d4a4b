package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

func TestParseReview(t *testing.T) {
	for text, want := range map[string]Review{
		"app=lp:x;revno=1": {"", "app", "lp:x;revno=1"}, "api/App=/a=b/c": {"api", "app", "/a=b/c"}, "config=lp:~ann/api/fix": {"", "config", "lp:~ann/api/fix"},
	} {
		if got, err := ParseReview(text); got != want || err != nil {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"app": `"app" names no`, "": `"" names no`, "app=": `"app=" names no`, "=lp:x": `"=lp:x" names no`, "/app=lp:x": `"/app=lp:x" names no`, "api/=lp:x": `"api/=lp:x" names no`,
		"app=-x": `the location "-x" begins with "-"`, "https://ann:hush@host/x": `"https://ann:****@host/x" names no`, "app=-Dhttp://ann:hush@x": "****@x",
	} {
		if _, err := ParseReview(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestLand(t *testing.T) {
	root := t.TempDir()
	for name, branches := range map[string]string{
		"api": "app = lp:one\nlib = lp:lib\n", "web": "app = lp:one;revno=3\nlib = lp:lib\n", "cron": "app = lp:one\nlib = lp:lib\ndata = lp:x\n", "db": "data = lp:ann:hush@db\n",
	} {
		writeFile(t, filepath.Join(root, name, "config.ini"), []byte("[mojo]\nspec = lp:spec\n[branches]\n"+branches))
	}
	writeFile(t, filepath.Join(root, "fix", "x"), nil)
	t.Chdir(root)
	for _, test := range []struct {
		name     string
		reviews  []Review
		selected string // empty for all
		want     string // what landed, or the error
	}{
		{"one service", []Review{{"web", "app", "lp:fix"}}, "", "web/app=lp:fix for lp:one;revno=3"},
		{"all services", []Review{{"", "lib", "lp:fix"}}, "", "api/lib=lp:fix for lp:lib cron/lib=lp:fix for lp:lib web/lib=lp:fix for lp:lib"},
		{"all of the same location", []Review{{"", "app", "lp:fix"}}, "api db", "api/app=lp:fix for lp:one cron/app=lp:fix for lp:one"},
		{"different locations", []Review{{"", "app", "lp:fix"}}, "", `the services of the plan have different branches "app": lp:one (api, cron); lp:one;revno=3 (web). ` +
			`Say which is meant: SERVICE/app=LOCATION`},
		{"one and the others", []Review{{"web", "lib", "lp:a"}, {"", "app", "lp:b"}}, "web", "web/lib=lp:a for lp:lib web/app=lp:b for lp:one;revno=3"},
		{"the spec", []Review{{"api", "spec", "lp:fix"}}, "", "api/spec=lp:fix for lp:spec"},
		{"a directory", []Review{{"api", "app", "fix"}}, "", "api/app=ROOT/fix for lp:one"},
		{"a pin in a directory", []Review{{"api", "app", "./fix/;revno=3"}}, "", "api/app=ROOT/fix;revno=3 for lp:one"},
		{"no directory", []Review{{"api", "app", "fix/x"}}, "", "api/app=fix/x for lp:one"},
		{"twice", []Review{{"", "lib", "lp:a"}, {"web", "lib", "lp:b"}}, "", `the branch "lib" of web is given twice`},
		{"twice, the other way", []Review{{"web", "lib", "lp:b"}, {"", "lib", "lp:a"}}, "", `the branch "lib" of web is given twice`},
		{"no label", []Review{{"", "ap", "lp:a"}}, "", `no service of the plan has the branch "ap". Did you mean "app"?`},
		{"no label of the selected", []Review{{"", "lib", "lp:a"}}, "db", `no service of the plan has the branch "lib". There are the labels config, data, spec.`},
		{"no service", []Review{{"ap", "app", "lp:a"}}, "", `there is no service "ap". Did you mean "api"?`},
		{"no branch of a service", []Review{{"db", "app", "lp:a"}}, "", `the service db has no branch "app". There are the labels config, data, spec.`},
		{"not selected", []Review{{"db", "data", "lp:a"}}, "api", "the service db is not selected"},
		{"passwords", []Review{{"", "data", "lp:fix"}}, "", `the services of the plan have different branches "data": lp:ann:****@db (db); lp:x (cron). ` +
			`Say which is meant: SERVICE/data=LOCATION`},
		{"own branches", []Review{{"", "config", "lp:a"}}, "api db", `the services of the plan have different branches "config": ROOT/api (api); ROOT/db (db). ` +
			`Say which is meant: SERVICE/config=LOCATION`},
	} {
		t.Run(test.name, func(t *testing.T) {
			fleet, diags := load(root)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			landed, err := fleet.Land(test.reviews, func(name string) bool {
				return test.selected == "" || slices.Contains(strings.Fields(test.selected), name)
			})
			var texts []string
			for _, declared := range landed {
				texts = append(texts, declared.Addr.Service+"/"+declared.Addr.Label+"="+locationOf(&declared)+" for "+declared.InsteadOf.GetAttr("location").AsString())
				if service, _ := fleet.Service(declared.Addr.Service); fleet.source(service, declared.Addr.Label).InsteadOf == cty.NilVal {
					t.Errorf("%s did not land", declared.Addr)
				}
			}
			got := strings.Join(texts, " ")
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, strings.ReplaceAll(got, root, "ROOT")); diff != "" {
				t.Errorf("landed (-want +got):\n%s", diff)
			}
		})
	}
}

// A branch under review has no working tree, and no line of a file is to blame for it.
func TestLandedBranch(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "api", "config.ini"), []byte("[mojo]\nspec = lp:spec\n"))
	fleet, _ := load(root)
	all := func(string) bool { return true }
	landed, err := fleet.Land([]Review{{"api", "config", "lp:fix"}, {"api", "spec", "lp:other"}}, all)
	if err != nil || !landed[0].Config.GetAttr("tree_sha1").IsNull() || landed[0].Config.GetAttr("tree_file").IsNull() {
		t.Errorf("got %+v, %v", landed, err)
	}
	diags := fleet.Sources.Diagnose(&resource.AttrError{Addr: landed[1].Addr, Attr: "location", Detail: "No."})
	if len(diags) != 1 || diags[0].Subject != nil {
		t.Errorf("got %v", diags)
	}
}

// A text that stands in for a config.ini is what is declared, and its faults are told under its own name.
func TestInstead(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"api", "web"} {
		writeFile(t, filepath.Join(root, name, "config.ini"), []byte("[mojo]\nspec = lp:spec\n"))
	}
	if err := os.Chmod(filepath.Join(root, "api", "config.ini"), 0); err != nil {
		t.Fatal(err)
	}
	text := TextAt("bzr+ssh://ann:hush@host/fix", []byte("[mojo]\nspec = lp:new\nnope = 1\n"))
	fleet, diags := Load(Options{Root: root, Getenv: func(string) string { return "" }, Drivers: drivers(), Instead: map[string]Text{"api": text}})
	if diags.HasErrors() || len(fleet.Services) != 2 || fleet.Services[1].Err != nil {
		t.Fatalf("got %+v, %v", fleet.Services, diags)
	}
	var found hcl.Diagnostics
	if !errors.As(fleet.Services[0].Err, &found) || found[0].Subject.String() != "bzr+ssh://ann:****@host/fix/config.ini:3,1-5" {
		t.Errorf("got %v", fleet.Services[0].Err)
	}
	if _, ok := fleet.Sources.Files()[text.Name]; !ok {
		t.Error("its lines cannot be shown")
	}
	if source := fleet.source(fleet.Services[0], "spec"); locationOf(source) != "lp:new" {
		t.Errorf("got %s", locationOf(source))
	}
}
