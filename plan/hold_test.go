package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

var (
	noon     = time.Date(2027, 3, 2, 12, 0, 0, 0, time.UTC)
	standard = Backoff{5 * time.Minute, 15 * time.Minute, 45 * time.Minute, 2 * time.Hour}
)

func hash(id string) string {
	return resource.Hash(map[string]resource.Revision{"app": {ID: id}})
}

// failedAt is n failures, the last of which ended so long before noon.
func failedAt(n int, ago time.Duration) state.Failures {
	return state.Failures{Count: n, Last: state.Attempt{End: noon.Add(-ago), Phase: "verify", Error: "it broke", Result: "failed", Hash: hash("a2")}}
}

// window is open until a time.
type window time.Time

func (w window) Until(now time.Time) (time.Time, bool) { return time.Time(w), now.Before(time.Time(w)) }

func (window) Next(time.Time) (time.Time, bool) { return time.Time{}, false }

// held computes the plan for api, which is to be redeployed to a2, and web, which is not held, and tells of both the verdict and why.
func held(change func(*Input, *state.ServicePast)) string {
	p := compute([]situation{{name: "api", want: "app:a2", live: []string{"app:a1"}}, {name: "web", want: "app:w2", live: []string{"app:w1"}}}, func(in *Input) {
		in.Now, in.Backoff = noon, standard
		var past state.ServicePast
		change(in, &past)
		in.Past.Services = map[string]state.ServicePast{"api": past}
	})
	var lines []string
	for _, d := range p.Decisions {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Service, d.Verdict, d.Held)))
	}
	return strings.Join(lines, "\n")
}

func TestHeld(t *testing.T) {
	until := noon.Add(30 * time.Hour)
	hold := &state.Hold{Until: until, User: "ann", Reason: "the database moves"}
	freeze := Freeze{Name: "quarter", Owner: "release team", Reason: "books close", Window: window(until), Services: []string{"a*"}}
	const web = "\nweb redeploy"
	for _, test := range []struct {
		name   string
		change func(*Input, *state.ServicePast)
		want   string
	}{
		{"nothing", func(*Input, *state.ServicePast) {}, "api redeploy" + web},
		{"hold", func(_ *Input, p *state.ServicePast) { p.Hold = hold }, "api held until 2027-03-03 18:00 UTC by ann: the database moves" + web},
		{"hold that is over", func(in *Input, p *state.ServicePast) { p.Hold, in.Now = hold, until }, "api redeploy" + web},
		{"freeze", func(in *Input, _ *state.ServicePast) { in.Freezes = []Freeze{freeze} },
			"api frozen until 2027-03-03 18:00 UTC by release team: quarter: books close" + web},
		{"freeze that is over", func(in *Input, _ *state.ServicePast) { in.Freezes, in.Now = []Freeze{freeze}, until }, "api redeploy" + web},
		{"freeze of all", func(in *Input, _ *state.ServicePast) {
			in.Freezes = []Freeze{{Name: "n", Owner: "o", Reason: "r", Window: window(until)}}
		},
			"api frozen until 2027-03-03 18:00 UTC by o: n: r\nweb frozen until 2027-03-03 18:00 UTC by o: n: r"},
		{"two freezes", func(in *Input, _ *state.ServicePast) {
			longer := Freeze{Name: "year", Owner: "o", Reason: "r", Window: window(until.Add(time.Hour)), Services: []string{"api"}}
			in.Freezes = []Freeze{freeze, longer, freeze}
		}, "api frozen until 2027-03-03 19:00 UTC by o: year: r" + web},
		{"broken freeze", func(in *Input, _ *state.ServicePast) { in.Freezes, in.BreakFreeze = []Freeze{freeze}, true }, "api redeploy" + web},
		{"a hold outlasts a broken freeze", func(in *Input, p *state.ServicePast) { p.Hold, in.BreakFreeze = hold, true },
			"api held until 2027-03-03 18:00 UTC by ann: the database moves" + web},
		{"a person does not lift it", func(in *Input, p *state.ServicePast) { p.Hold, in.Approved = hold, true },
			"api held until 2027-03-03 18:00 UTC by ann: the database moves" + web},
		{"failed once", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(1, time.Minute)}
		},
			"api waiting next try 2027-03-02 12:04 UTC: failed once in verify: it broke" + web},
		{"failed twice", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(2, time.Minute)}
		},
			"api waiting next try 2027-03-02 12:14 UTC: failed twice in verify: it broke" + web},
		{"failed five times", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(5, 1000*time.Hour)}
		},
			`api parked failed 5 times in verify: it broke; a new revision or "cdplan retry api" frees it` + web},
		{"other revisions failed", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a3"): failedAt(5, time.Minute)}
		},
			"api redeploy" + web},
		{"waited", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(1, 5*time.Minute)}
		}, "api redeploy" + web},
		{"on the minute", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(1, 5*time.Minute-3*time.Second)}
		}, "api redeploy" + web},
		{"failed in the future", func(_ *Input, p *state.ServicePast) {
			p.Failed = map[string]state.Failures{hash("a2"): failedAt(1, -10000*time.Hour)}
		}, "api redeploy" + web},
		{"trouble of the host", func(_ *Input, p *state.ServicePast) { p.Host = failedAt(2, time.Minute) },
			"api waiting next try 2027-03-02 12:14 UTC: trouble of this host, failed twice in verify: it broke" + web},
		{"long trouble of the host", func(_ *Input, p *state.ServicePast) { p.Host = failedAt(100, time.Hour) },
			"api waiting next try 2027-03-02 13:00 UTC: trouble of this host, failed 100 times in verify: it broke" + web},
		{"no back-off", func(in *Input, p *state.ServicePast) { in.Backoff, p.Host = nil, failedAt(2, 0) }, "api redeploy" + web},
		{"breaker", func(in *Input, _ *state.ServicePast) {
			in.Past.Breaker = &state.Breaker{Last: noon.Add(-time.Minute), Failures: 1, Error: "no network"}
		}, "api waiting next try 2027-03-02 12:04 UTC: deploys fail on this host: no network\n" +
			"web waiting next try 2027-03-02 12:04 UTC: deploys fail on this host: no network"},
		{"breaker, time to try", func(in *Input, _ *state.ServicePast) {
			in.Past.Breaker = &state.Breaker{Last: noon.Add(-time.Hour), Failures: 1, Error: "no network"}
		}, "api redeploy\nweb waiting deploys fail on this host: no network; api is tried first"},
		{"breaker, and one that is not selected", func(in *Input, _ *state.ServicePast) {
			in.Selected = func(service string) bool { return service != "api" }
			in.Past.Breaker = &state.Breaker{Last: noon.Add(-time.Hour), Failures: 1, Error: "no network"}
		}, "web redeploy"},
		{"breaker, and a person", func(in *Input, _ *state.ServicePast) {
			in.Approved, in.Past.Breaker = true, &state.Breaker{Last: noon, Failures: 1, Error: "no network"}
		}, "api redeploy" + web},
	} {
		if diff := cmp.Diff(test.want, held(test.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// What comes after a service that is held waits for it.
func TestBehindHeld(t *testing.T) {
	p := compute([]situation{{name: "api", want: "app:a2", live: []string{"app:a1"}}, {name: "web", after: "api", want: "app:w2", live: []string{"app:w1"}}}, func(in *Input) {
		in.Now, in.Backoff = noon, standard
		in.Past.Services = map[string]state.ServicePast{"api": {Failed: map[string]state.Failures{hash("a2"): failedAt(1, 0)}}}
	})
	if d := p.Decisions[1]; d.Verdict != Blocked || d.Held.Reason != "api goes first and is waiting" {
		t.Errorf("got %s, %s", d.Verdict, d.Held)
	}
}

// One revision fails whenever it is tried, and cron comes every five minutes: it is tried at 0, 5, 20 and 65 minutes, once more two hours later, and
// not after that. A new revision is tried at once.
func TestAttemptsByCron(t *testing.T) {
	var tried []int
	past := state.ServicePast{Failed: map[string]state.Failures{}}
	run := func(minute int, tip string) Verdict {
		now := noon.Add(time.Duration(minute)*time.Minute + 2*time.Second) // cron is never quite on time
		p := compute([]situation{{name: "api", want: "app:" + tip, live: []string{"app:a1"}}}, func(in *Input) {
			in.Now, in.Backoff, in.Past.Services = now, standard, map[string]state.ServicePast{"api": past}
		})
		if p.Decisions[0].Verdict == Redeploy {
			failed := past.Failed[hash(tip)]
			past.Failed[hash(tip)] = state.Failures{Count: failed.Count + 1, Last: state.Attempt{End: now.Add(20 * time.Second)}}
			tried = append(tried, minute)
		}
		return p.Decisions[0].Verdict
	}
	for minute := 0; minute < 24*60; minute += 5 {
		run(minute, "a2")
	}
	if diff := cmp.Diff([]int{0, 5, 20, 65, 185}, tried); diff != "" {
		t.Errorf("tried (-want +got):\n%s", diff)
	}
	if verdict := run(24*60, "a2"); verdict != Parked {
		t.Errorf("after a day it is %s", verdict)
	}
	if verdict := run(24*60, "a3"); verdict != Redeploy {
		t.Errorf("a new revision is %s", verdict)
	}
}

// What this host has deployed and not recorded is recorded, and not deployed again.
func TestNotRecorded(t *testing.T) {
	revisions := map[string]resource.Revision{"app": {Revno: "1", ID: "a2"}}
	last := state.Attempt{Hash: resource.Hash(revisions), Deployed: true, Result: "interrupted", Phase: state.PhaseRecord}
	for _, test := range []struct {
		name   string
		live   string
		change func(*state.Attempt)
		want   string
	}{
		{"interrupted", "app:a1", func(*state.Attempt) {}, "api record not-recorded app(a1>a2) behind=api-0 wave=1 stamp\n"},
		{"failed", "app:a1", func(a *state.Attempt) { a.Result = "failed" }, "api record not-recorded app(a1>a2) behind=api-0 wave=1 stamp\n"},
		{"for the first time", "-", func(*state.Attempt) {}, "api record not-recorded app(>a2) behind=api-0 wave=1 stamp\n"},
		{"half recorded", "app:a1,app:a2", func(*state.Attempt) {}, "api record not-recorded app(a1>a2) behind=api-0 wave=1 stamp\n"},
		{"recorded", "app:a2", func(*state.Attempt) {}, "api same\n"},
		{"not deployed", "app:a1", func(a *state.Attempt) { a.Deployed = false }, "api redeploy branch-moved app(a1>a2) behind=api-0 wave=1 run stamp\n"},
		{"done, and undone by somebody", "app:a1", func(a *state.Attempt) { a.Result = "deployed" }, "api redeploy branch-moved app(a1>a2) behind=api-0 wave=1 run stamp\n"},
		{"forgiven", "app:a1", func(a *state.Attempt) { a.Forgiven = "now ann" }, "api redeploy branch-moved app(a1>a2) behind=api-0 wave=1 run stamp\n"},
		{"moved on", "app:a1", func(a *state.Attempt) { a.Hash = hash("a9") }, "api redeploy branch-moved app(a1>a2) behind=api-0 wave=1 run stamp\n"},
		{"no server", "", func(*state.Attempt) {}, "api new never-recorded app(>a2) wave=1 run stamp\n"},
	} {
		s := situation{name: "api", want: "app:a2"}
		if test.live != "" {
			s.live = strings.Split(test.live, ",")
		}
		last := last
		test.change(&last)
		p := compute([]situation{s}, func(in *Input) { in.Past.Services = map[string]state.ServicePast{"api": {Last: &last}} })
		if p.Decisions[0].Reasons = p.Decisions[0].Reasons[:min(1, len(p.Decisions[0].Reasons))]; describe(p) != test.want {
			t.Errorf("%s: got %swant %s", test.name, describe(p), test.want)
		}
		if d := p.Decisions[0]; d.Verdict == Record && d.Steps[0].Fill {
			t.Errorf("%s: the stamps that are there are left as they are", test.name)
		}
	}
}

func TestLastTry(t *testing.T) {
	for _, test := range []struct{ result, phase, forgiven, id, want string }{
		{"failed", "verify", "", "a2", "failed in verify"},
		{"interrupted", "", "", "a2", "interrupted"},
		{"", "deploy", "", "a2", "under way"},
		{"deployed", "verify", "", "a2", ""},
		{"failed", "verify", "now ann", "a2", ""},
		{"failed", "verify", "", "a9", ""},
	} {
		last := &state.Attempt{Result: test.result, Phase: test.phase, Forgiven: test.forgiven, Hash: hash(test.id)}
		p := compute([]situation{{name: "api", want: "app:a2", live: []string{"app:a1"}}}, func(in *Input) {
			in.Past.Services = map[string]state.ServicePast{"api": {Last: last}}
		})
		if got := p.Decisions[0].Last; got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestGone(t *testing.T) {
	for _, test := range []struct{ seen, now, want string }{
		{"", "", ""},
		{"", "a b", ""},
		{"a b c", "a b", ""},
		{"a b c", "a x y", "b c"},
		{"a b", "a", "b"},
		{"a b c d", "a b", "c d"},
		{"a b", "a b c", ""},
	} {
		var services []Service
		for name := range strings.FieldsSeq(test.now) {
			services = append(services, Service{Name: name})
		}
		if got := strings.Join(Gone(state.Past{Seen: strings.Fields(test.seen)}, services), " "); got != test.want {
			t.Errorf("seen %q, now %q: got %q, want %q", test.seen, test.now, got, test.want)
		}
	}
}
