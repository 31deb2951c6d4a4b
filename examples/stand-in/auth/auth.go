// Package auth logs the stand-ins in to the cloud that they find in the environment, and boots their servers there.
package auth

import (
	"context"
	"fmt"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// Compute goes by OS_CLOUD and clouds.yaml or, without OS_CLOUD, by OS_AUTH_URL and its like.
func Compute(ctx context.Context) (*gophercloud.ServiceClient, error) {
	endpoint := gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")}
	auth, err := openstack.AuthOptionsFromEnv()
	if os.Getenv("OS_CLOUD") != "" {
		auth, endpoint, _, err = clouds.Parse()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find a cloud: %w", err)
	}
	auth.AllowReauth = true // a deploy may outlive its token
	provider, err := config.NewProviderClient(ctx, auth)
	if err != nil {
		return nil, fmt.Errorf("cannot log in: %w", err)
	}
	return openstack.NewComputeV2(provider, endpoint)
}
