package nova

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

func TestLogin(t *testing.T) {
	// Read as YAML, a password must come out as it went in.
	user := novatest.User{Name: "joe", Password: `p "<&>' \é😀 #: 1`, Project: "ci"}
	plain := map[string]string{"OS_USERNAME": "joe", "OS_PASSWORD": user.Password, "OS_PROJECT_NAME": "ci", "OS_REGION_NAME": theRegion}
	for _, test := range []struct {
		name      string
		variables []map[string]string
	}{
		{"domain names", []map[string]string{plain, {"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"}}},
		{"domain ids", []map[string]string{plain, {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}}},
		{"one domain", []map[string]string{plain, {"OS_DOMAIN_NAME": "Default"}}},
		{"tenant", []map[string]string{plain, {"OS_PROJECT_NAME": "", "OS_TENANT_NAME": "ci", "OS_USER_DOMAIN_NAME": "Default",
			"OS_PROJECT_DOMAIN_NAME": "Default"}}},
		{"credential by id", []map[string]string{{"OS_APPLICATION_CREDENTIAL_ID": "c1", "OS_APPLICATION_CREDENTIAL_SECRET": "s1",
			"OS_REGION_NAME": theRegion, "OS_AUTH_TYPE": "v3applicationcredential"}}},
		{"credential by name", []map[string]string{{"OS_APPLICATION_CREDENTIAL_NAME": "robot", "OS_APPLICATION_CREDENTIAL_SECRET": "s1",
			"OS_USERNAME": "joe", "OS_USER_DOMAIN_NAME": "Default", "OS_REGION_NAME": theRegion}}},
		{"no region", []map[string]string{plain, {"OS_REGION_NAME": "", "OS_DOMAIN_NAME": "Default"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud := startCloud(t, novatest.Options{Users: []novatest.User{user},
				Credentials: []novatest.Credential{{ID: "c1", Name: "robot", Secret: "s1", User: "joe"}}})
			t.Setenv("OS_AUTH_URL", cloud.URL+"/v3")
			for _, variables := range test.variables {
				for name, value := range variables {
					t.Setenv(name, value)
				}
			}
			cloud.AddServer(theRegion, novatest.ServerSpec{Name: "api-0"})
			w := &world{Server: cloud, t: t}
			w.p = w.open(settings{})
			if got := w.names(w.read(ask("api", "*"))[0]); got != "api-0" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestLoginByCloudsYAML(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	for _, test := range []struct{ name, variable, setting string }{
		{"by $OS_CLOUD", "demo", ""},
		{"by name", "", "demo"},
		{"the name counts more", "other", "demo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OS_CLOUD", test.variable)
			w.p = w.open(settings{Cloud: test.setting})
			if got := w.names(w.read(ask("api", "*"))[0]); got != "api-0" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestLoginFails(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, *world)
		want  []string
	}{
		{"nothing configured", func(t *testing.T, w *world) { w.in(t, "") },
			[]string{"no cloud is configured", "OS_CLOUD", "OS_AUTH_URL", "cdplan.hcl"}},
		{"no such cloud", func(t *testing.T, w *world) { w.in(t, "other") }, []string{`cloud "other"`}},
		{"wrong password", func(t *testing.T, w *world) {
			w.Inject(novatest.Fault{Path: "/auth/tokens", Status: http.StatusUnauthorized})
		}, []string{"cannot log in at " + "http://127.0.0.1", "wrong or expired"}},
		{"no such region", func(_ *testing.T, w *world) { w.p = w.open(settings{Regions: []string{"nowhere"}}) },
			[]string{`no nova in region "nowhere"; it has one in RegionOne`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			test.spoil(t, w)
			got := w.read(ask("api", "*"), ask("web", ""))
			mustSay(t, got[0].Err, test.want...)
			mustSay(t, got[1].Err, test.want...)
			if got[0].Copies != nil {
				t.Errorf("there are copies: %v", got[0].Copies)
			}
		})
	}
}

// in opens the provider with that cloud as $OS_CLOUD.
// Whatever is wrong with the settings, no secret of theirs is told, by an error or by doctor.
func TestLoginTellsNoSecret(t *testing.T) {
	for _, test := range []struct{ auth, want string }{
		{`{auth_url: "http://joe:hush@127.0.0.1:1/v3?key=hush", username: joe, password: hush, domain_name: D}`, "cannot log in at http://127.0.0.1:1/v3: "},
		{`{auth_url: "http://jo e:hush@127.0.0.1:none/v3", username: joe, password: hush}`, `cannot use the address "http://127.0.0.1:none/v3": it is no URL`},
		{`{auth_url: "http://joe:hush#?@127.0.0.1/v3", username: joe, password: hush}`, `cannot use the address "http://127.0.0.1/v3": it is no URL`},
		{`{auth_url: "joe:hush@127.0.0.1:1", username: joe, password: hush}`, `cannot use the address "127.0.0.1:1": it is no URL`},
		{`{username: joe, password: hush}`, `cannot read the settings of cloud "demo": it has no auth_url`},
		{"hush", "cannot unmarshal !!str `***`"},
	} {
		t.Run(test.auth, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "clouds.yaml")
			write(t, file, "clouds:\n  demo:\n    region_name: one\n    auth: "+test.auth+"\n")
			t.Setenv("OS_CLIENT_CONFIG_FILE", file)
			w := &world{t: t}
			p := w.open(settings{Cloud: "demo"})
			err := p.Read(t.Context(), []resource.Wanted{ask("api", "*")})[0].Err
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ...%s...", err, test.want)
			}
			texts := []string{fmt.Sprint(err)}
			for _, f := range p.Examine(t.Context(), []resource.Wanted{ask("api", "*")}) {
				texts = append(texts, f.Value, fmt.Sprint(f.Err))
			}
			if all := strings.Join(texts, "\n"); strings.Contains(strings.ReplaceAll(all, file, ""), "hush") {
				t.Errorf("a secret is told:\n%s", all)
			}
		})
	}
}

func (w *world) in(t *testing.T, cloud string) {
	t.Setenv("OS_CLOUD", cloud)
	w.p = w.open(settings{})
}

func TestLoginIsTriedAgain(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.Inject(novatest.Fault{Path: "/auth/tokens", Status: http.StatusServiceUnavailable, Times: 2})
	w.names(w.read(ask("api", "*"))[0])
	w.names(w.read(ask("api", "*"))[0])
	if n := w.Count("POST", "/auth/tokens"); n != 3 {
		t.Errorf("%d logins, want 3", n)
	}
}

func TestLoginAfterFailure(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.Inject(novatest.Fault{Path: "/auth/tokens", Status: http.StatusUnauthorized, Times: 1})
	if got := w.read(ask("api", "*")); got[0].Err == nil {
		t.Error("the login did not fail")
	}
	w.names(w.read(ask("api", "*"))[0])
}

// TestToken: a token alone is no reason to refuse to start, though it cannot be renewed.
func TestToken(t *testing.T) {
	cloud := startCloud(t, novatest.Options{})
	t.Setenv("OS_AUTH_URL", cloud.URL+"/v3")
	t.Setenv("OS_TOKEN", "t1")
	w := &world{Server: cloud, t: t}
	w.p = w.open(settings{})
	w.read(ask("api", "*"))
	if w.Count("GET", "/v3/auth/tokens") == 0 {
		t.Error("keystone was not asked about the token")
	}
}

func TestExpiredToken(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	w.names(w.read(ask("api", "*"))[0])
	w.ExpireTokens()
	w.ResetRequests()
	w.names(w.read(ask("api", "*"))[0])
	if logins, lists := w.Count("POST", "/auth/tokens"), w.Count("GET", "/servers/detail"); logins != 1 || lists != 2 {
		t.Errorf("%d logins and %d lists, want 1 and 2", logins, lists)
	}
}

// A provider that is open for days logs in again each time that its token ends, also after keystone was away for a while, and for reading and writing alike.
func TestLoginsForDays(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	w.names(w.read(ask("api", "*"))[0])
	for day := range 3 {
		w.ExpireTokens()
		w.Inject(novatest.Fault{Path: "/auth/tokens", Status: http.StatusServiceUnavailable})
		if err := w.read(ask("api", "*"))[0].Err; err == nil {
			t.Error("the token is good although it ended")
		}
		w.ClearFaults()
		if got := w.names(w.read(ask("api", "api-*"))[0]); got != "api-0" {
			t.Errorf("day %d: got %q", day, got)
		}
		w.ExpireTokens()
		if _, err := w.p.Apply(t.Context(), stampStep("api", "api-*", both), func(resource.Event) {}); err != nil {
			t.Errorf("day %d: %v", day, err)
		}
	}
}

func TestNotAllowed(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.Inject(novatest.Fault{Path: "/servers", Status: http.StatusUnauthorized})
	mustSay(t, w.read(ask("api", "*"))[0].Err, `cannot list the servers of region "RegionOne"`, "expired, or not allowed")
	if logins, lists := w.Count("POST", "/auth/tokens"), w.Count("GET", "/servers/detail"); logins != 2 || lists != 2 {
		t.Errorf("%d logins and %d lists, want 2 and 2", logins, lists)
	}
}

// TestLoginExpires: the token ends, and there is no other to be had.
func TestLoginExpires(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.names(w.read(ask("api", "*"))[0])
	w.ExpireTokens()
	w.Inject(novatest.Fault{Path: "/auth/tokens", Status: http.StatusUnauthorized})
	w.ResetRequests()
	err := w.read(ask("api", "*"))[0].Err
	mustSay(t, err, "expired, or not allowed")
	if strings.Contains(err.Error(), "http") {
		t.Errorf("the library's own words: %v", err)
	}
	if n := len(w.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestRetry(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault novatest.Fault
		lists int
		want  string // of the error
	}{
		{"too many", novatest.Fault{Status: 429, Times: 1}, 2, ""},
		{"too many, go on at once", novatest.Fault{Status: 429, RetryAfter: "0", Times: 3}, 4, ""},
		{"too many, go on in a second", novatest.Fault{Status: 429, RetryAfter: "1", Times: 1}, 2, ""},
		{"too many, until a date", novatest.Fault{Status: 429, RetryAfter: "Fri, 13 Nov 2015 13:13:13 GMT", Times: 1}, 2, ""},
		{"too many, nonsense", novatest.Fault{Status: 429, RetryAfter: "soon", Times: 1}, 2, ""},
		{"too many for ever", novatest.Fault{Status: 429, RetryAfter: "0"}, 4, "Too Many Requests (429)"},
		{"500 three times", novatest.Fault{Status: 500, Times: 3}, 4, ""},
		{"500 for ever", novatest.Fault{Status: 500}, 4, "Internal Server Error (500)"},
		{"503 from a proxy", novatest.Fault{Status: 503, Body: "<html>"}, 4, "Service Unavailable (503)"},
		{"502", novatest.Fault{Status: 502, Times: 1}, 2, ""},
		{"504", novatest.Fault{Status: 504, Times: 1}, 2, ""},
		{"403", novatest.Fault{Status: 403, Body: `{"forbidden": {"code": 403, "message": "Policy says no"}}`}, 1, "Policy says no (403)"},
		{"404", novatest.Fault{Status: 404, Body: `{"message": "No such path", "code": "404 Not Found", "title": "x"}`}, 1, "No such path (404)"},
		{"cut", novatest.Fault{CutAnswer: true, Times: 3}, 4, ""},
		{"no JSON", novatest.Fault{Status: 200, Body: "<html>"}, 4, "invalid character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, novatest.Options{})
			w.add("api-0")
			w.names(w.read(ask("api", "*"))[0])
			w.ResetRequests()
			test.fault.Path = "/servers"
			w.Inject(test.fault)
			got := w.read(ask("api", "*"))[0]
			if test.want != "" {
				mustSay(t, got.Err, test.want)
			} else if names := w.names(got); names != "api-0" {
				t.Errorf("got %q", names)
			}
			if n := w.Count("GET", "/servers/detail"); n != test.lists {
				t.Errorf("%d lists, want %d", n, test.lists)
			}
		})
	}
}

// TestCutConnection: the transport itself repeats what it may, so how many requests there are is not told.
func TestCutConnection(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	w.add("api-0")
	w.Inject(novatest.Fault{Path: "/servers", Cut: true, Times: 2})
	if got := w.names(w.read(ask("api", "*"))[0]); got != "api-0" {
		t.Errorf("got %q", got)
	}
}

// TestRetryEndsWithContext: who asks for a long pause does not hold up what was interrupted.
func TestRetryEndsWithContext(t *testing.T) {
	w := newWorld(t, novatest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	w.Inject(novatest.Fault{Path: "/servers", Status: 429, RetryAfter: "86400", Match: func(*http.Request) bool {
		time.AfterFunc(10*time.Millisecond, cancel)
		return true
	}})
	if got := w.p.Read(ctx, []resource.Wanted{ask("api", "*")})[0]; got.Err == nil {
		t.Error("no error")
	}
}
