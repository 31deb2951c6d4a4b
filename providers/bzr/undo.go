package bzr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"al.essio.dev/pkg/shellescape"

	"launchpad.net/cdplan/providers/child"
	"launchpad.net/cdplan/providers/resource"
)

const (
	undoTimeout = 5 * time.Minute  // of one command that writes
	undoGrace   = 30 * time.Second // to put away its locks, once it was interrupted

	couldNot = 3 // brz's exit status for an error; 1 says that there are conflicts
)

// UndoCommand returns the command line for a shell. It has revnos, which are for people.
func (b branches) UndoCommand(undo resource.Undo) string {
	brz := b.brz.name()
	span := shellescape.Quote(undo.From.Revno + ".." + undo.To.Revno)
	return fmt.Sprintf("%s merge -r %s . && %s commit -m %s", brz, span, brz, shellescape.Quote(undo.Message))
}

// Undoable returns a *resource.AttrError for a working tree that has to be mended first.
func (b branches) Undoable(ctx context.Context, undo resource.Undo) error {
	_, err := b.reversal(ctx, undo)
	return err
}

// Undo merges the commits backwards in the working tree of the branch, sees that it holds what the earlier revision does, and commits. The commit
// is the user's, as one by hand would be.
func (b branches) Undo(ctx context.Context, undo resource.Undo) (resource.Revision, error) {
	dir, err := b.reversal(ctx, undo)
	if err != nil {
		return resource.Revision{}, err
	}
	if err := b.mergeBack(ctx, dir, undo); err != nil {
		return resource.Revision{}, err
	}
	if err := b.commitUndo(ctx, dir, undo); err != nil {
		return resource.Revision{}, b.putBack(ctx, dir, err)
	}
	return b.newTip(ctx, dir, undo)
}

// reversal returns the directory of a branch that is ready for the undoing.
func (b branches) reversal(ctx context.Context, undo resource.Undo) (string, error) {
	w := resource.Wanted{Addr: undo.Addr, Config: undo.Config}
	read := b.Read(ctx, []resource.Wanted{w})[0]
	if read.Err != nil {
		return "", read.Err
	}
	if tip := resource.RevisionOf(read.Object.GetAttr("revision")); tip.ID != undo.From.ID {
		return "", fmt.Errorf("the tip of %s was revision %s and is now %s: nothing was undone", undo.Addr, undo.From.Revno, tip.Revno)
	}
	dir := undo.Config.GetAttr("location").AsString()
	err := b.clean(ctx, dir)
	if err == nil {
		err = b.unobstructed(ctx, dir, undo.To)
	}
	if f := (*fault)(nil); errors.As(err, &f) {
		return "", reading(w, answer{err: f}).Err
	}
	return dir, err
}

// clean returns a fault for a tree of which a versioned file is not as it was committed.
func (p *provider) clean(ctx context.Context, dir string) error {
	status, err := p.user(ctx, "status", "-S", "-V", dir)
	if err != nil || len(bytes.TrimSpace(status)) == 0 {
		return err
	}
	line, _, _ := strings.Cut(string(status), "\n")
	return p.faultf("Uncommitted change", "The working tree at %s is not as the tip of its branch has it: %s. Commit the change: cd %s && BRZ commit; or "+
		"undo it: cd %[3]s && BRZ revert", dir, strings.Join(strings.Fields(clean(line)), " "), shellescape.Quote(dir))
}

// unobstructed returns a fault for unversioned files where brz would have to move them out of its way: in the place of a file that comes back, or
// in a directory that goes.
func (p *provider) unobstructed(ctx context.Context, dir string, to resource.Revision) error {
	now, err := p.list(ctx, dir)
	if err != nil {
		return err
	}
	then, err := p.list(ctx, dir, "-r", "revid:"+to.ID)
	if err != nil {
		return err
	}
	for name := range then {
		if _, err := os.Lstat(name); !now[name] && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return p.inTheWay(dir, name)
		}
	}
	for name := range now {
		if then[name] {
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			continue // no directory
		}
		for _, entry := range entries {
			if inside := filepath.Join(name, entry.Name()); !now[inside] {
				return p.inTheWay(dir, inside)
			}
		}
	}
	return nil
}

func (p *provider) inTheWay(dir, name string) error {
	return p.faultf("File in the way", "The file %s is not versioned, and stands in the place of one that comes back, or in a directory that goes, if the "+
		"branch at %s is brought back. Move it away first.", clean(name), dir)
}

// list returns the paths of all that is versioned.
func (p *provider) list(ctx context.Context, dir string, args ...string) (map[string]bool, error) {
	out, err := p.user(ctx, append(append([]string{"ls", "-R", "-V", "--null"}, args...), dir)...)
	names := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" {
			names[filepath.Clean(name)] = true
		}
	}
	return names, err
}

// mergeBack merges backwards. A brz that could not begin has changed nothing; then what is in the tree may be somebody else's, who works there.
func (p *provider) mergeBack(ctx context.Context, dir string, undo resource.Undo) error {
	_, err := p.user(ctx, "merge", "-q", "-d", dir, "-r", "revid:"+undo.From.ID+"..revid:"+undo.To.ID, dir)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot merge backwards: %w", err)
	if no := (*failed)(nil); errors.As(err, &no) && no.status == couldNot {
		return fmt.Errorf("%w; nothing is undone", err)
	}
	return p.putBack(ctx, dir, err)
}

func (p *provider) commitUndo(ctx context.Context, dir string, undo resource.Undo) error {
	different, err := p.user(ctx, "status", "-S", "-V", "-r", "revid:"+undo.To.ID, dir)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(different)) > 0 {
		return fmt.Errorf("the files do not become what revision %s holds: %s", undo.To.Revno, clean(string(different)))
	}
	if _, err := p.user(ctx, "commit", "-q", "-m", undo.Message, dir); err != nil {
		return fmt.Errorf("cannot commit: %w", err)
	}
	return nil
}

// putBack brings the tree back to the tip after what went wrong, even if that was the end of ctx.
func (p *provider) putBack(ctx context.Context, dir string, cause error) error {
	if _, err := p.user(context.WithoutCancel(ctx), "revert", "-q", dir); err != nil {
		return fmt.Errorf("%w; and the working tree cannot be put back: %w; do it by hand: cd %s && %s revert", cause, err, shellescape.Quote(dir), p.brz.name())
	}
	return fmt.Errorf("%w; the working tree was put back, and nothing is undone", cause)
}

// newTip reads what the commit has made. The tree's file is not looked at: the caller has read the one before.
func (b branches) newTip(ctx context.Context, dir string, undo resource.Undo) (resource.Revision, error) {
	found := b.once().tip(context.WithoutCancel(ctx), location{path: dir})
	if found.err == nil && found.revision.ID == undo.From.ID {
		found.err = errors.New("the branch has no new revision")
	}
	if found.err != nil {
		return resource.Revision{}, fmt.Errorf("committed, but cannot read the new revision: %w", found.err)
	}
	return found.revision, nil
}

// user runs brz as the user would, with the user's own name, passwords and plugins, and without anybody to ask. When ctx ends it is interrupted, so
// that it puts away its locks.
func (p *provider) user(ctx context.Context, args ...string) ([]byte, error) {
	path, err := p.brz.find()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, undoTimeout, fmt.Errorf("brz did not end within %s", undoTimeout))
	defer cancel()
	env := append(slices.DeleteFunc(os.Environ(), unwanted), "LC_ALL=C.UTF-8", "BRZ_PROGRESS_BAR=none", "SSH_ASKPASS_REQUIRE=never")
	return run(ctx, child.Command{Path: path, Args: append([]string{"--no-aliases"}, args...), Env: env, End: syscall.SIGINT, Grace: undoGrace})
}
