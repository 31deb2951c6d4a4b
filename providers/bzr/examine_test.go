package bzr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

var _ providers.Examiner = branches{}

func examine(t *testing.T, settings map[string]cty.Value) []resource.Finding {
	t.Helper()
	return opened(t, settings).Resource(branchType).(providers.Examiner).Examine(t.Context(), nil)
}

func TestExamine(t *testing.T) {
	found := examine(t, nil)
	if len(found) != 2 || found[0].From != "PATH" || !filepath.IsAbs(found[0].Value) || !strings.Contains(found[1].Value, "brz") || found[1].Err != nil {
		t.Errorf("got %v", found)
	}
	missing := filepath.Join(t.TempDir(), "brz")
	found = examine(t, map[string]cty.Value{"command": cty.StringVal(missing)})
	if len(found) != 1 || found[0].Err == nil || !found[0].Minor || !strings.Contains(found[0].Err.Error(), missing+" is not installed; install it with: apt-get install brz") ||
		!strings.HasPrefix(found[0].From, "command in") {
		t.Errorf("missing: %v", found)
	}
	if err := os.WriteFile(missing, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	found = examine(t, map[string]cty.Value{"command": cty.StringVal(missing)})
	if len(found) != 2 || found[0].Value != missing || found[1].Err == nil || !found[1].Minor {
		t.Errorf("broken: %v", found)
	}
}
