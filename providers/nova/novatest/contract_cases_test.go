package novatest_test

import (
	"strings"
)

const (
	active    = "/servers/{ACTIVE}/metadata"
	regexes   = `does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'`
	noItem    = "Metadata item was not found"
	untouched = `{"metadata": {"k": "v"}}`
)

// metadataCases: what nova takes, what it refuses, and what a request changes. None of the refused is kept.
var metadataCases = []contractCase{
	{"POST merges", []exchange{
		{"POST " + active, `{"metadata": {"a": "1", "A": "2"}}`, 200, `{"metadata": {"k": "v", "a": "1", "A": "2"}}`},
		{"POST " + active, `{"metadata": {"a": "3"}}`, 200, `{"metadata": {"k": "v", "a": "3", "A": "2"}}`},
		{"GET " + active, "", 200, `{"metadata": {"k": "v", "a": "3", "A": "2"}}`},
		{"GET /servers/{ACTIVE}", "", 200, `{"server": {"metadata": {"k": "v", "a": "3", "A": "2"}}}`},
	}},
	{"PUT replaces", []exchange{
		{"PUT " + active, `{"metadata": {"b": "3"}}`, 200, `{"metadata": {"b": "3"}}`},
		{"GET " + active, "", 200, `{"metadata": {"b": "3"}}`},
		{"PUT " + active, `{"metadata": {}}`, 200, `{"metadata": {}}`},
		{"GET " + active, "", 200, `{"metadata": {}}`},
	}},
	{"nothing to write", []exchange{
		{"POST " + active, `{"metadata": {}}`, 200, untouched},
		{"POST " + active, `{}`, 400, "'metadata' is a required property"},
		{"POST " + active, `{"metadata": {}, "x": 1}`, 400, "Additional properties are not allowed ('x' was unexpected)"},
		{"POST " + active, `{"metadata": []}`, 400, "is not of type 'object'"},
		{"POST " + active, `{"metadata"`, 400, "Malformed request body"},
		{"POST " + active, ``, 400, "None is not of type 'object'"},
		{"POST " + active, `{"metadata": {"v": "` + strings.Repeat("x", 114688) + `"}}`, 413, `{"code": "413 Request Entity Too Large"}`},
		{"GET " + active, "", 200, untouched},
	}},
	{"one item", []exchange{
		{"GET " + active + "/k", "", 200, `{"meta": {"k": "v"}}`},
		{"GET " + active + "/K", "", 404, noItem},
		{"PUT " + active + "/k", `{"meta": {"k": "w"}}`, 200, `{"meta": {"k": "w"}}`},
		{"PUT " + active + "/a", `{"meta": {"a": "1"}}`, 200, `{"meta": {"a": "1"}}`},
		{"GET " + active, "", 200, `{"metadata": {"k": "w", "a": "1"}}`},
		{"PUT " + active + "/k", `{"meta": {"b": "1"}}`, 400, "Request body and URI mismatch"},
		{"PUT " + active + "/k", `{"meta": {"k": "1", "b": "1"}}`, 400, "has too many properties"},
		{"PUT " + active + "/k", `{"meta": {}}`, 400, "does not have enough properties"},
		{"PUT " + active + "/k", `{"metadata": {}}`, 400, "'meta' is a required property"},
		{"DELETE " + active + "/a", "", 204, ""},
		{"DELETE " + active + "/a", "", 404, noItem},
		{"DELETE " + active + "/z", "", 404, noItem},
		{"GET " + active, "", 200, `{"metadata": {"k": "w"}}`},
	}},
	{"keys in a path", []exchange{
		{"POST " + active, `{"metadata": {"a b": "1", "a:b": "2", "a.b": "3", "a.json": "4"}}`, 200, ""},
		{"GET " + active + "/a%20b", "", 200, `{"meta": {"a b": "1"}}`},
		{"GET " + active + "/a:b", "", 200, `{"meta": {"a:b": "2"}}`},
		{"GET " + active + "/a%3Ab", "", 200, `{"meta": {"a:b": "2"}}`},
		{"GET " + active + "/a.b", "", 200, `{"meta": {"a.b": "3"}}`},
		{"GET " + active + "/a.json", "", 200, `{"meta": {"a.json": "4"}}`},
		{"GET " + active + "/a+b", "", 404, noItem},
		{"GET " + active + "/a%2Fb", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
	}},
	// To nova's database, keys are the same that differ in case or in blanks at the end.
	{"DELETE takes twins along", []exchange{
		{"PUT " + active, `{"metadata": {"OWNER": "", "Owner": "", "owner": "", "other": ""}}`, 200, ""},
		{"DELETE " + active + "/OwNeR", "", 404, noItem},
		{"DELETE " + active + "/Owner", "", 204, ""},
		{"GET " + active, "", 200, `{"metadata": {"other": ""}}`},
		{"PUT " + active, `{"metadata": {"a": "", "a ": "", " a": ""}}`, 200, ""},
		{"DELETE " + active + "/a%20", "", 204, ""},
		{"GET " + active, "", 200, `{"metadata": {" a": ""}}`},
	}},
	{"keys", []exchange{
		{"PUT " + active, `{"metadata": {"` + strings.Repeat("k", 255) + `": "v"}}`, 200, `{"metadata": {"` + strings.Repeat("k", 255) + `": "v"}}`},
		{"PUT " + active, `{"metadata": {" a:b.c-d_e f ": "v"}}`, 200, `{"metadata": {" a:b.c-d_e f ": "v"}}`},
		{"PUT " + active, `{"metadata": {"a\n": "v"}}`, 200, `{"metadata": {"a\n": "v"}}`},
		{"PUT " + active, `{"metadata": {"` + strings.Repeat("k", 256) + `": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"a\nb": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"é": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"a/b": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"a@b": "v"}}`, 400, regexes},
		{"PUT " + active, `{"metadata": {"a=b": "v"}}`, 400, regexes},
		{"POST " + active, `{"metadata": {"a/b": "v"}}`, 400, regexes},
		{"GET " + active, "", 200, `{"metadata": {"a\n": "v"}}`},
	}},
	{"values", []exchange{
		{"PUT " + active, `{"metadata": {"v": "` + strings.Repeat("é", 255) + `"}}`, 200, `{"metadata": {"v": "` + strings.Repeat("é", 255) + `"}}`},
		{"PUT " + active, `{"metadata": {"a": "", "b": "  ", "c": "\t\n\u0000"}}`, 200, `{"metadata": {"a": "", "b": "  ", "c": "\t\n\u0000"}}`},
		{"GET " + active, "", 200, `{"metadata": {"a": "", "b": "  ", "c": "\t\n\u0000"}}`},
		{"PUT " + active, `{"metadata": {"v": "` + strings.Repeat("x", 256) + `"}}`, 400, "xx' is too long"},
		{"PUT " + active, `{"metadata": {"v": 1}}`, 400, "Invalid input for field/attribute v. Value: 1. 1 is not of type 'string'"},
		{"PUT " + active, `{"metadata": {"v": true}}`, 400, "Value: True. True is not of type 'string'"},
		{"PUT " + active, `{"metadata": {"v": null}}`, 400, "Value: None. None is not of type 'string'"},
		{"PUT " + active, `{"metadata": {"v": ["x"]}}`, 400, "Value: ['x']. ['x'] is not of type 'string'"},
		{"PUT " + active, `{"metadata": {"v": {"x": "y"}}}`, 400, "Value: {'x': 'y'}. {'x': 'y'} is not of type 'string'"},
		{"GET " + active, "", 200, `{"metadata": {"a": "", "b": "  ", "c": "\t\n\u0000"}}`},
	}},
	{"a character of four bytes", []exchange{
		{"POST " + active, `{"metadata": {"v": "😀"}}`, 500, "<class 'oslo_db.exception.DBError'>"},
		{"GET " + active, "", 200, untouched},
	}},
	{"the quota", []exchange{
		{"POST " + active, `{"metadata": ` + items(128) + `}`, 403, "Maximum number of metadata items exceeds 128"},
		{"PUT " + active, `{"metadata": ` + items(129) + `}`, 403, "Maximum number of metadata items exceeds 128"},
		{"GET " + active, "", 200, untouched},
		{"PUT " + active, `{"metadata": ` + items(128) + `}`, 200, ""},
		{"POST " + active, `{"metadata": {"k0": "another"}}`, 200, ""},
		{"POST " + active, `{"metadata": {"more": ""}}`, 403, "Maximum number of metadata items exceeds 128"},
		{"PUT " + active + "/more", `{"meta": {"more": ""}}`, 403, "Maximum number of metadata items exceeds 128"},
		{"GET " + active + "/k0", "", 200, `{"meta": {"k0": "another"}}`},
		{"GET /limits", "", 200, `{"limits": {"absolute": {"maxServerMeta": 128}}}`},
	}},
}

// stateCases: which servers may be written.
var stateCases = append(states(), []contractCase{
	{"locked", []exchange{
		{"POST /servers/{LOCKED}/metadata", `{"metadata": {"a": "1"}}`, 409, "Instance {LOCKED} is locked"},
		{"PUT /servers/{LOCKED}/metadata/a", `{"meta": {"a": "1"}}`, 409, "Instance {LOCKED} is locked"},
		{"DELETE /servers/{LOCKED}/metadata/k", "", 409, "Instance {LOCKED} is locked"},
		{"GET /servers/{LOCKED}/metadata", "", 200, untouched},
		{"GET /servers/{LOCKED} @2.8", "", 200, `{"server": {"locked": null}}`},
		{"GET /servers/{LOCKED} @2.9", "", 200, `{"server": {"locked": true, "locked_reason": null}}`},
		{"GET /servers/{ACTIVE} @2.9", "", 200, `{"server": {"locked": false}}`},
		{"admin POST /servers/{LOCKED}/metadata", `{"metadata": {"a": "1"}}`, 200, `{"metadata": {"k": "v", "a": "1"}}`},
		{"admin DELETE /servers/{LOCKED}/metadata/k", "", 204, ""},
		{"GET /servers/{LOCKED}/metadata", "", 200, `{"metadata": {"a": "1"}}`},
	}},
	{"no such server", slicesOf(func(id string) []exchange {
		return []exchange{
			{"GET /servers/" + id, "", 404, "Instance " + id + " could not be found."},
			{"GET /servers/" + id + "/metadata", "", 404, "Instance " + id + " could not be found."},
			{"GET /servers/" + id + "/metadata/k", "", 404, "Instance " + id + " could not be found."},
			{"POST /servers/" + id + "/metadata", `{"metadata": {"a": "1"}}`, 404, "Instance " + id + " could not be found."},
			{"DELETE /servers/" + id + "/metadata/k", "", 404, "Instance " + id + " could not be found."},
			{"DELETE /servers/" + id, "", 404, "Instance " + id + " could not be found."},
			{"POST /servers/" + id + "/metadata", `{}`, 400, "'metadata' is a required property"},
		}
	}, "{DELETED}", "{ELSEWHERE}", "{UNKNOWN}", "no-uuid")},
	{"who may write", []exchange{
		{"reader POST " + active, `{"metadata": {"a": "1"}}`, 200, `{"metadata": {"k": "v", "a": "1"}}`},
		{"other POST /servers/{ELSEWHERE}/metadata", `{"metadata": {"a": "1"}}`, 200, `{"metadata": {"a": "1"}}`},
		{"admin GET /servers/{ELSEWHERE}", "", 200, `{"server": {"metadata": {"a": "1"}}}`},
		{"admin POST /servers/{ELSEWHERE}/metadata", `{"metadata": {"b": "2"}}`, 200, `{"metadata": {"a": "1", "b": "2"}}`},
	}},
}...)

// states returns a case for every state of a server.
func states() []contractCase {
	var cases []contractCase
	for _, state := range []struct{ status, vm, allowed string }{
		{"ACTIVE", "active", "yes"}, {"SHUTOFF", "stopped", "yes"}, {"PAUSED", "paused", "yes"}, {"SUSPENDED", "suspended", "yes"},
		{"RESIZE", "active", "yes"}, {"REBUILD", "active", "yes"},
		{"BUILD", "building", ""}, {"ERROR", "error", ""}, {"VERIFY_RESIZE", "resized", ""}, {"RESCUE", "rescued", ""},
		{"SHELVED", "shelved", ""}, {"SHELVED_OFFLOADED", "shelved_offloaded", ""}, {"SOFT_DELETED", "soft-delete", ""},
	} {
		path := "/servers/{" + state.status + "}"
		exchanges := []exchange{
			{"GET " + path, "", 200, `{"server": {"status": "` + state.status + `", "OS-EXT-STS:vm_state": "` + state.vm + `", "metadata": {"k": "v"}}}`},
			{"GET " + path + "/metadata", "", 200, untouched},
			{"DELETE " + path + "/metadata/absent", "", 404, noItem},
		}
		if state.allowed != "" {
			exchanges = append(exchanges,
				exchange{"POST " + path + "/metadata", `{"metadata": {"a": "1"}}`, 200, `{"metadata": {"k": "v", "a": "1"}}`},
				exchange{"PUT " + path + "/metadata/a", `{"meta": {"a": "2"}}`, 200, `{"meta": {"a": "2"}}`},
				exchange{"DELETE " + path + "/metadata/k", "", 204, ""},
				exchange{"GET " + path + "/metadata", "", 200, `{"metadata": {"a": "2"}}`})
		} else {
			no := " instance {" + state.status + "} while it is in vm_state " + state.vm
			exchanges = append(exchanges,
				exchange{"POST " + path + "/metadata", `{"metadata": {"a": "1"}}`, 409, "Cannot 'update metadata'" + no},
				exchange{"PUT " + path + "/metadata", `{"metadata": {"a": "1"}}`, 409, "Cannot 'update metadata'" + no},
				exchange{"PUT " + path + "/metadata/a", `{"meta": {"a": "1"}}`, 409, "Cannot 'update metadata'" + no},
				exchange{"DELETE " + path + "/metadata/k", "", 409, "Cannot 'delete metadata'" + no},
				exchange{"GET " + path + "/metadata", "", 200, untouched})
		}
		cases = append(cases, contractCase{state.status, exchanges})
	}
	return cases
}

func slicesOf(f func(string) []exchange, ids ...string) []exchange {
	var all []exchange
	for _, id := range ids {
		all = append(all, f(id)...)
	}
	return all
}

// otherCases: versions, filters, and paths that lead nowhere.
var otherCases = []contractCase{
	{"microversions", []exchange{
		{"GET /servers/{ACTIVE} @2.47", "", 200, `{"server": {"flavor": {"original_name": "nano"}}}`},
		{"GET /servers/{ACTIVE} @latest", "", 200, `{"server": {"locked": false}}`},
		{"GET /servers/{ACTIVE} @2.999", "", 406, "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.93."},
		{"GET /servers/{ACTIVE} @two", "", 400, "invalid format"},
	}},
	{"filters", []exchange{
		{"GET /servers?nonsense=1 @2.75", "", 400, "nonsense"},
		{"GET /servers?name=nobody-has-this", "", 200, `{"servers": [], "servers_links": null}`},
		{"GET /servers?status=NONSENSE", "", 200, `{"servers": []}`},
		{"GET /servers?status=NONSENSE @2.75", "", 400, "Invalid status value"},
		{"GET /servers?changes-since=soon", "", 400, "changes-since"},
		{"GET /servers?limit=0", "", 200, `{"servers": [], "servers_links": null}`},
		{"GET /servers?limit=-1", "", 400, "limit"},
		{"GET /servers?limit=abc", "", 400, "limit"},
		{"GET /servers?all_tenants=1", "", 403, "Policy doesn't allow"},
		{"admin GET /servers?metadata=x", "", 400, "Invalid filter field: metadata."},
	}},
	{"paths", []exchange{
		{"GET /nothing", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"GET /servers/{ACTIVE}/metadata/a/b", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"PATCH " + active + "/k", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"PUT /servers", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"DELETE /servers/{ACTIVE}/metadata", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"POST /servers/{ACTIVE}", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"DELETE /flavors", "", 404, `{"code": "404 Not Found", "title": "Not Found"}`},
		{"GET /images?name=tiny @2.35", "", 200, `{"images": [{"name": "tiny"}]}`},
		{"GET /images?name=tiny @2.36", "", 404, "The resource could not be found."},
		{"GET /flavors/9", "", 404, "Flavor 9 could not be found."},
		{"PUT /servers/{ACTIVE}", `{"server": {"metadata": {}}}`, 400, "'metadata' was unexpected"},
	}},
}
