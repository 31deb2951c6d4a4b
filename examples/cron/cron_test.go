package cron

import (
	"bytes"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// crontab returns the lines of the file with other paths, and without comments.
func crontab(t *testing.T, paths ...string) []string {
	t.Helper()
	text, err := os.ReadFile("cdplan")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		t.Error("cron does not run a last line that does not end")
	}
	var lines []string
	for line := range strings.Lines(strings.NewReplacer(paths...).Replace(string(text))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// entry splits the one line that is a job, which cron.d has with a user.
func entry(t *testing.T, lines []string) (settings []string, times, user, command string) {
	t.Helper()
	last := strings.Fields(lines[len(lines)-1])
	if len(last) < 7 {
		t.Fatalf("the last line is no job: %q", last)
	}
	return lines[:len(lines)-1], strings.Join(last[:5], " "), last[5], strings.Join(last[6:], " ")
}

// cron's own parser takes the file. It reads a user's table, in which a job has no user.
func TestSyntax(t *testing.T) {
	parser, err := exec.LookPath("crontab")
	if err != nil {
		t.Fatalf("this test needs crontab: run test/needs.sh: %v", err)
	}
	settings, times, _, command := entry(t, crontab(t))
	try := func(times string) (string, error) {
		file := filepath.Join(t.TempDir(), "table")
		if err := os.WriteFile(file, []byte(strings.Join(append(settings, times+" "+command), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(parser, "-n", file).CombinedOutput() // a dry run
		return string(out), err
	}
	if out, err := try(times); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := try("61 * * * *"); err == nil {
		t.Errorf("the parser takes anything: %s", out)
	}
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// A fleet of one service is deployed by the line of the file, run as cron does, with cron's bare environment and the settings of the file. What it
// prints would be mailed: the first time a report, the second time nothing.
func TestJob(t *testing.T) {
	base, home := t.TempDir(), t.TempDir()
	run(t, ".", "go", "build", "-o", base+"/bin/", "launchpad.net/cdplan/cmd/cdplan", "launchpad.net/cdplan/examples/stand-in/mojo")
	write(t, base+"/spec/manifest", "deploy config=servers\n", 0o600)
	write(t, base+"/spec/servers", "juju-api-machine-%d 1\n", 0o600)
	write(t, base+"/LOCAL/api/config.ini", "[mojo]\nspec = "+base+"/spec\n[nova]\nservers = juju-api-machine-*\n", 0o600)
	for _, dir := range []string{base + "/spec", base + "/LOCAL/api"} {
		t.Setenv("BRZ_EMAIL", "Ann Example <ann@example.com>")
		run(t, dir, "brz", "init", "-q")
		run(t, dir, "brz", "add", "-q")
		run(t, dir, "brz", "commit", "-qm", "Start")
	}
	nova, err := novatest.Start("", novatest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nova.Close(); err != nil {
			t.Error(err)
		}
	})
	write(t, home+"/.config/openstack/clouds.yaml", string(nova.CloudsYAML("prod")), 0o600)
	write(t, base+"/cdplan.hcl", "root = \""+base+"/LOCAL\"\n", 0o600)

	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	settings, _, _, command := entry(t, crontab(t, "/usr/local/bin", base+"/bin", "/var/lib/cdplan", base+"/state"))
	environment := append([]string{"SHELL=/bin/sh", "PATH=/usr/bin:/bin", "HOME=" + home, "LOGNAME=" + me.Username, "CDPLAN_CONFIG=" + base + "/cdplan.hcl"},
		settings...)
	for i, want := range []string{"deployed", ""} {
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Dir, cmd.Env = home, environment
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run %d: %v\n%s", i+1, err, out)
		}
		if want == "" && len(out) > 0 || !strings.Contains(string(out), want) {
			t.Errorf("run %d mails:\n%s", i+1, out)
		}
	}
	if logs, err := filepath.Glob(base + "/state/logs/api/*.log"); len(logs) != 1 {
		t.Errorf("the state directory has the logs %q, %v", logs, err)
	}
}
