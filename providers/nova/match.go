package nova

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// selector says which servers a service claims. The zero selector claims those whose stamp names the service.
type selector struct {
	glob       string // of the name
	key, value string // of the metadata
}

// parseSelector reads "GLOB" or "metadata.KEY = VALUE"; an empty text is the zero selector. The fault, in a full sentence, is empty if there
// is none.
func parseSelector(text string) (_ selector, fault string) {
	if rest, ok := strings.CutPrefix(text, "metadata."); ok {
		key, value, ok := strings.Cut(rest, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			return selector{}, fmt.Sprintf("The value %q is not of the form metadata.KEY = VALUE.", text)
		}
		return selector{key: key, value: value}, ""
	}
	if _, err := path.Match(text, ""); err != nil {
		return selector{}, fmt.Sprintf("The value %q is not a pattern of server names: * stands for any text, ? for one character, "+
			"[a-z] for one of a range.", text)
	}
	return selector{glob: text}, ""
}

// prefix returns the text that the names begin with.
func (s selector) prefix() string {
	if i := strings.IndexAny(s.glob, `*?[\`); i >= 0 {
		return s.glob[:i]
	}
	return s.glob
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// literal returns the prefix if it stands for itself in any regular expression, else nothing.
func (s selector) literal() string {
	if prefix := s.prefix(); plainName.MatchString(prefix) {
		return prefix
	}
	return ""
}

// claim is what a service claims: of the servers in some places, those that the selector chooses.
type claim struct {
	selector
	places []place
}

// fleet says which servers each service claims, and which services claim each server.
type fleet struct {
	servers   map[string][]*server // by service, ordered by name, then id
	claimants map[string][]string  // by server id, sorted
}

// match applies every claim to what was listed.
func (p *provider) match(found map[place]listing) fleet {
	p.mu.Lock()
	defer p.mu.Unlock()
	matched := fleet{servers: map[string][]*server{}, claimants: map[string][]string{}}
	indexes := map[place]index{}
	for at, listing := range found {
		indexes[at] = newIndex(listing.servers)
	}
	for _, service := range slices.Sorted(maps.Keys(p.claims)) {
		claim := p.claims[service]
		chosen := claim.selector
		if chosen == (selector{}) {
			chosen = selector{key: p.prefix + "service", value: service}
		}
		var claimed []*server
		for _, at := range claim.places {
			claimed = append(claimed, indexes[at].find(chosen)...)
		}
		slices.SortFunc(claimed, compareServers)
		matched.servers[service] = claimed
		for _, s := range claimed {
			matched.claimants[s.ID] = append(matched.claimants[s.ID], service)
		}
	}
	return matched
}

// index finds servers without trying each selector on each of them: by the literal beginning of a glob, or by a metadata item.
type index struct {
	byName []*server
	byItem map[[2]string][]*server
}

func newIndex(servers []*server) index {
	items := map[[2]string][]*server{}
	for _, s := range servers {
		for key, value := range s.Metadata {
			items[[2]string{key, value}] = append(items[[2]string{key, value}], s)
		}
	}
	return index{byName: servers, byItem: items}
}

func (x index) find(claim selector) []*server {
	if claim.key != "" {
		return x.byItem[[2]string{claim.key, claim.value}]
	}
	prefix := claim.prefix()
	first, _ := slices.BinarySearchFunc(x.byName, prefix, func(s *server, prefix string) int { return strings.Compare(s.Name, prefix) })
	var found []*server
	for _, s := range x.byName[first:] {
		if !strings.HasPrefix(s.Name, prefix) {
			break
		}
		if ok, _ := path.Match(claim.glob, s.Name); ok {
			found = append(found, s)
		}
	}
	return found
}
