package nova

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

var _ providers.Examiner = (*provider)(nil)

// told writes the findings, a line each, but for when the token ends and for the address.
func (w *world) told(p *provider, want ...resource.Wanted) string {
	w.t.Helper()
	var lines []string
	for _, f := range p.Examine(w.t.Context(), want) {
		line := f.Name + " = " + f.Value
		if f.From != "" {
			line += " (" + f.From + ")"
		}
		if f.Err != nil {
			line += fmt.Sprintf(" error %v %t", f.Err, f.Minor)
		}
		if f.Name == "token" {
			line = "token " + line[strings.LastIndex(line, ",")+2:]
		}
		lines = append(lines, strings.ReplaceAll(line, w.URL+"/v3", "ADDRESS"))
	}
	for _, line := range lines {
		for _, secret := range []string{"hush-password", "hush-credential", "gAAAAAB"} {
			if strings.Contains(line, secret) {
				w.t.Errorf("a secret is told: %s", line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func hushed(options novatest.Options) novatest.Options {
	options.Users = []novatest.User{{Name: "ann", Password: "hush-password", Project: "web"}}
	options.Credentials = []novatest.Credential{{ID: "c-1", Name: "deploy", Secret: "hush-credential", User: "ann"}}
	return options
}

func TestExamine(t *testing.T) {
	w := newWorld(t, hushed(novatest.Options{}))
	w.AddServer(theRegion, novatest.ServerSpec{Name: "api-1", Metadata: stamped()})
	w.add("api-2")
	file := os.Getenv("OS_CLIENT_CONFIG_FILE")
	want := `cloud = demo ($OS_CLOUD)
settings = ` + file + ` ($OS_CLIENT_CONFIG_FILE)
login = by password, at ADDRESS
user = ann (domain Default)
project = web (domain Default)
roles = member
token then renewed by itself
region RegionOne = 2 servers, 1 with a stamp, compute API 2.1 to 2.93
prefix = cd. (default)`
	if diff := cmp.Diff(want, w.told(w.open(settings{}), ask("api", "api-*"))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, request := range w.Requests() {
		if request.Method != "GET" && !strings.HasSuffix(request.Path, "/auth/tokens") {
			t.Errorf("the cloud was asked to change something: %s", request)
		}
	}

	// An application credential beside it, in secure.yaml and in a cloud that one service names.
	both := fmt.Sprintf("clouds:\n  demo: {auth: {auth_url: %q, application_credential_id: c-1}, auth_type: v3applicationcredential, region_name: RegionOne}\n", w.URL+"/v3")
	write(t, file, both)
	write(t, filepath.Join(filepath.Dir(file), "secure.yaml"), "clouds: {demo: {auth: {application_credential_secret: hush-credential}}}\n")
	t.Setenv("OS_CLOUD", "")
	got := w.told(w.open(settings{Prefix: "x."}), inCloud("api", "demo"))
	for _, line := range []string{"cloud = demo ([nova] cloud of api)", "settings = " + file + ", " + filepath.Join(filepath.Dir(file), "secure.yaml") + " ($OS_CLIENT_CONFIG_FILE)",
		"login = by application credential c-1, at ADDRESS", `prefix = x. (prefix in the block provider "nova")`} {
		if !slices.Contains(strings.Split(got, "\n"), line) {
			t.Errorf("there is no line %q in\n%s", line, got)
		}
	}
	if got := w.told(w.open(settings{Cloud: "demo"}), ask("api", "")); !strings.HasPrefix(got, `cloud = demo (cloud in the block provider "nova")`) {
		t.Errorf("got\n%s", got)
	}
}

// inCloud asks for the stamp of a service whose servers are in that cloud.
func inCloud(service, cloud string) resource.Wanted {
	config, err := resource.Encode(stampSchema(), wanted{Service: service, Cloud: cloud})
	if err != nil {
		panic(err)
	}
	return resource.Wanted{Addr: addrOf(service), Config: config}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestExamineVariables(t *testing.T) {
	w := newWorld(t, hushed(novatest.Options{}))
	noVariables(t)
	for name, value := range map[string]string{"OS_AUTH_URL": w.URL + "/v3", "OS_USERNAME": "ann", "OS_PASSWORD": "hush-password", "OS_PROJECT_NAME": "web",
		"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"} {
		t.Setenv(name, value)
	}
	got := w.told(w.open(settings{}))
	want := `cloud = the one of the OS_* variables (default)
settings = OS_AUTH_URL, OS_PASSWORD, OS_PROJECT_DOMAIN_NAME, OS_PROJECT_NAME, OS_USERNAME, OS_USER_DOMAIN_NAME (environment)
login = by password, at ADDRESS
user = ann (domain Default)
project = web (domain Default)
roles = member
token then renewed by itself
region (the only one) = 0 servers, 0 with a stamp, compute API 2.1 to 2.93
prefix = cd. (default)`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	t.Setenv("OS_AUTH_URL", strings.Replace(w.URL, "http://", "http://ann:hush-password@", 1)+"/v3")
	if got := w.told(w.open(settings{})); !strings.Contains(got, "login = by password, at ADDRESS") {
		t.Errorf("got\n%s", got)
	}
	t.Setenv("OS_AUTH_URL", w.URL+"/v3")
	t.Setenv("OS_PROJECT_NAME", "")
	if got := w.told(w.open(settings{})); !strings.Contains(got, "project =  error the login names no project") {
		t.Errorf("got\n%s", got)
	}
}

// What is missing is told, with what to do, and the rest all the same.
func TestExamineFaults(t *testing.T) {
	w := newWorld(t, hushed(novatest.Options{Regions: []string{theRegion, "South"}}))
	has := func(got string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(got, text) {
				t.Errorf("there is no %q in\n%s", text, got)
			}
		}
	}
	has(w.told(w.open(settings{Regions: []string{"South", "North"}}), ask("api", "")),
		`region North =  error the cloud has no nova in region "North"; it has one in RegionOne, South. Mend regions in cdplan.hcl`, "region South = 0 servers")

	w.Inject(novatest.Fault{Method: "GET", Path: "South/v2.1/servers/detail", Status: http.StatusForbidden})
	has(w.told(w.open(settings{Regions: []string{theRegion, "South"}}), ask("api", "")), "region South =  error cannot list the servers", "region RegionOne = 0 servers")
	w.ClearFaults()

	w.Inject(novatest.Fault{Method: "POST", Path: "/auth/tokens", Status: http.StatusUnauthorized})
	has(w.told(w.open(settings{}), ask("api", "")), "login =  error nothing is known of any server there: cannot log in", "Check user, project and password", "prefix = cd.")
	w.ClearFaults()

	file := os.Getenv("OS_CLIENT_CONFIG_FILE")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.ReplaceAll(string(text), w.URL+"/v3", "http://127.0.0.1:1/v3"))
	has(w.told(w.open(settings{}), ask("api", "")), "connection refused. Check the address, and whether this host reaches it")
	t.Setenv("OS_CLOUD", "dem")
	has(w.told(w.open(settings{}), ask("api", "")), "login =  error nothing is known of any server there: cannot read the settings of cloud")
	if found := w.open(settings{}).examineRegion(t.Context(), nil, "x", listing{err: &noRegion{name: "x", err: errors.New("no")}}); !strings.Contains(fmt.Sprint(found.Err), "no endpoint of nova") {
		t.Errorf("got %v", found)
	}
}

func TestExamineRoles(t *testing.T) {
	for text, writes := range map[string]bool{"": false, "reader": false, "Reader auditor": false, "reader member": true, "member reader": true, "member": true, "our-own": true} {
		var roles []tokens.Role
		for _, name := range strings.Fields(text) {
			roles = append(roles, tokens.Role{Name: name})
		}
		found := examineRoles(roles, "web")
		if writes != (found.Err == nil) || found.Minor || found.Value == "" {
			t.Errorf("%q: %+v", text, found)
		}
	}
}

func TestExaminePrefix(t *testing.T) {
	for _, test := range []struct {
		items, want string
		minor       bool
	}{
		{"cd.service=a cd.rev.app=1 cdx=1 other=1", "", false},
		{"cd.owner=bob cd.d=1 cd.c=1 cd.b=1", "begins alike: cd.b, cd.c, cd.d and 1 more", true},
		{"CD.Hash=1 cd.owner=bob", "metadata CD.Hash, which nova cannot keep beside a stamp", false},
	} {
		w := newWorld(t, novatest.Options{})
		w.add("a", strings.Fields(test.items)...)
		found := w.p.Examine(t.Context(), nil)
		last := found[len(found)-1]
		if last.Name != "prefix" || (last.Err == nil) != (test.want == "") || last.Err != nil && !strings.Contains(last.Err.Error(), test.want) || last.Minor != test.minor {
			t.Errorf("%s: %+v, want %q", test.items, last, test.want)
		}
	}
}

func TestExamineJuju(t *testing.T) {
	w, _ := newJujuWorld(t, map[string]roster{
		"prod": {servers: map[string][]string{"api": nil, "web": nil}, faults: map[string]error{"db": errors.New("lost")}},
		"":     {err: errors.New("no model is chosen")},
	})
	var got []string
	for _, f := range w.p.Examine(t.Context(), []resource.Wanted{askFor(wanted{Service: "api", Model: "prod", App: "api"}), askFor(wanted{Service: "web", App: "web"})}) {
		if strings.HasPrefix(f.Name, "juju") {
			got = append(got, fmt.Sprintf("%s = %s (%s) %v", f.Name, f.Value, f.From, f.Err))
		}
	}
	want := []string{"juju model (its own choice) =  (by juju) which servers its applications have is not known: no model is chosen",
		"juju model prod = 3 applications, of 1 of them juju cannot tell (by juju) <nil>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
