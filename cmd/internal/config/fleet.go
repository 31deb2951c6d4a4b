package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/graph"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// Fleet is everything that is declared on this host.
type Fleet struct {
	Host     Host
	Services []plan.Service // by name; one that cannot be used has an Err for Sources.Diagnose
	Schemas  map[string]resource.Schema
	Sources  *Sources

	drivers []providers.Driver
	instead map[string]Text
}

// Options says where to look. Empty fields mean that nothing was said.
type Options struct {
	Config  string // path of cdplan.hcl
	Root    string // the directory of the services
	Getenv  func(string) string
	Drivers []providers.Driver
	Instead map[string]Text // what stands in for the config.ini of services, by name
}

// serviceFile is the name of the file that makes a directory a service.
const serviceFile = "config.ini"

// Load reads cdplan.hcl and every config.ini. Errors are about cdplan.hcl or the root, and then there is no fleet to speak of; trouble with a
// config.ini is in its service's Err, and touches no other.
func Load(o Options) (*Fleet, hcl.Diagnostics) {
	fleet, diags := LoadHost(o)
	if diags.HasErrors() {
		return fleet, diags
	}
	names, more := directories(fleet.Host.Root)
	diags = append(diags, more...)
	if diags.HasErrors() {
		return fleet, diags
	}
	fleet.Services, more = fleet.loadAll(names)
	diags = append(diags, more...)
	if len(fleet.Services) == 0 {
		return fleet, append(diags, fault("No services", nil, "There is no config.ini in any directory below %s. If that is where the services are, "+
			"it may not be mounted; else name the right directory by -root, CDPLAN_ROOT or root in cdplan.hcl. Nothing is done.", fleet.Host.Root))
	}
	fleet.link()
	return fleet, append(diags, fleet.checkGlobs()...)
}

// LoadHost reads cdplan.hcl alone: the fleet has no services.
func LoadHost(o Options) (*Fleet, hcl.Diagnostics) {
	fleet := &Fleet{Sources: newSources(), Schemas: schemas(o.Drivers), drivers: o.Drivers, instead: o.Instead}
	host, diags := loadHost(o, fleet.Sources)
	fleet.Host = host
	return fleet, diags
}

// Service returns the service of that name, or an error that names the nearest one.
func (f *Fleet) Service(name string) (plan.Service, error) {
	var names []string
	for _, service := range f.Services {
		if service.Name == name {
			return service, nil
		}
		names = append(names, service.Name)
	}
	return plan.Service{}, fmt.Errorf("there is no service %q.%s", name, didYouMean(name, names))
}

func schemas(drivers []providers.Driver) map[string]resource.Schema {
	all := map[string]resource.Schema{}
	for _, driver := range drivers {
		maps.Copy(all, driver.Types)
	}
	return all
}

// directories returns the names of what may be services, sorted. Hidden directories are none.
func directories(root string) ([]string, hcl.Diagnostics) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, hcl.Diagnostics{fault("No root", nil, "The directory of the services cannot be read: %s. Name it by -root, CDPLAN_ROOT or root "+
			"in cdplan.hcl. Nothing is done.", err)}
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, entry.Name())); err == nil && info.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// loadAll loads the services side by side. The diagnostics are warnings.
func (f *Fleet) loadAll(names []string) ([]plan.Service, hcl.Diagnostics) {
	loaded := make([]*declaration, len(names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() error {
			loaded[i] = f.load(name)
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
	var services []plan.Service
	var warnings hcl.Diagnostics
	for i, d := range loaded {
		if d == nil {
			warnings = append(warnings, strayBranch(f.Host.Root, names[i])...)
			continue
		}
		warnings = append(warnings, d.warnings...)
		maps.Copy(f.Sources.files, d.sources.files)
		maps.Copy(f.Sources.ranges, d.sources.ranges)
		maps.Copy(f.Sources.sums, d.sources.sums)
		services = append(services, d.finish())
	}
	return services, warnings
}

// strayBranch warns of a directory that is a branch, as a service's is, and has no config.ini.
func strayBranch(root, name string) hcl.Diagnostics {
	if _, err := os.Stat(filepath.Join(root, name, ".bzr")); err != nil {
		return nil
	}
	return hcl.Diagnostics{{Severity: hcl.DiagWarning, Summary: "Not a service",
		Detail: "The directory " + filepath.Join(root, name) + " is a branch and has no config.ini, so it is not taken for a service."}}
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)

// load reads one service; nil if the directory is none.
func (f *Fleet) load(name string) *declaration {
	directory := filepath.Join(f.Host.Root, name)
	path := filepath.Join(directory, serviceFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	src, err := readFile(path)
	d := newDeclaration(name, directory, f.Schemas)
	if text, ok := f.instead[name]; ok {
		d.filename, src, err = text.Name, text.Bytes, nil
	}
	switch {
	case err != nil:
		d.add(fault("Unreadable file", nil, "The service %s cannot be read: %s.", name, err))
	case !serviceName.MatchString(name):
		d.add(fault("Invalid service name", nil, "The directory %q cannot be a service: a name is up to 100 letters, digits and any of . _ + -, and "+
			"begins with a letter or a digit. Rename the directory.", directory))
	default:
		d.read(src)
	}
	return d
}

// readFile reads a regular file, and one byte more than fits. It never waits for another kind of file.
func readFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return io.ReadAll(io.LimitReader(file, maxSize+1))
}

// link checks what services say of one another: names that are none, cycles, and applications that two of them scale.
func (f *Fleet) link() {
	needs := make(graph.Graph, len(f.Services))
	for _, service := range f.Services {
		needs[service.Name] = service.After
	}
	names, cycles, scaling := slices.Sorted(maps.Keys(needs)), needs.Cycles(), f.scaling()
	for i := range f.Services {
		service := &f.Services[i]
		if diags := append(f.checkAfter(*service, names, cycles[service.Name]), f.checkApplication(*service, scaling)...); len(diags) > 0 {
			service.Err = errors.Join(service.Err, diags)
		}
	}
}

func (f *Fleet) checkAfter(service plan.Service, names, cycle []string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	subject := f.Sources.subject(&resource.AttrError{Addr: serviceAddr(service.Name), Attr: "after"})
	for _, name := range service.After {
		if _, ok := slices.BinarySearch(names, name); !ok {
			diags = append(diags, fault("Unknown service", subject, "There is no service %q for %q to come after.%s",
				name, service.Name, didYouMean(name, names)))
		}
	}
	if cycle != nil {
		diags = append(diags, cycleFault(subject, cycle))
	}
	return diags
}

// cycleFault tells the cycle from the first of its names on, so that the text is the same for all who are on it.
func cycleFault(subject *hcl.Range, cycle []string) *hcl.Diagnostic {
	first := slices.Index(cycle, slices.Min(cycle))
	round := slices.Concat(cycle[first:], cycle[:first+1])
	diag := fault("Dependency cycle", subject, "These services come after one another, so that none can be first: %s. "+
		"Take one of them out of the \"after\" of another.", strings.Join(round, " -> "))
	diag.Extra = Shared{}
	return diag
}

// serviceAddr is where the ranges of what belongs to the service as a whole are kept.
func serviceAddr(name string) resource.Addr { return resource.Addr{Service: name} }
