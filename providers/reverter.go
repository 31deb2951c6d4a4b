package providers

import (
	"context"

	"launchpad.net/cdplan/providers/resource"
)

// Reverter is a Resource whose commits can be undone by another commit, so that the history keeps both.
type Reverter interface {
	Resource
	// Undoable returns what stands in the way of Undo, in words that say how to mend it, or nil.
	Undoable(ctx context.Context, undo resource.Undo) error
	// Undo makes the commit and returns its revision. On an error the branch is as it was; the error says so if its working tree is not.
	Undo(ctx context.Context, undo resource.Undo) (resource.Revision, error)
	// UndoCommand returns what a person types to the same end in a working tree of the branch.
	UndoCommand(undo resource.Undo) string
}
