package bzr

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"launchpad.net/cdplan/providers/resource"
)

// finding is what a server says of a branch: a revision, or where a reference leads.
type finding struct {
	revision  resource.Revision
	reference string
}

// remoteTip returns the revision of a branch on another host, asking brz if the host cannot be asked directly.
func (p *provider) remoteTip(ctx context.Context, at location) (resource.Revision, error) {
	for range maxHops + 1 {
		found, err := p.askHost(ctx, at)
		if errors.Is(err, errUndecided) {
			return p.askTip(ctx, at)
		}
		if err != nil || found.reference == "" {
			return found.revision, err
		}
		if at, err = follow(at, found.reference); err != nil {
			return resource.Revision{}, err
		}
	}
	return resource.Revision{}, tooManyHops()
}

func tooManyHops() error { return fmt.Errorf("more than %d references, one behind the other", maxHops) }

// follow returns where the reference at a remote location leads. A server may send us to others that are reached in the same way, but never
// to files of this host.
func follow(at location, reference string) (location, error) {
	next, err := parsePlace(reference)
	if err != nil || next.remote == "" || !sameWay(at.remote, next.remote) {
		return at, fmt.Errorf("cannot follow the reference to %.100q", clean(redact(reference)))
	}
	next.revno = at.revno
	return next, nil
}

// sameWay says that both URLs have the same scheme, or that the second is the safer one.
func sameWay(from, to string) bool {
	from, _, _ = strings.Cut(from, "://")
	to, _, _ = strings.Cut(to, "://")
	return from == to || from == "http" && to == "https"
}

// askHost asks the host of the branch. The deadline counts from now on and covers the wait for a connection.
func (p *provider) askHost(ctx context.Context, at location) (finding, error) {
	u, ok := at.direct()
	if !ok {
		return finding{}, errUndecided
	}
	var found finding
	err := p.guard(ctx, hostOf(u), func(ctx context.Context) (err error) {
		found, err = p.askURL(ctx, at, u)
		return err
	})
	return found, err
}

// guard asks a host something, unless it was given up, and within the deadline.
func (p *provider) guard(ctx context.Context, h host, ask func(context.Context) error) error {
	trouble := p.outages.of(h)
	if err := trouble.err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	err := ask(ctx)
	trouble.note(ctx, err)
	return err
}

func (p *provider) askURL(ctx context.Context, at location, u *url.URL) (finding, error) {
	if u.Scheme == "http" || u.Scheme == "https" {
		return p.askWeb(ctx, at)
	}
	return p.askSmart(ctx, smart{p.smart.server(hostOf(u))}, at, u.Path)
}

// choose returns the revision that is wanted if the tip is it, and errUndecided if a pin names another.
func (p *provider) choose(at location, tip resource.Revision) (finding, error) {
	switch {
	case tip.ID == nullID:
		return finding{}, p.noCommits(at)
	case at.revno != "" && at.revno != tip.Revno:
		return finding{}, errUndecided
	}
	return finding{revision: tip}, nil
}

func hostOf(u *url.URL) host {
	return host{scheme: u.Scheme, user: u.User.Username(), name: u.Hostname(), port: u.Port()}
}

// direct returns the URL of a location whose host can be asked without brz. Colocated branches and whatever needs a user's passwords are brz's.
func (l location) direct() (*url.URL, bool) {
	u, err := url.Parse(l.remote)
	if l.remote == "" || err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(l.remote, ",branch=") ||
		!utf8.ValidString(u.Path) || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return nil, false
	}
	switch u.Scheme {
	case "bzr", "http", "https":
		return u, u.User == nil
	case "bzr+ssh":
		return u, true
	}
	return nil, false
}
