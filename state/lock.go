package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Owner says who holds a lock.
type Owner struct {
	PID     int       `json:"pid"`
	User    string    `json:"user"`
	Command string    `json:"command"`
	Start   time.Time `json:"start"` // UTC
	Service string    `json:"service"`
}

// Of returns the owner as the one who begins to work on a service at that time.
func (o Owner) Of(service string, start time.Time) Owner {
	o.Service, o.Start = service, start.UTC()
	return o
}

// BusyError says that somebody else works on the service.
type BusyError struct {
	Owner   Owner     // zero but for the service if the owner could not be read
	Holders []Process // as Dir.Holders returns them; empty if none can be told
}

// Orphaned says that the run which took the lock has ended, and that what it started still holds it.
func (e *BusyError) Orphaned() bool {
	isOwner := func(p Process) bool { return p.PID == e.Owner.PID }
	return e.Owner.PID != 0 && len(e.Holders) > 0 && !slices.ContainsFunc(e.Holders, isOwner)
}

func (e *BusyError) Error() string {
	o := e.Owner
	since := o.Start.UTC().Format(time.RFC3339)
	switch {
	case e.Orphaned():
		return fmt.Sprintf("the deploy of %s that pid %d of %s began at %s goes on without it: %s", o.Service, o.PID, o.User, since, e.Holders[0])
	case o.PID != 0:
		return fmt.Sprintf("another run works on %s since %s: pid %d of %s, %s", o.Service, since, o.PID, o.User, o.Command)
	case len(e.Holders) > 0:
		return fmt.Sprintf("another run works on %s: %s", o.Service, e.Holders[0])
	}
	return "another run works on " + o.Service
}

// Lock is the right to deploy one service from this host. It is a lock of the kernel on an open file: it ends with the last process
// that has the file open, so nobody ever has to break one.
type Lock struct {
	file *os.File
}

// Lock takes the lock of the owner's service. While somebody else has it, Lock tries again until the wait is over, then returns a
// *BusyError. A directory that is on another host's file system is refused.
func (d Dir) Lock(ctx context.Context, owner Owner, wait time.Duration) (*Lock, error) {
	if err := d.local(); err != nil {
		return nil, err
	}
	file, err := d.openLock(owner.Service)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock of %s: %w", owner.Service, err)
	}
	if err := flock(ctx, file, wait); err != nil {
		defer closeFile(file)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, d.busy(file, owner.Service)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", owner.Service, err)
	}
	if err := writeOwner(file, owner); err != nil {
		closeFile(file)
		return nil, fmt.Errorf("cannot write the lock of %s: %w", owner.Service, err)
	}
	return &Lock{file: file}, nil
}

// File returns the open file that holds the lock. A child process that inherits it keeps the lock for as long as it lives.
func (l *Lock) File() *os.File { return l.file }

// Close gives the lock up, also for children that inherited it and still live: what they were started for has ended. A process that dies
// without Close leaves it with them. The owner's name is taken out first, so that nobody takes it for the next one's.
func (l *Lock) Close() error {
	return errors.Join(l.file.Truncate(0), syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
}

func (d Dir) lockPath(service string) string {
	return filepath.Join(string(d), "locks", service+".lock")
}

func (d Dir) openLock(service string) (*os.File, error) {
	path := d.lockPath(service)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// busy says who has the lock, as far as that can be told.
func (d Dir) busy(file *os.File, service string) error {
	holders, err := d.Holders(service)
	if err != nil {
		return err
	}
	return &BusyError{Owner: readOwner(file, service), Holders: holders}
}

// flock returns EWOULDBLOCK if the file was still locked at the end of the wait.
func flock(ctx context.Context, file *os.File, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func writeOwner(file *os.File, owner Owner) error {
	text, err := json.Marshal(owner)
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(append(text, '\n'), 0)
	return err
}

// readOwner may meet a file that is just being written; then only the service is known.
func readOwner(file *os.File, service string) Owner {
	text := make([]byte, 4096)
	n, _ := file.ReadAt(text, 0)
	var owner Owner
	if json.Unmarshal(text[:n], &owner) != nil {
		owner = Owner{}
	}
	owner.Service, owner.User, owner.Command = service, oneLine(owner.User), oneLine(owner.Command)
	return owner
}

// closeFile closes a file from which nothing more is wanted, so that an error means nothing either.
func closeFile(file *os.File) { _ = file.Close() }
