package nova

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// selector says which servers a service claims. The zero selector claims those whose stamp names the service.
type selector struct {
	glob        string // of the name
	key, value  string // of the metadata
	model       string // of juju, by its UUID
	application string // of juju, which tells the servers of its units
}

// choose returns which servers a service claims.
func choose(stamp wanted) (selector, *resource.AttrError) {
	if stamp.Model != "" || stamp.App != "" {
		return parseJuju(stamp)
	}
	chosen, fault := parseSelector(stamp.Servers)
	if fault != "" {
		return chosen, &resource.AttrError{Attr: "servers", Summary: "Invalid server pattern", Detail: fault}
	}
	return chosen, nil
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
	ids    []string // what juju last said of the application, sorted
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
			claimed = append(claimed, indexes[at].find(chosen, claim.ids)...)
		}
		slices.SortFunc(claimed, compareServers)
		matched.servers[service] = claimed
		for _, s := range claimed {
			matched.claimants[s.ID] = append(matched.claimants[s.ID], service)
		}
	}
	return matched
}

// index finds servers without trying each selector on each of them: by the literal beginning of a glob, by a metadata item, or by the id.
type index struct {
	byID   map[string]*server
	byName []*server
	byItem map[[2]string][]*server
}

func newIndex(servers []*server) index {
	items, ids := map[[2]string][]*server{}, map[string]*server{}
	for _, s := range servers {
		ids[s.ID] = s
		for key, value := range s.Metadata {
			items[[2]string{key, value}] = append(items[[2]string{key, value}], s)
		}
	}
	return index{byID: ids, byName: servers, byItem: items}
}

// find returns each server that is chosen once. The ids are those of the application, if that is how it chooses.
func (x index) find(chosen selector, ids []string) []*server {
	switch {
	case chosen.key != "":
		return x.byItem[[2]string{chosen.key, chosen.value}]
	case chosen.model != "":
		return x.machines(chosen.model)
	case chosen.application != "":
		return x.these(ids)
	}
	return x.named(chosen)
}

// machines returns the servers of a model, or of an environment of juju 1.
func (x index) machines(model string) []*server {
	found := slices.Clone(x.byItem[[2]string{"juju-model-uuid", model}])
	for _, s := range x.byItem[[2]string{"juju-env-uuid", model}] {
		if s.Metadata["juju-model-uuid"] != model {
			found = append(found, s)
		}
	}
	return found
}

func (x index) these(ids []string) []*server {
	var found []*server
	for _, id := range ids {
		if s := x.byID[id]; s != nil {
			found = append(found, s)
		}
	}
	return found
}

func (x index) named(chosen selector) []*server {
	prefix := chosen.prefix()
	first, _ := slices.BinarySearchFunc(x.byName, prefix, func(s *server, prefix string) int { return strings.Compare(s.Name, prefix) })
	var found []*server
	for _, s := range x.byName[first:] {
		if !strings.HasPrefix(s.Name, prefix) {
			break
		}
		if ok, _ := path.Match(chosen.glob, s.Name); ok {
			found = append(found, s)
		}
	}
	return found
}
