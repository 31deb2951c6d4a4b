package config

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
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

// unitsType is the type of what [scale] declares.
const unitsType = "juju_units"

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
	addr := d.addr(unitsType, "units")
	schema := d.schemas[addr.Type]
	d.sources.ranges[place{addr, ""}] = section.Header
	attrs := map[string]cty.Value{"directory": cty.StringVal(d.directory)}
	for _, key := range keys[scaleSection] {
		read := d.line
		if slices.Contains(policyKeys, key) {
			read = d.text // no program gets it
		}
		if text := read(scaleSection, key, addr, key); text != "" {
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
	if err == nil {
		if size, _ := number.AsBigFloat().Float64(); math.IsInf(size, 0) {
			err = strconv.ErrRange
		}
	}
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
	d.add(fault("Missing key", &section.Header, "The section [scale] needs the key %q. %s", key, d.schemas[unitsType].Attrs[key].Doc))
}

// checkPolicy reports what is wrong with the policy that was declared last.
func (d *declaration) checkPolicy(addr resource.Addr) {
	_, err := scale.PolicyOf(addr, d.service.Resources[len(d.service.Resources)-1].Config)
	d.add(d.sources.Diagnose(err)...)
}

// unitsStamped returns the attributes that make the stamp at addr that of the servers of the units, where nothing else says which servers are the service's.
func (d *declaration) unitsStamped(addr resource.Addr) map[string]cty.Value {
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
		if v, _ := d.doc.get(scaleSection, key); v != nil && !v.Broken && v.Text != "" && !strings.HasPrefix(v.Text, "-") {
			attrs[attr], d.sources.ranges[place{addr, attr}] = cty.StringVal(v.Text), v.Range
		}
	}
	if attrs["juju_application"] == cty.NilVal {
		return nil
	}
	return attrs
}

// application is whose units a service has.
type application struct{ name, model string }

// applicationOf returns whose units a service has, and where that is said. The application is the zero one if the service has no units of its own.
func applicationOf(service plan.Service) (application, resource.Addr) {
	for _, declared := range service.Resources {
		if declared.Addr.Type != unitsType {
			continue
		}
		text := func(attr string) string {
			if value := declared.Config.GetAttr(attr); !value.IsNull() {
				return value.AsString()
			}
			return ""
		}
		return application{text("application"), text("model")}, declared.Addr
	}
	return application{}, resource.Addr{}
}

// scaling returns the names of the services that scale each application.
func (f *Fleet) scaling() map[application][]string {
	names := map[application][]string{}
	for _, service := range f.Services {
		if whose, _ := applicationOf(service); whose.name != "" {
			names[whose] = append(names[whose], service.Name)
		}
	}
	return names
}

// checkApplication reports that others scale the application of the service, too: each would undo what the other does.
func (f *Fleet) checkApplication(service plan.Service, scaling map[application][]string) hcl.Diagnostics {
	whose, addr := applicationOf(service)
	names := scaling[whose]
	if len(names) < 2 {
		return nil
	}
	diag := fault("Application scaled twice", f.Sources.subject(&resource.AttrError{Addr: addr, Attr: "application"}),
		"The application %s is scaled by %s. Its units can follow one load only: let them name different applications under [scale].",
		whose.name, strings.Join(names[:len(names)-1], ", ")+" and "+names[len(names)-1])
	diag.Extra = Shared{}
	return hcl.Diagnostics{diag}
}
