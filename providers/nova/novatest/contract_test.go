package novatest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/test/openstack"
)

var withReal = flag.Bool("openstack", false, "hold a real OpenStack to the contract as well; it must be up (test/openstack/up)")

// TestContractOfOpenStack holds this package to what a real keystone and nova do, by trying the same on both.
func TestContractOfOpenStack(t *testing.T) {
	t.Run("novatest", func(t *testing.T) { holds(t, newTwin(t)) })
	if *withReal {
		t.Run("real", func(t *testing.T) { holds(t, newReal(t)) })
	}
}

// subject is a cloud that is held to the contract: keystone, and servers that can be brought into a state.
type subject struct {
	owner
	run      string            // what the names of its servers begin with
	identity string            // where keystone is, with /v3
	password string            // of all users
	expired  func() string     // a token of the member's, after its end
	second   func()            // lets a second pass
	region   string            // where the member's servers are
	pages    string            // a region with the same servers, on pages of 50
	ids      map[string]string // of the server in each state
}

// owner does with servers what the API leaves to others.
type owner interface {
	Boot(name string, metadata map[string]string) string
	BootElsewhere(name string) string // in another project
	SetStatus(id, status string)
	Lock(id string, locked bool)
	Delete(id string)
	Keep(n int)                                     // boots "kept-0" and so on, n of them
	Credential(rules ...string) (id, secret string) // of the member's
}

func newReal(t *testing.T) *subject {
	member, region := openstack.Login(t, "member")
	brief, _ := openstack.Login(t, "brief")
	_, pages := openstack.Login(t, "pages")
	s := &subject{owner: openstack.Open(t), run: fmt.Sprintf("contract-%x-", time.Now().UnixNano()), identity: strings.TrimSuffix(member.IdentityEndpoint, "/"), password: member.Password,
		region: region, pages: pages}
	token := s.login(t, brief.IdentityEndpoint, "member", "ci")
	s.expired = func() string {
		time.Sleep(time.Until(token.ends) + time.Second)
		return token.id
	}
	s.second = func() { time.Sleep(1100 * time.Millisecond) }
	return s
}

// twin is novatest in the place of a real cloud.
type twin struct {
	*novatest.Server
}

func (c twin) Boot(name string, metadata map[string]string) string {
	return c.AddServer("RegionOne", novatest.ServerSpec{Name: name, Metadata: metadata})
}

func (c twin) BootElsewhere(name string) string {
	return c.AddServer("RegionOne", novatest.ServerSpec{Name: name, Project: "other"})
}

func (c twin) Keep(n int) {
	for i := range n {
		c.Boot(fmt.Sprintf("kept-%02d", i), nil)
	}
}

func (c twin) Credential(rules ...string) (id, secret string) {
	return c.AddCredential(novatest.Credential{Secret: "s", User: "member", Rules: rules}), "s"
}

func newTwin(t *testing.T) *subject {
	user := func(name, project string) novatest.User {
		return novatest.User{Name: name, Password: "p", Project: project, Admin: name == "admin"}
	}
	var moment clock
	cloud, err := novatest.Start("", novatest.Options{MaxLimit: 50, Now: moment.now,
		Users: []novatest.User{user("member", "ci"), user("reader", "ci"), user("other", "other"), user("admin", "admin")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	s := &subject{owner: twin{cloud}, run: "contract-", identity: cloud.URL + "/v3", password: "p", region: "RegionOne", pages: "RegionOne"}
	s.expired = func() string {
		token := s.login(t, s.identity, "member", "ci")
		moment.advance(token.ends.Sub(moment.now()))
		return token.id
	}
	s.second = func() { moment.advance(time.Second) }
	return s
}

// holds tries all cases on the subject.
func holds(t *testing.T, s *subject) {
	s.ids = map[string]string{}
	logins := map[string]*token{}
	for name, project := range map[string]string{"member": "ci", "reader": "ci", "other": "other", "admin": "admin"} {
		logins[name] = s.login(t, s.identity, name, project)
	}
	for _, c := range slices.Concat(metadataCases, stateCases, otherCases) {
		t.Run(c.name, func(t *testing.T) {
			s.reset(t, logins["admin"])
			for _, e := range c.exchanges {
				e.try(t, s, logins)
			}
		})
	}
	for _, c := range []struct {
		name string
		try  func(*testing.T, *subject, *token)
	}{
		{"pages", tryPages}, {"markers", tryMarkers}, {"filters", tryFilters}, {"changes", tryChanges},
		{"access rules", tryRules}, {"logins", tryLogins}, {"expired token", tryExpired},
	} {
		t.Run(c.name, func(t *testing.T) { c.try(t, s, logins["member"]) })
	}
}

// contractCase is a series of requests. Every server in it has the one item k=v at first.
type contractCase struct {
	name      string
	exchanges []exchange
}

// exchange is a request to nova and its answer.
//
// The call is "[USER] METHOD PATH [@VERSION]"; the user is the member by default. {STATE} in call and want is the id of a server in that state,
// {LOCKED} of one that is locked, {ELSEWHERE} of one in another project, {UNKNOWN} of none.
//
// What is wanted is a part of the error's message or, in braces, JSON that the answer has to contain: what is null must be absent, and metadata
// must be all there is.
type exchange struct {
	call, body string
	status     int
	want       string
}

var placeholder = regexp.MustCompile(`\{[A-Z_]+\}`)

func (e exchange) try(t *testing.T, s *subject, logins map[string]*token) {
	t.Helper()
	expand := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(state string) string { return s.server(strings.Trim(state, "{}")) })
	}
	fields := strings.Fields(e.call)
	login := logins["member"]
	if other, ok := logins[fields[0]]; ok {
		login, fields = other, fields[1:]
	}
	var header []string
	if len(fields) > 2 {
		header = []string{version(strings.TrimPrefix(fields[2], "@"))}
	}
	got := login.do(t, fields[0], login.nova[s.region]+expand(fields[1]), e.body, header...)
	if fault := e.fault(got, expand(e.want)); fault != "" {
		t.Errorf("%s %s: %s\ngot %d %s", e.call, brief(e.body), fault, got.status, brief(got.body))
	}
}

func brief(text string) string {
	if len(text) > 300 {
		return text[:300] + "..."
	}
	return text
}

// fault says what is wrong with the answer.
func (e exchange) fault(got reply, want string) string {
	if got.status != e.status {
		return fmt.Sprintf("want %d %s", e.status, want)
	}
	if strings.HasPrefix(want, "{") {
		var wanted, have any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			return err.Error()
		}
		if err := json.Unmarshal([]byte(got.body), &have); err != nil {
			return err.Error()
		}
		return lacks("", wanted, have)
	}
	if e.status < 400 {
		return ""
	}
	message, err := complaint(got)
	if err == nil && !strings.Contains(message, want) {
		return "want the message ..." + want + "..."
	}
	return told(err)
}

func told(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// lacks says where the answer does not contain what is wanted.
func lacks(path string, want, got any) string {
	if list, ok := want.([]any); ok {
		if have, ok := got.([]any); ok && len(have) == len(list) {
			for i := range list {
				if fault := lacks(fmt.Sprintf("%s[%d]", path, i), list[i], have[i]); fault != "" {
					return fault
				}
			}
			return ""
		}
	}
	object, isObject := want.(map[string]any)
	have, both := got.(map[string]any)
	switch {
	case want == nil && got == nil:
		return ""
	case !isObject || !both || strings.HasSuffix(path, ".metadata") || strings.HasSuffix(path, ".meta"):
		if diff := cmp.Diff(want, got); diff != "" {
			return path + " (-want +got):\n" + diff
		}
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if fault := lacks(path+"."+key, object[key], have[key]); fault != "" {
			return fault
		}
	}
	return ""
}

// kinds are the names that nova gives to its errors.
var kinds = map[int]string{400: "badRequest", 403: "forbidden", 404: "itemNotFound", 406: "computeFault", 409: "conflictingRequest",
	500: "computeFault"}

// complaint takes an error apart, which must have nova's shape: {KIND: {"code": STATUS, "message": TEXT}}.
func complaint(got reply) (string, error) {
	var body map[string]struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		return "", err
	}
	inner, named := body[kinds[got.status]]
	if !named || len(body) != 1 || inner.Code != got.status {
		return "", fmt.Errorf("want an error %q with the code %d", kinds[got.status], got.status)
	}
	return inner.Message, nil
}

// server returns the id of the server in a state. It is booted when it is first asked for.
func (s *subject) server(state string) string {
	if state == "UNKNOWN" {
		return "6d3cd9b1-5a3c-4f0e-9f0b-0a4f4ad64e0c"
	}
	if id := s.ids[state]; id != "" {
		return id
	}
	name := s.run + strings.ToLower(state)
	if state == "ELSEWHERE" {
		s.ids[state] = s.BootElsewhere(name)
		return s.ids[state]
	}
	id := s.Boot(name, map[string]string{"k": "v"})
	switch state {
	case "ACTIVE":
	case "DELETED":
		s.Delete(id)
	case "LOCKED":
		s.Lock(id, true)
	default:
		s.SetStatus(id, state)
	}
	s.ids[state] = id
	return id
}

// reset gives the servers their metadata back, in the states that allow it.
func (s *subject) reset(t *testing.T, admin *token) {
	for _, state := range []string{"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "RESIZE", "REBUILD", "LOCKED"} {
		if id := s.ids[state]; id != "" {
			got := admin.do(t, "PUT", admin.nova[s.region]+"/servers/"+id+"/metadata", `{"metadata": {"k": "v"}}`)
			if got.status != http.StatusOK {
				t.Fatalf("cannot reset %s: %d %s", state, got.status, got.body)
			}
		}
	}
}

// send sends a request without a token, or with one.
func send(t *testing.T, token, method, url, body string, header ...string) reply {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if token != "" {
		request.Header.Set("X-Auth-Token", token)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, string(bytes.TrimSpace(text)), response.Header}
}
