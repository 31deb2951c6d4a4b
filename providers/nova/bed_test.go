package nova

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
	"launchpad.net/cdplan/test/openstack"
)

var withReal = flag.Bool("openstack", false, "try the provider on a real OpenStack as well; it must be up (test/openstack/up)")

// bed is a cloud to try the provider on: a real one, or novatest.
type bed struct {
	owner
	t      *testing.T
	run    string // what the names of its servers begin with
	server string // the auth_url
	p      *provider
	seen   *recorder // what the provider has sent
}

// owner does with servers what the provider does not.
type owner interface {
	BootAll(names ...string) []string
	Keep(n int)
	SetStatus(id, status string)
	SetMetadata(id string, metadata map[string]string)
	Metadata(id string) map[string]string
	Post(id string, items map[string]string) // adds to the metadata, as "openstack server set --property" does
	Lock(id string, locked bool)
	Delete(id string)
	Credential(rules ...string) (id, secret string)
}

// onBoth tries the same on novatest and, if that is asked for, on a real OpenStack.
func onBoth(t *testing.T, try func(*bed)) {
	t.Run("novatest", func(t *testing.T) {
		cloud := startCloud(t, novatest.Options{MaxLimit: 50, Regions: []string{theRegion, "RegionDown"}})
		cloud.SetDown("RegionDown", true)
		file := filepath.Join(t.TempDir(), "clouds.yaml")
		text := ""
		for _, name := range []string{"member", "brief", "pages"} {
			_, one, _ := bytes.Cut(cloud.CloudsYAML(name), []byte("clouds:\n"))
			text += string(one)
		}
		if err := os.WriteFile(file, []byte("clouds:\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		try(newBed(t, simulated{cloud}, "", cloud.URL+"/v3", file))
	})
	if *withReal {
		t.Run("real", func(t *testing.T) {
			noVariables(t)
			auth, _ := openstack.Login(t, "member")
			try(newBed(t, openstack.Open(t), fmt.Sprintf("n%x-", time.Now().UnixNano()), auth.IdentityEndpoint, openstack.CloudsYAML()))
		})
	}
}

func newBed(t *testing.T, owner owner, run, server, file string) *bed {
	t.Helper()
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	b := &bed{owner: owner, t: t, run: run, server: server}
	b.login("member")
	return b
}

// login opens the provider on a cloud of clouds.yaml.
func (b *bed) login(cloud string) {
	b.t.Helper()
	b.t.Setenv("OS_CLOUD", cloud)
	b.p = (&world{t: b.t}).open(settings{})
	b.p.tick = 100 * time.Millisecond
	one := b.p.cloud(b.p.usual.cloud)
	if err := one.connect(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.seen = &recorder{next: one.client.HTTPClient.Transport}
	one.client.HTTPClient.Transport = b.seen
}

// token returns the one that the provider uses now.
func (b *bed) token() string { return b.p.cloud(b.p.usual.cloud).client.Token() }

// simulated is novatest in the place of a real cloud.
type simulated struct{ *novatest.Server }

func (c simulated) BootAll(names ...string) []string {
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i] = c.AddServer(theRegion, novatest.ServerSpec{Name: name})
	}
	return ids
}

func (c simulated) Keep(n int) {
	for i := range n {
		c.BootAll(fmt.Sprintf("kept-%02d", i))
	}
}

// Post reads and writes the whole set, as nova does.
func (c simulated) Post(id string, items map[string]string) {
	all := c.Metadata(id)
	maps.Copy(all, items)
	c.SetMetadata(id, all)
}

func (c simulated) Credential(rules ...string) (id, secret string) {
	return c.AddCredential(novatest.Credential{Secret: "s", User: "demo", Rules: rules}), "s"
}

// recorder notes what is sent, and tells of it before.
type recorder struct {
	next   http.RoundTripper
	before func(sent)

	mu   sync.Mutex
	sent []sent
}

type sent struct{ method, path, body string }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	one := sent{method: request.Method, path: request.URL.Path}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		one.body, request.Body = string(body), io.NopCloser(bytes.NewReader(body))
	}
	r.mu.Lock()
	r.sent = append(r.sent, one)
	r.mu.Unlock()
	if r.before != nil {
		r.before(one)
	}
	return r.next.RoundTrip(request)
}

// count returns how many requests there were of that method and with that in their path.
func (r *recorder) count(method, part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, one := range r.sent {
		if one.method == method && strings.Contains(one.path, part) {
			n++
		}
	}
	return n
}

// meek fails unless all that was written to servers is what the stamp may write: items of its own, and the removal of single ones.
func (b *bed) meek() {
	b.t.Helper()
	b.seen.mu.Lock()
	defer b.seen.mu.Unlock()
	for _, one := range b.seen.sent {
		var body struct{ Metadata map[string]string }
		_, key, _ := strings.Cut(one.path, "/metadata/")
		switch {
		case one.method == "GET" || strings.HasSuffix(one.path, "/auth/tokens"):
		case one.method == "POST" && strings.HasSuffix(one.path, "/metadata") && json.Unmarshal([]byte(one.body), &body) == nil &&
			!slices.ContainsFunc(slices.Collect(maps.Keys(body.Metadata)), func(key string) bool { return !ours("cd.", key) }):
		case one.method == "DELETE" && strings.HasPrefix(key, "cd.rev."):
		default:
			b.t.Errorf("the provider sent %s %s %s", one.method, one.path, one.body)
		}
	}
}

// boot boots servers of these names.
func (b *bed) boot(names ...string) []string {
	b.t.Helper()
	whole := make([]string, len(names))
	for i, name := range names {
		whole[i] = b.run + name
	}
	return b.BootAll(whole...)
}

// pattern returns the selector of the servers of a service.
func (b *bed) pattern(service string) string { return b.run + service + "-*" }

// apply stamps the revisions on the servers of api.
func (b *bed) apply(revisions map[string]resource.Revision) error {
	_, err := b.p.Apply(b.t.Context(), stampStep("api", b.pattern("api"), revisions), func(resource.Event) {})
	return err
}

func (b *bed) carries(id string, want map[string]string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.Metadata(id)); diff != "" {
		b.t.Errorf("metadata (-want +got):\n%s", diff)
	}
}
