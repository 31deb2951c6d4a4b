package juju

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"

	"launchpad.net/cdplan/providers/resource"
)

// wanted is what a declaration says of the application.
type wanted struct {
	Application string `cty:"application"`
	Model       string `cty:"model"` // empty for the one that juju chooses
}

// units returns the units of the application. That it is a subordinate is an *resource.AttrError without an address.
func (s status) units(w wanted) (*resource.Units, error) {
	app, known := s.Applications[w.Application]
	switch {
	case !known:
		return nil, s.unknown(w)
	case app.fault() != "":
		return nil, fmt.Errorf("juju cannot tell of application %s: %s", w.Application, app.fault())
	case len(app.SubordinateTo) > 0:
		return nil, &resource.AttrError{Attr: "application", Summary: "Subordinate application",
			Detail: fmt.Sprintf("The application %q is a subordinate: it has as many units as its principals, of which one has to be named instead: %s.",
				w.Application, strings.Join(app.SubordinateTo, ", "))}
	}
	units := &resource.Units{Unchosen: s.kubernetes()}
	for _, name := range slices.Sorted(maps.Keys(app.Units)) {
		u, err := s.unit(name, app)
		if err != nil {
			return nil, err
		}
		units.List = append(units.List, u)
	}
	slices.SortStableFunc(units.List, removalOrder)
	return units, nil
}

// unknown says which of juju's applications has the name that is most like the one that was asked for.
func (s status) unknown(w wanted) error {
	model := "its current model"
	if w.Model != "" {
		model = fmt.Sprintf("the model %q", w.Model)
	}
	if len(s.Applications) == 0 {
		return fmt.Errorf("juju has no application %q in %s, and no other either", w.Application, model)
	}
	distance := func(name string) int { return levenshtein.Distance(name, w.Application, nil) }
	nearest := slices.MinFunc(slices.Sorted(maps.Keys(s.Applications)), func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	return fmt.Errorf("juju has no application %q in %s; the nearest that it has is %q", w.Application, model, nearest)
}

// removalOrder puts the units that have failed first, and the leader last; the others go from the highest number down.
func removalOrder(a, b resource.Unit) int {
	return cmp.Or(last(a)-last(b), failed(b)-failed(a), cmp.Compare(number(b.Name), number(a.Name)))
}

func last(u resource.Unit) int {
	if u.Last {
		return 1
	}
	return 0
}

func failed(u resource.Unit) int {
	if u.State == resource.UnitFailed {
		return 1
	}
	return 0
}

// number returns that of the unit, -1 for a name that has none.
func number(name string) int {
	if n, err := strconv.Atoi(name[strings.LastIndexByte(name, '/')+1:]); err == nil {
		return n
	}
	return -1
}

// unit returns one unit, or an error if juju does not tell enough of it.
func (s status) unit(name string, app application) (resource.Unit, error) {
	u := app.Units[name]
	place, err := s.server(name, u, u.Machine)
	if err != nil {
		return resource.Unit{}, err
	}
	found := resource.Unit{Name: name, Last: u.Leader, Place: place, Busy: s.busy(u)}
	agent, workload := u.agent(), u.WorkloadStatus
	failure := s.failure(u)
	switch {
	case gone(app.Life, u.Life, agent.Life, workload.Life) || workload.Current == "terminated" || agent.Current == "stopped":
		found.State, found.Text, found.Since = resource.UnitLeaving, cmp.Or(workload.Message, agent.Message, "dying"), agent.since()
	case failure != nil:
		found.State, found.Text, found.Since = resource.UnitFailed, failure.String(), failure.since
	case workload.Current == "blocked":
		found.State, found.Text, found.Since = resource.UnitFailed, cmp.Or(workload.Message, "it is blocked"), workload.since()
	case starts(agent, workload):
		found.State, found.Text, found.Since = resource.UnitStarting, cmp.Or(workload.Message, agent.Message, agent.Current), earlier(workload.since(), agent.since())
	case slices.Contains([]string{"idle", "executing", "started"}, agent.Current):
		found.State, found.Text, found.Since = resource.UnitReady, workload.Message, workload.since()
	default:
		return found, fmt.Errorf("juju says of the agent of unit %s that it is %q, which is none of the states that are known", name, agent.Current)
	}
	return found, nil
}

func gone(lives ...string) bool {
	return slices.Contains(lives, "dying") || slices.Contains(lives, "dead")
}

// agent returns what juju says of the unit's agent. Late versions of juju 1 say it in two words, of which the older one tells of an agent that is not
// there any more.
func (u unit) agent() condition {
	old := condition{Current: u.AgentState, Message: u.AgentStateInfo}
	if slices.Contains([]string{"down", "error", "stopped"}, u.AgentState) {
		return old
	}
	for _, c := range []condition{u.JujuStatus, u.AgentStatus} {
		if c.Current != "" {
			return c
		}
	}
	return old
}

// failure is why a unit does not work, and does not come to.
type failure struct {
	text    string    // in the words of juju
	machine string    // which it is about; empty for the unit itself
	unit    bool      // it is an error that the unit is in, and stays in until a person resolves it
	since   time.Time // zero if nobody knows
}

func (f *failure) String() string {
	if f.machine != "" {
		return fmt.Sprintf("machine %s: %s", f.machine, f.text)
	}
	return f.text
}

// failure returns nil for a unit that is well. One that is blocked has not failed by itself.
func (s status) failure(u unit) *failure {
	for _, m := range s.machines(u.Machine) {
		if text, since := m.failure(); text != "" {
			return &failure{text: text, machine: m.number, since: since}
		}
	}
	agent, workload := u.agent(), u.WorkloadStatus
	switch {
	case workload.Current == "error":
		return &failure{text: cmp.Or(workload.Message, agent.Message, "it is in error"), unit: true, since: workload.since()}
	case agent.Current == "error", agent.Current == "failed":
		return &failure{text: cmp.Or(agent.Message, "its agent is in error"), unit: true, since: agent.since()}
	case agent.Current == "lost", agent.Current == "down":
		return &failure{text: strings.TrimSuffix(fmt.Sprintf("its agent is %s: %s", agent.Current, agent.Message), ": "), since: agent.since()}
	}
	return nil
}

// numbered is a machine under its number, such as 7, or 7/lxd/0 for a container.
type numbered struct {
	number string
	machine
}

// machines returns those that something is on: the host first, then the containers, one in the other. What juju does not list is not among them.
func (s status) machines(on string) []numbered {
	var found []numbered
	level, parts := s.Machines, strings.Split(on, "/")
	for i := 1; i <= len(parts); i += 2 {
		m, listed := level[strings.Join(parts[:i], "/")]
		if !listed {
			break
		}
		found = append(found, numbered{strings.Join(parts[:i], "/"), m})
		level = m.Containers
	}
	return found
}

// failure returns why there is no server, or "". While juju tries again there is nothing to see to yet.
func (m machine) failure() (text string, since time.Time) {
	for _, c := range []condition{m.MachineStatus, m.JujuStatus, {Current: m.AgentState, Message: m.AgentStateInfo}} {
		if c.Current == "provisioning error" || c.Current == "error" {
			return cmp.Or(c.Message, m.MachineStatus.Message, "it is in error"), c.since()
		}
	}
	return "", time.Time{}
}

func (m machine) controls() bool { return m.Controller != "" || m.StateServer != "" }

// installing are the messages that juju itself gives a workload until the charm is installed.
var installing = []string{"waiting for machine", "waiting for container", "installing agent", "agent initialising", "agent initializing",
	"installing charm software"}

// starts says whether the unit does not work yet. Juju does not tell whether an agent was ever idle. So it is the states that come before that and
// never again, the messages that juju gives no other workload, and the hooks that run before all others. A charm that waits for something else, such as a
// relation, works as far as juju goes.
func starts(agent, workload condition) bool {
	switch agent.Current {
	case "allocating", "pending", "installing", "installed", "rebooting":
		return true
	case "idle", "executing", "started":
	default:
		return false
	}
	switch workload.Current {
	case "waiting", "maintenance", "unknown", "unset", "":
		hook := running.FindStringSubmatch(agent.Message)
		return slices.Contains(installing, workload.Message) ||
			agent.Current == "executing" && hook != nil && (hook[1] == "install" || hook[1] == "start")
	}
	return false
}

var (
	running = regexp.MustCompile(`^running ([-a-z0-9]+) hook\b`)
	action  = regexp.MustCompile(`^running action ([-a-z0-9]+)\b`)
)

// busy says why the unit is not to be removed now.
func (s status) busy(u unit) string {
	for _, m := range s.machines(u.Machine) {
		if m.controls() {
			return "it is on a controller"
		}
	}
	agent := u.agent()
	if agent.Current != "executing" {
		return ""
	}
	if m := running.FindStringSubmatch(agent.Message); m != nil {
		return "it runs the hook " + m[1]
	}
	if m := action.FindStringSubmatch(agent.Message); m != nil {
		return "it runs the action " + m[1]
	}
	if agent.Message != "" {
		return "it is at work: " + agent.Message
	}
	return "it is at work"
}

// layouts are those in which the versions of juju write times.
var layouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "02 Jan 2006 15:04:05Z07:00"}

// since returns the zero time if juju does not tell, or in a way that is not understood.
func (c condition) since() time.Time {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, c.Since); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// earlier returns the earlier of the times that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
