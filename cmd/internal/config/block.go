package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"launchpad.net/cdplan/providers/resource"
)

// hostBlock is a block of cdplan.hcl whose attributes are read into a struct.
type hostBlock struct {
	block *hcl.Block
	attrs hcl.Attributes
	diags hcl.Diagnostics // what was found wrong so far
}

// openBlock reads a block that has the attributes of a schema, and nothing else, into the struct that target points to. With errors in the
// diagnostics the struct is not filled in.
func openBlock(block *hcl.Block, schema resource.Schema, target any) *hostBlock {
	values, diags := decode(schema, block.Body)
	attrs, _ := block.Body.JustAttributes() // decoding has reported what else there is
	b := &hostBlock{block: block, attrs: attrs, diags: diags}
	if diags.HasErrors() {
		return b
	}
	if err := resource.Decode(values, target); err != nil {
		b.fault("", "Invalid value", "%s.", sentence(err.Error()))
	}
	return b
}

// fault adds an error at an attribute, or at the head of the block if the attribute is not written.
func (b *hostBlock) fault(attr, summary, format string, args ...any) {
	b.diags = append(b.diags, fault(summary, b.at(attr), format, args...))
}

func (b *hostBlock) at(attr string) *hcl.Range {
	if written := b.attrs[attr]; written != nil {
		return written.Expr.Range().Ptr()
	}
	return &b.block.DefRange
}

// element returns where an element of a list stands, or else the list.
func (b *hostBlock) element(attr string, i int) *hcl.Range {
	if written := b.attrs[attr]; written != nil {
		if exprs, diags := hcl.ExprList(written.Expr); !diags.HasErrors() && i < len(exprs) {
			return exprs[i].Range().Ptr()
		}
	}
	return b.at(attr)
}

// duration returns a duration of more than nothing, as "90m"; 0 with a fault if it is none.
func (b *hostBlock) duration(attr, text string, subject *hcl.Range) time.Duration {
	d, err := time.ParseDuration(text)
	if err == nil && d > 0 {
		return d
	}
	b.diags = append(b.diags, fault("Invalid duration", subject, "%q takes durations such as \"90m\" that are longer than nothing, not %q.", attr, text))
	return 0
}
