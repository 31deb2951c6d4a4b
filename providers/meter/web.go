package meter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxAnswer = 1 << 20
	maxSecret = 64 << 10
	maxHops   = 5
)

var errNoJSON = errors.New("its answer is no JSON")

// login is how a Source logs in. Without any it is empty.
type login struct{ user, password, token string }

func (s Source) login() (login, error) {
	switch {
	case s.PasswordFile != "":
		password, err := s.secret("password", s.PasswordFile)
		return login{user: s.User, password: password}, err
	case s.TokenFile != "":
		token, err := s.secret("token", s.TokenFile)
		return login{token: token}, err
	}
	return login{}, nil
}

// secret returns the first line of a file. A relative name begins in the service's directory.
func (s Source) secret(what, name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.Directory, name)
	}
	text, err := readSmall(name)
	if err != nil {
		return "", fmt.Errorf("cannot read the %s: %w", what, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("cannot read the %s: the first line of %s is empty", what, name)
	}
	return line, nil
}

// readSmall reads a file. It waits for no pipe.
func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", name)
	case info.Size() > maxSecret:
		return nil, fmt.Errorf("%s is longer than %d bytes", name, maxSecret)
	}
	return os.ReadFile(name)
}

// sign is only ever used for the host that the Source names.
func (l login) sign(request *http.Request) {
	switch {
	case l.token != "":
		request.Header.Set("Authorization", "Bearer "+l.token)
	case l.user != "":
		request.SetBasicAuth(l.user, l.password)
	}
}

// RoundTrip makes a login the transport of a client that logs in.
func (l login) RoundTrip(request *http.Request) (*http.Response, error) {
	signed := request.Clone(request.Context())
	l.sign(signed)
	return http.DefaultTransport.RoundTrip(signed)
}

// answer is what a web server says.
type answer struct {
	status int
	body   []byte
}

// get asks a web server.
func (q question) get(ctx context.Context, address string) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.limits.web, fmt.Errorf("no answer within %s", q.limits.web))
	defer cancel()
	a, err := q.exchange(ctx, address)
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, which is said elsewhere
	}
	return a, err
}

func (q question) exchange(ctx context.Context, address string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "cdplan")
	client := http.Client{Transport: q.login, CheckRedirect: checkRedirect}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
	}
	return answer{response.StatusCode, body}, err
}

// checkRedirect lets nobody send us, and what we log in with, to another host or without the encryption that we came with.
func checkRedirect(next *http.Request, before []*http.Request) error {
	from := before[len(before)-1].URL
	switch {
	case len(before) > maxHops:
		return fmt.Errorf("more than %d redirections", maxHops)
	case next.URL.Host != from.Host:
		return fmt.Errorf("it redirects to another host, %s, which may not be who is meant: if it is, name its URL", next.URL.Host)
	case from.Scheme != next.URL.Scheme && next.URL.Scheme != "https":
		return fmt.Errorf("it redirects from %s to %s, which is less safe", from.Scheme, next.URL.Scheme)
	}
	return nil
}

// refused returns the error of an answer that is none, with the reason that the server gives, which may be empty.
func (a answer) refused(reason string) error {
	if reason = firstLine(reason); reason != "" {
		reason = ": " + reason
	}
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the login is refused with %d%s", a.status, reason)
	}
	return fmt.Errorf("the server answers %d %s%s", a.status, cmp.Or(http.StatusText(a.status), "Unknown"), reason)
}

// maxAge returns how old a measurement may be.
func (s Source) maxAge() time.Duration {
	age, err := time.ParseDuration(strings.TrimSpace(s.MaxAge))
	if err != nil {
		return defaultMaxAge
	}
	return age
}
