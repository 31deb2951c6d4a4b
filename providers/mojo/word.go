package mojo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"launchpad.net/cdplan/providers/resource"
)

// word is what is left of how a deploy ended, as JSON in the file LOG.exit. A file of that name is whole, and on disk.
type word struct {
	Program    string    `json:"program"`     // as the command line names it
	ExitCode   int       `json:"exit_code"`   // as a shell tells it: 128+N after signal N
	Signal     string    `json:"signal"`      // what it died of, such as "killed"; empty if it exited
	EndedBy    string    `json:"ended_by"`    // byOrder or byTimeout; empty if it came to its own end
	Timeout    string    `json:"timeout"`     // a duration
	StartError string    `json:"start_error"` // why it never ran; empty if it did
	End        time.Time `json:"end"`         // UTC
}

const (
	byOrder   = "order"
	byTimeout = "timeout"
)

func exitFile(log string) string  { return log + ".exit" }
func stampFile(log string) string { return log + ".stamp" }

// tell notes how the process ended.
func (w *word) tell(state *os.ProcessState) {
	w.ExitCode, w.End = state.ExitCode(), time.Now().UTC()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		w.ExitCode, w.Signal = 128+int(status.Signal()), status.Signal().String()
	}
}

func (w *word) leave(log string) error {
	text, err := json.Marshal(w)
	if err == nil {
		err = renameio.WriteFile(exitFile(log), append(text, '\n'), 0o600, renameio.WithTempDir(filepath.Dir(log)))
	}
	if err != nil {
		return fmt.Errorf("cannot leave word of how the deploy ended: %w", err)
	}
	return nil
}

// readWord returns false if there is none that can be understood.
func readWord(log string) (word, bool) {
	text, err := os.ReadFile(exitFile(log))
	var w word
	return w, err == nil && json.Unmarshal(text, &w) == nil
}

// err returns nil for a deploy that succeeded. The failure of one that ran has the log, and no tail.
func (w word) err(log string) error {
	var why error
	switch {
	case w.StartError != "":
		return fmt.Errorf("cannot start mojo: %s", w.StartError)
	case w.EndedBy == byOrder:
		why = fmt.Errorf("%s was interrupted", w.Program)
	case w.EndedBy == byTimeout:
		why = fmt.Errorf("%s did not end within %s", w.Program, w.Timeout)
	case w.Signal != "":
		why = fmt.Errorf("%s failed: signal: %s", w.Program, w.Signal)
	case w.ExitCode != 0:
		why = fmt.Errorf("%s ended with exit code %d", w.Program, w.ExitCode)
	default:
		return nil
	}
	return &resource.Failure{Err: why, Log: log}
}

// Outcome returns when and how the deploy ended that had that log. The failure has no tail, since what had to be hidden in it is not known any more.
func (r *runner) Outcome(log string) (end time.Time, err error) {
	w, known := readWord(log)
	if !known {
		return time.Time{}, nil
	}
	return w.End, w.err(log)
}

// withTail adds the end of the log to a failure, without the secrets, which are overwritten in the log unless the supervisor was killed.
func withTail(err error, secrets []string) error {
	var failure *resource.Failure
	if errors.As(err, &failure) {
		failure.Tail = tail(failure.Log, secrets)
	}
	return err
}
