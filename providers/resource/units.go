package resource

import (
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Units is what there is of something Sized.
type Units struct {
	List []Unit // in the order in which they are removed

	// Unchosen says that the outside system chooses which units go, so that it is told no more than how many there are to be.
	Unchosen bool
}

// Unit is one of the units.
type Unit struct {
	Name  string
	State UnitState
	Text  string    // why it is in that state, in the words of the outside system; may be empty
	Since time.Time // since when, UTC; zero if nobody knows
	Busy  string    // why it is not to be removed now, such as "it runs the hook config-changed"; empty for most
	Last  bool      // it goes only when no other is left, such as the leader
	Place string    // identity of the server that it is on; empty if there is none yet
}

// UnitState says what a unit is about.
type UnitState string

// The states.
const (
	UnitReady    UnitState = "ready"
	UnitStarting UnitState = "starting" // it was asked for, and does not work yet
	UnitFailed   UnitState = "failed"   // it does not work, and does not come to by itself
	UnitLeaving  UnitState = "leaving"  // it was asked to go
)

// Load is what something Sized has to carry.
type Load struct {
	Value  float64   // 0 or more, and finite
	At     time.Time // when it was asked for, UTC
	Source string    // what was asked, for people, such as "queue jobs on mq.internal:15672"; it holds no secret
	Err    error     // no data: the load is not known, which is never the same as 0
}

// Resize is a change of the number of units.
type Resize struct {
	From   int      // units that there are, but for those that leave
	To     int      // units that there are to be
	Remove []string // names of the units that go; empty where more are to be, and where the outside system chooses

	Timeout time.Duration // how long it may take; 0 for as long as it takes
}

// ScalingAttrs returns the attributes by which a person says how many units there are to be: the policy, which the planner follows. Durations are
// texts such as "5m". Every type that is Sized has them, beside its own.
func ScalingAttrs() map[string]Attr {
	number := func(doc string) Attr { return Attr{Type: cty.Number, Public: true, Doc: doc} }
	duration := func(doc string) Attr { return Attr{Type: cty.String, Public: true, Doc: doc} }
	required := func(attr Attr) Attr { attr.Required = true; return attr }
	return map[string]Attr{
		"min":       required(number("How few units there are at least. 0 has to be meant: see idle_after.")),
		"max":       required(number("How many units there are at most.")),
		"target":    required(number("How much load one unit is to carry.")),
		"tolerance": number("How far the load of each unit may be from the target, as a part of it, before anything is changed. The default is 0.1."),
		"up_window": duration("For how long the load has to ask for more units before there are more. The default is 0s."),
		"down_window": duration("For how long the load has to ask for fewer units before there are fewer: the most that it asked for in that time counts. " +
			"The default is 5m."),
		"up_step":    number("How many units are added at a time, at most. The default is 4."),
		"down_step":  number("How many units are removed at a time, at most. The default is 1."),
		"cooldown":   duration("How long nothing is changed after a change, either way. The default is 3m."),
		"idle_after": duration("With min = 0: for how long there has to be no load at all before the last unit goes. The default is 15m."),
		"timeout":    duration("How long a unit may take to start, or to go, before a person has to look. The default is 30m."),
		"pause":      duration("What is left alone: \"in\" removes no units, \"out\" adds none, \"all\" does neither. The default is \"no\"."),
		"no_progress_after": number("After how many additions that did not make the load fall nothing more is added, since it is no load then but " +
			"something stuck. 0 never stops. The default is 3 for the length of a queue, and 0 for all else."),
	}
}
