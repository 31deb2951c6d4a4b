package bzr

import (
	"testing"

	"launchpad.net/cdplan/providers/providertest"
	"launchpad.net/cdplan/providers/resource"
)

func TestContract(t *testing.T) {
	location := newBranch(t, t.TempDir()+"/b", "2a", "1")
	providertest.Contract(t, Driver(), providertest.World{Want: []resource.Wanted{wanted("config", location), wanted("app", location)}})
}
