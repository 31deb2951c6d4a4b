package plan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// sizedSchema is of a type that has no more than a policy.
func sizedSchema() resource.Schema {
	return resource.Schema{Role: resource.Sized, Attrs: resource.ScalingAttrs()}
}

// unitsAddr is where the units of a service are.
func unitsAddr(service string) resource.Addr {
	return resource.Addr{Service: service, Type: "units", Label: "units"}
}

// calm is a policy without windows and cooldown.
const calm = "min=1 max=20 target=200 down_window=0s cooldown=0s"

// policyOf reads "KEY=VALUE", with the numbers as numbers.
func policyOf(text string) resource.Object {
	attrs := map[string]cty.Value{}
	for key, attr := range sizedSchema().Attrs {
		attrs[key] = cty.NullVal(attr.Type)
	}
	for word := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(word, "=")
		if n, err := strconv.ParseFloat(value, 64); err == nil && attrs[key].Type() == cty.Number {
			attrs[key] = cty.NumberFloatVal(n)
		} else {
			attrs[key] = cty.StringVal(value)
		}
	}
	return cty.ObjectVal(attrs)
}

// unitsOf reads a letter for each unit, the oldest first: r ready, s starting, f failed, l leaving. The first is the leader.
func unitsOf(service, text string) *resource.Units {
	states := map[rune]resource.UnitState{'r': resource.UnitReady, 's': resource.UnitStarting, 'f': resource.UnitFailed, 'l': resource.UnitLeaving}
	units := &resource.Units{}
	for i, letter := range text {
		units.List = append(units.List, resource.Unit{Name: fmt.Sprintf("%s/%d", service, i), State: states[letter], Last: i == 0})
	}
	slices.Reverse(units.List)
	return units
}

// sized gives the service of that name a load, from noon on, and units to carry it.
func sized(service, policy, units string, load float64) func(*Input) {
	return func(in *Input) {
		in.Now = noon
		i := slices.IndexFunc(in.Services, func(s Service) bool { return s.Name == service })
		addr := unitsAddr(service)
		in.Services[i].Resources = append(in.Services[i].Resources, Declared{Addr: addr, Config: policyOf(policy)})
		in.Readings[addr] = resource.Reading{Addr: addr, Units: unitsOf(service, units), Load: &resource.Load{Value: load, At: noon, Source: "queue " + service}}
	}
}

// change changes the reading of the units of a service.
func change(service string, f func(*resource.Reading)) func(*Input) {
	return func(in *Input) {
		reading := in.Readings[unitsAddr(service)]
		f(&reading)
		in.Readings[unitsAddr(service)] = reading
	}
}

func all(changes ...func(*Input)) func(*Input) {
	return func(in *Input) {
		for _, f := range changes {
			f(in)
		}
	}
}

func pastOf(service string, past state.ServicePast) func(*Input) {
	return func(in *Input) {
		if in.Past.Services == nil {
			in.Past.Services = map[string]state.ServicePast{}
		}
		in.Past.Services[service] = past
	}
}

func noData(service string) func(*Input) {
	return change(service, func(r *resource.Reading) { r.Load.Err = errors.New("401 Unauthorized") })
}

// sizeText tells a decision in one line, with what is to be done about its size.
func sizeText(d *Decision) string {
	text := strings.Join(append([]string{d.Service, string(d.Verdict)}, reasonTexts(d)...), " ")
	if s := d.Size; s != nil {
		text += fmt.Sprintf(" %d->%d", s.Units, s.To)
		if len(s.Remove) > 0 {
			text += " without " + strings.Join(s.Remove, ",")
		}
	}
	for _, step := range d.Steps {
		text += " " + step.Addr.Type
	}
	if d.Held.Reason != "" {
		text += ": " + d.Held.Reason
	}
	return text
}

func reasonTexts(d *Decision) []string {
	var texts []string
	for _, reason := range d.Reasons {
		texts = append(texts, string(reason))
	}
	return texts
}

func TestScale(t *testing.T) {
	deployed := &state.Attempt{Result: "deployed", Hash: hash("a1"), Revisions: map[string]resource.Revision{"app": {Revno: "1", ID: "a1"}}}
	failed := state.Failures{Count: 1, Last: state.Attempt{End: noon.Add(-time.Minute), Error: "quota", Result: "failed"}}
	tests := []struct {
		name   string
		api    situation
		change func(*Input)
		want   string
	}{
		{"more units", same("api", ""), sized("api", calm, "rrr", 800), "api scale load-changed 3->4 units stamp"},
		{"fewer units", same("api", ""), sized("api", calm, "rrrr", 600), "api scale load-changed 4->3 without api/3 units"},
		{"as many", same("api", ""), sized("api", calm, "rrrr", 800), "api same 4->4"},
		{"fewer than the least", same("api", ""), sized("api", "min=3 max=9 target=200", "r", 100), "api scale out-of-bounds 1->3 units stamp"},
		{"fewer than the least, and no data", same("api", ""), all(sized("api", "min=3 max=9 target=200", "r", 0), noData("api")), "api scale out-of-bounds 1->3 units stamp"},
		{"no data", same("api", ""), all(sized("api", calm, "rrrr", 0), noData("api")), "api same 4->4"},
		{"the units cannot be told", same("api", ""), all(sized("api", calm, "", 800), change("api", func(r *resource.Reading) { r.Units, r.Err = nil, errors.New("no juju") })), "api same 0->0"},
		{"a unit on a server of another", same("api", ""), all(sized("api", calm, "rrr", 800), change("api", func(r *resource.Reading) { r.Units.List[1].Place = "another" })),
			"api same 0->0"},
		{"one that starts on a server that was not there yet", same("api", ""), all(sized("api", calm, "rrs", 800), change("api", func(r *resource.Reading) { r.Units.List[0].Place = "new" })),
			"api scale load-changed 3->4 units stamp"},
		{"nobody measured", same("api", ""), all(sized("api", calm, "r", 800), change("api", func(r *resource.Reading) { r.Load = nil })), "api same"},
		{"a window that is not over", same("api", ""), sized("api", "min=1 max=20 target=200 down_window=5m", "rrrr", 200), "api same 4->4"},
		{"a policy that is none", same("api", ""), sized("api", "min=9 max=1 target=200", "r", 800), "api invalid"},
		{"a declaration that is none", same("api", ""), all(sized("api", calm, "r", 800), change("api", func(r *resource.Reading) {
			r.Units, r.Err = nil, &resource.AttrError{Summary: "Unknown application", Detail: "there is none"}
		})), "api invalid"},

		{"a redeploy comes first", moved("api", ""), sized("api", calm, "rrr", 800), "api redeploy config-changed 3->4 run stamp"},
		{"so does a record", situation{name: "api", want: "app:a1", live: []string{"app:a1", "-"}}, sized("api", calm, "rr", 800), "api record unstamped 2->4 stamp"},
		{"so does a first deploy", situation{name: "api", want: "app:a1"}, sized("api", calm, "", 800), "api new never-recorded 0->4 run stamp"},
		{"it cannot be read", situation{name: "api", want: "app:a1", live: []string{"app:a1"}, failed: errors.New("no route")}, sized("api", calm, "rrr", 800), "api unknown"},

		{"held", same("api", ""), all(sized("api", calm, "rrr", 800), pastOf("api", state.ServicePast{Hold: &state.Hold{Until: noon.Add(time.Hour), User: "ann", Reason: "a move"}})),
			"api held load-changed 3->4 units stamp: a move"},
		{"frozen", same("api", ""), all(sized("api", calm, "rrr", 800), func(in *Input) {
			in.Freezes = []Freeze{{Name: "q", Reason: "books", Window: window(noon.Add(time.Hour))}}
		}),
			"api frozen load-changed 3->4 units stamp: q: books"},
		{"frozen but for its size", same("api", ""), all(sized("api", calm, "rrr", 800), func(in *Input) {
			in.Freezes = []Freeze{{Name: "q", Scaling: true, Window: window(noon.Add(time.Hour))}}
		}),
			"api scale load-changed 3->4 units stamp"},
		{"attended", situation{name: "api", want: "app:a1", live: []string{"app:a1"}, attended: true}, sized("api", calm, "rrr", 800),
			"api unapproved load-changed 3->4 units stamp: auto = never"},
		{"guarded", same("api", ""), sized("api", calm, "rfr", 800), "api unapproved load-changed 3->4 units stamp: api/1 has failed"},
		{"guarded, with a person", same("api", ""), all(sized("api", calm, "rfr", 800), func(in *Input) { in.Approved = true }), "api scale load-changed 3->4 units stamp"},
		{"a change of size that failed waits", same("api", ""), all(sized("api", calm, "rrr", 800), pastOf("api", state.ServicePast{Resizes: failed}), backOff),
			"api waiting load-changed 3->4 units stamp: failed once: quota"},
		{"and is never parked", same("api", ""), all(sized("api", calm, "rrr", 800), pastOf("api", state.ServicePast{Resizes: state.Failures{Count: 99, Last: failed.Last}}), backOff),
			"api waiting load-changed 3->4 units stamp: failed 99 times: quota"},
		{"a deploy that failed does not hold it", same("api", ""), all(sized("api", calm, "rrr", 800), backOff,
			pastOf("api", state.ServicePast{Failed: map[string]state.Failures{hash("a1"): failed}, Host: failed})), "api scale load-changed 3->4 units stamp"},
		{"nor does a breaker", same("api", ""), all(sized("api", calm, "rrr", 800), backOff, func(in *Input) {
			in.Past.Breaker = &state.Breaker{Last: noon.Add(-time.Second), Failures: 1, Error: "no disk"}
		}), "api scale load-changed 3->4 units stamp"},
		{"a change of size that failed holds no deploy", moved("api", ""), all(sized("api", calm, "rrr", 800), pastOf("api", state.ServicePast{Resizes: failed}), backOff),
			"api redeploy config-changed 3->4 run stamp"},

		{"all units went for want of a load", situation{name: "api", want: "app:a1"},
			all(sized("api", "min=0 max=9 target=200", "", 0), pastOf("api", state.ServicePast{Last: deployed})), "api same 0->0"},
		{"and the load is back", situation{name: "api", want: "app:a1"},
			all(sized("api", "min=0 max=9 target=200 cooldown=0s", "", 300), pastOf("api", state.ServicePast{Last: deployed})), "api scale load-changed 0->2 units stamp"},
		{"without that being allowed it is new", situation{name: "api", want: "app:a1"},
			all(sized("api", "min=1 max=9 target=200", "", 0), pastOf("api", state.ServicePast{Last: deployed})), "api new never-recorded 0->1 run stamp"},
		{"and where it was never deployed", situation{name: "api", want: "app:a1"}, sized("api", "min=0 max=9 target=200", "", 0), "api new never-recorded 0->0 run stamp"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := compute([]situation{test.api}, func(in *Input) {
				in.Now = noon
				test.change(in)
			})
			d := p.Decisions[0]
			if diff := cmp.Diff(test.want, sizeText(&d)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if due := d.Verdict == Scale || d.Verdict.Held() && strings.Contains(test.want, "load-changed"); d.Scales() != due {
				t.Errorf("that its size is to be changed is told as %t", d.Scales())
			}
			if (d.Fingerprint == "") != (len(d.Steps) == 0) {
				t.Errorf("the steps %v have the fingerprint %q", d.Steps, d.Fingerprint)
			}
		})
	}
}

func backOff(in *Input) { in.Backoff = standard }

// What is to be done about a size is told to those who do it: which units, and what the new servers are to carry, which is what the others do.
func TestScaleSteps(t *testing.T) {
	out := compute([]situation{{name: "api", want: "app:a1", live: []string{"app:a1", "app:a1"}}}, sized("api", calm, "rr", 700)).Decisions[0]
	if diff := cmp.Diff(&resource.Resize{From: 2, To: 4, Timeout: 30 * time.Minute}, out.Steps[0].Resize); diff != "" {
		t.Errorf("more units (-want +got):\n%s", diff)
	}
	stamp := out.Steps[1]
	if got := stamp.Want.GetAttr(resource.Revisions).AsValueMap()["app"].GetAttr("id").AsString(); got != "a1" || !stamp.Fill {
		t.Errorf("the new servers are to carry %s; beside others: %t", got, stamp.Fill)
	}
	in := compute([]situation{same("api", "")}, sized("api", calm+" down_step=2", "rrrr", 400)).Decisions[0]
	if diff := cmp.Diff(&resource.Resize{From: 4, To: 2, Remove: []string{"api/3", "api/2"}, Timeout: 30 * time.Minute}, in.Steps[0].Resize); diff != "" || len(in.Steps) != 1 {
		t.Errorf("fewer units, in %d steps (-want +got):\n%s", len(in.Steps), diff)
	}
	last := state.Attempt{Result: "deployed", Revisions: map[string]resource.Revision{"app": {Revno: "1", ID: "a1"}}}
	woken := compute([]situation{{name: "api", want: "app:a2/2"}},
		all(sized("api", "min=0 max=9 target=200 cooldown=0s", "", 300), pastOf("api", state.ServicePast{Last: &last}))).Decisions[0]
	stamp = woken.Steps[1]
	if got := stamp.Want.GetAttr(resource.Revisions).AsValueMap()["app"].GetAttr("id").AsString(); got != "a1" || stamp.Fill {
		t.Errorf("where there are no others, they are to carry %s, what was deployed last; beside others: %t", got, stamp.Fill)
	}
}

// The fingerprint stands for the units: how many there are and are to be, which go, and whether a person has to stand behind that. It does not stand
// for the load, nor for what else the same size could come from.
func TestScaleFingerprint(t *testing.T) {
	of := func(units string, load float64, changes ...func(*Input)) string {
		return compute([]situation{same("api", "")}, all(append([]func(*Input){sized("api", calm, units, load)}, changes...)...)).Fingerprint
	}
	leader := change("api", func(r *resource.Reading) { r.Units.List[0].Last = true })
	base, shrink := of("rrr", 800), of("rrrr", 600)
	for name, same := range map[string]bool{
		"another load":        of("rrr", 790) == base,
		"another source":      of("rrr", 800, change("api", func(r *resource.Reading) { r.Load.Source = "another" })) == base,
		"a unit that starts":  of("rrs", 800) == base,
		"one unit leaves":     of("rrrl", 800) == base,
		"the load, for fewer": of("rrrr", 560) == shrink,
	} {
		if !same {
			t.Errorf("%s: the fingerprint is another one", name)
		}
	}
	seen := map[string]string{}
	for name, print := range map[string]string{"3 to 4": base, "3 to 5": of("rrr", 1000), "2 to 4": of("rr", 800), "4 to 3": shrink, "4 to 3, without another": of("rrrr", 600, leader),
		"3 to 4, with a guard": of("rfr", 800), "4 to 2": of("rrrr", 400, func(in *Input) {
			in.Services[0].Resources[len(in.Services[0].Resources)-1].Config = policyOf(calm + " down_step=2")
		})} {
		if other := seen[print]; other != "" {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[print] = name
	}
}

// Who comes after a service whose size is changed does not wait for that; nor does that wait for anybody.
func TestScaleOrder(t *testing.T) {
	for _, test := range []struct {
		fleet  []situation
		change func(*Input)
		want   string
	}{
		{[]situation{same("api", ""), moved("web", "api")}, sized("api", calm, "rrr", 800), "api 1, web 1"},
		{[]situation{moved("api", ""), same("web", "api")}, sized("web", calm, "rrr", 800), "api 1, web 1"},
		{[]situation{broken("api", ""), same("web", "api")}, sized("web", calm, "rrr", 800), "api invalid, web 1"},
		{[]situation{moved("db", ""), same("api", "db"), moved("web", "api")}, sized("api", calm, "rrr", 800), "db 1, api 1, web 2 after db"},
		{[]situation{same("api", ""), moved("web", "api")}, sized("api", calm, "rfr", 800), "api unapproved, web 1"},
	} {
		p := compute(test.fleet, test.change)
		var texts []string
		for _, d := range p.Decisions {
			text := fmt.Sprintf("%s %d", d.Service, d.Wave)
			if d.Wave == 0 {
				text = fmt.Sprintf("%s %s", d.Service, d.Verdict)
			}
			if len(d.WaitsFor) > 0 {
				text += " after " + strings.Join(d.WaitsFor, " ")
			}
			texts = append(texts, text)
		}
		if diff := cmp.Diff(test.want, strings.Join(texts, ", ")); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	}
}

// How a change of size stands to one that was approved.
func TestExpectScale(t *testing.T) {
	fleet := []situation{same("api", ""), moved("web", "")}
	approved := compute(fleet, sized("api", calm, "rrrr", 1450))
	shrink := compute(fleet, sized("api", calm, "rrrrr", 800))
	for _, test := range []struct {
		name      string
		approved  *Plan
		api       situation
		change    func(*Input)
		standings string
		verdict   Verdict
	}{
		{"just as approved", approved, same("api", ""), sized("api", calm, "rrrr", 1450), "api as-approved, web as-approved", Scale},
		{"the load is another, and asks for the same", approved, same("api", ""), sized("api", calm, "rrrr", 1500), "api as-approved, web as-approved", Scale},
		{"it is done", approved, same("api", ""), sized("api", calm, "rrrrrrrr", 1450), "api done, web as-approved", Same},
		{"it is done, and no load can be measured", approved, same("api", ""), all(sized("api", calm, "rrrrssss", 0), noData("api")), "api done, web as-approved", Same},
		{"the load fell", approved, same("api", ""), sized("api", calm, "rrrr", 800), "api moved, web as-approved", Same},
		{"the load is not known any more", approved, same("api", ""), all(sized("api", calm, "rrrr", 800), noData("api")), "api moved, web as-approved", Same},
		{"the units are not known any more", approved, same("api", ""), all(sized("api", calm, "rrrr", 800), change("api", func(r *resource.Reading) { r.Units, r.Err = nil, errors.New("no juju") })),
			"api moved, web as-approved", Same},
		{"the load asks for more", approved, same("api", ""), sized("api", calm+" up_step=9", "rrrr", 2000), "api moved, web as-approved", Unapproved},
		{"there are others units by now", approved, same("api", ""), sized("api", calm, "rrrrr", 1450), "api moved, web as-approved", Unapproved},
		{"one has failed meanwhile", approved, same("api", ""), sized("api", calm, "rrrf", 1450), "api moved, web as-approved", Unapproved},
		{"it is to be deployed by now", approved, moved("api", ""), sized("api", calm, "rrrr", 1450), "api moved, web as-approved", Unapproved},
		{"others are to go", shrink, same("api", ""), all(sized("api", calm, "rrrrr", 800), change("api", func(r *resource.Reading) { slices.Reverse(r.Units.List[:3]) })),
			"api moved, web as-approved", Unapproved},
		{"nobody measures", approved, same("api", ""), all(sized("api", calm, "rrrr", 1450), change("api", func(r *resource.Reading) { r.Load = nil })), "api moved, web as-approved", Same},
		{"it was not in the plan", compute(fleet, sized("api", calm, "rrrr", 800)), same("api", ""), sized("api", calm, "rrrr", 1450), "api outside, web as-approved", Unapproved},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := &Expect{Fingerprint: test.approved.Fingerprint, Plan: test.approved}
			now := compute([]situation{test.api, fleet[1]}, all(test.change, func(in *Input) { in.Expect, in.Approved = e, true }))
			compared, _ := e.Compare(now)
			if diff := cmp.Diff(test.standings, standings(compared)); diff != "" {
				t.Errorf("standings (-want +got):\n%s", diff)
			}
			if got := now.Decisions[0].Verdict; got != test.verdict {
				t.Errorf("api is %s, want %s", got, test.verdict)
			}
		})
	}
}

// Whatever there is of units, load and past: a size is changed only where all else is as it should be, between the bounds or a step towards them, and
// only with a person where there is a guard. The units that go are there, each once, as many as there are too many, and the same comes out again.
func TestScaleProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for range 3000 {
		var letters strings.Builder
		for range random.IntN(8) {
			letters.WriteByte("rrrrsfl"[random.IntN(7)])
		}
		policy := fmt.Sprintf("min=%d max=%d target=%d up_step=%d down_step=%d cooldown=%dm down_window=%dm", random.IntN(3), 3+random.IntN(5), 50+random.IntN(200), 1+random.IntN(3),
			1+random.IntN(3), random.IntN(3), random.IntN(2))
		past := state.ServicePast{Samples: []state.Sample{{At: noon.Add(-time.Minute), Known: true, Units: random.IntN(8), Wanted: random.IntN(8)}},
			Resized: []state.Resized{{At: noon.Add(-time.Duration(random.IntN(200)) * time.Second), From: 1, To: 2}}}
		changes := []func(*Input){sized("api", policy, letters.String(), float64(random.IntN(1500))), pastOf("api", past)}
		if random.IntN(5) == 0 {
			changes = append(changes, noData("api"))
		}
		api := []situation{same("api", ""), moved("api", "")}[random.IntN(10)/9]
		p := compute([]situation{api}, all(changes...))
		d := p.Decisions[0]
		parsed, err := scale.PolicyOf(unitsAddr("api"), policyOf(policy))
		if err != nil {
			t.Fatal(err)
		}
		if fault := faultOf(&d, parsed); fault != "" {
			t.Fatalf("%s, %s: %s\n%+v", policy, letters.String(), fault, d.Size)
		}
		if again := compute([]situation{api}, all(changes...)); again.Fingerprint != p.Fingerprint || p.Verify() != nil {
			t.Fatalf("%s, %s: the same gives %s and %s, %v", policy, letters.String(), p.Fingerprint, again.Fingerprint, p.Verify())
		}
	}
}

// faultOf says what is wrong with the decision.
func faultOf(d *Decision, p scale.Policy) string {
	s := d.Size
	switch {
	case d.Verdict == Redeploy && !d.Scales():
		return ""
	case (d.Verdict == Same) == d.Scales():
		return "its verdict is " + string(d.Verdict)
	case d.Scales() != s.Changes():
		return "what is due is not what changes"
	case !d.Scales():
		return ""
	case d.Steps[0].Resize.From != s.Units || d.Steps[0].Resize.To != s.To:
		return "the step is another one"
	case s.To > s.Units && (s.To-s.Units > p.UpStep && !s.Bounds || s.To > p.Max):
		return "too many are added"
	case s.To < s.Units && (s.Units-s.To > p.DownStep || s.To < p.Min && s.Units >= p.Min || s.Load.Err != nil):
		return "too many are removed"
	case s.To < s.Units && len(s.Remove) != s.Units-s.To || s.To > s.Units && len(s.Remove) > 0:
		return "the wrong number of units goes"
	case len(slices.Compact(slices.Sorted(slices.Values(s.Remove)))) != len(s.Remove):
		return "a unit goes twice"
	case (s.Guard != "") != (d.Verdict == Unapproved):
		return "with the guard " + s.Guard + " it is " + string(d.Verdict)
	}
	return ""
}

// What is told of how a size was come by: the policy, what was asked for in each window, and what was known and done before, the newest first. What
// was before the last change or the last deploy does not count.
func TestSizing(t *testing.T) {
	sample := func(minutes, wanted int) state.Sample {
		return state.Sample{At: noon.Add(-time.Duration(minutes) * time.Minute), Known: true, Units: 4, Wanted: wanted}
	}
	past := state.ServicePast{Samples: []state.Sample{sample(30, 1), sample(9, 19), sample(4, 3), sample(2, 8), sample(-1, 18)},
		Resized: []state.Resized{{At: noon.Add(-time.Hour), To: 3}, {At: noon.Add(-5 * time.Minute), To: 4, Result: "scaled"}}, Resizes: state.Failures{Count: 2}}
	x := explain([]situation{same("api", "")}, all(sized("api", "min=1 max=20 target=200 up_window=3m down_window=10m", "rrrr", 1300), pastOf("api", past)))
	s := x.Sizing
	if s == nil || s.Policy.Max != 20 || len(s.Units) != 4 || s.Failed.Count != 2 {
		t.Fatalf("got %+v", s)
	}
	if diff := cmp.Diff([]scale.Window{{Name: "up_window", Length: 3 * time.Minute, Wanted: 3}, {Name: "down_window", Length: 10 * time.Minute, Most: true, Wanted: 8}}, s.Windows); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]state.Sample{sample(2, 8), sample(4, 3), sample(9, 19)}, s.Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if len(s.Resized) != 2 || s.Resized[0].To != 4 || past.Resized[0].To != 3 {
		t.Errorf("changes %v", s.Resized)
	}
	past.Samples[2], past.Last = sample(4, 17), &state.Attempt{End: noon.Add(-3 * time.Minute)}
	x = explain([]situation{same("api", "")}, all(sized("api", "min=1 max=20 target=200 down_window=10m", "rrrr", 1300), pastOf("api", past)))
	if w := x.Sizing.Windows; len(w) != 1 || w[0].Wanted != 8 {
		t.Errorf("after a deploy: %v", w)
	}
	elsewhere := change("api", func(r *resource.Reading) { r.Units.List[0].Place = "another" })
	x = explain([]situation{same("api", "")}, all(sized("api", "min=1 max=20 target=200 down_window=10m", "rrrr", 1300), pastOf("api", past), elsewhere))
	if s := x.Sizing; len(s.Units) != 4 || len(s.Windows) > 0 {
		t.Errorf("units that cannot be told: %+v", s)
	}
	for name, change := range map[string]func(*Input){"no load": nil, "nobody measured": all(sized("api", calm, "rr", 0), change("api", func(r *resource.Reading) { r.Load = nil }))} {
		if x := explain([]situation{same("api", "")}, change); x.Sizing != nil {
			t.Errorf("%s: %+v", name, x.Sizing)
		}
	}
}

// What makes a person needless where nothing has come of more and more units.
func TestExplainNoProgress(t *testing.T) {
	d := Decision{Service: "api", Verdict: Unapproved, Size: &Size{Due: true, Size: scale.Size{Units: 4, To: 8, Guard: "no progress: 3 additions"}}}
	e := &Explanation{Decision: d, Sizing: &Sizing{Policy: scale.Policy{NoProgressAfter: 3}}}
	for _, want := range []string{"a load that falls", "no_progress_after = 0 under [scale]"} {
		if !slices.ContainsFunc(e.remedies(), func(r Remedy) bool { return strings.HasPrefix(r.Text, want) }) {
			t.Errorf("the remedies %v have none that begins %q", e.remedies(), want)
		}
	}
}
