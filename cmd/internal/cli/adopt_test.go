package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// stamps keeps no stamp of any server, of which every service has one. Each that is to be written ends as the function says.
type stamps struct {
	fake
	apply func(service string) error
}

func newStamps(apply func(service string) error) stamps {
	bare := func(resource.Wanted) resource.Reading {
		return resource.Reading{Copies: []resource.Copy{{ID: "1", Name: "one"}}}
	}
	return stamps{bare, apply}
}

func (s stamps) Resource(string) providers.Resource { return s }

func (s stamps) Apply(_ context.Context, step resource.Step, _ func(resource.Event)) (resource.Object, error) {
	return step.Want, s.apply(step.Addr.Service)
}

// After an interrupt no other service is begun, and what was left out is told.
func TestAdoptInterrupted(t *testing.T) {
	const service = "[mojo]\nspec = lp:spec\n"
	services := map[string]string{"api": service, "db": service, "web": service, "worker": service}
	ctx, cancel := context.WithCancel(t.Context())
	stamps := newStamps(func(name string) error {
		if name != "db" {
			return nil
		}
		cancel()
		return errors.New("cut off")
	})
	code, stdout, stderr := cdplanWith(ctx, t, t.TempDir(), services, []providers.Provider{branches(nil, nil), nothing, stamps}, "adopt", "-all")
	if diff := cmp.Diff("api adopted on 1 server: config r1, spec r1\n", stdout); diff != "" || code != codeError {
		t.Errorf("code %d, stdout (-want +got):\n%s", code, diff)
	}
	want := "Error: Not adopted\n\ndb: cut off; what it had begun may be half done\n\nError: interrupted; not adopted: web, worker\n"
	if diff := cmp.Diff(want, stderr); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}
