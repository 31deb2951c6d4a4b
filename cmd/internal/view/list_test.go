package view

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// carrying returns a server with the branch app at that revno, and with spec at revno 5. Its stamp was made at noon.
func carrying(name, revno string) resource.Copy {
	revisions := map[string]cty.Value{"app": resource.Revision{Revno: revno, ID: "app-" + revno}.Value(), "spec": resource.Revision{Revno: "5", ID: "spec-5"}.Value()}
	return resource.Copy{ID: "id-" + name, Name: name, Region: "north", Status: "ACTIVE",
		Object: cty.ObjectVal(map[string]cty.Value{resource.Revisions: cty.MapVal(revisions), "at": cty.StringVal("2027-03-02T12:00:00Z")})}
}

func broken(c resource.Copy) resource.Copy {
	c.Err = errors.New("the hash is wrong")
	return c
}

func listedOf(service string, copies ...resource.Copy) Listed {
	return Listed{Service: service, Locations: map[string]string{"app": "/app", "spec": "/spec"}, Copies: copies, Drifts: plan.Drifts(service, copies, nil)}
}

func TestList(t *testing.T) {
	south := carrying("web-1", "2")
	south.Region = "south"
	services := []Listed{
		listedOf("api", carrying("api-1", "3"), carrying("api-2", "3"), carrying("api-3", "2"), resource.Copy{Name: "api-4"}),
		listedOf("bare", resource.Copy{Name: "bare-1", Region: "north"}),
		listedOf("odd", resource.Copy{Name: "odd-1", Other: "web"}, resource.Copy{Name: "odd-2", Other: "api"}, broken(carrying("odd-3", "1"))),
		listedOf("none"),
		{Service: "unread", Locations: map[string]string{"app": "/app"}, Err: errors.New("no route")},
		listedOf("web", south),
	}
	without := carrying("new-1", "1")
	without.Object = cty.ObjectVal(map[string]cty.Value{resource.Revisions: cty.MapVal(map[string]cty.Value{"spec": resource.Revision{Revno: "5", ID: "spec-5"}.Value()}),
		"at": cty.StringVal("2027-03-02T12:00:00Z")})
	app := func(_, label string) bool { return label == "app" }
	for _, test := range []struct {
		name  string
		write func(io.Writer) error
		want  string
	}{
		{"services", func(w io.Writer) error { return List(w, services, Style{}) }, `service  servers  deployed              branches         note
api      4        2027-03-02T12:00:00Z  app r3, spec r5  1 of 4 without a stamp; mixed: app r3 (2), r2 (1)
bare     1        -                     -                1 of 1 without a stamp
odd      3        -                     -                1 of 3 with a stamp that contradicts itself; 1 of 3 with the stamp of api; 1 of 3 with the stamp of web
none     -        -                     -                no servers
unread   -        -                     -                not known, see the error
web      1        2027-03-02T12:00:00Z  app r2, spec r5
`},
		{"servers in several regions", func(w io.Writer) error {
			return ListServers(w, []Listed{services[0], services[3], services[5]}, Style{})
		}, `service  server  region  status  deployed              branches
api      api-1   north   ACTIVE  2027-03-02T12:00:00Z  app r3, spec r5
api      api-2   north   ACTIVE  2027-03-02T12:00:00Z  app r3, spec r5
api      api-3   north   ACTIVE  2027-03-02T12:00:00Z  app r2, spec r5
api      api-4                   -                     no stamp
none     -       -       -       -                     no servers
web      web-1   south   ACTIVE  2027-03-02T12:00:00Z  app r2, spec r5
`},
		{"a branch", func(w io.Writer) error {
			return ListBranch(w, append(services, listedOf("new", without)), app, Style{})
		}, `service  branch  revision  servers  deployed              names
api      app     r3        2        2027-03-02T12:00:00Z  api-1, api-2
api      app     r2        1        2027-03-02T12:00:00Z  api-3
bare     app     -         -        -                     on no server
odd      app     -         -        -                     only by a stamp that contradicts itself
none     app     -         -        -                     on no server
unread   app     -         -        -                     not known, see the error
web      app     r2        1        2027-03-02T12:00:00Z  web-1
new      app     -         -        -                     on no server
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := test.write(&out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}
