package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// outFile takes a plan. What the file had stays until the new plan is whole.
type outFile struct {
	io.Writer
	keep func() error // puts what was written in place
	drop func()       // undoes it all, unless it was kept
}

// createOut opens the file of -out, for its owner alone, before anything else is done. What is no regular file, such as a pipe, is written as it is.
func createOut(name string) (*outFile, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, outError(err)
		}
		return &outFile{Writer: file, keep: func() error { return outError(file.Close()) }, drop: func() { _ = file.Close() }}, nil // nothing was promised
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	file, err := renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return nil, outError(err)
	}
	return &outFile{Writer: file, keep: func() error { return outError(file.CloseAtomicallyReplace()) }, drop: func() { _ = file.Cleanup() }}, nil // nobody misses it
}

func outError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot write the plan: %w", err)
}
