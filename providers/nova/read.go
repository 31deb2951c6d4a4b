package nova

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// provider is the provider and its one resource type.
type provider struct {
	usual struct { // where the servers of a service are that does not say it
		cloud   string
		regions []string // empty: the one that the login names
	}
	prefix string
	settle time.Duration
	tick   time.Duration // between two looks at a server that is being built
	pause  time.Duration // before the second try of a request

	juju    Juju
	program string // juju, as it is called

	mu     sync.Mutex
	clouds map[string]*cloud // by name
	claims map[string]claim  // by service, of all services ever asked about
}

// place is a region of a cloud.
type place struct{ cloud, region string }

// listing is what one place holds.
type listing struct {
	servers []*server // ordered by name, then id
	err     error     // why it is not known
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

// Read lists once every region that one of the services has servers in, asks juju once about every model that one of them names, and finds the
// servers of each. Of a service that has servers in a region which cannot be listed, or in a model about which juju does not answer, nothing can
// be said.
func (p *provider) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	return p.survey(ctx, want, len(want) == 1).readings()
}

// survey is what one look at the clouds and at juju has found of the stamps that are wanted, each in the order of want.
type survey struct {
	*provider
	want     []resource.Wanted
	stamps   []wanted
	faults   []error // of the declarations
	doubts   []string
	unknown  []error // what juju cannot tell
	listings map[place]listing
	fleet    fleet
}

// survey looks for the servers of all that is wanted. Of a single service, alone lists no other servers where their names tell which those are.
func (p *provider) survey(ctx context.Context, want []resource.Wanted, alone bool) survey {
	s := survey{provider: p, want: want, stamps: make([]wanted, len(want)), faults: make([]error, len(want)), doubts: make([]string, len(want)),
		unknown: make([]error, len(want))}
	var places []place
	var sound []wanted
	common := ""
	for i, w := range want {
		if s.stamps[i], s.faults[i] = p.claim(w); s.faults[i] != nil {
			continue
		}
		claim := p.claimOf(s.stamps[i].Service)
		places, sound = append(places, claim.places...), append(sound, s.stamps[i])
		if alone {
			common = claim.literal()
		}
	}
	listings, rosters := p.look(ctx, places, common, sound...)
	for i, stamp := range s.stamps {
		if s.faults[i] == nil {
			s.doubts[i], s.unknown[i] = p.take(stamp, rosters)
		}
	}
	s.listings, s.fleet = listings, p.match(listings)
	return s
}

// readings tells of each stamp which servers carry it.
func (s survey) readings() []resource.Reading {
	readings := make([]resource.Reading, len(s.want))
	for i, w := range s.want {
		r := resource.Reading{Addr: w.Addr, Doubt: s.doubts[i], Err: cmp.Or(s.faults[i], s.unknown[i])}
		if r.Err == nil {
			r.Err = s.unlisted(w.Addr, s.stamps[i], s.listings)
		}
		if r.Err == nil {
			r.Copies, r.Err = s.copies(s.fleet, w.Addr, s.stamps[i])
		}
		readings[i] = r
	}
	return readings
}

// look lists the places and asks juju about the stamps, at the same time.
func (p *provider) look(ctx context.Context, places []place, common string, stamps ...wanted) (found map[place]listing, rosters map[string]roster) {
	var group sync.WaitGroup
	group.Go(func() { rosters = p.rosters(ctx, stamps...) })
	group.Go(func() { found = p.list(ctx, places, common) })
	group.Wait()
	return found, rosters
}

// Check finds what is wrong with a declaration by itself: a selection that means nothing, and a stamp that no server could hold.
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
	chosen, fault := choose(stamp)
	if fault != nil {
		fault.Addr = w.Addr
		return stamp, chosen, fault
	}
	if err := checkStamp(p.prefix, stamp); err != nil {
		return stamp, chosen, &resource.AttrError{Addr: w.Addr, Attr: "labels", Summary: "Stamp not possible", Detail: fmt.Sprintf("The service cannot be stamped: %s.", err)}
	}
	return stamp, chosen, nil
}

// claim decodes what is asked and remembers which servers the service claims.
func (p *provider) claim(w resource.Wanted) (wanted, error) {
	stamp, chosen, err := p.decode(w)
	if err != nil {
		return stamp, err
	}
	made := claim{selector: chosen, places: p.places(stamp)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.claims[stamp.Service]; before.selector == chosen {
		made.ids = before.ids // until juju is asked again
	}
	p.claims[stamp.Service] = made
	return stamp, nil
}

func (p *provider) claimOf(service string) claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims[service]
}

// places returns where the servers of a service are.
func (p *provider) places(stamp wanted) []place {
	cloud, regions := cmp.Or(stamp.Cloud, p.usual.cloud), stamp.Regions
	if len(regions) == 0 && cloud == p.usual.cloud {
		regions = p.usual.regions
	}
	if len(regions) == 0 {
		regions = []string{p.cloud(cloud).usualRegion()}
	}
	var places []place
	for _, region := range regions {
		if at := (place{cloud, region}); !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	return places
}

// cloud returns the cloud of that name.
func (p *provider) cloud(name string) *cloud {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clouds[name] == nil {
		p.clouds[name] = newCloud(name, p.pause)
	}
	return p.clouds[name]
}

// unlisted returns why it is not known which servers the service has, or nil. A region that the service itself names and that is not there has to
// be mended where it is named.
func (p *provider) unlisted(addr resource.Addr, stamp wanted, found map[place]listing) error {
	var errs []error
	for _, at := range p.claimOf(stamp.Service).places {
		err := found[at].err
		if errors.As(err, new(*noRegion)) && len(stamp.Regions) > 0 {
			err = &resource.AttrError{Addr: addr, Attr: "regions", Summary: "No such region", Detail: upper(err.Error()) + "."}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// list lists each of the places once, all at the same time: all servers there, or those whose names begin with a text.
func (p *provider) list(ctx context.Context, places []place, common string) map[place]listing {
	regions := map[string][]string{} // by cloud
	for _, at := range places {
		if !slices.Contains(regions[at.cloud], at.region) {
			regions[at.cloud] = append(regions[at.cloud], at.region)
		}
	}
	found := map[place]listing{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for name, regions := range regions {
		group.Go(func() {
			listings := p.cloud(name).list(ctx, regions, common)
			mu.Lock()
			defer mu.Unlock()
			for i, region := range regions {
				found[place{name, region}] = listings[i]
			}
		})
	}
	group.Wait()
	return found
}

// list lists the regions at the same time. The answers are in the order of the names.
func (c *cloud) list(ctx context.Context, regions []string, common string) []listing {
	listings := make([]listing, len(regions))
	if err := c.connect(ctx); err != nil {
		for i := range listings {
			listings[i].err = err
		}
		return listings
	}
	var group sync.WaitGroup
	for i, name := range regions {
		group.Go(func() {
			region, err := c.region(name)
			if err != nil {
				listings[i].err = err
				return
			}
			listings[i].servers, listings[i].err = region.list(ctx, common)
		})
	}
	group.Wait()
	return listings
}

// list follows the pages of one region. They are decoded straight into what is used here; the library's own pager decodes everything, and
// twice.
func (r region) list(ctx context.Context, common string) ([]*server, error) {
	var servers []*server
	url := r.client.ServiceURL("servers", "detail")
	if common != "" {
		url += "?" + neturl.Values{"name": {"^" + common}}.Encode() // a regular expression, of which nova's database understands more or less
	}
	for url != "" {
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
	servers = slices.DeleteFunc(servers, (*server).foreign)
	slices.SortFunc(servers, compareServers)
	return servers, nil
}

func compareServers(a, b *server) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}

// foreign says whether a server is none that a service may claim: one on its way out, or a juju controller ("juju-is-state" in juju 1).
func (s *server) foreign() bool {
	return strings.HasSuffix(s.Status, "DELETED") || s.Metadata["juju-is-controller"] == "true" || s.Metadata["juju-is-state"] == "true"
}

// copies returns the servers of a service with what is stamped on each.
func (p *provider) copies(fleet fleet, addr resource.Addr, stamp wanted) ([]resource.Copy, error) {
	service := stamp.Service
	if err := p.missing(stamp, fleet.servers[service]); err != nil {
		return nil, err
	}
	var copies []resource.Copy
	for _, s := range fleet.servers[service] {
		if claimants := fleet.claimants[s.ID]; len(claimants) > 1 {
			return nil, claimedTwice(addr, stamp, s, claimants)
		}
		if err := checkRoom(p.prefix, stamp, s); err != nil {
			return nil, &resource.AttrError{Addr: addr, Attr: "labels", Summary: "No room for the stamp", Detail: upper(err.Error()) + "."}
		}
		c := p.copyOf(s, service)
		if other := s.Metadata[p.prefix+"service"]; other != service {
			c.Other = other
		}
		copies = append(copies, c)
	}
	return copies, nil
}

// copyOf returns a server with its stamp of a service.
func (p *provider) copyOf(s *server, service string) resource.Copy {
	c := resource.Copy{ID: s.ID, Name: s.Name, Region: s.region.name, Status: s.Status}
	c.Object, c.Err = readStamp(p.prefix, service, s.Metadata)
	return c
}

// upper makes a sentence of an error.
func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func claimedTwice(addr resource.Addr, stamp wanted, s *server, claimants []string) error {
	attr := "servers"
	switch {
	case stamp.App != "":
		attr = "juju_application"
	case stamp.Model != "":
		attr = "juju_model"
	}
	return &resource.AttrError{Addr: addr, Attr: attr, Summary: "Server claimed twice", Shared: true,
		Detail: fmt.Sprintf("The server %s (%s) is claimed by %s. A server can run one service only: let them choose different servers under [nova].",
			s.Name, s.ID, strings.Join(claimants, " and "))}
}
