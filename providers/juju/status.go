package juju

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// refusal is what juju puts in the place of an object that it cannot tell of.
type refusal struct {
	Text string `json:"status-error"`
}

// condition is one of the statuses that something has.
type condition struct {
	refusal
	Current string `json:"current"`
	Message string `json:"message"`
	Since   string `json:"since"`
	Life    string `json:"life"` // "dying" or "dead"; empty or "alive" for most
}

// status is what is used of the answer to "juju status --format=json". Juju 1 has services where later ones have applications.
type status struct {
	refusal
	Model struct {
		refusal
		Type string `json:"type"` // "caas" for Kubernetes
	} `json:"model"`
	Machines     map[string]machine     `json:"machines"`
	Applications map[string]application `json:"applications"`
	Services     map[string]application `json:"services"`
}

type machine struct {
	refusal
	JujuStatus     condition          `json:"juju-status"`
	MachineStatus  condition          `json:"machine-status"`
	AgentState     string             `json:"agent-state"` // of juju 1, as the next
	AgentStateInfo string             `json:"agent-state-info"`
	Life           string             `json:"life"`
	InstanceID     string             `json:"instance-id"` // "pending", or nothing, until there is a server
	Controller     string             `json:"controller-member-status"`
	StateServer    string             `json:"state-server-member-status"` // what juju 1 calls a controller
	Containers     map[string]machine `json:"containers"`
}

type application struct {
	refusal
	ApplicationStatus refusal         `json:"application-status"`
	ServiceStatus     refusal         `json:"service-status"`
	Life              string          `json:"life"`
	SubordinateTo     []string        `json:"subordinate-to"`
	Units             map[string]unit `json:"units"`
}

type unit struct {
	refusal
	WorkloadStatus condition       `json:"workload-status"`
	JujuStatus     condition       `json:"juju-status"`
	AgentStatus    condition       `json:"agent-status"` // what late versions of juju 1 call juju-status
	AgentState     string          `json:"agent-state"`  // of juju 1, as the next
	AgentStateInfo string          `json:"agent-state-info"`
	Life           string          `json:"life"`
	Leader         bool            `json:"leader"`
	Machine        string          `json:"machine"` // such as 7, or 7/lxd/0 for a container; nothing until there is one
	Subordinates   map[string]unit `json:"subordinates"`
}

// text returns what juju says of the first of the objects that it cannot tell of, or "".
func text(refusals ...refusal) string {
	for _, r := range refusals {
		if r.Text != "" {
			return r.Text
		}
	}
	return ""
}

func (m machine) fault() string {
	return text(m.refusal, m.JujuStatus.refusal, m.MachineStatus.refusal)
}

func (a application) fault() string { return text(a.refusal, a.ApplicationStatus, a.ServiceStatus) }

func (u unit) fault() string {
	return text(u.refusal, u.WorkloadStatus.refusal, u.JujuStatus.refusal, u.AgentStatus.refusal)
}

// parse returns the ids of the servers of each application, or an error for those of which juju cannot tell.
func parse(answer []byte) (servers map[string][]string, faults map[string]error, err error) {
	s, err := parseStatus(answer)
	switch {
	case err != nil:
		return nil, nil, err
	case s.kubernetes():
		return nil, nil, errors.New("the model is one of Kubernetes, whose units run on no servers")
	}
	servers, faults = s.servers()
	return servers, faults, nil
}

// parseStatus returns an answer that says which applications there are. They are in Applications, whichever juju has answered.
func parseStatus(answer []byte) (status, error) {
	var s status
	if err := json.Unmarshal(answer, &s); err != nil {
		return s, fmt.Errorf("its answer is not what juju status gives as JSON: %w", err)
	}
	if why := text(s.refusal, s.Model.refusal); why != "" {
		return s, errors.New(why)
	}
	if s.Applications == nil {
		s.Applications = s.Services
	}
	if s.Applications == nil {
		return s, errors.New("its answer names neither applications nor services")
	}
	return s, nil
}

func (s status) kubernetes() bool { return s.Model.Type == "caas" }

// servers goes through the units in the order of their names, so that the first fault of an application is always the same.
func (s status) servers() (map[string][]string, map[string]error) {
	found := collection{ids: map[string][]string{}, faults: map[string]error{}}
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		found.ids[name] = nil
		if why := s.Applications[name].fault(); why != "" {
			found.fail(name, fmt.Errorf("juju cannot tell of application %s: %s", name, why))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Applications)) {
		units := s.Applications[name].Units
		for _, unit := range slices.Sorted(maps.Keys(units)) {
			s.place(&found, unit, units[unit], "")
		}
	}
	for name, application := range s.Applications {
		for _, principal := range application.SubordinateTo {
			if err := found.faults[principal]; err != nil {
				found.fail(name, err)
			}
		}
	}
	for name, ids := range found.ids {
		slices.Sort(ids)
		found.ids[name] = slices.Compact(ids)
		if found.faults[name] != nil {
			delete(found.ids, name)
		}
	}
	return found.ids, found.faults
}

// collection is what was found of each application so far.
type collection struct {
	ids    map[string][]string
	faults map[string]error
}

// fail keeps the first error of an application.
func (c *collection) fail(application string, err error) {
	if c.faults[application] == nil {
		c.faults[application] = err
	}
}

// place adds the servers of a unit and of its subordinates, which are on the machine of their principal.
func (s status) place(found *collection, name string, u unit, principal string) {
	application := name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		application = name[:i]
	}
	on := cmp.Or(u.Machine, principal)
	id, err := s.server(name, u, on)
	if err != nil {
		found.fail(application, err)
	} else if id != "" {
		found.ids[application] = append(found.ids[application], id)
	}
	for _, subordinate := range slices.Sorted(maps.Keys(u.Subordinates)) {
		s.place(found, subordinate, u.Subordinates[subordinate], on)
	}
}

// server returns the id of the server that a unit is on. It is "" as long as there is none.
func (s status) server(name string, u unit, on string) (string, error) {
	if why := u.fault(); why != "" {
		return "", fmt.Errorf("juju cannot tell of unit %s: %s", name, why)
	}
	if on == "" {
		return "", nil
	}
	number, _, _ := strings.Cut(on, "/")
	m, listed := s.Machines[number]
	if !listed {
		return "", fmt.Errorf("juju has unit %s on machine %s, of which it tells nothing", name, number)
	}
	if why := m.fault(); why != "" {
		return "", fmt.Errorf("juju cannot tell of machine %s, which unit %s is on: %s", number, name, why)
	}
	if m.InstanceID == "pending" {
		return "", nil
	}
	return m.InstanceID, nil
}
