package state

import "time"

// Sample is what was known of the size of a service at one time, and what its load asked for.
type Sample struct {
	At     time.Time // UTC
	Known  bool      // the load could be measured
	Load   float64
	Units  int // that there were, but for those that left
	Wanted int // that the load asked for by itself; the Units where it was not known
}

// Resized is a change of the size of a service that was begun.
type Resized struct {
	At    time.Time // UTC
	From  int
	To    int
	Known bool // the load could be measured
	Load  float64
}
