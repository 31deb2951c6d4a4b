package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
	"launchpad.net/cdplan/providers/resource"
)

// fake is a provider that answers each question as its function does.
type fake func(resource.Wanted) resource.Reading

func (f fake) Resource(string) providers.Resource { return f }

func (f fake) Close() error { return nil }

func (f fake) Read(_ context.Context, want []resource.Wanted) []resource.Reading {
	var readings []resource.Reading
	for _, w := range want {
		reading := f(w)
		reading.Addr = w.Addr
		readings = append(readings, reading)
	}
	return readings
}

// branches returns a reading of every branch, at revision 1, with the fallback or the error that the location has.
func branches(fallbacks map[string]string, errs map[string]error) fake {
	return func(w resource.Wanted) resource.Reading {
		at := w.Config.GetAttr("location").AsString()
		if err := errs[at]; err != nil {
			return resource.Reading{Err: err, Fallback: fallbacks[at]}
		}
		attrs := w.Config.AsValueMap()
		attrs["revision"] = resource.Revision{Revno: "1", ID: "r-1"}.Value()
		return resource.Reading{Object: cty.ObjectVal(attrs), Fallback: fallbacks[at]}
	}
}

// cdplan runs a command on services, by name with the text of their config.ini, whose branches are read by the fake and which have no servers.
// Names below the root are written ROOT.
func cdplan(t *testing.T, services map[string]string, read fake, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return cdplanWith(t.Context(), t, t.TempDir(), services, []providers.Provider{read, nothing, nothing}, args...)
}

// cdplanWith is cdplan with a state directory and with providers for branches, deploys and stamps. The command is interrupted when the context ends.
func cdplanWith(ctx context.Context, t *testing.T, state string, services map[string]string, answers []providers.Provider, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range services {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "config.ini"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	drivers := []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(nil), juju.Driver(juju.New())}
	for i, answer := range answers {
		drivers[i].Open = func(context.Context, cty.Value) (providers.Provider, error) { return answer, nil }
	}
	var out, errs bytes.Buffer
	variables := map[string]string{"CDPLAN_ROOT": root, "CDPLAN_STATE": state}
	code = Run(ctx, t.Context(), args, &Env{Stdout: &out, Stderr: &errs, Now: time.Now, Drivers: drivers,
		Getenv: func(name string) string { return variables[name] }, Setenv: func(string, string) error { return nil }})
	return code, strings.ReplaceAll(out.String(), root, "ROOT"), strings.ReplaceAll(errs.String(), root, "ROOT")
}

var nothing fake = func(resource.Wanted) resource.Reading { return resource.Reading{} }
