package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/cmd/internal/notify"
	"launchpad.net/cdplan/state"
)

// A notifier that takes nothing is left alone after a few notices, and keeps the others from none. What it has not taken is kept.
func TestCourierGivesUp(t *testing.T) {
	dir := t.TempDir()
	journal, err := state.Dir(dir).OpenJournal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
	}()
	command := func(name string, code int) notify.Notifier {
		script := fmt.Sprintf("echo >>%s/%s; exit %d", dir, name, code)
		return notify.Notifier{Name: name, Via: notify.Command{Argv: []string{"/bin/sh", "-c", script}}}
	}
	notifiers := []notify.Notifier{command("dead", 1), command("well", 0)}
	var notices []state.Notice
	for i := range 5 {
		n, _, err := (&courier{notifiers: notifiers}).notice(notify.Event{ID: fmt.Sprint(i), Time: noon, Kind: notify.Failing})
		if err != nil {
			t.Fatal(err)
		}
		notices = append(notices, n)
	}
	if err := journal.Report(t.Context(), nil, nil, notices); err != nil {
		t.Fatal(err)
	}
	if err := newCourier(t.Context(), &newStage().env, journal, notifiers).close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"dead": patience, "well": 5} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Count(text, []byte("\n")) != want {
			t.Errorf("%s was told %d events, not %d (%v)", name, bytes.Count(text, []byte("\n")), want, err)
		}
	}
	left, err := journal.Notices(t.Context())
	if err != nil || len(left) != 5 {
		t.Fatalf("%d notices are left, %v", len(left), err)
	}
	for _, n := range left {
		if strings.Join(n.Pending, " ") != "dead" {
			t.Errorf("pending for %v", n.Pending)
		}
	}
}
