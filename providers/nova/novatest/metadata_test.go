package novatest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"launchpad.net/cdplan/providers/nova/novatest"
)

// items returns the JSON of n metadata items.
func items(n int) string {
	all := map[string]string{}
	for i := range n {
		all[fmt.Sprintf("k%d", i)] = "v"
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The servers of one region are not known in another.
func TestMetadataElsewhere(t *testing.T) {
	c := start(t, novatest.Options{Regions: []string{"RegionOne", "RegionTwo"}})
	id := c.cloud.AddServer("RegionTwo", novatest.ServerSpec{})
	for _, method := range []string{"GET", "POST"} {
		c.do(method, nova+"/servers/"+id+"/metadata", `{"metadata": {}}`).want(t, 404, "Instance "+id+" could not be found.")
	}
	c.do("GET", nova+"/servers?marker="+id, "").want(t, 400, "marker ["+id+"] not found")
}

func TestConcurrentWriters(t *testing.T) {
	c := start(t, novatest.Options{})
	id := c.cloud.AddServer("RegionOne", novatest.ServerSpec{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			body := fmt.Sprintf(`{"metadata": {"k%d": "v"}}`, i)
			if got, err := c.try("POST", nova+"/servers/"+id+"/metadata", body); err != nil || got.status != http.StatusOK {
				t.Errorf("POST: %v %v", got, err)
			}
			if got, err := c.try("GET", nova+"/servers/detail", "", version("2.73")); err != nil || got.status != http.StatusOK {
				t.Errorf("GET: %v %v", got, err)
			}
			c.cloud.Lock(id, false)
		})
	}
	group.Wait()
	if n := len(c.cloud.Metadata(id)); n != 8 {
		t.Errorf("%d keys kept, want 8", n)
	}
}
