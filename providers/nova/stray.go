package nova

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// Search lists once every region that one of the services may have servers in, and asks juju, as Read does. A declaration that cannot be used claims no
// server; its reading says what is wrong with it.
func (p *provider) Search(ctx context.Context, want []resource.Wanted) ([]resource.Reading, []resource.Copy, error) {
	s := p.survey(ctx, want, false)
	var errs []error
	for i, err := range s.unknown {
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot tell which servers %s claims: %w", s.stamps[i].Service, err))
		}
	}
	var strays []resource.Copy
	for _, at := range slices.SortedFunc(maps.Keys(s.listings), comparePlaces) {
		if err := s.listings[at].err; err != nil {
			errs = append(errs, fmt.Errorf("cannot look in region %q for servers that no service claims: %w", at.region, err))
		}
		for _, server := range s.listings[at].servers {
			if c, ok := p.stray(server); ok && len(s.fleet.claimants[server.ID]) == 0 {
				strays = append(strays, c)
			}
		}
	}
	slices.SortFunc(strays, func(a, b resource.Copy) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	strays = slices.CompactFunc(strays, func(a, b resource.Copy) bool { return a.ID == b.ID }) // a cloud or a region may have two names
	return s.readings(), strays, errors.Join(errs...)
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.cloud, b.cloud), cmp.Compare(a.region, b.region))
}

// stray returns the stamp of a server, whichever service it names, and false if it has none.
func (p *provider) stray(s *server) (resource.Copy, bool) {
	service := s.Metadata[p.prefix+"service"]
	c := p.copyOf(s, service)
	c.Other = service
	return c, service != "" && c.Object != cty.NilVal
}
