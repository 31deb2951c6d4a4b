package bzr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

// smart asks a smart server about branches. It names each by its directory among what is served.
type smart struct{ caller }

// errAnswer is for an answer that is not of the expected kind: the server is older or newer than what is known here.
const errAnswer = undecided("an unusual answer of the server")

// errPartial is for a branch that is stacked on another. The smart protocol tells only what its own repository holds.
const errPartial = undecided("a branch that is stacked on another")

// askSmart asks the smart server at the URL of a branch.
func (p *provider) askSmart(ctx context.Context, at location, u *url.URL) (finding, error) {
	s := p.server(u)
	tip, err := s.tip(ctx, u.Path)
	if errors.Is(err, errAbsent) {
		return s.reference(ctx, at, u.Path)
	}
	if err != nil {
		return finding{}, err
	}
	found, err := p.choose(at, tip)
	if errors.Is(err, errUndecided) {
		tags := func(ctx context.Context) (map[string]string, error) { return s.tags(ctx, u.Path) }
		found, err = p.servedAt(u, tip).pinned(ctx, at, tags)
	}
	return finding{revision: found}, err
}

// texts returns the arguments of an answer that succeeded and has n of them, all strings, the first of them being word. For an answer of
// another kind there is errAnswer.
func (r reply) texts(word string, n int) ([]string, error) {
	var all []string
	for _, v := range r.args {
		s, ok := v.(bstring)
		if !ok {
			return nil, errAnswer
		}
		all = append(all, string(s))
	}
	if !r.ok || len(all) != n || all[0] != word {
		return nil, errAnswer
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
		err = undecided("a reference that leads nowhere")
	}
	if err != nil {
		return finding{}, err
	}
	return finding{reference: found[1]}, nil
}

// pinned returns the revision that a pin names. The tags are asked for only if it is one of them.
func (s served) pinned(ctx context.Context, at location, tags func(context.Context) (map[string]string, error)) (resource.Revision, error) {
	switch at.pin.by {
	case byRevno:
		return s.numbered(ctx, at)
	case byID:
		return s.identified(ctx, at, at.pin.value)
	}
	all, err := tags(ctx)
	if err != nil {
		return resource.Revision{}, err
	}
	switch id, known := all[at.pin.value]; {
	case !known:
		return resource.Revision{}, noRevision(at)
	case id == nullID:
		return resource.Revision{}, notInBranch(at, id)
	case id == s.tip.ID:
		return s.tip, nil
	default:
		return s.identified(ctx, at, id)
	}
}

// numbered returns the revision with the pin's number on the main line. Dotted numbers are left to brz.
func (s served) numbered(ctx context.Context, at location) (resource.Revision, error) {
	if strings.Contains(at.pin.value, ".") {
		return resource.Revision{}, undecided("a dotted revision number")
	}
	revno, err := strconv.ParseInt(at.pin.value, 10, 64)
	newest, errNewest := strconv.ParseInt(s.tip.Revno, 10, 64)
	switch {
	case errNewest != nil:
		return resource.Revision{}, errAnswer
	case err != nil || revno < 1 || revno > newest:
		return resource.Revision{}, noRevision(at)
	}
	repository, err := s.repository(ctx, s.dir)
	if err != nil {
		return resource.Revision{}, err
	}
	answer, err := s.call(ctx, request{verb: "Repository.get_rev_id_for_revno", dir: repository,
		args: []value{bint(revno), blist{bint(newest), bstring(s.tip.ID)}}})
	if err != nil {
		return resource.Revision{}, err
	}
	found, err := answer.texts("ok", 2)
	switch {
	case answer.ok && len(answer.args) > 0 && answer.args[0] == bstring("history-incomplete"):
		return resource.Revision{}, errPartial
	case err != nil:
		return resource.Revision{}, err
	case !validID(found[1]):
		return resource.Revision{}, errAnswer
	}
	return resource.Revision{Revno: strconv.FormatInt(revno, 10), ID: found[1]}, nil
}

// identified returns the revision with the id, which has to be in the branch.
func (s served) identified(ctx context.Context, at location, id string) (resource.Revision, error) {
	answer, err := s.call(ctx, request{verb: "Branch.revision_id_to_revno", dir: s.dir, args: []value{bstring(id)}})
	if err != nil {
		return resource.Revision{}, err
	}
	switch answer.failure() {
	case "NoSuchRevision":
		return resource.Revision{}, cmp.Or(s.alone(ctx, s.dir), notInBranch(at, id))
	case "GhostRevisionsHaveNoRevno":
		return resource.Revision{}, errPartial
	}
	numbers, err := answer.texts("ok", max(2, len(answer.args)))
	if err != nil {
		return resource.Revision{}, err
	}
	revno := strings.Join(numbers[1:], ".")
	if !revnoForm.MatchString(revno) {
		return resource.Revision{}, errAnswer
	}
	return resource.Revision{Revno: revno, ID: id}, nil
}

// repository returns the directory that holds the revisions of the branch in dir.
func (s smart) repository(ctx context.Context, dir string) (string, error) {
	answer, err := s.call(ctx, request{verb: "BzrDir.find_repositoryV3", dir: dir})
	if err != nil {
		return "", err
	}
	found, err := answer.texts("ok", 6)
	if err == nil && strings.HasPrefix(found[1], "/") {
		err = errAnswer
	}
	if err != nil {
		return "", err
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
	return errPartial
}
