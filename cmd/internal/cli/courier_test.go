package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// What a notifier does not take is tried again when that is asked for, and then said no more.
func TestCourierAgain(t *testing.T) {
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
	script := fmt.Sprintf("echo >>%s/told; exit 1", dir)
	notifiers := []notify.Notifier{{Name: "dead", Via: notify.Command{Argv: []string{"/bin/sh", "-c", script}}}}
	s := newStage()
	c := newCourier(t.Context(), &s.env, journal, notifiers)
	n, _, err := c.notice(notify.Event{ID: "1", Time: noon, Kind: notify.Failing})
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Report(t.Context(), nil, nil, []state.Notice{n}); err != nil {
		t.Fatal(err)
	}
	told := func(want int) {
		t.Helper()
		for begin := time.Now(); ; time.Sleep(time.Millisecond) {
			text, _ := os.ReadFile(filepath.Join(dir, "told")) // not there yet
			if got := bytes.Count(text, []byte("\n")); got == want {
				return
			} else if got > want || time.Since(begin) > time.Minute {
				t.Fatalf("told %d times, not %d", got, want)
			}
		}
	}
	for want := 1; want <= 3; want++ {
		if c.look(); want > 1 {
			c.again()
		}
		told(want)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	told(3)
	if got := strings.Count(s.err.String(), "Warning:"); got > 1 {
		t.Errorf("%d warnings: %s", got, s.err.String())
	}
}
