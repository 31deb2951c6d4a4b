package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestBlocks reads each file of testdata/blocks.txtar as a cdplan.hcl, and compares what is said of it with the file "NAME.want" behind it.
func TestBlocks(t *testing.T) {
	golden, err := filepath.Abs("testdata/blocks.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for i := 0; i+1 < len(archive.Files); i += 2 {
		source, want := archive.Files[i], &archive.Files[i+1]
		if want.Name != source.Name+".want" {
			t.Fatalf("%s is followed by %s", source.Name, want.Name)
		}
		got := describeBlocks(t, source.Data)
		if *update {
			want.Data = []byte(got)
		} else if diff := cmp.Diff(string(want.Data), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source.Name, diff)
		}
	}
	if *update {
		writeFile(t, golden, txtar.Format(archive))
	}
}

// describeBlocks writes what is wrong with the file, or else what its blocks say.
func describeBlocks(t *testing.T, src []byte) string {
	t.Helper()
	writeFile(t, "cdplan.hcl", src)
	fleet := &Fleet{Sources: newSources()}
	host, diags := loadHost(Options{Config: "cdplan.hcl", Drivers: drivers(), Getenv: func(string) string { return "" }}, fleet.Sources)
	if diags.HasErrors() {
		return text(diags, fleet)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "backoff %s\n", host.Backoff)
	for _, f := range host.Freezes {
		fmt.Fprintf(&b, "freeze %q of %q by %q for %q\n", f.Name, f.Services, f.Owner, f.Reason)
		switch w := f.Window.(type) {
		case span:
			fmt.Fprintf(&b, "  from %s to %s\n", w.from.UTC().Format(time.RFC3339), w.to.UTC().Format(time.RFC3339))
		case recurrence:
			fmt.Fprintf(&b, "  at %s in %s for %s\n", w.cron, w.zone, w.open)
		}
	}
	for _, n := range host.Notifiers {
		fmt.Fprintf(&b, "notify %q of %q within %s by %T%+v\n", n.Name, n.Events, n.Timeout, n.Via, n.Via)
	}
	return b.String()
}

// A glob that matches no service is a warning, and at the glob.
func TestUnmatchedGlobs(t *testing.T) {
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "api", "config.ini"), []byte("[mojo]\nspec = lp:spec\n"))
	writeFile(t, filepath.Join(root, "cdplan.hcl"), []byte(`freeze "party" {
  services = ["a*", "billing*"]
  from     = "2026-12-20"
  to       = "2026-12-20"
  owner    = "release team"
  reason   = "party"
}
`))
	fleet, diags := load(root)
	want := `Warning: No such service

  on ROOT/cdplan.hcl line 2, in freeze "party":
   2:   services = ["a*", "billing*"]

No service matches "billing*", so that the freeze "party" does nothing by it.

`
	if diff := cmp.Diff(want, strings.ReplaceAll(text(diags, fleet), root, "ROOT")); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
