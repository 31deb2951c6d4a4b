package nova

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"golang.org/x/sync/errgroup"

	"launchpad.net/cdplan/providers/resource"
)

const (
	writers  = 8 // servers stamped at a time
	rewrites = 3 // times that a stamp is written before its loss is an error

	// A write of somebody else that nova began before ours and ends after it takes ours back. It has ended after some times as long as ours took.
	readBack    = 4
	maxReadBack = 5 * time.Second
)

// Apply writes the stamp on all servers that the service has by now, or sees to it that they carry it. A server that nova does not let be written
// yet is waited for; one that is gone by then does not count. It is a success only if every server carries the stamp.
func (p *provider) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	items, err := p.stampItems(step)
	if err != nil {
		return step.Want, err
	}
	targets, err := p.targets(ctx, step)
	if err != nil {
		return step.Want, err
	}
	if step.Fill {
		targets = p.fill(targets, items)
	}
	if step.Verify {
		return step.Want, p.verify(targets, items)
	}
	events(resource.Event{Addr: step.Addr, Text: fmt.Sprintf("stamping %s", count(len(targets)))})
	settled, cancel := context.WithTimeout(ctx, p.settle)
	defer cancel()
	written := make([]bool, len(targets))
	failed := make([]error, len(targets))
	var group errgroup.Group
	group.SetLimit(writers)
	for i, target := range targets {
		group.Go(func() error {
			written[i], failed[i] = p.stamp(settled, target, items)
			return nil
		})
	}
	if err := errors.Join(group.Wait(), join(failed)); err != nil {
		return step.Want, err
	}
	if step.Fill || slices.Contains(written, true) {
		return readStamp(p.prefix, items[p.prefix+"service"], items)
	}
	return step.Want, errors.New("every server of the service was deleted before it could be stamped")
}

// verify says which servers do not carry the items.
func (p *provider) verify(targets []*server, items map[string]string) error {
	var lacking []string
	for _, s := range targets {
		if !p.stamped(s.Metadata, items) {
			lacking = append(lacking, s.Name)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("the mojo spec is to record the deploy (record = spec under [mojo]), and has not done so on %d of %s: %s. Let \"cdplan record\" be the last "+
		"thing that the spec does", len(lacking), count(len(targets)), strings.Join(lacking, ", "))
}

// stamped says whether the metadata has all items, and no ghost beside them.
func (p *provider) stamped(metadata, items map[string]string) bool {
	return carries(metadata, items) && len(ghosts(p.prefix, metadata, items)) == 0
}

// fill makes the items tell of the run that the other servers tell of, and returns the servers that lack them.
func (p *provider) fill(targets []*server, items map[string]string) []*server {
	same := func(s *server, key string) bool { return s.Metadata[p.prefix+key] == items[p.prefix+key] }
	told := func(s *server) bool { return same(s, "service") && same(s, "hash") }
	i := slices.IndexFunc(targets, told)
	if i < 0 {
		return targets
	}
	for _, key := range []string{p.prefix + "at", p.prefix + "run"} {
		items[key] = targets[i].Metadata[key]
	}
	return slices.DeleteFunc(slices.Clone(targets), told)
}

func count(n int) string {
	if n == 1 {
		return "1 server"
	}
	return fmt.Sprintf("%d servers", n)
}

// targets returns the servers to stamp.
func (p *provider) targets(ctx context.Context, step resource.Step) ([]*server, error) {
	s := p.survey(ctx, []resource.Wanted{{Addr: step.Addr, Config: step.Want}}, true)
	if err := s.readings()[0].Err; err != nil {
		return nil, err
	}
	if targets := s.fleet.servers[s.stamps[0].Service]; len(targets) > 0 {
		return targets, nil
	}
	return nil, noServer(s.stamps[0], s.doubts[0], p.prefix)
}

// noServer says that the deploy has left nothing to stamp: it did not succeed.
func noServer(stamp wanted, doubt, prefix string) error {
	const pattern = ". Set it to a glob of the names of the servers that the deploy leaves, such as juju-NAME-machine-*, or to metadata.KEY = VALUE"
	var why string
	switch {
	case doubt != "":
		why = doubt
	case stamp.App != "":
		why = fmt.Sprintf("juju has no unit of application %q on a server yet. Let the mojo spec wait until it has", stamp.App)
	case stamp.Model != "":
		why = fmt.Sprintf("no server carries juju-model = %s under [nova] in its metadata, as juju-model-uuid or juju-env-uuid", stamp.Model)
	case stamp.Servers != "":
		why = fmt.Sprintf("servers = %s under [nova] matches no server", stamp.Servers) + pattern
	default:
		why = fmt.Sprintf("servers under [nova] is not set, and no server carries %sservice = %s", prefix, stamp.Service) + pattern
	}
	return &resource.Failure{Err: fmt.Errorf("there is no server to stamp: %s", why)}
}

// stamp writes the items on one server until reading them back shows them all, and no ghost beside them. It says false for a server that is
// gone.
func (p *provider) stamp(ctx context.Context, s *server, items map[string]string) (bool, error) {
	metadata := s.Metadata
	for range rewrites {
		took, err := p.write(ctx, s, metadata, items)
		if err == nil {
			sleep(ctx, min(readBack*took, maxReadBack))
			metadata, err = servers.Metadata(ctx, s.region.client, s.ID).Extract()
		}
		if hasCode(err, http.StatusNotFound) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot stamp server %s (%s): %w", s.Name, s.ID, plain(err))
		}
		if p.stamped(metadata, items) {
			return true, nil
		}
	}
	return false, fmt.Errorf("cannot stamp server %s (%s): somebody else writes its metadata, and what cdplan wrote was lost %d times",
		s.Name, s.ID, rewrites)
}

// write removes the ghosts, then posts all items in one request: nova writes the whole set anew each time, and one request loses less to
// others than many. It says how long nova took for that.
func (p *provider) write(ctx context.Context, s *server, metadata, items map[string]string) (took time.Duration, err error) {
	for _, key := range ghosts(p.prefix, metadata, items) {
		if other := twin(p.prefix, metadata, key); other != "" {
			return 0, fmt.Errorf("nova would remove %q along with %q, which is to go; remove one of them by hand", other, key)
		}
		err := p.whenBuilt(ctx, s, func() error { return servers.DeleteMetadatum(ctx, s.region.client, s.ID, key).ExtractErr() })
		if err != nil && !hasCode(err, http.StatusNotFound) {
			return 0, err
		}
	}
	err = p.whenBuilt(ctx, s, func() error {
		begun := time.Now()
		_, err := servers.UpdateMetadata(ctx, s.region.client, s.ID, servers.MetadataOpts(items)).Extract()
		took = time.Since(begun)
		return err
	})
	return took, err
}

// whenBuilt repeats the request for as long as nova refuses it because the server is still being built. In any other state in which nova
// refuses, waiting does not help.
func (p *provider) whenBuilt(ctx context.Context, s *server, request func() error) error {
	for {
		err := request()
		if !hasCode(err, http.StatusConflict) {
			return err
		}
		now, getErr := servers.Get(ctx, s.region.client, s.ID).Extract()
		if getErr != nil {
			return getErr
		}
		if now.Status != "BUILD" && now.Status != "ACTIVE" || now.Status == "ACTIVE" && s.Status == "ACTIVE" {
			return fmt.Errorf("its status is %s: %w%s", now.Status, plain(err), remedy(s.ID, now.Status, err))
		}
		s.Status = now.Status
		if !sleep(ctx, p.tick) {
			return fmt.Errorf("its status is still %s: %w", now.Status, plain(err))
		}
	}
}

// remedies are what lets a server be written again, by its status.
var remedies = map[string]string{
	"ERROR":             "delete the server, or mend it and have its state reset",
	"RESCUE":            "openstack server unrescue",
	"SHELVED":           "openstack server unshelve",
	"SHELVED_OFFLOADED": "openstack server unshelve",
	"VERIFY_RESIZE":     "openstack server resize confirm",
}

// remedy says what a person can do about a server that nova does not let be written.
func remedy(id, status string, err error) string {
	what := remedies[status]
	if strings.HasSuffix(plain(err).Error(), "is locked (409)") {
		what = "openstack server unlock"
	}
	if strings.HasPrefix(what, "openstack ") {
		what += " " + id
	}
	if what == "" {
		return ""
	}
	return "; to mend it: " + what
}

// sleep says false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func carries(metadata, items map[string]string) bool {
	merged := maps.Clone(metadata)
	maps.Copy(merged, items)
	return maps.Equal(merged, metadata)
}
