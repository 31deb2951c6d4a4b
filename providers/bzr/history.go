package bzr

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

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
	b.forEachHost(len(spans), func(i int) host { return b.host(declared[i]) }, func(i int) {
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
	at, err := p.locate(declared)
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

// tell returns the history of a span, or, if a file is named, with its text at both ends, which nothing on disk tells.
func (p *provider) tell(ctx context.Context, at location, span resource.Span, file string) (resource.History, error) {
	if file != "" {
		return p.ask(ctx, at, span, file)
	}
	told, cached := p.cache.get(at.place(), span)
	if cached {
		return told, nil
	}
	told, err := p.ask(ctx, at, span, file)
	if err == nil {
		p.cache.put(at.place(), span, told)
	}
	return told, err
}

// ask asks a smart server, and brz where that cannot tell.
func (p *provider) ask(ctx context.Context, at location, span resource.Span, file string) (resource.History, error) {
	told, err := p.askHistory(ctx, at, span, file)
	if errors.Is(err, errUndecided) {
		why := err.Error()
		told, err = p.log(ctx, at, span.From, span.To)
		told.Fallback = why
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
	second := p.beside(ctx, span)
	var told resource.History
	err = p.guard(ctx, served.host, func(ctx context.Context) error {
		told, err = served.history(ctx, span, file, second)
		return err
	})
	return told, err
}

// beside returns the repository of the second place that a span names. One that cannot be found is none: more is told as absent then.
func (p *provider) beside(ctx context.Context, span resource.Span) repositories {
	var declared branch
	if resource.Decode(span.Beside, &declared) != nil || declared.Location == "" {
		return nil
	}
	at, err := p.locate(declared)
	if err != nil {
		return nil
	}
	second, err := p.find(ctx, at.unpinned())
	if err != nil {
		return nil
	}
	var dir string
	err = p.guard(ctx, second.host, func(ctx context.Context) error {
		dir, err = second.repository(ctx, second.dir)
		return err
	})
	if err != nil {
		return nil
	}
	return repositories{{second.smart, dir}}
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
		return p.servedHere(end, tip), nil
	}
	if end = p.names.resolve(end); end.remote == "" {
		return served{}, err
	}
	if tip, end, err = p.remoteTip(ctx, end); err != nil {
		return served{}, err
	}
	u, err := end.direct()
	if err != nil {
		return served{}, err
	}
	return p.servedAt(u, tip), nil
}

// servedHere returns a local branch, served by a brz of our own.
func (p *provider) servedHere(at location, tip resource.Revision) served {
	return served{smart{p.smart.server(thisHost)}, thisHost, at.path, tip}
}

// servedAt returns the branch at the URL, served by the URL's host.
func (p *provider) servedAt(u *url.URL, tip resource.Revision) served {
	return served{p.server(u), hostOf(u), u.Path, tip}
}

// server returns the smart server of the URL's host.
func (p *provider) server(u *url.URL) smart {
	if u.Scheme == "http" || u.Scheme == "https" {
		return smart{webCaller{p, &url.URL{Scheme: u.Scheme, Host: u.Host}}}
	}
	return smart{p.smart.server(hostOf(u))}
}

// story is a history in the making.
type story struct {
	served
	held  repositories // that of the branch first
	graph *ancestry
	span  resource.Span
	told  resource.History
}

// history asks for all that is told of the span. What the branch's own repository does not hold may be in another.
func (s served) history(ctx context.Context, span resource.Span, file string, others repositories) (resource.History, error) {
	dir, err := s.repository(ctx, s.dir)
	if err != nil {
		return resource.History{}, err
	}
	held := append(repositories{{s.smart, dir}}, others...)
	st := story{served: s, held: held, graph: newAncestry(held.parents), span: span}
	r, err := st.graph.relate(ctx, span.From.ID, span.To.ID)
	if err == nil {
		err = st.judge(ctx, r)
	}
	if err != nil || st.told.Back {
		return st.told, err
	}
	if err := st.describe(ctx, r); err != nil {
		return st.withoutWords(err)
	}
	if !st.graph.absent[span.From.ID] {
		st.compareFiles(ctx, file)
	}
	return st.told, nil
}

// withoutWords returns what is certain although the commits could not be described: that something was lost weighs more than its words.
func (st *story) withoutWords(err error) (resource.History, error) {
	if !st.told.Rewritten {
		return resource.History{}, err
	}
	return resource.History{Rewritten: true, Lost: []resource.Commit{{Revision: st.span.From}}}, nil
}

// judge says whether anything was lost. A branch that is stacked on another may have kept what its own repository does not hold.
func (st *story) judge(ctx context.Context, r relation) error {
	if len(r.lost) == 0 {
		return nil
	}
	if len(st.graph.absent) > 0 {
		if err := st.alone(ctx, st.dir); err != nil {
			return err
		}
	}
	if st.span.To.ID != st.tip.ID {
		whole, err := st.graph.all(ctx, st.tip.ID)
		if err != nil {
			return err
		}
		st.told.Back = whole[st.span.From.ID]
	}
	st.told.Rewritten = !st.told.Back
	return nil
}

// describe tells the commits that were gained and lost.
func (st *story) describe(ctx context.Context, r relation) error {
	gained, lost := r.gained[:min(len(r.gained), maxCommits)], r.lost[:min(len(r.lost), maxCommits)]
	st.told.More, st.told.LostMore = len(r.gained)-len(gained), len(r.lost)-len(lost)
	merged, err := st.graph.merges(ctx, gained)
	if err != nil {
		return err
	}
	records, err := st.held.records(ctx, st.worthAsking(slices.Concat(gained, lost), merged))
	if err != nil {
		return err
	}
	if st.told.Commits, err = commits(gained, st.span.To.Revno, records); err != nil {
		return err
	}
	for i, id := range gained {
		if brought, ok := merged[id]; ok {
			st.told.Commits[i].Merged = &resource.Merged{Revisions: len(brought), Authors: authorsOf(brought, records)}
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if st.graph.absent[st.span.From.ID] {
		st.told.Lost = []resource.Commit{{Revision: st.span.From}}
		return nil
	}
	st.told.Lost, err = commits(lost, st.span.From.Revno, records)
	return err
}

// worthAsking returns the revisions whose records are needed: those of the lines, and of what they merged as many as are of use.
func (st *story) worthAsking(line []string, merged map[string][]string) []string {
	ids := slices.DeleteFunc(slices.Clone(line), func(id string) bool { return st.graph.absent[id] })
	limit := len(ids) + maxMerged
	for _, id := range line {
		ids = append(ids, merged[id]...)
	}
	return ids[:min(len(ids), limit)]
}

// commits returns the commits of a line, newest first, the first of which has the revno. Only revnos of the main line can be counted down. A
// record that is missing may be that of a branch on which this one is stacked. A line that is longer than its revno says is brz's business.
func commits(ids []string, revno string, records map[string]record) ([]resource.Commit, error) {
	newest, err := strconv.Atoi(revno)
	if err != nil || newest < len(ids) {
		return nil, undecided("a revision that is not on the main line")
	}
	var all []resource.Commit
	for i, id := range ids {
		r, ok := records[id]
		if !ok {
			return nil, errPartial
		}
		all = append(all, r.commit(strconv.Itoa(newest-i)))
	}
	return all, nil
}

// compareFiles tells what differs between the two ends, and, if a file is named, its text at both. Where that cannot be told, it is not missed.
func (st *story) compareFiles(ctx context.Context, file string) {
	if len(st.held) > 1 && file != "" {
		st.told.FileFrom, st.told.FileTo = st.held.text(ctx, st.span.From.ID, file), st.held.text(ctx, st.span.To.ID, file)
	}
	own := st.held[0]
	d, err := own.inventories(ctx, st.span.From.ID, st.span.To.ID)
	if err != nil {
		return
	}
	st.told.Files = d.files()
	if file == "" {
		return
	}
	from, to := d.entries("/" + file)
	if texts, err := own.texts(ctx, from, to); err == nil {
		st.told.FileFrom, st.told.FileTo = texts[0], texts[1]
	}
}
