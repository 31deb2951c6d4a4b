package view

import (
	"io"
	"maps"
	"slices"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

// DriftJSON writes which servers drifted as one JSON document.
func DriftJSON(w io.Writer, d Drift, faults Faults) error {
	document := jsonDrifts{FormatVersion: FormatVersion, Level: d.Level().String(), Message: d.message(), Services: d.Services, Servers: d.Servers,
		Drift: []jsonDrift{}, Running: cleanAll(d.Running), Unread: []jsonUnread{}}
	for _, drift := range d.Drifts {
		document.Drift = append(document.Drift, driftJSON(drift))
	}
	for _, u := range d.Unread {
		found := diagnostics(faults(u.Service, u.Err))
		if u.Service == "" {
			found = []jsonDiagnostic{{Severity: "error", Summary: "Cannot tell", Detail: clean(u.Err.Error())}}
		}
		document.Unread = append(document.Unread, jsonUnread{clean(u.Service), found})
	}
	if d.JournalErr != nil {
		document.JournalError = clean(d.JournalErr.Error())
	}
	return encode(w, document)
}

type (
	jsonDrifts struct {
		FormatVersion string       `json:"format_version"`
		Level         string       `json:"level"`
		Message       string       `json:"message"`
		Services      int          `json:"services"`
		Servers       int          `json:"servers"`
		Drift         []jsonDrift  `json:"drift"`
		Running       []string     `json:"running"`
		Unread        []jsonUnread `json:"unread"`
		JournalError  string       `json:"journal_error"`
	}
	jsonDrift struct {
		Service     string        `json:"service"`
		ID          string        `json:"id"`
		Name        string        `json:"name"`
		Region      string        `json:"region"`
		Status      string        `json:"status"`
		Kind        string        `json:"kind"`
		StampOf     string        `json:"stamp_of"`
		Carries     []jsonRevised `json:"carries"`
		Against     []jsonRevised `json:"against"`
		AgainstFrom string        `json:"against_from"` // journal or servers; empty if nothing tells
		Detail      string        `json:"detail"`
	}
	jsonRevised struct {
		Label string `json:"label"`
		jsonRevision
	}
	jsonUnread struct {
		Service     string           `json:"service"` // empty for a place that could not be searched
		Diagnostics []jsonDiagnostic `json:"diagnostics"`
	}
)

func driftJSON(d plan.Drift) jsonDrift {
	stamp, _ := d.Copy.Stamp()
	drift := jsonDrift{Service: clean(d.Service), ID: clean(d.Copy.ID), Name: clean(d.Copy.Name), Region: clean(d.Copy.Region), Status: clean(d.Copy.Status),
		Kind: string(d.Kind), StampOf: clean(d.Copy.Other), Carries: revisedJSON(stamp.Revisions), Against: revisedJSON(d.Against),
		Detail: carriesText(d)}
	if against := againstText(d); against != "-" {
		drift.Detail += " instead of " + against
	}
	if d.Copy.Err != nil {
		drift.Detail = clean(d.Copy.Err.Error())
	}
	switch {
	case d.Against == nil:
	case d.Journal:
		drift.AgainstFrom = "journal"
	default:
		drift.AgainstFrom = "servers"
	}
	return drift
}

// revisedJSON returns the revisions by label.
func revisedJSON(revisions map[string]resource.Revision) []jsonRevised {
	list := []jsonRevised{}
	for _, label := range slices.Sorted(maps.Keys(revisions)) {
		revision := revisions[label]
		list = append(list, jsonRevised{clean(label), jsonRevision{clean(revision.Revno), clean(revision.ID)}})
	}
	return list
}
