package bzr

import (
	"context"
	"maps"
)

// repositories are asked one after the other for what those before have not got.
type repositories []repository

// parents returns what is held of the parents of the revisions, and of others before them.
func (r repositories) parents(ctx context.Context, ids []string) (map[string][]string, error) {
	return collect(r, ids, func(one repository, ids []string) (map[string][]string, error) { return one.parents(ctx, ids) })
}

// records returns what is held of the revisions, by id.
func (r repositories) records(ctx context.Context, ids []string) (map[string]record, error) {
	return collect(r, ids, func(one repository, ids []string) (map[string]record, error) { return one.records(ctx, ids) })
}

func collect[V any](all repositories, ids []string, ask func(repository, []string) (map[string]V, error)) (map[string]V, error) {
	found := map[string]V{}
	for _, one := range all {
		var missing []string
		for _, id := range ids {
			if _, ok := found[id]; !ok {
				missing = append(missing, id)
			}
		}
		if len(missing) == 0 {
			break
		}
		some, err := ask(one, missing)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, some)
	}
	return found, nil
}

// text returns the text of a file in a revision, from the first that holds it; nil if that cannot be told.
func (r repositories) text(ctx context.Context, id, file string) []byte {
	for _, one := range r {
		if text, err := one.text(ctx, id, file); err == nil {
			return text
		}
	}
	return nil
}
