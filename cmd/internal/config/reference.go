package config

import (
	"maps"
	"slices"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// Entry documents one thing that can be written.
type Entry struct {
	Where string // "[section]", "cdplan.hcl" or `provider "name"`
	Name  string
	Doc   string
}

// ServiceReference documents what can be written in a config.ini, in the order in which a reader wants it.
func ServiceReference(drivers []providers.Driver) []Entry {
	all := schemas(drivers)
	entries := []Entry{
		{"[service]", "after", "The services that are deployed before this one where both are to be deployed: names with commas between them."},
		{"[service]", "auto", "\"always\", the default, or \"never\": then apply -auto leaves the service for a person."},
		{"[service]", "allow_rewritten", "\"yes\" or \"no\", the default: then apply -auto leaves the service for a person if what it runs is lost from " +
			"the history of its branch, as after uncommit or an overwriting push."},
		{"[service]", "timeout", all["mojo_run"].Attrs["timeout"].Doc},
	}
	for _, name := range []string{"spec", "project", "series", "stage", "workspace", "manifest"} {
		entries = append(entries, Entry{"[mojo]", name, all["mojo_run"].Attrs[name].Doc})
	}
	entries = append(entries,
		Entry{"[mojo]", "record", "\"cdplan\", the default: it stamps the servers once mojo has succeeded; or \"spec\": the mojo spec does so itself, by cdplan record."},
		Entry{"[branches]", "LABEL", "The location of a branch whose new revision redeploys the service. " + all["bzr_branch"].Attrs["location"].Doc},
		Entry{"[environment]", "NAME", all["mojo_run"].Attrs["environment"].Doc})
	for _, key := range []string{"servers", "juju-model", "juju-application", "cloud", "regions"} {
		entries = append(entries, Entry{"[nova]", key, all["nova_stamp"].Attrs[attribute(key)].Doc})
	}
	for _, key := range scaleOrder {
		entries = append(entries, Entry{"[scale]", key, all["juju_units"].Attrs[key].Doc})
	}
	return entries
}

// HostReference documents what can be written in cdplan.hcl.
func HostReference(drivers []providers.Driver) []Entry {
	entries := attributes("cdplan.hcl", hostSchema)
	entries = append(entries, attributes(`freeze "NAME"`, freezeSchema)...)
	entries = append(entries, attributes("backoff", backoffSchema)...)
	for _, kind := range notifyKinds() {
		entries = append(entries, attributes(`notify "`+kind.name+`" "NAME"`, kind.schema)...)
	}
	for _, driver := range drivers {
		entries = append(entries, attributes(`provider "`+driver.Name+`"`, driver.Config)...)
	}
	return entries
}

func attributes(where string, schema resource.Schema) []Entry {
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(schema.Attrs)) {
		entries = append(entries, Entry{where, name, schema.Attrs[name].Doc})
	}
	return entries
}
