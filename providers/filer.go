package providers

import (
	"context"

	"launchpad.net/cdplan/providers/resource"
)

// Filer is a Resource whose versions hold files.
type Filer interface {
	Resource
	// File returns the text of a file in the version that the declaration names, whatever any working tree holds. The path has slashes. An
	// *resource.AttrError says that it is the declaration that has to be mended.
	File(ctx context.Context, w resource.Wanted, path string) ([]byte, error)
}
