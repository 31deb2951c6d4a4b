package quickstart

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDemo runs the whole story against branches made by real brz, and looks for its turns in what it prints.
func TestDemo(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "launchpad.net/cdplan/cmd/cdplan", "launchpad.net/cdplan/examples/stand-in/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	demo := exec.Command("./demo.sh", t.TempDir()+"/demo")
	demo.Env = append(os.Environ(), "BIN="+bin, "DEMO_ONCE=yes", "TERM=dumb", "GOCOVERDIR="+t.TempDir())
	output, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, output)
	}
	rest := string(output)
	for _, turn := range []string{
		`Plan \S+: 5 new\.`,
		` \+ worker +new +.* 3  after api, rabbitmq`,
		`worker +deployed`,
		`No changes: 5 services`,
		`worker +3 +\S+ +app r1, config r1, spec r1`,
		`    fingerprint \S+: 1 redeploy\.\n    4 same\.`,
		`r2 +Ann Example +More workers for the autumn`,
		`Apply exactly this: cdplan apply -expect `,
		`\$ cdplan apply -expect [0-9a-f]{12}\n`,
		`web +deployed`,
		`Plan \S+: 2 redeploys\.`,
		`api +failed .*\n.*web +skipped +- +api goes first and did not succeed`,
		`WORKERS is not a number`,
		`exit code 4`,
		`cdplan CRITICAL: 1 failing \(api\)`,
		`r3 +Ann Example +Undo r2: back to r1`,
		`api +deployed .*\nweb +deployed`,
		`api recovered`,
		`api +redeploy +config r1 -> r2 +failed`,
	} {
		at := regexp.MustCompile(turn).FindStringIndex(rest)
		if at == nil {
			t.Fatalf("the story lacks %q, or not in its place; what is left of it:\n%s", turn, rest)
		}
		rest = rest[at[1]:]
	}
	if strings.Contains(string(output), "rror:") {
		t.Errorf("the demo prints an error:\n%s", output)
	}
}
