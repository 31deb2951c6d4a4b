package state

import (
	"context"
	"database/sql"
	"time"
)

// Sample is what was known of the size of a service at one time, and what its load asked for.
type Sample struct {
	At     time.Time // UTC
	Known  bool      // the load could be measured
	Load   float64
	Units  int // that there were, but for those that left
	Wanted int // that the load asked for by itself; the Units where it was not known
}

// Resized is a change of the size of a service that was begun.
type Resized struct {
	At     time.Time `json:"-"` // when it was begun, UTC
	From   int       `json:"from"`
	To     int       `json:"to"`
	Remove []string  `json:"remove,omitempty"` // the units that were named to go
	Known  bool      `json:"known"`            // the load could be measured
	Load   float64   `json:"load"`
	Sum    string    `json:"sum"` // how it was come by
	Result string    `json:"-"`   // of the attempt; empty as long as its end is not known
}

// Sample notes what is known of the size of a service now, and forgets what is older than keep.
func (j *Journal) Sample(ctx context.Context, service string, s Sample, keep time.Duration) error {
	return j.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE service = ? AND at < ?", service, formatTime(s.At.Add(-keep))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO samples (service, at, known, load, units, wanted) VALUES (?, ?, ?, ?, ?, ?)",
			service, formatTime(s.At), s.Known, s.Load, s.Units, s.Wanted)
		return err
	})
}

// readSamples reads those of every service, the oldest first.
func (j *Journal) readSamples(ctx context.Context, p *Past) error {
	return j.each(ctx, func(rows *sql.Rows) error {
		var service, at string
		var s Sample
		if err := rows.Scan(&service, &at, &s.Known, &s.Load, &s.Units, &s.Wanted); err != nil {
			return err
		}
		s.At = parseTime(at)
		p.update(service, func(past *ServicePast) { past.Samples = append(past.Samples, s) })
		return nil
	}, "SELECT service, at, known, load, units, wanted FROM samples ORDER BY service, at")
}

// MaxResized is how many of the last changes of a service's size are told.
const MaxResized = 20

// readResized reads the last changes of size of every service.
func (j *Journal) readResized(ctx context.Context, p *Past) error {
	attempts, err := j.attempts(ctx, `id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY service ORDER BY id DESC) AS nth
		FROM attempts WHERE size <> '') WHERE nth <= ?) ORDER BY id`, MaxResized)
	for _, a := range attempts {
		resized := *a.Size
		resized.Result = a.Result
		p.update(a.Service, func(s *ServicePast) { s.Resized = append(s.Resized, resized) })
	}
	return err
}
