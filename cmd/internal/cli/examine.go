package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// examineTimeout is how long the providers may take in all: a doctor is asked when something does not answer.
const examineTimeout = time.Minute

// examine asks every provider how it is set up. One that cannot tell still has its settings told.
func (o *opened) examine(ctx context.Context) []view.Section {
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	want := map[string][]resource.Wanted{}
	for _, w := range o.wanted("") {
		want[w.Addr.Type] = append(want[w.Addr.Type], w)
	}
	var sections []view.Section
	for _, driver := range o.env.Drivers {
		section := view.Section{Name: driver.Name}
		for _, setting := range o.Host.ProviderSettings(driver.Name) {
			section.Findings = append(section.Findings, resource.Finding{Name: "setting " + setting.Name, Value: setting.Value, From: setting.Place})
		}
		for _, typ := range slices.Sorted(maps.Keys(driver.Types)) {
			if examiner, ok := o.types[typ].(providers.Examiner); ok {
				section.Findings = append(section.Findings, examiner.Examine(ctx, want[typ])...)
			}
		}
		if len(section.Findings) > 0 {
			sections = append(sections, section)
		}
	}
	return sections
}

// examineHost tells how this host is set up, and what is remembered on it.
func (c *common) examineHost(ctx context.Context, fleet *opened) view.Section {
	host := fleet.Host
	file := resource.Finding{Name: "cdplan.hcl", Value: host.File, From: c.origin(c.config, "-config", "CDPLAN_CONFIG", "", "found there")}
	if host.File == "" {
		file.Value, file.From = "none", "neither in the root nor in /etc/cdplan"
	}
	root := resource.Finding{Name: "root", Value: host.Root, From: c.origin(c.root, "-root", "CDPLAN_ROOT", host.Place("root"), "default")}
	services := resource.Finding{Name: "services", Value: fmt.Sprint(len(fleet.Services))}
	parallelism := resource.Finding{Name: "parallelism", Value: fmt.Sprint(host.Parallelism), From: c.origin("", "", "", host.Place("parallelism"), "default")}
	findings := []resource.Finding{{Name: "cdplan", Value: c.env.Version}, file, root, services, parallelism}
	return view.Section{Name: "host", Findings: append(findings, c.examineState(ctx, fleet)...)}
}

// origin tells where a setting is from: a flag that was given, a variable that is set, the place in a file if it is written, else the default.
func (c *common) origin(given, flag, variable, place, usual string) string {
	switch {
	case given != "":
		return flag
	case variable != "" && c.env.Getenv(variable) != "":
		return "$" + variable
	case place != "":
		return place
	}
	return usual
}

// examineState tells about the state directory and the journal.
func (c *common) examineState(ctx context.Context, fleet *opened) []resource.Finding {
	dir, err := fleet.stateDir()
	given := ""
	if c.env.system {
		given = "/var/lib/cdplan"
	}
	state := resource.Finding{Name: "state", Value: string(dir), From: c.origin(given, "-system", "CDPLAN_STATE", fleet.Host.Place("state"), "default"), Err: err}
	if err != nil {
		return []resource.Finding{state}
	}
	state.Err = dir.Check()
	last := resource.Finding{Name: "last complete run", Value: "none yet"}
	beat, err := dir.Heartbeat()
	if last.Err = err; err != nil {
		last.Value = ""
	} else if !beat.Time.IsZero() {
		last.Value = fmt.Sprintf("%s ago, %d services", c.env.Now().Sub(beat.Time).Round(time.Second), beat.Services)
	}
	return []resource.Finding{state, fleet.examineJournal(ctx), last}
}

func (o *opened) examineJournal(ctx context.Context) resource.Finding {
	found := resource.Finding{Name: "journal"}
	_, journal, err := o.readJournal(ctx)
	switch {
	case err != nil:
		found.Err = err
		return found
	case journal == nil:
		found.Value = "none yet"
		return found
	}
	info, err := journal.Info(ctx)
	found.Value, found.Err = fmt.Sprintf("%s, %d KiB, version %d", info.Path, (info.Size+1023)/1024, info.Version), errors.Join(err, journal.Close())
	return found
}
