package resource

// Undo asks for a Source to be brought back, by a commit on top of its tip, to what an earlier revision holds.
type Undo struct {
	Addr    Addr
	Config  Object
	From    Revision // the tip, as it was when a person was told what would be undone
	To      Revision // in the history of From
	Message string   // of the commit
}
