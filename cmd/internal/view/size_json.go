package view

import (
	"errors"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

type (
	// jsonSize is how many units a service has and is to have.
	jsonSize struct {
		Units      int            `json:"units"`
		To         int            `json:"to"`
		Wanted     int            `json:"wanted"`
		Load       *float64       `json:"load"` // null if it is not known
		LoadSource string         `json:"load_source"`
		LoadError  string         `json:"load_error"`
		Measured   string         `json:"measured"`
		Sum        string         `json:"sum"`
		Bounds     bool           `json:"bounds"`
		Cuts       []string       `json:"cuts"`
		Remove     []string       `json:"remove"`
		Wait       string         `json:"wait"`
		Until      string         `json:"until"`
		Broken     string         `json:"broken"`
		Guard      string         `json:"guard"`
		Due        bool           `json:"due"`
		Error      string         `json:"error"`
		States     map[string]int `json:"states"`
	}
	// jsonResized is a change of size that was begun.
	jsonResized struct {
		From   int      `json:"from"`
		To     int      `json:"to"`
		Load   *float64 `json:"load"` // null if it was not known
		Sum    string   `json:"sum"`
		Remove []string `json:"remove"`
	}
)

// sizeJSON returns nil of a service that has no size.
func sizeJSON(s *plan.Size) *jsonSize {
	if s == nil {
		return nil
	}
	size := &jsonSize{Units: s.Units, To: s.To, Wanted: s.Wanted, Load: loadJSON(s.Load.Value, s.Load.Err == nil), LoadSource: clean(s.Load.Source),
		Measured: timestamp(s.Load.At), Sum: clean(s.Sum), Bounds: s.Bounds, Cuts: cleanAll(s.Cuts), Remove: cleanAll(s.Remove), Wait: clean(s.Wait), Until: timestamp(s.Until),
		Broken: clean(s.Broken), Guard: clean(s.Guard), Due: s.Due, States: map[string]int{}}
	if s.Load.Err != nil {
		size.LoadError = clean(s.Load.Err.Error())
	}
	if s.Err != nil {
		size.Error = clean(s.Err.Error())
	}
	for state, n := range s.States {
		size.States[clean(string(state))] = n
	}
	return size
}

func loadJSON(load float64, known bool) *float64 {
	if !known {
		return nil
	}
	return &load
}

// size reads what sizeJSON writes. A load that is null without an error is not known either.
func (j *jsonSize) size() (*plan.Size, error) {
	if j == nil {
		return nil, nil
	}
	measured, err := parseTime(j.Measured)
	until, invalid := parseTime(j.Until)
	s := &plan.Size{Due: j.Due, Size: scale.Size{Units: j.Units, To: j.To, Wanted: j.Wanted, Load: resource.Load{At: measured, Source: j.LoadSource}, Sum: j.Sum,
		Bounds: j.Bounds, Cuts: j.Cuts, Remove: j.Remove, Wait: j.Wait, Until: until, Broken: j.Broken, Guard: j.Guard}}
	switch {
	case j.Load == nil:
		s.Load.Err = errors.New(j.LoadError)
	default:
		s.Load.Value = *j.Load
	}
	if j.Error != "" {
		s.Err = errors.New(j.Error)
	}
	for state, n := range j.States {
		if s.States == nil {
			s.States = map[resource.UnitState]int{}
		}
		s.States[resource.UnitState(state)] = n
	}
	return s, errors.Join(err, invalid)
}

// resizedJSON returns nil if no size was to be changed.
func resizedJSON(r *state.Resized) *jsonResized {
	if r == nil {
		return nil
	}
	return &jsonResized{From: r.From, To: r.To, Load: loadJSON(r.Load, r.Known), Sum: clean(r.Sum), Remove: cleanAll(r.Remove)}
}
