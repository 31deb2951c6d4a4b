package meter

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

const (
	patience = time.Minute
	password = "hush-hush"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ask reads the source, and waits for longer than any test should take.
func ask(t *testing.T, s Source) (float64, error) {
	t.Helper()
	return s.read(t.Context(), now, limits{web: patience, program: patience})
}

func mustRead(t *testing.T, s Source, want float64) {
	t.Helper()
	if got, err := ask(t, s); got != want || err != nil {
		t.Errorf("%s: got %v, %v, want %v", s, got, err, want)
	}
}

// mustFail fails unless there is no data, and the error has that text.
func mustFail(t *testing.T, s Source, text string) {
	t.Helper()
	value, err := ask(t, s)
	if err == nil || !strings.Contains(err.Error(), text) || value != 0 {
		t.Errorf("%s: got %v, %v, want an error ...%s...", s, value, err, text)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("%s: the error has several lines: %q", s, err)
	}
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// says serves one answer to whatever is asked.
func says(t *testing.T, status int, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	})
}

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func secret(t *testing.T) string {
	t.Helper()
	return write(t, password+"\n", 0o600)
}

func queue(t *testing.T, url string) Source {
	t.Helper()
	return Source{Metric: "rabbitmq", URL: url, Queue: "jobs", User: "cdplan", PasswordFile: secret(t)}
}

// Every attribute has its field, and what may hold a secret is masked.
func TestAttrs(t *testing.T) {
	values, public := map[string]cty.Value{}, []string{}
	for name, attr := range Attrs() {
		values[name] = cty.StringVal("the " + name)
		if attr.Public {
			public = append(public, name)
		}
		if attr.Required != (name == "metric") || attr.Doc == "" {
			t.Errorf("got %s: %+v", name, attr)
		}
	}
	values["application"] = cty.StringVal("of somebody else")
	var got Source
	if err := resource.Decode(resource.Part(cty.ObjectVal(values), Attrs()), &got); err != nil {
		t.Fatal(err)
	}
	want := Source{Metric: "the metric", URL: "the url", VHost: "the vhost", Queue: "the queue", Count: "the count", Query: "the query", Path: "the path",
		TimePath: "the time_path", MaxAge: "the max_age", Command: "the command", User: "the user", PasswordFile: "the password_file",
		TokenFile: "the token_file", Directory: "the directory"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the source (-want +got):\n%s", diff)
	}
	slices.Sort(public)
	shown := []string{"count", "directory", "max_age", "metric", "path", "query", "queue", "time_path", "vhost"}
	if diff := cmp.Diff(shown, public); diff != "" {
		t.Errorf("shown to people (-want +got):\n%s", diff)
	}
}

func TestDecodeNothing(t *testing.T) {
	var got Source
	if err := resource.Decode(resource.Part(cty.ObjectVal(map[string]cty.Value{"metric": cty.StringVal("http")}), Attrs()), &got); err != nil {
		t.Fatal(err)
	}
	if want := (Source{Metric: "http"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCheck(t *testing.T) {
	rabbit := Source{Metric: "rabbitmq", URL: "https://mq:15671", Queue: "jobs", User: "cdplan", PasswordFile: "password"}
	query := Source{Metric: "prometheus", URL: "http://prometheus:9090/", Query: "sum(up)"}
	page := Source{Metric: "http", URL: "http://status/load?key=12", Path: "$.load"}
	run := Source{Metric: "command", Command: "queue-length jobs"}
	with := func(s Source, change func(*Source)) Source { change(&s); return s }
	for _, test := range []struct {
		name         string
		source       Source
		attr, detail string // none for what is right
	}{
		{"a queue", rabbit, "", ""},
		{"a queue with all", with(rabbit, func(s *Source) { s.VHost, s.Count = "/ci", "ready" }), "", ""},
		{"a query", query, "", ""},
		{"a query with a token", with(query, func(s *Source) { s.TokenFile = "token" }), "", ""},
		{"a query with a password", with(query, func(s *Source) { s.User, s.PasswordFile = "u", "p" }), "", ""},
		{"a document", page, "", ""},
		{"a document with all", with(page, func(s *Source) { s.TimePath, s.MaxAge, s.TokenFile, s.Directory = "$['at']", "90s", "t", "/srv" }), "", ""},
		{"a command", run, "", ""},
		{"a command by path", with(run, func(s *Source) { s.Command = "/usr/bin/queue-length" }), "", ""},

		{"nothing", Source{}, "metric", "one of rabbitmq, prometheus, http, command"},
		{"a near metric", with(rabbit, func(s *Source) { s.Metric = "RabitMQ" }), "metric", `Did you mean "rabbitmq"?`},
		{"a far metric", with(rabbit, func(s *Source) { s.Metric = "cpu" }), "metric", `"cpu", but rabbitmq, prometheus, http, command.`},
		{"a query's key at a queue", with(rabbit, func(s *Source) { s.Query = "up" }), "query", `that belongs to "prometheus"`},
		{"a token at a queue", with(rabbit, func(s *Source) { s.TokenFile = "t" }), "token_file", `that belongs to "prometheus" and "http"`},
		{"a queue's key at a query", with(query, func(s *Source) { s.VHost = "/" }), "vhost", `that belongs to "rabbitmq"`},
		{"an age at a query", with(query, func(s *Source) { s.MaxAge = "5m" }), "max_age", `that belongs to "http"`},
		{"a path at a command", with(run, func(s *Source) { s.Path = "$" }), "path", `that belongs to "http"`},
		{"a URL at a command", with(run, func(s *Source) { s.URL = "http://x" }), "url", "belongs to"},
		{"a queue without URL", with(rabbit, func(s *Source) { s.URL = "" }), "url", `needs the key "url"`},
		{"a queue without name", with(rabbit, func(s *Source) { s.Queue = " " }), "queue", `needs the key "queue"`},
		{"a queue without user", with(rabbit, func(s *Source) { s.User = "" }), "user", `needs the key "user"`},
		{"a queue without password", with(rabbit, func(s *Source) { s.PasswordFile = "" }), "password_file", `needs the key "password_file"`},
		{"a query without one", with(query, func(s *Source) { s.Query = "" }), "query", `needs the key "query"`},
		{"a document without path", with(page, func(s *Source) { s.Path = "" }), "path", `needs the key "path"`},
		{"a command without one", with(run, func(s *Source) { s.Command = " \t" }), "command", `needs the key "command"`},
		{"a password in the URL", with(rabbit, func(s *Source) { s.URL = "https://u:hush-hush@mq" }), "url", "a branch is no place for a password: name user and password_file"},
		{"a user in the URL", with(query, func(s *Source) { s.URL = "https://u@mq" }), "url", "a branch is no place for a password"},
		{"a password in a broken URL", with(query, func(s *Source) { s.URL = "https://u:hush-hush%@mq" }), "url", "a branch is no place for a password"},
		{"a broken URL", with(query, func(s *Source) { s.URL = "http://mq:port" }), "url", "has to be one such as"},
		{"another scheme", with(query, func(s *Source) { s.URL = "ftp://mq" }), "url", "has to be one such as"},
		{"no scheme", with(query, func(s *Source) { s.URL = "mq:9090" }), "url", "has to be one such as"},
		{"no host", with(query, func(s *Source) { s.URL = "http:///x" }), "url", "has to be one such as"},
		{"a query string at Prometheus", with(query, func(s *Source) { s.URL = "http://p?" }), "url", `leave out what begins with "?"`},
		{"a fragment at RabbitMQ", with(rabbit, func(s *Source) { s.URL = "http://mq/#/queues" }), "url", `leave out what begins with "?" or "#"`},
		{"a password behind the user", with(rabbit, func(s *Source) { s.User = "u:hush-hush" }), "user", "no place for a password"},
		{"token and password", with(query, func(s *Source) { s.User, s.PasswordFile, s.TokenFile = "u", "p", "t" }), "token_file", "Keep either"},
		{"token and user", with(query, func(s *Source) { s.User, s.TokenFile = "u", "t" }), "token_file", "Keep either"},
		{"a user without password", with(query, func(s *Source) { s.User = "u" }), "password_file", "which file"},
		{"a password without user", with(query, func(s *Source) { s.PasswordFile = "p" }), "user", "whose password"},
		{"another count", with(rabbit, func(s *Source) { s.Count = "redy" }), "count", `ready, unacknowledged, both, not "redy". Did you mean "ready"?`},
		{"a path without $", with(page, func(s *Source) { s.Path = "load" }), "path", "does not begin with $"},
		{"a broken path", with(page, func(s *Source) { s.Path = "$.jobs[" }), "path", "is no JSONPath"},
		{"a broken path of the time", with(page, func(s *Source) { s.TimePath = "$.a b" }), "time_path", "is no JSONPath"},
		{"no duration", with(page, func(s *Source) { s.TimePath, s.MaxAge = "$.at", "5" }), "max_age", "is a duration such as"},
		{"no time at all", with(page, func(s *Source) { s.TimePath, s.MaxAge = "$.at", "0s" }), "max_age", "is a duration such as"},
		{"an age of nothing", with(page, func(s *Source) { s.MaxAge = "5m" }), "time_path", "how old"},
		{"an option", with(run, func(s *Source) { s.Command = "-x" }), "command", "looks like an option"},
		{"a relative program", with(run, func(s *Source) { s.Command = "bin/x" }), "command", "absolute path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fault := test.source.Check()
			switch {
			case fault == nil && test.attr == "":
				return
			case fault == nil || test.attr == "" || fault.Attr != test.attr || !strings.Contains(fault.Detail, test.detail) || fault.Summary == "":
				t.Fatalf("got %+v, want a fault of %q ...%s...", fault, test.attr, test.detail)
			case strings.Contains(fault.Detail, password):
				t.Errorf("the fault tells a password: %s", fault.Detail)
			case fault.Addr != (resource.Addr{}):
				t.Errorf("the fault has the address %s", fault.Addr)
			}
			mustFail(t, test.source, fault.Detail)
		})
	}
}

func TestDidYouMean(t *testing.T) {
	for name, want := range map[string]string{"rabbit": ` Did you mean "rabbitmq"?`, "HTTPS": ` Did you mean "http"?`, "cpu": "", "prom": "", "": ""} {
		if got := didYouMean(name, []string{"rabbitmq", "prometheus", "http", "command"}); got != want {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func TestString(t *testing.T) {
	for want, source := range map[string]Source{
		"queue jobs of /ci on mq.internal:15672":          {Metric: "rabbitmq", URL: "https://mq.internal:15672/x?k=v", VHost: "/ci", Queue: "jobs", User: "u"},
		"queue jobs on mq.internal":                       {Metric: "rabbitmq", URL: "https://mq.internal", Queue: "jobs", Count: "both"},
		"ready messages of queue jobs on mq":              {Metric: "rabbitmq", URL: "https://mq", Queue: "jobs", Count: "ready", VHost: "/"},
		"unacknowledged messages of queue a b of c on mq": {Metric: "rabbitmq", URL: "https://mq", Queue: "a \n b", Count: "unacknowledged", VHost: "c"},
		"query sum( up ) on prometheus:9090":              {Metric: "prometheus", URL: "http://u:p@prometheus:9090/secret", Query: "sum(\n  up\n)"},
		"$.load on status":                                {Metric: "http", URL: "http://status/secret?key=secret", Path: "$.load"},
		"command queue-length":                            {Metric: "command", Command: "/usr/bin/queue-length --password secret"},
		`metric "cpu"`:                                    {Metric: "cpu"},
		"query up":                                        {Metric: "prometheus", URL: "http://[", Query: "up"},
	} {
		if got := source.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	for _, value := range []float64{-1, -1e-9, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, err := load(value); err == nil || got != 0 {
			t.Errorf("%v: got %v", value, got)
		}
	}
	for _, value := range []float64{0, math.Copysign(0, -1), 1, 0.5, math.MaxFloat64} {
		if got, err := load(value); err != nil || got != value || math.Signbit(got) {
			t.Errorf("%v: got %v, %v", value, got, err)
		}
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "1450": 1450, " 7.25\n": 7.25, "1e3": 1000, "-2": -2, "+3": 3, ".5": 0.5} {
		if got, err := number(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "0x10", "1_000", "1,5", "1 000", "5 messages", "1e999", "--1"} {
		if got, err := number(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestQueue(t *testing.T) {
	for _, test := range []struct {
		vhost, queue, count, path, field string
	}{
		{"", "jobs", "", "/api/queues/%2F/jobs?columns=state,messages", "messages"},
		{"/", "jobs", "both", "/api/queues/%2F/jobs?columns=state,messages", "messages"},
		{"/ci", "jobs", "ready", "/api/queues/%2Fci/jobs?columns=state,messages_ready", "messages_ready"},
		{"ci", "a/b c?d#e%f", "unacknowledged", "/api/queues/ci/a%2Fb%20c%3Fd%23e%25f?columns=state,messages_unacknowledged", "messages_unacknowledged"},
	} {
		for _, base := range []string{"", "/", "/rabbit/", "/rabbit"} {
			var asked, login string
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				user, given, _ := r.BasicAuth()
				asked, login = r.Method+" "+r.RequestURI, user+" "+given
				_, _ = fmt.Fprintf(w, `{"state":"running","messages":1,"messages_ready":1,"messages_unacknowledged":1,%q:1450}`, test.field)
			})
			s := queue(t, url+base)
			s.VHost, s.Queue, s.Count = test.vhost, test.queue, test.count
			mustRead(t, s, 1450)
			if want := "GET " + strings.TrimSuffix(base, "/") + test.path; asked != want {
				t.Errorf("asked %s, want %s", asked, want)
			}
			if login != "cdplan "+password {
				t.Errorf("logged in as %q", login)
			}
		}
	}
}

func TestQueueEmpty(t *testing.T) {
	for _, state := range []string{"running", "idle", "flow", "syncing"} {
		mustRead(t, queue(t, says(t, 200, `{"messages":0,"state":"`+state+`"}`)), 0)
	}
}

func TestNoQueue(t *testing.T) {
	lacks := `there is no "messages", or no state, in what RabbitMQ says of the queue`
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"no field", 200, `{}`, lacks},
		{"another field", 200, `{"state":"running","messages_ready":3}`, lacks},
		{"null", 200, `{"messages":null,"state":"running"}`, lacks},
		{"a text", 200, `{"messages":"5","state":"running"}`, lacks},
		{"another case", 200, `{"MESSAGES":5,"state":"running"}`, lacks},
		{"no state", 200, `{"messages":5}`, lacks},
		{"null for a state", 200, `{"messages":5,"state":null}`, lacks},
		{"a queue of a virtual host that is stopped", 200, `{"messages":0,"state":"stopped"}`, `the queue is in the state "stopped"`},
		{"a queue that crashed", 200, `{"messages":0,"state":"crashed"}`, `the queue is in the state "crashed"`},
		{"a queue whose node is down", 200, `{"state":"down"}`, `the queue is in the state "down"`},
		{"a queue without a majority", 200, `{"messages":3,"state":"minority"}`, `the queue is in the state "minority"`},
		{"a list", 200, `[{"messages":5}]`, "no JSON"},
		{"null as a whole", 200, `null`, lacks},
		{"nothing", 200, ``, "its answer is no JSON"},
		{"a page", 200, `<html>messages: 5</html>`, "its answer is no JSON"},
		{"cut off", 200, `{"messages":5`, "its answer is no JSON"},
		{"more behind", 200, `{"messages":5} {"messages":6}`, "its answer is no JSON"},
		{"too large", 200, `{"messages":1e999}`, "its answer is no JSON"},
		{"less than nothing", 200, `{"messages":-1,"state":"running"}`, "never less than 0"},
		{"no queue", 404, `{"error":"Object Not Found","reason":"Not Found"}`, `there is no queue "jobs" in the virtual host "/"`},
		{"no RabbitMQ", 404, `Not Found`, "the server answers 404 Not Found"},
		{"a queue beside a failure", 500, `{"messages":5}`, "the server answers 500 Internal Server Error"},
		{"created", 201, `{"messages":5}`, "the server answers 201 Created"},
		{"a number nobody knows", 599, ``, "the server answers 599 Unknown"},
		{"wrong password", 401, `{"error":"not_authorised","reason":"Login failed"}`, "the login is refused with 401: Login failed"},
		{"not allowed", 403, "{\"reason\":\"Not a monitor\\nat all\"}", "the login is refused with 403: Not a monitor"},
	} {
		t.Run(test.name, func(t *testing.T) { mustFail(t, queue(t, says(t, test.status, test.body)), test.want) })
	}
}

func TestQuery(t *testing.T) {
	for _, test := range []struct{ name, body string }{
		{"scalar", `{"status":"success","data":{"resultType":"scalar","result":[1763899200.1,"7.25"]}}`},
		{"vector", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"queue":"jobs"},"value":[1763899200,"7.25"]}]}}`},
		{"warnings", `{"status":"success","warnings":["x"],"infos":["y"],"data":{"resultType":"scalar","result":[1,"7.25"]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked string
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.Path + " " + r.FormValue("query")
				_, _ = fmt.Fprint(w, test.body)
			})
			mustRead(t, Source{Metric: "prometheus", URL: url + "/prefix/", Query: `sum(x{a="b&c+d"})`}, 7.25)
			if want := `GET /prefix/api/v1/query sum(x{a="b&c+d"})`; asked != want {
				t.Errorf("asked %s, want %s", asked, want)
			}
		})
	}
}

func TestNoQuery(t *testing.T) {
	const none = "there is no number in the answer of Prometheus"
	scalar := func(value string) string {
		return `{"status":"success","data":{"resultType":"scalar","result":` + value + `}}`
	}
	vector := func(value string) string {
		return `{"status":"success","data":{"resultType":"vector","result":` + value + `}}`
	}
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"no series", 200, vector(`[]`), "the query finds nothing"},
		{"several", 200, vector(`[{"value":[1,"2"]},{"value":[1,"3"]}]`), "the query gives 2 numbers, not one: put an aggregate such as sum(...)"},
		{"no value", 200, vector(`[{"metric":{}}]`), none},
		{"a null for a value", 200, vector(`[{"value":null}]`), none},
		{"a null in a value", 200, vector(`[{"value":[1,null]}]`), none},
		{"a null for a series", 200, vector(`[null]`), none},
		{"null for all series", 200, vector(`null`), "the query finds nothing"},
		{"a time alone", 200, vector(`[{"value":[1]}]`), none},
		{"a histogram", 200, vector(`[{"metric":{},"histogram":[1,{"count":"5","sum":"7"}]}]`), none},
		{"no list", 200, vector(`{}`), none},
		{"NaN", 200, scalar(`[1,"NaN"]`), "the answer is NaN"},
		{"infinite", 200, vector(`[{"value":[1,"+Inf"]}]`), "the answer is +Inf"},
		{"infinite the other way", 200, vector(`[{"value":[1,"-Inf"]}]`), "the answer is -Inf"},
		{"less than nothing", 200, scalar(`[1,"-3"]`), "the answer is -3"},
		{"null for a scalar", 200, scalar(`null`), none},
		{"a number, not a text", 200, scalar(`[1,2]`), none},
		{"three in a scalar", 200, scalar(`[1,"2","3"]`), none},
		{"no text of a number", 200, scalar(`[1,"many"]`), `"many" is no number`},
		{"a matrix", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"2"]]}]}}`, `is not one number, but of type "matrix"`},
		{"a string", 200, `{"status":"success","data":{"resultType":"string","result":[1,"2"]}}`, `of type "string"`},
		{"no result", 200, `{"status":"success","data":{"resultType":"scalar"}}`, none},
		{"no data", 200, `{"status":"success"}`, `of type ""`},
		{"nothing", 200, ``, "its answer is no JSON"},
		{"a page", 200, `<html>`, "its answer is no JSON"},
		{"null as a whole", 200, `null`, "the query is refused"},
		{"an error with 200", 200, `{"status":"error","error":"boom","data":{"resultType":"scalar","result":[1,"2"]}}`, "the query is refused: boom"},
		{"a wrong query", 400, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:5: parse error: unexpected end\\nof input\"}",
			"the server answers 400 Bad Request: 1:5: parse error: unexpected end"},
		{"a long error", 422, `{"error":"` + strings.Repeat("x", 1000) + `"}`, "422 Unprocessable Entity: " + strings.Repeat("x", maxLine)},
		{"not ready", 503, `Service Unavailable`, "the server answers 503 Service Unavailable"},
		{"no login", 401, `Unauthorized`, "the login is refused with 401"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Source{Metric: "prometheus", URL: says(t, test.status, test.body), Query: "up"}
			mustFail(t, s, test.want)
			if _, err := ask(t, s); err != nil && len(err.Error()) > maxLine+100 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

const page = `{"load": 7.25, "text": "1450", "none": null, "yes": true, "word": "many", "nan": "NaN", "less": -1,
	"queues": [{"name": "jobs", "length": 5}, {"name": "mails", "length": 6}],
	"now": "2026-11-23T12:00:00Z", "seconds": 1795435170.5, "seconds text": "1795435170", "old": "2026-11-23T12:54:59+01:00", "due": "2026-11-23T12:55:00+01:00",
	"soon": 1795435260, "later": "2026-11-23T12:01:01Z", "milliseconds": 1795435200000, "zero": 0, "day": "2026-11-23"}`

func TestDocument(t *testing.T) {
	for _, test := range []struct {
		path, timePath, maxAge string
		want                   float64
	}{
		{"$.load", "", "", 7.25},
		{"$['text']", "", "", 1450},
		{"$.queues[?(@.name == 'mails')].length", "", "", 6},
		{"$.queues[-1].length", "", "", 6},
		{"$..load", "", "", 7.25},
		{"$.load", "$.now", "", 7.25},
		{"$.load", "$.seconds", "", 7.25},
		{"$.load", "$['seconds text']", "", 7.25},
		{"$.load", "$.due", "", 7.25},
		{"$.load", "$.old", "6m", 7.25},
		{"$.load", "$.soon", "", 7.25},
	} {
		var asked string
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.RequestURI
			_, _ = fmt.Fprint(w, page)
		})
		s := Source{Metric: "http", URL: url + "/load?key=12", Path: test.path, TimePath: test.timePath, MaxAge: test.maxAge}
		mustRead(t, s, test.want)
		if asked != "GET /load?key=12" {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestTimeOf(t *testing.T) {
	for _, test := range []struct {
		value any
		want  time.Time
	}{
		{"2026-11-23T12:00:00Z", now}, {"2026-11-23T12:54:59+01:00", now.Add(-5*time.Minute - time.Second)},
		{1795435170.5, now.Add(-29500 * time.Millisecond)}, {"1795435170", now.Add(-30 * time.Second)},
	} {
		if got, err := timeOf(test.value); err != nil || got != test.want {
			t.Errorf("%v: got %s, %v, want %s", test.value, got, err, test.want)
		}
	}
}

func TestNoDocument(t *testing.T) {
	for _, test := range []struct{ path, timePath, maxAge, want string }{
		{"$.nowhere", "", "", "there is nothing at $.nowhere in the document"},
		{"$.queues[*].length", "", "", "finds 2 places in the document, not one"},
		{"$.queues[7].length", "", "", "there is nothing at"},
		{"$.none", "", "", "$.none: null is no number"},
		{"$.yes", "", "", "$.yes: what is there is no number"},
		{"$.queues", "", "", "$.queues: what is there is no number"},
		{"$", "", "", "$: what is there is no number"},
		{"$.word", "", "", `$.word: "many" is no number`},
		{"$.nan", "", "", "the answer is NaN"},
		{"$.less", "", "", "the answer is -1"},
		{"$.load", "$.nowhere", "", "there is nothing at $.nowhere"},
		{"$.load", "$.none", "", "$.none: what is there is no time"},
		{"$.load", "$.word", "", "$.word: what is there is no time"},
		{"$.load", "$.day", "", "$.day: what is there is no time"},
		{"$.load", "$.nan", "", "$.nan: what is there is no time"},
		{"$.load", "$.zero", "", "$.zero: what is there is no time"},
		{"$.load", "$.milliseconds", "", "$.milliseconds: what is there is no time"},
		{"$.load", "$.old", "", "it was measured at 2026-11-23T11:54:59Z, more than 5m0s ago"},
		{"$.load", "$.seconds", "10s", "more than 10s ago"},
		{"$.load", "$.later", "", "2026-11-23T12:01:01Z, which is yet to come"},
	} {
		mustFail(t, Source{Metric: "http", URL: says(t, 200, page), Path: test.path, TimePath: test.timePath, MaxAge: test.maxAge}, test.want)
	}
	for body, want := range map[string]string{"": "no JSON", "<html>": "no JSON", `{"load": 1} x`: "no JSON", `null`: "there is nothing"} {
		mustFail(t, Source{Metric: "http", URL: says(t, 200, body), Path: "$.load"}, want)
	}
	for status, want := range map[int]string{204: "204", 304: "304", 401: "refused with 401", 403: "refused with 403", 404: "404 Not Found", 502: "502"} {
		mustFail(t, Source{Metric: "http", URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }), Path: "$.load"}, want)
	}
}

// script makes a program and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	return write(t, "#!/bin/sh\n"+text+"\n", 0o700)
}

func TestProgram(t *testing.T) {
	mustRead(t, Source{Metric: "command", Command: script(t, `echo 1450`)}, 1450)
	mustRead(t, Source{Metric: "command", Command: script(t, `echo careful >&2; printf ' 7.25'`)}, 7.25)
	mustRead(t, Source{Metric: "command", Command: script(t, `test $# = 2 && test "$1" = '$HOME' && test "$2" = "a;b" && echo 0`) + " $HOME\t a;b "}, 0)
	path := script(t, `echo 3`)
	t.Setenv("PATH", filepath.Dir(path)+":/bin:/usr/bin")
	mustRead(t, Source{Metric: "command", Command: filepath.Base(path)}, 3)
}

func TestNoProgram(t *testing.T) {
	for text, want := range map[string]string{
		`true`:                                "it prints nothing",
		`echo`:                                "it prints nothing",
		`echo many`:                           `"many" is no number`,
		`echo 5 messages`:                     `it prints more than a number, beginning with "5"`,
		`echo 5; echo 6`:                      "it prints more than a number",
		`echo NaN`:                            "the answer is NaN",
		`echo -1`:                             "the answer is -1",
		`echo 5; exit 3`:                      "it ended with status 3",
		`echo no >&2; echo queue >&2; exit 1`: "it ended with status 1: queue",
		`echo 5; kill -9 $$`:                  "it ended with status -1",
		`head -c 40000000 /dev/zero`:          "it writes too much",
	} {
		mustFail(t, Source{Metric: "command", Command: script(t, text)}, want)
	}
	mustFail(t, Source{Metric: "command", Command: "queue-length-that-is-not-there x"}, "the program queue-length-that-is-not-there is not on PATH")
	mustFail(t, Source{Metric: "command", Command: write(t, "#!/bin/sh\necho 5\n", 0o600)}, "permission denied")
	mustFail(t, Source{Metric: "command", Command: filepath.Join(t.TempDir(), "none")}, "no such file")
	path := script(t, `echo 3`)
	t.Chdir(filepath.Dir(path))
	t.Setenv("PATH", ".")
	mustFail(t, Source{Metric: "command", Command: filepath.Base(path)}, "is not on PATH")
}

// What never answers is given up, and what it was asked for is left.
func TestDeadlines(t *testing.T) {
	end := make(chan struct{})
	silent := serve(t, func(http.ResponseWriter, *http.Request) { <-end })
	stuck := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"messages":`)
		w.(http.Flusher).Flush()
		<-end
	})
	t.Cleanup(func() { close(end) }) // before the servers end
	short := limits{web: 50 * time.Millisecond, program: 50 * time.Millisecond}
	for _, s := range []Source{
		queue(t, silent), queue(t, stuck), {Metric: "prometheus", URL: silent, Query: "up"}, {Metric: "http", URL: stuck, Path: "$.x"},
		{Metric: "command", Command: script(t, "echo 5; exec sleep 1000")},
	} {
		if got, err := s.read(t.Context(), now, short); err == nil || err.Error() != "no answer within 50ms" || got != 0 {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("somebody pressed Ctrl-C"))
	for _, s := range []Source{queue(t, silent), {Metric: "command", Command: script(t, "exec sleep 1000")}} {
		if got, err := s.Read(gone); err == nil || err.Error() != "somebody pressed Ctrl-C" || got != 0 {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
}

func TestLogins(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"password": password + "\r\nsecond line\n", "token": "ey.J", "empty": "", "blank": "\n" + password + "\n",
		"long": strings.Repeat("x", maxSecret+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var login string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		login = r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, `{"load":1}`)
	})
	with := func(change Source) Source {
		change.Metric, change.URL, change.Path, change.Directory = "http", url, "$.load", dir
		return change
	}
	for want, s := range map[string]Source{
		"":                               with(Source{}),
		"Basic Y2RwbGFuOmh1c2gtaHVzaA==": with(Source{User: "cdplan", PasswordFile: "password"}),
		"Bearer ey.J":                    with(Source{TokenFile: "token"}),
	} {
		mustRead(t, s, 1)
		if login != want {
			t.Errorf("logged in with %q, want %q", login, want)
		}
	}
	mustRead(t, with(Source{TokenFile: filepath.Join(dir, "token")}), 1)
	for name, want := range map[string]string{
		"none":  "cannot read the token: stat " + filepath.Join(dir, "none") + ": no such file or directory",
		"empty": "cannot read the token: the first line of " + filepath.Join(dir, "empty") + " is empty",
		"blank": "cannot read the token: the first line of " + filepath.Join(dir, "blank") + " is empty",
		"long":  "cannot read the token: " + filepath.Join(dir, "long") + " is longer than",
		".":     "cannot read the token: " + dir + " is no regular file",
	} {
		mustFail(t, with(Source{TokenFile: name}), want)
	}
	mustFail(t, with(Source{User: "cdplan", PasswordFile: "none"}), "cannot read the password: ")
}

// No answer makes us tell a secret, and no server gets to know one that is not meant.
func TestSecretsStay(t *testing.T) {
	asked := false
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		_, _ = fmt.Fprint(w, `{"messages":5,"state":"running","load":5}`)
	})
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other+"/x?"+r.URL.RawQuery, http.StatusFound)
	})
	mustFail(t, queue(t, away), "it redirects to another host, "+strings.TrimPrefix(other, "http://"))
	mustFail(t, Source{Metric: "http", URL: away + "?key=hush-hush", Path: "$.load"}, "it redirects to another host")
	if asked {
		t.Error("the other host was asked")
	}

	var logins []string
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, given, _ := r.BasicAuth()
		logins = append(logins, given)
		if len(logins) < 3 {
			http.Redirect(w, r, "/moved"+r.RequestURI, http.StatusMovedPermanently)
			return
		}
		_, _ = fmt.Fprint(w, `{"messages":5,"state":"running"}`)
	})
	mustRead(t, queue(t, here), 5)
	if diff := cmp.Diff([]string{password, password, password}, logins); diff != "" {
		t.Errorf("logins (-want +got):\n%s", diff)
	}
	hops := 0
	mustFail(t, queue(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		hops++
		http.Redirect(w, r, r.RequestURI, http.StatusFound)
	})), "more than 5 redirections")
	if hops != maxHops+1 {
		t.Errorf("asked %d times", hops)
	}
	mustFail(t, queue(t, says(t, 401, `{"reason":"no user cdplan with hush-hush"}`)), "no user cdplan with ***")
	mustFail(t, Source{Metric: "prometheus", URL: says(t, 400, `{"error":"no hush-hush"}`), Query: "up", TokenFile: secret(t)}, "no ***")
	mustFail(t, Source{Metric: "http", URL: says(t, 200, `{"load":"key=hush-hush"}`) + "?key=hush-hush", Path: "$.load"}, `"***" is no number`)
	mustFail(t, Source{Metric: "prometheus", URL: says(t, 400, `{"error":"not a word"}`), Query: "up", TokenFile: write(t, "a", 0o600)}, "not a word")

	for _, status := range []int{200, 302, 400, 401, 404, 500} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, given, _ := r.BasicAuth()
			told := r.RequestURI + given + r.Header.Get("Authorization")
			w.Header().Set("Location", "http://%zz/"+told)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"reason":%q,"error":%[1]q,"load":%[1]q}`, told)
		})
		for _, s := range []Source{queue(t, url), {Metric: "prometheus", URL: url, Query: "up", TokenFile: secret(t)},
			{Metric: "http", URL: url + "?key=" + password, Path: "$.load"}} {
			if _, err := ask(t, s); err == nil || strings.Contains(err.Error(), password) {
				t.Errorf("%d, %s: got %v", status, s, err)
			}
		}
	}
}

func TestRedirectToLess(t *testing.T) {
	from := httptest.NewRequest(http.MethodGet, "https://mq/x", nil)
	for address, want := range map[string]bool{"https://mq/y": true, "http://mq/x": false, "https://mq:444/x": false, "https://mq.example.com/": false, "ftp://mq/": false} {
		next := httptest.NewRequest(http.MethodGet, address, nil)
		if err := checkRedirect(next, []*http.Request{from}); (err == nil) != want {
			t.Errorf("%s: got %v", address, err)
		}
	}
	if err := checkRedirect(from, []*http.Request{httptest.NewRequest(http.MethodGet, "http://mq/x", nil)}); err != nil {
		t.Errorf("to https: got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	mustFail(t, queue(t, server.URL), "connection refused")
	_, err := ask(t, Source{Metric: "http", URL: server.URL + "/page?key=12", Path: "$.load"})
	if err == nil || strings.Contains(err.Error(), "page") {
		t.Errorf("got %v", err)
	}
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"messages":5,"state":"running"%s}`, strings.Repeat(" ", maxAnswer))
	})
	mustFail(t, queue(t, long), "its answer is longer than 1048576 bytes")
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = fmt.Fprint(w, `{"messages":5}`)
	})
	mustFail(t, queue(t, cut), "unexpected EOF")
}

// TestMain asks a document for a load, in a process of its own, where the environment says so: net/http looks at the proxies, and crypto/x509 at the
// roots, once in a process.
func TestMain(m *testing.M) {
	if address := os.Getenv("TEST_METER"); address != "" {
		value, err := Source{Metric: "http", URL: address, Path: "$.load"}.Read(context.Background())
		fmt.Print(value, " ", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func askElsewhere(t *testing.T, address string, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(env, "TEST_METER="+address)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestProxy(t *testing.T) {
	var asked string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		_, _ = fmt.Fprint(w, `{"load":5}`)
	})
	if got := askElsewhere(t, "http://status.invalid/load", "HTTP_PROXY="+proxy); got != "5 <nil>" || asked != "http://status.invalid/load" {
		t.Errorf("got %s, the proxy was asked for %q", got, asked)
	}
}

func TestRoots(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"load":5}`) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	if got := askElsewhere(t, server.URL); !strings.HasPrefix(got, "0 tls: failed to verify certificate") {
		t.Errorf("by the roots of this host: got %s", got)
	}
	root := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o600)
	if got := askElsewhere(t, server.URL, "SSL_CERT_FILE="+root); got != "5 <nil>" {
		t.Errorf("by a root of our own: got %s", got)
	}
}
