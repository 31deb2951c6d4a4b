package config

import (
	"path/filepath"

	"launchpad.net/cdplan/plan"
)

// File declares the service that a config.ini would be, wherever the file is and whatever else is in its directory. If it cannot be used, the service has
// an Err for Sources.Diagnose.
func (f *Fleet) File(path string) (plan.Service, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return plan.Service{}, err
	}
	src, err := readFile(path)
	if err != nil {
		return plan.Service{}, err
	}
	directory := filepath.Dir(path)
	d := newDeclaration(filepath.Base(directory), directory, f.Schemas)
	d.filename, d.sources = path, f.Sources
	d.read(src)
	return d.finish(), nil
}
