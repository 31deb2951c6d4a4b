package juju

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// mostFailures is how often in a row juju may fail to tell how units come or go.
const mostFailures = 3

// Apply makes juju add or remove units, and returns once those added have a server, or those removed are gone. It first sees whether there are as many
// as the step begins with. Where it gives up, juju goes on by itself, and the next reading tells how far it has come.
func (p *provider) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	return step.Want, p.resize(ctx, step, func(format string, args ...any) {
		events(resource.Event{Addr: step.Addr, Text: fmt.Sprintf(format, args...)})
	})
}

func (p *provider) resize(ctx context.Context, step resource.Step, tell func(format string, args ...any)) error {
	w, _, err := declared(step.Addr, step.Want)
	if err != nil {
		return err
	}
	if step.Resize == nil {
		return errors.New("it is not said how many units there are to be")
	}
	if timeout := step.Resize.Timeout; timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it takes longer than the timeout of %s", timeout))
		defer cancel()
	}
	r := &resizing{provider: p, wanted: w, Resize: *step.Resize, tell: tell, told: map[string]string{}}
	return r.run(ctx)
}

// resizing is a change of the number of units on its way.
type resizing struct {
	*provider
	wanted
	resource.Resize
	version string
	tell    func(format string, args ...any)
	told    map[string]string // what was told of a unit last
}

// look is what juju tells at one time.
type look struct {
	status
	units []resource.Unit
}

func (r *resizing) look(ctx context.Context) (look, error) {
	s, err := r.status(ctx, r.Model)
	if err != nil {
		return look{}, err
	}
	units, err := s.units(r.wanted)
	if err != nil {
		return look{}, err
	}
	return look{s, units.List}, nil
}

// count tells how many units there are that do not leave.
func (l look) count() int {
	n := 0
	for _, u := range l.units {
		if u.State != resource.UnitLeaving {
			n++
		}
	}
	return n
}

func (l look) find(name string) (u resource.Unit, there bool) {
	i := slices.IndexFunc(l.units, func(u resource.Unit) bool { return u.Name == name })
	if i < 0 {
		return u, false
	}
	return l.units[i], true
}

func (r *resizing) run(ctx context.Context) (err error) {
	if r.version, err = r.client.version(ctx, r.site(r.Model)); err != nil {
		return err
	}
	before, err := r.look(ctx)
	if err != nil {
		return err
	}
	if n := before.count(); n != r.From {
		return fmt.Errorf("nothing was changed: application %s has %d units by now, not %d", r.Application, n, r.From)
	}
	switch {
	case r.To == r.From:
		return nil
	case before.kubernetes():
		return r.scale(ctx, before)
	case r.To > r.From:
		return r.add(ctx, before)
	}
	return r.remove(ctx, before)
}

// command has juju begin something, which goes on after this has returned.
func (r *resizing) command(ctx context.Context, name string, args ...string) error {
	options, err := modelArgs(r.version, r.Model)
	if err != nil {
		return err
	}
	if _, err = r.client.run(ctx, r.site(r.Model), slices.Concat([]string{name}, options, args)...); err != nil {
		return fmt.Errorf("cannot run %s %s for application %s in %s: %w", r.program, name, r.Application, place(r.version, r.Model), err)
	}
	return nil
}

// add waits until as many units as were asked for are there, and every unit that was not there before has a server.
func (r *resizing) add(ctx context.Context, before look) error {
	n := r.To - r.From
	if err := r.command(ctx, "add-unit", "-n", strconv.Itoa(n), r.Application); err != nil {
		return err
	}
	var added []string
	return r.wait(ctx, func(now look) (missing string, err error) {
		for _, u := range slices.Backward(now.units) {
			if _, old := before.find(u.Name); !old && !slices.Contains(added, u.Name) {
				added = append(added, u.Name)
			}
		}
		for _, name := range added {
			arrived, err := r.arrived(now, name)
			if err != nil {
				return "", err
			}
			if !arrived && missing == "" {
				missing = "unit " + name + " has no server yet"
			}
		}
		if len(added) < n {
			missing = fmt.Sprintf("juju tells of %d of %d new units", len(added), n)
		}
		return missing, nil
	})
}

// arrived says whether a unit that was added has a server.
func (r *resizing) arrived(now look, name string) (bool, error) {
	u, there := now.find(name)
	failure := now.failure(now.Applications[r.Application].Units[name])
	switch {
	case !there || u.State == resource.UnitLeaving:
		return false, fmt.Errorf("unit %s was added, and somebody removes it", name)
	case failure != nil && failure.machine != "":
		return false, fmt.Errorf("juju cannot start machine %s for unit %s: %s", failure.machine, name, failure.text)
	case failure != nil:
		return false, fmt.Errorf("unit %s was added, and does not start: %s", name, failure.text)
	case u.Place == "":
		r.say(name, u.Text)
		return false, nil
	}
	r.say(name, "it has a server")
	return true, nil
}

// say tells of a unit what was not told last.
func (r *resizing) say(name, text string) {
	if r.told[name] != text {
		r.told[name] = text
		r.tell("%s: %s", name, text)
	}
}

// wait looks until nothing is missing any more.
func (r *resizing) wait(ctx context.Context, missing func(now look) (string, error)) error {
	what, failures := "juju has not told how far it is", 0
	for {
		now, err := r.look(ctx)
		if err == nil {
			failures = 0
			if what, err = missing(now); err != nil || what == "" {
				return err
			}
		} else if failures++; failures == mostFailures && ctx.Err() == nil {
			return fmt.Errorf("%s, and cannot be asked any more; it goes on by itself: %w", what, err)
		}
		select {
		case <-time.After(r.poll):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w. Juju goes on by itself", what, context.Cause(ctx))
		}
	}
}

// remove waits until the units are gone. Juju 1 leaves their machines behind, which are then destroyed; all others see to that themselves.
func (r *resizing) remove(ctx context.Context, before look) error {
	for _, name := range r.Remove {
		if err := r.removable(before, name); err != nil {
			return fmt.Errorf("nothing was removed: %w", err)
		}
	}
	if n := r.From - r.To; len(r.Remove) != n {
		return fmt.Errorf("nothing was removed: %d units are to go, and %d are named", n, len(r.Remove))
	}
	if err := r.command(ctx, removal(r.version), append(noPrompt(r.version), r.Remove...)...); err != nil {
		return err
	}
	var after look
	err := r.wait(ctx, func(now look) (string, error) {
		after = now
		return r.left(now)
	})
	if err != nil || !isFirst(r.version) {
		return err
	}
	return r.destroyMachines(ctx, before, after)
}

var unitName = regexp.MustCompile(`^(.+)/[0-9]+$`)

// removable returns why a unit must not be removed.
func (r *resizing) removable(before look, name string) error {
	parts := unitName.FindStringSubmatch(name)
	if parts == nil || parts[1] != r.Application {
		return fmt.Errorf("%q is no unit of application %s", name, r.Application)
	}
	u, there := before.find(name)
	switch {
	case !there || u.State == resource.UnitLeaving:
		return fmt.Errorf("unit %s is not there any more", name)
	case u.Busy != "":
		return fmt.Errorf("unit %s cannot go now: %s", name, u.Busy)
	case u.Last && r.To > 0:
		return fmt.Errorf("unit %s is the leader by now", name)
	}
	return nil
}

// removal is the command by which a juju of that version removes units.
func removal(version string) string {
	if isFirst(version) {
		return "destroy-unit"
	}
	return "remove-unit"
}

// noPrompt returns the option that keeps juju from asking back, for a version that knows it: 3 asks without it, and 2.9 takes it for nothing.
func noPrompt(version string) []string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || major < 2 || major == 2 && minor < 9 {
		return nil
	}
	return []string{"--no-prompt"}
}

// left tells of the first unit that is not gone yet. One in error does not go before a person has seen to it.
func (r *resizing) left(now look) (missing string, err error) {
	for _, name := range r.Remove {
		u, there := now.find(name)
		if !there {
			r.say(name, "it is gone")
			continue
		}
		if failure := now.failure(now.Applications[r.Application].Units[name]); failure != nil && failure.unit {
			return "", r.stays(name, failure)
		}
		r.say(name, u.Text)
		missing = cmp.Or(missing, "unit "+name+" is not gone yet")
	}
	return missing, nil
}

// stays is the error of a unit that does not go.
func (r *resizing) stays(name string, failure *failure) error {
	return fmt.Errorf("unit %s was told to go, and does not: %s. Juju goes on once that is resolved: %s resolved %s", name, failure.text, r.program, name)
}

// destroyMachines destroys the machines of the units that were removed, if nothing is left on them. That a host was left by a container of it does not
// count.
func (r *resizing) destroyMachines(ctx context.Context, before, after look) error {
	var machines []string
	for _, name := range r.Remove {
		number := before.Applications[r.Application].Units[name].Machine
		if after.idle(number) && !slices.Contains(machines, number) {
			machines = append(machines, number)
		}
	}
	if len(machines) == 0 {
		return nil
	}
	if err := r.command(ctx, "destroy-machine", machines...); err != nil {
		return fmt.Errorf("the units are gone, and their machines are not: %w", err)
	}
	return nil
}

// idle says whether a machine is there that has neither units nor containers, and that juju itself does not need.
func (s status) idle(number string) bool {
	on := s.machines(number)
	if number == "" || len(on) == 0 {
		return false
	}
	m := on[len(on)-1]
	if m.number != number || m.controls() || len(m.Containers) > 0 || gone(m.Life) {
		return false
	}
	for _, app := range s.Applications {
		for _, u := range app.Units {
			if u.Machine == number {
				return false
			}
		}
	}
	return true
}

// scale tells a model of Kubernetes how many units there are to be. It chooses by itself which go.
func (r *resizing) scale(ctx context.Context, before look) error {
	if err := r.command(ctx, "scale-application", r.Application, strconv.Itoa(r.To)); err != nil {
		return err
	}
	return r.wait(ctx, func(now look) (missing string, err error) {
		for _, u := range now.units {
			failure := now.failure(now.Applications[r.Application].Units[u.Name])
			_, old := before.find(u.Name)
			switch {
			case failure == nil:
			case !old:
				return "", fmt.Errorf("unit %s was added, and does not start: %s", u.Name, failure.text)
			case failure.unit && u.State == resource.UnitLeaving:
				return "", r.stays(u.Name, failure)
			}
		}
		if n := len(now.units); n != r.To {
			missing = fmt.Sprintf("there are %d units, not %d yet", n, r.To)
			r.say(r.Application, missing)
		}
		return missing, nil
	})
}
