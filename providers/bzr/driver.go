// Package bzr reads branches of Bazaar, and of Breezy after it: their tips, the revisions that pins name, and the log between two
// revisions. It writes nothing but the commit that undoes others, if it is asked to. What lies on the local disk is read as files, a few
// microseconds a branch. Tips on other hosts cost a request each, over connections that are shared: of the smart protocol (bzr://, bzr+ssh://) or
// of HTTP. What files do not tell of a local branch is asked of one or two brz that serve this host to us. The little that is left is asked of brz,
// one process a branch, and a reading says why.
package bzr

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const (
	branchType = "bzr_branch"

	defaultTimeout     = 30 * time.Second
	defaultParallelism = 8
	maxProcesses       = 4
	smartConnections   = 8  // to one host
	webConnections     = 32 // to one host
	nearby             = 8  // look-ups at a time of one host, as long as it answers quickly
	slowAnswer         = 10 * time.Millisecond
)

// Driver describes the provider "bzr" and its one resource type, bzr_branch.
func Driver() providers.Driver {
	return providers.Driver{
		Name:   "bzr",
		Config: configSchema(),
		Types:  map[string]resource.Schema{branchType: branchSchema()},
		Open:   open,
	}
}

func configSchema() resource.Schema {
	return resource.Schema{
		Doc: "How Bazaar branches are read.",
		Attrs: map[string]resource.Attr{
			"command": {Type: cty.String, Public: true,
				Doc: "Path of brz or bzr; by default the first of the two that is found on PATH."},
			"timeout": {Type: cty.String, Public: true,
				Doc: `How long one look-up may take, such as "30s", which is the default.`},
			"cache": {Type: cty.String, Public: true,
				Doc: "Directory for what was read of logs, $XDG_CACHE_HOME/cdplan/bzr or ~/.cache/cdplan/bzr by default, for root /var/cache/cdplan/bzr."},
			"parallelism": {Type: cty.Number, Public: true,
				Doc: "How many branches are read at a time, 8 by default; never more than 4 of them by a process. " +
					"Of each other host as many are read on top, but more than 8, by default and at most 32, only if its answers take 10 ms or longer."},
			"launchpad_user": {Type: cty.String, Public: true,
				Doc: "Your name on Launchpad: with it, branches at lp: are read directly, over ssh."},
			"rewrite": {Type: cty.Map(cty.String), Public: true,
				Doc: `What the beginnings of locations are replaced by when they are read, such as ` +
					`{"lp:" = "bzr+ssh://mirror.example.com/lp/"}; of several that fit, the longest counts.`},
		},
	}
}

func branchSchema() resource.Schema {
	return resource.Schema{
		Doc:  "The tip of a Bazaar branch, or the revision that a pin names.",
		Role: resource.Source,
		Pin:  splitPin,
		Attrs: map[string]resource.Attr{
			"location": {Type: cty.String, Required: true, Public: true,
				Doc: "An absolute path or a URL, followed by ;revno=N, ;revid=ID or ;tag=NAME to pin a revision."},
			"tree_file": {Type: cty.String, Public: true,
				Doc: "A file whose text the history tells. With tree_sha1 it must be committed, unmodified and at the tip in the working tree at the location."},
			"tree_sha1": {Type: cty.String,
				Doc: "Hex SHA-1 of the bytes that were read from tree_file in the working tree."},
			"revision": {Type: resource.RevisionType, Trigger: true, Public: true, Computed: true,
				Doc: "The revision that the branch is at."},
		},
	}
}

// settings is the provider's block.
type settings struct {
	Command       string            `cty:"command"`
	Timeout       string            `cty:"timeout"`
	Cache         string            `cty:"cache"`
	Parallelism   int               `cty:"parallelism"`
	LaunchpadUser string            `cty:"launchpad_user"`
	Rewrite       map[string]string `cty:"rewrite"`
}

func open(_ context.Context, config cty.Value) (providers.Provider, error) {
	var s settings
	if err := resource.Decode(config, &s); err != nil {
		return nil, fmt.Errorf("cannot understand the settings of provider bzr: %w", err)
	}
	timeout, err := duration(s.Timeout)
	if err != nil {
		return nil, err
	}
	if s.Cache != "" && !filepath.IsAbs(s.Cache) {
		return nil, settingError("cache", "Relative path", `The key "cache" must be an absolute path.`)
	}
	if s.Parallelism < 0 {
		return nil, settingError("parallelism", "Invalid number", `The key "parallelism" must be a whole number from 1 on.`)
	}
	names, err := newNames(s.LaunchpadUser, s.Rewrite)
	if err != nil {
		return nil, err
	}
	p := &provider{parallelism: s.Parallelism, timeout: timeout, names: names, cache: newHistories(s.Cache)}
	if p.parallelism == 0 {
		p.parallelism = defaultParallelism
	}
	p.brz = newProgram(s.Command, timeout, min(p.parallelism, maxProcesses))
	p.smart = &pool{limit: min(p.parallelism, smartConnections), far: farAway, dial: p.dial}
	p.perHost = pace{few: min(p.parallelism, nearby), many: webConnections, slow: slowAnswer}
	if s.Parallelism > 0 {
		p.perHost.many = min(s.Parallelism, webConnections)
	}
	p.web = newWebClient(p.perHost.many)
	return p, nil
}

func duration(text string) (time.Duration, error) {
	if text == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, settingError("timeout", "Invalid duration", `The key "timeout" must be a duration such as "30s".`)
	}
	return d, nil
}

func settingError(attr, summary, detail string) error {
	return &resource.AttrError{Attr: attr, Summary: summary, Detail: detail}
}

// provider is the opened driver. Its methods may be called at the same time.
type provider struct {
	parallelism int
	perHost     pace // of the look-ups of branches on one other host
	timeout     time.Duration
	names       names
	brz         *program
	smart       *pool
	web         *http.Client
	cache       histories
	outages     *outages // of the Read under way
}

// once returns the provider for one Read, in which a host that has been given up stays so.
func (p *provider) once() *provider {
	one := *p
	one.outages = &outages{}
	return &one
}

// Resource returns the branches, the one type there is.
func (p *provider) Resource(string) providers.Resource { return branches{p} }

// Close closes all connections, and removes the empty home directory that brz was given, if it ever ran.
func (p *provider) Close() error {
	p.smart.close()
	p.web.CloseIdleConnections()
	return p.brz.close()
}
