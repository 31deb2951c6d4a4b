package juju

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/singleflight"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/meter"
	"launchpad.net/cdplan/providers/resource"
)

const (
	defaultProgram = "juju" // on PATH
	defaultPoll    = 10 * time.Second
)

// Driver describes the provider, which runs juju through the client.
func Driver(client *Client) providers.Driver {
	return providers.Driver{
		Name: "juju",
		Config: resource.Schema{
			Doc: "The juju that has the applications whose units are counted.",
			Attrs: map[string]resource.Attr{
				"program": {Type: cty.String, Public: true, Doc: "The program juju: a name on PATH, or a path. The default is \"juju\"."},
				"timeout": {Type: cty.String, Public: true, Doc: "How long one call of juju may take: a duration. The default is 1m."},
				"poll": {Type: cty.String, Public: true, Doc: "How often juju is looked at while units come or go: a duration. The default is " +
					"10s."},
			},
		},
		Types: map[string]resource.Schema{"juju_units": unitsSchema()},
		Open:  func(_ context.Context, config cty.Value) (providers.Provider, error) { return open(client, config) },
	}
}

func unitsSchema() resource.Schema {
	attrs := ownAttrs()
	maps.Copy(attrs, resource.ScalingAttrs())
	maps.Copy(attrs, meter.Attrs())
	return resource.Schema{Doc: "The units of an application of juju, as many as its load asks for.", Role: resource.Sized, Attrs: attrs}
}

func ownAttrs() map[string]resource.Attr {
	return map[string]resource.Attr{
		"application": {Type: cty.String, Required: true, Public: true, Doc: "The juju application whose units are added and removed, as juju status has " +
			"it."},
		"model": {Type: cty.String, Public: true, Doc: "The juju model, or the environment of juju 1, under the name that juju takes. The default is the " +
			"one that the user of cdplan has chosen in juju."},
	}
}

type settings struct {
	Program string `cty:"program"`
	Timeout string `cty:"timeout"`
	Poll    string `cty:"poll"`
}

func open(client *Client, config cty.Value) (providers.Provider, error) {
	var s settings
	if err := resource.Decode(config, &s); err != nil {
		return nil, err
	}
	p := &provider{client: client, program: cmp.Or(s.Program, defaultProgram), now: time.Now}
	if strings.HasPrefix(p.program, "-") {
		return nil, &resource.AttrError{Attr: "program", Summary: "Invalid program", Detail: fmt.Sprintf("The program %q looks like an option.", p.program)}
	}
	var err error
	if p.timeout, err = duration("timeout", s.Timeout, client.timeout); err != nil {
		return nil, err
	}
	if p.poll, err = duration("poll", s.Poll, defaultPoll); err != nil {
		return nil, err
	}
	return p, nil
}

// duration returns a duration of more than 0. The error is an *resource.AttrError.
func duration(attr, given string, otherwise time.Duration) (time.Duration, error) {
	if given == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(given)
	if err != nil || d <= 0 {
		return 0, &resource.AttrError{Attr: attr, Summary: "Invalid duration",
			Detail: fmt.Sprintf("%q must be a duration of more than 0, such as \"90s\", not %q.", attr, given)}
	}
	return d, nil
}

// provider is provider and resource in one: it has a single type and holds nothing open.
type provider struct {
	client  *Client
	program string
	timeout time.Duration // of one call of juju
	poll    time.Duration // between two looks
	now     func() time.Time
	reading singleflight.Group // models for their status
}

// Resource returns the units, the provider's only type.
func (p *provider) Resource(string) providers.Resource { return p }

// Close does nothing.
func (p *provider) Close() error { return nil }

// declared returns what is declared for addr, without asking anybody. A fault is an *resource.AttrError, unless the object is of another type.
func declared(addr resource.Addr, config resource.Object) (wanted, meter.Source, error) {
	var w wanted
	var source meter.Source
	if config == cty.NilVal || config.IsNull() || !config.Type().IsObjectType() {
		return w, source, fmt.Errorf("cannot tell what is wanted: %#v declares nothing", config)
	}
	if err := resource.Decode(resource.Part(config, ownAttrs()), &w); err != nil {
		return w, source, err
	}
	if err := resource.Decode(resource.Part(config, meter.Attrs()), &source); err != nil {
		return w, source, err
	}
	fault := w.fault()
	if fault == nil {
		fault = source.Check()
	}
	if fault != nil {
		fault.Addr = addr
		return w, source, fault
	}
	return w, source, nil
}

func (w wanted) fault() *resource.AttrError {
	switch {
	case w.Application == "":
		return &resource.AttrError{Attr: "application", Summary: "Missing application",
			Detail: "The juju application whose units are meant has to be named, as juju status has it."}
	case strings.HasPrefix(w.Application, "-"):
		return option("application", w.Application)
	case strings.HasPrefix(w.Model, "-"):
		return option("model", w.Model)
	}
	return nil
}

func option(attr, text string) *resource.AttrError {
	return &resource.AttrError{Attr: attr, Summary: "Invalid name", Detail: fmt.Sprintf("Nothing in juju is called %q.", text)}
}

// Check finds fault with the names, and with how the load is measured.
func (p *provider) Check(w resource.Wanted) error {
	_, _, err := declared(w.Addr, w.Config)
	if fault := (*resource.AttrError)(nil); errors.As(err, &fault) {
		return fault
	}
	return nil
}
