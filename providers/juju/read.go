package juju

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"launchpad.net/cdplan/providers/meter"
	"launchpad.net/cdplan/providers/resource"
)

// measurements is how many loads are measured at a time.
const measurements = 16

// Read asks about every model that is named once, and about all of them at the same time.
func (p *provider) Read(ctx context.Context, want []resource.Wanted) []resource.Reading {
	readings, wishes := make([]resource.Reading, len(want)), make([]wanted, len(want))
	models := map[string]*answer{}
	for i, w := range want {
		readings[i].Addr = w.Addr
		if wishes[i], _, readings[i].Err = declared(w.Addr, w.Config); readings[i].Err == nil {
			models[wishes[i].Model] = &answer{}
		}
	}
	var group sync.WaitGroup
	for model, a := range models {
		group.Go(func() { a.status, a.err = p.shared(ctx, model) })
	}
	group.Wait()
	for i := range readings {
		if r := &readings[i]; r.Err == nil {
			r.Units, r.Err = models[wishes[i].Model].units(r.Addr, wishes[i])
		}
	}
	return readings
}

// answer is what juju has answered about one model.
type answer struct {
	status status
	err    error
}

func (a answer) units(addr resource.Addr, w wanted) (*resource.Units, error) {
	if a.err != nil {
		return nil, a.err
	}
	units, err := a.status.units(w)
	if fault := (*resource.AttrError)(nil); errors.As(err, &fault) {
		fault.Addr = addr
	}
	return units, err
}

func (p *provider) site(model string) site { return site{p.program, model, p.timeout} }

// status asks juju now.
func (p *provider) status(ctx context.Context, model string) (s status, err error) {
	err = p.client.status(ctx, p.site(model), func(answer []byte) (err error) {
		s, err = parseStatus(answer)
		return err
	})
	return s, err
}

// shared takes the answer to the same question if somebody asks it just now. One who gives up does not spoil it for the others: they ask again.
func (p *provider) shared(ctx context.Context, model string) (status, error) {
	for {
		asked := false
		s, err, _ := p.reading.Do(model, func() (any, error) {
			asked = true
			return p.status(ctx, model)
		})
		if err == nil || asked || ctx.Err() != nil || !(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			return s.(status), err
		}
	}
}

// Measure measures all loads at the same time, but for a bound.
func (p *provider) Measure(ctx context.Context, want []resource.Wanted) []resource.Load {
	loads := make([]resource.Load, len(want))
	var group errgroup.Group
	group.SetLimit(measurements)
	for i, w := range want {
		group.Go(func() error {
			loads[i] = p.measure(ctx, w)
			return nil
		})
	}
	_ = group.Wait() // each load has its own error
	return loads
}

func (p *provider) measure(ctx context.Context, w resource.Wanted) resource.Load {
	load := resource.Load{At: p.now().UTC()}
	var source meter.Source
	if _, source, load.Err = declared(w.Addr, w.Config); load.Err != nil {
		return load
	}
	load.Source = source.String()
	load.Value, load.Err = source.Read(ctx)
	return load
}
