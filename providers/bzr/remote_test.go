package bzr

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"launchpad.net/cdplan/providers"
)

// servedTree makes branches of many shapes and returns their directory. Nothing below it names a host.
func servedTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	newBranch(t, dir+"/b", "2a", "1", "2", "3")
	newBranch(t, dir+"/knit", "knit", "1", "2")
	newBranch(t, dir+"/a b%é", "2a", "1")
	newBranch(t, dir+"/empty", "2a")
	brz(t, dir, "init-shared-repository", "-q", "--no-trees", "repo")
	brz(t, dir, "branch", "-q", "-r2", "b", "repo/shared")
	brz(t, dir, "branch", "-q", "--stacked", "b", "stacked")
	brz(t, dir, "branch", "-q", "-r1", "b", "side")
	brz(t, dir, "checkout", "-q", "--lightweight", "b", "local")
	write(t, dir+"/side/other", "")
	brz(t, dir+"/side", "add", "-q")
	brz(t, dir+"/side", "commit", "-qm", "side")
	brz(t, dir+"/b", "merge", "-q", "../side")
	brz(t, dir+"/b", "commit", "-qm", "merge")
	return dir
}

// refer makes a reference below dir that leads to target.
func refer(t *testing.T, dir, name, target string) {
	t.Helper()
	write(t, dir+"/"+name+"/.bzr/branch-format", "Bazaar-NG meta directory, format 1\n")
	write(t, dir+"/"+name+"/.bzr/branch/format", "Bazaar-NG Branch Reference Format 1\n")
	write(t, dir+"/"+name+"/.bzr/branch/location", target)
}

// checkServed compares what a provider says of the served tree with what brz says of its files. The root is its URL.
func checkServed(t *testing.T, p providers.Provider, dir, root string, pins ...string) {
	t.Helper()
	for _, name := range []string{"b", "repo/shared", "stacked", "a b%é"} {
		if got, want := revision(t, read(t, p, wanted("app", root+"/"+escape(name)))[0]), info(t, dir+"/"+name); got != want {
			t.Errorf("%s: got %s, brz says %s", name, got, want)
		}
	}
	for _, pin := range pins {
		for _, name := range []string{"b", "repo/shared"} {
			if strings.Contains(pin, ".") && name != "b" || pin > "2" && name != "b" {
				continue
			}
			got := revision(t, read(t, p, wanted("app", root+"/"+name+";revno="+pin))[0])
			if want := info(t, dir+"/"+name, "-r", pin); got != want {
				t.Errorf("%s, pin %s: got %s, brz says %s", name, pin, got, want)
			}
		}
	}
	refer(t, dir, "hop", root+"/b")
	refer(t, dir, "loop", root+"/loop")
	if got, want := revision(t, read(t, p, wanted("app", root+"/hop"))[0]), info(t, dir+"/b"); got != want {
		t.Errorf("a reference: got %s, want %s", got, want)
	}
	for name, failure := range map[string][2]string{
		"empty": {"Empty branch", "has no commits"},
		"none":  {"", "no branch at " + root + "/none"},
		"local": {"", `cannot follow the reference to "file://` + dir + "/b"},
		"loop":  {"", "more than 8 references"},
	} {
		checkFailure(t, read(t, p, wanted("app", root+"/"+name))[0], failure[0], failure[1])
	}
}

func TestSmartTips(t *testing.T) {
	dir := servedTree(t)
	root := serve(t, dir)
	p := withoutBrz(t)
	checkServed(t, p, dir, root, "1", "2", "4")
	for _, pin := range []string{"0", "5", "99999999999"} {
		checkFailure(t, read(t, p, wanted("app", root+"/b;revno="+pin))[0], "Unknown revision", root+"/b has no revision "+pin)
	}
	if got, want := revision(t, read(t, p, wanted("app", root+"/knit"))[0]), info(t, dir+"/knit"); got != want {
		t.Errorf("knit: got %s, brz says %s", got, want)
	}
	checkFailure(t, read(t, p, wanted("app", root+"/repo"))[0], "", "which is a repository without one")
	checkFailure(t, read(t, p, wanted("app", root+"/b;revno=1.1.1"))[0], "", "is not installed")
	got := revision(t, read(t, opened(t, nil), wanted("app", root+"/b;revno=1.1.1"))[0])
	if want := info(t, dir+"/b", "-r1.1.1"); got != want {
		t.Errorf("a dotted pin: got %s, brz says %s", got, want)
	}
}

func TestWebTips(t *testing.T) {
	dir := servedTree(t)
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(web.Close)
	checkServed(t, withoutBrz(t), dir, web.URL)
	p := opened(t, nil)
	for _, at := range []string{"knit", "b;revno=1"} {
		name, pin, _ := strings.Cut(at, ";revno=")
		if pin == "" {
			pin = "-1"
		}
		if got, want := revision(t, read(t, p, wanted("app", web.URL+"/"+at))[0]), info(t, dir+"/"+name, "-r", pin); got != want {
			t.Errorf("%s: got %s, brz says %s", at, got, want)
		}
	}
}

// secureShell runs a real sshd for the current user on loopback, puts an ssh first on PATH that can log in, and returns the root of its URLs.
func secureShell(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" { // where sshd of root locks itself in
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"host", "me"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir+"/"+key).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	port := freePort(t)
	public, err := os.ReadFile(dir + "/host.pub")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/known", "[127.0.0.1]:"+port+" "+string(public))
	write(t, dir+"/sshd_config", "ListenAddress 127.0.0.1:"+port+"\nHostKey "+dir+"/host\nAuthorizedKeysFile "+dir+"/me.pub\nPidFile none\n"+
		"StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSetEnv BRZ_LOG=/dev/null LC_ALL=C.UTF-8\n")
	write(t, dir+"/ssh_config", "IdentityFile "+dir+"/me\nIdentitiesOnly yes\nUserKnownHostsFile "+dir+"/known\n")
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/bin/ssh", "#!/bin/sh\necho \"$*\" >> "+dir+"/calls\nexec "+ssh+" -F "+dir+"/ssh_config \"$@\"\n")
	if err := os.Chmod(dir+"/bin/ssh", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+"/bin:"+os.Getenv("PATH")+":/usr/sbin")
	t.Setenv("SSH_CALLS", dir+"/calls")
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		t.Fatalf("%v; install it with: apt-get install openssh-server", err)
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", dir+"/sshd_config")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("sshd: %s", said)
		}
	})
	awaitPort(t, port)
	return "bzr+ssh://" + me.Username + "@127.0.0.1:" + port
}

func TestSSHTips(t *testing.T) {
	root := secureShell(t)
	t.Setenv("BZR_REMOTE_PATH", "brz")
	dir := servedTree(t)
	p := withoutBrz(t)
	checkServed(t, p, dir, root+dir, "1", "2", "4")
	calls, _ := os.ReadFile(os.Getenv("SSH_CALLS"))
	if n := strings.Count(string(calls), "brz serve --inet --directory=/\n"); n < 1 || n > smartConnections {
		t.Errorf("ssh ran %d times for one host:\n%s", n, calls)
	}
	stranger := strings.Replace(root, "@127", "x@127", 1)
	checkFailure(t, read(t, p, wanted("app", stranger+dir+"/b"))[0], "", "cannot connect: ssh ended: ")
	t.Setenv("BZR_REMOTE_PATH", "/nonexistent/brz")
	checkFailure(t, read(t, withoutBrz(t), wanted("app", root+dir+"/b"))[0], "", "ssh ended: ")
}

func TestLaunchpadTakesOneCommandOnly(t *testing.T) {
	t.Setenv("BZR_REMOTE_PATH", "brz")
	for name, want := range map[string]string{
		"bazaar.launchpad.net": "bzr serve --inet --directory=/ --allow-writes", "launchpad.net.example.com": "brz serve --inet --directory=/",
		"notlaunchpad.net": "brz serve --inet --directory=/",
	} {
		if got := remoteCommand(name); got != want {
			t.Errorf("%s is to run %q, want %q", name, got, want)
		}
	}
	got := strings.Join(sshArguments(host{"bzr+ssh", "joe", "h", "22"}, 7), " ")
	if want := "-T -oBatchMode=yes -oConnectTimeout=7 -oForwardX11=no -oForwardAgent=no -oClearAllForwardings=yes -p 22 -l joe -- h " +
		"brz serve --inet --directory=/"; got != want {
		t.Errorf("got %q", got)
	}
}
