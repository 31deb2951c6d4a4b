package config

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/cmd/internal/notify"
	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const (
	defaultRoot        = "/srv/mojo/LOCAL"
	defaultParallelism = 4
	hostFile           = "cdplan.hcl"
	systemHostFile     = "/etc/cdplan/cdplan.hcl"
)

// Host is what cdplan.hcl says, with defaults filled in.
type Host struct {
	File        string // path of the cdplan.hcl that was read; empty if there is none
	Root        string // absolute
	State       string // directory for locks and logs; empty for the default
	Parallelism int    // services deployed at a time

	Backoff   []time.Duration   // the waits after a first failure, a second and so on; never empty
	Freezes   []plan.Freeze     // in the order of the file, each name once
	Notifiers []notify.Notifier // in the order of the file, each name once

	providers map[string]provider
	freezes   map[string]hcl.Range // where each was written, by name
	notifiers map[string]hcl.Range // likewise
	backoff   *hcl.Range           // where it was written; nil for the default
	globs     []writtenGlob        // those of the freezes
	written   hcl.Attributes       // the settings outside of blocks
	shown     []byte               // the text of the file, for showing lines of it
}

// hostBlocks are the kinds of blocks in cdplan.hcl.
var hostBlocks = []hcl.BlockHeaderSchema{
	{Type: "provider", LabelNames: []string{"name"}},
	{Type: "freeze", LabelNames: []string{"name"}},
	{Type: "backoff"},
	{Type: "notify", LabelNames: []string{"kind", "name"}},
}

// provider is a provider block.
type provider struct {
	config cty.Value
	block  hcl.Range
	attrs  hcl.Attributes
}

// fault is the diagnostic for an error of opening the provider, at the setting that is to blame.
func (p provider) fault(err error) *hcl.Diagnostic {
	diag := fault("Invalid provider settings", nil, "%s.", sentence(err.Error()))
	if p.block.Filename != "" {
		diag.Subject = &p.block
	}
	var attr *resource.AttrError
	if errors.As(err, &attr) {
		diag.Summary, diag.Detail = attr.Summary, attr.Detail
		if written := p.attrs[attr.Attr]; written != nil {
			diag.Subject = written.Expr.Range().Ptr()
		}
	}
	return diag
}

// hostSchema is cdplan.hcl beside its blocks.
var hostSchema = resource.Schema{Attrs: map[string]resource.Attr{
	"root":        {Type: cty.String, Public: true, Doc: "The directory of the services. The default is /srv/mojo/LOCAL."},
	"state":       {Type: cty.String, Public: true, Doc: "The directory for locks and logs."},
	"parallelism": {Type: cty.Number, Public: true, Doc: "How many services are deployed at a time. The default is 4."},
}}

// loadHost finds and reads cdplan.hcl. Without one there are only defaults.
func loadHost(o Options, sources *Sources) (Host, hcl.Diagnostics) {
	host := Host{Root: defaultRoot, Parallelism: defaultParallelism, Backoff: defaultBackoff()}
	if root := firstNonEmpty(o.Root, o.Getenv("CDPLAN_ROOT")); root != "" {
		host.Root = root
	}
	path, src, diags := hostSource(o, host.Root)
	if path != "" && !diags.HasErrors() {
		host.File = path
		diags = append(diags, host.read(path, src, o, sources)...)
	}
	if absolute, err := filepath.Abs(host.Root); err == nil {
		host.Root = absolute
	}
	return host, diags
}

func firstNonEmpty(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// hostSource returns the first cdplan.hcl that exists: the one named, which must, or one of the usual places.
func hostSource(o Options, root string) (string, []byte, hcl.Diagnostics) {
	if named := firstNonEmpty(o.Config, o.Getenv("CDPLAN_CONFIG")); named != "" {
		src, err := readFile(named)
		if err != nil {
			return "", nil, hcl.Diagnostics{fault("Unreadable file", nil, "The configuration that -config or CDPLAN_CONFIG names cannot be read: %s.", err)}
		}
		return named, src, nil
	}
	for _, path := range []string{filepath.Join(root, hostFile), systemHostFile} {
		src, err := readFile(path)
		if err == nil {
			return path, src, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, hcl.Diagnostics{fault("Unreadable file", nil, "The configuration cannot be read: %s.", err)}
		}
	}
	return "", nil, nil
}

// read fills the host in from the file.
func (h *Host) read(path string, src []byte, o Options, sources *Sources) hcl.Diagnostics {
	file, diags := hclparse.NewParser().ParseHCL(src, path)
	h.shown = maskHost(file.Bytes, publicSettings(o.Drivers))
	sources.sums[path] = sha256.Sum256(src)
	sources.files[path] = &hcl.File{Body: file.Body, Bytes: h.shown, Nav: file.Nav}
	if diags.HasErrors() {
		return diags
	}
	spec := attrSpecs(hostSchema)
	schema := hcldec.ImpliedSchema(spec)
	schema.Blocks = hostBlocks
	content, more := file.Body.Content(schema)
	diags = append(diags, more...)
	values, _, more := hcldec.PartialDecode(file.Body, spec, nil)
	diags = append(diags, more...)
	if !more.HasErrors() {
		diags = append(diags, h.set(values, content.Attributes, o)...)
		h.written = content.Attributes
	}
	h.providers, h.freezes, h.notifiers = map[string]provider{}, map[string]hcl.Range{}, map[string]hcl.Range{}
	for _, block := range content.Blocks {
		diags = append(diags, h.readBlock(block, o.Drivers)...)
	}
	slices.SortStableFunc(diags, comparePlaces) // hcldec goes through attributes in any order
	return diags
}

// comparePlaces orders diagnostics by where they are in a file.
func comparePlaces(a, b *hcl.Diagnostic) int {
	offset := func(d *hcl.Diagnostic) int {
		if d.Subject == nil {
			return 0
		}
		return d.Subject.Start.Byte
	}
	return cmp.Or(cmp.Compare(offset(a), offset(b)), cmp.Compare(a.Detail, b.Detail))
}

func (h *Host) readBlock(block *hcl.Block, drivers []providers.Driver) hcl.Diagnostics {
	switch block.Type {
	case "freeze":
		return h.readFreeze(block)
	case "backoff":
		return h.readBackoff(block)
	case "notify":
		return h.readNotify(block)
	}
	return h.readProvider(block, drivers)
}

type hostSettings struct {
	Root        string `cty:"root"`
	State       string `cty:"state"`
	Parallelism int    `cty:"parallelism"`
}

// set takes the values over, but for a root that was named on the command line or in the environment.
func (h *Host) set(values cty.Value, written hcl.Attributes, o Options) hcl.Diagnostics {
	var s hostSettings
	var diags hcl.Diagnostics
	if err := resource.Decode(values, &s); err != nil || s.Parallelism < 0 || s.Parallelism == 0 && written["parallelism"] != nil {
		return hcl.Diagnostics{fault("Invalid value", written["parallelism"].Expr.Range().Ptr(), "\"parallelism\" must be a whole number, 1 or more.")}
	}
	for name, value := range map[string]string{"root": s.Root, "state": s.State} {
		if value != "" && !filepath.IsAbs(value) {
			diags = append(diags, fault("Invalid value", written[name].Expr.Range().Ptr(), "%q must be an absolute path, not %q.", name, value))
		}
	}
	if said := firstNonEmpty(o.Root, o.Getenv("CDPLAN_ROOT")); said == "" && s.Root != "" {
		h.Root = s.Root
	}
	h.State = s.State
	if s.Parallelism > 0 {
		h.Parallelism = s.Parallelism
	}
	return diags
}

func (h *Host) readProvider(block *hcl.Block, drivers []providers.Driver) hcl.Diagnostics {
	name := block.Labels[0]
	i := slices.IndexFunc(drivers, func(driver providers.Driver) bool { return driver.Name == name })
	if i < 0 {
		h.hide(block, resource.Schema{})
		var known []string
		for _, driver := range drivers {
			known = append(known, driver.Name)
		}
		return hcl.Diagnostics{fault("Unknown provider", &block.LabelRanges[0], "There is no provider %q.%s", name, didYouMean(name, known))}
	}
	if before, ok := h.providers[name]; ok {
		return hcl.Diagnostics{fault("Duplicate provider", &block.DefRange, "The provider %q is already configured on line %d.", name, before.block.Start.Line)}
	}
	h.hide(block, drivers[i].Config)
	config, diags := decode(drivers[i].Config, block.Body)
	attrs, _ := block.Body.JustAttributes() // decoding has reported what else there is
	h.providers[name] = provider{config: config, block: block.DefRange, attrs: attrs}
	return diags
}

// decode reads a body that has the attributes of a schema and nothing else.
func decode(schema resource.Schema, body hcl.Body) (cty.Value, hcl.Diagnostics) {
	return hcldec.Decode(body, attrSpecs(schema), nil)
}

func attrSpecs(schema resource.Schema) hcldec.ObjectSpec {
	spec := hcldec.ObjectSpec{}
	for name, attr := range schema.Attrs {
		spec[name] = &hcldec.AttrSpec{Name: name, Type: attr.Type, Required: attr.Required}
	}
	return spec
}

// Open opens every provider with what cdplan.hcl says of it. It returns the resource types by name, and a function that closes them all.
func (f *Fleet) Open(ctx context.Context) (map[string]providers.Resource, func() error, hcl.Diagnostics) {
	types := map[string]providers.Resource{}
	var opened []providers.Provider
	var diags hcl.Diagnostics
	for _, driver := range f.drivers {
		given, ok := f.Host.providers[driver.Name]
		if !ok {
			given.config = cty.NullVal(driver.Config.Type())
		}
		p, err := driver.Open(ctx, given.config)
		if err != nil {
			diags = append(diags, given.fault(err))
			continue
		}
		opened = append(opened, p)
		for typ := range driver.Types {
			types[typ] = p.Resource(typ)
		}
	}
	return types, func() error { return closeAll(opened) }, diags
}

func closeAll(opened []providers.Provider) error {
	var errs []error
	for _, p := range opened {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
