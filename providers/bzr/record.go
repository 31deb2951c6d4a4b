package bzr

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/xml"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

const (
	maxRecord  = 4 << 20  // bytes of one revision's record
	maxRecords = 16 << 20 // bytes of all records of one answer

	// Between these, since 1970, all years have four digits, with which plans write them.
	firstSecond = -62167219200
	lastSecond  = 253402300799

	noMessage = "(no message)" // what brz shows instead of an empty one
)

// record is what a repository holds of a revision, as far as it is of use.
type record struct {
	id         string
	committer  string
	message    string
	seconds    int64 // since 1970
	properties map[string]string
}

// parseRecords understands a body of records, each compressed with zlib, one behind the other, and returns them by id. The serializer names
// what is in them: "10" bencoded lists, 5 to 8 XML. Others give errUndecided.
func parseRecords(serializer string, body []byte) (map[string]record, error) {
	parse := parseXMLRecord
	switch serializer {
	case "10":
		parse = parseListRecord
	case "5", "6", "7", "8":
	default:
		return nil, undecided("an unknown format of revisions")
	}
	records := map[string]record{}
	left := int64(maxRecords)
	for rest := bytes.NewReader(body); rest.Len() > 0; {
		data, err := inflate(rest, min(left, maxRecord))
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		r, err := parse(data)
		if err != nil {
			return nil, err
		}
		records[r.id] = r
	}
	return records, nil
}

// inflate unpacks what r begins with, and leaves r behind it.
func inflate(r *bytes.Reader, limit int64) ([]byte, error) {
	unpacked, err := zlib.NewReader(r)
	if err != nil {
		return nil, malformedf("a part of its answer cannot be unpacked")
	}
	data, err := io.ReadAll(io.LimitReader(unpacked, limit+1))
	if err != nil || int64(len(data)) > limit {
		return nil, malformedf("a part of its answer cannot be unpacked")
	}
	return data, nil
}

// parseListRecord understands a record as repositories since format 2a have it: a list of pairs.
func parseListRecord(data []byte) (record, error) {
	pairs, err := parseArguments(data)
	if err != nil {
		return record{}, err
	}
	fields := bdict{}
	for _, pair := range pairs {
		if p, ok := pair.(blist); ok && len(p) == 2 {
			if name, ok := p[0].(bstring); ok {
				fields[string(name)] = p[1]
			}
		}
	}
	text := func(name string) string {
		s, _ := fields[name].(bstring)
		return string(s)
	}
	properties := map[string]string{}
	all, _ := fields["properties"].(bdict)
	for name, v := range all {
		if s, ok := v.(bstring); ok {
			properties[name] = string(s)
		}
	}
	return newRecord(text("revision-id"), text("committer"), text("message"), text("timestamp"), properties)
}

// xmlRecord is a record as older repositories have it.
type xmlRecord struct {
	ID         string `xml:"revision_id,attr"`
	Committer  string `xml:"committer,attr"`
	Timestamp  string `xml:"timestamp,attr"`
	Message    string `xml:"message"`
	Properties []struct {
		Name string `xml:"name,attr"`
		Text string `xml:",chardata"`
	} `xml:"properties>property"`
}

func parseXMLRecord(data []byte) (record, error) {
	var x xmlRecord
	if err := xml.Unmarshal(data, &x); err != nil {
		return record{}, malformedf("a revision's record is not XML: %v", err)
	}
	properties := map[string]string{}
	for _, p := range x.Properties {
		properties[p.Name] = p.Text
	}
	return newRecord(x.ID, x.Committer, x.Message, x.Timestamp, properties)
}

func newRecord(id, committer, message, timestamp string, properties map[string]string) (record, error) {
	seconds, err := strconv.ParseFloat(timestamp, 64)
	if err != nil || !validID(id) || !(seconds >= firstSecond && seconds <= lastSecond) {
		return record{}, malformedf("the record of revision %.100q has the time %.100q", id, timestamp)
	}
	return record{id: id, committer: committer, message: message, seconds: int64(math.Floor(seconds)), properties: properties}, nil
}

// commit returns the record in the words that plans use.
func (r record) commit(revno string) resource.Commit {
	return resource.Commit{
		Revision: resource.Revision{Revno: revno, ID: r.id},
		Author:   strings.Join(r.authors(), ", "),
		Date:     time.Unix(r.seconds, 0).UTC(),
		Subject:  cmp.Or(subject(r.message), noMessage),
		Bugs:     r.bugs(),
	}
}

// authors returns the names of those who wrote the revision: whom the committer named, or else the committer.
func (r record) authors() []string {
	named := r.properties["authors"] // one a line
	if named == "" {
		named = r.properties["author"]
	}
	if named == "" {
		named, _, _ = strings.Cut(r.committer, "\n")
	}
	var names []string
	for line := range strings.SplitSeq(named, "\n") {
		if name := authorName(line); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// bugs returns what the revision fixes: of the property's lines "URL STATUS", the URLs of those that are fixed, without control characters.
func (r record) bugs() []string {
	var bugs []string
	for line := range strings.SplitSeq(r.properties["bugs"], "\n") {
		if url, status, _ := strings.Cut(line, " "); status == "fixed" {
			bugs = append(bugs, clean(url))
		}
	}
	return bugs
}

// authorsOf returns the names of all who wrote some of the revisions, each once, sorted.
func authorsOf(ids []string, records map[string]record) []string {
	names := map[string]bool{}
	for _, id := range ids {
		for _, name := range records[id].authors() {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
