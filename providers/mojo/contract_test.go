package mojo

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

func TestContract(t *testing.T) {
	addr := resource.Addr{Service: "api", Type: "mojo_run", Label: "deploy"}
	want := resource.Wanted{Addr: addr, Config: cty.NullVal(runSchema().Type())}
	providertest.Contract(t, Driver(), providertest.World{Want: []resource.Wanted{want}})
}
