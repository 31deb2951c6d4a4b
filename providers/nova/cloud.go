package nova

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// cloud is one login. It is made when it is first needed, and once.
type cloud struct {
	name     string               // in clouds.yaml; empty: the OS_* variables say it all
	pause    time.Duration        // before the second try of a request; doubled before each further one
	settings func() loginSettings // reads them once

	mu     sync.Mutex
	client *gophercloud.ProviderClient
}

// loginSettings are how to log in.
type loginSettings struct {
	auth     gophercloud.AuthOptions
	endpoint gophercloud.EndpointOpts
	tls      *tls.Config
	err      error // why it is not known
}

func newCloud(name string, pause time.Duration) *cloud {
	return &cloud{name: name, pause: pause, settings: sync.OnceValue(func() loginSettings { return readSettings(name) })}
}

// region is a nova to talk to.
type region struct {
	name   string
	client *gophercloud.ServiceClient
}

// usualRegion returns the region that the settings name; it may be empty. Settings that cannot be read are told by connect.
func (c *cloud) usualRegion() string { return c.settings().endpoint.Region }

// connect logs in. After a failure it may be called again.
func (c *cloud) connect(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return nil
	}
	settings := c.settings()
	if settings.err != nil {
		return settings.err
	}
	client, err := c.login(ctx, settings.auth, settings.tls)
	if err != nil {
		return err
	}
	c.client = client
	return nil
}

// region returns the nova of a region, once connected. An empty name stands for the only one.
func (c *cloud) region(name string) (region, error) {
	endpoint := c.settings().endpoint
	endpoint.Region = name
	nova, err := openstack.NewComputeV2(c.client, endpoint)
	if err != nil {
		return region{}, &noRegion{name: name, known: c.regions(), err: err}
	}
	return region{name: name, client: nova}, nil
}

// noRegion is the error of a region in which the cloud has no nova.
type noRegion struct {
	name  string
	known []string
	err   error
}

func (e *noRegion) Error() string {
	if len(e.known) == 0 {
		return fmt.Sprintf("the cloud has no nova in region %q: %s", e.name, e.err)
	}
	return fmt.Sprintf("the cloud has no nova in region %q; it has one in %s", e.name, strings.Join(e.known, ", "))
}

// regions returns the regions that have a nova, sorted, as the login tells them.
func (c *cloud) regions() []string {
	login, ok := c.client.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil
	}
	catalog, err := login.ExtractServiceCatalog()
	if err != nil {
		return nil
	}
	var names []string
	for _, service := range catalog.Entries {
		for _, endpoint := range service.Endpoints {
			if service.Type == "compute" {
				names = append(names, cmp.Or(endpoint.RegionID, endpoint.Region))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *cloud) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.HTTPClient.CloseIdleConnections()
	}
}

// readSettings reads how to log in to the cloud of that name.
func readSettings(name string) loginSettings {
	options := []clouds.ParseOption{clouds.WithCloudName(name)}
	if name == "" {
		yaml, err := fromEnvironment()
		if err != nil {
			return loginSettings{err: err}
		}
		options = []clouds.ParseOption{clouds.WithCloudName(envCloud), clouds.WithCloudsYAML(strings.NewReader(yaml))}
	}
	auth, endpoint, tls, err := clouds.Parse(options...)
	switch {
	case err != nil:
		err = fmt.Errorf("cannot read the settings of cloud %q: %s", name, quoted.ReplaceAllString(err.Error(), "`***`"))
	case auth.IdentityEndpoint == "":
		err = fmt.Errorf("cannot read the settings of cloud %q: it has no auth_url", name)
	}
	auth.AllowReauth = auth.TokenID == "" // a token alone is good for no other login
	return loginSettings{auth, endpoint, tls, err}
}

// quoted is a value of clouds.yaml, perhaps a secret, in an error about its form.
var quoted = regexp.MustCompile("`[^`]*`")

// shown returns an address without what may be a secret: user and password, and the query. It need not be a URL.
func shown(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	rest, _, _ = strings.Cut(rest, "?")
	if found {
		return scheme + "://" + rest
	}
	return rest
}

func (c *cloud) login(ctx context.Context, auth gophercloud.AuthOptions, tls *tls.Config) (*gophercloud.ProviderClient, error) {
	client, err := openstack.NewClient(auth.IdentityEndpoint)
	if err != nil || !strings.HasPrefix(strings.ToLower(auth.IdentityEndpoint), "http") {
		return nil, fmt.Errorf("cannot use the address %q: it is no URL", shown(auth.IdentityEndpoint))
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
		return nil, fmt.Errorf("cannot log in at %s: %w", shown(auth.IdentityEndpoint), plain(err))
	}
	return client, nil
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
		return retryAfter(code.ResponseHeader.Get("Retry-After"), pause), true
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return pause, true
	}
	return 0, false
}

// retryAfter returns the pause that a server asks for, in seconds or until a date (RFC 9110, section 10.2.3), else the usual one.
func retryAfter(text string, usual time.Duration) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(date))
	}
	return usual
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
