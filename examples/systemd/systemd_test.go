package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verify has systemd read the units, with a program that is there in the place of the one that is to be installed.
func verify(t *testing.T, edit *strings.Replacer) (string, error) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatalf("this test needs systemd-analyze: run test/needs.sh: %v", err)
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, name := range []string{"cdplan.service", "cdplan.timer", "cdplan-agent.service"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		text = []byte(edit.Replace(strings.ReplaceAll(string(text), "/usr/local/bin/cdplan", "/bin/true")))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	cmd := exec.Command(analyze, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_COLOR=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestVerify(t *testing.T) {
	if out, err := verify(t, strings.NewReplacer()); err != nil || strings.Contains(out, "cdplan") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What is not understood is said, so that the test above says something.
func TestVerifyFinds(t *testing.T) {
	for _, edit := range []*strings.Replacer{strings.NewReplacer("*:0/5", "*:0/x"), strings.NewReplacer("KillMode=process", "KillMode=proces"),
		strings.NewReplacer("TimeoutStopSec", "TimeoutStopSecond"), strings.NewReplacer("Type=oneshot", "Type=onshot"),
		strings.NewReplacer("Type=notify", "Type=notice"), strings.NewReplacer("WatchdogSec", "WatchdogSeconds"), strings.NewReplacer("RestartSec=10s", "RestartSec=soon")} {
		if out, err := verify(t, edit); err == nil && !strings.Contains(out, "cdplan") {
			t.Errorf("systemd takes anything: %s", out)
		}
	}
}
