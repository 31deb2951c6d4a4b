package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Review is a branch under review, which is to be taken for a branch of a service as if it had landed there.
type Review struct {
	Service  string // empty for every service that declares the label at one and the same location
	Label    string
	Location string
}

// ParseReview reads LABEL=LOCATION or SERVICE/LABEL=LOCATION.
func ParseReview(text string) (Review, error) {
	name, location, _ := strings.Cut(text, "=")
	service, label, both := strings.Cut(name, "/")
	if !both {
		service, label = "", name
	}
	if label == "" || location == "" || both && service == "" {
		return Review{}, fmt.Errorf("%q names no branch under review: write LABEL=LOCATION or SERVICE/LABEL=LOCATION", shown(text))
	}
	if strings.HasPrefix(location, "-") {
		return Review{}, fmt.Errorf("the location %q begins with \"-\": the programs that get it would take it for an option", shown(location))
	}
	return Review{service, strings.ToLower(label), location}, nil
}

// shown returns a text that may be a location, without its password.
func shown(location string) string {
	text := []byte(location)
	maskValue(text, true)
	return string(text)
}

// Text is what stands in for the config.ini of a service.
type Text struct {
	Name  string // as diagnostics show it
	Bytes []byte
}

// ConfigFile is the name of the file that declares a service, at the top of the service's own branch.
const ConfigFile = serviceFile

// TextAt is the config.ini that was read of a branch under review.
func TextAt(location string, src []byte) Text {
	return Text{Name: shown(location) + "/" + ConfigFile, Bytes: src}
}

// landing is a branch under review with the one whose place it takes.
type landing struct {
	source   *plan.Declared
	location string // of the branch under review
}

// Land declares the branches under review in place of those that the files name, and returns what it has declared. No working tree is looked at for
// that. Only services that are selected are meant, but a branch that several services have at one location lands for all of them.
func (f *Fleet) Land(reviews []Review, selected func(string) bool) ([]plan.Declared, error) {
	var landings []landing
	for _, r := range reviews {
		some, err := f.landings(r, selected)
		if err != nil {
			return nil, err
		}
		landings = append(landings, some...)
	}
	var landed []plan.Declared
	for _, l := range landings {
		if l.source.InsteadOf != cty.NilVal {
			return nil, fmt.Errorf("the branch %q of %s is given twice", l.source.Addr.Label, l.source.Addr.Service)
		}
		attrs := l.source.Config.AsValueMap()
		attrs["location"], attrs["tree_sha1"] = cty.StringVal(l.location), cty.NullVal(cty.String)
		l.source.InsteadOf, l.source.Config = l.source.Config, cty.ObjectVal(attrs)
		delete(f.Sources.ranges, place{l.source.Addr, "location"}) // no line of a file is to blame for it
		landed = append(landed, *l.source)
	}
	return landed, nil
}

// landings returns what a review stands for.
func (f *Fleet) landings(r Review, selected func(string) bool) ([]landing, error) {
	location, err := f.absolute(r.Location)
	if err != nil {
		return nil, err
	}
	if r.Service != "" {
		source, err := f.declared(r.Service, r.Label)
		if err == nil && !selected(r.Service) {
			err = fmt.Errorf("the service %s is not selected", r.Service)
		}
		return []landing{{source, location}}, err
	}
	declared, err := f.declaredAt(r.Label, selected)
	var all []landing
	for _, service := range f.Services {
		if source := f.source(service, r.Label); err == nil && source != nil && locationOf(source) == declared {
			all = append(all, landing{source, location})
		}
	}
	return all, err
}

// absolute returns the location with an absolute path, if it is that of a directory.
func (f *Fleet) absolute(location string) (string, error) {
	place, pin := f.Schemas["bzr_branch"].Place(location)
	if info, err := os.Stat(place); err != nil || !info.IsDir() {
		return location, nil
	}
	path, err := filepath.Abs(place)
	return path + pin, err
}

// declared returns the branch of a service.
func (f *Fleet) declared(name, label string) (*plan.Declared, error) {
	service, err := f.Service(name)
	if err != nil {
		return nil, err
	}
	if source := f.source(service, label); source != nil {
		return source, nil
	}
	known := map[string]bool{}
	for _, other := range service.Labels(f.Schemas) {
		known[other] = true
	}
	return nil, fmt.Errorf("the service %s has no branch %q.%s", name, label, offer(label, "labels", known))
}

// declaredAt returns the one location at which the selected services declare the branch of that label.
func (f *Fleet) declaredAt(label string, selected func(string) bool) (string, error) {
	places, known := map[string][]string{}, map[string]bool{} // the services by location, and all labels
	for _, service := range f.Services {
		if !selected(service.Name) {
			continue
		}
		for _, other := range service.Labels(f.Schemas) {
			known[other] = true
		}
		if source := f.source(service, label); source != nil {
			places[locationOf(source)] = append(places[locationOf(source)], service.Name)
		}
	}
	locations := slices.Sorted(maps.Keys(places))
	switch len(locations) {
	case 0:
		return "", fmt.Errorf("no service of the plan has the branch %q.%s", label, offer(label, "labels", known))
	case 1:
		return locations[0], nil
	}
	var texts []string
	for _, location := range locations[:min(len(locations), maxOffered)] {
		texts = append(texts, fmt.Sprintf("%s (%s)", shown(location), strings.Join(places[location], ", ")))
	}
	if more := len(locations) - maxOffered; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return "", fmt.Errorf("the services of the plan have different branches %q: %s. Say which is meant: SERVICE/%s=LOCATION", label, strings.Join(texts, "; "), label)
}

// source returns the branch of that label, to be changed in place; nil if there is none.
func (f *Fleet) source(service plan.Service, label string) *plan.Declared {
	for i, declared := range service.Resources {
		if declared.Addr.Label == label && f.Schemas[declared.Addr.Type].Role == resource.Source {
			return &service.Resources[i]
		}
	}
	return nil
}

func locationOf(source *plan.Declared) string { return source.Config.GetAttr("location").AsString() }
