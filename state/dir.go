package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Dir is the directory where cdplan keeps what belongs to this host alone: locks, logs and the journal. Losing it loses no fact about
// what is deployed.
type Dir string

// SystemDir is the directory of runs that belong to the host rather than to a person.
const SystemDir Dir = "/var/lib/cdplan"

// DefaultDir returns $XDG_STATE_HOME/cdplan, or ~/.local/state/cdplan where that is unset; for root it is SystemDir.
func DefaultDir(getenv func(string) string, uid int) (Dir, error) {
	if uid == 0 {
		return SystemDir, nil
	}
	if base := getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return Dir(filepath.Join(base, "cdplan")), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return Dir(filepath.Join(home, ".local", "state", "cdplan")), nil
	}
	return "", errors.New("cannot tell where to keep locks and logs: set HOME, XDG_STATE_HOME or CDPLAN_STATE")
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
