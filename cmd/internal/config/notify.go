package config

import (
	"bytes"
	"maps"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/cmd/internal/notify"
	"launchpad.net/cdplan/providers/resource"
)

// notifyKind is a kind of notify block.
type notifyKind struct {
	name   string
	schema resource.Schema
	read   func(*hcl.Block, resource.Schema) (*hostBlock, notify.Notifier)
}

// notifyKinds returns the kinds by name.
func notifyKinds() []notifyKind {
	return []notifyKind{
		{"command", notifySchema("Tells events to a program.", map[string]resource.Attr{
			"command": {Type: cty.List(cty.String), Required: true, Public: true, Doc: "The command line, one element an argument, run without a " +
				"shell. It gets the event as JSON on its standard input."},
		}), readCommand},
		{"mail", notifySchema("Tells events by mail.", map[string]resource.Attr{
			"to":       {Type: cty.List(cty.String), Required: true, Public: true, Doc: "Who gets it: mail addresses."},
			"from":     {Type: cty.String, Required: true, Public: true, Doc: "Who it comes from: a mail address."},
			"sendmail": {Type: cty.String, Public: true, Doc: "Path of the program that sends it. The default is " + notify.DefaultSendmail + "."},
		}), readMail},
		{"webhook", notifySchema("Posts events to a URL.", map[string]resource.Attr{
			"url":         {Type: cty.String, Required: true, Doc: "Where the event is posted to as JSON: an http:// or https:// URL."},
			"secret_file": {Type: cty.String, Public: true, Doc: "Path of the file with the key that events are signed with; nobody but its owner may have access to it."},
		}), readWebhook},
	}
}

// notifySchema adds what notifiers of every kind take.
func notifySchema(doc string, attrs map[string]resource.Attr) resource.Schema {
	maps.Copy(attrs, map[string]resource.Attr{
		"events": {Type: cty.List(cty.String), Public: true, Doc: "Which events: any of " + strings.Join(notify.Kinds(), ", ") + ". The default is all."},
		"timeout": {Type: cty.String, Public: true, Doc: "How long it may take to tell one event, with all attempts: a duration. The default is " +
			notify.DefaultTimeout.String() + "."},
	})
	return resource.Schema{Doc: doc, Attrs: attrs}
}

func (h *Host) readNotify(block *hcl.Block) hcl.Diagnostics {
	label, name := block.Labels[0], block.Labels[1]
	kinds := notifyKinds()
	i := slices.IndexFunc(kinds, func(kind notifyKind) bool { return kind.name == label })
	if i < 0 {
		h.hide(block, resource.Schema{})
		var known []string
		for _, kind := range kinds {
			known = append(known, kind.name)
		}
		return hcl.Diagnostics{fault("Unknown notifier", &block.LabelRanges[0], "There is no kind of notifier %q.%s Known are %s.", label,
			didYouMean(label, known), strings.Join(known, ", "))}
	}
	h.hide(block, kinds[i].schema)
	if strings.TrimSpace(name) == "" {
		return hcl.Diagnostics{fault("Invalid name", &block.LabelRanges[1], "A notifier needs a name, such as notify %q \"team\".", label)}
	}
	if before, ok := h.notifiers[name]; ok {
		return hcl.Diagnostics{fault("Duplicate notifier", &block.DefRange, "There is a notifier %q on line %d already. Give one of the two another name.",
			name, before.Start.Line)}
	}
	h.notifiers[name] = block.DefRange
	b, n := kinds[i].read(block, kinds[i].schema)
	n.Name = name
	h.Notifiers = append(h.Notifiers, n)
	return b.diags
}

// hide masks what is shown of a block, but for the values of the attributes that are public.
func (h *Host) hide(block *hcl.Block, schema resource.Schema) {
	attrs, _ := block.Body.JustAttributes() // decoding reports what else there is
	for name, written := range attrs {
		if schema.Attrs[name].Public {
			continue
		}
		at := written.Expr.Range()
		for line := range bytes.Lines(h.shown[at.Start.Byte:at.End.Byte]) {
			overwrite(bytes.TrimRight(line, "\r\n"))
		}
	}
}

type commandSettings struct {
	Command []string `cty:"command"`
	Events  []string `cty:"events"`
	Timeout string   `cty:"timeout"`
}

func readCommand(block *hcl.Block, schema resource.Schema) (*hostBlock, notify.Notifier) {
	var written commandSettings
	b := openBlock(block, schema, &written)
	if b.diags.HasErrors() {
		return b, notify.Notifier{}
	}
	n := b.notifier(written.Events, written.Timeout)
	n.Via = notify.Command{Argv: written.Command}
	switch {
	case len(written.Command) == 0 || written.Command[0] == "":
		b.fault("command", "Invalid value", "\"command\" must begin with a program, such as [\"/usr/local/bin/page\", \"-x\"].")
	case strings.Contains(written.Command[0], "/"):
		b.absolute("command", written.Command[0], b.element("command", 0))
	}
	return b, n
}

type mailSettings struct {
	To       []string `cty:"to"`
	From     string   `cty:"from"`
	Sendmail string   `cty:"sendmail"`
	Events   []string `cty:"events"`
	Timeout  string   `cty:"timeout"`
}

func readMail(block *hcl.Block, schema resource.Schema) (*hostBlock, notify.Notifier) {
	var written mailSettings
	b := openBlock(block, schema, &written)
	if b.diags.HasErrors() {
		return b, notify.Notifier{}
	}
	n := b.notifier(written.Events, written.Timeout)
	via := notify.Mail{Sendmail: written.Sendmail}
	for i, text := range written.To {
		via.To = append(via.To, b.address("to", text, b.element("to", i)))
	}
	if len(written.To) == 0 {
		b.fault("to", "Invalid value", "\"to\" must have one mail address or more.")
	}
	via.From = b.address("from", written.From, b.at("from"))
	if b.attrs["sendmail"] != nil {
		b.absolute("sendmail", written.Sendmail, b.at("sendmail"))
	}
	n.Via = via
	return b, n
}

type webhookSettings struct {
	URL        string   `cty:"url"`
	SecretFile string   `cty:"secret_file"`
	Events     []string `cty:"events"`
	Timeout    string   `cty:"timeout"`
}

func readWebhook(block *hcl.Block, schema resource.Schema) (*hostBlock, notify.Notifier) {
	var written webhookSettings
	b := openBlock(block, schema, &written)
	if b.diags.HasErrors() {
		return b, notify.Notifier{}
	}
	n := b.notifier(written.Events, written.Timeout)
	n.Via = notify.Webhook{URL: written.URL, SecretFile: written.SecretFile}
	target, err := url.Parse(written.URL)
	if err != nil || target.Hostname() == "" || target.Scheme != "http" && target.Scheme != "https" {
		b.fault("url", "Invalid URL", "\"url\" must be a URL such as \"https://chat.example.com/hooks/cd\". It is not shown, for it may hold a secret.")
	}
	if b.attrs["secret_file"] != nil {
		b.absolute("secret_file", written.SecretFile, b.at("secret_file"))
	}
	return b, n
}

// notifier returns one with what every kind takes.
func (b *hostBlock) notifier(events []string, timeout string) notify.Notifier {
	n := notify.Notifier{Timeout: notify.DefaultTimeout, Events: events}
	if b.attrs["timeout"] != nil {
		n.Timeout = b.duration("timeout", timeout, b.at("timeout"))
	}
	if b.attrs["events"] != nil && len(events) == 0 {
		b.fault("events", "Invalid value", "\"events\" is empty, so that nothing would be told. Leave it out for all events.")
	}
	for i, kind := range events {
		if !slices.Contains(notify.Kinds(), kind) {
			b.diags = append(b.diags, fault("Unknown event", b.element("events", i), "There is no event %q.%s Known are %s.", kind,
				didYouMean(kind, notify.Kinds()), strings.Join(notify.Kinds(), ", ")))
		}
	}
	return n
}

func (b *hostBlock) address(attr, text string, subject *hcl.Range) mail.Address {
	address, err := notify.ParseAddress(text)
	if err != nil {
		b.diags = append(b.diags, fault("Invalid address", subject, "%q takes a mail address such as \"cd@example.com\" or \"CD <cd@example.com>\", not %q.", attr, text))
	}
	return address
}

func (b *hostBlock) absolute(attr, path string, subject *hcl.Range) {
	if !filepath.IsAbs(path) {
		b.diags = append(b.diags, fault("Invalid value", subject, "%q must be an absolute path, not %q.", attr, path))
	}
}
