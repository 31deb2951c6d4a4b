package bzr

import (
	"cmp"
	"context"
	"crypto/sha1" // the sum that Bazaar keeps of a file's text
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"launchpad.net/cdplan/providers/resource"
)

// settle is how long a disagreement between branch and tree may last: brz writes the tree a moment after the tip.
const settle = 200 * time.Millisecond

// checkout is a working tree, one of whose files was read by the caller.
type checkout struct {
	dir  string
	file string // slash-separated, relative to dir
	sha1 string // hex, of what the caller read
}

// tree is what brz knows of a working tree and of the caller's file in it.
type tree struct {
	parents   []string
	file      fileState
	conflicts []string // paths
	fallback  string   // why brz was asked, if it was
}

// committedTip returns the tip of the branch in c.dir, having made sure that what the caller read of c.file is what the tip holds.
func (p *provider) committedTip(ctx context.Context, at location, c checkout) answer {
	if at.remote != "" || at.name != "" || at.pin != (pin{}) {
		return answer{err: &fault{"Invalid location", "A branch whose working tree is used must be given by its path alone."}}
	}
	if !filepath.IsLocal(c.file) || path.Clean(c.file) != c.file {
		return answer{err: fmt.Errorf("cannot look for %q in a working tree", c.file)}
	}
	found := p.tryCommittedTip(ctx, at, c)
	if found.err == nil || !settling(found.err) {
		return found
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return p.tryCommittedTip(ctx, at, c)
	case <-ctx.Done():
		return answer{err: context.Cause(ctx)}
	}
}

// settling says that the trouble may be a commit under way.
func settling(err error) bool {
	var f *fault
	return errors.Is(err, errTorn) || errors.As(err, &f) && f.summary == behindSummary
}

// tryCommittedTip reads the tip first and the tree after it, the order in which brz writes them.
func (p *provider) tryCommittedTip(ctx context.Context, at location, c checkout) answer {
	if err := p.ownBranch(at, c); err != nil {
		return answer{err: err}
	}
	found := p.tip(ctx, at)
	if found.err != nil {
		return found
	}
	t, err := p.readTree(ctx, at, c, found.revision)
	if err == nil {
		err = p.checkTree(c, found.revision, t)
	}
	return answer{found.revision, cmp.Or(found.fallback, t.fallback), err}
}

// ownBranch returns a fault unless the directory is itself the root of a branch. A parent directory that is one does not count.
func (p *provider) ownBranch(at location, c checkout) error {
	_, err := os.Lstat(filepath.Join(at.path, ".bzr", "branch-format"))
	if err == nil {
		_, _, err = branchFormat(at)
	}
	if errors.Is(err, errAbsent) || errors.Is(err, fs.ErrNotExist) {
		return p.faultf("Not a branch", "The directory %s is not the root of a branch of its own, so nothing tells which revision its %s "+
			"belongs to. Make it one: cd %s && BRZ init && BRZ add %s && BRZ commit -m \"first version\".",
			c.dir, c.file, shellescape.Quote(c.dir), shellescape.Quote(c.file))
	}
	if errors.Is(err, errUndecided) {
		return nil
	}
	return err
}

// readTree reads what is known of the tree: from its dirstate, or, of trees too old to have one, from brz.
func (p *provider) readTree(ctx context.Context, at location, c checkout, tip resource.Revision) (tree, error) {
	control := filepath.Join(c.dir, ".bzr", "checkout")
	format, err := readFormatName(filepath.Join(control, "format"))
	if errors.Is(err, fs.ErrNotExist) {
		format, err = "", nil
		if _, old := os.Lstat(filepath.Join(c.dir, ".bzr", "inventory")); old != nil {
			return tree{}, p.faultf("No working tree", "The branch %s has no working tree, so its %s may be of any revision. Make one: "+
				"cd %s && BRZ checkout .", c.dir, c.file, shellescape.Quote(c.dir))
		}
	}
	if err != nil && !errors.Is(err, errUndecided) {
		return tree{}, err
	}
	var t tree
	switch format {
	case "Bazaar Working Tree Format 4 (bzr 0.15)", "Bazaar Working Tree Format 5 (bzr 1.11)", "Bazaar Working Tree Format 6 (bzr 1.14)":
		t, err = readDirstate(filepath.Join(control, "dirstate"), c.file)
	default:
		t, err = p.askTree(ctx, at, c, tip)
		t.fallback = "a working tree of another format"
	}
	if err == nil {
		t.conflicts, err = readConflicts(control)
	}
	return t, err
}

func readDirstate(name, file string) (tree, error) {
	data, err := readFile(name, maxDirstate)
	if err != nil {
		return tree{}, err
	}
	d, err := parseDirstate(data)
	return tree{parents: d.parents, file: d.file(file)}, err
}

// askTree asks brz about the tree. Where a merge is pending, a second parent without a name stands for it.
func (p *provider) askTree(ctx context.Context, at location, c checkout, tip resource.Revision) (tree, error) {
	out, err := p.brz.run(ctx, at, "revision-info", "--tree", "-d", c.dir)
	if err != nil {
		return tree{}, err
	}
	parent, err := parseParent(out)
	if err != nil {
		return tree{}, err
	}
	status, err := p.brz.run(ctx, at, "status", "-S", c.dir)
	if err != nil {
		return tree{}, err
	}
	t := tree{parents: []string{parent}}
	if strings.Contains("\n"+string(status), "\nP ") {
		t.parents = append(t.parents, "")
	}
	t.file, err = p.askFile(ctx, at, c, tip, string(status))
	return t, err
}

// parseParent returns the id that brz revision-info --tree prints. In the place of the number of a revision that has left the branch are
// question marks.
func parseParent(out []byte) (string, error) {
	if id, lost := strings.CutPrefix(string(out), "??? "); lost {
		out = []byte("0 " + id)
	}
	found, err := parseInfo(out)
	return found.ID, err
}

func (p *provider) askFile(ctx context.Context, at location, c checkout, tip resource.Revision, status string) (fileState, error) {
	text, err := p.brz.run(ctx, at, "cat", "-r", "revid:"+tip.ID, at.argument()+"/"+escape(c.file))
	var no *failed
	if errors.As(err, &no) && strings.Contains(no.line, "is not present in revision") {
		return fileState{versioned: !listed(status, "?", c.file)}, nil
	}
	sum := sha1.Sum(text)
	away := (listed(status, "-D", c.file) || listed(status, "R", c.file)) && !listed(status, "+N", c.file)
	return fileState{versioned: !away, committed: true, sha1: hex.EncodeToString(sum[:])}, err
}

// listed says whether a line of the short status begins with the flags and names the file, or its old name in a renaming.
func listed(status, flags, file string) bool {
	for line := range strings.Lines(status) {
		rest, flagged := strings.CutPrefix(strings.TrimSuffix(line, "\n"), flags)
		name, _, _ := strings.Cut(strings.TrimSpace(rest), " => ")
		if flagged && name == file {
			return true
		}
	}
	return false
}

const behindSummary = "Tree behind its branch"

// checkTree returns a fault unless the tree is at the tip and the caller's file is what the tip holds.
func (p *provider) checkTree(c checkout, tip resource.Revision, t tree) error {
	name := shellescape.Quote(path.Join(c.dir, c.file))
	switch {
	case len(t.conflicts) > 0:
		return p.inConflict(c, t.conflicts)
	case len(t.parents) == 0 || t.parents[0] != tip.ID:
		return p.faultf(behindSummary, "The working tree at %s is not at the tip of its branch, revision %s, so its %s is of another "+
			"revision. Bring it up to date: BRZ update %s", c.dir, tip.Revno, c.file, shellescape.Quote(c.dir))
	case len(t.parents) > 1:
		return p.faultf("Pending merge", "The working tree at %s holds a merge that is not committed. Commit it: cd %s && BRZ commit; or "+
			"drop it: cd %s && BRZ revert", c.dir, shellescape.Quote(c.dir), shellescape.Quote(c.dir))
	case !t.file.versioned && !t.file.committed:
		return p.faultf("File not versioned", "The file %s is in no revision of the branch at %s. Add and commit it: BRZ add %s && BRZ "+
			"commit %s", c.file, c.dir, name, name)
	case !t.file.versioned:
		return p.faultf("File removed", "The file %s is marked as removed from the branch at %s, and that is not committed. Take it back: "+
			"BRZ revert %s", c.file, c.dir, name)
	case !t.file.committed:
		return p.faultf("File not committed", "The file %s was added to the branch at %s and never committed. Commit it: BRZ commit %s",
			c.file, c.dir, name)
	case t.file.link:
		return p.faultf("Not a plain file", "What the branch at %s holds as %s is a link or a directory, so the text that was read is not "+
			"under version control. Commit a plain file in its place.", c.dir, c.file)
	case t.file.sha1 != strings.ToLower(c.sha1):
		return p.changed(c, t.file.sha1)
	}
	return nil
}

// changed returns the error for a file of which the caller has read something else than what is committed: the file was changed and not
// committed, or it was committed while it was being read.
func (p *provider) changed(c checkout, committed string) error {
	name := path.Join(c.dir, c.file)
	text, err := readFile(name, maxFile)
	if err != nil {
		return err
	}
	sum := sha1.Sum(text)
	if hex.EncodeToString(sum[:]) == committed {
		return fmt.Errorf("%s: %w", c.file, resource.ErrMoved)
	}
	return p.faultf("Uncommitted change", "The file %s is not as the tip of its branch has it, so no revision describes it. Commit the "+
		"change: BRZ commit %s; or undo it: BRZ revert %s", name, shellescape.Quote(name), shellescape.Quote(name))
}

// faultf returns a fault whose detail names the program, written BRZ, as it is called here.
func (p *provider) faultf(summary, format string, args ...any) error {
	format = strings.ReplaceAll(format, "BRZ", p.brz.name())
	return &fault{summary, fmt.Sprintf(format, args...)}
}
