package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Webhook posts events as JSON documents. An answer of 2xx says that the event is told. Without an answer, and after 429 or 5xx, it is posted
// again as long as there is time, later each time, or when the answer says in Retry-After. Redirects are not followed.
type Webhook struct {
	URL        string
	SecretFile string // holds the key of the signature, read each time; empty for none

	first time.Duration // the first wait between two attempts, on average; 0 for half a second
}

func (w Webhook) send(ctx context.Context, e Event) error {
	body, err := e.document()
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "cdplan")
	header.Set("X-Cdplan-Event", clean(e.Kind))
	header.Set("X-Cdplan-Delivery", clean(e.ID))
	if w.SecretFile != "" {
		secret, err := readSecret(w.SecretFile)
		if err != nil {
			return err
		}
		header.Set("X-Cdplan-Signature", "sha256="+signature(secret, body))
	}
	client := &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	attempt := func() (struct{}, error) {
		err = w.post(ctx, client, header.Clone(), body)
		return struct{}{}, err
	}
	_, _ = backoff.Retry(ctx, attempt, w.options(ctx)...) // err tells more: it is that of the last attempt, and not that time is up
	return err
}

// options has the last error returned, and not waited for nothing, where the next attempt would come after the end of ctx.
func (w Webhook) options(ctx context.Context) []backoff.RetryOption {
	waits := backoff.NewExponentialBackOff()
	if w.first > 0 {
		waits.InitialInterval = w.first
	}
	left := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return []backoff.RetryOption{backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(left)}
}

// post makes one attempt. Errors tell no more of the URL than its host.
func (w Webhook) post(ctx context.Context, client *http.Client, header http.Header, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("its URL is invalid"))
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("cannot post to %s: %s", req.URL.Host, reason(err))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // for the server to see that it was read
	_ = resp.Body.Close()                                         // it was only read
	return judge(resp, req.URL.Host)
}

var userinfo = regexp.MustCompile(`://\S*@`)

// reason returns what an error says but for the URL, and for the passwords in others, such as a proxy's.
func reason(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return userinfo.ReplaceAllString(err.Error(), "://")
}

// judge returns what an answer means.
func judge(resp *http.Response, host string) error {
	code := resp.StatusCode
	err := fmt.Errorf("%s answered %s", host, strings.TrimSpace(strconv.Itoa(code)+" "+http.StatusText(code)))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return backoff.Permanent(fmt.Errorf("%w, and redirects are not followed: write the new URL into cdplan.hcl", err))
	case code != http.StatusTooManyRequests && code < 500:
		return backoff.Permanent(err)
	}
	if after, ok := retryAfter(resp); ok {
		return fmt.Errorf("%w: %w", err, &backoff.RetryAfterError{Duration: after})
	}
	return err
}

// retryAfter returns how long to wait by the header of that name, which has seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(resp *http.Response) (time.Duration, bool) {
	const most = 24 * 60 * 60 // more is more than any timeout
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, most)) * time.Second, true
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(date)), true
	}
	return 0, false
}

// signature returns the HMAC-SHA256 (RFC 2104) of a body, in hex.
func signature(secret, body []byte) string {
	sum := hmac.New(sha256.New, secret)
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// readSecret returns what a file holds without the line break at its end. Nobody but its owner may have access to the file.
func readSecret(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the secret: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the secret: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("cannot read the secret: %s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("cannot use the secret: others have access to %s; run: chmod 600 %s", path, path)
	}
	secret, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("cannot read the secret: %w", err)
	}
	if secret = bytes.TrimRight(secret, "\r\n"); len(secret) == 0 {
		return nil, fmt.Errorf("cannot use the secret: %s is empty", path)
	}
	return secret, nil
}
