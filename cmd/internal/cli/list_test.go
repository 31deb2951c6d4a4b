package cli

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// A list that is interrupted says so, and nothing of servers.
func TestListInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var read fake = func(resource.Wanted) resource.Reading {
		cancel()
		return resource.Reading{Err: ctx.Err()}
	}
	code, stdout, stderr := cdplanWith(ctx, t, t.TempDir(), map[string]string{"api": "[mojo]\nspec = lp:spec\n"}, []providers.Provider{nothing, nothing, read}, "list")
	if diff := cmp.Diff("Error: interrupted while reading; nothing was done\n", stderr); diff != "" || code != codeError || stdout != "" {
		t.Errorf("code %d, stdout %q, stderr (-want +got):\n%s", code, stdout, diff)
	}
}
