package meter

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// sound fails for a load that cannot be one.
func sound(t *testing.T, value float64, err error) {
	t.Helper()
	if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "\n")) {
		t.Errorf("got error %q", err)
	}
	if err == nil && (math.IsNaN(value) || math.IsInf(value, 0) || value < 0) {
		t.Errorf("got %v", value)
	}
}

// written fails for a load that is not in the text: every one has a digit there, and 0 has a 0, or is too small to be told from it.
func written(t *testing.T, value float64, text string) {
	t.Helper()
	if !strings.ContainsAny(text, "0123456789") {
		t.Errorf("got %v from %q", value, text)
	}
}

func FuzzQueue(f *testing.F) {
	for _, body := range []string{`{"messages":5,"state":"running"}`, `{"messages":0,"state":"stopped"}`, `{"messages":null}`, `{"messages_ready":0,"state":"idle"}`, `{"reason":"x"}`, ``, `[]`, `{"messages":-1}`} {
		f.Add(200, body, "")
		f.Add(404, body, "ready")
	}
	f.Fuzz(func(t *testing.T, status int, body, count string) {
		s := Source{Queue: "jobs", Count: count}
		value, err := parseQueue(answer{status, []byte(body)}, s)
		if err != nil {
			return
		}
		value, err = load(value)
		sound(t, value, err)
		var fields map[string]any
		if err := json.Unmarshal([]byte(body), &fields); err != nil || fields[s.column()] == nil || fields["state"] == nil || status != 200 {
			t.Errorf("got %v from %d %q", value, status, body)
		}
		written(t, value, body)
	})
}

func FuzzQuery(f *testing.F) {
	for _, body := range []string{`{"status":"success","data":{"resultType":"scalar","result":[1763899200.1,"7.25"]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"queue":"jobs"},"value":[1763899200,"7.25"]}]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"value":[1,null]},null]}}`, `{"status":"error","error":"x"}`, `null`, ``} {
		f.Add(200, body)
		f.Add(400, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		value, err := parseQuery(answer{status, []byte(body)})
		if err != nil {
			return
		}
		if !json.Valid([]byte(body)) || status != 200 || !strings.Contains(body, `"`) {
			t.Errorf("got %v from %d %q", value, status, body)
		}
		value, err = load(value)
		sound(t, value, err)
		if err == nil {
			written(t, value, body)
		}
	})
}

func FuzzDocument(f *testing.F) {
	for _, path := range []string{"$.load", "$", "$..load", "$.queues[?(@.name == 'jobs')].length", "$.a[-1]", "$[*]", "$['a','b']", "$.a[0:2]", "load", "$.a["} {
		f.Add(page, path, "$.now")
		f.Add(`{"a":[1,2,"3"],"b":null}`, path, "")
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body, path, timePath string) {
		s := Source{Path: path, TimePath: timePath}
		value, err := parseDocument(answer{200, []byte(body)}, s, now)
		if err != nil {
			return
		}
		value, err = load(value)
		sound(t, value, err)
		if err == nil {
			written(t, value, body)
		}
		if _, err := parseDocument(answer{200, []byte(body)}, s, now.Add(defaultMaxAge+maxAhead+1)); (timePath == "") != (err == nil) {
			t.Errorf("later: %v", err)
		}
	})
}

func FuzzOutput(f *testing.F) {
	for _, text := range []string{"1450\n", "", " 7.25 ", "NaN", "-1", "5 6", "0x10", "1e999", "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := parseOutput(text)
		if err == nil {
			value, err = load(value)
		}
		sound(t, value, err)
		if err == nil {
			written(t, value, string(text))
		}
	})
}
