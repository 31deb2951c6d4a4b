package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Heartbeat is the word that a complete run leaves: it looked at every service, and came to its end.
type Heartbeat struct {
	FormatVersion string         `json:"format_version"`
	Time          time.Time      `json:"time"` // of the end, UTC
	Services      int            `json:"services"`
	Verdicts      map[string]int `json:"verdicts"` // how many services had each, before anything was done
}

// Beat leaves the heartbeat, in place of the one before.
func (d Dir) Beat(h Heartbeat) error {
	h.FormatVersion = "1.0"
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(d.heartbeat(), append(text, '\n'), 0o600, renameio.WithTempDir(string(d))); err != nil {
		return fmt.Errorf("cannot leave the heartbeat: %w", err)
	}
	return nil
}

// Heartbeat returns the last one; a zero one if there was none yet.
func (d Dir) Heartbeat() (h Heartbeat, err error) {
	text, err := os.ReadFile(d.heartbeat())
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return h, fmt.Errorf("cannot read the heartbeat %s: %w", d.heartbeat(), err)
	}
	return h, nil
}

func (d Dir) heartbeat() string { return filepath.Join(string(d), "heartbeat.json") }
