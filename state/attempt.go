package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

// Attempt is one try to deploy a service, or to record what is deployed.
type Attempt struct {
	ID          int64
	Service     string
	Run         string // its name, which the stamp carries
	Action      string // new, redeploy, record or adopt
	Hash        string // of Revisions, as resource.Hash has it
	Fingerprint string
	Revisions   map[string]resource.Revision // that were wanted, by label
	Moves       []Move                       // by label
	Begin, End  time.Time                    // UTC; End is zero as long as the end is not known
	Phase       string                       // the last that mojo told of
	Phases      []Phase                      // all of them; read by History alone
	Size        *Resized                     // of an attempt to change the size; nil for all others
	Deployed    bool                         // all was done but for the record of it, by this attempt or by the one whose record it makes up for
	Result      string                       // deployed, recorded, scaled, failed or interrupted; empty as long as it is not known
	Blame       Blame                        // of a failure
	Error       string
	Log         string // path of the output
	Owner       Owner  // the process, without service and start
	Reason      string // why a freeze was broken for it; empty if none was
	Forgiven    string // when and by whom its failure was forgiven; empty if it was not
}

// Phase is a part of a deploy that mojo told of.
type Phase struct {
	Begin time.Time // UTC
	Name  string
}

// Move is a branch with the revisions that were deployed before and are wanted.
type Move struct {
	Label string            `json:"label"`
	From  resource.Revision `json:"from"` // zero for a branch that was not deployed before
	To    resource.Revision `json:"to"`   // zero for a branch that is no longer named
}

// PhaseRecord is the phase after the deploy itself, in which what was deployed is recorded.
const PhaseRecord = "record"

// Blame says what a failure counts against.
type Blame string

// What a failure can count against.
const (
	BlameRevision Blame = "revision" // the set of revisions that was tried: what was begun did not work
	BlameHost     Blame = "host"     // anything else: the same revisions may do well once it is mended
)

// Done says whether what was wanted is deployed and recorded.
func (a Attempt) Done() bool { return a.Result == "deployed" || a.Result == "recorded" }

// Start notes an attempt before anything is done, and returns its ID. It is on disk when Start returns.
func (j *Journal) Start(ctx context.Context, a Attempt) (id int64, err error) {
	revisions, err := json.Marshal(a.Revisions)
	if err != nil {
		return 0, err
	}
	moves, err := json.Marshal(a.Moves)
	if err != nil {
		return 0, err
	}
	var size []byte
	if a.Size != nil {
		if size, err = json.Marshal(a.Size); err != nil {
			return 0, err
		}
	}
	result, err := j.db.ExecContext(ctx, `INSERT INTO attempts (service, run, action, hash, fingerprint, revisions, moves, begin, deployed, log, pid, user, command, reason, size)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.Service, a.Run, a.Action, a.Hash, a.Fingerprint, string(revisions), string(moves),
		formatTime(a.Begin), a.Deployed, a.Log, a.Owner.PID, a.Owner.User, a.Owner.Command, a.Reason, string(size))
	if err != nil {
		return 0, j.fault(err)
	}
	id, err = result.LastInsertId()
	return id, j.fault(err)
}

// Phase notes that a phase of the attempt begins.
func (j *Journal) Phase(ctx context.Context, id int64, begin time.Time, name string) error {
	return j.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO phases (attempt, begin, name) VALUES (?, ?, ?)", id, formatTime(begin), name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE attempts SET phase = ? WHERE id = ?", name, id)
		return err
	})
}

// Deployed notes that all of the attempt was done but for the record.
func (j *Journal) Deployed(ctx context.Context, id int64) error {
	return j.exec(ctx, "UPDATE attempts SET deployed = 1 WHERE id = ?", id)
}

// Finish notes how the attempt ended: Result, End, Phase, Blame and Error.
func (j *Journal) Finish(ctx context.Context, a Attempt) error {
	return j.exec(ctx, "UPDATE attempts SET result = ?, end = ?, phase = ?, blame = ?, error = ? WHERE id = ?", a.Result, formatTime(a.End), a.Phase, a.Blame,
		a.Error, a.ID)
}

// Forgive lets a service be tried at once, whatever failed before, and deployed in full, whatever an attempt has left to record. It returns how
// many attempts that concerns.
func (j *Journal) Forgive(ctx context.Context, service, user string, now time.Time) (int64, error) {
	result, err := j.db.ExecContext(ctx, `UPDATE attempts SET forgiven = ? WHERE service = ? AND forgiven = '' AND result IN ('failed', 'interrupted')
		AND `+since, formatTime(now)+" "+user, service)
	if err != nil {
		return 0, j.fault(err)
	}
	n, err := result.RowsAffected()
	return n, j.fault(err)
}

// Pardon blames the host for failures that were blamed on revisions.
func (j *Journal) Pardon(ctx context.Context, ids []int64) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return j.exec(ctx, "UPDATE attempts SET blame = ? WHERE id IN (SELECT value FROM json_each(?))", BlameHost, string(list))
}

const attemptColumns = `id, service, run, action, hash, fingerprint, revisions, moves, begin, end, phase, deployed, result, blame, error, log, pid, user, command,
	reason, forgiven, size`

// History returns attempts, the newest first: of one service, or of all if that is empty; at most so many, or all if that is 0.
func (j *Journal) History(ctx context.Context, service string, limit int) ([]Attempt, error) {
	if limit == 0 {
		limit = -1
	}
	attempts, err := j.attempts(ctx, "(? = '' OR service = ?) ORDER BY id DESC LIMIT ?", service, service, limit)
	if err != nil || len(attempts) == 0 {
		return attempts, err
	}
	phases, err := j.phases(ctx, attempts[len(attempts)-1].ID)
	for i, a := range attempts {
		attempts[i].Phases = phases[a.ID]
	}
	return attempts, err
}

// phases returns the phases of the attempts from that ID on.
func (j *Journal) phases(ctx context.Context, from int64) (map[int64][]Phase, error) {
	found := map[int64][]Phase{}
	err := j.each(ctx, func(rows *sql.Rows) error {
		var id int64
		var begin, name string
		if err := rows.Scan(&id, &begin, &name); err != nil {
			return err
		}
		found[id] = append(found[id], Phase{parseTime(begin), name})
		return nil
	}, "SELECT attempt, begin, name FROM phases WHERE attempt >= ? ORDER BY rowid", from)
	return found, err
}

// Unfinished returns the attempts whose end is not known: they go on, or their cdplan died.
func (j *Journal) Unfinished(ctx context.Context) ([]Attempt, error) {
	return j.attempts(ctx, "result = '' ORDER BY id")
}

// Revisions returns, newest first, what was deployed of a service by attempts that succeeded.
func (j *Journal) Revisions(ctx context.Context, service string) ([]map[string]resource.Revision, error) {
	attempts, err := j.attempts(ctx, "service = ? AND result = 'deployed' ORDER BY id DESC", service)
	var found []map[string]resource.Revision
	for _, a := range attempts {
		found = append(found, a.Revisions)
	}
	return found, err
}

func (j *Journal) attempts(ctx context.Context, where string, arguments ...any) (found []Attempt, err error) {
	err = j.each(ctx, func(rows *sql.Rows) error {
		a, err := scanAttempt(rows)
		found = append(found, a)
		return err
	}, "SELECT "+attemptColumns+" FROM attempts WHERE "+where, arguments...)
	return found, err
}

func scanAttempt(rows *sql.Rows) (a Attempt, err error) {
	var revisions, moves, begin, end, size string
	err = rows.Scan(&a.ID, &a.Service, &a.Run, &a.Action, &a.Hash, &a.Fingerprint, &revisions, &moves, &begin, &end, &a.Phase, &a.Deployed, &a.Result, &a.Blame,
		&a.Error, &a.Log, &a.Owner.PID, &a.Owner.User, &a.Owner.Command, &a.Reason, &a.Forgiven, &size)
	if err != nil {
		return a, err
	}
	a.Begin, a.End = parseTime(begin), parseTime(end)
	if err := errors.Join(json.Unmarshal([]byte(revisions), &a.Revisions), json.Unmarshal([]byte(moves), &a.Moves)); err != nil {
		return a, fmt.Errorf("attempt %d is garbled: %w", a.ID, err)
	}
	if size == "" {
		return a, nil
	}
	a.Size = &Resized{At: a.Begin}
	if err := json.Unmarshal([]byte(size), a.Size); err != nil {
		return a, fmt.Errorf("the size of attempt %d is garbled: %w", a.ID, err)
	}
	return a, nil
}

// Totals counts the attempts by result; those whose end is not known have the result "".
func (j *Journal) Totals(ctx context.Context) (map[string]int, error) {
	totals := map[string]int{}
	err := j.each(ctx, func(rows *sql.Rows) error {
		var result string
		var n int
		if err := rows.Scan(&result, &n); err != nil {
			return err
		}
		totals[result] = n
		return nil
	}, "SELECT result, COUNT(*) FROM attempts GROUP BY result")
	return totals, err
}
