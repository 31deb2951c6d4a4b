package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Dir is the directory where cdplan keeps what belongs to this host alone: locks and logs. Losing it loses no fact about what is deployed.
type Dir string

// DefaultDir returns $XDG_STATE_HOME/cdplan, or ~/.local/state/cdplan where that is unset; for root it is /var/lib/cdplan.
func DefaultDir(getenv func(string) string, uid int) (Dir, error) {
	if uid == 0 {
		return "/var/lib/cdplan", nil
	}
	if base := getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return Dir(filepath.Join(base, "cdplan")), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return Dir(filepath.Join(home, ".local", "state", "cdplan")), nil
	}
	return "", errors.New("cannot tell where to keep locks and logs: set HOME, XDG_STATE_HOME or CDPLAN_STATE")
}

// Begin notes, before anything is done, that a run is about to deploy the service. The note is on disk when Begin returns.
func (d Dir) Begin(service, run string) error {
	dir := filepath.Join(string(d), "attempts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot note the attempt: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, service), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("cannot note the attempt: %w", err)
	}
	_, err = fmt.Fprintln(file, run)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("cannot note the attempt: %w", err)
	}
	return nil
}

// Attempts returns the services that were ever to be deployed from this host.
func (d Dir) Attempts() (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(string(d), "attempts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read which services were to be deployed before: %w", err)
	}
	attempts := make(map[string]bool, len(entries))
	for _, entry := range entries {
		attempts[entry.Name()] = true
	}
	return attempts, nil
}

// Log makes the directory for the logs of a service and returns the path for the log of one of its runs.
func (d Dir) Log(service, run string) (string, error) {
	dir := filepath.Join(string(d), "logs", service)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the log directory: %w", err)
	}
	return filepath.Join(dir, run+".log"), nil
}

// RunName returns the name of an attempt that begins at that time: UTC, to the millisecond. It is unique within a service because one
// service has one attempt at a time.
func RunName(begin time.Time) string {
	return begin.UTC().Format("20060102T150405.000Z")
}
