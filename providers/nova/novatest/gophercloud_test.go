package novatest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// openCompute logs in through a clouds.yaml, as every OpenStack client does.
func openCompute(t *testing.T, cloud *novatest.Server) *gophercloud.ServiceClient {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(file, cloud.CloudsYAML("demo"), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, endpoint, _, err := clouds.Parse(clouds.WithLocations(file), clouds.WithCloudName("demo"))
	if err != nil {
		t.Fatal(err)
	}
	auth.AllowReauth = true
	provider, err := config.NewProviderClient(t.Context(), auth)
	if err != nil {
		t.Fatal(err)
	}
	compute, err := openstack.NewComputeV2(provider, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return compute
}

func TestGophercloud(t *testing.T) {
	cloud, err := novatest.Start("", novatest.Options{MaxLimit: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	for i := range 5 {
		cloud.AddServer("RegionOne", novatest.ServerSpec{Name: fmt.Sprintf("s%d", i+1), Metadata: map[string]string{"n": fmt.Sprint(i)}})
	}
	compute := openCompute(t, cloud)
	cloud.ResetRequests()

	var names []string
	var last servers.Server
	err = servers.List(compute, servers.ListOpts{}).EachPage(t.Context(), func(_ context.Context, p pagination.Page) (bool, error) {
		found, err := servers.ExtractServers(p)
		for _, s := range found {
			names, last = append(names, s.Name), s
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"s5", "s4", "s3", "s2", "s1"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if last.Metadata["n"] != "0" || last.VmState != "active" || last.Status != "ACTIVE" || last.Created.IsZero() || last.Flavor["id"] != "1" {
		t.Errorf("the last server is %+v", last)
	}
	if n := cloud.Count("GET", "/servers/detail"); n != 3 {
		t.Errorf("%d list requests, want 3", n)
	}
	writeThrough(t, cloud, compute, last.ID)
}

// writeThrough changes metadata in every way, with an expired token at first.
func writeThrough(t *testing.T, cloud *novatest.Server, compute *gophercloud.ServiceClient, id string) {
	t.Helper()
	cloud.ExpireTokens()
	cloud.ResetRequests()
	got, err := servers.UpdateMetadata(t.Context(), compute, id, servers.MetadataOpts{"a": "1", "b": "2"}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"n": "0", "a": "1", "b": "2"}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if posts, logins := cloud.Count("POST", "/metadata"), cloud.Count("POST", "/auth/tokens"); posts != 2 || logins != 1 {
		t.Errorf("%d writes and %d logins, want 2 and 1", posts, logins)
	}
	if _, err := servers.CreateMetadatum(t.Context(), compute, id, servers.MetadatumOpts{"c": "3"}).Extract(); err != nil {
		t.Error(err)
	}
	if err := servers.DeleteMetadatum(t.Context(), compute, id, "a").ExtractErr(); err != nil {
		t.Error(err)
	}
	s, err := servers.Get(t.Context(), compute, id).Extract()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"n": "0", "b": "2", "c": "3"}
	if diff := cmp.Diff(want, s.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	booted, err := servers.Create(t.Context(), compute, servers.CreateOpts{Name: "new", FlavorRef: "1", ImageRef: "tiny"}, nil).Extract()
	if err != nil {
		t.Fatal(err)
	}
	if err := servers.Delete(t.Context(), compute, booted.ID).ExtractErr(); err != nil {
		t.Error(err)
	}
}
