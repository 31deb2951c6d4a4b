// Package state holds what is: the readings that Refresh takes through the providers, and what an attempt keeps on this host, its lock and
// its log. What is deployed is never kept here; the servers say that.
package state

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// Readings holds what was read, by address.
type Readings map[resource.Addr]resource.Reading

// Refresh reads everything that is wanted, each type with one call and all types at once. It returns when all of them have answered; the
// context bounds how long that may take. Everything wanted has a reading afterwards, if only one that says why there is none.
func Refresh(ctx context.Context, types map[string]providers.Resource, want []resource.Wanted) Readings {
	var (
		mu       sync.Mutex
		wg       sync.WaitGroup
		readings = make(Readings, len(want))
	)
	for typ, wanted := range byType(want) {
		wg.Go(func() {
			read := readType(ctx, types[typ], wanted)
			mu.Lock()
			defer mu.Unlock()
			for i, w := range wanted {
				readings[w.Addr] = read[i]
			}
		})
	}
	wg.Wait()
	return readings
}

func byType(want []resource.Wanted) map[string][]resource.Wanted {
	groups := map[string][]resource.Wanted{}
	for _, w := range want {
		groups[w.Addr.Type] = append(groups[w.Addr.Type], w)
	}
	return groups
}

func readType(ctx context.Context, typ providers.Resource, want []resource.Wanted) []resource.Reading {
	var read []resource.Reading
	err := errors.New("no provider answered for this resource")
	if typ != nil {
		caught := providers.Catch(func() error {
			read = typ.Read(ctx, want)
			return nil
		})
		err = cmp.Or(caught, err)
	}
	for i := len(read); i < len(want); i++ {
		read = append(read, resource.Reading{Addr: want[i].Addr, Err: err})
	}
	return read
}

// Histories asks for the history of every span, each type with one call and all types at once. A type that has no history to tell is
// left out of the answer.
func Histories(ctx context.Context, types map[string]providers.Resource, spans []resource.Span) map[resource.Addr]resource.History {
	groups := map[string][]resource.Span{}
	for _, span := range spans {
		groups[span.Addr.Type] = append(groups[span.Addr.Type], span)
	}
	var (
		mu        sync.Mutex
		wg        sync.WaitGroup
		histories = make(map[resource.Addr]resource.History, len(spans))
	)
	for typ, group := range groups {
		historian, ok := types[typ].(providers.Historian)
		if !ok {
			continue
		}
		wg.Go(func() {
			told := history(ctx, historian, group)
			mu.Lock()
			defer mu.Unlock()
			for _, history := range told {
				histories[history.Addr] = history
			}
		})
	}
	wg.Wait()
	return histories
}

// history asks for that of one type. Where its provider fails as a whole, nothing of it is told.
func history(ctx context.Context, historian providers.Historian, spans []resource.Span) (told []resource.History) {
	err := providers.Catch(func() error {
		told = historian.History(ctx, spans)
		return nil
	})
	if err == nil {
		return told
	}
	told = make([]resource.History, len(spans))
	for i, span := range spans {
		told[i] = resource.History{Addr: span.Addr, Err: err}
	}
	return told
}

// Measure asks for the load of everything that is wanted, each type with one call and all types at once. A type that has no load to tell is left out
// of the answer.
func Measure(ctx context.Context, types map[string]providers.Resource, want []resource.Wanted) map[resource.Addr]resource.Load {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		loads = make(map[resource.Addr]resource.Load, len(want))
	)
	for typ, wanted := range byType(want) {
		scaler, ok := types[typ].(providers.Scaler)
		if !ok {
			continue
		}
		wg.Go(func() {
			measured := measure(ctx, scaler, wanted)
			mu.Lock()
			defer mu.Unlock()
			for i, load := range measured {
				loads[wanted[i].Addr] = load
			}
		})
	}
	wg.Wait()
	return loads
}

// measure measures one type. Where its provider fails as a whole, nothing of it is measured.
func measure(ctx context.Context, scaler providers.Scaler, want []resource.Wanted) (loads []resource.Load) {
	err := providers.Catch(func() error {
		loads = scaler.Measure(ctx, want)
		return nil
	})
	if err == nil {
		return loads
	}
	loads = make([]resource.Load, len(want))
	for i := range loads {
		loads[i] = resource.Load{At: time.Now().UTC(), Err: err}
	}
	return loads
}
