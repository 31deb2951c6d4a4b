package view

import (
	"io"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// Undo is the undoing of commits to a branch of a service.
type Undo struct {
	Service string
	Why     string // what the revision is to which the branch goes back
	// Change leads from the tip to the earlier revision, and its keys with it. Its history is that of the commits that are undone.
	Change plan.Change
	ByHand string // a command line for a shell, in the directory of the branch
	Commit string // the command that undoes it; empty to name none
}

// UndoPlan writes what an undoing would do.
func UndoPlan(w io.Writer, u Undo, s Style) error {
	texts := []string{s.paint(bold, "Undo "+clean(u.Service)+": back to "+revno(u.Change.To)+", "+clean(u.Why)+"."), ""}
	texts = append(texts, changeDetail(u.Change, s)...)
	texts = append(texts, "", "By hand:  "+clean(u.ByHand))
	if u.Commit != "" {
		texts = append(texts, "Undo it:  "+u.Commit)
	}
	return lines(w, texts...)
}

// MovedElsewhere writes which other branches of a service moved, each with the command line that undoes it there.
func MovedElsewhere(w io.Writer, service string, moved []Undo, s Style) error {
	texts := []string{s.paint(bold, clean(service)+": its own branch is as it was deployed; others moved. Undo it there, in a branch of each:")}
	for _, u := range moved {
		texts = append(texts, "")
		texts = append(texts, changeDetail(u.Change, s)...)
		texts = append(texts, "    "+clean(u.ByHand))
	}
	return lines(w, texts...)
}

// Undone writes that it was done.
func Undone(w io.Writer, service string, r resource.Revision, s Style) error {
	return lines(w, "", s.paint(bold, "Undone by "+revno(r)+" of "+clean(service)+"."), "")
}
