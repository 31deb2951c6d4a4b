package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Branch is a branch of a service.
type Branch struct {
	Service  string
	Label    string
	Location string // as declared, without pin, password and slashes at its end; empty if the service does not declare it
}

// Branches returns those that a service declares, in the order of the file.
func (f *Fleet) Branches(service plan.Service) []Branch {
	var branches []Branch
	for _, declared := range service.Resources {
		if schema := f.Schemas[declared.Addr.Type]; schema.Role == resource.Source {
			branches = append(branches, Branch{service.Name, declared.Addr.Label, plainPlace(schema, declared.Config.GetAttr("location").AsString())})
		}
	}
	return branches
}

// plainPlace returns where a branch is, whichever revision of it is meant.
func plainPlace(schema resource.Schema, location string) string {
	location, _ = schema.Place(location)
	place := []byte(location)
	maskValue(place, true)
	location = strings.TrimPrefix(string(place), "file://")
	if trimmed := strings.TrimRight(location, "/"); trimmed != "" {
		return trimmed
	}
	return location
}

// MatchBranch returns which branches are meant: those at a location, or those with a label. If it is none of them, the error names the nearest, or says
// what there is.
func (f *Fleet) MatchBranch(text string, branches []Branch) (func(Branch) bool, error) {
	place, label := plainPlace(f.Schemas["bzr_branch"], text), strings.ToLower(text)
	means := func(b Branch) bool { return b.Label == label || b.Location != "" && b.Location == place }
	if slices.ContainsFunc(branches, means) {
		return means, nil
	}
	known, what := map[string]bool{}, "labels"
	for _, b := range branches {
		if !strings.ContainsAny(text, "/:") {
			known[b.Label] = true
		} else if what = "locations"; b.Location != "" {
			known[b.Location] = true
		}
	}
	return nil, fmt.Errorf("no service has the branch %q.%s", place, offer(place, what, known))
}

// maxOffered is how many names are offered where none is near.
const maxOffered = 8

// offer returns a sentence with the nearest of the names, or with the first of them.
func offer(name, what string, known map[string]bool) string {
	names := slices.Sorted(maps.Keys(known))
	switch meant := didYouMean(name, names); {
	case meant != "":
		return meant
	case len(names) == 0:
		return " There is none."
	case len(names) > maxOffered:
		return fmt.Sprintf(" There are the %s %s and %d more.", what, strings.Join(names[:maxOffered], ", "), len(names)-maxOffered)
	}
	return fmt.Sprintf(" There are the %s %s.", what, strings.Join(names, ", "))
}
