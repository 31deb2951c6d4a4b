package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"launchpad.net/cdplan/providers/bzr/bzrtest"
	"launchpad.net/cdplan/providers/nova/novatest"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cdplan": main})
}

// TestScripts runs every story in testdata/script: cdplan itself, real brz, the stand-ins for mojo and juju, and a nova of its own for each
// story.
func TestScripts(t *testing.T) {
	t.Parallel()
	tools := newTools(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup:               func(env *testscript.Env) error { return setup(env, tools) },
		Cmds:                verbs(),
	})
}

func verbs() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){
		"branch": branch, "commit": commit, "service": service, "config": config, "await": await, "nova": cloud, "code": code, "plain": plain, "mount": mount,
	}
	maps.Copy(all, terminalVerbs)
	return all
}

// Where a story finds its nova, an empty branch, and brz.
type (
	cloudKey struct{}
	emptyKey struct{}
	brzKey   struct{}
)

func setup(env *testscript.Env, tools tools) error {
	cloud, variables, err := settle(env.WorkDir, tools)
	if err != nil {
		return err
	}
	env.Defer(func() {
		if err := cloud.Close(); err != nil {
			env.T().Log(err)
		}
	})
	env.Values[emptyKey{}], env.Values[cloudKey{}], env.Values[brzKey{}] = tools.empty, cloud, tools.brz
	setupTerminal(env)
	env.Vars = append(env.Vars, "PATH="+tools.bin+":"+env.Getenv("PATH"))
	env.Vars = append(env.Vars, variables...)
	return nil
}

// branch DIR... makes a branch of each directory and commits what is in it. An empty branch is copied, which takes less time than brz.
func branch(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range args {
		ts.Check(os.CopyFS(ts.MkAbs(dir), os.DirFS(ts.Value(emptyKey{}).(string))))
		commit(ts, false, []string{dir, "Start"})
	}
}

// commit DIR MESSAGE adds and commits all that changed in a working tree.
func commit(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Value(brzKey{}).(*bzrtest.Process).Commit(ts.MkAbs(args[0]), args[1], ts.Getenv("BRZ_EMAIL")))
}

// service NAME [after=NAMES] [auto=never] [servers=PATTERN] makes a service: LOCAL/NAME, and branches/NAME-spec and branches/NAME-app. Its spec
// boots one server juju-NAME-machine-1, and fails if there is a file "broken" in the app.
func service(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	options := map[string]string{}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		options[key] = value
	}
	for file, text := range serviceFiles(ts.MkAbs("."), name, options) {
		write(ts, file, text, modeOf(text))
	}
	branch(ts, false, []string{"LOCAL/" + name, "branches/" + name + "-spec", "branches/" + name + "-app"})
}

// config NAME SECTION KEY [VALUE...] sets a key in the config.ini of a service, or takes it away, and leaves the file uncommitted. The section
// is added if it is not there.
func config(ts *testscript.TestScript, _ bool, args []string) {
	file, header, key := "LOCAL/"+args[0]+"/config.ini", "["+args[1]+"]", args[2]
	lines := strings.Split(strings.TrimRight(ts.ReadFile(file), "\n"), "\n")
	start := slices.Index(lines, header)
	if start < 0 {
		start = len(lines) + 1
		lines = append(lines, "", header)
	}
	end := start + 1
	for end < len(lines) && lines[end] != "" {
		end++
	}
	section := slices.DeleteFunc(slices.Clone(lines[start:end]), func(line string) bool { return strings.HasPrefix(line, key+" = ") })
	if len(args) > 3 {
		section = append(section, key+" = "+strings.Join(args[3:], " "))
	}
	write(ts, file, strings.Join(slices.Concat(lines[:start], section, lines[end:]), "\n")+"\n", 0o600)
}

// await FILE [TEXT] waits until there is something in a file, or that text.
func await(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && len(text) > 0 && strings.Contains(string(text), strings.Join(args[1:], "")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the file %s still has only %q", args[0], text)
		}
	}
}

func write(ts *testscript.TestScript, name, text string, mode os.FileMode) {
	path := ts.MkAbs(name)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(text), mode))
}

// mount DIR OPTIONS mounts a file system in memory on a directory until the story ends, or mounts it anew with other options.
func mount(ts *testscript.TestScript, _ bool, args []string) {
	dir, options := ts.MkAbs(args[0]), args[1]
	asRoot := func(args ...string) {
		if os.Getuid() != 0 {
			args = append([]string{"sudo", "-n"}, args...)
		}
		if err := ts.Exec(args[0], args[1:]...); err != nil {
			ts.Fatalf("cannot mount a file system, which takes root, or sudo without a password, and a container with the capability SYS_ADMIN: %v", err)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		asRoot("mount", "-o", "remount,"+options, dir)
		return
	}
	ts.Check(os.Mkdir(dir, 0o700))
	asRoot("mount", "-t", "tmpfs", "-o", fmt.Sprintf("mode=0700,uid=%d,%s", os.Getuid(), options), "none", dir)
	ts.Defer(func() { asRoot("umount", "-l", dir) })
}

// code N COMMAND... runs a command that must end with that exit code.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// What differs from run to run, and what stands for it.
var volatile = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`ann@example\.com-[0-9]{14}-[a-z0-9]{16}`), "REVISION"},
	{regexp.MustCompile(`[0-9]{8}T[0-9]{6}\.[0-9]{3}Z`), "RUN"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`), "TIME"},
	{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} ([0-9:]{8}Z?|[0-9:]{5} UTC)`), "TIME"},
	{regexp.MustCompile(`\b[0-9]{2}:[0-9]{2}:[0-9]{2}Z`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "SERVER"},
	{regexp.MustCompile(`v1:[0-9a-f]{64}`), "HASH"},
	{regexp.MustCompile(`"host": "[^"]*"`), `"host": "HOST"`},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "FINGERPRINT"},
	{regexp.MustCompile(`\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b`), "FINGERPRINT"},
	{regexp.MustCompile(`\b(deployed|recorded|failed|interrupted)( +)([0-9]+m)?[0-9.]+m?s\b( ?) *`), "$1${2}TOOK$4$4"},
	{regexp.MustCompile(`\b(skipped|refused|not-started)( +)- +`), "$1$2-  "},
	{regexp.MustCompile(`\btook +note\b`), "took  note"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "ADDRESS"},
	{regexp.MustCompile(`\buntil TIME by [a-z_][a-z0-9_-]*:`), "until TIME by USER:"},
	{regexp.MustCompile(`\bTOOK  by [a-z_][a-z0-9_-]*\n`), "TOOK  by USER\n"},
	{regexp.MustCompile(`pid [0-9]+ of [^ ,]+`), "pid PID of USER"},
	{regexp.MustCompile("(cdplan plan, host |\\(host `|<!-- cdplan:)[A-Za-z0-9._-]+"), "${1}HOST"},
}

// wrapped is the text of an error or a warning. Where its lines are broken depends on how long $WORK is.
var wrapped = regexp.MustCompile(`(?m)^(Error|Warning): .*\n\n(  .*\n(  ?.*\n)+\n)?(\S.*\n)+`)

func unwrap(diagnostic string) string {
	start := strings.LastIndex(strings.TrimRight(diagnostic, "\n"), "\n\n") + 2
	return diagnostic[:start] + strings.ReplaceAll(strings.TrimRight(diagnostic[start:], "\n"), "\n", " ") + "\n"
}

// plain stdout|stderr FILE writes the last output to a file, with a word for all that differs from run to run, to be compared. What is said
// about an error goes on one line.
func plain(ts *testscript.TestScript, _ bool, args []string) {
	text := wrapped.ReplaceAllStringFunc(ts.ReadFile(args[0]), unwrap)
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.text)
	}
	write(ts, args[1], text, 0o600)
}

// cloud is the verb "nova", which speaks to the story's nova:
//
//	nova add NAME [KEY=VALUE...]     a server, ACTIVE; NAME may be REGION/NAME
//	nova copy NAME OTHER             a server OTHER, ACTIVE, with the same metadata
//	nova status NAME STATUS          sets its status
//	nova set NAME KEY=VALUE...       adds to its metadata
//	nova unset NAME KEY...           takes from its metadata
//	nova show NAME [FILE]            writes its metadata to FILE (nova.txt), a line "KEY=VALUE" each, sorted
//	nova delete NAME
//	nova fault METHOD PATH STATUS    every such request from now on fails
//	nova down REGION                 that region answers nothing from now on
//	nova well                        ends all faults
//	nova count METHOD PATH N         there were N such requests since the last time
func cloud(ts *testscript.TestScript, _ bool, args []string) {
	nova := ts.Value(cloudKey{}).(*novatest.Server)
	switch verb, args := args[0], args[1:]; verb {
	case "add":
		region, name, ok := strings.Cut(args[0], "/")
		if !ok {
			region, name = "RegionOne", args[0]
		}
		nova.AddServer(region, novatest.ServerSpec{Name: name, Metadata: items(args[1:])})
	case "copy":
		nova.AddServer("RegionOne", novatest.ServerSpec{Name: args[1], Metadata: find(ts, nova, args[0]).Metadata})
	case "status":
		nova.SetStatus(find(ts, nova, args[0]).ID, args[1])
	case "set", "unset":
		server := find(ts, nova, args[0])
		for _, arg := range args[1:] {
			key, value, _ := strings.Cut(arg, "=")
			server.Metadata[key] = value
			if verb == "unset" {
				delete(server.Metadata, key)
			}
		}
		nova.SetMetadata(server.ID, server.Metadata)
	case "show":
		show(ts, find(ts, nova, args[0]).Metadata, append(args, "nova.txt")[1])
	case "delete":
		nova.Delete(find(ts, nova, args[0]).ID)
	case "fault":
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		nova.Inject(novatest.Fault{Method: args[0], Path: args[1], Status: status})
	case "down":
		nova.SetDown(args[0], true)
	case "well":
		nova.ClearFaults()
		nova.SetDown("RegionOne", false)
		nova.SetDown("RegionTwo", false)
	case "count":
		if got := strconv.Itoa(nova.Count(args[0], args[1])); got != args[2] {
			ts.Fatalf("there were %s requests %s %s, want %s:\n%v", got, args[0], args[1], args[2], nova.Requests())
		}
		nova.ResetRequests()
	default:
		ts.Fatalf("nova has no verb %q", verb)
	}
}

func find(ts *testscript.TestScript, nova *novatest.Server, name string) novatest.Info {
	servers := nova.Servers()
	i := slices.IndexFunc(servers, func(s novatest.Info) bool { return s.Name == name })
	if i < 0 {
		ts.Fatalf("there is no server %q", name)
	}
	return servers[i]
}

func items(args []string) map[string]string {
	metadata := map[string]string{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		metadata[key] = value
	}
	return metadata
}

func show(ts *testscript.TestScript, metadata map[string]string, file string) {
	var lines []string
	for key, value := range metadata {
		lines = append(lines, key+"="+value+"\n")
	}
	slices.Sort(lines)
	write(ts, file, strings.Join(lines, ""), 0o600)
}
