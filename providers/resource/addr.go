// Package resource holds the words that every part of cdplan shares: the address of a resource, its schema, what was read of it, the
// step that changes it, and the error that points at one of its attributes. It does nothing by itself and imports no other package
// of cdplan.
package resource

import (
	"cmp"
	"fmt"
	"strings"
)

// Addr names one resource of a service. Written out it reads "api/bzr_branch.config".
type Addr struct {
	Service string // the name of the service's directory
	Type    string // a resource type of some provider, such as "bzr_branch"
	Label   string // unique among the service's resources of that type
}

// String returns the written form of a.
func (a Addr) String() string {
	return fmt.Sprintf("%s/%s.%s", a.Service, a.Type, a.Label)
}

// ParseAddr returns the address that is written so.
func ParseAddr(text string) (Addr, error) {
	service, rest, ok := strings.Cut(text, "/")
	typ, label, dotted := strings.Cut(rest, ".")
	if !ok || !dotted || service == "" || typ == "" || label == "" {
		return Addr{}, fmt.Errorf("%q is no address of a resource, such as \"api/bzr_branch.config\"", text)
	}
	return Addr{Service: service, Type: typ, Label: label}, nil
}

// Compare orders addresses by service, then type, then label.
func (a Addr) Compare(b Addr) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Label, b.Label))
}
