package meter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// prometheus asks for the value of the query now, by the clock of Prometheus. Its answer has the time of the question and none of the measurement.
func (q question) prometheus(ctx context.Context) (float64, error) {
	a, err := q.get(ctx, strings.TrimRight(q.URL, "/")+"/api/v1/query?query="+url.QueryEscape(q.Query))
	if err != nil {
		return 0, err
	}
	return parseQuery(a)
}

// result is the answer to a query, as prometheus.io/docs/prometheus/latest/querying/api describes it.
type result struct {
	Status string
	Error  string
	Data   struct {
		ResultType string
		Result     json.RawMessage
	}
}

// parseQuery returns the one number that is the answer.
func parseQuery(a answer) (float64, error) {
	var r result
	err := json.Unmarshal(a.body, &r)
	switch {
	case a.status != http.StatusOK:
		return 0, a.refused(r.Error)
	case err != nil:
		return 0, errNoJSON
	case r.Status != "success":
		return 0, fmt.Errorf("the query is refused: %s", firstLine(r.Error))
	}
	switch r.Data.ResultType {
	case "scalar":
		return parseSample(r.Data.Result)
	case "vector":
		return parseVector(r.Data.Result)
	}
	return 0, fmt.Errorf("the result of the query is not one number, but of type %q", firstLine(r.Data.ResultType))
}

func parseVector(text json.RawMessage) (float64, error) {
	var vector []struct{ Value json.RawMessage }
	switch err := json.Unmarshal(text, &vector); {
	case err != nil:
		return 0, errNoNumber
	case len(vector) == 0:
		return 0, errors.New("the query finds nothing: there is no such series, or it has not been scraped of late")
	case len(vector) > 1:
		return 0, fmt.Errorf("the query gives %d numbers, not one: put an aggregate such as sum(...) or max(...) around it", len(vector))
	}
	return parseSample(vector[0].Value)
}

var errNoNumber = errors.New("there is no number in the answer of Prometheus")

// parseSample returns the value of [TIME, "VALUE"]. A histogram has none.
func parseSample(text json.RawMessage) (float64, error) {
	var pair []any
	if err := json.Unmarshal(text, &pair); err != nil || len(pair) != 2 {
		return 0, errNoNumber
	}
	value, isText := pair[1].(string)
	if !isText {
		return 0, errNoNumber
	}
	return number(value)
}
