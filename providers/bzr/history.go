package bzr

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"launchpad.net/cdplan/providers/resource"
)

const (
	maxCommits = 20  // that are told of one branch
	maxMerged  = 200 // merged revisions of one branch whose authors are looked up
)

// History tells what lies between two revisions of each branch that moved. It asks a smart server, for what is on the local disk one of our own,
// and brz only where that cannot tell. What it has told before is kept on disk.
func (b branches) History(ctx context.Context, spans []resource.Span) []resource.History {
	histories := make([]resource.History, len(spans))
	b = branches{b.once()}
	declared := make([]branch, len(spans))
	for i, span := range spans {
		histories[i].Err = resource.Decode(span.Config, &declared[i])
	}
	b.forEachHost(len(spans), func(i int) host { return declared[i].host() }, func(i int) {
		if histories[i].Err == nil {
			histories[i] = b.history(ctx, declared[i], spans[i])
		}
	})
	for i, span := range spans {
		histories[i].Addr = span.Addr
	}
	return histories
}

func (p *provider) history(ctx context.Context, declared branch, span resource.Span) resource.History {
	at, err := parseLocation(declared.Location)
	if err == nil && span.From.ID != span.To.ID {
		var told resource.History
		if told, err = p.tell(ctx, at.unpinned(), span, declared.TreeFile); err == nil {
			return told
		}
	}
	if err != nil {
		err = fmt.Errorf("cannot read the log of %s: %w", redact(declared.Location), err)
	}
	return resource.History{Err: err}
}

// tell returns the history of a span with, if a file is named, its text at both ends.
func (p *provider) tell(ctx context.Context, at location, span resource.Span, file string) (resource.History, error) {
	known, cached := p.cache.get(span)
	if cached && file == "" {
		return known, nil
	}
	told, err := p.askHistory(ctx, at, span, file)
	if errors.Is(err, errUndecided) {
		why := err.Error()
		told, err = p.log(ctx, at, span.From, span.To)
		told.Fallback = why
	}
	if err == nil && !cached {
		p.cache.put(span, told)
	}
	return told, err
}

// askHistory asks a smart server.
func (p *provider) askHistory(ctx context.Context, at location, span resource.Span, file string) (resource.History, error) {
	for _, r := range []resource.Revision{span.From, span.To} {
		if !validID(r.ID) || r.ID == nullID {
			return resource.History{}, fmt.Errorf("%q is not a revision", r.ID)
		}
	}
	served, err := p.find(ctx, at)
	if err != nil {
		return resource.History{}, err
	}
	var told resource.History
	err = p.guard(ctx, served.host, func(ctx context.Context) error {
		told, err = served.history(ctx, span, file)
		return err
	})
	return told, err
}

// served is a branch that a smart server knows.
type served struct {
	smart
	host host
	dir  string // among what is served
	tip  resource.Revision
}

// find returns the branch that the location leads to, all references followed.
func (p *provider) find(ctx context.Context, at location) (served, error) {
	end, tip, err := readTip(at)
	if err == nil {
		return served{smart{p.smart.server(thisHost)}, thisHost, end.path, tip}, nil
	}
	if !errors.Is(err, errUndecided) {
		return served{}, err
	}
	for range maxHops + 1 {
		found, err := p.askHost(ctx, end)
		if err != nil {
			return served{}, err
		}
		if found.reference == "" {
			return p.servedAt(end, found.revision)
		}
		if end, err = follow(end, found.reference); err != nil {
			return served{}, err
		}
	}
	return served{}, tooManyHops()
}

func (p *provider) servedAt(at location, tip resource.Revision) (served, error) {
	u, ok := at.direct()
	if !ok {
		return served{}, errUndecided
	}
	return served{p.server(u), hostOf(u), u.Path, tip}, nil
}

// server returns the smart server of the URL's host.
func (p *provider) server(u *url.URL) smart {
	if u.Scheme == "http" || u.Scheme == "https" {
		return smart{webCaller{p, &url.URL{Scheme: u.Scheme, Host: u.Host}}}
	}
	return smart{p.smart.server(hostOf(u))}
}

// history asks for all that is told of the span.
func (s served) history(ctx context.Context, span resource.Span, file string) (resource.History, error) {
	repository, err := s.repository(ctx, s.dir)
	if err != nil {
		return resource.History{}, err
	}
	a := &ancestry{smart: s.smart, repository: repository, parents: map[string][]string{}, absent: map[string]bool{}}
	r, err := a.relate(ctx, span.From.ID, span.To.ID)
	if err != nil {
		return resource.History{}, err
	}
	told, err := s.judge(ctx, a, r, span)
	if err != nil || told.Back {
		return told, err
	}
	if err := a.describe(ctx, &told, r, span); err != nil {
		return resource.History{}, err
	}
	if !a.absent[span.From.ID] {
		a.compareFiles(ctx, &told, span, file)
	}
	return told, nil
}

// judge says whether anything was lost. A branch that is stacked on another may have kept what its own repository does not hold.
func (s served) judge(ctx context.Context, a *ancestry, r relation, span resource.Span) (resource.History, error) {
	if len(r.lost) == 0 {
		return resource.History{}, nil
	}
	if len(a.absent) > 0 {
		if err := s.alone(ctx); err != nil {
			return resource.History{}, err
		}
	}
	if span.To.ID != s.tip.ID && s.tip.ID != nullID {
		whole, err := a.all(ctx, s.tip.ID)
		if err != nil || whole[span.From.ID] {
			return resource.History{Back: true}, err
		}
	}
	return resource.History{Rewritten: true}, nil
}

// alone returns errUndecided unless the branch is known not to be stacked on another.
func (s served) alone(ctx context.Context) error {
	answer, err := s.call(ctx, request{verb: "Branch.get_stacked_on_url", dir: s.dir})
	if err != nil {
		return err
	}
	if name := answer.failure(); name == "NotStacked" || name == "UnstackableBranchFormat" {
		return nil
	}
	return errUndecided
}

// describe fills in the commits that were gained and lost.
func (a *ancestry) describe(ctx context.Context, told *resource.History, r relation, span resource.Span) error {
	gained, lost := r.gained[:min(len(r.gained), maxCommits)], r.lost[:min(len(r.lost), maxCommits)]
	told.More, told.LostMore = len(r.gained)-len(gained), len(r.lost)-len(lost)
	merged, err := a.merges(ctx, gained)
	if err != nil {
		return err
	}
	records, err := a.records(ctx, slices.Concat(gained, lost), merged)
	if err != nil {
		return err
	}
	if told.Commits, err = commits(gained, span.To.Revno, records); err != nil {
		return err
	}
	for i, id := range gained {
		if brought, ok := merged[id]; ok {
			told.Commits[i].Merged = &resource.Merged{Revisions: len(brought), Authors: authorsOf(brought, records)}
		}
	}
	if a.absent[span.From.ID] {
		told.Lost = []resource.Commit{{Revision: span.From}}
		return nil
	}
	told.Lost, err = commits(lost, span.From.Revno, records)
	return err
}

// commits returns the commits of a line, newest first, the first of which has the revno. Only revnos of the main line can be counted down.
func commits(ids []string, revno string, records map[string]record) ([]resource.Commit, error) {
	newest, err := strconv.Atoi(revno)
	if err != nil {
		return nil, errUndecided
	}
	var all []resource.Commit
	for i, id := range ids {
		r, ok := records[id]
		if !ok {
			return nil, errUndecided
		}
		all = append(all, r.commit(strconv.Itoa(newest-i)))
	}
	return all, nil
}

// records returns the records of the ids, and of merged revisions as many as are of use. Some may be missing.
func (a *ancestry) records(ctx context.Context, ids []string, merged map[string][]string) (map[string]record, error) {
	wanted := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return a.absent[id] })
	limit := len(wanted) + maxMerged
	for _, id := range ids {
		wanted = append(wanted, merged[id]...)
	}
	wanted = wanted[:min(len(wanted), limit)]
	if len(wanted) == 0 {
		return nil, nil
	}
	answer, err := a.call(ctx, request{verb: "Repository.iter_revisions", dir: a.repository, body: []byte(strings.Join(wanted, "\n"))})
	if err != nil {
		return nil, err
	}
	found, err := answer.texts("ok", 2)
	if err != nil {
		return nil, err
	}
	return parseRecords(found[1], answer.body)
}

// compareFiles fills in what differs between the two ends, and the text of one file. Where that cannot be told, it is not missed.
func (a *ancestry) compareFiles(ctx context.Context, told *resource.History, span resource.Span, file string) {
	answer, err := a.call(ctx, request{verb: "VersionedFileRepository.get_inventories", dir: a.repository, args: []value{bstring("unordered")},
		body: []byte(span.From.ID + "\n" + span.To.ID)})
	if err != nil {
		return
	}
	if _, err := answer.texts("ok", 1); err != nil {
		return
	}
	deltas, err := parseDeltas(answer.body)
	if err != nil || len(deltas) != 2 || deltas[0].version != span.From.ID || deltas[1].parent != span.From.ID || deltas[1].version != span.To.ID {
		return
	}
	told.Files = deltas[1].files(deltas[0])
	if file != "" {
		told.FileFrom, told.FileTo = a.fileTexts(ctx, deltas[0], deltas[1], "/"+file)
	}
}

// fileTexts returns the text of the file at the path in the inventory that whole holds, and in that which change makes of it. A text that is
// not there, or cannot be had, is nil.
func (a *ancestry) fileTexts(ctx context.Context, whole, change delta, path string) (from, to []byte) {
	ends := []*row{whole.find(path), change.find(path)}
	if ends[1] == nil && !change.removes(path) {
		ends[1] = ends[0]
	}
	var body []byte
	for _, r := range ends {
		if r == nil || r.kind != "file" || strings.ContainsAny(r.file, "\r\n") || !validID(r.revision) {
			return nil, nil
		}
		body = fmt.Appendf(body, "%s\x00%s\n", r.file, r.revision)
	}
	answer, err := a.call(ctx, request{verb: "Repository.iter_files_bytes", dir: a.repository, body: body})
	if err != nil {
		return nil, nil
	}
	if _, err := answer.texts("ok", 1); err != nil {
		return nil, nil
	}
	texts, err := parseTexts(answer.body)
	if err != nil {
		return nil, nil
	}
	if *ends[0] == *ends[1] { // one question, which has one answer
		return texts[1], texts[1]
	}
	return texts[0], texts[1]
}
