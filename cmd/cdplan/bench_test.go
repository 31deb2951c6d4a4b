package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

// BenchmarkPlan runs the command "cdplan plan" over services of five local branches and three servers each, all as they should be: start of
// the process, login, one list of the cloud, every branch tip and every working tree. The branches are copies of ones made by brz, without
// their repositories, which are not read where nothing moved. It reports the largest resident set of the process beside the time. x-barelist
// says how many times as long it takes as a program that only logs in and lists the same servers by gophercloud, the quickest of each.
func BenchmarkPlan(b *testing.B) {
	bin := b.TempDir()
	run(b, exec.Command("go", "build", "-o", bin, ".", "launchpad.net/cdplan/test/barelist"))
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			environment := benchFleet(b, n)
			var plan, bare cost
			for b.Loop() {
				plan.add(run(b, inside(environment, bin+"/cdplan", "plan", "-detailed-exitcode")))
				b.StopTimer()
				bare.add(run(b, inside(environment, bin+"/barelist")))
				b.StartTimer()
			}
			b.ReportMetric(float64(plan.time)/float64(bare.time), "x-barelist")
			b.ReportMetric(plan.peak, "MiB-peak")
			b.ReportMetric(bare.peak, "MiB-barelist")
		})
	}
}

// cost is the least time and the most memory that runs of a program took.
type cost struct {
	time time.Duration
	peak float64 // MiB
}

func (c *cost) add(more cost) {
	if c.time == 0 || more.time < c.time {
		c.time = more.time
	}
	c.peak = max(c.peak, more.peak)
}

func inside(environment []string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = environment
	return cmd
}

func run(b testing.TB, cmd *exec.Cmd) cost {
	b.Helper()
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return cost{time.Since(start), float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024}
}

// benchFleet makes the services and their cloud, and returns the environment to plan them in.
func benchFleet(b testing.TB, n int) []string {
	b.Helper()
	dir := b.TempDir()
	home := filepath.Join(dir, "home")
	environment := append(os.Environ(), "BRZ_HOME="+home, "XDG_CACHE_HOME="+home, "BRZ_LOG=/dev/null", "BRZ_EMAIL=Ann Example <ann@example.com>", "CDPLAN_ROOT="+filepath.Join(dir, "LOCAL"),
		"CDPLAN_STATE="+filepath.Join(dir, "state"), "OS_CLIENT_CONFIG_FILE="+filepath.Join(dir, "clouds.yaml"), "OS_CLOUD=test")
	cloud, err := novatest.Start("", novatest.Options{})
	check(b, err)
	b.Cleanup(func() { check(b, cloud.Close()) })
	writeFile(b, filepath.Join(dir, "clouds.yaml"), cloud.CloudsYAML("test"))
	template := newTemplate(b, filepath.Join(dir, "template"), environment)
	for i := range n {
		addService(b, dir, fmt.Sprintf("service%04d", i), template, cloud)
	}
	return environment
}

// template is a branch made by brz that holds a config.ini.
type template struct {
	dir      string
	revision resource.Revision
	sum      string // of the config.ini
}

func newTemplate(b testing.TB, dir string, environment []string) template {
	b.Helper()
	writeFile(b, filepath.Join(dir, "config.ini"), []byte("[service]\n"))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-q"}, {"commit", "-q", "-m", "Start"}} {
		cmd := exec.Command("brz", args...)
		cmd.Dir, cmd.Env = dir, environment
		run(b, cmd)
	}
	tip, err := os.ReadFile(filepath.Join(dir, ".bzr/branch/last-revision"))
	check(b, err)
	revno, id, _ := strings.Cut(strings.TrimSpace(string(tip)), " ")
	return template{dir: dir, revision: resource.Revision{Revno: revno, ID: id}, sum: sum([]byte("[service]\n"))}
}

func sum(text []byte) string {
	digest := sha1.Sum(text)
	return hex.EncodeToString(digest[:])
}

// addService makes a service whose three servers carry what its branches say.
func addService(b testing.TB, dir, name string, t template, cloud *novatest.Server) {
	b.Helper()
	labels := []string{"spec", "app", "charm", "lib"}
	revisions := map[string]resource.Revision{"config": t.revision}
	locations := map[string]string{}
	for _, label := range labels {
		locations[label] = filepath.Join(dir, "branches", name, label)
		revisions[label] = resource.Revision{Revno: "7", ID: fmt.Sprintf("ann@example.com-20260102030405-%s-%s", name, label)}
		t.copyBranch(b, locations[label])
		writeFile(b, filepath.Join(locations[label], ".bzr/branch/last-revision"), []byte(revisions[label].String()+"\n"))
	}
	config := fmt.Sprintf("[mojo]\nspec = %s\n\n[branches]\napp = %s\ncharm = %s\nlib = %s\n\n[nova]\nservers = juju-%s-machine-*\n",
		locations["spec"], locations["app"], locations["charm"], locations["lib"], name)
	t.copyTree(b, filepath.Join(dir, "LOCAL", name), []byte(config))
	metadata := map[string]string{"cd.service": name, "cd.hash": resource.Hash(revisions), "juju-units-deployed": name + "/0"}
	for label, revision := range revisions {
		metadata["cd.rev."+label] = revision.String()
	}
	for i := range 3 {
		cloud.AddServer("RegionOne", novatest.ServerSpec{Name: fmt.Sprintf("juju-%s-machine-%d", name, i), Metadata: metadata})
	}
}

func (t template) copyBranch(b testing.TB, dir string) {
	b.Helper()
	for _, name := range []string{".bzr/branch-format", ".bzr/branch/format", ".bzr/branch/last-revision"} {
		text, err := os.ReadFile(filepath.Join(t.dir, name))
		check(b, err)
		writeFile(b, filepath.Join(dir, name), text)
	}
}

// copyTree makes the branch and a working tree in which config is committed.
func (t template) copyTree(b testing.TB, dir string, config []byte) {
	b.Helper()
	t.copyBranch(b, dir)
	writeFile(b, filepath.Join(dir, "config.ini"), config)
	for _, name := range []string{".bzr/checkout/format", ".bzr/checkout/dirstate"} {
		text, err := os.ReadFile(filepath.Join(t.dir, name))
		check(b, err)
		if strings.HasSuffix(name, "dirstate") {
			text = rehash(text, t.sum, sum(config))
		}
		writeFile(b, filepath.Join(dir, name), text)
	}
}

// rehash puts another file's sum into a dirstate, and right the check sum of all that follows its third line.
func rehash(dirstate []byte, from, to string) []byte {
	lines := bytes.SplitN(bytes.ReplaceAll(dirstate, []byte(from), []byte(to)), []byte("\n"), 4)
	lines[1] = fmt.Appendf(nil, "crc32: %d", crc32.ChecksumIEEE(lines[3]))
	return bytes.Join(lines, []byte("\n"))
}

func writeFile(b testing.TB, name string, text []byte) {
	b.Helper()
	check(b, os.MkdirAll(filepath.Dir(name), 0o700))
	check(b, os.WriteFile(name, text, 0o600))
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
