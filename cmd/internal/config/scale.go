package config

import (
	"maps"
	"slices"
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
)

// What [scale] says: whose units, what is asked for the load, and the policy.
var (
	unitKeys   = []string{"application", "model"}
	loadKeys   = append([]string{"count", "max_age", "metric", "path", "query", "queue", "time_path", "vhost"}, hiddenKeys...)
	hiddenKeys = []string{"command", "password_file", "token_file", "url", "user"} // whose values are not shown
	policyKeys = slices.Sorted(maps.Keys(resource.ScalingAttrs()))
)

// scaleOrder is the order of the keys in which a reader wants them.
var scaleOrder = []string{"application", "model", "min", "max", "metric", "target", "tolerance", "url", "vhost", "queue", "count", "query", "path", "time_path",
	"max_age", "command", "user", "password_file", "token_file", "up_window", "down_window", "up_step", "down_step", "cooldown", "idle_after", "timeout", "pause",
	"no_progress_after"}

// progressOfQueue is after how many additions a queue has to have become shorter: what does not go away may be a message that makes its worker crash.
const progressOfQueue = 3

// readScale declares that there are to be as many units as a load asks for, if the file has the section for it.
func (d *declaration) readScale(needs resource.Addr) {
	section := d.doc.section(scaleSection)
	if section == nil {
		return
	}
	addr := d.addr("juju_units", "units")
	schema := d.schemas[addr.Type]
	d.sources.ranges[place{addr, ""}] = section.Header
	attrs := map[string]cty.Value{"directory": cty.StringVal(d.directory)}
	for _, key := range keys[scaleSection] {
		if text := d.line(scaleSection, key, addr, key); text != "" {
			attrs[key] = d.scaleValue(schema, addr, key, text)
		} else if schema.Attrs[key].Required {
			d.missingScale(section, key)
		}
	}
	if attrs["metric"] == cty.StringVal("rabbitmq") && attrs["no_progress_after"] == cty.NilVal {
		attrs["no_progress_after"] = cty.NumberIntVal(progressOfQueue)
	}
	d.declare(addr, []resource.Addr{needs}, attrs)
	d.checkPolicy(addr)
}

// scaleValue returns a text as the value of its attribute.
func (d *declaration) scaleValue(schema resource.Schema, addr resource.Addr, key, text string) cty.Value {
	if schema.Attrs[key].Type != cty.Number {
		return cty.StringVal(text)
	}
	number, err := cty.ParseNumberVal(text)
	if err != nil {
		subject := d.sources.ranges[place{addr, key}]
		d.add(fault("Invalid number", &subject, "The key %q is a number such as 4 or 0.5, not %s.", key, strconv.Quote(text)))
		return cty.NullVal(cty.Number)
	}
	return number
}

// missingScale reports a key that has to be there, unless something else is wrong with its line already.
func (d *declaration) missingScale(section *section, key string) {
	if v, _ := d.doc.get(scaleSection, key); v != nil && v.Text != "" {
		return
	}
	d.add(fault("Missing key", &section.Header, "The section [scale] needs the key %q. %s", key, d.schemas["juju_units"].Attrs[key].Doc))
}

// checkPolicy reports what is wrong with the policy that was declared last.
func (d *declaration) checkPolicy(addr resource.Addr) {
	_, err := scale.PolicyOf(addr, d.service.Resources[len(d.service.Resources)-1].Config)
	d.add(d.sources.Diagnose(err)...)
}

// unitsStamped returns the attributes that make the stamp that of the servers of the units, where nothing else says which servers are the service's.
func (d *declaration) unitsStamped() map[string]cty.Value {
	if d.doc.section(scaleSection) == nil {
		return nil
	}
	for _, key := range []string{"servers", "juju-model", "juju-application"} {
		if v, _ := d.doc.get(novaSection, key); v != nil {
			return nil
		}
	}
	attrs := map[string]cty.Value{}
	for attr, key := range map[string]string{"juju_application": "application", "juju_model": "model"} {
		if v, _ := d.doc.get(scaleSection, key); v != nil && !v.Broken && v.Text != "" {
			attrs[attr] = cty.StringVal(v.Text)
		}
	}
	if attrs["juju_application"] == cty.NilVal {
		return nil
	}
	return attrs
}
