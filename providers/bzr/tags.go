package bzr

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
)

const (
	maxTags  = 4 << 20
	tagsFile = "/.bzr/branch/tags"
)

// errTags says that a list of tags is none.
var errTags = errors.New("the branch is damaged: its tags cannot be read")

// parseTags understands the list of a branch's tags: nothing, or a bencoded dictionary of revision ids.
func parseTags(data []byte) (map[string]string, error) {
	if len(data) == 0 {
		return nil, nil
	}
	v, rest, err := parseValue(data, 0)
	d, ok := v.(bdict)
	if err != nil || !ok || len(rest) > 0 {
		return nil, errTags
	}
	tags := make(map[string]string, len(d))
	for name, v := range d {
		id, ok := v.(bstring)
		if !ok || !validID(string(id)) {
			return nil, errTags
		}
		tags[name] = string(id)
	}
	return tags, nil
}

// readTags returns the tags of a local branch, no reference. Formats without tags have none.
func readTags(at location) (map[string]string, error) {
	dir, _, err := branchFormat(at)
	if err != nil {
		return nil, err
	}
	data, err := readFile(filepath.Join(dir, "tags"), maxTags)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseTags(data)
}

// tags returns the tags of the branch in dir.
func (s smart) tags(ctx context.Context, dir string) (map[string]string, error) {
	answer, err := s.call(ctx, request{verb: "Branch.get_tags_bytes", dir: dir})
	if err != nil {
		return nil, err
	}
	if answer.ok && len(answer.args) == 1 {
		if data, ok := answer.args[0].(bstring); ok {
			return parseTags([]byte(data))
		}
	}
	return nil, errAnswer
}

// webTags returns the tags of a branch whose files a web server shows below root.
func (p *provider) webTags(ctx context.Context, root string) (map[string]string, error) {
	found, err := p.fetch(ctx, http.MethodGet, root+tagsFile, nil, maxTags)
	switch {
	case err != nil:
		return nil, err
	case found.missing():
		return nil, nil
	case found.status != http.StatusOK || found.long:
		return nil, undecided("a web server that does not show the tags")
	}
	return parseTags(found.body)
}
