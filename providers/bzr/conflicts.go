package bzr

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

const (
	maxConflicts    = 1 << 20
	conflictsHeader = "BZR conflict list format 1\n"
	maxNamed        = 5 // conflicts that a message names
)

// readConflicts returns the paths that are in conflict in the working tree whose control directory is given.
func readConflicts(control string) ([]string, error) {
	data, err := readFile(filepath.Join(control, "conflicts"), maxConflicts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseConflicts(string(data))
}

// parseConflicts returns the paths in a list of conflicts, each once. After its first line it has a paragraph for each conflict, of lines
// "TAG: VALUE"; one that goes on with a value begins with a tab. Which paragraph says what does not matter here.
func parseConflicts(text string) ([]string, error) {
	body, ok := strings.CutPrefix(text, conflictsHeader)
	if !ok {
		return nil, errors.New("the list of conflicts has an unknown format")
	}
	var paths []string
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		tag, value, found := strings.Cut(line, ": ")
		if !found && line != "" && !strings.HasPrefix(line, "\t") {
			return nil, errors.New("the list of conflicts is damaged")
		}
		if tag == "path" && !slices.Contains(paths, value) {
			paths = append(paths, value)
		}
	}
	return paths, nil
}

// inConflict returns the fault of a tree with conflicts.
func (p *provider) inConflict(c checkout, paths []string) error {
	named := clean(strings.Join(paths[:min(len(paths), maxNamed)], ", "))
	if more := len(paths) - maxNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	dir := shellescape.Quote(c.dir)
	return p.faultf("Conflicts", "The working tree at %s has conflicts, left by a merge or an update: %s. Mend these files and commit: cd %s && "+
		"BRZ resolve --all && BRZ commit; or drop all that is not committed: cd %s && BRZ revert", c.dir, named, dir, dir)
}
