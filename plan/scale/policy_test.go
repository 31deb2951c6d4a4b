package scale

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

// declare returns the object of a declaration: min, max and target, and what else is given.
func declare(given map[string]cty.Value) resource.Object {
	values := map[string]cty.Value{}
	for name, attr := range resource.ScalingAttrs() {
		values[name] = cty.NullVal(attr.Type)
	}
	values["min"], values["max"], values["target"] = cty.NumberIntVal(1), cty.NumberIntVal(8), cty.NumberIntVal(200)
	for name, value := range given {
		values[name] = value
	}
	values["application"] = cty.StringVal("worker") // the type's own
	return cty.ObjectVal(values)
}

func TestPolicyOf(t *testing.T) {
	number, text := cty.NumberFloatVal, cty.StringVal
	all := Policy{Min: 0, Max: 20, Target: 1.5, Tolerance: 0, UpWindow: time.Minute, DownWindow: 0, UpStep: 2, DownStep: 3, Cooldown: 0, IdleAfter: time.Hour,
		Timeout: 90 * time.Minute, Pause: PauseIn, NoProgressAfter: 3}
	for name, c := range map[string]struct {
		given map[string]cty.Value
		want  Policy
	}{
		"the rest is left unsaid": {nil, policy()},
		"all is said": {map[string]cty.Value{"min": number(0), "max": number(20), "target": number(1.5), "tolerance": number(0), "up_window": text("1m"),
			"down_window": text("0s"), "up_step": number(2), "down_step": number(3), "cooldown": text("0s"), "idle_after": text("1h"), "timeout": text("90m"),
			"pause": text("in"), "no_progress_after": number(3)}, all},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := PolicyOf(resource.Addr{Service: "api"}, declare(c.given))
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestPolicyOfMistakes(t *testing.T) {
	addr := resource.Addr{Service: "api", Type: "juju_units", Label: "units"}
	number, text := cty.NumberFloatVal, cty.StringVal
	for name, c := range map[string]struct {
		attr  string
		value cty.Value
		want  string
	}{
		"min beyond max":       {"min", number(9), "The minimum of 9 units is more than the maximum of 8."},
		"less than none":       {"min", number(-1), `"min" is a whole number from 0 to 100000, not -1.`},
		"no units at all":      {"max", number(0), `"max" is a whole number from 1 to 100000, not 0.`},
		"too many":             {"max", number(1e6), `"max" is a whole number from 1 to 100000, not 1e+06.`},
		"half a unit":          {"up_step", number(1.5), `"up_step" is a whole number from 1 to 100000, not 1.5.`},
		"no step":              {"down_step", number(0), `"down_step" is a whole number from 1 to 100000, not 0.`},
		"no target":            {"target", number(0), "The load that one unit is to carry has to be more than 0, not 0."},
		"a target below 0":     {"target", number(-200), "The load that one unit is to carry has to be more than 0, not -200."},
		"a target of no end":   {"target", cty.PositiveInfinity, `"target" has to be a number that can be counted with, not +Inf.`},
		"a whole tolerance":    {"tolerance", number(1), "The tolerance is a part of the target: 0 or more, and less than 1. It is not 1."},
		"a negative tolerance": {"tolerance", number(-0.1), "The tolerance is a part of the target: 0 or more, and less than 1. It is not -0.1."},
		"no duration":          {"up_window", text("soon"), `"up_window" is a duration such as "5m" or "90s", not "soon".`},
		"a duration below 0":   {"down_window", text("-5m"), `"down_window" is a duration such as "5m" or "90s", not "-5m".`},
		"no such pause":        {"pause", text("yes"), `"pause" is one of no, in, out and all, not "yes": "in" removes no units, "out" adds none, "all" does neither.`},
		"less than never":      {"no_progress_after", number(-1), `"no_progress_after" is a whole number from 0 to 100000, not -1.`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := PolicyOf(addr, declare(map[string]cty.Value{c.attr: c.value}))
			var found *resource.AttrError
			if !errors.As(err, &found) || found.Addr != addr || found.Attr != c.attr || found.Detail != c.want {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestSum(t *testing.T) {
	for _, c := range []struct {
		load float64
		want string
	}{
		{1450, "1450 / 200 = 7.25 -> 8"},
		{0, "0 / 200 = 0 -> 0"},
		{860, "860 / 200 = 4.3 -> 4, within the tolerance of 0.1"},
		{800, "800 / 200 = 4 -> 4"},
		{1e12, "1000000000000 / 200 = 5000000000 -> 100000"},
	} {
		if got := Decide(story{units: "4", load: c.load}.input()).Sum; got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// What is rounded in a division asks for no unit of its own.
func TestRounding(t *testing.T) {
	p := Policy{Target: 0.1}
	for units := 1; units < 2000; units++ {
		if got := p.Wanted(float64(units)*0.1, 0); got != units {
			t.Fatalf("%d times the target asks for %d", units, got)
		}
	}
}
