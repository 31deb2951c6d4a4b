package bzr

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// smart asks a smart server about branches. It names each by its directory among what is served.
type smart struct{ caller }

// askSmart asks a smart server about the branch in the directory dir of what it serves.
func (p *provider) askSmart(ctx context.Context, s smart, at location, dir string) (finding, error) {
	tip, err := s.tip(ctx, dir)
	if errors.Is(err, errAbsent) {
		return s.reference(ctx, at, dir)
	}
	if err != nil {
		return finding{}, err
	}
	found, err := p.choose(at, tip)
	if errors.Is(err, errUndecided) {
		return s.pinned(ctx, at, dir, tip)
	}
	return found, err
}

// texts returns the arguments of an answer that succeeded and has n of them, all strings, the first of them being word. For an answer of
// another kind there is errUndecided: the server is older or newer than what is known here.
func (r reply) texts(word string, n int) ([]string, error) {
	var all []string
	for _, v := range r.args {
		s, ok := v.(bstring)
		if !ok {
			return nil, errUndecided
		}
		all = append(all, string(s))
	}
	if !r.ok || len(all) != n || all[0] != word {
		return nil, errUndecided
	}
	return all, nil
}

// failure returns the name of the error that an answer tells, or "".
func (r reply) failure() string {
	for _, v := range r.args {
		if name, ok := v.(bstring); !r.ok && ok && name != "error" {
			return string(name)
		}
	}
	return ""
}

// tip returns the newest revision of the branch in dir. The id of an empty branch's is "null:". If there is no branch, or a reference, the
// error is errAbsent.
func (s smart) tip(ctx context.Context, dir string) (resource.Revision, error) {
	answer, err := s.call(ctx, request{verb: "Branch.last_revision_info", dir: dir})
	if err != nil {
		return resource.Revision{}, err
	}
	if name := answer.failure(); name == "NotBranchError" || name == "nobranch" {
		return resource.Revision{}, errAbsent
	}
	found, err := answer.texts("ok", 3)
	if err != nil {
		return resource.Revision{}, err
	}
	return parseLastRevision([]byte(found[1] + " " + found[2]))
}

// reference returns where the reference in dir leads, or that there is nothing.
func (s smart) reference(ctx context.Context, at location, dir string) (finding, error) {
	answer, err := s.call(ctx, request{verb: "BzrDir.open_branchV3", dir: dir})
	switch {
	case err != nil:
		return finding{}, err
	case answer.failure() == "nobranch" && len(answer.args) > 1 && answer.args[1] == bstring("location is a repository"):
		return finding{}, fmt.Errorf("%w at %s, which is a repository without one", errAbsent, at.place())
	case answer.failure() == "nobranch":
		return finding{}, fmt.Errorf("%w at %s", errAbsent, at.place())
	}
	found, err := answer.texts("ref", 2)
	if err == nil && found[1] == "" {
		err = errUndecided
	}
	if err != nil {
		return finding{}, err
	}
	return finding{reference: found[1]}, nil
}

// pinned returns the revision that a pin names on the main line of the branch, whose tip is known. Dotted numbers are left to brz.
func (s smart) pinned(ctx context.Context, at location, dir string, tip resource.Revision) (finding, error) {
	revno, err := strconv.ParseInt(at.revno, 10, 64)
	newest, errNewest := strconv.ParseInt(tip.Revno, 10, 64)
	if err != nil || errNewest != nil {
		return finding{}, errUndecided
	}
	if revno < 1 || revno > newest {
		return finding{}, noRevision(at)
	}
	repository, err := s.repository(ctx, dir)
	if err != nil {
		return finding{}, err
	}
	answer, err := s.call(ctx, request{verb: "Repository.get_rev_id_for_revno", dir: repository,
		args: []value{bint(revno), blist{bint(newest), bstring(tip.ID)}}})
	if err != nil {
		return finding{}, err
	}
	found, err := answer.texts("ok", 2)
	if err != nil || !validID(found[1]) {
		return finding{}, errUndecided
	}
	return finding{revision: resource.Revision{Revno: strconv.FormatInt(revno, 10), ID: found[1]}}, nil
}

// repository returns the directory that holds the revisions of the branch in dir.
func (s smart) repository(ctx context.Context, dir string) (string, error) {
	answer, err := s.call(ctx, request{verb: "BzrDir.find_repositoryV3", dir: dir})
	if err != nil {
		return "", err
	}
	found, err := answer.texts("ok", 6)
	if err != nil || strings.HasPrefix(found[1], "/") {
		return "", errUndecided
	}
	return path.Join("/", dir, found[1]), nil
}

// alone returns errUndecided unless the branch in dir is known not to be stacked on another.
func (s smart) alone(ctx context.Context, dir string) error {
	answer, err := s.call(ctx, request{verb: "Branch.get_stacked_on_url", dir: dir})
	if err != nil {
		return err
	}
	if name := answer.failure(); name == "NotStacked" || name == "UnstackableBranchFormat" {
		return nil
	}
	return errUndecided
}
