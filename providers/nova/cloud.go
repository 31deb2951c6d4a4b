package nova

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// cloud logs in when it is first needed, and once.
type cloud struct {
	name    string        // empty: $OS_CLOUD, else the other OS_* variables
	regions []string      // empty: the one that the login names
	pause   time.Duration // before the second try of a request; doubled before each further one

	mu     sync.Mutex
	client *gophercloud.ProviderClient
	nova   []region
}

// region is a nova to talk to.
type region struct {
	name   string
	client *gophercloud.ServiceClient
}

// connect returns the regions, in the order configured. After a failure it may be called again.
func (c *cloud) connect(ctx context.Context) ([]region, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nova != nil {
		return c.nova, nil
	}
	name := c.name
	if name == "" {
		name = os.Getenv("OS_CLOUD")
	}
	client, endpoint, err := c.login(ctx, name)
	if err != nil {
		return nil, err
	}
	c.client = client
	names := c.regions
	if len(names) == 0 {
		names = []string{endpoint.Region}
	}
	var found []region
	for _, name := range names {
		if slices.ContainsFunc(found, func(r region) bool { return r.name == name }) {
			continue // named twice
		}
		endpoint.Region = name
		nova, err := openstack.NewComputeV2(client, endpoint)
		if err != nil {
			return nil, fmt.Errorf("the cloud has no nova in region %q: %w", name, err)
		}
		found = append(found, region{name: name, client: nova})
	}
	c.nova = found
	return c.nova, nil
}

func (c *cloud) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.HTTPClient.CloseIdleConnections()
	}
}

func (c *cloud) login(ctx context.Context, cloud string) (*gophercloud.ProviderClient, gophercloud.EndpointOpts, error) {
	options := []clouds.ParseOption{clouds.WithCloudName(cloud)}
	if cloud == "" {
		yaml, err := fromEnvironment()
		if err != nil {
			return nil, gophercloud.EndpointOpts{}, err
		}
		options = []clouds.ParseOption{clouds.WithCloudName(envCloud), clouds.WithCloudsYAML(strings.NewReader(yaml))}
	}
	auth, endpoint, tls, err := clouds.Parse(options...)
	if err != nil {
		return nil, endpoint, fmt.Errorf("cannot read the settings of cloud %q: %w", cloud, err)
	}
	auth.AllowReauth = auth.TokenID == "" // a token alone is good for no other login
	client, err := openstack.NewClient(auth.IdentityEndpoint)
	if err != nil {
		return nil, endpoint, fmt.Errorf("cannot use the address %q: %w", auth.IdentityEndpoint, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.MaxIdleConnsPerHost, transport.ResponseHeaderTimeout = tls, writers, answerTimeout
	client.HTTPClient.Transport = transport
	client.UserAgent.Prepend("cdplan")
	client.RetryFunc = func(ctx context.Context, _, _ string, _ *gophercloud.RequestOpts, err error, tries uint) error {
		return c.retry(ctx, err, tries)
	}
	client.RetryBackoffFunc = func(ctx context.Context, limited *gophercloud.ErrUnexpectedResponseCode, _ error, tries uint) error {
		return c.retry(ctx, *limited, tries)
	}
	if err := openstack.Authenticate(ctx, client, auth); err != nil {
		return nil, endpoint, fmt.Errorf("cannot log in at %s: %w", auth.IdentityEndpoint, plain(err))
	}
	return client, endpoint, nil
}

// envCloud is the name that OpenStack's own tools give to a cloud made of OS_* variables.
const envCloud = "envvars"

// fromEnvironment returns a clouds.yaml with the one cloud that the OS_* variables describe. JSON is YAML too. The library's own reader of
// these variables is not used since it does not know OS_USER_DOMAIN_NAME and OS_PROJECT_DOMAIN_NAME, which every openrc sets.
func fromEnvironment() (string, error) {
	if os.Getenv("OS_AUTH_URL") == "" {
		return "", errors.New("no cloud is configured: set OS_CLOUD to a name in clouds.yaml, or OS_AUTH_URL and the other OS_* variables, " +
			"or cloud = \"NAME\" in the block provider \"nova\" of cdplan.hcl")
	}
	auth := clouds.AuthInfo{
		AuthURL:                     os.Getenv("OS_AUTH_URL"),
		Token:                       os.Getenv("OS_TOKEN"),
		Username:                    os.Getenv("OS_USERNAME"),
		UserID:                      os.Getenv("OS_USER_ID"),
		Password:                    os.Getenv("OS_PASSWORD"),
		ApplicationCredentialID:     os.Getenv("OS_APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialName:   os.Getenv("OS_APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: os.Getenv("OS_APPLICATION_CREDENTIAL_SECRET"),
		ProjectName:                 firstOf("OS_PROJECT_NAME", "OS_TENANT_NAME"),
		ProjectID:                   firstOf("OS_PROJECT_ID", "OS_TENANT_ID"),
		UserDomainName:              os.Getenv("OS_USER_DOMAIN_NAME"),
		UserDomainID:                os.Getenv("OS_USER_DOMAIN_ID"),
		ProjectDomainName:           os.Getenv("OS_PROJECT_DOMAIN_NAME"),
		ProjectDomainID:             os.Getenv("OS_PROJECT_DOMAIN_ID"),
		DomainName:                  os.Getenv("OS_DOMAIN_NAME"),
		DomainID:                    os.Getenv("OS_DOMAIN_ID"),
	}
	yaml, err := json.Marshal(clouds.Clouds{Clouds: map[string]clouds.Cloud{
		envCloud: {AuthInfo: &auth, RegionName: os.Getenv("OS_REGION_NAME"), CACertFile: os.Getenv("OS_CACERT")},
	}})
	return string(yaml), err
}

func firstOf(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

const (
	// maxTries bounds how often one request is made. All requests here may be repeated: reading, and writing the same keys again.
	maxTries = 4
	// answerTimeout is how long a request may go without an answer. Nova has been seen to take seconds for a page of servers.
	answerTimeout = 2 * time.Minute
	defaultPause  = 500 * time.Millisecond
)

// retry returns nil, after a pause, if the request is worth another try, and else the error. A server that names a pause is heard.
func (c *cloud) retry(ctx context.Context, err error, tries uint) error {
	pause, worth := c.pauseAfter(err, tries)
	if !worth || tries >= maxTries || ctx.Err() != nil {
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return err
	case <-timer.C:
		return nil
	}
}

func (c *cloud) pauseAfter(err error, tries uint) (time.Duration, bool) {
	pause := c.pause << (tries - 1)
	var code gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &code) {
		return pause, true // the connection broke
	}
	switch code.Actual {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(code.ResponseHeader.Get("Retry-After")); err == nil && seconds >= 0 {
			pause = time.Duration(seconds) * time.Second
		}
		return pause, true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return pause, true
	}
	return 0, false
}

// plain makes an error of the library short: what nova or keystone said, without the request and its body.
func plain(err error) error {
	var again *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &again) {
		err = again.ErrReauth
	}
	var code gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &code) {
		return err
	}
	if code.Actual == http.StatusUnauthorized {
		return errors.New("the login is wrong or expired, or not allowed to do this (401)")
	}
	return fmt.Errorf("%s (%d)", cmp.Or(message(code.Body), http.StatusText(code.Actual), "no message"), code.Actual)
}

// message finds the text in any of the shapes that OpenStack gives its errors: {"message": …} or {KIND: {"message": …}}. What a proxy says
// has none.
func message(body []byte) string {
	var flat struct{ Message string }
	if json.Unmarshal(body, &flat) == nil && flat.Message != "" {
		return flat.Message
	}
	var nested map[string]struct{ Message string }
	if json.Unmarshal(body, &nested) == nil {
		for _, inner := range nested {
			return inner.Message
		}
	}
	return ""
}

func hasCode(err error, status int) bool { return gophercloud.ResponseCodeIs(err, status) }
