package auth

import (
	"context"
	"fmt"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
)

// Boot orders a server without a network, of any flavor and image, and returns its id.
func Boot(ctx context.Context, compute *gophercloud.ServiceClient, name string, metadata map[string]string) (string, error) {
	flavor, err := last(ctx, compute, "flavors")
	if err != nil {
		return "", err
	}
	image, err := last(ctx, compute, "images")
	if err != nil {
		return "", err
	}
	options := servers.CreateOpts{Name: name, FlavorRef: flavor, ImageRef: image, Networks: "none", Metadata: metadata}
	recent := *compute
	recent.Microversion = "2.37" // the first that knows of servers without a network
	s, err := servers.Create(ctx, &recent, options, nil).Extract()
	if err != nil {
		return "", err
	}
	return s.ID, nil
}

// last returns the id of the last of nova's flavors or images. That is the oldest image; younger ones may be copies of servers.
func last(ctx context.Context, compute *gophercloud.ServiceClient, kind string) (string, error) {
	var all map[string][]struct{ ID string }
	if _, err := compute.Get(ctx, compute.ServiceURL(kind), &all, nil); err != nil {
		return "", err
	}
	if len(all[kind]) == 0 {
		return "", fmt.Errorf("the cloud has no %s", kind)
	}
	return all[kind][len(all[kind])-1].ID, nil
}
