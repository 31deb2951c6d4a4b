package juju

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	seven = "00000000-0000-4000-8000-000000000017"
	dying = "00000000-0000-4000-8000-000000000019"
	ten   = "00000000-0000-4000-8000-000000000010"
)

// sample returns the answer of a juju.
func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseDialects(t *testing.T) {
	for name, want := range map[string]map[string][]string{
		"juju1.json": {"svc-worker": {seven, dying}, "cache": {seven}, "nrpe": {seven}},
		"juju2.json": {"svc-worker": {ten, seven}, "cache": {seven}, "nrpe": {seven}},
		"juju3.json": {"svc-worker": {seven}, "empty": nil},
	} {
		servers, faults, err := parse([]byte(sample(t, name)))
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: got faults %v and error %v", name, faults, err)
		}
		if diff := cmp.Diff(want, servers); diff != "" {
			t.Errorf("%s: servers (-want +got):\n%s", name, diff)
		}
	}
}

// What juju cannot tell of is the fault of the applications that it matters for, and of no other.
func TestParseFaults(t *testing.T) {
	for _, test := range []struct {
		name, old, new string // of the sample of juju 2
		want           map[string]string
	}{
		{"application", `{"charm":"cache",`, `{"status-error":"no charm","charm":"cache",`,
			map[string]string{"cache": "juju cannot tell of application cache: no charm"}},
		{"application's status", `"exposed":false,"application-status":{"current":"active"},"subordinate-to"`, `"application-status":{"status-error":"lost"},"subordinate-to"`,
			map[string]string{"nrpe": "juju cannot tell of application nrpe: lost"}},
		{"unit", `"svc-worker/11":{`, `"svc-worker/11":{"status-error":"no agent",`,
			map[string]string{"svc-worker": "unit svc-worker/11: no agent", "nrpe": "unit svc-worker/11: no agent"}},
		{"unit's status", `"cache/0":{`, `"cache/0":{"workload-status":{"status-error":"lost"},`,
			map[string]string{"cache": "juju cannot tell of unit cache/0: lost"}},
		{"subordinate", `"nrpe/0":{`, `"nrpe/0":{"status-error":"lost",`, map[string]string{"nrpe": "unit nrpe/0: lost"}},
		{"machine", `"7":{`, `"7":{"status-error":"no machine",`, map[string]string{
			"svc-worker": "machine 7, which unit svc-worker/4 is on: no machine", "nrpe": "machine 7", "cache": "machine 7, which unit cache/0 is on"}},
		{"machine's status", `"10":{"juju-status":{"current":"started"}`, `"10":{"juju-status":{"status-error":"lost"}`,
			map[string]string{"svc-worker": "machine 10, which unit svc-worker/11 is on: lost", "nrpe": "machine 10"}},
		{"unlisted machine", `"cache/0":{"machine":"7/lxd/0"}`, `"cache/0":{"machine":"4"}`,
			map[string]string{"cache": "unit cache/0 on machine 4, of which it tells nothing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := sample(t, "juju2.json")
			if strings.Count(answer, test.old) != 1 {
				t.Fatalf("the sample does not have %s once", test.old)
			}
			servers, faults, err := parse([]byte(strings.Replace(answer, test.old, test.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(test.want)), slices.Sorted(maps.Keys(faults))); diff != "" {
				t.Errorf("applications with a fault (-want +got):\n%s", diff)
			}
			for name, want := range test.want {
				if err := faults[name]; err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("%s: got %v, want ...%s...", name, err, want)
				}
			}
			for name := range servers {
				if faults[name] != nil {
					t.Errorf("%s has servers and a fault", name)
				}
			}
			if len(servers)+len(faults) != 3 {
				t.Errorf("got servers %v and faults %v of three applications", servers, faults)
			}
		})
	}
}

// An answer that does not say which applications there are is no answer.
func TestParseRefuses(t *testing.T) {
	for answer, want := range map[string]string{
		"":                           "not what juju status gives as JSON",
		"please enter password: ":    "not what juju status gives as JSON",
		"[]":                         "not what juju status gives as JSON",
		`{"applications":{}} more`:   "not what juju status gives as JSON",
		`{"applications":[]}`:        "not what juju status gives as JSON",
		"{}":                         "neither applications nor services",
		"null":                       "neither applications nor services",
		`{"applications":null}`:      "neither applications nor services",
		`{"machines":{}}`:            "neither applications nor services",
		`{"status-error":"no luck"}`: "no luck",
		`{"model":{"status-error":"no model"},"applications":{}}`:                 "no model",
		`{"model":{"type":"caas"},"applications":{"a":{"units":{"a/0":{}}}}}`:     "Kubernetes",
		`{"applications":{"a":{"units":{"a/0":{"machine":7}}}},"machines":{}}`:    "not what juju status gives as JSON",
		strings.TrimSuffix(strings.TrimSpace(sample(t, "juju3.json")), "}") + " ": "not what juju status gives as JSON",
	} {
		servers, faults, err := parse([]byte(answer))
		if err == nil || !strings.Contains(err.Error(), want) || servers != nil || faults != nil {
			t.Errorf("%.60s: got %v %v and error %v, want ...%s...", answer, servers, faults, err, want)
		}
	}
	for _, empty := range []string{`{"applications":{}}`, `{"services":{}}`} {
		if servers, faults, err := parse([]byte(empty)); err != nil || servers == nil || len(servers)+len(faults) != 0 {
			t.Errorf("%s: got %v %v %v, want a model without applications", empty, servers, faults, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"juju1.json", "juju2.json", "juju3.json"} {
		f.Add([]byte(sample(f, name)))
	}
	f.Add([]byte(`{"applications":{"/":{"units":{"":{"machine":"/","subordinates":{"/":{}}}}}},"machines":{"":{"instance-id":"x"}}}`))
	f.Add([]byte(`{"services":{"a":{"status-error":"x","subordinate-to":["a"]}}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		servers, faults, err := parse(answer)
		if err != nil && (servers != nil || faults != nil) {
			t.Errorf("got %v and %v beside error %v", servers, faults, err)
		}
		for name, ids := range servers {
			if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) || slices.Contains(ids, "") {
				t.Errorf("%q has servers %q", name, ids)
			}
			if faults[name] != nil {
				t.Errorf("%q has servers and a fault", name)
			}
		}
	})
}
