package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"launchpad.net/cdplan/providers/bzr/bzrtest"
	"launchpad.net/cdplan/providers/nova/novatest"
)

// tools are what every fleet here works with.
type tools struct {
	bin   string // the directory of the stand-ins for mojo and juju
	empty string // a branch without a commit
	brz   *bzrtest.Process
}

func newTools(t testing.TB) tools {
	t.Helper()
	if _, err := exec.LookPath("brz"); err != nil {
		t.Fatalf("these tests need brz (apt-get install brz): %v", err)
	}
	made := tools{bin: t.TempDir(), empty: t.TempDir()}
	for _, name := range []string{"mojo", "juju"} {
		if out, err := exec.Command("go", "build", "-o", made.bin, "launchpad.net/cdplan/examples/stand-in/"+name).CombinedOutput(); err != nil {
			t.Fatalf("cannot build the stand-in for %s: %v\n%s", name, err, out)
		}
	}
	if out, err := exec.Command("brz", "init", "-q", made.empty).CombinedOutput(); err != nil {
		t.Fatalf("cannot make a branch: %v\n%s", err, out)
	}
	brz, err := bzrtest.Start("BRZ_HOME="+t.TempDir(), "BRZ_LOG=/dev/null", "TZ=UTC")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := brz.Close(); err != nil {
			t.Error(err)
		}
	})
	made.brz = brz
	return made
}

// settle makes the directories of a fleet and starts its cloud. It returns what the environment has to hold beside PATH.
func settle(work string, tools tools) (*novatest.Server, []string, error) {
	cloud, err := novatest.Start("", novatest.Options{Regions: []string{"RegionOne", "RegionTwo"}})
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range []string{"LOCAL", "branches", ".home"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o700); err != nil {
			return nil, nil, errors.Join(err, cloud.Close())
		}
	}
	clouds := filepath.Join(work, ".home", "clouds.yaml")
	if err := os.WriteFile(clouds, cloud.CloudsYAML("test"), 0o600); err != nil {
		return nil, nil, errors.Join(err, cloud.Close())
	}
	return cloud, []string{"HOME=" + work + "/.home", "XDG_CACHE_HOME=" + work + "/.cache", "TZ=UTC", "LC_ALL=C.UTF-8", "BRZ_HOME=" + work + "/.home",
		"BRZ_LOG=/dev/null", "BRZ_EMAIL=Ann Example <ann@example.com>", "CDPLAN_ROOT=" + work + "/LOCAL", "CDPLAN_STATE=" + work + "/.state",
		"OS_CLIENT_CONFIG_FILE=" + clouds, "OS_CLOUD=test",
		"GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")}, nil // under the race detector each process would sleep for a second at its end
}

// serviceFiles returns the files of a service, by their names below work. Of the options, "after" and "auto" are keys of [service] and "servers"
// the pattern of its servers.
func serviceFiles(work, name string, options map[string]string) map[string]string {
	base := filepath.Join(work, "branches", name)
	config := "[service]\n"
	for _, key := range []string{"after", "auto"} {
		if options[key] != "" {
			config += key + " = " + options[key] + "\n"
		}
	}
	servers := cmp.Or(options["servers"], "juju-"+name+"-machine-*")
	config += fmt.Sprintf("\n[mojo]\nspec = %s-spec\nstage = production\n\n[branches]\napp = %s-app\n\n[nova]\nservers = %s\n", base, base, servers)
	return map[string]string{
		"LOCAL/" + name + "/config.ini":       config,
		"branches/" + name + "-app/main.py":   "print('" + name + "')\n",
		"branches/" + name + "-spec/manifest": "deploy config=servers\nverify config=verify\n",
		"branches/" + name + "-spec/servers":  "juju-" + name + "-machine-%d 1\n",
		"branches/" + name + "-spec/verify":   "#!/bin/sh\necho checking " + name + "\ntest ! -e " + base + "-app/broken\n",
	}
}

// modeOf returns the mode of a file: a script may be run.
func modeOf(text string) os.FileMode {
	if strings.HasPrefix(text, "#!") {
		return 0o700
	}
	return 0o600
}

// world is a fleet for a test in Go, with a cloud of its own.
type world struct {
	testing.TB
	tools
	dir   string
	cloud *novatest.Server
	env   []string
}

func newWorld(t testing.TB, tools tools) *world {
	t.Helper()
	w := &world{TB: t, tools: tools, dir: t.TempDir()}
	cloud, variables, err := settle(w.dir, tools)
	w.must(err)
	t.Cleanup(func() { w.must(cloud.Close()) })
	w.cloud = cloud
	w.must(os.Mkdir(w.path(".tmp"), 0o700))
	w.env = append(append(os.Environ(), "PATH="+tools.bin+":"+os.Getenv("PATH"), "TMPDIR="+w.path(".tmp")), variables...)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) path(elements ...string) string {
	return filepath.Join(append([]string{w.dir}, elements...)...)
}

// write writes files by their names below the world's directory.
func (w *world) write(files map[string]string) {
	w.Helper()
	for name, text := range files {
		w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o700))
		w.must(os.WriteFile(w.path(name), []byte(text), modeOf(text)))
	}
}

// commit makes a branch of each directory that is none yet, and commits what is in it.
func (w *world) commit(dirs ...string) {
	w.Helper()
	for _, dir := range dirs {
		if _, err := os.Stat(w.path(dir, ".bzr")); err != nil {
			w.must(os.CopyFS(w.path(dir), os.DirFS(w.empty)))
		}
		w.must(w.brz.Commit(w.path(dir), "Change", "Ann Example <ann@example.com>"))
	}
}

// ended is how a command ended.
type ended struct {
	command        string
	code           int // as a shell tells it
	stdout, stderr string
	peak           int64 // KiB of memory, at most
}

func (e ended) String() string {
	return fmt.Sprintf("%s: exit code %d\n%s%s", e.command, e.code, e.stdout, e.stderr)
}

func (w *world) command(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	cmd := exec.Command(args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &stdout, &stderr
	return cmd, &stdout, &stderr
}

// run runs a command to its end.
func (w *world) run(args ...string) ended {
	w.Helper()
	cmd, stdout, stderr := w.command(args...)
	err := cmd.Run()
	if cmd.ProcessState == nil {
		w.Fatalf("cannot run %v: %v", args, err)
	}
	e := ended{command: strings.Join(args, " "), code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.code = 128 + int(status.Signal())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		e.peak = usage.Maxrss
	}
	return e
}

// mustRun runs a command that has to succeed, and returns what it printed.
func (w *world) mustRun(args ...string) string {
	w.Helper()
	e := w.run(args...)
	if e.code != 0 {
		w.Fatal(e)
	}
	return e.stdout
}
