package mojo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsOf(t *testing.T) {
	got := secretsOf([]string{"OWN=first line\nsecond", "SHORT=yes", "PATH=/bin:/usr/bin", "db_password=hush", "GITHUB_TOKEN2=hush-hush", "API_KEY=key-of-api", "KEYBOARD=german",
		"DATABASE_URL=postgres://ann:open sesame@db/x http://eve:s3same@h", "http_proxy=http://proxy:3128"}, []string{"OWN", "SHORT"})
	want := []string{"first line\nsecond", "first line", "key-of-api", "hush-hush", "s3same", "second", "hush"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

// Wherever a secret is in a file, nothing of it is left, also of one that holds another.
func TestHide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	secrets := []string{"hush\nand hush", "hush-hush", "****", "hush"}
	for before := hideChunk - 16; before <= hideChunk+16; before++ {
		text := strings.Repeat("x", before) + "hush-hush hus h hush\nand hush\n****" + strings.Repeat("y", hideChunk)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := hide(path, secrets); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("x", before) + "********* hus h ****\n********\n****" + strings.Repeat("y", hideChunk); string(got) != want {
			t.Fatalf("before %d: got %q", before, got[before-4:before+50])
		}
	}
	if err := hide(path, nil); err != nil {
		t.Error(err)
	}
	if err := hide(path+".none", secrets); err == nil {
		t.Error("a file that is not there is no error")
	}
}
