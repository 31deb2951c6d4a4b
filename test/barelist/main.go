// Command barelist lists the servers of a cloud, as clouds.yaml and $OS_CLOUD name it, by gophercloud's own pager and does nothing else. The benchmark
// of "cdplan plan" has it run beside: it is what reading the servers costs at least for a program that takes the library as it comes.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

func main() {
	n, err := list(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(n)
}

// list returns how many servers there are.
func list(ctx context.Context) (int, error) {
	auth, endpoint, tls, err := clouds.Parse()
	if err != nil {
		return 0, err
	}
	client, err := config.NewProviderClient(ctx, auth, config.WithTLSConfig(tls))
	if err != nil {
		return 0, err
	}
	nova, err := openstack.NewComputeV2(client, endpoint)
	if err != nil {
		return 0, err
	}
	pages, err := servers.List(nova, servers.ListOpts{}).AllPages(ctx)
	if err != nil {
		return 0, err
	}
	all, err := servers.ExtractServers(pages)
	return len(all), err
}
