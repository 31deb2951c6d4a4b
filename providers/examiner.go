package providers

import (
	"context"

	"launchpad.net/cdplan/providers/resource"
)

// Examiner is a Resource that can tell how its provider is set up, and what is missing.
type Examiner interface {
	Resource
	// Examine asks whatever what is wanted needs, and changes nothing. The findings are in the order in which a person wants to read them.
	Examine(ctx context.Context, want []resource.Wanted) []resource.Finding
}
