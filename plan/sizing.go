package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// Sizing is how the size of a service was come by.
type Sizing struct {
	Policy  scale.Policy
	Units   []resource.Unit // as they were read, in the order in which they are removed
	Windows []Asked         // those that the policy has
	Samples []state.Sample  // of before, as far back as the longest window goes, the newest first
	Resized []state.Resized // the last changes of size, the newest first
	Failed  state.Failures  // to change the size, since that last succeeded
	Counts  time.Time       // nothing before that counts: when the size was changed last, or the service deployed; zero for never
}

// Asked is a time for which a load has to ask for another size before there is one.
type Asked struct {
	Window string // its key in config.ini
	Length time.Duration
	Most   bool // the most that was asked for in it counts, since it is for fewer units; else the least
	Wanted int  // that
}

// sizing returns nil of a service that has no size, or whose load nobody measured.
func (in Input) sizing(d *Decision) *Sizing {
	declared := d.Declared.sized(in.Schemas)
	if d.Size == nil || declared == nil {
		return nil
	}
	policy, err := scale.PolicyOf(declared.Addr, declared.Config)
	if err != nil {
		return nil
	}
	past := in.Past.Services[d.Service]
	s := &Sizing{Policy: policy, Failed: past.Resizes, Counts: deployed(past)}
	if units := in.Readings[declared.Addr].Units; units != nil {
		s.Units = units.List
	}
	s.Resized = slices.Clone(past.Resized)
	slices.Reverse(s.Resized)
	if len(s.Resized) > 0 && s.Resized[0].At.After(s.Counts) {
		s.Counts = s.Resized[0].At
	}
	s.look(d.Size, past.Samples)
	return s
}

// look finds out what was asked for before.
func (s *Sizing) look(size *Size, samples []state.Sample) {
	now, longest := size.Load.At, max(s.Policy.UpWindow, s.Policy.DownWindow)
	for _, sample := range slices.Backward(samples) {
		if sample.At.Before(now) && now.Sub(sample.At) <= longest {
			s.Samples = append(s.Samples, sample)
		}
	}
	for _, w := range []Asked{{"up_window", s.Policy.UpWindow, false, size.Wanted}, {"down_window", s.Policy.DownWindow, true, size.Wanted}} {
		if w.Length == 0 || size.Err != nil {
			continue
		}
		for _, sample := range s.Samples {
			switch {
			case now.Sub(sample.At) > w.Length || sample.At.Before(s.Counts):
			case w.Most:
				w.Wanted = max(w.Wanted, sample.Wanted)
			default:
				w.Wanted = min(w.Wanted, sample.Wanted)
			}
		}
		s.Windows = append(s.Windows, w)
	}
}

func units(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

// loadText says why there are to be more units or fewer.
func (e *Explanation) loadText() string {
	text := fmt.Sprintf("the load asks for %s, and there are %d: %s", units(e.Size.Wanted), e.Size.Units, e.Size.Sum)
	switch {
	case len(e.Size.Cuts) > 0:
		text += ", cut by " + strings.Join(e.Size.Cuts, ", ")
	case e.Size.To != e.Size.Wanted && e.Size.Wait == "":
		text += fmt.Sprintf("; over its window it asks for %d", e.Size.To)
	}
	return text
}

// boundText says which bound the number of units is beyond.
func (e *Explanation) boundText() string {
	than := "more than "
	if e.Size.To > e.Size.Units {
		than = "fewer than "
	}
	return "it has " + units(e.Size.Units) + ", " + than + strings.Join(e.Size.Cuts, ", cut by ")
}

// sizeText says how the size is changed.
func (e *Explanation) sizeText() string {
	s := e.Size
	if s.To > s.Units {
		return fmt.Sprintf("it gets %s more, %d in all", units(s.To-s.Units), s.To)
	}
	text := fmt.Sprintf("it loses %d of its %s", s.Units-s.To, units(s.Units))
	if len(s.Remove) > 0 {
		text += ", " + strings.Join(s.Remove, ", ")
	}
	return text
}

// resizing returns what would keep the size from being changed.
func (e *Explanation) resizing() []Remedy {
	pause, cut := "pause = out", "max"
	if e.Size.To < e.Size.Units {
		pause, cut = "pause = in", "min"
	}
	found := []Remedy{{pause + " under [scale] in config.ini", ""}}
	if e.Size.Bounds {
		cut = strings.Fields(e.Size.Cuts[0])[0]
		return append(found, Remedy{"another " + cut + " under [scale] in config.ini", ""})
	}
	return append(found, Remedy{"a load that asks for just " + units(e.Size.Units), ""},
		Remedy{"another policy under [scale] in config.ini; what comes of it with a load is told by", e.cdplan("simulate", "-load FILE.csv")})
}

// unguarding returns what makes a person needless for a change of size.
func (e *Explanation) unguarding() []Remedy {
	if e.Sizing != nil && e.Sizing.Policy.NoProgressAfter > 0 && strings.HasPrefix(e.Size.Guard, "no progress") {
		return []Remedy{{"a load that falls, or a deploy of what it is made of", ""}, {"no_progress_after = 0 under [scale] in config.ini, which never asks for a person", ""}}
	}
	return []Remedy{{"what the reason names, mended or removed", ""}}
}

// otherSize returns what would change the size of a service that is as it should be.
func (e *Explanation) otherSize() []Remedy {
	s, found := e.Size, []Remedy(nil)
	switch {
	case s.Err != nil:
		return []Remedy{{"units that can be told", e.cdplan("doctor -target")}}
	case s.Load.Err != nil:
		return []Remedy{{"a load that can be measured", e.cdplan("doctor -target")}}
	}
	for _, cut := range s.Cuts {
		if bound, _, _ := strings.Cut(cut, " "); bound == "max" || bound == "min" {
			found = append(found, Remedy{"another " + bound + " under [scale] in config.ini: the load asks for " + units(s.Wanted), ""})
		}
	}
	if e.Sizing.Policy.Pause != scale.PauseNone && s.Wait != "" {
		found = append(found, Remedy{"pause = no under [scale] in config.ini", ""})
	}
	return append(found, Remedy{"a load that asks for another number of units", ""})
}
