package notify

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// receiver keeps what is posted to it, and answers each request by the next of its answers: the last of them again and again.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newReceiver(t *testing.T, answers ...http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		answer := answers[min(len(r.requests), len(answers)-1)]
		r.requests, r.bodies = append(r.requests, req), append(r.bodies, string(body))
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// host is how errors name the receiver.
func (r *receiver) host() string { return strings.TrimPrefix(r.URL, "http://") }

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// answer is one with a status, and with headers as in "Retry-After: 1".
func answer(status int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	}
}

// abort breaks the connection off.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook.secret")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// openssl has the last word on the signature, in the way that the documentation proposes.
func TestWebhook(t *testing.T) {
	r := newReceiver(t, answer(http.StatusNoContent))
	noneLeft(t) // while the server is still there, to keep a connection open
	secret := secretFile(t, "hush hush\n", 0o600)
	n := Notifier{Name: "chat", Via: Webhook{URL: r.URL + "/hook?x=1", SecretFile: secret}}
	if err := n.Send(t.Context(), failing()); err != nil {
		t.Fatal(err)
	}
	req := r.requests[0]
	if r.count() != 1 || req.Method != http.MethodPost || req.RequestURI != "/hook?x=1" || r.bodies[0] != failingDocument {
		t.Errorf("%d requests: %s %s\n%s", r.count(), req.Method, req.RequestURI, r.bodies[0])
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "cdplan", "X-Cdplan-Event": "failing", "X-Cdplan-Delivery": "7f3a",
		"X-Cdplan-Signature": opensslSignature(t, secret, r.bodies[0]),
	} {
		if got := req.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func opensslSignature(t *testing.T, secret, body string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `openssl dgst -sha256 -hmac "$(cat "$1")"`, "sh", secret)
	cmd.Stdin = strings.NewReader(body)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cannot run openssl: %v\n%s", err, output)
	}
	_, sum, _ := strings.Cut(strings.TrimSpace(string(output)), "= ")
	return "sha256=" + sum
}

func TestWebhookWithoutSecret(t *testing.T) {
	noneLeft(t)
	r := newReceiver(t, answer(http.StatusOK))
	if err := (Notifier{Name: "chat", Via: Webhook{URL: strings.Replace(r.URL, "http://", "http://ann:hush@", 1)}}).Send(t.Context(), failing()); err != nil {
		t.Fatal(err)
	}
	if header := r.requests[0].Header; header["X-Cdplan-Signature"] != nil {
		t.Errorf("there is a signature: %v", header)
	}
	if user, password, _ := r.requests[0].BasicAuth(); user != "ann" || password != "hush" {
		t.Errorf("logged in as %q with %q", user, password)
	}
}

func TestWebhookTriesAgain(t *testing.T) {
	noneLeft(t)
	for _, test := range []struct {
		name    string
		answers []http.HandlerFunc
		tries   int
		want    string // the error, with HOST for the receiver's
	}{
		{"server errors", []http.HandlerFunc{answer(500), answer(503), answer(502), answer(200)}, 4, ""},
		{"no answer", []http.HandlerFunc{abort, abort, answer(200)}, 3, ""},
		{"too many", []http.HandlerFunc{answer(429), answer(201)}, 2, ""},
		{"not yet, in seconds", []http.HandlerFunc{answer(503, "Retry-After: 0"), answer(200)}, 2, ""},
		{"not yet, until a date", []http.HandlerFunc{answer(429, "Retry-After: Mon, 02 Jan 2006 15:04:05 GMT"), answer(200)}, 2, ""},
		{"not yet, in other words", []http.HandlerFunc{answer(429, "Retry-After: soon"), answer(200)}, 2, ""},
		{"not yet, nor before time is up", []http.HandlerFunc{answer(503, "Retry-After: 7200"), answer(200)}, 1,
			"HOST answered 503 Service Unavailable: retry after 2h0m0s"},
		{"not yet, nor for centuries", []http.HandlerFunc{answer(429, "Retry-After: 9999999999"), answer(200)}, 1,
			"HOST answered 429 Too Many Requests: retry after 24h0m0s"},
		{"refused", []http.HandlerFunc{answer(404), answer(200)}, 1, "HOST answered 404 Not Found"},
		{"refused at the second", []http.HandlerFunc{answer(500), answer(403), answer(200)}, 2, "HOST answered 403 Forbidden"},
		{"an odd status", []http.HandlerFunc{answer(499), answer(200)}, 1, "HOST answered 499"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReceiver(t, test.answers...)
			err := Notifier{Name: "chat", Timeout: time.Hour, Via: Webhook{URL: r.URL, first: time.Millisecond}}.Send(t.Context(), failing())
			want := strings.ReplaceAll(test.want, "HOST", r.host())
			if want != "" {
				want = "cannot notify chat: " + want
			}
			if got := message(err); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if r.count() != test.tries {
				t.Errorf("posted %d times, want %d", r.count(), test.tries)
			}
			if slices.ContainsFunc(r.bodies, func(body string) bool { return body != failingDocument }) {
				t.Errorf("posted %q", r.bodies)
			}
		})
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	noneLeft(t)
	other := newReceiver(t, answer(200))
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := newReceiver(t, answer(status, "Location: "+other.URL))
		err := Notifier{Name: "chat", Via: Webhook{URL: r.URL}}.Send(t.Context(), failing())
		want := fmt.Sprintf("cannot notify chat: %s answered %d %s, and redirects are not followed: write the new URL into cdplan.hcl",
			r.host(), status, http.StatusText(status))
		if got := message(err); got != want || r.count() != 1 {
			t.Errorf("%d requests, got %s, want %s", r.count(), got, want)
		}
	}
	if other.count() > 0 {
		t.Errorf("%d were followed", other.count())
	}
}

// A server that never answers is given up on.
func TestWebhookIsInterrupted(t *testing.T) {
	noneLeft(t)
	here := make(chan struct{})
	r := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) {
		close(here)
		<-req.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-here
		cancel()
	}()
	err := Notifier{Name: "chat", Timeout: time.Hour, Via: Webhook{URL: r.URL}}.Send(ctx, failing())
	if got := message(err); got != "cannot notify chat: interrupted" || r.count() != 1 {
		t.Errorf("%d requests, got %s", r.count(), got)
	}
}

// closedPort is one that nothing listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // nothing has come
	return listener.Addr().String()
}

// Errors tell the host, and neither a password nor a token in the path.
func TestWebhookErrorsHideSecrets(t *testing.T) {
	noneLeft(t)
	port := closedPort(t)
	for target, want := range map[string]string{
		"http://ann:hush@" + port + "/hush?token=hush": "cannot notify chat within 50ms: cannot post to " + port,
		"http://ann:hush@host:hush/":                   "cannot notify chat: its URL is invalid",
		"hush://ann:hush@host/":                        "cannot notify chat within 50ms: cannot post to host: unsupported protocol scheme",
	} {
		err := Notifier{Name: "chat", Timeout: 50 * time.Millisecond, Via: Webhook{URL: target, first: time.Millisecond}}.Send(t.Context(), failing())
		got := message(err)
		if !strings.HasPrefix(strings.Replace(got, " within 50ms", "", 1), strings.Replace(want, " within 50ms", "", 1)) ||
			strings.Contains(strings.ReplaceAll(got, `scheme "hush"`, ""), "hush") {
			t.Errorf("got %s", got)
		}
	}
	err := &url.Error{Op: "Post", URL: "http://ann:hush@host", Err: fmt.Errorf(`invalid proxy address "http://ann:hu/sh@proxy:x": bad`)}
	if got, want := reason(err), `invalid proxy address "http://proxy:x": bad`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecret(t *testing.T) {
	for text, want := range map[string]string{"hush": "hush", "hush\n": "hush", "hush\r\n": "hush", " hu\nsh \n": " hu\nsh "} {
		if got, err := readSecret(secretFile(t, text, 0o400)); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o666} {
		path := secretFile(t, "hush\n", mode)
		_, err := readSecret(path)
		if got, want := message(err), "cannot use the secret: others have access to "+path+"; run: chmod 600 "+path; got != want {
			t.Errorf("%v: got %s, want %s", mode, got, want)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := secretFile(t, "\n", 0o600)
	for path, want := range map[string]string{
		"/nowhere/secret": "cannot read the secret: open /nowhere/secret: no such file or directory",
		pipe:              "cannot read the secret: " + pipe + " is not a regular file",
		empty:             "cannot use the secret: " + empty + " is empty",
	} {
		if _, err := readSecret(path); message(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Nothing is posted unsigned because the secret cannot be read.
func TestWebhookWithBadSecret(t *testing.T) {
	noneLeft(t)
	r := newReceiver(t, answer(200))
	err := Notifier{Name: "chat", Via: Webhook{URL: r.URL, SecretFile: "/nowhere/secret"}}.Send(t.Context(), failing())
	if err == nil || r.count() > 0 {
		t.Errorf("%d requests, %v", r.count(), err)
	}
}
