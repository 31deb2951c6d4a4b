package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func only(units []*unit, application string) []*unit {
	return slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return u.Application != application })
}

// object is a JSON object.
type object = map[string]any

func current(status string) object { return object{"current": status} }

// report is the status in the making.
type report struct {
	standIn
	*world
}

// writeJSON writes the status in the dialect: of all, or of one application.
func (j standIn) writeJSON(w *world, application string) error {
	r := report{j, w}
	machines, applications := object{}, object{}
	for name := range w.Next {
		if application == "" || application == name {
			applications[name] = r.application(name)
		}
	}
	for _, u := range w.Units {
		switch {
		case application != "" && application != u.Application:
		case u.Controller && !j.old(): // it is in a model of its own
		case !j.kubernetes:
			machines[strconv.Itoa(u.Machine)] = r.machine(u)
		}
	}
	answer := object{"machines": machines}
	if j.old() {
		answer["environment"], answer["services"] = j.model, applications
	} else {
		answer["applications"], answer["controller"] = applications, object{"timestamp": w.Now.Format("15:04:05Z")}
		typ := "iaas"
		if j.kubernetes {
			typ = "caas"
		}
		answer["model"] = object{"name": j.model, "type": typ, "controller": "stand-in", "version": strings.SplitN(j.version, "-", 2)[0]}
	}
	return json.NewEncoder(j.stdout).Encode(answer)
}

func (r report) application(name string) object {
	units := object{}
	leader := r.leader(name)
	for _, u := range only(r.Units, name) {
		if u.there() {
			units[u.name()] = r.unit(u, u == leader)
		}
	}
	application := r.withSeries(object{"charm": name, "exposed": false, "units": units})
	if r.old() {
		application["service-status"] = current("active")
	} else {
		application["application-status"] = current("active")
	}
	return application
}

// leader returns the unit with the lowest number of those that stay; nil if none does.
func (r report) leader(application string) (leader *unit) {
	for _, u := range only(r.Units, application) {
		if u.there() && u.Dying.IsZero() && (leader == nil || u.Number < leader.Number) {
			leader = u
		}
	}
	return leader
}

const noQuota = "Quota exceeded for instances: Requested 1, but already used all of them"

func (r report) machine(u *unit) object {
	id, state, status, message := u.Server, "pending", "running", ""
	if u.active {
		state = "started"
	}
	if u.Server == "" {
		id, status = "pending", "allocating"
		if r.has(faultQuota) && r.age(u) >= bootsAfter {
			status, message = "provisioning error", noQuota
		}
	}
	if !r.old() {
		return r.withSeries(object{"instance-id": id, "juju-status": current(state), "machine-status": object{"current": status, "message": message}})
	}
	machine := object{"instance-id": id, "agent-state": state}
	if message != "" {
		machine["agent-state"], machine["agent-state-info"] = "error", message
	}
	if u.Controller {
		machine["state-server-member-status"] = "has-vote"
	}
	return r.withSeries(machine)
}

// condition is what is told of a unit.
type condition struct {
	workload, workloadText string
	agent, agentText       string
	since                  time.Time
}

func (r report) condition(u *unit) condition {
	age, served := r.age(u), u.Server != "" || r.kubernetes
	switch {
	case !u.Dying.IsZero() && r.has(faultStopHook):
		return condition{"error", `hook failed: "stop"`, "idle", "", u.Dying}
	case !u.Dying.IsZero():
		return condition{"maintenance", "", "executing", "running stop hook", u.Dying}
	case u.Born.IsZero():
		return condition{"active", "", "idle", "", time.Time{}}
	case !served || age < bootsAfter:
		return condition{"waiting", "waiting for machine", "allocating", "", u.Born}
	case r.has(faultInstallHook):
		return condition{"error", `hook failed: "install"`, "idle", "", u.Born.Add(bootsAfter)}
	case age < installsAfter:
		return condition{"waiting", "installing agent", "allocating", "", u.Born}
	case age < worksAfter:
		return condition{"maintenance", "installing charm software", "executing", "running install hook", u.Born}
	}
	return condition{"active", "", "idle", "", u.Born.Add(worksAfter)}
}

func (r report) unit(u *unit, leads bool) object {
	if r.has(faultStatusError) {
		return object{"status-error": "cannot get the status of unit " + u.name()}
	}
	c := r.condition(u)
	told := object{}
	if !r.kubernetes {
		told["machine"] = strconv.Itoa(u.Machine)
	}
	if !r.old() {
		told["workload-status"], told["juju-status"] = r.status(c.workload, c.workloadText, c.since), r.status(c.agent, c.agentText, c.since)
		if leads {
			told["leader"] = true
		}
		if !u.Dying.IsZero() {
			told["juju-status"].(object)["life"] = "dying"
		}
		return told
	}
	told["agent-state"] = map[string]string{"idle": "started", "executing": "installed", "allocating": "pending"}[c.agent]
	if c.workload == "error" {
		told["agent-state"], told["agent-state-info"] = "error", c.workloadText
	}
	if !u.Dying.IsZero() {
		told["life"] = "dying"
		if c.workload != "error" {
			told["agent-state"] = "started"
		}
	}
	return told
}

func (r report) status(current, message string, since time.Time) object {
	status := object{"current": current}
	if message != "" {
		status["message"] = message
	}
	switch {
	case since.IsZero():
	case r.iso:
		status["since"] = since.UTC().Format("2006-01-02 15:04:05Z")
	default:
		status["since"] = since.Local().Format("02 Jan 2006 15:04:05Z07:00")
	}
	return status
}

// withSeries adds what juju 3 calls a base.
func (r report) withSeries(o object) object {
	if strings.HasPrefix(r.version, "1.") || strings.HasPrefix(r.version, "2.") {
		o["series"] = "focal"
	} else {
		o["base"] = object{"name": "ubuntu", "channel": "22.04"}
	}
	return o
}

func writeTable(w io.Writer, units []*unit) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := []string{"Unit\tMachine\tInst id"}
	for _, u := range units {
		if u.there() {
			lines = append(lines, fmt.Sprintf("%s\t%d\t%s", u.name(), u.Machine, u.Server))
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(table, line); err != nil {
			return err
		}
	}
	return table.Flush()
}
