package nova

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/agext/levenshtein"

	"launchpad.net/cdplan/providers/resource"
)

const (
	defaultJuju = "juju" // on PATH
	mostAlike   = 5      // applications that are proposed instead of one that juju does not have
)

// Juju tells which servers the units of applications are on.
type Juju interface {
	// Servers asks the program, a name on PATH or a path, about a model; an empty one is the one that juju itself chooses. It returns, for
	// each application, the ids of its servers, each once, or why juju cannot tell of it.
	Servers(ctx context.Context, program, model string) (servers map[string][]string, faults map[string]error, err error)
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// parseJuju returns which servers a service claims by its keys for juju, of which there is one at least.
func parseJuju(stamp wanted) (selector, *resource.AttrError) {
	model := strings.ToLower(stamp.Model)
	switch {
	case stamp.Servers != "":
		return selector{}, &resource.AttrError{Attr: "servers", Summary: "Two ways to choose",
			Detail: "The key \"servers\" and those for juju both say which servers are the service's. Keep one way."}
	case strings.HasPrefix(model, "-"):
		return selector{}, option("juju_model", stamp.Model)
	case strings.HasPrefix(stamp.App, "-"):
		return selector{}, option("juju_application", stamp.App)
	case stamp.App != "":
		return selector{application: stamp.App}, nil
	case !uuid.MatchString(model):
		return selector{}, &resource.AttrError{Attr: "juju_model", Summary: "Invalid juju model",
			Detail: fmt.Sprintf("The value %q is not the UUID of a model. Its servers carry it in their metadata, as juju-model-uuid or, of juju 1, as "+
				"juju-env-uuid. Or add the key \"juju-application\", with which the name of the model does.", stamp.Model)}
	}
	return selector{model: model}, nil
}

func option(attr, text string) *resource.AttrError {
	return &resource.AttrError{Attr: attr, Summary: "Invalid name", Detail: fmt.Sprintf("Nothing in juju is called %q.", text)}
}

// roster is what juju has answered about one model.
type roster struct {
	servers map[string][]string // by application
	faults  map[string]error
	err     error
}

// rosters asks about every model that one of the stamps names along with an application, once each and all at the same time.
func (p *provider) rosters(ctx context.Context, stamps ...wanted) map[string]roster {
	var models []string
	for _, stamp := range stamps {
		if stamp.App != "" && !slices.Contains(models, stamp.Model) {
			models = append(models, stamp.Model)
		}
	}
	answers := make([]roster, len(models))
	var group sync.WaitGroup
	for i, model := range models {
		group.Go(func() { answers[i].servers, answers[i].faults, answers[i].err = p.juju.Servers(ctx, p.program, model) })
	}
	group.Wait()
	found := map[string]roster{}
	for i, model := range models {
		found[model] = answers[i]
	}
	return found
}

// take makes the service claim the servers that juju has told of, if that is how it chooses them. An application that juju does not have has none; the
// doubt says so.
func (p *provider) take(stamp wanted, rosters map[string]roster) (doubt string, err error) {
	if stamp.App == "" {
		return "", nil
	}
	ids, doubt, err := rosters[stamp.Model].find(stamp)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	claim := p.claims[stamp.Service]
	claim.ids = ids
	p.claims[stamp.Service] = claim
	return doubt, nil
}

func (r roster) find(stamp wanted) (ids []string, doubt string, err error) {
	if r.err != nil {
		return nil, "", r.err
	}
	if err := r.faults[stamp.App]; err != nil {
		return nil, "", fmt.Errorf("cannot tell which servers juju's application %q has: %w", stamp.App, err)
	}
	ids, known := r.servers[stamp.App]
	if !known {
		doubt = r.unknown(stamp)
	}
	return ids, doubt, nil
}

// unknown says what juju has instead of the application.
func (r roster) unknown(stamp wanted) string {
	model := "its current model"
	if stamp.Model != "" {
		model = fmt.Sprintf("the model %q", stamp.Model)
	}
	known := slices.Concat(slices.Collect(maps.Keys(r.servers)), slices.Collect(maps.Keys(r.faults)))
	if len(known) == 0 {
		return fmt.Sprintf("juju has no application %q in %s, and no other either", stamp.App, model)
	}
	distance := func(name string) int { return levenshtein.Distance(name, stamp.App, nil) }
	slices.SortFunc(known, func(a, b string) int { return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b)) })
	names := strings.Join(known[:min(len(known), mostAlike)], ", ")
	if more := len(known) - mostAlike; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("juju has no application %q in %s; it has %s", stamp.App, model, names)
}

// missing returns an error if juju has told of a server that is not among those of the service. Then it is not known what runs there.
func (p *provider) missing(stamp wanted, servers []*server) error {
	claim := p.claimOf(stamp.Service)
	for _, id := range claim.ids {
		if slices.ContainsFunc(servers, func(s *server) bool { return s.ID == id }) {
			continue
		}
		var regions []string
		for _, at := range claim.places {
			regions = append(regions, fmt.Sprintf("%q", at.region))
		}
		return fmt.Errorf("juju has a unit of application %q on server %s. Either nova does not list it in region %s, and what lists it has to be named "+
			"under [nova], or it is a controller of juju", stamp.App, id, strings.Join(regions, ", "))
	}
	return nil
}
