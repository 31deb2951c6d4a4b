package bzr

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

const (
	formatFile = "/.bzr/branch/format"
	smartFile  = "/.bzr/smart"
)

// newWebClient returns a client that keeps at most limit connections to a host.
func newWebClient(limit int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxConnsPerHost:        limit,
			MaxIdleConnsPerHost:    limit,
			MaxResponseHeaderBytes: maxArguments,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: checkRedirect,
	}
}

// checkRedirect lets a server send us on in the same way or a safer one.
func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxHops {
		return fmt.Errorf("more than %d redirections", maxHops)
	}
	if from := before[len(before)-1].URL.Scheme; from != next.URL.Scheme && next.URL.Scheme != "https" {
		return fmt.Errorf("cannot follow the redirection from %s to %.20q", from, next.URL.Scheme)
	}
	return nil
}

// page is what a web server answers; its body only as far as it is of use.
type page struct {
	status int
	body   []byte
	long   bool // longer than wanted, and left out
}

func (a page) missing() bool { return a.status == http.StatusNotFound || a.status == http.StatusGone }

// odd returns an errUndecided for a page that is not the file that was asked for.
func (a page) odd() error {
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
		return undecided("a web server that wants a password")
	}
	return undecided("an unusual answer of the web server")
}

// askWeb reads the branch's files from a web server. What they do not tell, a smart server may, which is asked at the same URL.
func (p *provider) askWeb(ctx context.Context, at location, u *url.URL) (finding, error) {
	root := strings.TrimRight(at.remote, "/")
	found, err := p.get(ctx, root+"/.bzr/branch/last-revision")
	if err != nil {
		return finding{}, err
	}
	if found.missing() {
		return p.whyMissing(ctx, at, u, root)
	}
	tip, err := parseLastRevision(found.body)
	if err != nil || found.status != http.StatusOK {
		return finding{}, found.odd()
	}
	chosen, err := p.choose(at, tip)
	if errors.Is(err, errUndecided) {
		chosen, err = p.servedAt(u, tip).pinned(ctx, at, func(ctx context.Context) (map[string]string, error) { return p.webTags(ctx, root) })
	}
	return finding{revision: chosen}, err
}

// whyMissing says what is at the location instead of a branch whose tip can be read.
func (p *provider) whyMissing(ctx context.Context, at location, u *url.URL, root string) (finding, error) {
	format, err := p.get(ctx, root+formatFile)
	if err != nil {
		return finding{}, err
	}
	if format.status == http.StatusOK && strings.HasPrefix(string(format.body), "Bazaar-NG Branch Reference Format 1\n") {
		return p.webReference(ctx, root)
	}
	if format.status == http.StatusOK && strings.HasPrefix(string(format.body), "Bazaar") {
		return finding{}, undecided("an unknown branch format")
	}
	if !format.missing() {
		return finding{}, format.odd()
	}
	return p.withoutFiles(ctx, at, u, root)
}

func (p *provider) webReference(ctx context.Context, root string) (finding, error) {
	found, err := p.get(ctx, root+"/.bzr/branch/location")
	if err == nil && (found.status != http.StatusOK || len(found.body) == 0) {
		err = found.odd()
	}
	return finding{reference: string(found.body)}, err
}

// withoutFiles looks for a branch that is not shown as files: there may be a smart server alone, or a repository of git.
func (p *provider) withoutFiles(ctx context.Context, at location, u *url.URL, root string) (finding, error) {
	smart, err := p.fetch(ctx, http.MethodPost, root+smartFile, []byte("hello\n"), maxSmall)
	if err != nil {
		return finding{}, err
	}
	if strings.HasPrefix(string(smart.body), "ok\x01") {
		return p.askSmart(ctx, at, u)
	}
	git, err := p.get(ctx, root+"/info/refs?service=git-upload-pack")
	if err != nil {
		return finding{}, err
	}
	if git.status == http.StatusOK {
		return finding{}, undecided("a branch of another system")
	}
	return finding{}, fmt.Errorf("%w at %s", errAbsent, at.place())
}

func (p *provider) get(ctx context.Context, address string) (page, error) {
	return p.fetch(ctx, http.MethodGet, address, nil, maxSmall)
}

// fetch asks a web server. A body longer than limit is none. A server in trouble is an error, and one whose certificate only brz may have been
// told to trust is errUndecided.
func (p *provider) fetch(ctx context.Context, method, address string, body []byte, limit int) (page, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return page{}, undecided("an unusual URL")
	}
	request.Header.Set("User-Agent", "cdplan")
	answer, err := p.web.Do(request)
	if err != nil {
		return page{}, webError(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(answer.Body, int64(limit)+1))
	switch {
	case err != nil:
		return page{}, webError(ctx, err)
	case answer.StatusCode >= http.StatusInternalServerError && method == http.MethodGet:
		return page{}, fmt.Errorf("the server answers %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	case len(data) > limit:
		return page{status: answer.StatusCode, long: true}, nil
	}
	return page{status: answer.StatusCode, body: data}, nil
}

// webError returns err without the URL, which is said elsewhere.
func webError(ctx context.Context, err error) error {
	var untrusted *tls.CertificateVerificationError
	var wrapped *url.Error
	var dialling *net.OpError
	switch {
	case late(ctx, err):
		return context.Cause(ctx)
	case errors.As(err, &untrusted):
		return undecided("a certificate that is not trusted")
	case errors.As(err, &wrapped):
		err = wrapped.Err
	}
	if errors.As(err, &dialling) && dialling.Op == "dial" {
		return &unreachable{err}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &broken{io.ErrUnexpectedEOF}
	}
	return err
}
