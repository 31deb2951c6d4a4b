package bzr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"

	"launchpad.net/cdplan/providers/resource"
)

const (
	maxHops    = 8
	maxDigits  = 18       // of a revno
	maxSmall   = 4 << 10  // of a file that holds a line or two
	maxHistory = 64 << 20 // of a file that grows with the branch
	nullID     = "null:"  // the id of the revision before the first one
)

var (
	// errAbsent says that there is no branch at the location itself. What may be above it does not matter.
	errAbsent = errors.New("no branch")
	// errUndecided says that brz may know what cannot be told otherwise. An undecided says why.
	errUndecided = errors.New("undecided")
)

// undecided is an errUndecided with the reason, in a few words.
type undecided string

func (u undecided) Error() string { return string(u) }

// Is makes u an errUndecided.
func (u undecided) Is(target error) bool { return target == errUndecided }

// tip returns the newest revision of the branch at the location, or the one that its pin names.
func (p *provider) tip(ctx context.Context, at location) answer {
	found, end, err := p.directTip(ctx, at)
	if !errors.Is(err, errUndecided) {
		return answer{revision: found, err: err}
	}
	found, failure := p.askTip(ctx, end)
	return answer{found, err.Error(), failure}
}

// directTip finds the revision without brz. It also returns where the branch really is, to people still under the name that they gave it.
func (p *provider) directTip(ctx context.Context, at location) (resource.Revision, location, error) {
	end, tip, err := readTip(at.unpinned())
	end = p.names.resolve(end).meantBy(at)
	if end.remote != "" {
		return p.remoteTip(ctx, end)
	}
	if err == nil {
		tip, err = p.localTip(ctx, end, tip)
	}
	return tip, end, err
}

// localTip returns the tip of a local branch, which is known, or the revision that a pin names. A brz of our own is asked for what files do not
// tell.
func (p *provider) localTip(ctx context.Context, at location, tip resource.Revision) (resource.Revision, error) {
	found, err := p.choose(at, tip)
	if !errors.Is(err, errUndecided) {
		return found, err
	}
	if at.name != "" {
		return resource.Revision{}, undecided("a pin that is not the tip of a colocated branch")
	}
	here := p.servedHere(at, tip)
	err = p.guard(ctx, thisHost, func(ctx context.Context) error {
		found, err = here.pinned(ctx, at, func(context.Context) (map[string]string, error) { return readTags(at) })
		return err
	})
	return found, err
}

func (p *provider) noCommits(at location) error {
	detail := fmt.Sprintf("The branch %s has no commits, so there is no revision to deploy.", at)
	if at.remote == "" && at.name == "" {
		detail += fmt.Sprintf(" Commit to it first: cd %s && %s commit.", shellescape.Quote(at.path), p.brz.name())
	}
	return &fault{"Empty branch", detail}
}

// askTip asks brz for the tip or the pinned revision. The branch is named twice: brz would take the first for any branch above the
// location, if there is none at it; the second it opens nowhere else.
func (p *provider) askTip(ctx context.Context, at location) (resource.Revision, error) {
	where := at.argument()
	specs := []string{"revno:-1:" + where}
	switch at.pin.by {
	case byRevno:
		specs = []string{"revno:" + at.pin.value + ":" + where}
	case byID, byTag:
		specs = append(specs, at.pin.by+":"+at.pin.value)
	}
	out, err := p.brz.run(ctx, at, append([]string{"revision-info", "-d", where}, specs...)...)
	if unknownRevision(err) {
		return resource.Revision{}, p.whyNone(ctx, at, err)
	}
	if err != nil {
		return resource.Revision{}, err
	}
	lines := strings.SplitAfterN(string(out), "\n", len(specs))
	return parseNamed(at, lines[len(lines)-1])
}

// parseNamed understands the line about the revision that was asked for. One that is not in the branch has question marks for its number.
func parseNamed(at location, line string) (resource.Revision, error) {
	if id, absent := strings.CutPrefix(strings.TrimLeft(line, " "), "??? "); absent && at.pin != (pin{}) {
		return resource.Revision{}, notInBranch(at, strings.TrimSpace(id))
	}
	found, err := parseInfo([]byte(line))
	if err == nil && found.ID == nullID {
		return resource.Revision{}, notInBranch(at, found.ID)
	}
	return found, err
}

// whyNone returns the error for a revision that the branch does not have: a pin without one, or a branch that is empty.
func (p *provider) whyNone(ctx context.Context, at location, cause error) error {
	if at.pin != (pin{}) {
		return noRevision(at)
	}
	out, err := p.brz.run(ctx, at, "revision-info", "-d", at.argument())
	if err != nil {
		return err
	}
	if found, err := parseInfo(out); err == nil && found.ID == nullID {
		return p.noCommits(at)
	}
	return cause
}

func unknownRevision(err error) bool {
	var no *failed
	return errors.As(err, &no) && (strings.HasPrefix(no.line, "Requested revision: ") && strings.Contains(no.line, "does not exist in branch") ||
		strings.HasPrefix(no.line, "No such tag: "))
}

// infoForm is the line that brz revision-info prints.
var infoForm = regexp.MustCompile(`^ *([0-9]+(?:\.[0-9]+)*) ([^ \n]+)\n?$`)

func parseInfo(out []byte) (resource.Revision, error) {
	m := infoForm.FindSubmatch(out)
	if m == nil || len(out) > maxSmall || !validID(string(m[2])) {
		return resource.Revision{}, fmt.Errorf("cannot understand what brz says: %.100q", out)
	}
	return resource.Revision{Revno: string(m[1]), ID: string(m[2])}, nil
}

// validID says whether id can be a revision id. It is one word of UTF-8.
func validID(id string) bool {
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	return id != "" && utf8.ValidString(id) && !strings.ContainsFunc(id, odd)
}

// readTip reads the tip of a branch from its files, and returns where the branch really is, once all references are followed. It takes
// no lock: brz replaces these files whole. A tip with the id "null:" is that of an empty branch.
func readTip(at location) (location, resource.Revision, error) {
	for range maxHops + 1 {
		if at.remote != "" {
			return at, resource.Revision{}, undecided("a branch on another host")
		}
		dir, format, err := branchFormat(at)
		if err != nil {
			return at, resource.Revision{}, err
		}
		if format != "Bazaar-NG Branch Reference Format 1" {
			tip, err := readFormat(dir, format)
			return at, tip, err
		}
		if at, err = readReference(at, dir); err != nil {
			return at, resource.Revision{}, err
		}
	}
	return at, resource.Revision{}, tooManyHops()
}

// branchFormat returns the directory that holds the branch's own files, and the name of their format.
func branchFormat(at location) (dir, format string, err error) {
	control := filepath.Join(at.path, ".bzr")
	format, err = readFormatName(filepath.Join(control, "branch-format"))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return "", "", absent(at)
	case err != nil:
		return "", "", err
	case format == "Bazaar-NG branch, format 6" && at.name == "":
		return control, format, nil
	case format != "Bazaar-NG meta directory, format 1" && format != "Bazaar meta directory, format 1 (with colocated branches)":
		return "", "", undecided("an unknown format")
	}
	dir = filepath.Join(control, "branch")
	if at.name != "" {
		dir = filepath.Join(control, "branches", at.name)
	}
	format, err = readFormatName(filepath.Join(dir, "format"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", noBranch(at, control)
	}
	return dir, format, err
}

// absent returns the error for a location without any control directory of Bazaar. Other systems' branches are for brz to know.
func absent(at location) error {
	for _, name := range []string{".git", ".hg", ".svn", "HEAD"} {
		if _, err := os.Lstat(filepath.Join(at.path, name)); err == nil {
			return undecided("a branch of another system")
		}
	}
	return fmt.Errorf("%w at %s", errAbsent, at.place())
}

func noBranch(at location, control string) error {
	if _, err := os.Lstat(filepath.Join(control, "repository")); err == nil && at.name == "" {
		return fmt.Errorf("%w at %s, which is a repository without one", errAbsent, at.place())
	}
	return fmt.Errorf("%w at %s", errAbsent, at.place())
}

// readFormatName returns the first line of a format file. The lines after it name features; one that is required is beyond us.
func readFormatName(file string) (string, error) {
	data, err := readFile(file, maxSmall)
	if err != nil {
		return "", err
	}
	name, features, _ := strings.Cut(string(data), "\n")
	for line := range strings.Lines(features) {
		if !strings.HasPrefix(line, "optional ") {
			return "", undecided("a format with unknown features")
		}
	}
	return name, nil
}

func readFormat(dir, format string) (resource.Revision, error) {
	switch format {
	case "Bazaar Branch Format 6 (bzr 0.15)", "Bazaar Branch Format 7 (needs bzr 1.6)", "Bazaar Branch Format 8 (needs bzr 1.15)":
		data, err := readFile(filepath.Join(dir, "last-revision"), maxSmall)
		if err != nil {
			return resource.Revision{}, err
		}
		return parseLastRevision(data)
	case "Bazaar-NG branch format 5", "Bazaar-NG branch, format 6":
		data, err := readFile(filepath.Join(dir, "revision-history"), maxHistory)
		if err != nil {
			return resource.Revision{}, err
		}
		return parseHistory(data)
	}
	return resource.Revision{}, undecided("an unknown branch format")
}

// parseLastRevision understands a last-revision file, which holds a number, a blank, an id and perhaps a newline.
func parseLastRevision(data []byte) (resource.Revision, error) {
	revno, id, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	if revno == "" || len(revno) > maxDigits || strings.Trim(revno, "0123456789") != "" || !validID(id) {
		return resource.Revision{}, fmt.Errorf("the branch is damaged: its last-revision file holds %.100q", data)
	}
	revno = strings.TrimLeft(revno[:len(revno)-1], "0") + revno[len(revno)-1:]
	return resource.Revision{Revno: revno, ID: id}, nil
}

// parseHistory returns the last of the ids in a revision-history file, one a line.
func parseHistory(data []byte) (resource.Revision, error) {
	data = bytes.TrimSuffix(data, []byte("\n"))
	if len(data) == 0 {
		return resource.Revision{Revno: "0", ID: nullID}, nil
	}
	last := string(data[bytes.LastIndexByte(data, '\n')+1:])
	if !validID(last) {
		return resource.Revision{}, fmt.Errorf("the branch is damaged: its revision-history file ends in %.100q", last)
	}
	return resource.Revision{Revno: strconv.Itoa(1 + bytes.Count(data, []byte("\n"))), ID: last}, nil
}

// readReference returns where the reference in dir leads to from the location at.
func readReference(at location, dir string) (location, error) {
	data, err := readFile(filepath.Join(dir, "location"), maxSmall)
	if err != nil {
		return at, err
	}
	next, err := parseReference(at.path, string(data))
	if err != nil {
		return at, fmt.Errorf("the reference at %s leads nowhere: %v", at, err)
	}
	return next, nil
}

// parseReference understands the location of a reference: a URL without options, or a path relative to the directory base.
func parseReference(base, text string) (location, error) {
	if text == "" || strings.Contains(text, "://") || strings.HasPrefix(text, "lp:") {
		return parsePlace(text)
	}
	return parseEncoded(base, text, text)
}

// readFile reads a regular file of at most limit bytes, and never waits for another kind of file.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a regular file of at most %d bytes", name, limit)
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // it is shorter than it was, or than it said
		err = nil
	}
	return data[:n], err
}
