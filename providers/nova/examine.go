package nova

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/apiversions"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"launchpad.net/cdplan/providers/resource"
)

// Examine logs in to every cloud in which a service may have servers, lists each region there, asks juju about each model that a service names, and looks
// for what would keep a stamp from being written.
func (p *provider) Examine(ctx context.Context, want []resource.Wanted) []resource.Finding {
	named := map[string][]string{} // by cloud, the services that name it
	var places []place
	var sound []wanted
	for _, w := range want {
		stamp, err := p.claim(w)
		if err != nil {
			continue // a check of the files tells it
		}
		if stamp.Cloud != "" {
			named[stamp.Cloud] = append(named[stamp.Cloud], stamp.Service)
		}
		places, sound = append(places, p.claimOf(stamp.Service).places...), append(sound, stamp)
	}
	if len(places) == 0 {
		places = p.places(wanted{})
	}
	listings, rosters := p.look(ctx, places, "", sound...)
	var found []resource.Finding
	last := ""
	for i, at := range slices.SortedFunc(maps.Keys(listings), comparePlaces) {
		if i == 0 || at.cloud != last {
			found = append(found, p.examineCloud(ctx, p.cloud(at.cloud), named[at.cloud], listings)...)
		}
		last = at.cloud
	}
	return append(append(found, p.examineJuju(rosters)...), p.examinePrefix(listings))
}

// examineJuju tells what juju has answered about each model.
func (p *provider) examineJuju(rosters map[string]roster) []resource.Finding {
	var found []resource.Finding
	for _, model := range slices.Sorted(maps.Keys(rosters)) {
		told := resource.Finding{Name: "juju model " + cmp.Or(model, "(its own choice)"), From: "by " + p.program}
		if answer := rosters[model]; answer.err != nil {
			told.Err = fmt.Errorf("which servers its applications have is not known: %w", answer.err)
		} else {
			told.Value = fmt.Sprintf("%d applications, of %d of them juju cannot tell", len(answer.servers)+len(answer.faults), len(answer.faults))
		}
		found = append(found, told)
	}
	return found
}

func (p *provider) examineCloud(ctx context.Context, c *cloud, named []string, listings map[place]listing) []resource.Finding {
	found := append([]resource.Finding{p.named(c, named)}, c.examineSettings()...)
	if err := c.connect(ctx); err != nil {
		return append(found, resource.Finding{Name: "login", Err: loginHint(err)})
	}
	found = append(found, c.examineLogin()...)
	for _, at := range slices.SortedFunc(maps.Keys(listings), comparePlaces) {
		if at.cloud == c.name {
			found = append(found, p.examineRegion(ctx, c, at.region, listings[at]))
		}
	}
	return found
}

// named tells which cloud it is, and who says so.
func (p *provider) named(c *cloud, services []string) resource.Finding {
	found := resource.Finding{Name: "cloud", Value: c.name}
	switch {
	case len(services) > 0:
		found.From = "[nova] cloud of " + strings.Join(services, ", ")
	case c.name == "":
		found.Value, found.From = "the one of the OS_* variables", "default"
	case c.name == os.Getenv("OS_CLOUD"):
		found.From = "$OS_CLOUD"
	default:
		found.From = "cloud in the block provider \"nova\""
	}
	return found
}

// examineSettings tells where the settings of the login are, and what they say that is no secret.
func (c *cloud) examineSettings() []resource.Finding {
	files := resource.Finding{Name: "settings", Value: strings.Join(settingsFiles(), ", "), From: "usual places"}
	if os.Getenv("OS_CLIENT_CONFIG_FILE") != "" {
		files.From = "$OS_CLIENT_CONFIG_FILE"
	}
	if c.name == "" {
		files = resource.Finding{Name: "settings", Value: strings.Join(loginVariables(), ", "), From: "environment"}
	}
	auth := c.settings().auth
	if c.settings().err != nil {
		return []resource.Finding{files}
	}
	kind := "password"
	switch {
	case auth.ApplicationCredentialID != "" || auth.ApplicationCredentialName != "":
		kind = "application credential " + cmp.Or(auth.ApplicationCredentialName, auth.ApplicationCredentialID)
	case auth.TokenID != "":
		kind = "token, which cannot be renewed"
	}
	return []resource.Finding{files, {Name: "login", Value: fmt.Sprintf("by %s, at %s", kind, shown(auth.IdentityEndpoint))}}
}

// settingsFiles returns the clouds.yaml that is read, and the secure.yaml beside it if there is one: the first in the places in which OpenStack's own tools
// look.
func settingsFiles() []string {
	places := []string{os.Getenv("OS_CLIENT_CONFIG_FILE")}
	if places[0] == "" {
		config := cmp.Or(os.Getenv("XDG_CONFIG_HOME"), filepath.Join(os.Getenv("HOME"), ".config"))
		here, _ := os.Getwd()
		places = []string{filepath.Join(here, "clouds.yaml"), filepath.Join(config, "openstack", "clouds.yaml"), "/etc/openstack/clouds.yaml"}
	}
	for _, path := range places {
		if !readable(path) {
			continue
		}
		files := []string{path}
		if secure := filepath.Join(filepath.Dir(path), "secure.yaml"); readable(secure) {
			files = append(files, secure)
		}
		return files
	}
	return nil
}

func readable(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	_ = file.Close() // nothing was read
	return true
}

// loginVariables returns the names of the OS_* variables that are set, sorted.
func loginVariables() []string {
	var names []string
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OS_") && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// loginHint says what to do about a login that did not succeed.
func loginHint(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "cannot read the settings"), strings.Contains(text, "no cloud is configured"):
		return fmt.Errorf("nothing is known of any server there: %w", err)
	case strings.Contains(text, "(401)"):
		return fmt.Errorf("nothing is known of any server there: %w. Check user, project and password, or make a new application credential", err)
	}
	return fmt.Errorf("nothing is known of any server there: %w. Check the address, and whether this host reaches it", err)
}

// readers are roles that may look at servers and not change them, as keystone's and nova's own policies have it.
var readers = []string{"reader", "auditor", "observer"}

// examineLogin tells what the login gave: who, where, with which roles and for how long.
func (c *cloud) examineLogin() []resource.Finding {
	login, ok := c.client.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return []resource.Finding{{Name: "user", Value: "not known: the token does not tell"}}
	}
	var found []resource.Finding
	if user, err := login.ExtractUser(); err == nil && user != nil {
		found = append(found, resource.Finding{Name: "user", Value: inDomain(user.Name, user.Domain.Name)})
	}
	projectName := ""
	if project, err := login.ExtractProject(); err == nil && project != nil {
		projectName = project.Name
		found = append(found, resource.Finding{Name: "project", Value: inDomain(project.Name, project.Domain.Name)})
	} else {
		found = append(found, resource.Finding{Name: "project", Err: errors.New("the login names no project, so that there are no servers to see: set project_name or OS_PROJECT_NAME")})
	}
	if roles, err := login.ExtractRoles(); err == nil {
		found = append(found, examineRoles(roles, projectName))
	}
	if token, err := login.ExtractToken(); err == nil {
		found = append(found, resource.Finding{Name: "token", Value: "until " + token.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC") + c.renewal()})
	}
	return found
}

// renewal says what becomes of a token that has expired.
func (c *cloud) renewal() string {
	if !c.settings().auth.AllowReauth {
		return ", then a new one is needed"
	}
	return ", then renewed by itself"
}

func inDomain(name, domain string) string {
	if domain == "" {
		return name
	}
	return fmt.Sprintf("%s (domain %s)", name, domain)
}

func examineRoles(roles []tokens.Role, project string) resource.Finding {
	var names []string
	reads := true
	for _, role := range roles {
		names = append(names, role.Name)
		reads = reads && slices.Contains(readers, strings.ToLower(role.Name))
	}
	slices.Sort(names)
	found := resource.Finding{Name: "roles", Value: cmp.Or(strings.Join(names, ", "), "none")}
	if reads {
		found.Err = fmt.Errorf("these roles do not let metadata be written, so that nothing can be stamped: ask for the role member in the project %s", project)
	}
	return found
}

// examineRegion tells how many servers there are, and which versions of nova's API.
func (p *provider) examineRegion(ctx context.Context, c *cloud, name string, l listing) resource.Finding {
	found := resource.Finding{Name: "region " + cmp.Or(name, "(the only one)")}
	var missing *noRegion
	switch {
	case errors.As(l.err, &missing) && len(missing.known) == 0:
		found.Err = errors.New("the catalogue of the cloud has no endpoint of nova (compute) for this project: ask those who run the cloud")
	case missing != nil:
		found.Err = fmt.Errorf("%w. Mend regions in cdplan.hcl or config.ini, or region_name in clouds.yaml (OS_REGION_NAME)", l.err)
	case l.err != nil:
		found.Err = l.err
	}
	if found.Err != nil {
		return found
	}
	stamped := 0
	for _, s := range l.servers {
		if _, ok := p.stray(s); ok {
			stamped++
		}
	}
	found.Value = fmt.Sprintf("%s, %d with a stamp", count(len(l.servers)), stamped)
	if region, err := c.region(name); err == nil {
		found.Value += ", compute API " + versions(ctx, region.client)
	}
	return found
}

// versions returns the lowest and the highest microversion. The document takes no rule to be read, and no token.
func versions(ctx context.Context, nova *gophercloud.ServiceClient) string {
	version, err := apiversions.Get(ctx, nova, "v2.1").Extract()
	if err != nil || version.MinVersion == "" {
		return "of unknown versions"
	}
	return version.MinVersion + " to " + version.Version
}

// maxKeys is how many keys are named.
const maxKeys = 3

// examinePrefix looks for keys of others that begin as those of the stamp do, and for keys that nova takes for the same as one of the stamp.
func (p *provider) examinePrefix(listings map[place]listing) resource.Finding {
	found := resource.Finding{Name: "prefix", Value: p.prefix, From: "default"}
	if p.prefix != defaultPrefix {
		found.From = "prefix in the block provider \"nova\""
	}
	others, twins := map[string]bool{}, map[string]bool{}
	for _, listing := range listings {
		for _, s := range listing.servers {
			for key := range s.Metadata {
				switch {
				case ours(p.prefix, key):
				case strings.HasPrefix(key, p.prefix):
					others[key] = true
				case ours(fold(p.prefix), fold(key)):
					twins[key] = true
				}
			}
		}
	}
	switch {
	case len(twins) > 0:
		found.Err = fmt.Errorf("servers have the metadata %s, which nova cannot keep beside a stamp, since it differs in case or in blanks alone: remove it, or set another prefix",
			someKeys(twins))
	case len(others) > 0:
		found.Err, found.Minor = fmt.Errorf("somebody else's metadata begins alike: %s. cdplan leaves it alone; if it is another's stamp, set another prefix", someKeys(others)), true
	}
	return found
}

func someKeys(keys map[string]bool) string {
	names := slices.Sorted(maps.Keys(keys))
	if more := len(names) - maxKeys; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxKeys], ", "), more)
	}
	return strings.Join(names, ", ")
}
