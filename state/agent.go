package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// AgentError says that an agent is at work already.
type AgentError struct {
	Dir   Dir
	Owner Owner // zero if it could not be read
}

func (e *AgentError) Error() string {
	if e.Owner.PID == 0 {
		return fmt.Sprintf("another agent works with the state directory %s", e.Dir)
	}
	return fmt.Sprintf("another agent works with the state directory %s since %s: pid %d of %s, %s", e.Dir, e.Owner.Start.UTC().Format(time.RFC3339), e.Owner.PID,
		e.Owner.User, e.Owner.Command)
}

// LockAgent takes the right to be the one agent that works with the directory. It keeps no run from any service. While another agent has it, the error is
// an *AgentError. A directory that is on another host's file system is refused.
func (d Dir) LockAgent(ctx context.Context, owner Owner) (*Lock, error) {
	if err := d.local(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(string(d), "agent.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock of the agent: %w", err)
	}
	if err = flock(ctx, file, 0); errors.Is(err, syscall.EWOULDBLOCK) {
		defer closeFile(file)
		return nil, &AgentError{Dir: d, Owner: readOwner(file, "")}
	}
	if err == nil {
		err = writeOwner(file, owner)
	}
	if err != nil {
		closeFile(file)
		return nil, fmt.Errorf("cannot lock out other agents: %w", err)
	}
	return &Lock{file: file}, nil
}
