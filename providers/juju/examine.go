package juju

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"launchpad.net/cdplan/providers/resource"
)

// Examine asks juju for its version and for the units of every service, and measures every load. Where no service has units that follow a load, juju is
// not needed, and nothing is asked.
func (p *provider) Examine(ctx context.Context, want []resource.Wanted) []resource.Finding {
	if len(want) == 0 {
		return nil
	}
	var readings []resource.Reading
	var loads []resource.Load
	var group sync.WaitGroup
	group.Go(func() { readings = p.Read(ctx, want) })
	group.Go(func() { loads = p.Measure(ctx, want) })
	program := resource.Finding{Name: "program", Value: p.program}
	version, err := p.client.version(ctx, p.site(""))
	if err != nil {
		program.Err = err
	}
	group.Wait()
	found := []resource.Finding{program}
	if version != "" {
		found = append(found, resource.Finding{Name: "version", Value: version})
	}
	for i, w := range want {
		if err != nil && !errors.As(readings[i].Err, new(*resource.AttrError)) {
			readings[i] = resource.Reading{} // what there is to say of it was said of the program
		}
		found = append(found, examined(w, readings[i], loads[i]))
	}
	return found
}

// examined tells how many units a service has, and its load.
func examined(w resource.Wanted, reading resource.Reading, load resource.Load) resource.Finding {
	found := resource.Finding{Name: "units of " + w.Addr.Service}
	if errors.As(reading.Err, new(*resource.AttrError)) || errors.As(load.Err, new(*resource.AttrError)) {
		found.Value = "see cdplan validate" // which tells the line
		return found
	}
	if load.Err != nil {
		load.Err = fmt.Errorf("no data of %s: %w", cmp.Or(load.Source, "its load"), load.Err)
	}
	if found.Err = errors.Join(reading.Err, load.Err); found.Err != nil {
		return found
	}
	found.Value = fmt.Sprintf("load %s, %s", strconv.FormatFloat(load.Value, 'f', -1, 64), load.Source)
	if reading.Units != nil {
		found.Value = fmt.Sprintf("%d; %s", look{units: reading.Units.List}.count(), found.Value)
	}
	return found
}
