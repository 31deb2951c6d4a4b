package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"launchpad.net/cdplan/examples/stand-in/auth"
)

// How long things take.
const (
	bootsAfter    = time.Minute
	installsAfter = 2 * time.Minute
	worksAfter    = 3 * time.Minute
	goneAfter     = time.Minute
)

// What may go wrong.
const (
	faultQuota           = "quota"            // no server is given to a new unit
	faultInstallHook     = "install-hook"     // a new unit falls into a hook error once it has a server
	faultStopHook        = "stop-hook"        // a unit that is removed falls into a hook error
	faultStuckAllocating = "stuck-allocating" // a new unit never gets a server
	faultStuckDying      = "stuck-dying"      // a unit that is removed never goes
	faultStatusError     = "status-error"     // the units cannot be told of
	faultRefuseAdd       = "refuse-add"       // no unit is added
	faultLoggedOut       = "logged-out"       // a password is asked for
	faultHang            = "hang"             // no answer ever comes
)

// world is what there is. It is kept as JSON, and may be written by hand.
type world struct {
	Now      time.Time      `json:"now"`
	Next     map[string]int `json:"next"`     // the number of the next unit of each application, of which there may be none
	Machines int            `json:"machines"` // the number of the next machine
	Units    []*unit        `json:"units"`
	Faults   []string       `json:"faults"`

	path   string   // empty: it is not kept
	lock   *os.File // nil if it is not kept
	faults []string // those of the environment
}

// unit is one unit of an application, with its machine.
type unit struct {
	Application string    `json:"application"`
	Number      int       `json:"number"`
	Machine     int       `json:"machine"`
	Server      string    `json:"server,omitempty"`     // its id; empty until there is one
	Controller  bool      `json:"controller,omitempty"` // it is no unit: juju 1 has its own server among the machines
	Bare        bool      `json:"bare,omitempty"`       // it is no unit any more: juju 1 leaves the machine
	Born        time.Time `json:"born,omitzero"`        // zero: it has always worked
	Dying       time.Time `json:"dying,omitzero"`       // since when; zero: it stays

	active bool // its server is
}

func (u *unit) name() string { return fmt.Sprintf("%s/%d", u.Application, u.Number) }

// there says that it is a unit, and not a machine alone.
func (u *unit) there() bool { return !u.Controller && !u.Bare }

// open returns the world, locked, with its clock moved on.
func (j standIn) open() (*world, error) {
	w := &world{path: j.state, faults: j.faults}
	if j.state != "" {
		var err error
		if w.lock, err = os.OpenFile(j.state+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return nil, fmt.Errorf("cannot lock state: %w", err)
		}
		if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot lock state: %w", err), w.close())
		}
		text, err := os.ReadFile(j.state)
		if err == nil {
			err = json.Unmarshal(text, w)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("cannot read state %s: %w", j.state, err), w.close())
		}
	}
	if w.Now.IsZero() {
		w.Now = time.Now().UTC().Truncate(time.Second)
	}
	if w.Next == nil {
		w.Next = map[string]int{}
	}
	w.Now = w.Now.Add(j.step)
	for _, u := range w.Units {
		w.count(u)
	}
	return w, nil
}

// count sees to it that no number is given twice.
func (w *world) count(u *unit) {
	w.Machines = max(w.Machines, u.Machine+1)
	if !u.Controller {
		w.Next[u.Application] = max(w.Next[u.Application], u.Number+1)
	}
}

func (w *world) save() error {
	if w.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(w, "", "\t")
	if err != nil {
		return err
	}
	return renameio.WriteFile(w.path, append(text, '\n'), 0o600)
}

func (w *world) unlock() {
	_ = w.close() // a lock goes with its file
	w.lock = nil
}

func (w *world) close() error {
	if w.lock == nil {
		return nil
	}
	return w.lock.Close()
}

func (w *world) has(fault string) bool {
	return slices.Contains(w.Faults, fault) || slices.Contains(w.faults, fault)
}

// age returns how long ago the unit was added.
func (w *world) age(u *unit) time.Duration {
	if u.Born.IsZero() {
		return worksAfter
	}
	return w.Now.Sub(u.Born)
}

// settle lets happen what has come due.
func (w *world) settle(ctx context.Context, j standIn) error {
	compute := (*gophercloud.ServiceClient)(nil)
	if !j.kubernetes {
		var err error
		if compute, err = auth.Compute(ctx); err != nil {
			return err
		}
		if err := w.adopt(ctx, compute); err != nil {
			return err
		}
	}
	for _, u := range slices.Clone(w.Units) {
		if err := w.advance(ctx, compute, u, j.old()); err != nil {
			return errors.Join(err, w.save()) // what was done to the others counts
		}
	}
	return nil
}

func (w *world) advance(ctx context.Context, compute *gophercloud.ServiceClient, u *unit, old bool) error {
	due := !u.Dying.IsZero() && w.Now.Sub(u.Dying) >= goneAfter && !w.has(faultStuckDying) && !w.has(faultStopHook)
	switch {
	case due && old && u.there():
		u.Bare, u.Dying = true, time.Time{}
	case due:
		return w.drop(ctx, compute, u)
	case compute == nil || u.Server != "" || !u.Dying.IsZero() || w.age(u) < bootsAfter || w.has(faultQuota) || w.has(faultStuckAllocating):
	default:
		var err error
		u.Server, err = auth.Boot(ctx, compute, fmt.Sprintf("juju-%s-machine-%d", u.Application, u.Number+1), map[string]string{"juju-units-deployed": u.name()})
		u.active = err == nil
		return err
	}
	return nil
}

// drop takes the unit out of the world, and its server out of nova.
func (w *world) drop(ctx context.Context, compute *gophercloud.ServiceClient, u *unit) error {
	if u.Server != "" && compute != nil {
		if err := servers.Delete(ctx, compute, u.Server).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return fmt.Errorf("cannot delete server: %w", err)
		}
	}
	w.Units = slices.DeleteFunc(w.Units, func(other *unit) bool { return other == u })
	return nil
}

// serverName is what the stand-in for mojo calls a server: the application, and a number from 1.
var serverName = regexp.MustCompile(`^juju-(.+)-machine-([0-9]{1,9})$`)

// adopt makes units of the servers that are not known yet, and forgets those whose server is gone. Servers with other names are none of juju's.
func (w *world) adopt(ctx context.Context, compute *gophercloud.ServiceClient) error {
	pages, err := servers.List(compute, servers.ListOpts{}).AllPages(ctx)
	if err != nil {
		return fmt.Errorf("cannot list servers: %w", err)
	}
	all, err := servers.ExtractServers(pages)
	if err != nil {
		return fmt.Errorf("cannot list servers: %w", err)
	}
	w.Units = slices.DeleteFunc(w.Units, func(u *unit) bool {
		return u.Server != "" && !slices.ContainsFunc(all, func(s servers.Server) bool { return s.ID == u.Server })
	})
	slices.SortFunc(all, func(a, b servers.Server) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for _, s := range all {
		if m := serverName.FindStringSubmatch(s.Name); m != nil {
			number, _ := strconv.Atoi(m[2]) // it has digits, and few
			w.meet(s, m[1], max(number-1, 0))
		}
	}
	return nil
}

// meet finds the unit on a server, or makes one. No two units have the same number but those without a state, whose servers have the same name.
func (w *world) meet(s servers.Server, application string, number int) {
	i := slices.IndexFunc(w.Units, func(u *unit) bool { return u.Server == s.ID })
	if i < 0 {
		u := &unit{Application: application, Number: number, Machine: w.Machines, Server: s.ID,
			Controller: s.Metadata["juju-is-controller"] == "true" || s.Metadata["juju-is-state"] == "true"}
		if slices.ContainsFunc(w.Units, func(other *unit) bool { return other.name() == u.name() && other.there() }) {
			u.Number = w.Next[application]
		}
		w.count(u)
		w.Units, i = append(w.Units, u), len(w.Units)
	}
	w.Units[i].active = s.Status == "ACTIVE"
}
