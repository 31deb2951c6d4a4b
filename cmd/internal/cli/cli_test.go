package cli

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a cloud says of an error reaches no terminal as it is.
func TestReportIsClean(t *testing.T) {
	var stderr bytes.Buffer
	env := Env{Stderr: &stderr}
	code := env.report(errors.Join(errors.New("it said \x1b[31mred\x07 100%"), errors.New("and more")))
	if diff := cmp.Diff("Error: it said red  100%\nand more\n", stderr.String()); diff != "" || code != codeError {
		t.Errorf("code %d, stderr (-want +got):\n%s", code, diff)
	}
}
