package meter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// document asks for a JSON document, and looks for the number in it.
func (q question) document(ctx context.Context) (float64, error) {
	a, err := q.get(ctx, q.URL)
	if err != nil {
		return 0, err
	}
	return parseDocument(a, q.Source, q.now)
}

func parseDocument(a answer, s Source, now time.Time) (value float64, err error) {
	if a.status != http.StatusOK {
		return 0, a.refused("")
	}
	var document any
	if err := json.Unmarshal(a.body, &document); err != nil {
		return 0, errNoJSON
	}
	found, err := only(document, s.Path)
	if err != nil {
		return 0, err
	}
	if value, err = numberOf(found); err != nil {
		return 0, fmt.Errorf("%s: %w", s.Path, err)
	}
	if s.TimePath == "" {
		return value, nil
	}
	if found, err = only(document, s.TimePath); err != nil {
		return 0, err
	}
	at, err := timeOf(found)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.TimePath, err)
	}
	return value, s.fresh(at, now)
}

// only returns what is at a path, if that is one thing.
func only(document any, path string) (any, error) {
	expression, err := jsonPath(path)
	if err != nil {
		return nil, err
	}
	switch found := expression.Get(document); len(found) {
	case 0:
		return nil, fmt.Errorf("there is nothing at %s in the document", path)
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("%s finds %d places in the document, not one", path, len(found))
	}
}

// numberOf returns the number that a value of JSON is, or that is the text of one.
func numberOf(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case string:
		return number(v)
	case nil:
		return 0, errors.New("null is no number")
	}
	return 0, errors.New("what is there is no number")
}

const latest = 253402300799 // Unix seconds: RFC 3339 ends with the year 9999

// timeOf returns the time that a value of JSON is: a text as RFC 3339 writes it, or a number of Unix seconds.
func timeOf(value any) (time.Time, error) {
	if text, isText := value.(string); isText {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at.UTC(), nil
		}
	}
	seconds, err := numberOf(value)
	if err != nil || !(seconds > 0 && seconds <= latest) {
		return time.Time{}, errors.New("what is there is no time, neither in RFC 3339 nor in Unix seconds")
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
}

// fresh returns an error if a measurement is too old, or yet to come.
func (s Source) fresh(at, now time.Time) error {
	written := at.Format(time.RFC3339)
	switch age := now.Sub(at); {
	case age > s.maxAge():
		return fmt.Errorf("it was measured at %s, more than %s ago", written, s.maxAge())
	case age < -maxAhead:
		return fmt.Errorf("it says that it was measured at %s, which is yet to come: one of the clocks is wrong", written)
	}
	return nil
}
