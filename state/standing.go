package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Standing is how a service stands. That of the host has the service "".
type Standing struct {
	Service string
	Word    Word
	Since   time.Time // UTC
	Reason  string
}

// Word says in one how something stands.
type Word string

// The words.
const (
	Well        Word = "well"
	Failing     Word = "failing"
	Parked      Word = "parked"       // it failed so often that it is not tried any more
	Held        Word = "held"         // something is to be done that a person holds back or has to approve
	Invalid     Word = "invalid"      // its declaration has to be mended
	Unknown     Word = "unknown"      // something of it cannot be read
	Unmeasured  Word = "unmeasured"   // its load or its units cannot be told, so that its size stays as it is
	HostTrouble Word = "host-trouble" // of the host: deploys fail whatever is deployed
)

// Notice is a change that notifiers have yet to be told.
type Notice struct {
	ID      int64
	Begin   time.Time // UTC
	Event   json.RawMessage
	Pending []string // names of the notifiers
}

// Standings returns how every service stood when it was last looked at.
func (j *Journal) Standings(ctx context.Context) (map[string]Standing, error) {
	found := map[string]Standing{}
	err := j.each(ctx, func(rows *sql.Rows) error {
		var s Standing
		var since string
		if err := rows.Scan(&s.Service, &s.Word, &since, &s.Reason); err != nil {
			return err
		}
		s.Since = parseTime(since)
		found[s.Service] = s
		return nil
	}, "SELECT service, standing, since, reason FROM standings")
	return found, err
}

// Report notes how services stand now, drops the services that are gone, and keeps the notices until they are delivered: all of it, or none.
func (j *Journal) Report(ctx context.Context, now []Standing, gone []string, notices []Notice) error {
	return j.write(ctx, func(tx *sql.Tx) error {
		for _, s := range now {
			if _, err := tx.ExecContext(ctx, `INSERT INTO standings (service, standing, since, reason) VALUES (?, ?, ?, ?)
				ON CONFLICT (service) DO UPDATE SET standing = excluded.standing, since = excluded.since, reason = excluded.reason`,
				s.Service, s.Word, formatTime(s.Since), s.Reason); err != nil {
				return err
			}
		}
		for _, service := range gone {
			if _, err := tx.ExecContext(ctx, "DELETE FROM standings WHERE service = ?", service); err != nil {
				return err
			}
		}
		for _, n := range notices {
			pending, err := json.Marshal(n.Pending)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO notices (begin, event, pending) VALUES (?, ?, ?)", formatTime(n.Begin), string(n.Event), string(pending)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Notices returns what has yet to be delivered, the oldest first.
func (j *Journal) Notices(ctx context.Context) (found []Notice, err error) {
	err = j.each(ctx, func(rows *sql.Rows) error {
		var n Notice
		var begin, event, pending string
		if err := rows.Scan(&n.ID, &begin, &event, &pending); err != nil {
			return err
		}
		n.Begin, n.Event = parseTime(begin), json.RawMessage(event)
		found = append(found, n)
		return json.Unmarshal([]byte(pending), &found[len(found)-1].Pending)
	}, "SELECT id, begin, event, pending FROM notices WHERE pending <> '[]' ORDER BY id")
	return found, err
}

// Deliver notes which notifiers have yet to take a notice; without any, it is done with and forgotten.
func (j *Journal) Deliver(ctx context.Context, id int64, pending []string) error {
	if len(pending) == 0 {
		return j.exec(ctx, "DELETE FROM notices WHERE id = ?", id)
	}
	list, err := json.Marshal(pending)
	if err != nil {
		return err
	}
	return j.exec(ctx, "UPDATE notices SET pending = ? WHERE id = ?", string(list), id)
}
