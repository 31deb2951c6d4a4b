package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"launchpad.net/cdplan/examples/stand-in/auth"
)

// poll is how often deploy looks whether its servers are ACTIVE.
const poll = 200 * time.Millisecond

// deploy boots the servers that its config asks for and that are not there yet, and waits for them unless wait=False. A line of the
// config is a pattern of names and a count, such as "juju-api-machine-%d 2". Machines count from 1, as juju's machine 0 is its own.
func (r *run) deploy(ctx context.Context, p phase) error {
	lines, err := r.read(p)
	if err != nil {
		return err
	}
	timeout := 600
	if text := p.args["timeout"]; text != "" {
		if timeout, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("cannot take timeout %q: not a number of seconds", text)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(timeout)*time.Second, fmt.Errorf("timeout after %d seconds", timeout))
	defer cancel()
	compute, err := auth.Compute(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, line := range lines {
		more, err := r.bootMissing(ctx, compute, line)
		if err != nil {
			return err
		}
		ids = append(ids, more...)
	}
	if strings.EqualFold(p.args["wait"], "false") {
		return nil
	}
	return r.await(ctx, compute, ids)
}

// bootMissing returns the ids of the servers that the line asks for. All of them exist, but they may not be ACTIVE yet.
func (r *run) bootMissing(ctx context.Context, compute *gophercloud.ServiceClient, line string) ([]string, error) {
	pattern, number, _ := strings.Cut(line, " ")
	count, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || strings.Count(pattern, "%") != 1 || !strings.Contains(pattern, "%d") {
		return nil, fmt.Errorf("cannot deploy %q: not a name with %%d and a count", line)
	}
	found, err := byName(ctx, compute, pattern)
	if err != nil {
		return nil, err
	}
	ids := make([]string, count)
	for i := range ids {
		name := fmt.Sprintf(pattern, i+1)
		if ids[i] = found[name]; ids[i] != "" {
			r.infof("%s is there", name)
			continue
		}
		if ids[i], err = auth.Boot(ctx, compute, name, map[string]string{"juju-units-deployed": fmt.Sprintf("%s/%d", application(pattern), i)}); err != nil {
			return nil, fmt.Errorf("cannot boot %s: %w", name, err)
		}
		r.infof("booting %s", name)
	}
	return ids, nil
}

// application returns what stands between juju- and -machine-%d.
func application(pattern string) string {
	return regexp.MustCompile(`^juju-|(-machine)?-?%d.*$`).ReplaceAllString(pattern, "")
}

func (r *run) await(ctx context.Context, compute *gophercloud.ServiceClient, ids []string) error {
	for active := 0; active < len(ids); {
		s, err := servers.Get(ctx, compute, ids[active]).Extract()
		switch {
		case err != nil:
			return fmt.Errorf("cannot wait for servers, %d of %d are ACTIVE: %w", active, len(ids), err)
		case s.Status == "ERROR":
			return fmt.Errorf("cannot start %s: it is in ERROR", s.Name)
		case s.Status == "ACTIVE":
			active++
			continue
		}
		if err := wait(ctx, poll); err != nil {
			return fmt.Errorf("cannot wait for servers, %d of %d are ACTIVE: %w", active, len(ids), err)
		}
	}
	r.infof("all %d servers are ACTIVE", len(ids))
	return nil
}

// byName returns the ids of the servers whose names begin as the pattern does.
func byName(ctx context.Context, compute *gophercloud.ServiceClient, pattern string) (map[string]string, error) {
	prefix, _, _ := strings.Cut(pattern, "%")
	pages, err := servers.List(compute, servers.ListOpts{Name: "^" + regexp.QuoteMeta(prefix)}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	ids := make(map[string]string, len(all))
	for _, s := range all {
		ids[s.Name] = s.ID
	}
	return ids, nil
}
