package view

import (
	"io"
	"maps"
	"slices"

	"launchpad.net/cdplan/providers/resource"
)

// ListJSON writes what runs as one JSON document.
func ListJSON(w io.Writer, services []Listed, faults Faults) error {
	document := jsonList{FormatVersion: FormatVersion, Services: []jsonListed{}}
	for _, service := range services {
		listed := jsonListed{Service: service.Service, Branches: []jsonDeclared{}, Servers: []jsonServer{}, Diagnostics: diagnostics(faults(service.Service, service.Err))}
		for _, label := range slices.Sorted(maps.Keys(service.Locations)) {
			listed.Branches = append(listed.Branches, jsonDeclared{clean(label), clean(service.Locations[label])})
		}
		for _, c := range service.Copies {
			listed.Servers = append(listed.Servers, serverJSON(c, service))
		}
		document.Services = append(document.Services, listed)
	}
	return encode(w, document)
}

type (
	jsonList struct {
		FormatVersion string       `json:"format_version"`
		Services      []jsonListed `json:"services"`
	}
	jsonListed struct {
		Service     string           `json:"service"`
		Branches    []jsonDeclared   `json:"branches"`
		Servers     []jsonServer     `json:"servers"`
		Diagnostics []jsonDiagnostic `json:"diagnostics"`
	}
	jsonDeclared struct {
		Label    string `json:"label"`
		Location string `json:"location"`
	}
	jsonServer struct {
		ID      string     `json:"id"`
		Name    string     `json:"name"`
		Region  string     `json:"region"`
		Status  string     `json:"status"`
		Drift   []string   `json:"drift"`
		StampOf string     `json:"stamp_of"` // empty: the service's own, or none
		Stamp   *jsonStamp `json:"stamp"`
	}
	jsonStamp struct {
		Hash       string       `json:"hash"`
		Consistent bool         `json:"consistent"`
		At         string       `json:"at"`
		Run        string       `json:"run"`
		Branches   []jsonBranch `json:"branches"`
	}
	jsonBranch struct {
		Label    string `json:"label"`
		Location string `json:"location"`
		jsonRevision
	}
)

func serverJSON(c resource.Copy, service Listed) jsonServer {
	server := jsonServer{ID: clean(c.ID), Name: clean(c.Name), Region: clean(c.Region), Status: clean(c.Status), Drift: []string{}, StampOf: clean(c.Other)}
	for _, drift := range service.Drifts {
		if drift.Copy.ID == c.ID {
			server.Drift = append(server.Drift, string(drift.Kind))
		}
	}
	stamp, ok := c.Stamp()
	if !ok {
		return server
	}
	server.Stamp = &jsonStamp{Hash: clean(stamp.Hash), Consistent: c.Err == nil, At: clean(stamp.At), Run: clean(stamp.Run), Branches: []jsonBranch{}}
	for _, label := range slices.Sorted(maps.Keys(stamp.Revisions)) {
		revision := stamp.Revisions[label]
		server.Stamp.Branches = append(server.Stamp.Branches, jsonBranch{clean(label), clean(service.Locations[label]), jsonRevision{clean(revision.Revno), clean(revision.ID)}})
	}
	return server
}
