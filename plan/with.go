package plan

import (
	"github.com/zclconf/go-cty/cty"
)

// with returns the branches under review that the service is planned with, in the order of their declaration.
func (s Service) with() []With {
	var found []With
	for _, declared := range s.Resources {
		if declared.InsteadOf != cty.NilVal {
			found = append(found, With{s.Name, declared.Addr.Label, declared.location()})
		}
	}
	return found
}

// location returns where a source is, as declared.
func (d Declared) location() string { return d.Config.GetAttr("location").AsString() }
