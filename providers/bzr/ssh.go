package bzr

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// launchpadDomain is where servers take one command only, word for word.
const launchpadDomain = "launchpad.net"

// sshWord is what may stand for a user or a host on ssh's command line. From there they may get into commands of the user's ssh_config.
var sshWord = regexp.MustCompile(`^[A-Za-z0-9_:][A-Za-z0-9_:.%+~-]*$`)

// dialSSH has a host's smart server speak to us through ssh. Without an ssh there is errUndecided, for brz knows others.
func dialSSH(ctx context.Context, h host) (link, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, undecided("ssh is not installed")
	}
	if h.user != "" && !sshWord.MatchString(h.user) || !sshWord.MatchString(h.name) {
		return nil, fmt.Errorf("ssh cannot be given the host %q and the user %q", h.name, h.user)
	}
	env := append(slices.DeleteFunc(os.Environ(), unwanted), "SSH_ASKPASS_REQUIRE=never")
	return startChild(ctx, env, path, sshArguments(h, patience(ctx)))
}

// patience returns the whole seconds that are left until the deadline of ctx, at least one.
func patience(ctx context.Context) int {
	deadline, ok := ctx.Deadline()
	if !ok {
		return int(defaultTimeout.Seconds())
	}
	return int(max(1, math.Ceil(time.Until(deadline).Seconds())))
}

func sshArguments(h host, seconds int) []string {
	args := []string{"-T", "-oBatchMode=yes", "-oConnectTimeout=" + strconv.Itoa(seconds), "-oForwardX11=no", "-oForwardAgent=no",
		"-oClearAllForwardings=yes"}
	if h.port != "" {
		args = append(args, "-p", h.port)
	}
	if h.user != "" {
		args = append(args, "-l", h.user)
	}
	return append(args, "--", h.name, remoteCommand(h.name))
}

// remoteCommand is what the host is to run.
func remoteCommand(name string) string {
	name = strings.ToLower(name)
	if name == launchpadDomain || strings.HasSuffix(name, "."+launchpadDomain) {
		return "bzr serve --inet --directory=/ --allow-writes"
	}
	command := os.Getenv("BZR_REMOTE_PATH")
	if command == "" {
		command = "bzr"
	}
	return command + " serve --inet --directory=/"
}
