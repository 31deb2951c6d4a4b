package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Journal is what this host remembers of its deploys: every attempt, who holds a service back, and what was reported. What is deployed it
// does not decide; the servers say that. It is safe for concurrent use, also by several processes; a reader never waits for a writer.
type Journal struct {
	db   *sql.DB
	path string
	file fs.FileInfo // that was opened to write
}

// JournalError says that the journal cannot be used, and what to do. Everything that only reads works without it.
type JournalError struct {
	Path   string
	Err    error
	Remedy string // what to do; empty where the error says it
}

func (e *JournalError) Error() string {
	text := fmt.Sprintf("cannot use the journal %s: %s", e.Path, e.Err)
	if e.Remedy != "" {
		text += ". " + e.Remedy
	}
	return text
}

// Unwrap returns what went wrong.
func (e *JournalError) Unwrap() error { return e.Err }

// patience is how long a writer waits for another.
const patience = 20 * time.Second

// OpenJournal opens the journal to write, and makes it where this host has none yet. The error is a *JournalError,
// or says that the directory is no place for it.
func (d Dir) OpenJournal(ctx context.Context) (*Journal, error) {
	j := &Journal{path: d.journal()}
	if err := d.local(); err != nil {
		return nil, err
	}
	if err := d.notLost(); err != nil {
		return nil, j.fault(err)
	}
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite would let others read it
	if err != nil {
		return nil, j.fault(err)
	}
	info, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, j.fault(err)
	}
	j.file = info
	if err := j.open("rw", "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=synchronous(full)"); err != nil {
		return nil, err
	}
	if err := migrate(ctx, j.db, migrations); err != nil {
		return nil, errors.Join(j.fault(err), j.db.Close())
	}
	return j, nil
}

// ReadJournal opens the journal to read. It returns nil where this host has none, which is no error. The error is a *JournalError.
func (d Dir) ReadJournal(ctx context.Context) (*Journal, error) {
	j := &Journal{path: d.journal()}
	if err := d.notLost(); err != nil {
		return nil, j.fault(err)
	}
	info, err := os.Stat(j.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, j.fault(err)
	}
	err = j.tryRead(ctx)
	if (isCode(err, sqlite3.SQLITE_CANTOPEN) || isCode(err, sqlite3.SQLITE_READONLY) || isCode(err, sqlite3.SQLITE_IOERR)) && j.whole() {
		err = j.tryRead(ctx, "immutable=1") // nobody can write where SQLite cannot make the file by which readers and writers agree
	}
	if err != nil {
		return nil, j.fault(err)
	}
	return j, nil
}

// whole says that there is nothing in the journal's log that is not in the journal itself.
func (j *Journal) whole() bool {
	info, err := os.Stat(j.path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

func (j *Journal) tryRead(ctx context.Context, settings ...string) error {
	if err := j.open("ro", settings...); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, j.db)
	if err == nil {
		err = checkVersion(version, len(migrations))
	}
	if err != nil {
		return errors.Join(err, j.db.Close())
	}
	return nil
}

func (j *Journal) open(mode string, settings ...string) (err error) {
	name := (&url.URL{Scheme: "file", Path: j.path}).String() + fmt.Sprintf("?mode=%s&_pragma=busy_timeout(%d)", mode, patience.Milliseconds())
	for _, setting := range settings {
		name += "&" + setting
	}
	j.db, err = sql.Open("sqlite", name)
	return err
}

// each runs a query and hands every row of the answer to scan. A nil journal has none.
func (j *Journal) each(ctx context.Context, scan func(*sql.Rows) error, query string, arguments ...any) (err error) {
	if j == nil {
		return nil
	}
	rows, err := j.db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return j.fault(err)
	}
	defer func() { err = j.fault(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec changes the journal by one statement.
func (j *Journal) exec(ctx context.Context, statement string, arguments ...any) error {
	_, err := j.db.ExecContext(ctx, statement, arguments...)
	return j.fault(err)
}

// write changes the journal as a whole or not at all.
func (j *Journal) write(ctx context.Context, do func(*sql.Tx) error) error {
	return j.fault(transact(ctx, j.db, do))
}

// Close releases the journal.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	return j.db.Close()
}

// Replaced says whether another file, or none, is by now where the journal is that was opened to write: what is written to this one nobody else reads.
func (j *Journal) Replaced() bool {
	info, err := os.Stat(j.path)
	return err != nil || !os.SameFile(info, j.file)
}

func (d Dir) journal() string { return filepath.Join(string(d), "journal.db") }

// notLost says whether the journal is gone although this host has deployed: then holds and back-off are lost as well, and a person has to know.
func (d Dir) notLost() error {
	if _, err := os.Stat(d.journal()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	logs, err := os.ReadDir(filepath.Join(string(d), "logs"))
	if err != nil || len(logs) == 0 {
		return nil
	}
	return fmt.Errorf("it is gone, and with it holds, back-off and history. To begin a new one: touch %s", d.journal())
}

// fault turns what SQLite or the system says into what to do. It returns nil for nil.
func (j *Journal) fault(err error) error {
	if err == nil || errors.As(err, new(*JournalError)) {
		return err
	}
	e := &JournalError{Path: j.path, Err: err}
	switch {
	case isCode(err, sqlite3.SQLITE_CORRUPT), isCode(err, sqlite3.SQLITE_NOTADB):
		e.Err = errors.New("it is damaged")
		e.Remedy = fmt.Sprintf("What is deployed is written on the servers, so that plan and list go on; holds, back-off and history are in the journal alone. "+
			"To begin a new one: mv %s %s.damaged && touch %s", j.path, j.path, j.path)
	case isCode(err, sqlite3.SQLITE_FULL), errors.Is(err, syscall.ENOSPC), isCode(err, sqlite3.SQLITE_IOERR) && j.diskFull():
		e.Err = errors.New("the disk is full")
		e.Remedy = "Nothing more is deployed until there is room; plan and list go on"
	case isCode(err, sqlite3.SQLITE_READONLY), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Err = errors.New("it cannot be written")
		e.Remedy = "Nothing is deployed until it can; plan and list go on"
	case isCode(err, sqlite3.SQLITE_IOERR):
		e.Remedy = "Nothing is deployed until that is mended; plan and list go on"
	}
	return e
}

// diskFull says whether there is no room for the file by which readers and writers agree: 32 KiB and a page.
func (j *Journal) diskFull() bool {
	var fs unix.Statfs_t
	return unix.Statfs(filepath.Dir(j.path), &fs) == nil && fs.Bavail*uint64(fs.Bsize) < 64<<10
}

func isCode(err error, code int) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == code
}

// timeFormat sorts as text as the times do.
const timeFormat = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

// parseTime returns no time for what is none.
func parseTime(text string) time.Time {
	t, _ := time.Parse(timeFormat, text)
	return t
}
