package bzr

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxDirstate    = 64 << 20
	dirstateHeader = "#bazaar dirstate flat format 3\n"
	keyFields      = 3 // directory, name, file id
	treeFields     = 5 // kind, fingerprint, size, executable, and a stat or a revision
)

// errTorn says that a dirstate is not whole. brz writes it in place, so that one may be met half written.
var errTorn = errors.New("the dirstate is damaged")

// dirstate is what brz knows of a working tree: a row for each path in it and in its parents.
type dirstate struct {
	parents []string // revision ids; the first is what the tree was checked out from or last committed as
	rows    [][]byte // keyFields, then treeFields for the tree and for each parent that is present
	width   int      // fields in a row
}

// parseDirstate decodes the third format of the file. Its errors are errTorn: a checksum covers the parents and the rows.
func parseDirstate(data []byte) (dirstate, error) {
	body, ok := bytes.CutPrefix(data, []byte(dirstateHeader))
	sum, body, okSum := number(body, "crc32: ")
	count, body, okCount := number(body, "num_entries: ")
	if !ok || !okSum || !okCount {
		return dirstate{}, fmt.Errorf("%w: unknown header", errTorn)
	}
	if int64(crc32.ChecksumIEEE(body)) != sum {
		return dirstate{}, fmt.Errorf("%w: wrong checksum", errTorn)
	}
	parents, body, okParents := idLine(body, "")
	ghosts, body, okGhosts := idLine(body, "\x00")
	present := len(parents) - len(ghosts)
	if !okParents || !okGhosts || present < 0 || present < len(parents) && slices.Contains(ghosts, parents[0]) {
		return dirstate{}, fmt.Errorf("%w: unknown parents", errTorn)
	}
	d, err := splitRows(dirstate{parents: parents, width: keyFields + treeFields*(1+present)}, body)
	if err == nil && int64(len(d.rows)) != count {
		return dirstate{}, fmt.Errorf("%w: wrong number of rows", errTorn)
	}
	return d, err
}

// number cuts a line "NAME NUMBER" off data.
func number(data []byte, name string) (n int64, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(data, []byte("\n"))
	digits, named := bytes.CutPrefix(line, []byte(name))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, rest, ok && named && err == nil
}

// idLine cuts a line of ids off data: a number N, then N ids, each field ended by a NUL.
func idLine(data []byte, prefix string) (ids []string, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(data, []byte("\n"))
	line, prefixed := bytes.CutPrefix(line, []byte(prefix))
	fields := strings.Split(string(line), "\x00")
	n, err := strconv.Atoi(fields[0])
	if !ok || !prefixed || err != nil || len(fields) != n+2 || fields[n+1] != "" {
		return nil, nil, false
	}
	return fields[1 : n+1], rest, true
}

// splitRows splits body into rows. A row is a NUL, its fields, each ended by a NUL, and a line feed. Behind the last row stands one more NUL.
func splitRows(d dirstate, body []byte) (dirstate, error) {
	for len(body) > 1 {
		end := 0
		for range d.width + 1 {
			i := bytes.IndexByte(body[end:], 0)
			if i < 0 {
				return dirstate{}, fmt.Errorf("%w: a row is cut off", errTorn)
			}
			end += i + 1
		}
		if body[0] != 0 || end >= len(body) || body[end] != '\n' {
			return dirstate{}, fmt.Errorf("%w: a row does not end", errTorn)
		}
		d.rows = append(d.rows, body[1:end])
		body = body[end+1:]
	}
	if string(body) != "\x00" {
		return dirstate{}, fmt.Errorf("%w: the last row does not end", errTorn)
	}
	return d, nil
}

// file tells what becomes of the file between the first parent and the tree. Its name may have several rows, one a file id.
func (d dirstate) file(name string) fileState {
	dir, base := path.Split(name)
	prefix := []byte(strings.TrimSuffix(dir, "/") + "\x00" + base + "\x00")
	var state fileState
	for _, row := range d.rows {
		if bytes.HasPrefix(row, prefix) {
			state.add(bytes.Split(row, []byte{0}), d.width)
		}
	}
	return state
}

// fileState is what brz knows of one file.
type fileState struct {
	versioned bool   // known in the tree
	committed bool   // present in the tree's first parent
	link      bool   // not a plain file there
	sha1      string // hex, of its text there
}

func (s *fileState) add(fields [][]byte, width int) {
	present := func(kind []byte) bool { return len(kind) == 1 && kind[0] != 'a' && kind[0] != 'r' }
	s.versioned = s.versioned || present(fields[keyFields])
	if width < keyFields+2*treeFields {
		return
	}
	if kind := fields[keyFields+treeFields]; present(kind) {
		s.committed = true
		s.link = kind[0] != 'f'
		s.sha1 = string(fields[keyFields+treeFields+1])
	}
}
