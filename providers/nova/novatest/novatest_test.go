package novatest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
)

const nova = "/nova/RegionOne/v2.1"

// client speaks plain HTTP with a cloud.
type client struct {
	t     *testing.T
	cloud *novatest.Server
	token string
}

type reply struct {
	status int
	body   string
	header http.Header
}

func start(t *testing.T, options novatest.Options) *client {
	t.Helper()
	cloud, err := novatest.Start("", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	c := &client{t: t, cloud: cloud}
	c.token = c.login("demo", "demo")
	cloud.ResetRequests()
	return c
}

func (c *client) login(user, project string) string {
	c.t.Helper()
	got := c.do("POST", "/v3/auth/tokens", passwordLogin(user, "secret", project))
	if got.status != http.StatusCreated {
		c.t.Fatalf("login: %d %s", got.status, got.body)
	}
	return got.header.Get("X-Subject-Token")
}

func passwordLogin(user, password, project string) string {
	return fmt.Sprintf(`{"auth": {
		"identity": {"methods": ["password"], "password": {"user": {"name": %q, "domain": {"name": "Default"}, "password": %q}}},
		"scope": {"project": {"name": %q, "domain": {"name": "Default"}}}}}`, user, password, project)
}

// do sends one request. The header lines are written "Name: value".
func (c *client) do(method, path, body string, header ...string) reply {
	c.t.Helper()
	got, err := c.try(method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c *client) try(method, path, body string, header ...string) (reply, error) {
	if !strings.HasPrefix(path, "http") {
		path = c.cloud.URL + path
	}
	request, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("X-Auth-Token", c.token)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, string(text), response.Header}, err
}

// want fails unless the reply has that status and contains that text.
func (got reply) want(t *testing.T, status int, text string) {
	t.Helper()
	if got.status != status || !strings.Contains(got.body, text) {
		t.Errorf("got %d %s\nwant %d ...%s...", got.status, got.body, status, text)
	}
}

func version(v string) string { return "OpenStack-API-Version: compute " + v }

// clock is a time that stands still until it is moved.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_800_000_000+c.seconds.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// page decodes a list and follows no link.
type page struct {
	Servers []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"servers"`
}

func (c *client) page(path string, header ...string) page {
	c.t.Helper()
	got := c.do("GET", path, "", header...)
	if got.status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	var p page
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (p page) names() string {
	names := make([]string, len(p.Servers))
	for i, s := range p.Servers {
		names[i] = s.Name
	}
	return strings.Join(names, " ")
}
