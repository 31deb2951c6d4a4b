package novatest

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// keyPattern is nova's, with Python's $, which lets one newline follow.
const keyPattern = `^[a-zA-Z0-9-_:. ]{1,255}$`

const maxValue = 255 // characters

// checkItems checks keys and values as nova's schema does: without a look at the server.
func checkItems(field string, given map[string]any) (map[string]string, error) {
	legal := regexp.MustCompile(`^[a-zA-Z0-9\-_:. ]{1,255}\n?$`)
	items := make(map[string]string, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !legal.MatchString(key) {
			return nil, invalid(field, given, python(key)+" does not match any of the regexes: '"+keyPattern+"'")
		}
		value, isString := given[key].(string)
		if !isString {
			return nil, invalid(key, given[key], "is not of type 'string'")
		}
		if utf8.RuneCountInString(value) > maxValue {
			return nil, invalid(key, value, "is too long")
		}
		items[key] = value
	}
	return items, nil
}

// checkStore refuses what only quota and database refuse: too many items, and characters that MariaDB's utf8mb3 cannot hold.
func (k *call) checkStore(items map[string]string) error {
	if len(items) > k.options.MaxMeta {
		return fail(http.StatusForbidden, "Maximum number of metadata items exceeds %d", k.options.MaxMeta)
	}
	for _, value := range items {
		if strings.ContainsFunc(value, func(r rune) bool { return r > 0xFFFF }) {
			return fail(http.StatusInternalServerError, "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ "+
				"and attach the Nova API log if possible.\n<class 'oslo_db.exception.DBError'>")
		}
	}
	return nil
}

// checkState refuses to write the metadata of a server that is locked or in a state that forbids it.
func (k *call) checkState(s *server, verb string) error {
	if err := k.checkLock(s); err != nil {
		return err
	}
	vm, _ := vmState(s.Status)
	switch vm {
	case "active", "stopped", "paused", "suspended":
		return nil
	}
	return fail(http.StatusConflict, "Cannot '%s metadata' instance %s while it is in vm_state %s", verb, s.ID, vm)
}

func (k *call) routeMetadata(id string) (answer, error) {
	switch k.r.Method {
	case http.MethodGet:
		s, err := k.find(id)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"metadata": s.Metadata}), nil
	case http.MethodPost:
		return k.writeAll(id, true)
	case http.MethodPut:
		return k.writeAll(id, false)
	}
	return answer{}, notFound()
}

func (k *call) routeMetadataItem(id, key string) (answer, error) {
	switch k.r.Method {
	case http.MethodGet:
		s, err := k.findItem(id, key)
		if err != nil {
			return answer{}, err
		}
		return ok(map[string]any{"meta": map[string]string{key: s.Metadata[key]}}), nil
	case http.MethodPut:
		return k.writeItem(id, key)
	case http.MethodDelete:
		return k.deleteItem(id, key)
	}
	return answer{}, notFound()
}

func (k *call) findItem(id, key string) (*server, error) {
	s, err := k.find(id)
	if err != nil {
		return nil, err
	}
	if _, found := s.Metadata[key]; !found {
		return nil, fail(http.StatusNotFound, "Metadata item was not found")
	}
	return s, nil
}

func (k *call) writeAll(id string, merge bool) (answer, error) {
	given, err := k.member("metadata")
	if err != nil {
		return answer{}, err
	}
	items, err := checkItems("metadata", given)
	if err != nil {
		return answer{}, err
	}
	whole, err := k.store(id, items, merge)
	if err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"metadata": whole}), nil
}

func (k *call) writeItem(id, key string) (answer, error) {
	given, err := k.member("meta")
	if err != nil {
		return answer{}, err
	}
	items, err := checkItems("meta", given)
	switch _, named := given[key]; {
	case err != nil:
		return answer{}, err
	case len(given) > 1:
		return answer{}, invalid("meta", given, "has too many properties")
	case len(given) == 0:
		return answer{}, invalid("meta", given, "does not have enough properties")
	case !named:
		return answer{}, fail(http.StatusBadRequest, "Request body and URI mismatch")
	}
	if _, err := k.store(id, items, true); err != nil {
		return answer{}, err
	}
	return ok(map[string]any{"meta": items}), nil
}

// store writes the items, into the set there is or instead of it, and returns the set that results. Either way updated moves.
func (k *call) store(id string, items map[string]string, merge bool) (map[string]string, error) {
	s, err := k.find(id)
	if err != nil {
		return nil, err
	}
	if err := k.checkState(s, "update"); err != nil {
		return nil, err
	}
	whole := items
	if merge {
		whole = maps.Clone(s.Metadata)
		maps.Copy(whole, items)
	}
	if err := k.checkStore(whole); err != nil {
		return nil, err
	}
	if !k.lost {
		s.Metadata, s.Updated = whole, k.options.Now()
	}
	return whole, nil
}

// deleteItem removes a key, and with it every key that MariaDB's collation calls the same. Unlike a write it leaves updated alone.
func (k *call) deleteItem(id, key string) (answer, error) {
	s, err := k.findItem(id, key)
	if err != nil {
		return answer{}, err
	}
	if err := k.checkState(s, "delete"); err != nil {
		return answer{}, err
	}
	if !k.lost {
		rest := maps.Clone(s.Metadata)
		maps.DeleteFunc(rest, func(other, _ string) bool { return collate(other) == collate(key) })
		s.Metadata = rest
	}
	return answer{status: http.StatusNoContent}, nil
}

func collate(key string) string {
	return strings.ToLower(strings.TrimRight(key, " "))
}
