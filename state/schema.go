package state

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from one version of the journal's schema to the next; the version of a journal is how many of them it has seen. What was
// released is never changed, only added to. Times are UTC, in the format timeFormat; no time is an empty text.
var migrations = []string{
	`
CREATE TABLE attempts (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	service     TEXT NOT NULL,
	run         TEXT NOT NULL,
	action      TEXT NOT NULL,             -- new, redeploy, record or adopt
	hash        TEXT NOT NULL,             -- over all revisions that were wanted
	fingerprint TEXT NOT NULL,
	revisions   TEXT NOT NULL,             -- JSON, by label
	moves       TEXT NOT NULL,             -- JSON
	begin       TEXT NOT NULL,
	end         TEXT NOT NULL DEFAULT '',
	phase       TEXT NOT NULL DEFAULT '',
	deployed    INTEGER NOT NULL DEFAULT 0,
	result      TEXT NOT NULL DEFAULT '',  -- empty until it is known
	blame       TEXT NOT NULL DEFAULT '',  -- of a failure: revision or host
	error       TEXT NOT NULL DEFAULT '',
	log         TEXT NOT NULL,
	pid         INTEGER NOT NULL,
	user        TEXT NOT NULL,
	command     TEXT NOT NULL,
	reason      TEXT NOT NULL DEFAULT '',  -- why a freeze was broken for it
	forgiven    TEXT NOT NULL DEFAULT ''   -- when and by whom its failure was forgiven
);
CREATE INDEX attempts_by_service ON attempts (service, id);
CREATE INDEX attempts_unfinished ON attempts (service) WHERE result = '';
CREATE TABLE phases (
	attempt INTEGER NOT NULL REFERENCES attempts,
	begin   TEXT NOT NULL,
	name    TEXT NOT NULL
);
CREATE INDEX phases_by_attempt ON phases (attempt);
CREATE TABLE holds (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	service TEXT NOT NULL,
	begin   TEXT NOT NULL,
	until   TEXT NOT NULL,
	user    TEXT NOT NULL,
	reason  TEXT NOT NULL,
	lifted  TEXT NOT NULL DEFAULT ''       -- when and by whom
);
CREATE TABLE breaker (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	opened   TEXT NOT NULL,
	last     TEXT NOT NULL,
	failures INTEGER NOT NULL,
	error    TEXT NOT NULL
);
CREATE TABLE standings (
	service  TEXT PRIMARY KEY,             -- empty for the host
	standing TEXT NOT NULL,
	since    TEXT NOT NULL,
	reason   TEXT NOT NULL
);
CREATE TABLE seen (service TEXT PRIMARY KEY); -- by the last complete run
CREATE TABLE notices (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	begin   TEXT NOT NULL,
	event   TEXT NOT NULL,                 -- JSON
	pending TEXT NOT NULL                  -- JSON: the names of the notifiers that have not taken it
);
`,
	`
ALTER TABLE attempts ADD COLUMN size TEXT NOT NULL DEFAULT ''; -- JSON, of an attempt to change the size; else empty
CREATE TABLE samples (
	service TEXT NOT NULL,
	at      TEXT NOT NULL,
	known   INTEGER NOT NULL,              -- the load could be measured
	load    REAL NOT NULL,
	units   INTEGER NOT NULL,
	wanted  INTEGER NOT NULL,
	PRIMARY KEY (service, at)
) WITHOUT ROWID;
`,
}

// applicationID marks the file as a journal of cdplan ("cdpl"; see PRAGMA application_id).
const applicationID = 0x6364706c

// migrate brings the journal to the newest schema, each step as a whole or not at all.
func migrate(ctx context.Context, db *sql.DB, migrations []string) error {
	for {
		version, err := schemaVersion(ctx, db)
		if err != nil {
			return err
		}
		if version >= len(migrations) {
			return checkVersion(version, len(migrations))
		}
		if err := step(ctx, db, migrations[version], version); err != nil {
			return err
		}
	}
}

// step goes from that version to the next, unless another process has done so meanwhile.
func step(ctx context.Context, db *sql.DB, migration string, version int) error {
	return transact(ctx, db, func(tx *sql.Tx) error {
		var now int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&now); err != nil || now != version {
			return err
		}
		for _, statement := range []string{migration, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", version+1)} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func schemaVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// checkVersion refuses a schema that is not the one this program knows.
func checkVersion(version, known int) error {
	switch {
	case version > known:
		return fmt.Errorf("a newer cdplan has written it (its schema has version %d, this one knows %d): use that one", version, known)
	case version < known:
		return fmt.Errorf("an older cdplan has written it (its schema has version %d, this one needs %d): the next apply brings it up to date", version, known)
	}
	return nil
}

// transact runs what is to be done as a whole or not at all.
func transact(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error tells more
		return err
	}
	return tx.Commit()
}
