package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

var backoffSchema = resource.Schema{
	Doc: "How long a service that failed is left alone.",
	Attrs: map[string]resource.Attr{
		"delays": {Type: cty.List(cty.String), Required: true, Public: true, Doc: "How long to wait after the first failure with the same revisions, " +
			"the second and so on: durations. After the failure behind the last of them a person is needed. The default is [\"5m\", \"15m\", " +
			"\"45m\", \"2h\"]."},
	},
}

func defaultBackoff() []time.Duration {
	return []time.Duration{5 * time.Minute, 15 * time.Minute, 45 * time.Minute, 2 * time.Hour}
}

type backoffSettings struct {
	Delays []string `cty:"delays"`
}

func (h *Host) readBackoff(block *hcl.Block) hcl.Diagnostics {
	if h.backoff != nil {
		return hcl.Diagnostics{fault("Duplicate block", &block.DefRange, "There is a block \"backoff\" on line %d already. One of the two has to go.", h.backoff.Start.Line)}
	}
	h.backoff = &block.DefRange
	var written backoffSettings
	b := openBlock(block, backoffSchema, &written)
	if b.diags.HasErrors() {
		return b.diags
	}
	if len(written.Delays) == 0 {
		b.fault("delays", "Invalid value", "\"delays\" must have one duration or more, such as [\"5m\", \"1h\"]. Leave the block out for the default.")
	}
	h.Backoff = nil
	for i, text := range written.Delays {
		h.Backoff = append(h.Backoff, b.duration("delays", text, b.element("delays", i)))
	}
	return b.diags
}
