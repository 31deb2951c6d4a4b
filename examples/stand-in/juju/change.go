package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"launchpad.net/cdplan/examples/stand-in/auth"
)

var errNoState = errors.New("this stand-in keeps nothing: set $JUJU_STANDIN_STATE to the path of a file, so that units can be added and removed")

// changeable returns why the units of an application cannot be changed.
func (w *world) changeable(application string) error {
	if w.path == "" {
		return errNoState
	}
	if _, known := w.Next[application]; !known {
		return fmt.Errorf("application %q not found", application)
	}
	return nil
}

func (j standIn) addUnit(_ context.Context, w *world, o options) error {
	switch {
	case len(o.args) != 1:
		return errors.New("no application specified")
	case o.units < 1:
		return errors.New("--num-units must be a positive integer")
	}
	return w.add(o.args[0], o.units)
}

func (w *world) add(application string, n int) error {
	if err := w.changeable(application); err != nil {
		return err
	}
	if w.has(faultRefuseAdd) {
		return fmt.Errorf("cannot add unit: application %q is not to be changed", application)
	}
	for range n {
		u := &unit{Application: application, Number: w.Next[application], Machine: w.Machines, Born: w.Now}
		w.count(u)
		w.Units = append(w.Units, u)
	}
	return nil
}

// find returns the unit of that name.
func (w *world) find(name string) (*unit, error) {
	i := slices.IndexFunc(w.Units, func(u *unit) bool { return u.there() && u.name() == name })
	if i < 0 {
		return nil, fmt.Errorf("unit %q not found", name)
	}
	return w.Units[i], nil
}

// removeUnit finds all of them before it touches one. Juju 3 asks back.
func (j standIn) removeUnit(_ context.Context, w *world, o options) error {
	switch {
	case w.path == "":
		return errNoState
	case j.kubernetes:
		return errors.New("models of Kubernetes only support --num-units")
	case len(o.args) == 0:
		return errors.New("no units specified")
	}
	var units []*unit
	for _, name := range o.args {
		u, err := w.find(name)
		if err != nil {
			return err
		}
		units = append(units, u)
	}
	if asks, _ := j.asks(); asks && !o.noPrompt {
		if err := j.confirm(o.args); err != nil {
			return err
		}
	}
	for _, u := range units {
		w.kill(u)
	}
	return nil
}

func (w *world) kill(u *unit) {
	if u.Dying.IsZero() {
		u.Dying = w.Now
	}
}

func (j standIn) confirm(names []string) error {
	if _, err := fmt.Fprintf(j.stdout, "will remove unit %s\n\nContinue [y/N]? ", strings.Join(names, ", ")); err != nil {
		return err
	}
	if text, err := j.line(); err != nil || text != "y" {
		return errors.New("unit removal: aborted")
	}
	return nil
}

// destroyMachine takes the machines that have no unit.
func (j standIn) destroyMachine(ctx context.Context, w *world, o options) error {
	if w.path == "" {
		return errNoState
	}
	compute, err := auth.Compute(ctx)
	if err != nil {
		return err
	}
	for _, number := range o.args {
		i := slices.IndexFunc(w.Units, func(u *unit) bool { return strconv.Itoa(u.Machine) == number })
		switch {
		case i < 0:
			err = fmt.Errorf("machine %s not found", number)
		case w.Units[i].Controller:
			err = fmt.Errorf("no machines were destroyed: machine %s is required by the environment", number)
		case w.Units[i].there():
			err = fmt.Errorf("no machines were destroyed: machine %s has unit %q assigned", number, w.Units[i].name())
		default:
			err = w.drop(ctx, compute, w.Units[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scale lets the units with the highest numbers go.
func (j standIn) scale(_ context.Context, w *world, o options) error {
	if len(o.args) != 2 {
		return errors.New("no application or scale specified")
	}
	n, err := strconv.Atoi(o.args[1])
	switch {
	case !j.kubernetes:
		return errors.New("scaling applications is only supported in Kubernetes models")
	case err != nil || n < 0:
		return fmt.Errorf("invalid scale %q", o.args[1])
	}
	if err := w.changeable(o.args[0]); err != nil {
		return err
	}
	alive := slices.DeleteFunc(only(slices.Clone(w.Units), o.args[0]), func(u *unit) bool { return !u.there() || !u.Dying.IsZero() })
	slices.SortFunc(alive, func(a, b *unit) int { return a.Number - b.Number })
	if n > len(alive) {
		return w.add(o.args[0], n-len(alive))
	}
	for _, u := range alive[n:] {
		w.kill(u)
	}
	return nil
}
