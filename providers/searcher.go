package providers

import (
	"context"

	"launchpad.net/cdplan/providers/resource"
)

// Searcher is a Resource that keeps records, and that can find those which belong to nothing that is wanted.
type Searcher interface {
	Resource
	// Search reads as Read does, and with the same look finds the strays: the places that hold a record and that nothing among what is wanted has, ordered
	// by name, then id. The Other of each names the service whose record it is, and its Object is that record. It looks wherever what is wanted may be; on
	// an error it returns what it has found all the same.
	Search(ctx context.Context, want []resource.Wanted) (readings []resource.Reading, strays []resource.Copy, err error)
}
