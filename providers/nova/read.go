package nova

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"launchpad.net/cdplan/providers/resource"
)

// provider is the provider and its one resource type.
type provider struct {
	cloud  cloud
	prefix string
	settle time.Duration
	tick   time.Duration // between two looks at a server that is being built

	mu     sync.Mutex
	claims map[string]selector // by service, of all services ever asked about
}

// server is what is used of a server in nova's list.
type server struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`

	region region
}

// wanted is the configuration of a stamp, decoded.
type wanted struct {
	Service   string                       `cty:"service"`
	Labels    []string                     `cty:"labels"`
	Servers   string                       `cty:"servers"`
	Model     string                       `cty:"juju_model"`
	App       string                       `cty:"juju_application"`
	Cloud     string                       `cty:"cloud"`
	Regions   []string                     `cty:"regions"`
	Revisions map[string]resource.Revision `cty:"revisions"`
	Hash      string                       `cty:"hash"`
	At        string                       `cty:"at"`
	Run       string                       `cty:"run"`
}

// Read lists every region once and finds the servers of each service that is asked about. If a region cannot be listed, nothing can be said
// about any of them, since each may have servers there.
func (p *provider) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	readings := make([]resource.Reading, len(want))
	decoded := make([]wanted, len(want))
	for i, w := range want {
		readings[i].Addr = w.Addr
		decoded[i], readings[i].Err = p.claim(w)
	}
	servers, err := p.list(ctx)
	fleet := p.match(servers)
	for i := range readings {
		switch {
		case readings[i].Err != nil:
		case err != nil:
			readings[i].Err = err
		default:
			readings[i].Copies, readings[i].Err = p.copies(fleet, want[i].Addr, decoded[i].Service)
		}
	}
	return readings
}

// Check says whether the servers can be matched.
func (p *provider) Check(w resource.Wanted) error {
	_, _, err := p.decode(w)
	return err
}

// decode returns the stamp that is asked for, and which servers its service claims.
func (p *provider) decode(w resource.Wanted) (wanted, selector, error) {
	var stamp wanted
	if err := resource.Decode(w.Config, &stamp); err != nil {
		return stamp, selector{}, err
	}
	chosen, fault := parseSelector(stamp.Servers)
	if fault != "" {
		return stamp, chosen, &resource.AttrError{Addr: w.Addr, Attr: "servers", Summary: "Invalid server pattern", Detail: fault}
	}
	return stamp, chosen, nil
}

// claim decodes what is asked and remembers which servers the service claims.
func (p *provider) claim(w resource.Wanted) (wanted, error) {
	stamp, chosen, err := p.decode(w)
	if err != nil {
		return stamp, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims[stamp.Service] = chosen
	return stamp, nil
}

// list returns the servers of all regions, ordered by name, then id.
func (p *provider) list(ctx context.Context) ([]*server, error) {
	regions, err := p.cloud.connect(ctx)
	if err != nil {
		return nil, err
	}
	pages := make([][]*server, len(regions))
	group, ctx := errgroup.WithContext(ctx)
	for i, region := range regions {
		group.Go(func() (err error) {
			pages[i], err = region.list(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	servers := slices.Concat(pages...)
	slices.SortFunc(servers, func(a, b *server) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return servers, nil
}

// list follows the pages of one region. They are decoded straight into what is used here; the library's own pager decodes everything, and
// twice.
func (r region) list(ctx context.Context) ([]*server, error) {
	var servers []*server
	for url := r.client.ServiceURL("servers", "detail"); url != ""; {
		var page struct {
			Servers []*server `json:"servers"`
			Links   []struct {
				Rel  string `json:"rel"`
				Href string `json:"href"`
			} `json:"servers_links"`
		}
		_, err := r.client.Get(ctx, url, &page, nil) // the library closes the response
		if err != nil {
			return nil, fmt.Errorf("cannot list the servers of region %q: %w", r.name, plain(err))
		}
		url = ""
		for _, link := range page.Links {
			if link.Rel == "next" {
				url = link.Href
			}
		}
		servers = append(servers, page.Servers...)
	}
	for _, s := range servers {
		s.region = r
	}
	return slices.DeleteFunc(servers, (*server).foreign), nil
}

// foreign says whether a server is none that a service may claim: one on its way out, or a juju controller ("juju-is-state" in juju 1).
func (s *server) foreign() bool {
	return strings.HasSuffix(s.Status, "DELETED") || s.Metadata["juju-is-controller"] == "true" || s.Metadata["juju-is-state"] == "true"
}

// copies returns the servers of a service with what is stamped on each.
func (p *provider) copies(fleet fleet, addr resource.Addr, service string) ([]resource.Copy, error) {
	var copies []resource.Copy
	for _, s := range fleet.servers[service] {
		if claimants := fleet.claimants[s.ID]; len(claimants) > 1 {
			return nil, claimedTwice(addr, s, claimants)
		}
		c := resource.Copy{ID: s.ID, Name: s.Name, Region: s.region.name, Status: s.Status}
		c.Object, c.Err = readStamp(p.prefix, service, s.Metadata)
		if other := s.Metadata[p.prefix+"service"]; other != service {
			c.Other = other
		}
		copies = append(copies, c)
	}
	return copies, nil
}

func claimedTwice(addr resource.Addr, s *server, claimants []string) error {
	return &resource.AttrError{Addr: addr, Attr: "servers", Summary: "Server claimed twice", Shared: true,
		Detail: fmt.Sprintf("The server %s (%s) is claimed by %s. A server can run one service only: make the patterns under [nova] servers "+
			"exclude one another.", s.Name, s.ID, strings.Join(claimants, " and "))}
}
