-- A journal of the first version of the schema, with a deploy and a failure after it.
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
INSERT INTO attempts (service, run, action, hash, fingerprint, revisions, moves, begin, end, deployed, result, blame, error, log, pid, user, command)
	VALUES ('api', 'r-1', 'new', 'h', 'f', '{"app":{"Revno":"1","ID":"a-1"}}', '[]', '2027-03-02T12:00:00.000Z', '2027-03-02T12:01:00.000Z', 1, 'deployed', '', '', '/log', 7, 'ann', 'cdplan apply'),
	       ('api', 'r-2', 'redeploy', 'h', 'f', '{"app":{"Revno":"2","ID":"a-2"}}', '[]', '2027-03-02T13:00:00.000Z', '2027-03-02T13:01:00.000Z', 0, 'failed', 'revision', 'it broke', '/log', 7, 'ann', 'cdplan apply');
PRAGMA application_id = 0x6364706c;
PRAGMA user_version = 1;
