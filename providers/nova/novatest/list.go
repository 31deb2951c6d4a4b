package novatest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is what a list asks for. The zero value asks for all.
type query struct {
	limit    int // of this page; negative: as many as there may be
	marker   string
	name     *regexp.Regexp
	statuses []string
	flavor   string
	since    time.Time
	allOf    bool // all projects
}

// knownFilters are the query keys of a list that nova's schema knows from 2.75 on, whether or not they do anything for the caller.
const knownFilters = " limit marker sort_key sort_dir name status flavor image host hostname user_id project_id tenant_id uuid " +
	"deleted metadata system_metadata all_tenants changes-since changes-before ip ip6 tags tags-any not-tags not-tags-any locked " +
	"reservation_id availability_zone description config_drive created_at launched_at terminated_at power_state vm_state task_state " +
	"key_name access_ip_v4 access_ip_v6 progress display_name node root_device_name launch_index kernel_id ramdisk_id soft_deleted "

func (k *call) list(detail bool) (answer, error) {
	values := k.r.URL.Query()
	q, err := k.query(values)
	if err != nil {
		return answer{}, err
	}
	found, err := k.after(k.visible(q), q.marker)
	if err != nil {
		return answer{}, err
	}
	limit := k.options.MaxLimit
	if q.limit >= 0 {
		limit = min(limit, q.limit)
	}
	page := found[:min(limit, len(found))]
	body := map[string]any{"servers": k.views(page, detail)}
	if limit > 0 && len(page) == limit {
		body["servers_links"] = []link{{Rel: "next", Href: k.next(values, page[len(page)-1].ID)}}
	}
	return ok(body), nil
}

func (k *call) query(values url.Values) (query, error) {
	q := query{limit: -1, marker: values.Get("marker"), flavor: values.Get("flavor")}
	for key := range values {
		if k.minor >= 75 && !strings.Contains(knownFilters, " "+key+" ") {
			return q, fail(http.StatusBadRequest, "Additional properties are not allowed ('%s' was unexpected)", key)
		}
	}
	for _, read := range []func(url.Values, *query) error{k.readLimit, readName, k.readStatus, readSince, k.readAdmin} {
		if err := read(values, &q); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (k *call) readLimit(values url.Values, q *query) error {
	text := values.Get("limit")
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || text[0] == '+' {
		return fail(http.StatusBadRequest, "Invalid input for query parameters limit. Value: %s. '%s' does not match '^[0-9]*$'", text, text)
	}
	q.limit = n
	return nil
}

// readName reads a regular expression. It is matched anywhere and, as MariaDB does it, without regard to case. Nova takes | for itself.
func readName(values url.Values, q *query) error {
	text := values.Get("name")
	if text == "" {
		return nil
	}
	expression, err := regexp.Compile("(?i)" + strings.ReplaceAll(text, "|", `\|`))
	if err != nil {
		return fail(http.StatusBadRequest, "Invalid input for query parameters name. Value: %s. '%s' is not a 'regex'", text, text)
	}
	q.name = expression
	return nil
}

func (k *call) readStatus(values url.Values, q *query) error {
	for _, status := range values["status"] {
		status = strings.ToUpper(status)
		if vm, _ := vmState(status); vm == "" && k.minor >= 75 {
			return fail(http.StatusBadRequest, "Invalid status value")
		}
		q.statuses = append(q.statuses, status)
	}
	return nil
}

func readSince(values url.Values, q *query) error {
	text := values.Get("changes-since")
	if text == "" {
		return nil
	}
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fail(http.StatusBadRequest, "Invalid input for query parameters changes-since. Value: %s. '%s' is not a 'date-time'", text, text)
	}
	q.since = since
	return nil
}

// readAdmin reads what nova does for administrators only. For others the filter by metadata is ignored: they get all servers.
func (k *call) readAdmin(values url.Values, q *query) error {
	admin := k.token.user.Admin
	if values.Has("metadata") && admin {
		return fail(http.StatusBadRequest, "Invalid filter field: metadata.")
	}
	if all := strings.ToLower(values.Get("all_tenants")); !values.Has("all_tenants") || all == "0" || all == "false" {
		return nil
	}
	if !admin {
		return fail(http.StatusForbidden, "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.")
	}
	q.allOf = true
	return nil
}

// visible returns the servers that q asks for, newest first. Deleted ones are shown only to those who ask for changes.
func (k *call) visible(q query) []*server {
	var found []*server
	for _, s := range slices.Backward(k.servers) {
		if s.Region != k.reg || s.Project != k.token.user.Project && !q.allOf {
			continue
		}
		k.settle(s)
		if s.Status == deleted && q.since.IsZero() || !q.matches(s) {
			continue
		}
		found = append(found, s)
	}
	return found
}

func (q query) matches(s *server) bool {
	return (q.name == nil || q.name.MatchString(s.Name)) &&
		(q.statuses == nil || slices.Contains(q.statuses, s.Status)) &&
		(q.flavor == "" || q.flavor == s.Flavor) &&
		!s.Updated.Truncate(time.Second).Before(q.since)
}

// after returns the servers that follow the marker, which may be deleted, or in another project.
func (k *call) after(found []*server, marker string) ([]*server, error) {
	if marker == "" {
		return found, nil
	}
	at, known := k.byID[marker]
	if !known || k.servers[at].Region != k.reg {
		return nil, fail(http.StatusBadRequest, "marker [%s] not found", marker)
	}
	i := slices.IndexFunc(found, func(s *server) bool { return k.byID[s.ID] < at })
	if i < 0 {
		return nil, nil
	}
	return found[i:], nil
}

// next returns the address of the page after the server of that id: the same question, with a marker.
func (k *call) next(values url.Values, id string) string {
	values.Set("marker", id)
	return k.base() + k.r.URL.EscapedPath() + "?" + values.Encode()
}
