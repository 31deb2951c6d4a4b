package nova

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

func TestOpenStackContract(t *testing.T) {
	onBoth(t, func(b *bed) {
		b.boot("api-0", "api-1")
		providertest.Contract(b.t, Driver(nil), providertest.World{Want: []resource.Wanted{ask("api", b.pattern("api")), ask("web", b.pattern("web"))}})
	})
}

// TestOpenStackStamp: many servers at a time, again with other revisions, and what others have written stays.
func TestOpenStackStamp(t *testing.T) {
	onBoth(t, func(b *bed) {
		names := make([]string, 10)
		for i := range names {
			names[i] = fmt.Sprintf("api-%02d", i)
		}
		ids := b.boot(names...)
		other := b.boot("web-0")[0]
		b.SetStatus(ids[1], "SHUTOFF")
		for _, id := range append(slices.Clone(ids), other) {
			b.SetMetadata(id, metadata("owner=joe", "juju-model=m", "cd.rev.gone=7 x", "cd.rev.away 2=8 y"))
		}
		if err := b.apply(both); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			b.carries(id, with(stamped(), "owner=joe", "juju-model=m"))
		}
		b.carries(other, metadata("owner=joe", "juju-model=m", "cd.rev.gone=7 x", "cd.rev.away 2=8 y"))
		if posts, deletes := b.seen.count("POST", "/metadata"), b.seen.count("DELETE", ""); posts != 10 || deletes != 20 {
			t.Errorf("%d POST and %d DELETE, want 10 and 20", posts, deletes)
		}
		b.meek()
		reading := b.p.Read(t.Context(), []resource.Wanted{ask("api", b.pattern("api"))})[0]
		if reading.Err != nil || len(reading.Copies) != 10 {
			t.Fatalf("%d copies: %v", len(reading.Copies), reading.Err)
		}
		for i, c := range reading.Copies {
			stamp, ok := c.Stamp()
			if want := b.run + names[i]; c.Name != want || c.ID != ids[i] || !ok || stamp.Hash != resource.Hash(both) || stamp.Run != "r1" {
				t.Errorf("copy %d is %s %s, stamped %v", i, c.ID, c.Name, stamp)
			}
		}
		one := map[string]resource.Revision{"app": {Revno: "4", ID: strings.Repeat("é", 253)}}
		if err := b.apply(one); err != nil {
			t.Fatal(err)
		}
		want := metadata("owner=joe", "juju-model=m", "cd.service=api", "cd.rev.app=4 "+one["app"].ID, "cd.at=2027-01-02T03:04:05Z", "cd.run=r1",
			"cd.hash="+resource.Hash(one))
		for _, id := range ids {
			b.carries(id, want)
		}
	})
}

func TestOpenStackTwins(t *testing.T) {
	onBoth(t, func(b *bed) {
		id := b.boot("api-0")[0]
		for _, test := range []struct {
			name  string
			items []string
			want  map[string]string // nil: an error that names the key
			key   string
		}{
			{"of our own", []string{"cd.rev.old=1 x", "cd.rev.OLD=1 x", "cd.rev.app=1 x", "cd.rev.APP=1 x", "cd.rev.app =1 x"}, stamped(), ""},
			{"of somebody else", []string{"cd.rev.old=1 x", "CD.rev.old=theirs"}, nil, `"CD.rev.old"`},
			{"of somebody else, with a blank", []string{"cd.rev.old=1 x", "CD.rev.old =theirs"}, nil, `"CD.rev.old "`},
			{"of somebody else, not touched", []string{"CD.rev.app=theirs"}, with(stamped(), "CD.rev.app=theirs"), ""},
		} {
			b.SetMetadata(id, metadata(test.items...))
			err := b.apply(both)
			if test.want == nil {
				mustSay(t, err, "cannot stamp server "+b.run+"api-0", test.key, "by hand")
				b.carries(id, metadata(test.items...))
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			b.carries(id, test.want)
		}
	})
}

// TestOpenStackStates: what nova does not let be written is told, and the other servers are stamped.
func TestOpenStackStates(t *testing.T) {
	onBoth(t, func(b *bed) {
		states := []string{"ERROR", "RESCUE", "SHELVED_OFFLOADED", "VERIFY_RESIZE", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"}
		ids := b.boot("api-error", "api-rescue", "api-shelved", "api-resize", "api-locked", "api-off", "api-paused", "api-suspended")
		for i, state := range states {
			if state != "ACTIVE" {
				b.SetStatus(ids[i], state)
			}
		}
		b.Lock(ids[4], true)
		err := b.apply(both)
		for i, want := range []string{"vm_state error (409)", "openstack server unrescue ID", "openstack server unshelve ID",
			"openstack server resize confirm ID", "openstack server unlock ID"} {
			mustSay(t, err, "("+ids[i]+"): its status is "+states[i], strings.ReplaceAll(want, "ID", ids[i]))
			b.carries(ids[i], map[string]string{})
		}
		for _, id := range ids[5:] {
			b.carries(id, stamped())
			if strings.Contains(err.Error(), id) {
				t.Errorf("%s is blamed: %v", id, err)
			}
		}
	})
}

// TestOpenStackChangesMeanwhile: one server is built and another deleted while cdplan stamps.
func TestOpenStackChangesMeanwhile(t *testing.T) {
	onBoth(t, func(b *bed) {
		ids := b.boot("api-built", "api-deleted", "api-stays")
		b.SetStatus(ids[0], "BUILD")
		var built, deleted sync.Once
		b.seen.before = func(one sent) {
			switch {
			case one.method == "GET" && strings.HasSuffix(one.path, "/servers/"+ids[0]):
				built.Do(func() { b.SetStatus(ids[0], "ACTIVE") })
			case one.method == "POST" && strings.Contains(one.path, ids[1]):
				deleted.Do(func() { b.Delete(ids[1]) })
			}
		}
		if err := b.apply(both); err != nil {
			t.Fatal(err)
		}
		b.carries(ids[0], stamped())
		b.carries(ids[2], stamped())
		if b.seen.count("POST", ids[0]) < 2 || b.seen.count("POST", ids[1]) != 1 {
			t.Errorf("the server that was built got %d POST, the one that was deleted %d", b.seen.count("POST", ids[0]), b.seen.count("POST", ids[1]))
		}
	})
}

// TestOpenStackRoom: a server with no room for the stamp is found out before it is written.
func TestOpenStackRoom(t *testing.T) {
	onBoth(t, func(b *bed) {
		id := b.boot("api-0")[0]
		items := map[string]string{}
		for i := range 122 {
			items[fmt.Sprintf("k%d", i)] = "v"
		}
		b.SetMetadata(id, items)
		stamp := wanted{Service: "api", Servers: b.pattern("api"), Labels: []string{"app", "spec"}, Revisions: both}
		if err := b.apply(both); err != nil {
			t.Fatal(err)
		}
		stamp.Labels = append(stamp.Labels, "more")
		mustSay(t, b.p.Read(t.Context(), []resource.Wanted{askFor(stamp)})[0].Err, "has 122 metadata items that are not cdplan's")
	})
}

// TestOpenStackPages: the servers of a service are found on whatever page they are.
func TestOpenStackPages(t *testing.T) {
	onBoth(t, func(b *bed) {
		b.Keep(60)
		b.boot("api-0", "web-0")
		b.login("pages")
		readings := b.p.Read(t.Context(), []resource.Wanted{ask("api", b.pattern("api")), ask("web", b.pattern("web")), ask("old", "kept-0*")})
		for i, want := range []int{1, 1, 10} {
			if readings[i].Err != nil || len(readings[i].Copies) != want {
				t.Errorf("%d copies of %s, want %d: %v", len(readings[i].Copies), readings[i].Addr, want, readings[i].Err)
			}
		}
		if n := b.seen.count("GET", "/servers/detail"); n < 2 {
			t.Errorf("%d pages", n)
		}
	})
}

// TestOpenStackRegionDown: nobody listens in one of the regions.
func TestOpenStackRegionDown(t *testing.T) {
	onBoth(t, func(b *bed) {
		b.boot("api-0")
		readings := b.p.Read(t.Context(), []resource.Wanted{ask("api", b.pattern("api")),
			askFor(wanted{Service: "web", Servers: b.pattern("web"), Regions: []string{"RegionDown"}})})
		if readings[0].Err != nil || len(readings[0].Copies) != 1 {
			t.Errorf("got %v %v", readings[0].Copies, readings[0].Err)
		}
		mustSay(t, readings[1].Err, `cannot list the servers of region "RegionDown"`)
	})
}

// rules returns the access rules that the manual says suffice.
func rules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/providers/nova.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^    (GET|POST|DELETE) +(/v2\.1/\S+)$`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1]+" "+match[2])
	}
	return found
}

// loginBy opens the provider by an application credential with these rules.
func (b *bed) loginBy(rules []string) {
	b.t.Helper()
	id, secret := b.Credential(rules...)
	for name, value := range map[string]string{"OS_AUTH_URL": b.server, "OS_REGION_NAME": theRegion,
		"OS_APPLICATION_CREDENTIAL_ID": id, "OS_APPLICATION_CREDENTIAL_SECRET": secret} {
		b.t.Setenv(name, value)
	}
	b.login("")
}

// TestOpenStackAccessRules: an application credential with the rules of the manual is enough, and without one of them it is not. To ask for it once
// more, after another login, is all that is done about that.
func TestOpenStackAccessRules(t *testing.T) {
	all := rules(t)
	if len(all) < 4 {
		t.Fatalf("the manual has only the rules %q", all)
	}
	onBoth(t, func(b *bed) {
		ids := b.boot("api-0", "api-error")
		b.SetStatus(ids[1], "ERROR")
		try := func() error {
			b.SetMetadata(ids[0], metadata("cd.rev.gone=7 x", "owner=joe"))
			err := b.p.Read(b.t.Context(), []resource.Wanted{ask("api", b.pattern("api"))})[0].Err
			return errors.Join(err, b.apply(both))
		}
		b.loginBy(all)
		err := try()
		mustSay(t, err, "its status is ERROR")
		if strings.Contains(err.Error(), "allowed") {
			t.Error(err)
		}
		b.carries(ids[0], with(stamped(), "owner=joe"))
		for i, rule := range all {
			if rule == "GET /v2.1/servers/detail" && slices.Contains(all, "GET /v2.1/servers/*") {
				continue // which allows it as well
			}
			b.loginBy(slices.Delete(slices.Clone(all), i, i+1))
			err := try()
			if err == nil || !strings.Contains(err.Error(), "expired, or not allowed to do this (401)") {
				t.Errorf("without %s: %v", rule, err)
			}
			if n := len(b.seen.sent); n > 20 {
				t.Errorf("without %s there were %d requests", rule, n)
			}
		}
	})
}

// TestOpenStackTwoWriters stamps a server again and again while somebody else writes to it without a pause, as "openstack server set --property"
// does. Nova has no lock for that: of two writes at once it may lose one, even after it has shown what it wrote. cdplan never sends anything that takes
// from others, what is lost is there after the next time, and a token that ends meanwhile makes no difference.
func TestOpenStackTwoWriters(t *testing.T) {
	onBoth(t, func(b *bed) {
		id := b.boot("api-0")[0]
		b.login("brief")
		var rounds, written, lost, late, gaveUp int
		for token := b.token(); rounds < 12 || b.token() == token; rounds++ {
			if cloud, ok := b.owner.(simulated); ok && rounds == 6 {
				cloud.ExpireTokens()
			}
			stamp := map[string]resource.Revision{"app": {Revno: fmt.Sprint(rounds), ID: "x"}, fmt.Sprintf("l%d", rounds%2): {Revno: "1", ID: "y"}}
			theirs, err := b.applyBeside(stamp, id)
			if err != nil && !strings.Contains(err.Error(), "somebody else writes its metadata") {
				b.t.Fatal(err)
			}
			if err != nil {
				gaveUp++
			}
			left := b.Metadata(id)
			gone := maps.Clone(theirs)
			maps.DeleteFunc(gone, func(key, _ string) bool { return left[key] != "" })
			lost += len(gone)
			if err == nil && left["cd.hash"] != resource.Hash(stamp) {
				late++
			}
			written += len(theirs)
			if err := b.apply(stamp); err != nil {
				b.t.Fatal(err)
			}
			now := b.Metadata(id)
			if now["cd.hash"] != resource.Hash(stamp) || len(now) != 6+len(theirs)-len(gone) {
				b.t.Errorf("round %d left %v", rounds, now)
			}
			maps.DeleteFunc(now, func(key, _ string) bool { return !ours("cd.", key) })
			b.SetMetadata(id, now) // there is room for 128 items
		}
		b.meek()
		if late > rounds/5 {
			b.t.Errorf("%d stamps of %d were lost after they had been read back", late, rounds)
		}
		b.t.Logf("%d rounds: of %d items of the other %d were lost; %d stamps were lost after they had been read back; cdplan gave up %d times",
			rounds, written, lost, late, gaveUp)
	})
}

// applyBeside stamps while another writes one item after the other, and returns these.
func (b *bed) applyBeside(revisions map[string]resource.Revision, id string) (map[string]string, error) {
	done, ended := make(chan struct{}), make(chan struct{})
	theirs := map[string]string{}
	go func() {
		defer close(ended)
		for len(theirs) < 100 {
			key := fmt.Sprintf("key-%d", len(theirs))
			b.Post(id, map[string]string{key: "v"})
			theirs[key] = "v"
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	err := b.apply(revisions)
	close(done)
	<-ended
	return theirs, err
}
