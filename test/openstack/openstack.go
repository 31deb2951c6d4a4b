// Package openstack reaches the OpenStack that the script "up" beside it brings up, for tests that are to hold on a real nova. A test that asks for
// it fails if it is not there.
package openstack

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

const (
	patience = 5 * time.Minute
	tick     = 100 * time.Millisecond
)

// Home returns the directory where the OpenStack is kept.
func Home() string {
	return cmp.Or(os.Getenv("CDPLAN_OPENSTACK"), "/var/tmp/cdplan-openstack")
}

// CloudsYAML returns the file that says how to log in. The names of its clouds are told in the script "configure.sh".
func CloudsYAML() string {
	return filepath.Join(Home(), "clouds.yaml")
}

// Login returns the settings of a cloud, and its region.
func Login(t testing.TB, cloud string) (gophercloud.AuthOptions, string) {
	t.Helper()
	auth, endpoint, _, err := clouds.Parse(clouds.WithLocations(CloudsYAML()), clouds.WithCloudName(cloud))
	if err != nil {
		t.Fatalf("there is no OpenStack (bring it up with test/openstack/up): %v", err)
	}
	auth.AllowReauth = true
	return auth, endpoint.Region
}

// Cloud is the project ci. Its methods fail the test that opened it. It is safe for concurrent use.
type Cloud struct {
	t             testing.TB
	member, admin *gophercloud.ServiceClient
	identity      *gophercloud.ServiceClient // as member
	image, flavor string
}

// Open logs in. What the Cloud makes is taken away at the end of the test.
func Open(t testing.TB) *Cloud {
	t.Helper()
	c := &Cloud{t: t, member: compute(t, "member"), admin: compute(t, "admin")}
	identity, err := openstack.NewIdentityV3(c.member.ProviderClient, gophercloud.EndpointOpts{})
	c.must(err)
	c.identity = identity
	c.image, c.flavor = c.first("images"), c.first("flavors")
	return c
}

func compute(t testing.TB, cloud string) *gophercloud.ServiceClient {
	t.Helper()
	auth, region := Login(t, cloud)
	provider, err := config.NewProviderClient(t.Context(), auth)
	if err != nil {
		t.Fatalf("cannot log in to the OpenStack of the tests (bring it up with test/openstack/up): %v", err)
	}
	client, err := openstack.NewComputeV2(provider, gophercloud.EndpointOpts{Region: region})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (c *Cloud) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// first returns the id of the oldest image or flavor. A snapshot of a server is an image too, and younger.
func (c *Cloud) first(kind string) string {
	c.t.Helper()
	var all map[string][]struct{ ID, Name string }
	_, err := c.member.Get(c.t.Context(), c.member.ServiceURL(kind), &all, nil)
	c.must(err)
	for _, one := range all[kind] {
		if one.Name == "tiny" || one.Name == "nano" {
			return one.ID
		}
	}
	c.t.Fatalf("the OpenStack of the tests has none of the %s that it should have: %v", kind, all)
	return ""
}

// Boot returns the id of a new server, once it is ACTIVE.
func (c *Cloud) Boot(name string, metadata map[string]string) string {
	c.t.Helper()
	id := c.order(c.member, name, metadata)
	c.t.Cleanup(func() { c.remove(id) })
	c.await(id, "ACTIVE")
	return id
}

// BootAll returns the ids of new servers, in the order of their names, once all are ACTIVE.
func (c *Cloud) BootAll(names ...string) []string {
	c.t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		id := c.order(c.member, name, nil)
		c.t.Cleanup(func() { c.remove(id) })
		ids[i] = id
	}
	for _, id := range ids {
		c.await(id, "ACTIVE")
	}
	return ids
}

// BootElsewhere is Boot in another project.
func (c *Cloud) BootElsewhere(name string) string {
	c.t.Helper()
	id := c.order(compute(c.t, "other"), name, nil)
	c.t.Cleanup(func() { c.remove(id) })
	c.await(id, "ACTIVE")
	return id
}

// Keep boots servers until there are so many that are kept from one run of the tests to the next. It removes those that a run has left behind
// which was interrupted more than an hour ago. Tests of other packages that want the same wait meanwhile.
func (c *Cloud) Keep(n int) {
	c.t.Helper()
	lock, err := os.OpenFile(filepath.Join(Home(), "kept"), os.O_CREATE|os.O_RDWR, 0o600)
	c.must(err)
	defer func() { _ = lock.Close() }() // which ends the lock
	c.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	there := map[string]bool{}
	for _, s := range c.list("") {
		kept := strings.HasPrefix(s.Name, "kept-")
		there[s.Name] = kept
		if !kept && time.Since(s.Created) > time.Hour {
			c.remove(s.ID)
		}
	}
	var made []string
	for i := range n {
		if name := fmt.Sprintf("kept-%02d", i); !there[name] {
			made = append(made, c.order(c.member, name, nil))
		}
	}
	for _, id := range made {
		c.await(id, "ACTIVE")
	}
}

// RemoveAll removes the servers whose names match a regular expression, as nova understands it.
func (c *Cloud) RemoveAll(names string) {
	for _, id := range c.Named(names) {
		c.remove(id)
	}
}

// Named returns the ids, by their names, of the servers whose names match a regular expression, as nova understands it.
func (c *Cloud) Named(expression string) map[string]string {
	c.t.Helper()
	ids := map[string]string{}
	for _, s := range c.list(expression) {
		ids[s.Name] = s.ID
	}
	return ids
}

func (c *Cloud) list(expression string) []servers.Server {
	c.t.Helper()
	pages, err := servers.List(c.member, servers.ListOpts{Name: expression}).AllPages(context.Background())
	c.must(err)
	all, err := servers.ExtractServers(pages)
	c.must(err)
	return all
}

func (c *Cloud) order(client *gophercloud.ServiceClient, name string, metadata map[string]string) string {
	c.t.Helper()
	recent := *client
	recent.Microversion = "2.37" // the first that knows of servers without a network
	s, err := servers.Create(c.t.Context(), &recent,
		servers.CreateOpts{Name: name, ImageRef: c.image, FlavorRef: c.flavor, Networks: "none", Metadata: metadata}, nil).Extract()
	c.must(err)
	return s.ID
}

// remove does not wait for the end.
func (c *Cloud) remove(id string) {
	err := servers.Delete(context.Background(), c.admin, id).ExtractErr()
	if err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		c.t.Errorf("cannot remove server %s: %v", id, err)
	}
}

// await waits until a server has that status, or is gone if that is what "" asks for.
func (c *Cloud) await(id, status string) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(tick) {
		s, err := servers.Get(c.t.Context(), c.admin, id).Extract()
		switch {
		case gophercloud.ResponseCodeIs(err, http.StatusNotFound) && status == "":
			return
		case err != nil:
			c.t.Fatal(err)
		case s.Status == status:
			return
		case time.Now().After(deadline), s.Status == "ERROR":
			c.t.Fatalf("server %s is %s and does not become %q", s.Name, s.Status, status)
		}
	}
}

// SetStatus brings a server that is ACTIVE into another status, and one of ERROR or BUILD back to ACTIVE. What nova does in passing only, and
// what it would not do here, is written into its database.
func (c *Cloud) SetStatus(id, status string) {
	c.t.Helper()
	ctx := c.t.Context()
	switch status {
	case "ACTIVE":
		c.must(servers.ResetState(ctx, c.admin, id, servers.StateActive).ExtractErr())
	case "ERROR":
		c.must(servers.ResetState(ctx, c.admin, id, servers.StateError).ExtractErr())
		return
	case "SHUTOFF":
		c.must(servers.Stop(ctx, c.member, id).ExtractErr())
	case "PAUSED":
		c.must(servers.Pause(ctx, c.member, id).ExtractErr())
	case "SUSPENDED":
		c.must(servers.Suspend(ctx, c.member, id).ExtractErr())
	case "SHELVED_OFFLOADED":
		c.must(servers.Shelve(ctx, c.member, id).ExtractErr())
	case "RESCUE":
		c.must(servers.Rescue(ctx, c.member, id, servers.RescueOpts{}).Err)
	case "VERIFY_RESIZE":
		c.must(servers.Resize(ctx, c.member, id, servers.ResizeOpts{FlavorRef: "2"}).ExtractErr())
	case "BUILD":
		c.write(id, "building", "'spawning'")
	case "RESIZE":
		c.write(id, "active", "'resize_prep'")
	case "REBUILD":
		c.write(id, "active", "'rebuilding'")
	case "SHELVED":
		c.write(id, "shelved", "null")
	case "SOFT_DELETED":
		c.write(id, "soft-delete", "null")
	default:
		c.t.Fatalf("nobody knows how to make a server %s", status)
	}
	c.await(id, status)
}

// write sets the state of a server in nova's database.
func (c *Cloud) write(id, vmState, taskState string) {
	c.t.Helper()
	statement := fmt.Sprintf("update instances set vm_state = '%s', task_state = %s where uuid = '%s'", vmState, taskState, id)
	out, err := exec.Command("mariadb", "--no-defaults", "--user=root", "--socket="+filepath.Join(Home(), "mysql/socket"), "nova", "-e", statement).CombinedOutput()
	if err != nil {
		c.t.Fatalf("cannot write to nova's database: %v\n%s", err, out)
	}
}

// Lock locks a server, or unlocks it.
func (c *Cloud) Lock(id string, locked bool) {
	c.t.Helper()
	if locked {
		c.must(servers.Lock(c.t.Context(), c.member, id).ExtractErr())
		return
	}
	c.must(servers.Unlock(c.t.Context(), c.member, id).ExtractErr())
}

// Delete deletes a server and waits until it is gone.
func (c *Cloud) Delete(id string) {
	c.t.Helper()
	c.must(servers.Delete(c.t.Context(), c.member, id).ExtractErr())
	c.await(id, "")
}

// Metadata returns the metadata of a server.
func (c *Cloud) Metadata(id string) map[string]string {
	c.t.Helper()
	metadata, err := servers.Metadata(c.t.Context(), c.admin, id).Extract()
	c.must(err)
	return metadata
}

// SetMetadata replaces the metadata of a server, in a state that allows it.
func (c *Cloud) SetMetadata(id string, metadata map[string]string) {
	c.t.Helper()
	if metadata == nil {
		metadata = map[string]string{}
	}
	_, err := servers.ResetMetadata(c.t.Context(), c.admin, id, servers.MetadataOpts(metadata)).Extract()
	c.must(err)
}

// Post adds to the metadata of a server, in one request, as "openstack server set --property" does.
func (c *Cloud) Post(id string, metadata map[string]string) {
	c.t.Helper()
	_, err := servers.UpdateMetadata(c.t.Context(), c.member, id, servers.MetadataOpts(metadata)).Extract()
	c.must(err)
}

// Credential makes an application credential of the member's that may do what the rules say, such as "GET /v2.1/servers/detail"; without rules,
// all that the member may. It returns id and secret.
func (c *Cloud) Credential(rules ...string) (id, secret string) {
	c.t.Helper()
	user, err := c.identity.GetAuthResult().(tokens.CreateResult).ExtractUser()
	c.must(err)
	options := applicationcredentials.CreateOpts{Name: fmt.Sprintf("%s-%d", c.t.Name(), time.Now().UnixNano())}
	for _, rule := range rules {
		method, path, _ := strings.Cut(rule, " ")
		options.AccessRules = append(options.AccessRules, applicationcredentials.AccessRule{Method: method, Path: path, Service: "compute"})
	}
	made, err := applicationcredentials.Create(c.t.Context(), c.identity, user.ID, options).Extract()
	c.must(err)
	c.t.Cleanup(func() {
		if err := applicationcredentials.Delete(context.Background(), c.identity, user.ID, made.ID).ExtractErr(); err != nil {
			c.t.Errorf("cannot remove a credential: %v", err)
		}
	})
	return made.ID, made.Secret
}
