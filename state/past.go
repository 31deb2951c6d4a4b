package state

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"
)

// Past is what a journal tells a plan. The zero Past is that of a host that has done nothing yet.
type Past struct {
	Services map[string]ServicePast
	Breaker  *Breaker // nil if it is closed
	Seen     []string // the services that the last complete run saw, sorted
}

// ServicePast is what a journal tells of one service.
type ServicePast struct {
	Last   *Attempt            // the newest that was not to change the size; nil if there is none
	Failed map[string]Failures // by the hash of the revisions: failures blamed on them
	Host   Failures            // failures blamed on the host
	Hold   *Hold               // the one in force; nil if there is none
	Usual  Usual               // how long a deploy takes

	Samples []Sample  // of the size, the oldest first
	Resized []Resized // the last changes of the size that were begun, MaxResized at most, however they ended, the oldest first
	Resizes Failures  // failures to change the size, since that last succeeded or was forgiven

	UsualResize Usual // how long it takes to change the size

	// Unfinished is the newest attempt of all, if its end is not known.
	Unfinished *Attempt
}

// Usual tells how long something takes, from the last ten times that it succeeded, in whole seconds. It is zero if there were fewer than three.
type Usual struct {
	Median time.Duration
	P90    time.Duration // the 90th percentile, by nearest rank: at most one in ten took longer
}

// Failures are those of a service since it last succeeded or was forgiven.
type Failures struct {
	Count int
	Last  Attempt
}

// Hold keeps a service from being deployed.
type Hold struct {
	Service string
	Begin   time.Time // UTC
	Until   time.Time // UTC
	User    string
	Reason  string
}

// Breaker is open while this host, and no revision, seems to be what makes deploys fail.
type Breaker struct {
	Opened   time.Time // UTC
	Last     time.Time // the last failure, UTC
	Failures int       // runs that failed since, the one that opened it included
	Error    string    // what they have in common
}

// Past reads all that a plan has to know at that time. A nil journal has no past.
func (j *Journal) Past(ctx context.Context, now time.Time) (p Past, err error) {
	p.Services = map[string]ServicePast{}
	for _, read := range []func(context.Context, *Past) error{j.readLast, j.readFailures, j.readSamples, j.readResized, j.readUsual, j.readBreaker, j.readSeen} {
		if err := read(ctx, &p); err != nil {
			return p, err
		}
	}
	holds, err := j.Holds(ctx, now)
	for _, hold := range holds {
		p.update(hold.Service, func(s *ServicePast) { s.Hold = &hold })
	}
	return p, err
}

func (p *Past) update(service string, change func(*ServicePast)) {
	s := p.Services[service]
	change(&s)
	p.Services[service] = s
}

func (j *Journal) readLast(ctx context.Context, p *Past) error {
	attempts, err := j.attempts(ctx, "id IN (SELECT MAX(id) FROM attempts GROUP BY service, size = '') ORDER BY id")
	for _, a := range attempts {
		p.update(a.Service, func(s *ServicePast) { s.last(a) })
	}
	return err
}

// last takes the newest attempt of a kind. The newest of all comes last.
func (s *ServicePast) last(a Attempt) {
	if s.Unfinished = nil; a.Result == "" {
		s.Unfinished = &a
	}
	if a.Size == nil {
		s.Last = &a
	}
}

// since are the attempts of a kind after the last that succeeded: those to change the size, and all others. A deploy makes new what the size is of.
const since = `id > (SELECT COALESCE(MAX(s.id), 0) FROM attempts s
	WHERE s.service = attempts.service AND ((s.size = '') = (attempts.size = '') AND s.result IN ('deployed', 'recorded', 'scaled') OR s.result = 'deployed'))`

// unforgiven are the attempts that failed since then.
const unforgiven = "result = 'failed' AND forgiven = '' AND " + since

// Service reads what Past does of one service, but for Hold, Samples, Resized and how long things take.
func (j *Journal) Service(ctx context.Context, service string) (s ServicePast, err error) {
	last, err := j.attempts(ctx, "id IN (SELECT MAX(id) FROM attempts WHERE service = ? GROUP BY size = '') ORDER BY id", service)
	if err != nil {
		return s, err
	}
	for _, a := range last {
		s.last(a)
	}
	failed, err := j.attempts(ctx, "service = ? AND "+unforgiven+" ORDER BY id", service)
	for _, a := range failed {
		s.fail(a)
	}
	return s, err
}

// readFailures counts, for each service, what failed since it last succeeded.
func (j *Journal) readFailures(ctx context.Context, p *Past) error {
	attempts, err := j.attempts(ctx, unforgiven+" ORDER BY id")
	for _, a := range attempts {
		p.update(a.Service, func(s *ServicePast) { s.fail(a) })
	}
	return err
}

// fail counts a failure. The newest comes last.
func (s *ServicePast) fail(a Attempt) {
	if a.Size != nil {
		s.Resizes = Failures{s.Resizes.Count + 1, a}
		return
	}
	if a.Blame == BlameHost {
		s.Host = Failures{s.Host.Count + 1, a}
		return
	}
	if s.Failed == nil {
		s.Failed = map[string]Failures{}
	}
	s.Failed[a.Hash] = Failures{s.Failed[a.Hash].Count + 1, a}
}

// Add counts one more attempt, the newest, whose end was learnt only now.
func (s *ServicePast) Add(a Attempt) {
	s.Unfinished = nil
	if a.Size == nil {
		s.Last = &a
	}
	if a.Result == "failed" {
		s.Failed = maps.Clone(s.Failed)
		s.fail(a)
	}
}

// How many of the last attempts of a kind tell how long one takes, and how many it takes to tell.
const (
	recent    = 10
	minRecent = 3
)

func (j *Journal) readUsual(ctx context.Context, p *Past) error {
	type kind struct {
		service string
		resize  bool
	}
	took := map[kind][]time.Duration{}
	err := j.each(ctx, func(rows *sql.Rows) error {
		var k kind
		var begin, end string
		if err := rows.Scan(&k.service, &k.resize, &begin, &end); err != nil {
			return err
		}
		took[k] = append(took[k], parseTime(end).Sub(parseTime(begin)))
		return nil
	}, `SELECT service, resize, begin, end FROM (SELECT *, size <> '' AS resize, ROW_NUMBER() OVER (PARTITION BY service, size <> '' ORDER BY id DESC) AS nth
		FROM attempts WHERE result IN ('deployed', 'scaled') AND end >= begin) WHERE nth <= ?`, recent)
	for k, durations := range took {
		usual := usual(durations)
		p.update(k.service, func(s *ServicePast) {
			if k.resize {
				s.UsualResize = usual
			} else {
				s.Usual = usual
			}
		})
	}
	return err
}

// usual sorts the durations.
func usual(durations []time.Duration) Usual {
	if len(durations) < minRecent {
		return Usual{}
	}
	slices.Sort(durations)
	return Usual{Median: durations[len(durations)/2].Truncate(time.Second), P90: durations[(9*len(durations)+9)/10-1].Truncate(time.Second)}
}

func (j *Journal) readBreaker(ctx context.Context, p *Past) (err error) {
	p.Breaker, err = j.Breaker(ctx)
	return err
}

// Breaker returns nil if it is closed.
func (j *Journal) Breaker(ctx context.Context) (open *Breaker, err error) {
	err = j.each(ctx, func(rows *sql.Rows) error {
		var b Breaker
		var opened, last string
		if err := rows.Scan(&opened, &last, &b.Failures, &b.Error); err != nil {
			return err
		}
		b.Opened, b.Last = parseTime(opened), parseTime(last)
		open = &b
		return nil
	}, "SELECT opened, last, failures, error FROM breaker")
	return open, err
}

func (j *Journal) readSeen(ctx context.Context, p *Past) error {
	return j.each(ctx, func(rows *sql.Rows) error {
		var service string
		err := rows.Scan(&service)
		p.Seen = append(p.Seen, service)
		return err
	}, "SELECT service FROM seen ORDER BY service")
}

// Hold holds a service, and lifts the hold that there was.
func (j *Journal) Hold(ctx context.Context, h Hold) error {
	return j.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE holds SET lifted = ? WHERE service = ? AND lifted = ''", formatTime(h.Begin)+" "+h.User, h.Service); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO holds (service, begin, until, user, reason) VALUES (?, ?, ?, ?, ?)",
			h.Service, formatTime(h.Begin), formatTime(h.Until), h.User, h.Reason)
		return err
	})
}

// Unhold lifts the hold of a service, and returns false if there was none in force.
func (j *Journal) Unhold(ctx context.Context, service, user string, now time.Time) (bool, error) {
	result, err := j.db.ExecContext(ctx, "UPDATE holds SET lifted = ? WHERE service = ? AND lifted = '' AND until > ?", formatTime(now)+" "+user, service, formatTime(now))
	if err != nil {
		return false, j.fault(err)
	}
	n, err := result.RowsAffected()
	return n > 0, j.fault(err)
}

// Holds returns the holds that are in force at that time, by service.
func (j *Journal) Holds(ctx context.Context, now time.Time) (holds []Hold, err error) {
	err = j.each(ctx, func(rows *sql.Rows) error {
		var h Hold
		var begin, until string
		if err := rows.Scan(&h.Service, &begin, &until, &h.User, &h.Reason); err != nil {
			return err
		}
		h.Begin, h.Until = parseTime(begin), parseTime(until)
		holds = append(holds, h)
		return nil
	}, "SELECT service, begin, until, user, reason FROM holds WHERE lifted = '' AND until > ? ORDER BY service", formatTime(now))
	return holds, err
}

// Trip opens the breaker, or counts one more failure of the host.
func (j *Journal) Trip(ctx context.Context, now time.Time, cause string) error {
	return j.exec(ctx, `INSERT INTO breaker (id, opened, last, failures, error) VALUES (1, ?1, ?1, 1, ?2)
		ON CONFLICT (id) DO UPDATE SET last = ?1, failures = failures + 1`, formatTime(now), cause)
}

// Reset closes the breaker.
func (j *Journal) Reset(ctx context.Context) error { return j.exec(ctx, "DELETE FROM breaker") }

// See notes which services a complete run has seen.
func (j *Journal) See(ctx context.Context, services []string) error {
	return j.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM seen"); err != nil {
			return err
		}
		for _, service := range services {
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO seen (service) VALUES (?)", service); err != nil {
				return err
			}
		}
		return nil
	})
}
