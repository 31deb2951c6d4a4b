package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Check says whether locks can be kept in the directory, and whether this user may write to it; it makes nothing. Of a directory that is not there yet, the
// one in which it would be made counts.
func (d Dir) Check() error {
	there := d.existing()
	var system unix.Statfs_t
	if err := unix.Statfs(string(there), &system); err != nil {
		return fmt.Errorf("cannot tell which file system %s is on: %w", there, err)
	}
	if name := remote(uint32(system.Type), there.mountedAs); name != "" {
		return d.elsewhere(name)
	}
	if err := unix.Access(string(there), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("cannot write to %s: %w. Run as the user who deploys, or set state in cdplan.hcl or CDPLAN_STATE", there, err)
	}
	return nil
}

// existing returns the directory, or the nearest above it that is there.
func (d Dir) existing() Dir {
	for {
		_, err := os.Stat(string(d))
		above := Dir(filepath.Dir(string(d)))
		if !errors.Is(err, fs.ErrNotExist) || above == d {
			return d
		}
		d = above
	}
}

// JournalInfo is what can be told of a journal as a file.
type JournalInfo struct {
	Path    string
	Size    int64 // bytes, with what is yet to be moved into it
	Version int   // of its schema
}

// Info returns what there is to tell. It must not be asked of a nil journal.
func (j *Journal) Info(ctx context.Context) (JournalInfo, error) {
	info := JournalInfo{Path: j.path}
	for _, path := range []string{j.path, j.path + "-wal"} {
		if file, err := os.Stat(path); err == nil {
			info.Size += file.Size()
		}
	}
	var err error
	info.Version, err = schemaVersion(ctx, j.db)
	return info, j.fault(err)
}
