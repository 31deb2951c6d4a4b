package view

import (
	"bytes"
	"fmt"
	"testing"
)

// A line about many services says what has become of them, however long their names are.
func TestChangesOfMany(t *testing.T) {
	var services []string
	for i := range 30 {
		services = append(services, fmt.Sprintf("service-of-some-length-%02d", i))
	}
	for _, test := range []struct {
		change Change
		want   string
	}{
		{Change{Kind: "unknown", Services: services, Reason: "no route to host"}, "service-of-some-length-00, service-of-some-length-01 and 28 more unknown\n"},
		{Change{Kind: "held", Services: []string{"api", "web"}, Reason: "why"}, "api, web held: why\n"},
		{Change{Kind: "failing", Services: []string{"api"}}, "api failing\n"},
		{Change{Kind: "host-trouble", Reason: "no disk"}, "host-trouble: no disk\n"},
	} {
		var out bytes.Buffer
		if err := Changes(&out, []Change{test.change}, Style{}); err != nil || out.String() != test.want {
			t.Errorf("got %q (%v), want %q", out.String(), err, test.want)
		}
	}
}
