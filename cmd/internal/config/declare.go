package config

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// The sections of config.ini that are cdplan's own. Every other is the service's and is left alone.
const (
	serviceSection     = "service"
	mojoSection        = "mojo"
	environmentSection = "environment"
	branchesSection    = "branches"
	novaSection        = "nova"
	scaleSection       = "scale"
)

// keys are what may be written in the sections that have fixed keys.
var keys = map[string][]string{
	serviceSection: {"after", "allow_rewritten", "auto", "timeout"},
	mojoSection:    append([]string{"record"}, runKeys...),
	novaSection:    append([]string{"regions"}, stampKeys...),
	scaleSection:   slices.Concat(unitKeys, loadKeys, policyKeys),
}

// Keys that are attributes of a resource, named alike but for dashes.
var (
	runKeys   = []string{"manifest", "project", "series", "spec", "stage", "workspace"}
	stampKeys = []string{"cloud", "juju-application", "juju-model", "servers"}
)

// specLabel is the label of the branch that [mojo] spec names.
const specLabel = "spec"

var (
	branchLabel  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// declaration turns one config.ini into a service.
type declaration struct {
	service   plan.Service
	directory string
	schemas   map[string]resource.Schema
	sources   *Sources
	filename  string // as diagnostics show it: relative to the root
	doc       *document
	sum       string          // hex SHA-1 of the file
	diags     hcl.Diagnostics // errors
	warnings  hcl.Diagnostics
}

func newDeclaration(name, directory string, schemas map[string]resource.Schema) *declaration {
	return &declaration{service: plan.Service{Name: name}, directory: directory, schemas: schemas, sources: newSources(),
		filename: path.Join(name, serviceFile)}
}

func (d *declaration) add(diags ...*hcl.Diagnostic) { d.diags = append(d.diags, diags...) }

// read parses the file and declares what it says. Whatever the syntax errors, all that could be understood is checked as well.
func (d *declaration) read(src []byte) {
	sum := sha1.Sum(src)
	d.sum = hex.EncodeToString(sum[:])
	d.sources.sums[d.filename] = sha256.Sum256(src)
	d.sources.files[d.filename] = &hcl.File{Bytes: mask(src)}
	doc, diags := parseINI(d.filename, src)
	d.doc = doc
	d.add(diags...)
	d.checkKeys()
	d.readService()
	branches := d.readBranches()
	run := d.readRun(branches)
	d.readScale(d.readStamp(append(branches, run)))
}

// finish returns the service with its faults, in the order of the file. A value that is used twice is reported once.
func (d *declaration) finish() plan.Service {
	line := func(diag *hcl.Diagnostic) int {
		if diag.Subject == nil {
			return 0
		}
		return diag.Subject.Start.Byte
	}
	slices.SortStableFunc(d.diags, func(a, b *hcl.Diagnostic) int { return line(a) - line(b) })
	d.diags = slices.CompactFunc(d.diags, func(a, b *hcl.Diagnostic) bool { return a.Error() == b.Error() })
	if len(d.diags) > 0 {
		d.service.Err = d.diags
	}
	return d.service
}

// checkKeys reports keys that the sections of fixed keys do not have, and warns of section names that are nearly ours.
func (d *declaration) checkKeys() {
	for _, section := range d.doc.Sections {
		known, ok := keys[section.Name]
		if near := nearest(section.Name, owned); near != "" && !slices.Contains(owned, section.Name) {
			d.warnings = append(d.warnings, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Unknown section", Subject: &section.Header,
				Detail: fmt.Sprintf("The section [%s] is not cdplan's and is left alone. Did you mean [%s]?", section.Name, near)})
		}
		if !ok {
			continue
		}
		for _, v := range section.Keys {
			if !slices.Contains(known, strings.ToLower(v.Key)) {
				d.add(fault("Unknown key", &v.KeyRange, "The section [%s] has no key %q.%s", section.Name, v.Key, choice(v.Key, known)))
			}
		}
	}
}

// choice proposes the nearest of the known keys, or else names them all.
func choice(key string, known []string) string {
	if meant := didYouMean(key, known); meant != "" {
		return meant
	}
	return " It knows " + strings.Join(known, ", ") + "."
}

// line returns the value of a key that a program gets, if it is given, on one line, and keeps its place as that of the attribute.
func (d *declaration) line(section, key string, at resource.Addr, attr string) string {
	text := d.text(section, key, at, attr)
	if strings.HasPrefix(text, "-") {
		subject := d.sources.ranges[place{at, attr}]
		d.add(fault("Invalid value", &subject, "The key %q cannot have a value that begins with \"-\": the programs that get it would take it for an option.", key))
		return ""
	}
	return text
}

// text returns the value of a key if it is given, on one line, and keeps its place as that of the attribute.
func (d *declaration) text(section, key string, at resource.Addr, attr string) string {
	v := d.value(section, key, at, attr)
	if v == nil {
		return ""
	}
	if strings.Contains(v.Text, "\n") {
		d.add(fault("Value over several lines", &v.Range, "The key %q takes one value, on one line.", key))
		return ""
	}
	return v.Text
}

func (d *declaration) value(section, key string, at resource.Addr, attr string) *value {
	v, diags := d.doc.get(section, key)
	d.add(diags...)
	if v == nil || v.Broken {
		return nil
	}
	d.sources.ranges[place{at, attr}] = v.Range
	return v
}

func (d *declaration) readService() {
	at := serviceAddr(d.service.Name)
	if v := d.value(serviceSection, "after", at, "after"); v != nil {
		d.service.After = d.names(v, "services")
	}
	d.service.Attended = d.choose(serviceSection, "auto", "always", "never", "with \"never\", apply -auto leaves the service for a person")
	d.service.AllowRewritten = d.choose(serviceSection, "allow_rewritten", "no", "yes",
		"with \"yes\", apply -auto deploys the service even if what it runs is lost from the history of its branch")
	d.service.SpecRecords = d.choose(mojoSection, "record", "cdplan", "spec", "with \"spec\", the mojo spec records the deploy itself, by cdplan record")
}

// choose returns whether a key of the service has the second of its two values, of which the first is the default.
func (d *declaration) choose(section, key, usual, other, meaning string) bool {
	at := serviceAddr(d.service.Name)
	text := d.line(section, key, at, key)
	if text != "" && text != usual && text != other {
		subject := d.sources.ranges[place{at, key}]
		d.add(fault("Invalid value", &subject, "The key %q is either %q or %q: %s.", key, usual, other, meaning))
	}
	return text == other
}

// names splits a list at commas and line ends.
func (d *declaration) names(v *value, things string) []string {
	var names []string
	for _, name := range strings.FieldsFunc(v.Text, func(r rune) bool { return r == ',' || r == '\n' }) {
		name = strings.TrimSpace(name)
		switch {
		case name == "" || slices.Contains(names, name):
		case strings.ContainsAny(name, " \t"):
			d.add(fault("Invalid value", &v.Range, "The key %q is a list of %s with commas between them; %q is not the name of one.", v.Key, things, name))
		default:
			names = append(names, name)
		}
	}
	return names
}

// readBranches declares a source for the service's own directory, for the spec and for each of [branches], and returns their addresses.
func (d *declaration) readBranches() []resource.Addr {
	config := d.addr("bzr_branch", plan.ConfigLabel)
	d.declare(config, nil, map[string]cty.Value{
		"location": cty.StringVal(d.directory), "tree_file": cty.StringVal(serviceFile), "tree_sha1": cty.StringVal(d.sum),
	})
	addrs := []resource.Addr{config}
	spec := d.addr("bzr_branch", specLabel)
	if location := d.line(mojoSection, specLabel, spec, "location"); location != "" {
		d.declare(spec, nil, map[string]cty.Value{"location": cty.StringVal(location)})
		addrs = append(addrs, spec)
	} else {
		d.missingSpec()
	}
	if section := d.doc.section(branchesSection); section != nil {
		for _, v := range section.Keys {
			addrs = append(addrs, d.readBranch(v)...)
		}
	}
	return addrs
}

// missingSpec reports that there is no spec, unless something else is wrong with that line already.
func (d *declaration) missingSpec() {
	if v, _ := d.doc.get(mojoSection, specLabel); v != nil && v.Text != "" {
		return
	}
	subject := &hcl.Range{Filename: d.filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	if section := d.doc.section(mojoSection); section != nil {
		subject = &section.Header
	}
	d.add(fault("Missing spec", subject, "A service needs the branch of its mojo spec: write spec = LOCATION under [mojo]."))
}

func (d *declaration) readBranch(v *value) []resource.Addr {
	label := strings.ToLower(v.Key)
	addr := d.addr("bzr_branch", label)
	location := d.line(branchesSection, v.Key, addr, "location")
	switch {
	case label == plan.ConfigLabel || label == specLabel:
		d.add(fault("Reserved label", &v.KeyRange, "The label %q stands for the service's %s. Give this branch another.", label, reserved(label)))
	case !branchLabel.MatchString(label):
		d.add(fault("Invalid label", &v.KeyRange, "A branch's label is made of letters, digits and \"-\", and begins with a letter or a digit: "+
			"it becomes part of a metadata key and of a variable's name."))
	case v.Text == "":
		d.add(fault("Missing location", &v.KeyRange, "The branch %q has no location: write an absolute path or a URL after the \"=\".", label))
	case location != "":
		d.declare(addr, nil, map[string]cty.Value{"location": cty.StringVal(location)})
		return []resource.Addr{addr}
	}
	return nil
}

func reserved(label string) string {
	if label == specLabel {
		return "mojo spec, which [mojo] spec names"
	}
	return "own directory, which is watched anyway"
}

// readRun declares the deployment.
func (d *declaration) readRun(needs []resource.Addr) resource.Addr {
	addr := d.addr("mojo_run", "run")
	attrs := map[string]cty.Value{"directory": cty.StringVal(d.directory), "project": cty.StringVal(d.service.Name),
		"workspace": cty.StringVal(d.service.Name)}
	for _, key := range runKeys {
		if text := d.line(mojoSection, key, addr, key); text != "" {
			attrs[key] = cty.StringVal(text)
		}
	}
	if timeout := d.duration(serviceSection, "timeout", addr); timeout != "" {
		attrs["timeout"] = cty.StringVal(timeout)
	}
	if environment := d.environment(addr); len(environment) > 0 {
		attrs["environment"] = cty.MapVal(environment)
	}
	d.declare(addr, needs, attrs)
	return addr
}

func (d *declaration) duration(section, key string, at resource.Addr) string {
	text := d.line(section, key, at, key)
	if text == "" {
		return ""
	}
	if duration, err := time.ParseDuration(text); err != nil || duration <= 0 {
		subject := d.sources.ranges[place{at, key}]
		d.add(fault("Invalid duration", &subject, "The key %q must be a duration such as \"90m\".", key))
		return ""
	}
	return text
}

// environment reads the variables: only those written in the section itself, names as written.
func (d *declaration) environment(at resource.Addr) map[string]cty.Value {
	section := d.doc.section(environmentSection)
	if section == nil {
		return nil
	}
	variables := map[string]cty.Value{}
	for _, v := range section.Keys {
		switch {
		case !variableName.MatchString(v.Key):
			d.add(fault("Invalid variable", &v.KeyRange, "A variable's name is made of letters, digits and \"_\", and does not begin with a digit."))
		case strings.HasPrefix(v.Key, "CDPLAN_"):
			d.add(fault("Reserved variable", &v.KeyRange, "Variables that begin with CDPLAN_ are set by cdplan itself."))
		case !v.Broken:
			variables[v.Key] = cty.StringVal(v.Text)
		}
	}
	d.sources.ranges[place{at, environmentSection}] = section.Header
	return variables
}

// readStamp declares the record.
func (d *declaration) readStamp(needs []resource.Addr) resource.Addr {
	addr := d.addr("nova_stamp", "stamp")
	attrs := map[string]cty.Value{"service": cty.StringVal(d.service.Name), "labels": list(d.service.Labels(d.schemas))}
	for _, key := range stampKeys {
		attr := attribute(key)
		if text := d.line(novaSection, key, addr, attr); text != "" {
			attrs[attr] = cty.StringVal(text)
		}
	}
	if v := d.value(novaSection, "regions", addr, "regions"); v != nil {
		if names := d.names(v, "regions"); len(names) > 0 {
			attrs["regions"] = list(names)
		}
	}
	maps.Copy(attrs, d.unitsStamped(addr))
	d.declare(addr, needs, attrs)
	return addr
}

// attribute returns the name of the attribute that a key sets.
func attribute(key string) string { return strings.ReplaceAll(key, "-", "_") }

// list returns texts, of which there is one at least, as a value.
func list(texts []string) cty.Value {
	values := make([]cty.Value, len(texts))
	for i, text := range texts {
		values[i] = cty.StringVal(text)
	}
	return cty.ListVal(values)
}

func (d *declaration) addr(typ, label string) resource.Addr {
	return resource.Addr{Service: d.service.Name, Type: typ, Label: label}
}

// declare adds a resource; what is not among attrs is null. A type that no driver has is a fault of the program.
func (d *declaration) declare(addr resource.Addr, needs []resource.Addr, attrs map[string]cty.Value) {
	schema, ok := d.schemas[addr.Type]
	if !ok {
		panic(fmt.Sprintf("no driver has the resource type %q", addr.Type))
	}
	object := make(map[string]cty.Value, len(schema.Attrs))
	for name, attr := range schema.Attrs {
		object[name] = cty.NullVal(attr.Type)
	}
	maps.Copy(object, attrs)
	d.service.Resources = append(d.service.Resources, plan.Declared{Addr: addr, Config: cty.ObjectVal(object), Needs: needs})
}
