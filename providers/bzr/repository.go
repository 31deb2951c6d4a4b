package bzr

import (
	"bytes"
	"cmp"
	"compress/bzip2"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

const maxGraph = 8 << 20 // bytes of one part of a repository's graph; servers send less than one

// repository is a directory of a smart server that holds revisions.
type repository struct {
	smart
	dir string
}

// ask calls a verb and returns the arguments, n strings, and the body of the answer. A refusal is errAnswer.
func (r repository) ask(ctx context.Context, verb string, n int, body string, args ...value) ([]string, []byte, error) {
	answer, err := r.call(ctx, request{verb: verb, dir: r.dir, args: args, body: []byte(body)})
	if err != nil {
		return nil, nil, err
	}
	found, err := answer.texts("ok", n)
	return found, answer.body, err
}

// parents returns the parents of those revisions that are held, and of others before them, as many as make a large answer.
func (r repository) parents(ctx context.Context, ids []string) (map[string][]string, error) {
	args := make([]value, len(ids))
	for i, id := range ids {
		args[i] = bstring(id)
	}
	_, body, err := r.ask(ctx, "Repository.get_parent_map", 1, "\n\n0", args...)
	if err != nil {
		return nil, err
	}
	return parseParents(body)
}

// parseParents understands a text of lines "ID PARENT...", compressed with bzip2. Each revision has one line.
func parseParents(body []byte) (map[string][]string, error) {
	text, err := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(body)), maxGraph+1))
	if err != nil || len(text) > maxGraph {
		return nil, malformedf("its graph of revisions cannot be unpacked")
	}
	parents := map[string][]string{}
	if len(text) == 0 {
		return parents, nil
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		ids := strings.Split(line, " ")
		if _, again := parents[ids[0]]; again || !allValid(ids) {
			return nil, malformedf("its graph of revisions has the line %.100q", line)
		}
		parents[ids[0]] = ids[1:]
	}
	return parents, nil
}

func allValid(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool { return !validID(id) })
}

// records returns what is held of the revisions, by id. Some may be missing.
func (r repository) records(ctx context.Context, ids []string) (map[string]record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, body, err := r.ask(ctx, "Repository.iter_revisions", 2, strings.Join(ids, "\n"))
	if err != nil {
		return nil, err
	}
	return parseRecords(found[1], body)
}

// inventories returns how the inventories of two revisions differ. Of older formats they come in any order.
func (r repository) inventories(ctx context.Context, from, to string) (difference, error) {
	_, body, err := r.ask(ctx, "VersionedFileRepository.get_inventories", 1, from+"\n"+to, bstring("unordered"))
	if err != nil {
		return difference{}, err
	}
	deltas, err := parseDeltas(body)
	if err != nil || len(deltas) != 2 || deltas[1].parent != deltas[0].version {
		return difference{}, cmp.Or[error](err, errAnswer)
	}
	d := difference{whole: deltas[0], change: deltas[1], backwards: deltas[0].version == to}
	if one, other := d.whole.version, d.change.version; !(one == from && other == to || one == to && other == from) {
		return difference{}, errAnswer
	}
	return d, nil
}

// text returns the text of a file in a revision; nil for one that is not there.
func (r repository) text(ctx context.Context, id, file string) ([]byte, error) {
	_, body, err := r.ask(ctx, "VersionedFileRepository.get_inventories", 1, id, bstring("unordered"))
	if err != nil {
		return nil, err
	}
	deltas, err := parseDeltas(body)
	if err != nil || len(deltas) != 1 || deltas[0].version != id {
		return nil, cmp.Or[error](err, errAnswer)
	}
	texts, err := r.texts(ctx, deltas[0].find("/"+file))
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

// texts returns the text of each entry; nil for one that is nil, or no file, or whose text is not held.
func (r repository) texts(ctx context.Context, entries ...*row) ([][]byte, error) {
	place := map[row]int{} // in the question, which names each text once
	var body strings.Builder
	for _, e := range entries {
		if e == nil || e.kind != "file" || strings.ContainsAny(e.file, "\r\n") || !validID(e.revision) {
			continue
		}
		text := row{file: e.file, revision: e.revision}
		if _, again := place[text]; !again {
			place[text] = len(place)
			fmt.Fprintf(&body, "%s\x00%s\n", e.file, e.revision)
		}
	}
	_, answer, err := r.ask(ctx, "Repository.iter_files_bytes", 1, body.String())
	if err != nil {
		return nil, err
	}
	found, err := parseTexts(answer, len(place))
	if err != nil {
		return nil, err
	}
	texts := make([][]byte, len(entries))
	for i, e := range entries {
		if e == nil {
			continue
		}
		if n, asked := place[row{file: e.file, revision: e.revision}]; asked {
			texts[i] = found[n]
		}
	}
	return texts, nil
}
