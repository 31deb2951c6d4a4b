package plan

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// explanation writes in lines why, the chain, what comes behind, the next try and the remedies.
func explanation(e Explanation) string {
	var b strings.Builder
	for _, s := range e.Why {
		fmt.Fprintf(&b, "[%s] %s\n", s.Code, s.Text)
	}
	for _, d := range e.Followers {
		fmt.Fprintf(&b, "follower %s %s\n", d.Service, d.Verdict)
	}
	fmt.Fprintf(&b, "next %s", e.Next.Reason)
	if !e.Next.Until.IsZero() {
		fmt.Fprintf(&b, " at %s", e.Next.Until.Format("15:04"))
	}
	b.WriteString("\n")
	for _, r := range e.Remedies {
		fmt.Fprintf(&b, "- %s", r.Text)
		if r.Command != "" {
			fmt.Fprintf(&b, ": %s", r.Command)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// explanations are situations of the service api, with what is said of it.
func explanations() []struct {
	name     string
	services []situation
	change   func(*Input)
	want     string
} {
	app := func(live ...string) []situation { return []situation{{name: "api", want: "app:a2/2", live: live}} }
	past := func(p state.ServicePast) func(*Input) {
		return func(in *Input) { in.Past.Services = map[string]state.ServicePast{"api": p} }
	}
	failed := func(n int) func(*Input) {
		return past(state.ServicePast{Failed: map[string]state.Failures{hash("a2"): failedAt(n, time.Minute)}})
	}
	unsuccessful := &state.Attempt{Result: "failed", Hash: hash("a2"), Phase: "verify"}
	later := noon.Add(30 * time.Hour)
	const moved = "[branch-moved] app moved from r1 to r2\n"
	const pin = "- a pin in config.ini: app at ;revno=1\n"
	sound := []situation{{name: "api", want: "app:a1", live: []string{"app:a1"}}}
	attended := situation{name: "api", want: "app:a2/2", live: []string{"app:a1"}, attended: true}
	return []struct {
		name     string
		services []situation
		change   func(*Input)
		want     string
	}{
		{"same", []situation{{name: "api", want: "app:a1 charm:c1", live: []string{"app:a1 charm:c1"}}, same("web", "api")}, nil,
			"[same] what is wanted is deployed, on 1 server\nfollower web same\nnext none: there is nothing to do\n" +
				"- a commit to any of: app (/app), charm (/charm)\n- a server that carries another revision or no stamp\n"},
		{"same, with a pin", []situation{{name: "api", want: "app:a1 charm:c1", live: []string{"app:a1 charm:c1"}}}, pinCharm,
			"[same] what is wanted is deployed, on 1 server\nnext none: there is nothing to do\n- a commit to any of: app (/app)\n" +
				"- another pin, in config.ini, of any of: charm (/charm)\n- a server that carries another revision or no stamp\n"},
		{"another pin", []situation{{name: "api", want: "charm:c2/2", live: []string{"charm:c1"}}}, pinCharm,
			"[branch-moved] charm moved from r1 to r2\n[redeploy] it is deployed again, in wave 1\nnext the next apply deals with it\n" +
				"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n"},
		{"redeploy", app("app:a1"), nil, moved + "[redeploy] it is deployed again, in wave 1\nnext the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" + pin},
		{"config", []situation{{name: "api", want: "config:2/2", live: []string{"config:1"}}}, nil,
			"[config-changed] config moved from r1 to r2\n[redeploy] it is deployed again, in wave 1\nnext the next apply deals with it\n" +
				"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
				"- a commit that undoes the change of its own branch: cdplan undo api\n"},
		{"added and removed, after another", []situation{{name: "api", after: "db", want: "app:1 charm:1", live: []string{"app:1 lib:1/7"}}, {name: "db", want: "app:2", live: []string{"app:1"}}}, nil,
			"[branch-added] charm, at r1, is named and was not deployed\n[branch-removed] lib is not named any more, and r7 of it is deployed\n" +
				"[redeploy] it is deployed again, in wave 2, after db\nnext the next apply deals with it\n" +
				"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
				"- a config.ini that does not name the new branch\n- a config.ini that names the branch again\n"},
		{"new", app(), nil, "[never-recorded] it has no servers yet\n[new] it is deployed for the first time, in wave 1\nnext the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n"},
		{"record", app("app:a2", "-"), nil, "[unstamped] 1 of 2 servers lack the stamp that the others carry\n" +
			"[record] the stamp is written, and nothing deployed, in wave 1\nnext the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- servers that all carry what is wanted; what they carry is told by: cdplan list -servers -target api\n"},
		{"mixed, with a contradiction", app("app:a1", "!app:a2"), nil, "[hash-mismatch] the stamp contradicts itself on api-1\n" + moved +
			"[redeploy] it is deployed again, in wave 1\nnext the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- servers that all carry what is wanted; what they carry is told by: cdplan list -servers -target api\n" + pin},
		{"mixed and held", app("app:a1", "app:a2"), past(state.ServicePast{Hold: &state.Hold{Until: later, User: "ann", Reason: "the database moves"}}),
			"[mixed] its servers carry different revisions\n" + moved +
				"[held] the verdict would be redeploy, but it is held until 2027-03-03 18:00 UTC by ann: the database moves\n" +
				"next not before the hold ends at 18:00\n- the end of the hold at 2027-03-03 18:00 UTC\n- lifting the hold: cdplan unhold api\n" +
				"- servers that all carry what is wanted; what they carry is told by: cdplan list -servers -target api\n" + pin},
		{"frozen", app("app:a1"), func(in *Input) {
			in.Freezes = []Freeze{{Name: "quarter", Owner: "bob", Reason: "books close", Window: window(later)}}
		}, moved + "[frozen] the verdict would be redeploy, but it is frozen until 2027-03-03 18:00 UTC by bob: quarter: books close\n" +
			"next not before the freeze ends at 18:00\n- the end of the freeze at 2027-03-03 18:00 UTC\n" +
			"- breaking the freeze: cdplan apply -break-freeze -reason TEXT -target api\n" + pin},
		{"waiting", app("app:a1"), failed(1), moved +
			"[waiting] the verdict would be redeploy, but it waits: next try 2027-03-02 12:04 UTC: failed once in verify: it broke\n" +
			"next not before its time to wait is over at 12:04\n- the next try at 2027-03-02 12:04 UTC\n- a new revision of any of its branches\n" +
			"- forgiving what failed: cdplan retry api\n" + pin},
		{"waiting for the host", app("app:a1"), past(state.ServicePast{Host: failedAt(1, time.Minute)}), moved +
			"[waiting] the verdict would be redeploy, but it waits: next try 2027-03-02 12:04 UTC: trouble of this host, failed once in verify: it broke\n" +
			"next not before its time to wait is over at 12:04\n- the next try at 2027-03-02 12:04 UTC\n" +
			"- forgiving what failed, once this host is mended: cdplan retry api\n" + pin},
		{"waiting for another, on a host where deploys fail", append(app("app:a1"), situation{name: "aaa", want: "app:2", live: []string{"app:1"}}),
			func(in *Input) {
				in.Past.Breaker = &state.Breaker{Last: noon.Add(-time.Hour), Failures: 1, Error: "no disk"}
			}, moved + "[waiting] the verdict would be redeploy, but it waits: deploys fail on this host: no disk; aaa is tried first\n" +
				"next not before another service has been tried: deploys fail on this host: no disk; aaa is tried first\n" +
				"- a deploy on this host that succeeds\n- a person who applies it: cdplan apply -target api\n" + pin},
		{"parked", app("app:a1"), failed(5), moved + "[parked] the verdict would be redeploy, but it is parked: failed 5 times in verify: it broke\n" +
			"next none: it failed too often\n- a new revision of any of its branches\n- forgiving what failed: cdplan retry api\n" + pin},
		{"a person has to", []situation{attended}, nil,
			moved + "[unapproved] the verdict would be redeploy, but a person has to stand behind it: auto = never\nnext none: it is left to a person\n" +
				"- a person who applies it: cdplan apply -target api\n- auto = always under [service] in config.ini\n" + pin},
		{"servers without any stamp", app("-", "-"), nil, "[never-recorded] 2 servers and no stamp: nothing tells what was deployed\n" +
			"[unapproved] the verdict would be new, but a person has to stand behind it: 2 servers without any stamp: what they run is not known\n" +
			"next none: it is left to a person\n- a person who applies it: cdplan apply -target api\n" +
			"- stamping what runs already, without deploying: cdplan adopt api\n"},
		{"another's server", app("app:a2", "@web"), nil, "[unstamped] 1 of 2 servers lack the stamp that the others carry\n" +
			"[unapproved] the verdict would be record, but a person has to stand behind it: api-1 carries the stamp of web\n" +
			"next none: it is left to a person\n- a person who applies it: cdplan apply -target api\n" +
			"- another choice of servers under [nova] in config.ini, of this service or of the other: cdplan drift -target api\n" +
			"- servers that all carry what is wanted; what they carry is told by: cdplan list -servers -target api\n"},
		{"doubtful servers", app(), func(in *Input) {
			addr := resource.Addr{Service: "api", Type: "stamp", Label: "stamp"}
			in.Readings[addr] = resource.Reading{Addr: addr, Doubt: "the model is gone"}
		}, "[never-recorded] it has no servers yet\n" +
			"[unapproved] the verdict would be new, but a person has to stand behind it: no servers: the model is gone\n" +
			"next none: it is left to a person\n- a person who applies it: cdplan apply -target api\n" +
			"- servers that can be found by what [nova] in config.ini says: cdplan doctor -target api\n"},
		{"rewritten", app("app:a1"), func(in *Input) {
			addr := resource.Addr{Service: "api", Type: "branch", Label: "app"}
			in.Histories = map[resource.Addr]resource.History{addr: {Addr: addr, Rewritten: true}}
		}, "[history-rewritten] r1 of app, which is deployed, is not in the history of the branch any more\n" + moved +
			"[unapproved] the verdict would be redeploy, but a person has to stand behind it: app was rewritten: r1 is lost\n" +
			"next none: it is left to a person\n- a person who applies it: cdplan apply -target api\n" +
			"- allow_rewritten = yes under [service] in config.ini\n- a branch that has the deployed revision again\n"},
		{"not recorded", app("app:a1"), past(state.ServicePast{Last: &state.Attempt{Result: "failed", Deployed: true, Hash: hash("a2")}}),
			"[not-recorded] this host has deployed just what is wanted, and could not record it on every server\n" +
				"[record] the stamp is written, and nothing deployed, in wave 1\nnext the next apply deals with it\n" +
				"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
				"- forgiving the attempt, which makes it a full deploy: cdplan retry api\n"},
		{"first deploy that failed", app("-"), past(state.ServicePast{Last: unsuccessful}),
			"[never-recorded] 1 server and no stamp: nothing tells what was deployed\n" +
				"[last-attempt-failed] the last attempt from this host did not succeed: what the servers run is what it has left\n" +
				"[new] it is deployed for the first time, in wave 1\nnext the next apply deals with it\n" +
				"- once it is applied: cdplan apply -target api\n- a hold: cdplan hold api -until TIME -reason TEXT\n" +
				"- stamping what runs already, without deploying: cdplan adopt api\n" +
				"- an attempt that succeeds; how the last ones ended is told by: cdplan history api\n"},
		{"blocked through others", []situation{{name: "api", after: "mid", want: "app:a2/2", live: []string{"app:a1"}},
			{name: "mid", after: "db", want: "app:2", live: []string{"app:1"}}, {name: "db", want: "app:1", failed: errors.Join(errors.New("no route"), errors.New("x"))}}, nil,
			moved + "[blocked] the verdict would be redeploy, but it waits for mid, which waits for db, which is unknown: no route\n" +
				"next not before what it waits for is deployed\n- whatever changes the verdict of db, which is unknown: cdplan explain db\n" +
				"- a person who applies it without that: cdplan apply -target api -no-deps\n" +
				"- taking mid out of \"after\" in its config.ini\n" + pin},
		{"more units", sound, sized("api", calm, "rrrr", 1450), "[load-changed] the load asks for 8 units, and there are 4: 1450 / 200 = 7.25 -> 8\n" +
			"[scale] it gets 4 units more, 8 in all, in wave 1\n" +
			"next the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n" +
			"- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"fewer units", sound, sized("api", calm, "rrrr", 300), "[load-changed] the load asks for 2 units, and there are 4: 300 / 200 = 1.5 -> 2, cut by down_step 1\n" +
			"[scale] it loses 1 of its 4 units, api/3, in wave 1\n" +
			"next the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n" +
			"- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- pause = in under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"fewer than the least", sound, sized("api", "min=2 max=20 target=200", "r", 300), "[out-of-bounds] it has 1 unit, fewer than min 2\n" +
			"[scale] it gets 1 unit more, 2 in all, in wave 1\n" +
			"next the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n" +
			"- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- another min under [scale] in config.ini\n"},
		{"more than the most", sound, sized("api", "min=2 max=3 target=200", "rrrrr", 900), "[out-of-bounds] it has 5 units, more than max 3, cut by down_step 1\n" +
			"[scale] it loses 1 of its 5 units, api/4, in wave 1\n" +
			"next the next apply deals with it\n" +
			"- once it is applied: cdplan apply -target api\n" +
			"- a hold: cdplan hold api -until TIME -reason TEXT\n" +
			"- pause = in under [scale] in config.ini\n" +
			"- another max under [scale] in config.ini\n"},
		{"more units, held", sound, all(sized("api", calm, "rrrr", 1450), pastOf("api", state.ServicePast{Hold: &state.Hold{Until: later, User: "ann", Reason: "the database moves"}})), "[load-changed] the load asks for 8 units, and there are 4: 1450 / 200 = 7.25 -> 8\n" +
			"[held] the verdict would be scale, from 4 to 8 units, but it is held until 2027-03-03 18:00 UTC by ann: the database moves\n" +
			"next not before the hold ends at 18:00\n" +
			"- the end of the hold at 2027-03-03 18:00 UTC\n" +
			"- lifting the hold: cdplan unhold api\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"more units, frozen", sound, all(sized("api", calm, "rrrr", 1450), func(in *Input) {
			in.Freezes = []Freeze{{Name: "quarter", Owner: "bob", Reason: "books close", Window: window(later)}}
		}), "[load-changed] the load asks for 8 units, and there are 4: 1450 / 200 = 7.25 -> 8\n" +
			"[frozen] the verdict would be scale, from 4 to 8 units, but it is frozen until 2027-03-03 18:00 UTC by bob: quarter: books close\n" +
			"next not before the freeze ends at 18:00\n" +
			"- the end of the freeze at 2027-03-03 18:00 UTC\n" +
			"- breaking the freeze: cdplan apply -break-freeze -reason TEXT -target api\n" +
			"- scaling = true in the block of the freeze in cdplan.hcl\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"more units, after a failure", sound, all(sized("api", calm, "rrrr", 1450), pastOf("api", state.ServicePast{Resizes: state.Failures{Count: 2, Last: state.Attempt{End: noon.Add(-time.Minute), Error: "no quota"}}})), "[load-changed] the load asks for 8 units, and there are 4: 1450 / 200 = 7.25 -> 8\n" +
			"[waiting] the verdict would be scale, from 4 to 8 units, but it waits: next try 2027-03-02 12:14 UTC: failed twice: no quota\n" +
			"next not before its time to wait is over at 12:14\n" +
			"- the next try at 2027-03-02 12:14 UTC\n" +
			"- forgiving what failed, once what it tells is mended: cdplan retry api\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"more units, with a unit that failed", sound, sized("api", calm, "rrrf", 1450), "[load-changed] the load asks for 8 units, and there are 4: 1450 / 200 = 7.25 -> 8\n" +
			"[unapproved] the verdict would be scale, from 4 to 8 units, but a person has to stand behind it: api/3 has failed\n" +
			"next none: it is left to a person\n" +
			"- a person who applies it: cdplan apply -target api\n" +
			"- what the reason names, mended or removed\n" +
			"- pause = out under [scale] in config.ini\n" +
			"- a load that asks for just 4 units\n" +
			"- another policy under [scale] in config.ini; what comes of it with a load is told by: cdplan simulate api -load FILE.csv\n"},
		{"a size that waits", sound, sized("api", "min=1 max=20 target=200", "rrrr", 300), "[same] what is wanted is deployed, on 1 server\n" +
			"next its size stays as it is: 2 is asked for, and that has to last for the down_window of 5m at 12:05\n" +
			"- a commit to any of: app (/app)\n" +
			"- a server that carries another revision or no stamp\n" +
			"- a load that asks for another number of units\n"},
		{"a size at its most, and paused", sound, sized("api", "min=1 max=4 target=200 pause=all", "rrrr", 1450), "[same] what is wanted is deployed, on 1 server\n" +
			"next none: there is nothing to do\n" +
			"- a commit to any of: app (/app)\n" +
			"- a server that carries another revision or no stamp\n" +
			"- another max under [scale] in config.ini: the load asks for 8 units\n" +
			"- a load that asks for another number of units\n"},
		{"a size that is paused", sound, sized("api", calm+" pause=out", "rrrr", 1450), "[same] what is wanted is deployed, on 1 server\n" +
			"next its size stays as it is: paused by pause = out\n" +
			"- a commit to any of: app (/app)\n" +
			"- a server that carries another revision or no stamp\n" +
			"- pause = no under [scale] in config.ini\n" +
			"- a load that asks for another number of units\n"},
		{"no data", sound, all(sized("api", calm, "rrrr", 0), noData("api")), "[same] what is wanted is deployed, on 1 server\n" +
			"next none: there is nothing to do\n" +
			"- a commit to any of: app (/app)\n" +
			"- a server that carries another revision or no stamp\n" +
			"- a load that can be measured: cdplan doctor -target api\n"},
		{"no units", []situation{{name: "api", want: "app:a1"}}, all(sized("api", "min=0 max=9 target=200", "", 0), pastOf("api", state.ServicePast{Last: &state.Attempt{Result: "deployed"}})),
			"[same] it has no units, so that there is nothing to deploy to; what its branches say is deployed once a load has brought some\n" +
				"next none: there is nothing to do\n" +
				"- a load that asks for another number of units\n"},
		{"units that cannot be told", sound, all(sized("api", calm, "rrrr", 0), change("api", func(r *resource.Reading) { r.Units, r.Err = nil, errors.New("no juju") })), "[same] what is wanted is deployed, on 1 server\n" +
			"next none: there is nothing to do\n" +
			"- a commit to any of: app (/app)\n" +
			"- a server that carries another revision or no stamp\n" +
			"- units that can be told: cdplan doctor -target api\n"},
		{"invalid", []situation{{name: "api", want: "app:a2", declared: errors.New("line 3")}, same("web", "mid"), {name: "mid", after: "api", want: "app:2", live: []string{"app:1"}}}, nil,
			"[invalid] its declaration has to be mended\nfollower mid blocked\nfollower web same\n" +
				"next none: its declaration has to be mended\n- a declaration without errors: cdplan validate\n"},
		{"unknown", []situation{{name: "api", want: "app:a2", failed: errors.New("no route")}}, nil,
			"[unknown] something of it could not be read, so that nothing can be told: no route\nnext the next apply reads it again\n" +
				"- whatever could not be read, once it can be: cdplan doctor -target api\n"},
	}
}

// pinCharm takes the location of the branch charm for one with a pin.
func pinCharm(in *Input) {
	in.Schemas = maps.Clone(in.Schemas)
	branch := in.Schemas["branch"]
	branch.Pin = func(location string) (string, string) {
		if location == "/charm" {
			return location, "revno=1"
		}
		return location, ""
	}
	in.Schemas["branch"] = branch
}

func explain(services []situation, change func(*Input)) Explanation {
	var input Input
	p := compute(services, func(in *Input) {
		in.Now, in.Backoff = noon, standard
		if change != nil {
			change(in)
		}
		input = *in
	})
	return Explain(input, p, "api")
}

func TestExplain(t *testing.T) {
	for _, test := range explanations() {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, explanation(explain(test.services, test.change))); diff != "" {
				t.Errorf("explanation (-want +got):\n%s", diff)
			}
		})
	}
}

// Every verdict and every reason that there is has a sentence of its own, and something that would change it.
func TestExplainAll(t *testing.T) {
	told := map[string]bool{}
	for _, test := range explanations() {
		e := explain(test.services, test.change)
		for _, s := range e.Why {
			told[s.Code] = told[s.Code] || s.Text != ""
		}
		if e.Next.Reason == "" || len(e.ofVerdict()) == 0 {
			t.Errorf("%s: nothing is told of what comes next (%q), or of what would change the verdict %s", test.name, e.Next.Reason, e.Verdict)
		}
	}
	for _, code := range append(constants(t, "Verdict"), constants(t, "Reason")...) {
		if !told[code] {
			t.Errorf("no sentence explains %q", code)
		}
	}
}

// constants returns the values of the constants of a type in plan.go.
func constants(t *testing.T, typ string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "plan.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typ {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("plan.go has no constant of type %s", typ)
	}
	return values
}

func TestWatched(t *testing.T) {
	e := explain([]situation{{name: "api", want: "app:a2/2 charm:c1", live: []string{"app:a1 charm:c1", "app:a2/2 charm:c1 lib:l1", "app:a1 charm:c1", "-"}}}, nil)
	var got []string
	for _, w := range e.Branches {
		line := fmt.Sprintf("%s %q wanted=%s equal=%t", w.Label, w.Location, w.Wanted.ID, w.Equal())
		for _, c := range w.Carried {
			line += fmt.Sprintf(" %q:%s", c.Revision.ID, strings.Join(c.Servers, ","))
		}
		got = append(got, line)
	}
	want := []string{`app "/app" wanted=a2 equal=false "a1":api-0,api-2 "a2":api-1 "":api-3`,
		`charm "/charm" wanted=c1 equal=false "c1":api-0,api-1,api-2 "":api-3`,
		`lib "" wanted= equal=false "":api-0,api-2,api-3 "l1":api-1`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("branches (-want +got):\n%s", diff)
	}
	if equal := explain([]situation{{name: "api", want: "app:a1", live: []string{"app:a1", "app:a1"}}}, nil).Branches[0]; !equal.Equal() {
		t.Errorf("%+v is not told to be equal", equal)
	}
}

// A freeze counts for the services that it names, as long as it lasts.
func TestExplainFreezes(t *testing.T) {
	e := explain([]situation{same("api", "")}, func(in *Input) {
		in.Freezes = []Freeze{{Name: "on", Window: window(noon.Add(1))}, {Name: "over", Window: window(noon)}, {Name: "else", Services: []string{"w*"}, Window: window(noon.Add(1))}}
	})
	if len(e.Freezes) != 1 || e.Freezes[0].Reason != "on: " {
		t.Errorf("the freezes are %v", e.Freezes)
	}
}

// opens is a window that opens at a time.
type opens time.Time

func (o opens) Until(now time.Time) (time.Time, bool) { return time.Time{}, false }

func (o opens) Next(now time.Time) (time.Time, bool) { return time.Time(o), now.Before(time.Time(o)) }

func TestExplainComing(t *testing.T) {
	e := explain([]situation{same("api", "")}, func(in *Input) {
		in.Freezes = []Freeze{{Name: "late", Window: opens(noon.Add(2))}, {Name: "next", Window: opens(noon.Add(1))}, {Name: "over", Window: opens(noon)},
			{Name: "else", Services: []string{"w*"}, Window: opens(noon.Add(1))}, {Name: "as early", Window: opens(noon.Add(1))}}
	})
	if e.Coming == nil || e.Coming.Freeze != "next" {
		t.Errorf("next comes %+v", e.Coming)
	}
	if e := explain([]situation{same("api", "")}, nil); e.Coming != nil {
		t.Errorf("without a freeze comes %+v", e.Coming)
	}
}
