package bzr

import (
	"context"
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

// remoteTip returns the revision of a branch on another host, and where it really is.
func (p *provider) remoteTip(ctx context.Context, at location) (resource.Revision, location, error) {
	for range maxHops + 1 {
		found, err := p.askHost(ctx, at)
		if err != nil || found.reference == "" {
			return found.revision, at, err
		}
		if at, err = follow(at, found.reference); err != nil {
			return resource.Revision{}, at, err
		}
	}
	return resource.Revision{}, at, tooManyHops()
}

func tooManyHops() error { return fmt.Errorf("more than %d references, one behind the other", maxHops) }

// follow returns where the reference at a remote location leads. A server may send us to others that are reached in the same way, but never
// to files of this host.
func follow(at location, reference string) (location, error) {
	next, err := parsePlace(reference)
	if err != nil || next.remote == "" || !sameWay(at.remote, next.remote) {
		return at, fmt.Errorf("cannot follow the reference to %.100q", clean(redact(reference)))
	}
	return next.meantBy(at), nil
}

// sameWay says that both URLs have the same scheme, or that the second is the safer one.
func sameWay(from, to string) bool {
	from, _, _ = strings.Cut(from, "://")
	to, _, _ = strings.Cut(to, "://")
	return from == to || from == "http" && to == "https"
}

// askHost asks the host of the branch. The deadline counts from now on and covers the wait for a connection.
func (p *provider) askHost(ctx context.Context, at location) (finding, error) {
	u, err := at.direct()
	if err != nil {
		return finding{}, err
	}
	var found finding
	err = p.guard(ctx, hostOf(u), func(ctx context.Context) (err error) {
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
		return p.askWeb(ctx, at, u)
	}
	return p.askSmart(ctx, at, u)
}

// choose returns the tip if that is the revision that is wanted, and errUndecided if a pin names another.
func (p *provider) choose(at location, tip resource.Revision) (resource.Revision, error) {
	switch {
	case tip.ID == nullID:
		return resource.Revision{}, p.noCommits(at)
	case at.pin == pin{}, at.pin == pin{byRevno, tip.Revno}, at.pin == pin{byID, tip.ID}:
		return tip, nil
	}
	return resource.Revision{}, undecided("a pin that is not the tip")
}

func hostOf(u *url.URL) host {
	return host{scheme: u.Scheme, user: u.User.Username(), name: u.Hostname(), port: u.Port()}
}

// direct returns the URL of a remote location. Where brz has to be asked instead, there is errUndecided.
func (l location) direct() (*url.URL, error) {
	if l.launchpad() {
		return nil, undecided("a location that only Launchpad can resolve")
	}
	u, err := url.Parse(l.remote)
	odd := err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !utf8.ValidString(u.Path) ||
		strings.ContainsFunc(u.Path, unicode.IsControl)
	switch {
	case odd || l.remote == "":
		return nil, undecided("an unusual URL")
	case strings.Contains(l.remote, ",branch="):
		return nil, undecided("a colocated branch on another host")
	case u.Scheme == "sftp":
		return nil, undecided("sftp is not read directly")
	case u.User != nil && u.Scheme != "bzr+ssh":
		return nil, undecided("a URL with a user name")
	}
	return u, nil
}
