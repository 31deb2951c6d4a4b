package bzr

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/cache"

	"launchpad.net/cdplan/providers/resource"
)

// cacheScheme changes whenever the same span would be told in another way than before.
const cacheScheme = "bzr history 3"

// histories keeps on disk what was told of spans. What lies between two revisions never changes, so that nothing in it gets old; what nobody
// has asked for in some days is removed. It holds no texts of files. Where there is no place for it, or the disk is full, it stays empty.
type histories struct {
	open func() *cache.Cache // nil where there is none
}

// newHistories returns those in the directory dir, or, if that is empty, in the user's own place for such things.
func newHistories(dir string) histories {
	return histories{sync.OnceValue(func() *cache.Cache {
		if dir == "" {
			dir = cacheDir(os.Getenv, os.Getuid())
		}
		if dir == "" || os.MkdirAll(dir, 0o700) != nil {
			return nil
		}
		found, err := cache.Open(dir)
		if err != nil {
			return nil
		}
		return found
	})}
}

// cacheDir returns $XDG_CACHE_HOME/cdplan/bzr, or ~/.cache/cdplan/bzr where that is unset; for root it is /var/cache/cdplan/bzr. Where neither
// is set it is empty.
func cacheDir(getenv func(string) string, uid int) string {
	base := getenv("XDG_CACHE_HOME")
	switch home := getenv("HOME"); {
	case filepath.IsAbs(base):
	case uid == 0:
		base = "/var/cache"
	case filepath.IsAbs(home):
		base = filepath.Join(home, ".cache")
	default:
		return ""
	}
	return filepath.Join(base, "cdplan", "bzr")
}

func (h histories) get(where string, span resource.Span) (resource.History, bool) {
	kept := h.open()
	if kept == nil {
		return resource.History{}, false
	}
	data, _, err := kept.GetBytes(cacheKey(where, span))
	var told resource.History
	if err != nil || json.Unmarshal(data, &told) != nil {
		return resource.History{}, false
	}
	return told, true
}

// put keeps a history that can never change, and says nothing of how it was come by. One whose files could not be told this time is asked for
// again.
func (h histories) put(where string, span resource.Span, told resource.History) {
	kept := h.open()
	if kept == nil || told.Rewritten || told.Back || told.Files == nil && told.Fallback == "" {
		return
	}
	told.FileFrom, told.FileTo, told.Fallback = nil, nil, ""
	data, err := json.Marshal(told)
	if err != nil {
		return
	}
	_ = kept.PutBytes(cacheKey(where, span), data) // it will be asked for anew
	_ = kept.Trim()                                // once a day; it may be tried again
}

// cacheKey depends on the revno, too, for a revision has another on another branch, and on where the branch is read: what one server says of
// two revisions is nothing that another branch is judged by.
func cacheKey(where string, span resource.Span) cache.ActionID {
	key := cache.NewHash(cacheScheme)
	for _, word := range []string{where, span.From.ID, span.To.ID, span.To.Revno} {
		_, _ = key.Write([]byte(word + "\n")) // a hash takes everything
	}
	return key.Sum()
}
