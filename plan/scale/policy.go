// Package scale says how many units there are to be of something that has a load: by the rule of docs/scaling.md, from a policy, what was measured,
// and what was measured and done before. It is pure: no I/O, no clock, no randomness.
package scale

import (
	"errors"
	"fmt"
	"math"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// Policy is what a person says about the number of units.
type Policy struct {
	Min, Max        int
	Target          float64 // load of one unit, more than 0
	Tolerance       float64 // 0 or more, less than 1
	UpWindow        time.Duration
	DownWindow      time.Duration
	UpStep          int // 1 or more
	DownStep        int // 1 or more
	Cooldown        time.Duration
	IdleAfter       time.Duration
	Timeout         time.Duration
	Pause           Pause
	NoProgressAfter int // additions; 0 for never
}

// Pause says which changes are left alone.
type Pause string

// The pauses.
const (
	PauseNone Pause = "no"
	PauseIn   Pause = "in"  // no units are removed
	PauseOut  Pause = "out" // none are added
	PauseAll  Pause = "all"
)

// The policy that a person leaves unsaid.
const (
	defaultTolerance  = 0.1
	defaultDownWindow = 5 * time.Minute
	defaultUpStep     = 4
	defaultDownStep   = 1
	defaultCooldown   = 3 * time.Minute
	defaultIdleAfter  = 15 * time.Minute
	defaultTimeout    = 30 * time.Minute
)

// mostUnits bounds what any load asks for.
const mostUnits = 100_000

// declared is the policy as its attributes are written.
type declared struct {
	Min             *float64 `cty:"min"`
	Max             *float64 `cty:"max"`
	Target          *float64 `cty:"target"`
	Tolerance       *float64 `cty:"tolerance"`
	UpWindow        string   `cty:"up_window"`
	DownWindow      string   `cty:"down_window"`
	UpStep          *float64 `cty:"up_step"`
	DownStep        *float64 `cty:"down_step"`
	Cooldown        string   `cty:"cooldown"`
	IdleAfter       string   `cty:"idle_after"`
	Timeout         string   `cty:"timeout"`
	Pause           string   `cty:"pause"`
	NoProgressAfter *float64 `cty:"no_progress_after"`
}

// PolicyOf returns the policy that a declaration with the attributes of resource.ScalingAttrs has. The error joins an *resource.AttrError for each
// attribute that is wrong; one that is not given, and has to be, is not among them.
func PolicyOf(addr resource.Addr, config resource.Object) (Policy, error) {
	var d declared
	if err := resource.Decode(resource.Part(config, resource.ScalingAttrs()), &d); err != nil {
		return Policy{}, err
	}
	r := reader{addr: addr}
	p := Policy{
		Min: r.whole("min", d.Min, 0, 0), Max: r.whole("max", d.Max, 0, 1),
		Target: r.number("target", d.Target, 0), Tolerance: r.number("tolerance", d.Tolerance, defaultTolerance),
		UpWindow: r.duration("up_window", d.UpWindow, 0), DownWindow: r.duration("down_window", d.DownWindow, defaultDownWindow),
		UpStep: r.whole("up_step", d.UpStep, defaultUpStep, 1), DownStep: r.whole("down_step", d.DownStep, defaultDownStep, 1),
		Cooldown: r.duration("cooldown", d.Cooldown, defaultCooldown), IdleAfter: r.duration("idle_after", d.IdleAfter, defaultIdleAfter),
		Timeout: r.duration("timeout", d.Timeout, defaultTimeout), Pause: r.pause(d.Pause),
		NoProgressAfter: r.whole("no_progress_after", d.NoProgressAfter, 0, 0),
	}
	if d.Max != nil && p.Min > p.Max {
		r.fail("min", "The minimum of %d units is more than the maximum of %d.", p.Min, p.Max)
	}
	if d.Target != nil && p.Target <= 0 {
		r.fail("target", "The load that one unit is to carry has to be more than 0, not %v.", p.Target)
	}
	if d.Timeout != "" && p.Timeout == 0 {
		r.fail("timeout", "The timeout has to be more than 0, since no unit comes or goes at once.")
	}
	if p.Tolerance < 0 || p.Tolerance >= 1 {
		r.fail("tolerance", "The tolerance is a part of the target: 0 or more, and less than 1. It is not %v.", p.Tolerance)
	}
	return p, errors.Join(r.errs...)
}

// Memory returns how long a sample is of use.
func (p Policy) Memory() time.Duration {
	memory := 2 * max(p.UpWindow, p.DownWindow, p.IdleAfter)
	if p.NoProgressAfter > 0 {
		memory = max(memory, progressMemory)
	}
	return memory
}

// progressMemory is how long it is remembered what became of the load after an addition.
const progressMemory = 6 * time.Hour

// reader reads attributes, and keeps what is wrong with them.
type reader struct {
	addr resource.Addr
	errs []error
}

func (r *reader) fail(attr, format string, args ...any) {
	r.errs = append(r.errs, &resource.AttrError{Addr: r.addr, Attr: attr, Summary: "Invalid value", Detail: fmt.Sprintf(format, args...)})
}

func (r *reader) whole(attr string, given *float64, otherwise, least int) int {
	switch {
	case given == nil:
		return otherwise
	case *given != math.Trunc(*given) || *given < float64(least) || *given > mostUnits:
		r.fail(attr, "%q is a whole number from %d to %d, not %v.", attr, least, mostUnits, *given)
		return otherwise
	}
	return int(*given)
}

func (r *reader) number(attr string, given *float64, otherwise float64) float64 {
	switch {
	case given == nil:
		return otherwise
	case math.IsInf(*given, 0) || math.IsNaN(*given):
		r.fail(attr, "%q has to be a number that can be counted with, not %v.", attr, *given)
	}
	return *given
}

func (r *reader) duration(attr, given string, otherwise time.Duration) time.Duration {
	if given == "" {
		return otherwise
	}
	d, err := time.ParseDuration(given)
	if err != nil || d < 0 {
		r.fail(attr, "%q is a duration such as \"5m\" or \"90s\", not %q.", attr, given)
	}
	return d
}

func (r *reader) pause(given string) Pause {
	switch pause := Pause(given); pause {
	case "":
		return PauseNone
	case PauseNone, PauseIn, PauseOut, PauseAll:
		return pause
	}
	r.fail("pause", "\"pause\" is one of no, in, out and all, not %q: \"in\" removes no units, \"out\" adds none, \"all\" does neither.", given)
	return PauseNone
}
