// Package nova keeps the stamp: the metadata on the servers of a service that says which revision of every branch they run. It reads all
// servers of a region with one list and writes the stamp of a server with one request. It never touches a key that is not its own.
package nova

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const (
	defaultPrefix = "cd."
	defaultSettle = 10 * time.Minute
	defaultTick   = 2 * time.Second
)

// Driver describes the provider. It asks juju only if a service names one of juju's applications.
func Driver(juju Juju) providers.Driver {
	return providers.Driver{
		Name: "nova",
		Config: resource.Schema{
			Doc: "The OpenStack cloud whose servers run the services.",
			Attrs: map[string]resource.Attr{
				"cloud": {Type: cty.String, Public: true, Doc: "The cloud's name in clouds.yaml. The default is $OS_CLOUD, and without that the " +
					"other OS_* variables."},
				"regions": {Type: cty.List(cty.String), Public: true, Doc: "The regions to look for servers in. The default is the cloud's own region."},
				"prefix":  {Type: cty.String, Public: true, Doc: "What every metadata key of the stamp begins with. The default is \"cd.\"."},
				"settle": {Type: cty.String, Public: true, Doc: "How long to wait, after a deploy, until nova lets new servers be stamped: a duration. " +
					"The default is 10m."},
				"juju": {Type: cty.String, Public: true, Doc: "The program that is asked about the units of a juju application: a name on PATH, or a path. " +
					"The default is \"juju\"."},
			},
		},
		Types: map[string]resource.Schema{"nova_stamp": stampSchema()},
		Open:  func(_ context.Context, config cty.Value) (providers.Provider, error) { return open(config, juju) },
	}
}

func stampSchema() resource.Schema {
	return resource.Schema{
		Doc:  "The record, on every server of a service, of what was deployed there.",
		Role: resource.Record,
		Attrs: map[string]resource.Attr{
			"service": {Type: cty.String, Required: true, Public: true, Doc: "The service's name."},
			"labels":  {Type: cty.List(cty.String), Public: true, Doc: "The labels of the service's branches: the stamp has a key for each."},
			"servers": {Type: cty.String, Public: true, Doc: "Which servers are the service's: a glob of their names, such as juju-web-machine-*, " +
				"or metadata.KEY = VALUE. The default is those whose stamp names the service."},
			"juju_model": {Type: cty.String, Public: true, Doc: "The juju model, or the environment of juju 1, whose machines the servers are: by its UUID, " +
				"all of them; beside juju-application, the name under which juju knows it."},
			"juju_application": {Type: cty.String, Public: true, Doc: "The juju application whose units' machines the servers are, as juju status has it."},
			"cloud":            {Type: cty.String, Public: true, Doc: "The cloud in clouds.yaml whose servers they are. The default is the provider's."},
			"regions":          {Type: cty.List(cty.String), Public: true, Doc: "The regions of that cloud to look in. The default is the provider's."},
			resource.Revisions: {Type: cty.Map(resource.RevisionType), Trigger: true, Public: true, Computed: true,
				Doc: "The revision of every branch that is deployed."},
			"hash": {Type: cty.String, Computed: true, Public: true, Doc: "The one hash of all the revisions."},
			"at":   {Type: cty.String, Computed: true, Public: true, Doc: "When the deploy began, UTC, RFC 3339."},
			"run":  {Type: cty.String, Computed: true, Public: true, Doc: "The name of the run that deployed."},
		},
	}
}

type settings struct {
	Cloud   string   `cty:"cloud"`
	Regions []string `cty:"regions"`
	Prefix  string   `cty:"prefix"`
	Settle  string   `cty:"settle"`
	Juju    string   `cty:"juju"`
}

func open(config cty.Value, juju Juju) (providers.Provider, error) {
	p := &provider{prefix: defaultPrefix, settle: defaultSettle, tick: defaultTick, pause: defaultPause, juju: juju,
		clouds: map[string]*cloud{}, claims: map[string]claim{}}
	var s settings
	if err := resource.Decode(config, &s); err != nil {
		return nil, err
	}
	p.usual.cloud, p.usual.regions = cmp.Or(s.Cloud, os.Getenv("OS_CLOUD")), s.Regions
	p.program = cmp.Or(s.Juju, defaultJuju)
	if strings.HasPrefix(p.program, "-") {
		return nil, &resource.AttrError{Attr: "juju", Summary: "Invalid program", Detail: fmt.Sprintf("The program %q looks like an option.", p.program)}
	}
	if s.Prefix != "" {
		p.prefix = s.Prefix
	}
	if s.Settle != "" {
		settle, err := time.ParseDuration(s.Settle)
		if err != nil || settle <= 0 {
			return nil, &resource.AttrError{Attr: "settle", Summary: "Invalid duration",
				Detail: fmt.Sprintf("The time to settle must be a duration such as \"10m\", not %q.", s.Settle)}
		}
		p.settle = settle
	}
	if err := checkKey(p.prefix); err != nil {
		return nil, &resource.AttrError{Attr: "prefix", Summary: "Invalid prefix", Detail: fmt.Sprintf("The prefix cannot be used: %s.", err)}
	}
	return p, nil
}

// Resource returns the stamp, the provider's only type.
func (p *provider) Resource(string) providers.Resource { return p }

// Close closes idle connections.
func (p *provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cloud := range p.clouds {
		cloud.close()
	}
	return nil
}
