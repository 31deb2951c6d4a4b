package config

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

var freezeSchema = resource.Schema{
	Doc: "When nothing is started.",
	Attrs: map[string]resource.Attr{
		"services": {Type: cty.List(cty.String), Public: true, Doc: "Which services: globs of their names. The default is all."},
		"from": {Type: cty.String, Public: true, Doc: "When it begins: \"2026-12-20\", \"2026-12-20 18:00\" or, with an offset of its own, " +
			"\"2026-12-20T18:00:00Z\"."},
		"to":       {Type: cty.String, Public: true, Doc: "When it ends, written like from. A date without a time is the last day that is frozen."},
		"cron":     {Type: cty.String, Public: true, Doc: "When it begins again and again: the five fields of a crontab, such as \"0 18 * * FRI\"."},
		"duration": {Type: cty.String, Public: true, Doc: "How long it lasts each time, with cron: a duration such as \"62h\"."},
		"timezone": {Type: cty.String, Public: true, Doc: "The time zone of from, to and cron, such as \"Europe/London\". The default is UTC."},
		"scaling":  {Type: cty.Bool, Public: true, Doc: "Whether the number of units goes on following the load. The default is false."},
		"owner":    {Type: cty.String, Required: true, Public: true, Doc: "Who to ask about it."},
		"reason":   {Type: cty.String, Required: true, Public: true, Doc: "Why, in a few words."},
	},
}

type freezeSettings struct {
	Services []string `cty:"services"`
	From     string   `cty:"from"`
	To       string   `cty:"to"`
	Cron     string   `cty:"cron"`
	Duration string   `cty:"duration"`
	Timezone string   `cty:"timezone"`
	Scaling  bool     `cty:"scaling"`
	Owner    string   `cty:"owner"`
	Reason   string   `cty:"reason"`
}

// writtenGlob is a glob of services and where it stands.
type writtenGlob struct {
	freeze, text string
	subject      *hcl.Range
}

func (h *Host) readFreeze(block *hcl.Block) hcl.Diagnostics {
	name := block.Labels[0]
	if strings.TrimSpace(name) == "" {
		return hcl.Diagnostics{fault("Invalid name", &block.LabelRanges[0], "A freeze needs a name, such as freeze \"quarter close\".")}
	}
	if before, ok := h.freezes[name]; ok {
		return hcl.Diagnostics{fault("Duplicate freeze", &block.DefRange, "There is a freeze %q on line %d already. Give one of the two another name.",
			name, before.Start.Line)}
	}
	h.freezes[name] = block.DefRange
	var written freezeSettings
	b := openBlock(block, freezeSchema, &written)
	if b.diags.HasErrors() {
		return b.diags
	}
	b.notEmpty("owner", written.Owner)
	b.notEmpty("reason", written.Reason)
	h.readGlobs(b, written.Services)
	h.Freezes = append(h.Freezes, plan.Freeze{Name: name, Owner: written.Owner, Reason: written.Reason, Scaling: written.Scaling, Services: written.Services,
		Window: b.window(written)})
	return b.diags
}

func (b *hostBlock) notEmpty(attr, text string) {
	if strings.TrimSpace(text) == "" {
		b.fault(attr, "Invalid value", "%q must not be empty: it is shown with every service that is frozen.", attr)
	}
}

func (h *Host) readGlobs(b *hostBlock, globs []string) {
	if b.attrs["services"] != nil && len(globs) == 0 {
		b.fault("services", "Invalid value", "\"services\" is empty, so that nothing would be frozen. Leave it out to freeze all services.")
	}
	for i, text := range globs {
		subject := b.element("services", i)
		if _, err := path.Match(text, ""); err != nil || text == "" {
			b.diags = append(b.diags, fault("Invalid pattern", subject, "%q is not a pattern of service names: * stands for any text, ? for one "+
				"character, [a-c] for one of several.", text))
			continue
		}
		h.globs = append(h.globs, writtenGlob{b.block.Labels[0], text, subject})
	}
}

// checkGlobs warns of globs in freezes that match no service. A service may come later, so it is no error.
func (f *Fleet) checkGlobs() hcl.Diagnostics {
	var warnings hcl.Diagnostics
	for _, glob := range f.Host.globs {
		matches := func(service plan.Service) bool {
			ok, _ := path.Match(glob.text, service.Name) // the pattern was checked
			return ok
		}
		if !slices.ContainsFunc(f.Services, matches) {
			warning := fault("No such service", glob.subject, "No service matches %q, so that the freeze %q does nothing by it.", glob.text, glob.freeze)
			warning.Severity = hcl.DiagWarning
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

// window returns when a freeze is in force; nil if there is something wrong with it.
func (b *hostBlock) window(written freezeSettings) plan.Window {
	zone := b.zone(written.Timezone)
	once := b.attrs["from"] != nil || b.attrs["to"] != nil
	again := b.attrs["cron"] != nil || b.attrs["duration"] != nil
	switch {
	case once && again:
		b.fault("", "Two kinds of freeze", "A freeze has either \"from\" and \"to\", or \"cron\" and \"duration\". Remove two of them, or make it two freezes.")
	case !once && !again:
		b.fault("", "Missing times", "A freeze needs \"from\" and \"to\", or, if it comes again and again, \"cron\" and \"duration\".")
	case once && b.both("from", "to"):
		return b.span(written, zone)
	case again && b.both("cron", "duration"):
		return b.recurrence(written, zone)
	}
	return nil
}

// both says whether both attributes are written.
func (b *hostBlock) both(attrs ...string) bool {
	for _, attr := range attrs {
		if b.attrs[attr] == nil {
			b.fault("", "Missing times", "%q and %q go together: add %q.", attrs[0], attrs[1], attr)
			return false
		}
	}
	return true
}

// zone returns UTC where nothing is written or what is written is no zone.
func (b *hostBlock) zone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		b.fault("timezone", "Unknown time zone", "There is no time zone %q. Name one of the IANA database, such as \"Europe/London\", or leave it out for UTC.", name)
		return time.UTC
	}
	return zone
}

func (b *hostBlock) span(written freezeSettings, zone *time.Location) plan.Window {
	from := b.moment("from", written.From, zone, 0)
	to := b.moment("to", written.To, zone, 1)
	if from.IsZero() || to.IsZero() {
		return nil
	}
	if !to.After(from) {
		b.fault("to", "Invalid date", "The freeze ends at %q, which is not after its beginning at %q.", written.To, written.From)
	}
	return span{from, to}
}

// moment returns a time as it is written, or a zero one with a fault. A date stands for the midnight that it begins with, so many days later.
func (b *hostBlock) moment(attr, text string, zone *time.Location, days int) time.Time {
	if wall, err := time.Parse(time.DateOnly, text); err == nil {
		return instant(wall.AddDate(0, 0, days), zone)
	}
	if wall, err := time.Parse("2006-01-02 15:04", text); err == nil {
		return instant(wall, zone)
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at
	}
	b.fault(attr, "Invalid date", "%q takes a date such as \"2026-12-20\", \"2026-12-20 18:00\" or \"2026-12-20T18:00:00Z\", not %q.", attr, text)
	return time.Time{}
}

func (b *hostBlock) recurrence(written freezeSettings, zone *time.Location) plan.Window {
	if err := checkCron(written.Cron); err != nil {
		b.fault("cron", "Invalid cron expression", "%s. It takes the five fields of a crontab: minute, hour, day of the month, month, day of the week, "+
			"such as \"0 18 * * FRI\".", sentence(err.Error()))
	}
	return recurrence{written.Cron, zone, b.duration("duration", written.Duration, b.at("duration"))}
}
