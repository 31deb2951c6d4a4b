package view

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/plan/graph"
	"launchpad.net/cdplan/plan/scale"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/state"
)

// madeAt is when the plan of the rich fleet was made.
var madeAt = time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)

// richFleet returns a page in which every verdict, every reason and everything else occurs that a plan can tell. It is the same each time.
func richFleet() Page {
	decisions := slices.Concat(richActing(), richHeld(), richTrouble(), richSame(), richSizes())
	after := graph.Graph{}
	for i := range decisions {
		settle(&decisions[i])
		after[decisions[i].Service] = decisions[i].Declared.After
	}
	levels := after.Levels()
	slices.SortFunc(decisions, func(a, b plan.Decision) int {
		return cmp.Or(cmp.Compare(levels[a.Service], levels[b.Service]), cmp.Compare(a.Service, b.Service))
	})
	p := &plan.Plan{Fingerprint: strings.Repeat("7f3a91c2d04e58b6", 4), Decisions: decisions}
	return Page{Plan: p, Made: madeAt, Host: "cd1", Apply: "cdplan apply", Faults: richFaults}
}

// settle fills in what follows from the rest of a decision.
func settle(d *plan.Decision) {
	d.Declared.Name = d.Service
	if !d.Verdict.Acts() && !d.Verdict.Held() {
		return
	}
	d.Fingerprint = fmt.Sprintf("%x", sha256.Sum256([]byte(d.Service)))
	if d.Scales() {
		d.Steps = append(d.Steps, resource.Step{Addr: resource.Addr{Service: d.Service, Type: "juju_units", Label: "units"}})
		if d.Size.To < d.Size.Units {
			return
		}
	} else if d.Verdict != plan.Record && !slices.Contains(d.Reasons, plan.Unstamped) {
		d.Steps = append(d.Steps, resource.Step{Addr: resource.Addr{Service: d.Service, Type: "mojo_run", Label: "run"}})
	}
	d.Steps = append(d.Steps, resource.Step{Addr: resource.Addr{Service: d.Service, Type: "nova_stamp", Label: "stamp"}})
}

func richRevision(label string, revno int) resource.Revision {
	return resource.Revision{Revno: strconv.Itoa(revno), ID: fmt.Sprintf("%s@example.com-%d", label, revno)}
}

// richChange is of a branch that moved; without a revno it was added or removed.
func richChange(label string, from, to int, history *resource.History) plan.Change {
	c := plan.Change{Label: label, History: history}
	if from > 0 {
		c.From = richRevision(label, from)
	}
	if to > 0 {
		c.To, c.Location = richRevision(label, to), "lp:~team/"+label+"/trunk"
	}
	return c
}

func richCommit(revno int, author, subject string, bugs ...string) resource.Commit {
	return resource.Commit{Revision: richRevision("app", revno), Author: author, Subject: subject, Bugs: bugs,
		Date: madeAt.AddDate(0, 0, revno-900)}
}

func richUsual(median, p90 int) state.Usual {
	return state.Usual{Median: time.Duration(median) * time.Second, P90: time.Duration(p90) * time.Second}
}

func richServers(service string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("juju-%s-machine-%d", service, i+1))
	}
	return names
}

func richAfter(services ...string) plan.Service { return plan.Service{After: services} }

// richActing are the services that apply does something about, in its order.
func richActing() []plan.Decision {
	merge := richCommit(814, "Bob Example", "Merge retry-backoff")
	merge.Merged = &resource.Merged{Revisions: 4, Authors: []string{"Bob Example", "Eve Example"}}
	moved := &resource.History{Commits: []resource.Commit{
		richCommit(815, "Ann Example", "Raise the worker pool to 8", "https://bugs.launchpad.net/bugs/12345", "https://github.com/org/api/issues/3"),
		merge, richCommit(813, "Bob Example", "Mend a word in README")},
		Files: &resource.Files{Count: 7, Areas: []resource.Area{{Name: "hooks", Files: 4}, {Name: "templates", Files: 2}, {Name: ".", Files: 1}}}}
	config := richChange("config", 12, 13, &resource.History{Commits: []resource.Commit{richCommit(13, "Ann Example", "More workers")},
		Files: &resource.Files{Count: 1, Areas: []resource.Area{{Name: ".", Files: 1}}}})
	config.Keys = []plan.KeyChange{{Section: "mojo", Key: "stage", Kind: plan.KeyChanged, Public: true, From: "staging", To: "production"},
		{Section: "service", Key: "timeout", Kind: plan.KeyAdded, Public: true, To: "90m"},
		{Section: "branches", Key: "app", Kind: plan.KeyRelocated, Public: true, From: "lp:~team/api/trunk", To: "lp:~svc/api/trunk"},
		{Section: "branches", Key: "charm", Kind: plan.KeyPinned, Public: true, From: "lp:~svc/api/charm", To: "lp:~svc/api/charm;revno=41"},
		{Section: "branches", Key: "lib", Kind: plan.KeyUnpinned, Public: true, From: "lp:lib;tag=1.0", To: "lp:lib"},
		{Section: "branches", Key: "tools", Kind: plan.KeyRepinned, Public: true, From: "lp:tools;revno=7", To: "lp:tools;revno=8"},
		{Section: "environment", Key: "API_SECRET", Kind: plan.KeyChanged, FromMask: 1, ToMask: 2},
		{Section: "environment", Key: "OLD_TOKEN", Kind: plan.KeyRemoved, FromMask: 3}}
	wide := &resource.History{Commits: []resource.Commit{richCommit(57, "山田太郎", "検索の速度を上げる"), richCommit(56, "Zoë Müller", "Größe der Übersicht — “fest”")}}
	many := &resource.History{Commits: manyCommits(40)[:20], More: 260}
	return []plan.Decision{
		{Service: "api", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.ConfigChanged, plan.BranchMoved}, Wave: 1, Copies: 6, Behind: richServers("api", 6),
			Usual: richUsual(840, 1140), Changes: []plan.Change{config, richChange("app", 812, 815, moved)}, Declared: richAfter("postgres")},
		{Service: "auth", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.Mixed, plan.BranchMoved}, Wave: 1, Copies: 4, Behind: richServers("auth", 2),
			Usual: richUsual(95, 130), Changes: []plan.Change{richChange("app", 55, 57, wide)}, Declared: richAfter("postgres")},
		{Service: "cache", Verdict: plan.Record, Reasons: []plan.Reason{plan.Unstamped}, Wave: 1, Copies: 3, Behind: richServers("cache", 1)},
		{Service: "index", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.HashMismatch}, Wave: 1, Copies: 2, Behind: richServers("index", 1), Usual: richUsual(20, 20)},
		{Service: "logs", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.LastAttemptFailed}, Wave: 1, Copies: 1, Usual: richUsual(300, 420)},
		{Service: "mail", Verdict: plan.New, Reasons: []plan.Reason{plan.NeverRecorded}, Wave: 1,
			Changes: []plan.Change{richChange("config", 0, 1, nil), richChange("app", 0, 44, nil), richChange("spec", 0, 9, nil)}},
		{Service: "queue", Verdict: plan.Record, Reasons: []plan.Reason{plan.NotRecorded}, Wave: 1, Copies: 2, Behind: richServers("queue", 2)},
		{Service: "relay", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.HistoryRewritten, plan.BranchMoved}, Wave: 1, Copies: 1, Behind: richServers("relay", 1),
			Usual: richUsual(180, 240), Changes: []plan.Change{richChange("app", 31, 30, richLost())},
			Declared: plan.Service{AllowRewritten: true}},
		{Service: "worker", Verdict: plan.New, Reasons: []plan.Reason{plan.NeverRecorded, plan.LastAttemptFailed}, Wave: 1, Copies: 1, Behind: richServers("worker", 1),
			Usual: richUsual(60, 61), Changes: []plan.Change{richChange("config", 0, 3, nil), richChange("app", 0, 12, nil)}},
		{Service: "web", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.BranchMoved, plan.BranchAdded, plan.BranchRemoved}, Wave: 2, WaitsFor: []string{"api", "auth"},
			Copies: 4, Behind: richServers("web", 4), Usual: richUsual(540, 700), Last: "failed in verify", Declared: richAfter("api", "auth"),
			Changes: []plan.Change{richChange("app", 440, 740, many), richChange("charm", 0, 7, nil), richChange("theme", 3, 0, nil)},
			Fallbacks: []plan.Fallback{
				{Addr: resource.Addr{Service: "web", Type: "bzr_branch", Label: "app"}, Location: "lp:~team/app/trunk", Reason: "a name on Launchpad"},
				{Addr: resource.Addr{Service: "web", Type: "bzr_branch", Label: "charm"}, Reason: "an old format"}}},
		{Service: "www-frontend-of-the-public-documentation-site-with-a-long-name", Verdict: plan.Redeploy, Reasons: []plan.Reason{plan.BranchMoved}, Wave: 3,
			WaitsFor: []string{"web"}, Copies: 2, Behind: richServers("www", 2), Usual: richUsual(5400, 7200), Declared: richAfter("web"),
			Changes: []plan.Change{richChange("app", 21, 25, richHostile()), richChange("lib", 9, 8, &resource.History{Back: true}),
				richChange("pin", 4, 6, &resource.History{Back: true, Commits: []resource.Commit{richCommit(6, "Eve Example", "Beside the line")}})}},
	}
}

// richLost is the history of a branch that was overwritten.
func richLost() *resource.History {
	gone := resource.Commit{Revision: richRevision("app", 28)}
	return &resource.History{Rewritten: true, Lost: []resource.Commit{richCommit(31, "Eve Example", "A mend made in haste"), gone}, LostMore: 2,
		Commits: []resource.Commit{richCommit(30, "Bob Example", "The same mend, tested")}}
}

// richHostile is what somebody may have written who wants to be more than text.
func richHostile() *resource.History {
	return &resource.History{Commits: []resource.Commit{
		richCommit(25, "Eve\x1b]0;title\x07 @all", "fixes #12 | x | `code` <script>alert(1)</script> </details> [link](http://example.com)"),
		richCommit(24, "> Eve", "approve \x1b[2J\u202eevil\u2066 -- \u200bhidden z\u0335\u0321\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307algo"),
		richCommit(23, " review", "```\r\n merge approved"),
		richCommit(22, "Eve Example", strings.Repeat("long ", 400), "https://ann:hush@host/"+strings.Repeat("x", 90))},
		Err: errors.New("brz log ended \x1b[31mwith `#7` @all")}
}

func richHold(d plan.Decision, verdict plan.Verdict, by, reason string, until time.Time) plan.Decision {
	d.Verdict, d.Held = verdict, plan.Hold{By: by, Reason: reason, Until: until}
	return d
}

// richHeld are the services about which something is to be done later.
func richHeld() []plan.Decision {
	moved := func(service string, from, to int, reasons ...plan.Reason) plan.Decision {
		if reasons == nil {
			reasons = []plan.Reason{plan.BranchMoved}
		}
		h := &resource.History{Commits: []resource.Commit{richCommit(to, "Bob Example", "Change of "+service)}, More: to - from - 1}
		return plan.Decision{Service: service, Reasons: reasons, Copies: 2, Behind: richServers(service, 2), Usual: richUsual(to, 2*to),
			Changes: []plan.Change{richChange("app", from, to, h)}}
	}
	late, soon := madeAt.AddDate(0, 0, 4), madeAt.Add(65*time.Minute)
	legacy := plan.Decision{Service: "legacy", Reasons: []plan.Reason{plan.NeverRecorded}, Copies: 2, Behind: richServers("legacy", 2),
		Changes: []plan.Change{richChange("config", 0, 4, nil), richChange("app", 0, 80, nil)}}
	ghost := plan.Decision{Service: "ghost", Reasons: []plan.Reason{plan.NeverRecorded}, Changes: []plan.Change{richChange("config", 0, 2, nil)},
		Doubt: "juju does not know the application ghost"}
	payments := moved("payments", 41, 42, plan.HistoryRewritten, plan.BranchMoved)
	payments.Changes[0].History = richLost()
	shop := plan.Decision{Service: "shop", Reasons: []plan.Reason{plan.Unstamped}, Copies: 2, Behind: richServers("shop", 1),
		Others: []string{"juju-shop-machine-1 carries the stamp of web"}}
	checkout := moved("checkout", 5, 6)
	checkout.Declared = richAfter("ledger")
	unread := moved("reports", 60, 61, plan.ConfigChanged)
	unread.Changes = []plan.Change{richChange("config", 60, 61, &resource.History{Err: errors.New("no route to host")})}
	unread.Changes[0].KeysErr = errors.New("the deployed config.ini cannot be read")
	return []plan.Decision{
		richHold(moved("billing", 77, 79), plan.Held, "ann", "quarter close, 検収が終わるまで", late),
		richHold(checkout, plan.Blocked, "", "ledger goes first and is frozen", time.Time{}),
		richHold(ghost, plan.Unapproved, "", "no servers: "+ghost.Doubt, time.Time{}),
		richHold(legacy, plan.Unapproved, "", "2 servers without any stamp: what they run is not known", time.Time{}),
		richHold(moved("ledger", 100, 109), plan.Frozen, "finance team", "quarter-close: no deploys while the books are closed, see the wiki for whom to ask", late),
		richHold(payments, plan.Unapproved, "", "app was rewritten: r41 is lost", time.Time{}),
		richHold(unread, plan.Parked, "", "failed 5 times in deploy: exit status 1; a new revision or \"cdplan retry reports\" frees it", time.Time{}),
		richHold(moved("search", 301, 302), plan.Waiting, "", "failed twice in verify: \x1b[31m#9 @all|`x`\x1b[0m timed out", soon),
		richHold(shop, plan.Unapproved, "", shop.Others[0], time.Time{}),
		richHold(moved("vault", 8, 9), plan.Unapproved, "", "auto = never", time.Time{}),
	}
}

// richSize is a size with a load of that many jobs, of which one unit carries 200.
func richSize(service string, units, to, wanted int, jobs float64) *plan.Size {
	return &plan.Size{Due: to != units, Size: scale.Size{Units: units, To: to, Wanted: wanted, Sum: fmt.Sprintf("%s / 200 = %s -> %d", scale.Number(jobs), scale.Number(jobs/200), wanted),
		Load:   resource.Load{Value: jobs, At: madeAt.Add(-3 * time.Second), Source: "queue " + service + " on mq.internal:15672"},
		States: map[resource.UnitState]int{resource.UnitReady: units}}}
}

// richScale is a service whose size is to be changed.
func richScale(service string, size *plan.Size) plan.Decision {
	d := plan.Decision{Service: service, Verdict: plan.Scale, Reasons: []plan.Reason{plan.LoadChanged}, Wave: 1, Copies: size.Units, Size: size, Usual: richUsual(360, 480)}
	if size.Bounds {
		d.Reasons = []plan.Reason{plan.OutOfBounds}
	}
	return d
}

// richSizes are the services that have a load, each with something else that can be told of a size.
func richSizes() []plan.Decision {
	out, in, held, guarded := richSize("resize", 4, 8, 12, 2330), richSize("crawler", 9, 7, 4, 700), richSize("fetch", 2, 3, 3, 501), richSize("indexer", 5, 6, 6, 1190)
	out.Cuts, out.States = []string{"max 8", "up_step 4"}, map[resource.UnitState]int{resource.UnitReady: 2, resource.UnitStarting: 1, resource.UnitFailed: 1, resource.UnitLeaving: 1}
	in.Cuts, in.Remove = []string{"down_step 2"}, []string{"crawler/10", "crawler/9"}
	chosen, least := richSize("render", 5, 4, 2, 380), richSize("thumbs", 1, 2, 1, 0)
	least.Bounds, least.Cuts, least.Sum, least.Load.Err = true, []string{"min 2"}, "", errors.New("no such queue: \x1b[31m#9 @all|`x`\x1b[0m")
	busy := richSize("video", 6, 5, 4, 640)
	busy.Remove, busy.Cuts, busy.Wait = []string{"video/5"}, []string{"down_step 2"}, "video/4: it runs the hook config-changed"
	guarded.Guard = "indexer/3 has failed: hook failed: \"config-changed\" @all fixes #12 | `x`"
	waits, full, silent, lost := richSize("feeds", 6, 6, 5, 901), richSize("tiles", 8, 8, 12, 2390), richSize("jobs", 4, 4, 4, 0), &plan.Size{Err: errors.New("juju status ended with exit code 1")}
	waits.Wait, waits.Until = "5 is asked for, and that has to last for the down_window of 5m", madeAt.Add(3*time.Minute)
	full.Cuts = []string{"max 8"}
	silent.Sum, silent.Load.Err = "", errors.New("401 Unauthorized")
	small, idle := richScale("thumbs", least), richScale("render", chosen)
	small.Declared, idle.Usual = richAfter("postgres"), state.Usual{}
	return []plan.Decision{
		richScale("resize", out), richScale("crawler", in), small, idle, richScale("video", busy),
		richHold(unwaved(richScale("fetch", held)), plan.Held, "ann", "the queue is moved", madeAt.AddDate(0, 0, 4)),
		richHold(unwaved(richScale("indexer", guarded)), plan.Unapproved, "", guarded.Guard, time.Time{}),
		{Service: "feeds", Verdict: plan.Same, Copies: 6, Size: waits}, {Service: "tiles", Verdict: plan.Same, Copies: 8, Size: full},
		{Service: "jobs", Verdict: plan.Same, Copies: 4, Size: silent}, {Service: "spool", Verdict: plan.Same, Copies: 2, Size: lost},
	}
}

func unwaved(d plan.Decision) plan.Decision {
	d.Wave = 0
	return d
}

// richTrouble are the services of which nothing can be said.
func richTrouble() []plan.Decision {
	route := errors.New("cannot read lp:~team/remote/trunk: no route to host")
	return []plan.Decision{
		{Service: "broken", Verdict: plan.Invalid, Err: hcl.Diagnostics{
			{Severity: hcl.DiagError, Summary: "Invalid duration", Detail: "The key \"timeout\" must be a duration such as \"90m\".", Subject: richRange("broken", 7)},
			{Severity: hcl.DiagError, Summary: "Unknown key", Detail: "There is no key \"brnach\"; did you mean \"branch\"? @all fixes #12", Subject: richRange("broken", 9)}}},
		{Service: "dirty", Verdict: plan.Invalid, Err: &resource.AttrError{Addr: resource.Addr{Service: "dirty", Type: "bzr_branch", Label: "config"}, Attr: "location",
			Summary: "Uncommitted changes", Detail: "The file config.ini is not committed: run \"brz commit\" in its directory."}},
		{Service: "remote", Verdict: plan.Unknown, Err: route},
	}
}

func richRange(service string, line int) *hcl.Range {
	return &hcl.Range{Filename: "/srv/mojo/LOCAL/" + service + "/config.ini", Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 8}}
}

func richSame() []plan.Decision {
	var same []plan.Decision
	for _, service := range []string{"dns", "ntp", "postgres", "proxy", "rabbitmq"} {
		same = append(same, plan.Decision{Service: service, Verdict: plan.Same, Copies: 3})
	}
	same[0].Declared = richAfter("ntp")
	same[3].Declared = richAfter("dns", "ntp")
	return same
}

// richFaults tells errors as the command does that has the files.
func richFaults(service string, err error) hcl.Diagnostics {
	var diags hcl.Diagnostics
	var attr *resource.AttrError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &diags):
		return diags
	case errors.As(err, &attr):
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: attr.Summary, Detail: attr.Detail, Subject: richRange(service, 1)}}
	}
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot be read", Detail: err.Error()}}
}

// A verdict or a reason that is new in package plan has to be shown by every form of a plan.
func TestRichFleet(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range richFleet().Plan.Decisions {
		seen[string(d.Verdict)] = true
		for _, reason := range d.Reasons {
			seen[string(reason)] = true
		}
		for _, c := range d.Changes {
			for _, key := range c.Keys {
				seen[string(key.Kind)] = true
			}
		}
	}
	words := planWords(t, "Verdict", "Reason", "KeyKind")
	if len(words) < 26 {
		t.Errorf("package plan has only the words %v", words)
	}
	for _, word := range words {
		if !seen[word] {
			t.Errorf("nothing in the rich fleet is %q", word)
		}
	}
}

// planWords returns the values of the constants that package plan has of those types.
func planWords(t *testing.T, types ...string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../plan/plan.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && slices.Contains(types, typ.Name) {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, word)
		}
		return true
	})
	return words
}
