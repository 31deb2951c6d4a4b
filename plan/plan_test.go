package plan

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

var schemas = map[string]resource.Schema{
	"branch": {Role: resource.Source, Attrs: map[string]resource.Attr{
		"location": {Type: cty.String}, "revision": {Type: resource.RevisionType, Trigger: true}}},
	"run": {Role: resource.Action, Attrs: map[string]resource.Attr{resource.Revisions: {Type: cty.Map(resource.RevisionType)}}},
	"stamp": {Role: resource.Record, Attrs: map[string]resource.Attr{
		resource.Revisions: {Type: cty.Map(resource.RevisionType), Trigger: true}, "at": {Type: cty.String}, "run": {Type: cty.String}}},
	"units": sizedSchema(),
}

// situation is one service in short: "LABEL:ID" for each branch, and the same for what each server carries. A server "-" carries nothing; one
// that begins with "!" contradicts itself, and "@NAME" carries another service's stamp.
type situation struct {
	name     string
	after    string
	attended bool
	want     string
	live     []string
	declared error // fault of the declaration
	failed   error // of the reading of a branch
}

func (s situation) service() Service {
	service := Service{Name: s.name, After: strings.Fields(s.after), Attended: s.attended, Err: s.declared}
	for _, label := range slices.Sorted(maps.Keys(revisionsOf(s.want))) {
		service.Resources = append(service.Resources, Declared{Addr: resource.Addr{Service: s.name, Type: "branch", Label: label},
			Config: cty.ObjectVal(map[string]cty.Value{"location": cty.StringVal("/" + label), "revision": cty.NullVal(resource.RevisionType)})})
	}
	null := cty.NullVal(cty.Map(resource.RevisionType))
	service.Resources = append(service.Resources,
		Declared{Addr: resource.Addr{Service: s.name, Type: "run", Label: "run"}, Config: cty.ObjectVal(map[string]cty.Value{resource.Revisions: null})},
		Declared{Addr: resource.Addr{Service: s.name, Type: "stamp", Label: "stamp"},
			Config: cty.ObjectVal(map[string]cty.Value{resource.Revisions: null, "at": cty.NullVal(cty.String), "run": cty.NullVal(cty.String)})})
	return service
}

func (s situation) read(readings state.Readings) {
	for label, revision := range revisionsOf(s.want) {
		addr := resource.Addr{Service: s.name, Type: "branch", Label: label}
		readings[addr] = resource.Reading{Addr: addr, Err: s.failed,
			Object: cty.ObjectVal(map[string]cty.Value{"location": cty.StringVal("/" + label), "revision": revision})}
	}
	addr := resource.Addr{Service: s.name, Type: "stamp", Label: "stamp"}
	reading := resource.Reading{Addr: addr}
	for i, text := range s.live {
		c := resource.Copy{ID: fmt.Sprint(i), Name: fmt.Sprintf("%s-%d", s.name, i)}
		if other, ok := strings.CutPrefix(text, "@"); ok {
			text, c.Other = "-", other
		}
		if rest, broken := strings.CutPrefix(text, "!"); broken {
			text, c.Err = rest, errors.New("hash")
		}
		if text != "-" {
			c.Object = cty.ObjectVal(map[string]cty.Value{resource.Revisions: cty.MapVal(revisionsOf(text)), "at": cty.StringVal(text), "run": cty.StringVal("r1")})
		}
		reading.Copies = append(reading.Copies, c)
	}
	readings[addr] = reading
}

// revisionsOf reads "LABEL:ID[/REVNO]"; without a revno it is 1.
func revisionsOf(text string) map[string]cty.Value {
	found := map[string]cty.Value{}
	for word := range strings.FieldsSeq(text) {
		label, id, _ := strings.Cut(word, ":")
		id, revno, ok := strings.Cut(id, "/")
		if !ok {
			revno = "1"
		}
		found[label] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(id), "revno": cty.StringVal(revno)})
	}
	return found
}

func compute(situations []situation, change func(*Input)) *Plan {
	in := Input{Schemas: schemas, Readings: state.Readings{}}
	for _, s := range situations {
		in.Services = append(in.Services, s.service())
		s.read(in.Readings)
	}
	if change != nil {
		change(&in)
	}
	return Compute(in)
}

// describe writes a plan in one line a service.
func describe(p *Plan) string {
	var b strings.Builder
	for _, d := range p.Decisions {
		fmt.Fprintf(&b, "%s %s", d.Service, d.Verdict)
		for _, reason := range d.Reasons {
			fmt.Fprintf(&b, " %s", reason)
		}
		for _, c := range d.Changes {
			fmt.Fprintf(&b, " %s(%s>%s)", c.Label, c.From.ID, c.To.ID)
		}
		if len(d.Behind) > 0 {
			fmt.Fprintf(&b, " behind=%s", strings.Join(d.Behind, ","))
		}
		if d.Wave > 0 {
			fmt.Fprintf(&b, " wave=%d", d.Wave)
		}
		if len(d.WaitsFor) > 0 {
			fmt.Fprintf(&b, " after=%s", strings.Join(d.WaitsFor, ","))
		}
		for _, step := range d.Steps {
			fmt.Fprintf(&b, " %s", step.Addr.Type)
		}
		if held := d.Held.String(); held != "" {
			fmt.Fprintf(&b, " held=%q", held)
		}
		if d.Err != nil {
			fmt.Fprintf(&b, " err=%q", d.Err)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestComputeOne(t *testing.T) {
	tests := []struct {
		name string
		situation
		want string
	}{
		{"no server", situation{want: "config:c1 app:a1"}, `new never-recorded config(>c1) app(>a1) wave=1 run stamp`},
		{"same", situation{want: "config:c1 app:a1", live: []string{"config:c1 app:a1", "config:c1 app:a1"}}, `same`},
		{"another revno of the same revision", situation{want: "config:c1/7", live: []string{"config:c1/6"}}, `same`},
		{"the same revno of another revision", situation{want: "config:c2/6", live: []string{"config:c1/6"}},
			`redeploy config-changed config(c1>c2) behind=s-0 wave=1 run stamp`},
		{"config", situation{want: "config:c2 app:a1", live: []string{"config:c1 app:a1"}},
			`redeploy config-changed config(c1>c2) behind=s-0 wave=1 run stamp`},
		{"branch", situation{want: "config:c1 app:a2", live: []string{"config:c1 app:a1"}},
			`redeploy branch-moved app(a1>a2) behind=s-0 wave=1 run stamp`},
		{"both", situation{want: "config:c2 app:a2", live: []string{"config:c1 app:a1"}},
			`redeploy config-changed branch-moved config(c1>c2) app(a1>a2) behind=s-0 wave=1 run stamp`},
		{"added", situation{want: "config:c2 app:a1", live: []string{"config:c1"}},
			`redeploy config-changed branch-added config(c1>c2) app(>a1) behind=s-0 wave=1 run stamp`},
		{"removed", situation{want: "config:c2", live: []string{"config:c1 app:a1"}},
			`redeploy config-changed branch-removed config(c1>c2) app(a1>) behind=s-0 wave=1 run stamp`},
		{"unstamped beside stamped", situation{want: "config:c1", live: []string{"config:c1", "-"}}, `record unstamped behind=s-1 wave=1 stamp`},
		{"unstamped beside old", situation{want: "config:c2", live: []string{"config:c1", "-"}},
			`redeploy config-changed config(c1>c2) behind=s-0,s-1 wave=1 run stamp`},
		{"mixed, one as wanted", situation{want: "config:c2", live: []string{"config:c2", "config:c1"}},
			`redeploy mixed config-changed config(c1>c2) behind=s-1 wave=1 run stamp`},
		{"mixed, none as wanted", situation{want: "config:c3", live: []string{"config:c2", "config:c1"}},
			`redeploy mixed config-changed config(c2>c3) behind=s-0,s-1 wave=1 run stamp`},
		{"contradiction", situation{want: "config:c1", live: []string{"config:c1", "!config:c1"}}, `redeploy hash-mismatch behind=s-1 wave=1 run stamp`},
		{"contradiction alone", situation{want: "config:c1", live: []string{"!config:c0"}},
			`redeploy hash-mismatch config-changed config(c0>c1) behind=s-0 wave=1 run stamp`},
		{"servers without any stamp", situation{want: "config:c1", live: []string{"-", "-"}},
			`unapproved never-recorded config(>c1) behind=s-0,s-1 run stamp held="2 servers without any stamp: what they run is not known"`},
		{"a server of somebody else's beside stamped", situation{want: "config:c1", live: []string{"config:c1", "@web"}},
			`unapproved unstamped behind=s-1 stamp held="s-1 carries the stamp of web"`},
		{"a server of somebody else's", situation{want: "config:c1", live: []string{"@web"}},
			`unapproved never-recorded config(>c1) behind=s-0 run stamp held="s-0 carries the stamp of web"`},
		{"a person has to", situation{want: "config:c2", live: []string{"config:c1"}, attended: true},
			`unapproved config-changed config(c1>c2) behind=s-0 run stamp held="auto = never"`},
		{"a person has nothing to do", situation{want: "config:c1", live: []string{"config:c1"}, attended: true}, `same`},
		{"bad declaration", situation{want: "config:c1", declared: errors.New("line 3")}, `invalid err="line 3"`},
		{"cannot tell", situation{want: "config:c2", live: []string{"config:c1"}, failed: errors.New("no route")}, `unknown err="no route"`},
		{"to be mended", situation{want: "config:c2", failed: &resource.AttrError{Addr: resource.Addr{Service: "s"}, Detail: "dirty"}},
			`invalid err="s/.: dirty"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := test.situation
			s.name = "s"
			if diff := cmp.Diff("s "+test.want+"\n", describe(compute([]situation{s}, nil))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// moved, same and broken are services in short.
func moved(name, after string) situation {
	return situation{name: name, after: after, want: "config:2", live: []string{"config:1"}}
}

func same(name, after string) situation {
	return situation{name: name, after: after, want: "config:1", live: []string{"config:1"}}
}

func broken(name, after string) situation {
	return situation{name: name, after: after, want: "config:1", declared: errors.New("line 3")}
}

func TestComputeOrder(t *testing.T) {
	attended := moved("db", "")
	attended.attended = true
	tests := []struct {
		name     string
		services []situation
		change   func(*Input)
		want     string // the lines that describe gives, without reasons, changes and steps
	}{
		{"in order", []situation{moved("web", "api"), moved("api", "db"), moved("db", "")}, nil,
			"db redeploy wave=1; api redeploy wave=2 after=db; web redeploy wave=3 after=api"},
		{"through one that is the same", []situation{moved("web", "api"), same("api", "db"), moved("db", "")}, nil,
			"db redeploy wave=1; api same; web redeploy wave=2 after=db"},
		{"after one that is the same", []situation{moved("web", "api"), same("api", "")}, nil, "api same; web redeploy wave=1"},
		{"after a broken one", []situation{moved("web", "api"), broken("api", ""), moved("other", "")}, nil,
			`api invalid err="line 3"; other redeploy wave=1; web blocked held="api goes first and is invalid"`},
		{"blocked by what is blocked", []situation{moved("web", "api"), moved("api", "db"), broken("db", "")}, nil,
			`db invalid err="line 3"; api blocked held="db goes first and is invalid"; web blocked held="api goes first and is blocked"`},
		{"nothing to do after a broken one", []situation{same("web", "api"), broken("api", "")}, nil, `api invalid err="line 3"; web same`},
		{"after one that needs a person", []situation{moved("api", "db"), attended}, nil,
			`db unapproved held="auto = never"; api blocked held="db goes first and is unapproved"`},
		{"a person is there", []situation{moved("api", "db"), attended}, func(in *Input) { in.Approved = true },
			"db redeploy wave=1; api redeploy wave=2 after=db"},
		{"selected with what goes first", []situation{moved("web", "api"), moved("api", ""), moved("x", "")},
			func(in *Input) { in.Selected = func(name string) bool { return name != "x" } }, "api redeploy wave=1; web redeploy wave=2 after=api"},
		{"selected without what goes first", []situation{moved("web", "api"), moved("api", "")},
			func(in *Input) { in.Selected = func(name string) bool { return name == "web" } },
			`web blocked held="api goes first, is to be deployed and is not selected: -with-deps takes it along, -no-deps goes without"`},
		{"selected without all that goes first", []situation{moved("web", "api"), moved("api", "db"), moved("db", "")},
			func(in *Input) { in.Selected = func(name string) bool { return name == "web" } },
			`web blocked held="api goes first, is to be deployed and is not selected: -with-deps takes it along, -no-deps goes without"`},
		{"selected, and what goes first is the same", []situation{moved("web", "api"), same("api", "")},
			func(in *Input) { in.Selected = func(name string) bool { return name == "web" } }, "web redeploy wave=1"},
		{"with what goes first", []situation{moved("web", "api x same"), moved("api", "db"), moved("db", ""), moved("x", ""), same("same", "far"), moved("far", ""),
			moved("other", "more"), moved("more", "")},
			func(in *Input) {
				in.Selected, in.Excluded, in.Deps = func(name string) bool { return name == "web" }, func(name string) bool { return name == "x" }, DepsTaken
			}, `db redeploy wave=1; far redeploy wave=1; api redeploy wave=2 after=db; ` +
				`web blocked held="x goes first, is to be deployed and is excluded: -no-deps goes without"; taken: api db far`},
		{"with what goes first, and nothing to do", []situation{same("web", "api"), moved("api", "")},
			func(in *Input) { in.Selected, in.Deps = func(name string) bool { return name == "web" }, DepsTaken }, "web same"},
		{"with what goes first, of all", []situation{moved("web", "api"), moved("api", "")},
			func(in *Input) { in.Deps = DepsTaken }, "api redeploy wave=1; web redeploy wave=2 after=api"},
		{"with what goes first and is invalid", []situation{moved("web", "api"), broken("api", "")},
			func(in *Input) { in.Selected, in.Deps = func(name string) bool { return name == "web" }, DepsTaken }, `web blocked held="api goes first and is invalid"`},
		{"without what goes first", []situation{moved("web", "api bad"), moved("api", "db"), moved("db", ""), broken("bad", "")},
			func(in *Input) {
				in.Selected, in.Deps = func(name string) bool { return name != "api" && name != "bad" }, DepsIgnored
			},
			"db redeploy wave=1; web redeploy wave=2 after=db"},
		{"without what goes first, but for what is selected", []situation{moved("web", "api"), broken("api", "")},
			func(in *Input) { in.Deps = DepsIgnored }, `api invalid err="line 3"; web blocked held="api goes first and is invalid"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := compute(test.services, test.change)
			for i := range p.Decisions {
				d := &p.Decisions[i]
				d.Reasons, d.Changes, d.Behind, d.Steps = nil, nil, nil, nil
			}
			got := strings.ReplaceAll(strings.TrimSpace(describe(p)), "\n", "; ")
			if len(p.Taken) > 0 {
				got += "; taken: " + strings.Join(p.Taken, " ")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// The fingerprint binds to what is to be done: not to the order of reading, to servers or revnos, but to every revision.
func TestFingerprint(t *testing.T) {
	fleet := func() []situation {
		return []situation{
			{name: "api", want: "config:c2/2 app:a2/5", live: []string{"config:c1/1 app:a1/4", "config:c1/1 app:a1/4"}},
			{name: "db", want: "config:c1", live: []string{"config:c1", "-"}},
			{name: "web", after: "api", want: "config:c2", live: []string{"config:c1"}},
		}
	}
	base := compute(fleet(), nil).Fingerprint
	if len(base) != 64 {
		t.Fatalf("fingerprint %q is no SHA-256", base)
	}
	for seed := range uint64(20) {
		shuffled := fleet()
		random := rand.New(rand.NewPCG(seed, 1))
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := compute(shuffled, nil).Fingerprint; got != base {
			t.Errorf("shuffled by seed %d the fingerprint is %s, not %s", seed, got, base)
		}
	}
	alike := map[string]func([]situation){
		"another revno":        func(s []situation) { s[0].want = "config:c2/9 app:a2/9" },
		"one more server":      func(s []situation) { s[0].live = append(s[0].live, s[0].live[0]) },
		"one more same":        func(s []situation) { s[2].after = "api db" },
		"a person is asked to": func(s []situation) { s[0].attended = true },
	}
	for name, change := range alike {
		s := fleet()
		change(s)
		if got := compute(s, nil).Fingerprint; got != base {
			t.Errorf("%s: the fingerprint changed", name)
		}
	}
	others := map[string]func([]situation){
		"another unchanged branch": func(s []situation) {
			s[0].want, s[0].live = "config:c2 app:a2 lib:l1", []string{"config:c1 app:a1 lib:l1"}
		},
		"the same at another revision": func(s []situation) {
			s[0].want, s[0].live = "config:c2 app:a2 lib:l2", []string{"config:c1 app:a1 lib:l2"}
		},
		"servers that differ":       func(s []situation) { s[0].live = append(s[0].live, "config:c1 app:a0") },
		"another wanted revision":   func(s []situation) { s[0].want = "config:c2 app:a3" },
		"another deployed revision": func(s []situation) { s[0].live = []string{"config:c1 app:a0"} },
		"another label":             func(s []situation) { s[0].want, s[0].live = "config:c2 lib:a2", []string{"config:c1 lib:a1"} },
		"another name":              func(s []situation) { s[2].name = "www" },
		"no record any more":        func(s []situation) { s[1].live = []string{"config:c1"} },
		"deploy instead of record":  func(s []situation) { s[1].live = nil },
		"mend instead of record":    func(s []situation) { s[1].live = []string{"config:c1", "!config:c1"} },
	}
	seen := map[string]string{base: "the fleet as it was"}
	for name, change := range others {
		s := fleet()
		change(s)
		got := compute(s, nil).Fingerprint
		if before, ok := seen[got]; ok {
			t.Errorf("%s: the fingerprint is that of %s", name, before)
		}
		seen[got] = name
	}
}

// Two services about which the same is to be done have fingerprints of their own.
func TestFingerprintOfService(t *testing.T) {
	p := compute([]situation{moved("api", ""), moved("web", "")}, nil)
	if p.Decisions[0].Fingerprint == p.Decisions[1].Fingerprint {
		t.Error("two services have one fingerprint")
	}
}

// Servers without a record are the host's own if it has tried to deploy the service; then a next attempt needs no person.
func TestAttempts(t *testing.T) {
	s := situation{name: "s", want: "config:c1", live: []string{"-"}}
	p := compute([]situation{s}, func(in *Input) { in.Past.Services = map[string]state.ServicePast{"s": {Last: &state.Attempt{}}} })
	if diff := cmp.Diff("s new never-recorded last-attempt-failed config(>c1) behind=s-0 wave=1 run stamp\n", describe(p)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	s.attended = true
	p = compute([]situation{s}, func(in *Input) { in.Past.Services = map[string]state.ServicePast{"s": {Last: &state.Attempt{}}} })
	if p.Decisions[0].Verdict != Unapproved {
		t.Errorf("a service with auto = never is %s", p.Decisions[0].Verdict)
	}
}

func TestSpansAndHistories(t *testing.T) {
	services := []situation{
		{name: "api", want: "config:c2 app:a2 new:n1", live: []string{"config:c1 app:a1 old:o1"}},
		{name: "web", want: "config:c1"},
	}
	var asked []string
	for _, span := range compute(services, nil).Spans() {
		asked = append(asked, fmt.Sprintf("%s %s>%s", span.Addr, span.From.ID, span.To.ID))
	}
	if diff := cmp.Diff([]string{"api/branch.config c1>c2", "api/branch.app a1>a2"}, asked); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	p := compute(services, told("api", "app", resource.History{More: 7}))
	for _, c := range p.Decisions[0].Changes {
		if told := c.History != nil; told != (c.Label == "app") {
			t.Errorf("history of %s: %v", c.Label, c.History)
		}
	}
}

// told puts a history of a branch into the input.
func told(service, label string, history resource.History) func(*Input) {
	return func(in *Input) {
		addr := resource.Addr{Service: service, Type: "branch", Label: label}
		history.Addr = addr
		if in.Histories == nil {
			in.Histories = map[resource.Addr]resource.History{}
		}
		in.Histories[addr] = history
	}
}

// A history that was rewritten needs a person, unless the service says that it does not; one that could not be read says nothing.
func TestRewritten(t *testing.T) {
	rewritten := told("s", "app", resource.History{Rewritten: true})
	allow := func(in *Input) { in.Services[0].AllowRewritten = true }
	approve := func(in *Input) { in.Approved = true }
	attend := func(in *Input) { in.Services[0].Attended = true }
	const (
		moved = " config-changed branch-moved config(c1>c2) app(a1>a2) behind=s-0"
		acts  = " wave=1 run stamp"
		lost  = ` run stamp held="app was rewritten: r4 is lost"`
	)
	tests := []struct {
		name    string
		changes []func(*Input)
		want    string
	}{
		{"without a person", []func(*Input){rewritten}, "unapproved history-rewritten" + moved + lost},
		{"two of them", []func(*Input){rewritten, told("s", ConfigLabel, resource.History{Rewritten: true})}, "unapproved history-rewritten" + moved +
			` run stamp held="config was rewritten: r8 is lost; app was rewritten: r4 is lost"`},
		{"a person is there", []func(*Input){rewritten, approve}, "redeploy history-rewritten" + moved + acts},
		{"allowed", []func(*Input){rewritten, allow}, "redeploy history-rewritten" + moved + acts},
		{"allowed, and auto = never", []func(*Input){rewritten, allow, attend}, "unapproved history-rewritten" + moved + ` run stamp held="auto = never"`},
		{"auto = never", []func(*Input){rewritten, attend}, "unapproved history-rewritten" + moved + lost},
		{"told in part", []func(*Input){told("s", "app", resource.History{Rewritten: true, Err: errors.New("no route")})},
			"unapproved history-rewritten" + moved + lost},
		{"not read", []func(*Input){told("s", "app", resource.History{Err: errors.New("no route")})}, "redeploy" + moved + acts},
		{"back", []func(*Input){told("s", "app", resource.History{Back: true})}, "redeploy" + moved + acts},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := compute([]situation{{name: "s", want: "config:c2/9 app:a2/4", live: []string{"config:c1/8 app:a1/4"}}}, func(in *Input) {
				for _, change := range test.changes {
					change(in)
				}
			})
			if diff := cmp.Diff("s "+test.want+"\n", describe(p)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// A branch under review that lacks what is deployed is no rewritten history; the plan says which ones it was made with.
func TestWith(t *testing.T) {
	situations := []situation{{name: "s", want: "app:a2 lib:l2", live: []string{"app:a1 lib:l1"}}, {name: "x", want: "app:x1", live: []string{"app:x1"}}}
	land := func(in *Input) {
		for i, service := range in.Services {
			declared := service.source(schemas, "app")
			declared.InsteadOf = declared.Config
			in.Services[i] = service
		}
	}
	p := compute(situations, func(in *Input) {
		land(in)
		told("s", "app", resource.History{Rewritten: true, Lost: make([]resource.Commit, 2)})(in)
		in.Selected = func(name string) bool { return name == "s" }
	})
	if want := "s redeploy branch-moved app(a1>a2) lib(l1>l2) behind=s-0 wave=1 run stamp\n"; describe(p) != want {
		t.Errorf("got %s, want %s", describe(p), want)
	}
	if app, lib := p.Decisions[0].Changes[0], p.Decisions[0].Changes[1]; !app.Landing || lib.Landing || len(app.History.Lost) != 2 || app.History.Rewritten {
		t.Errorf("got %+v, %+v", app, lib)
	}
	if diff := cmp.Diff([]With{{"s", "app", "/app"}}, p.With); diff != "" {
		t.Errorf("with (-want +got):\n%s", diff)
	}
	spans := compute(situations, land).Spans()
	if len(spans) != 2 || spans[0].Beside == cty.NilVal || spans[1].Beside != cty.NilVal {
		t.Errorf("got %+v", spans)
	}
}

func TestAfterRewritten(t *testing.T) {
	services := []situation{moved("api", ""), moved("web", "api"), moved("x", "")}
	var got []string
	for _, d := range compute(services, told("api", ConfigLabel, resource.History{Rewritten: true})).Decisions {
		got = append(got, fmt.Sprintf("%s %s %s", d.Service, d.Verdict, d.Held))
	}
	want := []string{"api unapproved config was rewritten: r1 is lost", "x redeploy ", "web blocked api goes first and is unapproved"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// The fingerprint binds to revisions alone: just before a deploy the decision is made again, without histories.
func TestFingerprintWithoutHistories(t *testing.T) {
	in := fleetOf(20, "config:c1")
	without := Compute(in)
	for i, service := range in.Services {
		told(service.Name, ConfigLabel, resource.History{Rewritten: i%2 == 0, More: i, Files: &resource.Files{Count: i}})(&in)
	}
	with := Compute(in)
	if with.Fingerprint != without.Fingerprint {
		t.Errorf("with histories the fingerprint is %s, without %s", with.Fingerprint, without.Fingerprint)
	}
	for _, d := range with.Decisions {
		if again := Decide(d.Declared, in.Schemas, in.Readings, state.ServicePast{}); again.Fingerprint != d.Fingerprint || d.Changes[0].History == nil {
			t.Errorf("%s: fingerprint %s, decided again %s", d.Service, d.Fingerprint, again.Fingerprint)
		}
	}
}

// What took a slower way is told whatever the verdict, and a reason that is both the reading's and the history's once.
func TestFallbacks(t *testing.T) {
	p := compute([]situation{
		{name: "api", want: "config:c2 app:a2", live: []string{"config:c1 app:a1"}},
		{name: "web", want: "config:c1", live: []string{"config:c1"}},
	}, func(in *Input) {
		slow := func(service, label, reason string) {
			addr := resource.Addr{Service: service, Type: "branch", Label: label}
			reading := in.Readings[addr]
			reading.Fallback = reason
			in.Readings[addr] = reading
		}
		slow("api", "app", "old format")
		slow("api", ConfigLabel, "no route")
		slow("web", ConfigLabel, "old format")
		told("api", "app", resource.History{Fallback: "ghosts"})(in)
		told("api", ConfigLabel, resource.History{Fallback: "no route"})(in)
		failed := resource.Addr{Service: "web", Type: "stamp", Label: "stamp"}
		in.Readings[failed] = resource.Reading{Addr: failed, Err: errors.New("no route"), Fallback: "asked twice"}
	})
	var got []string
	for _, d := range p.Decisions {
		for _, f := range d.Fallbacks {
			got = append(got, fmt.Sprintf("%s %s %q", f.Addr, f.Location, f.Reason))
		}
	}
	slices.Sort(got) // a situation's branches come in any order
	want := []string{`api/branch.app /app "ghosts"`, `api/branch.app /app "old format"`, `api/branch.config /config "no route"`,
		`web/branch.config /config "old format"`, `web/stamp.stamp  "asked twice"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fallbacks (-want +got):\n%s", diff)
	}
}

// BenchmarkCompute computes fleets where one server of each service is behind, without histories, and those where none is. Each service has
// five branches and three servers.
func BenchmarkCompute(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkCompute(b, fleetOf(n, "config:c1")) })
		b.Run(fmt.Sprintf("same/%d", n), func(b *testing.B) { benchmarkCompute(b, fleetOf(n, "config:c2")) })
	}
}

// BenchmarkComputeHistories computes the same fleets once more, when one branch of every service has a history to tell.
func BenchmarkComputeHistories(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := fleetOf(n, "config:c1")
			for _, service := range in.Services {
				told(service.Name, ConfigLabel, resource.History{More: 1})(&in)
			}
			benchmarkCompute(b, in)
		})
	}
}

func benchmarkCompute(b *testing.B, in Input) {
	for b.Loop() {
		Compute(in)
	}
}

// fleetOf returns n services; last is the config branch of the last of the three servers of each.
func fleetOf(n int, last string) Input {
	in := Input{Schemas: schemas, Readings: state.Readings{}}
	const others = " spec:s1 app:a1 lib:l1 charm:h1"
	for i := range n {
		s := situation{name: fmt.Sprintf("s%04d", i), want: "config:c2" + others, live: []string{"config:c2" + others, "config:c2" + others, last + others}}
		if i > 10 {
			s.after = fmt.Sprintf("s%04d s%04d", i/2, i/3)
		}
		in.Services = append(in.Services, s.service())
		s.read(in.Readings)
	}
	return in
}
