package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serve runs the program until the test calls stop, and returns its URL.
func serve(t *testing.T, args ...string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, args, in, io.Discard)
		_ = in.Close()
	}()
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(<-done)
	}
	url, found := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "ready ")
	if !found {
		t.Fatalf("got %q, want ready and a URL", line[:n])
	}
	return url, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestServes(t *testing.T) {
	dir := t.TempDir()
	clouds, ready := filepath.Join(dir, "clouds.yaml"), filepath.Join(dir, "ready")
	url, stop := serve(t, "-clouds", clouds, "-ready", ready)
	text, err := os.ReadFile(clouds)
	if err != nil || !strings.Contains(string(text), "  demo:\n") || !strings.Contains(string(text), "auth_url: "+url+"/v3\n") {
		t.Errorf("clouds.yaml: %s %v", text, err)
	}
	if info, err := os.Stat(clouds); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("clouds.yaml: %v %v, want mode 0600", info, err)
	}
	if text, err := os.ReadFile(ready); err != nil || string(text) != url+"\n" {
		t.Errorf("ready: %q %v, want %s", text, err, url)
	}
	response, err := http.Get(url + "/v3")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	stop()
	if response, err := http.Get(url + "/v3"); err == nil {
		_ = response.Body.Close()
		t.Error("it serves after its end")
	}
}

func TestStateSurvives(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	text := `{"serial":1,"servers":[{"id":"a","region":"RegionOne","name":"kept","status":"ACTIVE"}]}`
	if err := os.WriteFile(state, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop := serve(t, "-state", state)
	stop()
	after, err := os.ReadFile(state)
	if err != nil || !bytes.Contains(after, []byte(`"name": "kept"`)) {
		t.Errorf("state: %s %v", after, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"extra", `cannot take argument "extra"`},
		{"-listen 0.0.0.0:0", "not a loopback address"},
		{"-clouds /nonexistent/clouds.yaml", "cannot write /nonexistent/clouds.yaml"},
		{"-state /", "cannot load servers"},
	} {
		err := run(t.Context(), strings.Fields(test.args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.args, err, test.want)
		}
	}
}
