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
const poll = 100 * time.Millisecond

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
	var names []string
	for _, line := range lines {
		more, err := r.bootMissing(ctx, compute, line)
		if err != nil {
			return err
		}
		names = append(names, more...)
	}
	if strings.EqualFold(p.args["wait"], "false") {
		return nil
	}
	return r.await(ctx, compute, names)
}

// bootMissing returns the names of the servers that the line asks for. All of them exist, but they may not be ACTIVE yet.
func (r *run) bootMissing(ctx context.Context, compute *gophercloud.ServiceClient, line string) ([]string, error) {
	pattern, number, _ := strings.Cut(line, " ")
	count, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || strings.Count(pattern, "%") != 1 || !strings.Contains(pattern, "%d") {
		return nil, fmt.Errorf("cannot deploy %q: not a name with %%d and a count", line)
	}
	found, err := byName(ctx, compute)
	if err != nil {
		return nil, err
	}
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf(pattern, i+1)
		if _, exists := found[names[i]]; exists {
			r.infof("%s is there", names[i])
			continue
		}
		options := servers.CreateOpts{
			Name: names[i], FlavorRef: "1", ImageRef: "tiny",
			Metadata: map[string]string{"juju-units-deployed": fmt.Sprintf("%s/%d", application(pattern), i)},
		}
		if _, err := servers.Create(ctx, compute, options, nil).Extract(); err != nil {
			return nil, fmt.Errorf("cannot boot %s: %w", names[i], err)
		}
		r.infof("booting %s", names[i])
	}
	return names, nil
}

// application returns what stands between juju- and -machine-%d.
func application(pattern string) string {
	return regexp.MustCompile(`^juju-|(-machine)?-?%d.*$`).ReplaceAllString(pattern, "")
}

func (r *run) await(ctx context.Context, compute *gophercloud.ServiceClient, names []string) error {
	for {
		found, err := byName(ctx, compute)
		if err != nil {
			return err
		}
		active := 0
		for _, name := range names {
			switch found[name] {
			case "ACTIVE":
				active++
			case "ERROR":
				return fmt.Errorf("cannot start %s: it is in ERROR", name)
			}
		}
		if active == len(names) {
			r.infof("all %d servers are ACTIVE", active)
			return nil
		}
		if err := wait(ctx, poll); err != nil {
			return fmt.Errorf("cannot wait for servers, %d of %d are ACTIVE: %w", active, len(names), err)
		}
	}
}

// byName returns the status of every server.
func byName(ctx context.Context, compute *gophercloud.ServiceClient) (map[string]string, error) {
	pages, err := servers.List(compute, servers.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	statuses := make(map[string]string, len(all))
	for _, s := range all {
		statuses[s.Name] = s.Status
	}
	return statuses, nil
}
