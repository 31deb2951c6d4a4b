package novatest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// domainID and domainName are the one domain there is.
const (
	domainID   = "default"
	domainName = "Default"
)

// token is what a login gave.
type token struct {
	user    User
	scoped  bool // to the user's project; nova refuses the others
	method  string
	rules   []string // as in Credential
	expires time.Time
}

// identifier returns a stable id in the form of keystone's.
func identifier(kind, name string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(kind+" "+name)))[:32]
}

func (k *call) keystone(path []string) answer {
	switch {
	case k.r.URL.Path == "/":
		return answer{status: http.StatusMultipleChoices, body: map[string]any{
			"versions": map[string]any{"values": []any{k.identityVersion()}},
		}}
	case path[0] == "v3" && (len(path) == 1 || len(path) == 2 && path[1] == ""):
		return ok(map[string]any{"version": k.identityVersion()})
	case k.r.URL.Path == "/v3/auth/tokens" && k.r.Method == http.MethodPost:
		return k.login()
	}
	return answer{status: http.StatusNotFound, body: identityError(http.StatusNotFound, "Could not find "+k.r.URL.Path)}
}

func (k *call) identityVersion() any {
	return map[string]any{
		"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links": []link{{Rel: "self", Href: k.base() + "/v3/"}},
	}
}

// named is how a login names a user, a project or a domain: by id, or by name and domain.
type named struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Domain   *named `json:"domain"`
	Password string `json:"password"`
}

// is says whether n names the thing of that kind and name.
func (n *named) is(kind, name string) bool {
	if n.ID != "" {
		return n.ID == identifier(kind, name)
	}
	return n.Name == name && n.Domain.isDefault()
}

func (n *named) isDefault() bool {
	return n != nil && (n.ID == domainID || strings.EqualFold(n.Name, domainName))
}

type loginRequest struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password struct {
				User named `json:"user"`
			} `json:"password"`
			Credential struct {
				ID     string `json:"id"`
				Name   string `json:"name"`
				Secret string `json:"secret"`
				User   named  `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope *struct {
			Project *named `json:"project"`
		} `json:"scope"`
	} `json:"auth"`
}

func (k *call) login() answer {
	var request loginRequest
	if err := json.Unmarshal(k.body, &request); err != nil {
		return answer{status: http.StatusBadRequest, body: identityError(http.StatusBadRequest, "Malformed request body")}
	}
	t, welcome := k.authenticate(request)
	if id := request.Auth.Identity.Credential.ID; !welcome && id != "" && !k.hasCredential(id) {
		return answer{status: http.StatusNotFound, body: identityError(http.StatusNotFound, "Could not find Application Credential: "+id+".")}
	}
	if !welcome {
		return unauthorized(k.base())
	}
	k.serial++
	id := "gAAAAAB" + identifier("token", fmt.Sprint(k.serial))
	k.tokens[id] = t
	return answer{
		status: http.StatusCreated,
		body:   map[string]any{"token": k.tokenBody(t)},
		header: map[string]string{"X-Subject-Token": id},
	}
}

func (k *call) authenticate(request loginRequest) (*token, bool) {
	t := &token{expires: k.options.Now().Add(k.options.TokenTTL)}
	methods := request.Auth.Identity.Methods
	switch {
	case slices.Equal(methods, []string{"password"}):
		t.method = "password"
		return t, k.byPassword(t, request)
	case slices.Equal(methods, []string{"application_credential"}):
		t.method, t.scoped = "application_credential", true
		return t, k.byCredential(t, request)
	}
	return nil, false
}

func (k *call) byPassword(t *token, request loginRequest) bool {
	given := request.Auth.Identity.Password.User
	i := slices.IndexFunc(k.options.Users, func(u User) bool { return given.is("user", u.Name) })
	if i < 0 || k.options.Users[i].Password != given.Password {
		return false
	}
	t.user = k.options.Users[i]
	scope := request.Auth.Scope
	if scope == nil || scope.Project == nil {
		return true
	}
	t.scoped = scope.Project.is("project", t.user.Project)
	return t.scoped
}

func (k *call) byCredential(t *token, request loginRequest) bool {
	given := request.Auth.Identity.Credential
	i := slices.IndexFunc(k.options.Credentials, func(c Credential) bool {
		if given.ID != "" {
			return c.ID == given.ID
		}
		return c.Name == given.Name && given.User.is("user", c.User)
	})
	if i < 0 || k.options.Credentials[i].Expired || k.options.Credentials[i].Secret != given.Secret {
		return false
	}
	owner := slices.IndexFunc(k.options.Users, func(u User) bool { return u.Name == k.options.Credentials[i].User })
	if owner < 0 {
		return false
	}
	t.user, t.rules = k.options.Users[owner], k.options.Credentials[i].Rules
	return true
}

func (k *call) hasCredential(id string) bool {
	return slices.ContainsFunc(k.options.Credentials, func(c Credential) bool { return c.ID == id })
}

func (k *call) tokenBody(t *token) any {
	domain := map[string]string{"id": domainID, "name": domainName}
	body := map[string]any{
		"methods":    []string{t.method},
		"user":       map[string]any{"id": identifier("user", t.user.Name), "name": t.user.Name, "domain": domain},
		"issued_at":  identityTime(k.options.Now()),
		"expires_at": identityTime(t.expires),
		"audit_ids":  []string{},
	}
	if t.scoped {
		role := "member"
		if t.user.Admin {
			role = "admin"
		}
		body["project"] = map[string]any{"id": identifier("project", t.user.Project), "name": t.user.Project, "domain": domain}
		body["roles"] = []any{map[string]string{"id": identifier("role", role), "name": role}}
		body["catalog"] = k.catalogue()
	}
	return body
}

func identityTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func (k *call) catalogue() any {
	var compute, identity []any
	for _, region := range k.options.Regions {
		compute = append(compute, endpoint(region, k.novaURL(region)))
		identity = append(identity, endpoint(region, k.base()+"/v3"))
	}
	return []any{
		map[string]any{"id": identifier("service", "nova"), "type": "compute", "name": "nova", "endpoints": compute},
		map[string]any{"id": identifier("service", "keystone"), "type": "identity", "name": "keystone", "endpoints": identity},
	}
}

func endpoint(region, address string) any {
	return map[string]string{
		"id": identifier("endpoint", address), "interface": "public", "region": region, "region_id": region, "url": address,
	}
}

// authorize finds the token of a call to nova.
func (k *call) authorize() bool {
	t := k.tokens[k.r.Header.Get("X-Auth-Token")]
	if t == nil || !t.scoped || !k.options.Now().Before(t.expires) || !k.allowedBy(t.rules) {
		return false
	}
	k.token = t
	return true
}

// allowedBy says whether there is an access rule for the call, or no rules at all.
func (k *call) allowedBy(rules []string) bool {
	asked := k.r.Method + " " + strings.TrimPrefix(k.r.URL.Path, "/nova/"+k.reg)
	return len(rules) == 0 || slices.ContainsFunc(rules, func(rule string) bool {
		matched, err := path.Match(rule, asked)
		return err == nil && matched
	})
}

// ExpireTokens makes every token given so far invalid, so that the next call needs a new login.
func (c *Cloud) ExpireTokens() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.tokens)
}
