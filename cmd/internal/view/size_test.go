package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/apply"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// sizedPlan is a plan, as it is computed, of the one service api, with so many units and that load of which one carries 200.
func sizedPlan(t *testing.T, units int, load resource.Load) *plan.Plan {
	t.Helper()
	revision := cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("r-1"), "revno": cty.StringVal("1")})
	schemas := map[string]resource.Schema{
		"branch": {Role: resource.Source, Attrs: map[string]resource.Attr{"location": {Type: cty.String}, "revision": {Type: resource.RevisionType, Trigger: true}}},
		"stamp":  {Role: resource.Record, Attrs: map[string]resource.Attr{resource.Revisions: {Type: cty.Map(resource.RevisionType), Trigger: true}}},
		"units":  {Role: resource.Sized, Attrs: resource.ScalingAttrs()},
	}
	addr := func(typ string) resource.Addr { return resource.Addr{Service: "api", Type: typ, Label: "app"} }
	policy := map[string]cty.Value{}
	for name, attr := range resource.ScalingAttrs() {
		policy[name] = cty.NullVal(attr.Type)
	}
	policy["min"], policy["max"], policy["target"], policy["down_window"] = cty.NumberIntVal(1), cty.NumberIntVal(8), cty.NumberIntVal(200), cty.StringVal("0s")
	branch := cty.ObjectVal(map[string]cty.Value{"location": cty.StringVal("/app"), "revision": revision})
	stamp := cty.ObjectVal(map[string]cty.Value{resource.Revisions: cty.MapVal(map[string]cty.Value{"app": revision})})
	found := &resource.Units{}
	for i := range units {
		found.List = append(found.List, resource.Unit{Name: "api/" + string(rune('0'+units-i-1)), State: resource.UnitReady})
	}
	return plan.Compute(plan.Input{Now: madeAt, Schemas: schemas, Services: []plan.Service{{Name: "api", Resources: []plan.Declared{{Addr: addr("branch"), Config: branch},
		{Addr: addr("stamp"), Config: cty.ObjectVal(map[string]cty.Value{resource.Revisions: cty.NullVal(cty.Map(resource.RevisionType))})}, {Addr: addr("units"), Config: cty.ObjectVal(policy)}}}},
		Readings: state.Readings{addr("branch"): {Object: branch}, addr("stamp"): {Copies: []resource.Copy{{ID: "1", Name: "api-1", Object: stamp}}}, addr("units"): {Units: found, Load: &load}}})
}

func jobs(n float64) resource.Load {
	return resource.Load{Value: n, At: madeAt, Source: "queue api"}
}

// A change of size that was kept is the one that was planned: its fingerprint is that of what it says, and it is compared like any other. What else
// is said is noticed.
func TestSavedSize(t *testing.T) {
	for name, p := range map[string]*plan.Plan{"more": sizedPlan(t, 4, jobs(1450)), "fewer": sizedPlan(t, 4, jobs(300)), "as many": sizedPlan(t, 4, jobs(800)),
		"no data": sizedPlan(t, 4, resource.Load{At: madeAt, Err: errors.New("401 Unauthorized")})} {
		document := planJSON(t, Page{Plan: p, Made: madeAt})
		saved := readPlan(t, document)
		if saved.Changed != nil {
			t.Errorf("%s: %v", name, saved.Changed)
		}
		e := plan.Expect{Fingerprint: "0", Plan: saved.Plan}
		compared, _ := e.Compare(p)
		for _, c := range compared {
			if c.Standing != plan.AsApproved {
				t.Errorf("%s: %s is %s", name, c.Service, c.Standing)
			}
		}
		if (len(compared) == 1) != p.Decisions[0].Scales() {
			t.Errorf("%s: compared are %v", name, compared)
		}
		if diff := cmp.Diff(document, planJSON(t, saved.Page)); diff != "" {
			t.Errorf("%s: written again the document differs (-want +got):\n%s", name, diff)
		}
	}
	document := planJSON(t, Page{Plan: sizedPlan(t, 4, jobs(300)), Made: madeAt})
	for was, is := range map[string]string{`"units": 4`: `"units": 5`, `"to": 3`: `"to": 2`, `"api/3"`: `"api/2"`, `"guard": ""`: `"guard": "x"`, `"due": true`: `"due": false`} {
		changed := strings.Replace(document, was, is, 1)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(changed), &fields); err != nil || changed == document {
			t.Fatalf("%v; the document has no %s", err, was)
		}
		made, err := digest([]byte(changed))
		if err != nil {
			t.Fatal(err)
		}
		fields["digest"] = json.RawMessage(`"` + made + `"`)
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if saved := readPlan(t, string(text)); saved.Changed == nil {
			t.Errorf("with %s, and a digest of that, nothing shows that it was changed", is)
		}
	}
}

// sizeApproval compares what is to be done about sizes with nothing, and nothing with that.
func sizeApproval(p *plan.Plan) Approval {
	a := Approval{Known: true, Now: p, Expect: plan.Expect{Fingerprint: strings.Repeat("0", 12)}}
	for i := range p.Decisions {
		d, none := &p.Decisions[i], &plan.Decision{Service: p.Decisions[i].Service, Size: &plan.Size{Size: scale.Size{Units: 3, Wait: hostile}}}
		a.Compared = append(a.Compared, plan.Compared{Service: d.Service, Standing: plan.Moved, Was: d, Now: none}, plan.Compared{Service: d.Service, Standing: plan.Moved, Was: none, Now: d})
	}
	return a
}

// A size that is not what was approved is told with what was and what is.
func TestMovedSize(t *testing.T) {
	was := sizedPlan(t, 4, jobs(300)).Decisions[0]
	guarded := sizedPlan(t, 4, jobs(1450)).Decisions[0]
	guarded.Size.Guard = "api/3 has failed"
	for want, now := range map[string]plan.Decision{
		"  its size: planned 4 -> 3 units, without api/3, now 5 -> 4 units, without api/4\n":               sizedPlan(t, 5, jobs(300)).Decisions[0],
		"  its size: planned 4 -> 3 units, without api/3, now 4 units\n":                                   sizedPlan(t, 4, jobs(800)).Decisions[0],
		"  its size: planned 4 -> 3 units, without api/3, now 4 -> 8 units, although api/3 has failed\n":   guarded,
		"  something else is to be done about it\n":                                                        was,
		"  its size: planned 4 -> 3 units, without api/3, now 4 units: the load asked for 4 in a window\n": putOff(was),
	} {
		a := Approval{Known: true, Now: &plan.Plan{}, Expect: plan.Expect{Fingerprint: strings.Repeat("0", 12)}, Compared: []plan.Compared{{Service: "api", Standing: plan.Moved, Was: &was, Now: &now}}}
		var out bytes.Buffer
		if err := Check(&out, a, Style{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("api moved since plan 0000-0000-0000 was made.\n"+want, out.String()); diff != "" {
			t.Errorf("what moved (-want +got):\n%s", diff)
		}
	}
}

// putOff is the decision with its change put off.
func putOff(d plan.Decision) plan.Decision {
	size := *d.Size
	size.Due, size.To, size.Wait = false, size.Units, "the load asked for 4 in a window"
	d.Verdict, d.Size = plan.Same, &size
	return d
}

// Services whose load or units cannot be told are warned of in every form, also where nothing else is to be told. Beyond ten they are counted.
func TestWarnings(t *testing.T) {
	p := &plan.Plan{Decisions: []plan.Decision{{Service: "api", Verdict: plan.Same, Size: &plan.Size{Size: scale.Size{Units: 1, To: 1, Load: resource.Load{Err: errors.New("no queue\nof that name")}}}}}}
	const api = "api: no data of its load, it keeps its unit: no queue"
	text := write(t, func(w io.Writer, page Page) error { return Plan(w, page, Style{}) }, Page{Plan: p})
	if diff := cmp.Diff("No changes: 1 service, all as their branches say.\n\nWarnings:\n  "+api+"\n", text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for name, form := range map[string]func(io.Writer, Page) error{"review": Review, "markdown": Markdown, "html": HTML} {
		if text := write(t, form, Page{Plan: p}); !strings.Contains(text, api) || !strings.Contains(text, "Warnings") {
			t.Errorf("%s does not tell it:\n%s", name, text)
		}
	}
	p.Decisions = slices.Repeat(p.Decisions, 12)
	if text := write(t, Review, Page{Plan: p}); strings.Count(text, api) != 10 || !strings.Contains(text, "and 2 more\n") {
		t.Errorf("of twelve:\n%s", text)
	}
	for name, form := range comments {
		page := richFleet()
		page.Limit = 3500
		if text := strings.Join(strings.Fields(write(t, form, page)), " "); strings.Contains(text, "Warnings:") || !strings.Contains(text, "3 warnings, all else about ") {
			t.Errorf("%s that is cut short has not simply left them out:\n%s", name, text)
		}
	}
	for _, d := range []plan.Decision{{Service: "api"}, {Service: "api", Size: &plan.Size{Size: scale.Size{Wait: "a window", Cuts: []string{"max 8"}}}}} {
		if got := warnings(&plan.Plan{Decisions: []plan.Decision{d}}); got != nil {
			t.Errorf("of %+v there are the warnings %q", d.Size, got)
		}
	}
}

// How a change of size ended is told with what it was.
func TestScaledResult(t *testing.T) {
	begin := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	size := &state.Resized{From: 4, To: 8, Known: true, Load: 1450, Sum: "1450 / 200 = 7.25 -> 8"}
	result := apply.Result{Service: "api", Outcome: apply.Scaled, Start: begin, End: begin.Add(310 * time.Second), Size: size}
	failed := apply.Result{Service: "web", Outcome: apply.Failed, Err: errors.New("no quota"), Start: begin, End: begin.Add(time.Second), Size: size}
	var out bytes.Buffer
	progress := NewProgress(sizedPlan(t, 4, jobs(1450)))
	for _, err := range []error{progress.Event(&out, apply.Event{Time: begin, Service: "api", Kind: apply.EventStart, Usual: 5 * time.Minute}, Style{}),
		progress.Event(&out, apply.Event{Time: result.End, Service: "api", Kind: apply.EventEnd, Result: &result}, Style{}), Results(&out, []apply.Result{result, failed}, Style{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := `14:00:00Z api  start    4 -> 8 units, usual 5m
14:05:10Z api  scaled 4 -> 8 units 5m10s

service  result  took   note
api      scaled  5m10s  4 -> 8 units
web      failed  1s     no quota
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("progress and results (-want +got):\n%s", diff)
	}
	out.Reset()
	stream := &Stream{encoder: json.NewEncoder(&out), now: func() time.Time { return begin }}
	if err := stream.Event(apply.Event{Time: result.End, Service: "api", Kind: apply.EventEnd, Result: &result}); err != nil {
		t.Fatal(err)
	}
	line := `{"type":"end","level":"info","time":"2026-03-02T14:05:10Z","message":"api: scaled 4 -\u003e 8 units 5m10s","service":"api","result":{"service":"api","result":"scaled","cause":"",` +
		`"error":"","log":"","tail":[],"start":"2026-03-02T14:00:00Z","end":"2026-03-02T14:05:10Z","size":{"from":4,"to":8,"load":1450,"sum":"1450 / 200 = 7.25 -\u003e 8","remove":[]}}}` + "\n"
	if diff := cmp.Diff(line, out.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	out.Reset()
	if err := History(&out, []state.Attempt{{Service: "api", Action: "scale", Result: "scaled", Begin: begin, End: result.End, Size: size}}, Style{}); err != nil {
		t.Fatal(err)
	}
	if want := "2026-03-02 14:00:00Z  api      scale   4 -> 8 units  scaled  5m10s"; !strings.Contains(out.String(), want) {
		t.Errorf("the history has no %q:\n%s", want, out.String())
	}
}

// A service that cannot be measured is a warning for monitoring.
func TestUnmeasured(t *testing.T) {
	s := Status{Now: madeAt, Heartbeat: state.Heartbeat{Time: madeAt, Services: 2}, Standings: []state.Standing{{Service: "api", Word: state.Unmeasured, Since: madeAt, Reason: "no queue"}}}
	var out bytes.Buffer
	if err := StatusText(&out, s, Style{}); err != nil || s.Level() != Warning {
		t.Errorf("it is %s, %v", s.Level(), err)
	}
	want := "cdplan WARNING: 1 unmeasured (api), last complete run 0s ago, 2 services\n  api: unmeasured since 2026-03-02 14:05 UTC: no queue\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// The step from units and load to the size is told one by one, with what was known before.
func TestExplainSize(t *testing.T) {
	d := richScale("api", richSize("api", 4, 8, 8, 1450))
	d.Size.Cuts, d.Size.Guard, d.Size.States = []string{"max 8", "up_step 4"}, "api/3 has failed: hook error", map[resource.UnitState]int{resource.UnitReady: 3, resource.UnitFailed: 1}
	x := Explained{Explanation: plan.Explanation{Decision: d, Past: state.ServicePast{UsualResize: richUsual(360, 480)}, Sizing: &plan.Sizing{
		Policy: scale.Policy{Target: 200},
		Units: []resource.Unit{{Name: "api/3", State: resource.UnitFailed, Text: "hook error", Since: madeAt.Add(-time.Hour)}, {Name: "api/2", State: resource.UnitReady},
			{Name: "api/1", State: resource.UnitReady, Busy: "it runs the hook config-changed"}},
		Windows: []scale.Window{{Name: "down_window", Length: 5 * time.Minute, Most: true, Wanted: 9}},
		Samples: slices.Concat([]state.Sample{{At: madeAt.Add(-time.Minute), Units: 4, Wanted: 4}}, slices.Repeat([]state.Sample{{At: madeAt.Add(-2 * time.Minute), Known: true, Load: 1800.5, Units: 4, Wanted: 9}}, 9)),
		Resized: []state.Resized{{At: madeAt.Add(-time.Hour), From: 2, To: 4, Sum: "800 / 200 = 4 -> 4", Result: "scaled"}, {At: madeAt.Add(-2 * time.Hour), From: 1, To: 2}},
		Failed:  state.Failures{Count: 2, Last: state.Attempt{Error: "no quota"}}}}}
	var out bytes.Buffer
	if err := Explain(&out, x, Style{}); err != nil {
		t.Fatal(err)
	}
	want := `  units     4: 3 ready, 1 failed
            api/3: failed since 2026-03-02 13:05 UTC: hook error
            api/1: ready; it does not go now: it runs the hook config-changed
  load      1450 (queue api on mq.internal:15672), at 2026-03-02 14:04:57Z; one
            unit is to carry 200
  asks for  1450 / 200 = 7.25 -> 8
  window    the most that it asked for within the down_window of 5m is 9
  cut by    max 8
  cut by    up_step 4
  person    api/3 has failed: hook error
  to        8 units
  failed    2 times to change it since that last succeeded: no quota
  usual     6m0s; nine of ten take 8m0s at most

  measured              load     units  asked for
  2026-03-02 14:04:00Z  no data      4          4
` + strings.Repeat("  2026-03-02 14:03:00Z  1800.5       4          9\n", 7) + `  and 2 more

  began                 change        result      because
  2026-03-02 13:05:00Z  2 -> 4 units  scaled      800 / 200 = 4 -> 4
  2026-03-02 12:05:00Z  1 -> 2 units  unfinished  a bound
`
	_, got, _ := strings.Cut(out.String(), "\nSize\n")
	got, _, _ = strings.Cut(got, "\nNext automatic try")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the size (-want +got):\n%s", diff)
	}
	x.Size = &plan.Size{Err: errors.New("no juju")}
	out.Reset()
	if err := Explain(&out, x, Style{}); err != nil || !strings.Contains(out.String(), "  units     cannot be told: no juju\n") {
		t.Errorf("of units that cannot be told: %v\n%s", err, out.String())
	}
}

// A review tells a change of size in its row, as far as there is room, and the rest below.
func TestReviewSize(t *testing.T) {
	p := sizedPlan(t, 4, jobs(300))
	_, got, _ := strings.Cut(write(t, Review, Page{Plan: p, Apply: "cdplan apply"}), "1 scale.\n\n")
	want := `    * [1] scale  api  4 -> 3 units  300 / 200 = 1.5 -> 2, goes: api/3

    [1] api: load-changed
      units: 4, all ready
      load: 300 (queue api)
      asks for: 300 / 200 = 1.5 -> 2
      cut by: down_step 1
      goes: api/3: those that have failed go first, then the
        ... newest, and the leader last

    Apply exactly this: cdplan apply
    Still valid?        cdplan check ` + ShortFingerprint(p.Fingerprint) + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("review (-want +got):\n%s", diff)
	}
}
