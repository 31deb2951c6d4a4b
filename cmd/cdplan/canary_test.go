package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// marker is in every secret that is planted, with the place where it is. None of it may come out again.
const marker = "kAnArYq8Zk"

func canary(place string) string { return marker + "-" + place }

// TestCanaries plants a secret wherever somebody may have one, runs every command in every form, and looks through all that they print, post, mail and
// keep. Files that people write, and the branches, may hold them; nothing else may, whichever way it is written.
func TestCanaries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newTools(t))
	c := &canaries{world: w, forms: writings(marker)}
	c.plant()
	if first := c.run([]string{"apply", "-auto", "-verbose"}); !strings.Contains(first.stdout, "api      deployed") || !strings.Contains(first.stdout, "noisy    failed") {
		t.Fatalf("what has to be deployed and to fail did not: %s", first)
	}
	c.change()
	commands := c.commands()
	c.checkComplete(slices.Sorted(maps.Keys(commands)))
	for _, name := range order {
		for _, args := range commands[name] {
			c.run(args)
		}
	}
	c.broken()
	c.search()
	for where, text := range map[string]string{"the webhook": c.posted.String(), "the mail": c.read("mailed"), "the command": c.read("told")} {
		if !strings.Contains(text, "noisy failing") || !strings.Contains(text, "say ****") {
			t.Errorf("%s was not told of what failed, with the end of the log: %s", where, text)
		}
	}
}

// order is that of the commands: what changes the fleet comes last.
var order = []string{"help", "completion", "version", "validate", "doctor", "plan", "graph", "show", "check", "explain", "list", "drift", "simulate", "history", "status", "hold", "unhold", "record",
	"adopt", "undo", "retry", "agent", "apply"}

// canaries is a fleet with secrets in it.
type canaries struct {
	*world
	forms [][]byte
	echo  string // the address of a server that answers with what it was asked, credentials and all

	mutex  sync.Mutex
	posted bytes.Buffer // the bodies that it was sent
}

// answer refuses everything, with all that it was sent.
func (c *canaries) answer(w http.ResponseWriter, r *http.Request) {
	asked, err := httputil.DumpRequest(r, true)
	if err != nil {
		c.Error(err)
	}
	if strings.HasPrefix(r.URL.Path, "/hooks/") {
		_, body, _ := bytes.Cut(asked, []byte("\r\n\r\n")) // above it stand the address and the password in it, which are meant for it
		c.mutex.Lock()
		c.posted.Write(body)
		c.mutex.Unlock()
	}
	http.Error(w, "who is "+string(asked)+"?", http.StatusUnauthorized)
}

// plant makes the fleet.
func (c *canaries) plant() {
	server := httptest.NewServer(http.HandlerFunc(c.answer))
	c.Cleanup(server.Close)
	c.echo = strings.TrimPrefix(server.URL, "http://")
	c.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: "juju-bare-machine-1"})
	for name, more := range map[string]string{
		"api":    "[environment]\nTOKEN = " + canary("environment-old") + "\nLATER = " + canary("removed") + "\n[private]\npassword = " + canary("private-old") + "\n",
		"noisy":  "[environment]\nDB_HOST = " + canary("environment-noisy") + "\nLINES = one\n\t" + canary("second-line") + "\n",
		"bare":   "",
		"locked": "[branches]\nlib = http://ann:" + canary("branch") + "@" + c.echo + "/lib\n",
		"odd":    "[branches]\nlib = lp:~ann:" + canary("launchpad") + "@lib\n",
		"far":    "[branches]\nlib = lp:lib\n",
		"wrong":  "[nova]\ncloud = wrong\n",
		"echo":   "[nova]\ncloud = echo\n",
	} {
		c.service(name, more)
	}
	c.write(map[string]string{"branches/noisy-spec/verify": "#!/bin/sh\nenv\necho \"say $DB_HOST again\"\nexit 1\n"})
	c.commit("branches/noisy-spec")
	c.service("spec", "")
	spec := c.read("LOCAL/spec/config.ini")
	c.write(map[string]string{"LOCAL/spec/config.ini": regexp.MustCompile(`spec = .*`).ReplaceAllString(spec, "spec = bzr+ssh://ann:"+canary("spec")+"@127.0.0.1/x")})
	c.commit("LOCAL/spec")
	c.write(map[string]string{"LOCAL/broken/config.ini": strings.ReplaceAll(brokenINI, "SECRET", canary("broken")), ".home/key": canary("key") + "\n",
		"LOCAL/cdplan.hcl": c.host(), "tell": "#!/bin/sh\ncat >>" + c.path("told") + "\necho >>" + c.path("told") + "\n", "sendmail": "#!/bin/sh\ncat >>" + c.path("mailed") + "\n"})
	c.clouds()
	c.env = append(c.env, "OS_PASSWORD="+canary("os-password"), "OS_APPLICATION_CREDENTIAL_SECRET="+canary("os-secret"), "OS_TOKEN="+canary("os-token"),
		"github_token2="+canary("token"), "DATABASE_URL=postgres://ann:"+canary("url-variable")+"@db/x", "CDPLAN_SECRET="+canary("own"))
}

// brokenINI has a mistake beside each of its secrets.
const brokenINI = `[DEFAULT]
base = SECRET
stray SECRET
[mojo]
spec = /x
password = SECRET
stagee = SECRET
[environment]
API KEY SECRET
BAD-NAME = SECRET
TOKEN = %(SECRET)s
  SECRET
[private
secret = SECRET
[branches]
lib = http://ann:SECRET@127.0.0.1:1/lib
lib = lp:~ann:SECRET@lib
Bad_Label = https://ann:SECRET@host/x
`

// triedINI is a config.ini that is not committed yet.
const triedINI = `[mojo]
spec = /x
[environment]
TOKEN = SECRET
[scale]
application = worker
min = 1
max = 8
metric = command
command = tell SECRET
target = 200
`

// service makes one, with more in its config.ini.
func (c *canaries) service(name, more string) {
	files := serviceFiles(c.dir, name, nil)
	config := "[DEFAULT]\nall_" + name + " = " + canary("default") + "\n" + files["LOCAL/"+name+"/config.ini"]
	for _, section := range []string{"[branches]\n", "[nova]\n"} {
		if rest, ok := strings.CutPrefix(more, section); ok {
			config, more = strings.Replace(config, section, section+rest, 1), ""
		}
	}
	files["LOCAL/"+name+"/config.ini"] = config + more
	c.write(files)
	c.commit("LOCAL/"+name, "branches/"+name+"-spec", "branches/"+name+"-app")
}

func (c *canaries) read(name string) string {
	text, err := os.ReadFile(c.path(name))
	c.must(err)
	return string(text)
}

// host returns a cdplan.hcl.
func (c *canaries) host() string {
	return fmt.Sprintf(`provider "bzr" {
  rewrite = { "lp:" = "http://%s/" }
}
backoff {
  delays = ["1ms", "1ms", "1ms", "1ms", "1ms", "1ms", "1ms", "1ms", "1ms"]
}
notify "webhook" "chat" {
  url         = "http://ann:%s@%s/hooks/%s?key=%s"
  secret_file = %q
}
notify "command" "pager" {
  command = [%q]
}
notify "mail" "team" {
  to       = ["team@example.com"]
  from     = "cdplan@example.com"
  sendmail = %q
}
`, c.echo, canary("hook-password"), c.echo, canary("hook-path"), canary("hook-query"), c.path(".home/key"), c.path("tell"), c.path("sendmail"))
}

// clouds adds clouds that refuse the login, answer with it, or are not there.
func (c *canaries) clouds() {
	text := c.read(".home/clouds.yaml")
	for name, url := range map[string]string{"wrong": c.cloud.URL, "echo": "http://ann:" + canary("auth-url") + "@" + c.echo, "closed": "http://ann:" + canary("closed-url") + "@127.0.0.1:1"} {
		text += fmt.Sprintf("  %s:\n    auth: {auth_url: %q, username: demo, password: %q, project_name: demo, user_domain_name: Default, project_domain_name: Default}\n    region_name: RegionOne\n",
			name, url+"/v3", canary("clouds-"+name))
	}
	c.write(map[string]string{".home/clouds.yaml": text})
}

// change commits other secrets over those that are deployed.
func (c *canaries) change() {
	config := c.read("LOCAL/api/config.ini")
	config = strings.NewReplacer(canary("environment-old"), canary("environment-new"), canary("private-old"), canary("private-new"), "LATER = "+canary("removed"), "NEWER = "+canary("added")).Replace(config)
	c.write(map[string]string{"LOCAL/api/config.ini": config, "branches/api-app/main.py": "print('more')\n"})
	c.commit("LOCAL/api", "branches/api-app")
}

// commands returns what is run, by the command's name.
func (c *canaries) commands() map[string][][]string {
	all := map[string][][]string{
		"help": {{"help"}, {"help", "environment"}}, "completion": {{"completion", "bash"}}, "version": {{"version"}, {"version", "-json"}},
		"validate": {{"validate"}, {"validate", "-json"}}, "doctor": {{"doctor"}, {"doctor", "-json"}},
		"plan": {{"plan", "-verbose"}, {"plan", "-stable"}, {"plan", "-target", "api", "-with-deps"}, {"plan", "-out", c.path("plan.json")},
			{"plan", "-with", "app=" + c.path("branches/bare-app"), "-verbose"}, {"plan", "-with", "app=http://ann:" + canary("with") + "@" + c.echo + "/x"}, {"plan", "-with", "app=lp:~ann:" + canary("with-lp") + "@x"}},
		"list":  {{"list"}, {"list", "-servers"}, {"list", "-branch", "lib"}, {"list", "-branch", "http://ann:" + canary("argument") + "@" + c.echo + "/lib"}, {"list", "-json"}},
		"drift": {{"drift"}, {"drift", "-nagios"}, {"drift", "-json"}},
		"simulate": {{"simulate", "noisy", "-load", c.path("load.csv")}, {"simulate", c.path("tried.ini"), "-load", c.path("load.csv")},
			{"simulate", c.path("tried-badly.ini"), "-load", c.path("load.csv")}},
		"check":  {{"check", c.path("plan.json")}, {"check", c.path("plan.json"), "-json"}},
		"hold":   {{"hold", "bare", "-until", "1h", "-reason", "busy"}},
		"unhold": {{"unhold", "bare"}}, "history": {{"history"}, {"history", "-json"}}, "status": {{"status"}, {"status", "-json"}, {"status", "-nagios"}}, "record": {{"record"}},
		"adopt": {{"adopt", "bare"}, {"adopt", "api", "-at", "app=999"}, {"adopt", "locked"}}, "undo": {{"undo", "api"}, {"undo", "api", "-commit"}, {"undo", "broken"}}, "retry": {{"retry", "noisy"}},
		"agent": {{"agent", "-listen", "192.0.2.1:1"}, {"agent", "-config", c.path("broken-0.hcl")}}, // it would not end otherwise
		"apply": {{"apply", c.path("plan.json")}, {"apply", "-auto"}, {"apply", "-auto", "-json", "-json-into", c.path("apply-into.json"), "-metrics-file", c.path("metrics")}},
	}
	c.write(map[string]string{"load.csv": "0,100\n1h,1000\n", "tried.ini": strings.ReplaceAll(triedINI, "SECRET", canary("tried")),
		"tried-badly.ini": strings.ReplaceAll(triedINI+"urll = http://ann:SECRET@mq/\n", "SECRET", canary("tried-badly"))})
	for _, command := range [][]string{{"plan"}, {"graph"}, {"show", c.path("plan.json")}, {"simulate", c.path("tried.ini"), "-load", c.path("load.csv"), "-hpa"}} {
		for _, format := range c.formats(command[0]) {
			all[command[0]] = append(all[command[0]], append(slices.Clone(command), "-format", format))
		}
	}
	for _, service := range []string{"api", "noisy", "bare", "locked", "odd", "far", "wrong", "echo", "spec", "broken"} {
		all["explain"] = append(all["explain"], []string{"explain", service}, []string{"explain", service, "-json"})
	}
	return all
}

// formats returns the forms that a command has, by its own help.
func (c *canaries) formats(command string) []string {
	help := strings.Join(strings.Fields(c.run([]string{"help", command}).stdout), " ")
	_, forms, _ := strings.Cut(help, "-format FORM ")
	_, forms, _ = strings.Cut(forms, " as FORM: ")
	forms, _, _ = strings.Cut(forms, " (default")
	found := strings.Split(forms, ", ")
	if len(found) < 2 {
		c.Fatalf("the forms of %s are %q", command, found)
	}
	return found
}

// checkComplete finds commands that are not run.
func (c *canaries) checkComplete(names []string) {
	_, list, _ := strings.Cut(c.run([]string{"help"}).stdout, "Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var known []string
	for line := range strings.Lines(list) {
		known = append(known, strings.Fields(line)[0])
	}
	slices.Sort(known)
	if ordered := slices.Sorted(slices.Values(order)); !slices.Equal(known, names) || !slices.Equal(known, ordered) {
		c.Errorf("the commands are %q, and those that are looked at %q, in the order %q", known, names, order)
	}
}

// broken runs what reads files that have mistakes beside their secrets.
func (c *canaries) broken() {
	for i, text := range []string{"notify \"webhook\" \"chat\" {\n  url = \"SECRET\"\n  secret = \"SECRET\"\n}\n",
		"notify \"pigeon\" \"x\" {\n  token = \"SECRET\"\n}\n", "provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://ann:SECRET@h/\"\n}\n",
		"provider \"bzr\" {\n  rewrite = { \"lp:\" = \"http://ann:SECRET@h/\" }\n  timeout = \"soon\"\n}\n", "provider \"nova\" {\n  password = \"SECRET\"\n}\n",
		"notify \"webhook\" \"chat\" {\n  url = \"http://ann:SECRET@127.0.0.1:99999/\"\n events = [\"x\"]\n}\n"} {
		file := c.path(fmt.Sprintf("broken-%d.hcl", i))
		c.write(map[string]string{filepath.Base(file): strings.ReplaceAll(text, "SECRET", canary("hcl"))})
		for _, command := range []string{"validate", "plan", "doctor", "status"} {
			c.run([]string{command, "-config", file})
		}
	}
	c.service("closed", "[nova]\ncloud = closed\n")
	c.run([]string{"plan"})
	c.run([]string{"doctor"})
	c.must(os.RemoveAll(c.path("LOCAL/closed"))) // it takes its time each time
	c.env = append(c.env, "OS_CLOUD=nowhere")
	c.run([]string{"plan"})
	c.env = append(c.env, "OS_CLOUD=", "OS_AUTH_URL=http://ann:"+canary("os-auth-url")+"@"+c.echo+"/v3", "OS_USERNAME=demo", "OS_PROJECT_NAME=demo")
	c.run([]string{"plan"})
	c.run([]string{"doctor"})
	c.write(map[string]string{".home/clouds.yaml": "clouds:\n  test:\n    auth: [" + canary("yaml") + "\n  " + canary("yaml")})
	c.env = append(c.env, "OS_CLOUD=test")
	c.run([]string{"plan"})
	c.run([]string{"doctor"})
}

// run runs cdplan and looks through what it prints.
func (c *canaries) run(args []string) ended {
	c.Helper()
	e := c.world.run(append([]string{"cdplan"}, args...)...)
	c.seen(strings.Join(args, " "), e)
	return e
}

func (c *canaries) seen(what string, e ended) {
	c.Helper()
	if strings.Contains(e.stderr, "panic:") {
		c.Errorf("%s: %s", what, e.stderr)
	}
	c.look("stdout of cdplan "+what, []byte(e.stdout))
	c.look("stderr of cdplan "+what, []byte(e.stderr))
}

// search looks through all files that cdplan has written, or that others have written of what it has told.
func (c *canaries) search() {
	c.Helper()
	written := []string{c.path("plan.json"), c.path("apply-into.json"), c.path("metrics"), c.path("told"), c.path("mailed")}
	for _, dir := range []string{".state", ".tmp"} {
		c.must(filepath.WalkDir(c.path(dir), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				written = append(written, path)
			}
			return err
		}))
	}
	for _, path := range written {
		text, err := os.ReadFile(path)
		c.must(err)
		c.look(path, text)
	}
	for _, name := range []string{"/journal.db", ".log"} {
		if !slices.ContainsFunc(written, func(path string) bool { return strings.HasSuffix(path, name) }) {
			c.Errorf("no file %s was looked through", name)
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.look("the webhook", c.posted.Bytes())
}

// look finds the marker in what came out, as it is and with all line breaks and blanks taken out of it.
func (c *canaries) look(where string, text []byte) {
	c.Helper()
	for _, text := range [][]byte{text, joined(text)} {
		for _, form := range c.forms {
			if i := bytes.Index(text, form); i >= 0 {
				c.Errorf("%s has a secret: %q", where, text[max(0, i-80):min(len(text), i+80)])
				return
			}
		}
	}
}

// joined takes out what a text may be broken by: blanks, and the "=" that ends a line of quoted-printable text.
func joined(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, bytes.ReplaceAll(text, []byte("=\n"), nil))
}

// writings returns the ways in which a text may be written.
func writings(text string) [][]byte {
	quoted := ""
	for _, b := range []byte(text) {
		quoted += fmt.Sprintf("%%%02X", b)
	}
	forms := []string{text, strings.ToLower(text), strings.ToUpper(text), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))), quoted,
		strings.ToLower(quoted), url.QueryEscape(text)}
	for shift := range 3 { // at each place in a group of three bytes; what its neighbours share with it is left out
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
		forms = append(forms, encoded[[]int{0, 2, 3}[shift]:len(encoded)-len(encoded)%4])
	}
	var found [][]byte
	for _, form := range forms {
		found = append(found, []byte(form))
	}
	return found
}

// TestCanariesAreFound checks the look itself.
func TestCanariesAreFound(t *testing.T) {
	for _, before := range []string{"", "a", "ab", "abc"} {
		secret := before + canary("x")
		broken := secret[:len(before)+4] + "=\n" + secret[len(before)+4:]
		for _, text := range []string{secret, broken, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), "A " + base64.URLEncoding.EncodeToString([]byte(secret)), strings.ToUpper(secret)} {
			found := slices.ContainsFunc(writings(marker), func(form []byte) bool { return bytes.Contains(joined([]byte(text)), form) })
			if !found {
				t.Errorf("%q is not found", text)
			}
		}
	}
}
