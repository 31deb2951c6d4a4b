package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"launchpad.net/cdplan/examples/stand-in/auth"
)

// unit is one unit of an application, with its machine.
type unit struct {
	application string
	number      int // from 0
	machine     int // from 0; machines are numbered in the order of their servers' names
	server      string
	active      bool
	controller  bool // no unit: juju 1 has its own server among the machines
}

func (u unit) name() string { return fmt.Sprintf("%s/%d", u.application, u.number) }

// serverName is what the stand-in for mojo calls a server: the application, and a number from 1.
var serverName = regexp.MustCompile(`^juju-(.+)-machine-([0-9]{1,9})$`)

// list returns the units, ordered by the names of their servers. Servers with other names are none of juju's.
func list(ctx context.Context) ([]unit, error) {
	compute, err := auth.Compute(ctx)
	if err != nil {
		return nil, err
	}
	pages, err := servers.List(compute, servers.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		return nil, fmt.Errorf("cannot list servers: %w", err)
	}
	slices.SortFunc(all, func(a, b servers.Server) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	var units []unit
	for _, s := range all {
		if m := serverName.FindStringSubmatch(s.Name); m != nil {
			number, _ := strconv.Atoi(m[2]) // it has digits, and few
			units = append(units, unit{application: m[1], number: max(number-1, 0), machine: len(units), server: s.ID, active: s.Status == "ACTIVE",
				controller: s.Metadata["juju-is-controller"] == "true" || s.Metadata["juju-is-state"] == "true"})
		}
	}
	return units, nil
}

func only(units []unit, application string) []unit {
	return slices.DeleteFunc(units, func(u unit) bool { return u.application != application })
}

// object is a JSON object.
type object = map[string]any

func current(status string) object { return object{"current": status} }

// writeJSON writes the units in the dialect.
func (j standIn) writeJSON(units []unit) error {
	machines, applications := object{}, object{}
	for _, u := range units {
		if u.controller && !j.old() {
			continue // it is in a model of its own
		}
		machines[strconv.Itoa(u.machine)] = j.machine(u)
		if u.controller {
			continue
		}
		if applications[u.application] == nil {
			applications[u.application] = j.application(u.application)
		}
		applications[u.application].(object)["units"].(object)[u.name()] = j.unit(u)
	}
	answer := object{"machines": machines}
	if j.old() {
		answer["environment"], answer["services"] = j.model, applications
	} else {
		answer["applications"], answer["controller"] = applications, object{"timestamp": "00:00:00Z"}
		answer["model"] = object{"name": j.model, "type": "iaas", "controller": "stand-in", "version": strings.SplitN(j.version, "-", 2)[0]}
	}
	return json.NewEncoder(j.stdout).Encode(answer)
}

func (j standIn) machine(u unit) object {
	state := "pending"
	if u.active {
		state = "started"
	}
	if !j.old() {
		return j.withSeries(object{"instance-id": u.server, "juju-status": current(state), "machine-status": current("running")})
	}
	machine := object{"instance-id": u.server, "agent-state": state}
	if u.controller {
		machine["state-server-member-status"] = "has-vote"
	}
	return j.withSeries(machine)
}

func (j standIn) application(name string) object {
	application := j.withSeries(object{"charm": name, "exposed": false, "units": object{}})
	if j.old() {
		application["service-status"] = current("active")
	} else {
		application["application-status"] = current("active")
	}
	return application
}

func (j standIn) unit(u unit) object {
	machine := strconv.Itoa(u.machine)
	if j.old() {
		return object{"agent-state": "started", "machine": machine}
	}
	return object{"workload-status": current("active"), "juju-status": current("idle"), "machine": machine}
}

// withSeries adds what juju 3 calls a base.
func (j standIn) withSeries(o object) object {
	if strings.HasPrefix(j.version, "1.") || strings.HasPrefix(j.version, "2.") {
		o["series"] = "focal"
	} else {
		o["base"] = object{"name": "ubuntu", "channel": "22.04"}
	}
	return o
}

func writeTable(w io.Writer, units []unit) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := []string{"Unit\tMachine\tInst id"}
	for _, u := range units {
		if !u.controller {
			lines = append(lines, fmt.Sprintf("%s\t%d\t%s", u.name(), u.machine, u.server))
		}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(table, line); err != nil {
			return err
		}
	}
	return table.Flush()
}
