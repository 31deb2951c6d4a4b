package plan

import (
	"fmt"
	"strings"

	"launchpad.net/cdplan/plan/scale"
)

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
