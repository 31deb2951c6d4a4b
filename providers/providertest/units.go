package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

func unitsSchema() resource.Schema {
	attrs := map[string]resource.Attr{"service": {Type: cty.String, Required: true, Public: true, Doc: "The service's name."}}
	maps.Copy(attrs, resource.ScalingAttrs())
	return resource.Schema{Doc: "Units of which there are as many as a load asks for.", Role: resource.Sized, Attrs: attrs}
}

// SetUnits says which units a service has, in the order in which they are removed.
func (m *Memory) SetUnits(service string, list ...resource.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units[service] = resource.Units{List: slices.Clone(list)}
}

// Units returns the names of the units of a service, in the order in which they are removed.
func (m *Memory) Units(service string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, u := range m.units[service].List {
		names = append(names, u.Name)
	}
	return names
}

// SetLoad says what every Measure of the service's load answers. Without it the load cannot be measured.
func (m *Memory) SetLoad(service string, load resource.Load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads[service] = load
}

// Measured says how often loads were asked for.
func (m *Memory) Measured() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.measured
}

// units is the type memory_units.
type units struct{ *Memory }

// sized is what of a declaration counts here; the policy is the planner's.
type sized struct {
	Service string `cty:"service"`
}

func serviceOf(config resource.Object) (string, error) {
	var wanted sized
	err := resource.Decode(resource.Part(config, map[string]resource.Attr{"service": unitsSchema().Attrs["service"]}), &wanted)
	return wanted.Service, err
}

// Read returns the units of each service.
func (u units) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	return u.read(ctx, UnitsType, want, func(w resource.Wanted) resource.Reading {
		service, err := serviceOf(w.Config)
		if err != nil {
			return resource.Reading{Err: err}
		}
		found := u.units[service]
		found.List = slices.Clone(found.List)
		return resource.Reading{Units: &found}
	})
}

// Measure returns the load of each service.
func (u units) Measure(_ context.Context, want []resource.Wanted) []resource.Load {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.measured++
	loads := make([]resource.Load, len(want))
	for i, w := range want {
		service, err := serviceOf(w.Config)
		load, ok := u.loads[service]
		switch {
		case err != nil:
			load.Err = err
		case !ok:
			load.Err = errors.New("there is no load")
		}
		loads[i] = load
	}
	return loads
}

// Apply adds units, each on a server of its own that carries no record yet, or removes those that are named, with their servers.
func (u units) Apply(ctx context.Context, step resource.Step, events func(resource.Event)) (resource.Object, error) {
	events(resource.Event{Addr: step.Addr, Text: "resizing"})
	if err := u.begin(ctx, step); err != nil {
		return step.Want, err
	}
	service, err := serviceOf(step.Want)
	if err != nil {
		return step.Want, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.units[service].List); n != step.Resize.From {
		return step.Want, fmt.Errorf("it has %d units by now, not %d", n, step.Resize.From)
	}
	for range step.Resize.To - step.Resize.From {
		u.addUnit(service)
	}
	for _, name := range step.Resize.Remove {
		u.removeUnit(service, name)
	}
	return step.Want, nil
}

// addUnit adds a unit with the next number, and its server. The caller holds the lock.
func (m *Memory) addUnit(service string) {
	next := 0
	for _, u := range m.units[service].List {
		_, number, _ := strings.Cut(u.Name, "/")
		if n, err := strconv.Atoi(number); err == nil {
			next = max(next, n+1)
		}
	}
	unit := resource.Unit{Name: fmt.Sprintf("%s/%d", service, next), State: resource.UnitStarting, Place: fmt.Sprintf("server-%d", next)}
	found := m.units[service]
	found.List = append([]resource.Unit{unit}, found.List...)
	m.units[service] = found
	m.copies[service] = append(slices.Clone(m.copies[service]), resource.Copy{ID: unit.Place, Name: unit.Place})
}

// removeUnit removes a unit and its server. The caller holds the lock.
func (m *Memory) removeUnit(service, name string) {
	found, place := m.units[service], ""
	found.List = slices.DeleteFunc(slices.Clone(found.List), func(u resource.Unit) bool {
		if u.Name == name {
			place = u.Place
		}
		return u.Name == name
	})
	m.units[service] = found
	m.copies[service] = slices.DeleteFunc(slices.Clone(m.copies[service]), func(c resource.Copy) bool { return c.ID == place && place != "" })
}
