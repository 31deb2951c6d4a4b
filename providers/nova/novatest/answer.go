package novatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is the largest body nova reads.
const maxBody = 114688

// answer is what a call returns: a status, and a body to be encoded unless it is nil.
type answer struct {
	status int
	body   any
	header map[string]string
}

func (a answer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(a.body) // fails only when the client has gone
}

func ok(body any) answer {
	return answer{status: http.StatusOK, body: body}
}

// failure is an error in the words of nova.
type failure struct {
	status   int
	message  string
	unrouted bool // refused before nova's own code saw it: another shape of body
}

func (f *failure) Error() string { return f.message }

func fail(status int, format string, values ...any) error {
	return &failure{status: status, message: fmt.Sprintf(format, values...)}
}

func unrouted(status int, message string) error {
	return &failure{status: status, message: message, unrouted: true}
}

// notFound is the error for a path that there is not, and for a method that a path does not have.
func notFound() error {
	return unrouted(http.StatusNotFound, "The resource could not be found.<br /><br />\n\n\n")
}

// failed turns an error into nova's answer.
func failed(err error) answer {
	f := &failure{status: http.StatusInternalServerError, message: err.Error()}
	errors.As(err, &f)
	if f.unrouted {
		title := http.StatusText(f.status)
		return answer{status: f.status, body: map[string]string{
			"message": f.message, "code": fmt.Sprintf("%d %s", f.status, title), "title": title,
		}}
	}
	return answer{status: f.status, body: map[string]any{
		faultName(f.status): map[string]any{"code": f.status, "message": f.message},
	}}
}

func faultName(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "badRequest"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "itemNotFound"
	case http.StatusConflict:
		return "conflictingRequest"
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return "overLimit"
	case http.StatusServiceUnavailable:
		return "serviceUnavailable"
	}
	return "computeFault"
}

// unauthorized is the one 401 that keystone and nova give for every cause.
func unauthorized(base string) answer {
	return answer{
		status: http.StatusUnauthorized,
		body:   identityError(http.StatusUnauthorized, "The request you have made requires authentication."),
		header: map[string]string{"WWW-Authenticate": fmt.Sprintf("Keystone uri=%q", base)},
	}
}

func identityError(status int, message string) any {
	return map[string]any{"error": map[string]any{
		"code": status, "title": http.StatusText(status), "message": message,
	}}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "cannot read request: %v", err)
	}
	if len(body) > maxBody {
		return nil, unrouted(http.StatusRequestEntityTooLarge, "Request is too large.<br /><br />\n\n\n")
	}
	return body, nil
}

// object decodes the body, which must be a JSON object.
func (k *call) object() (map[string]any, error) {
	if len(k.body) == 0 {
		return nil, fail(http.StatusBadRequest, "None is not of type 'object'")
	}
	d := json.NewDecoder(strings.NewReader(string(k.body)))
	d.UseNumber()
	var body any
	if err := d.Decode(&body); err != nil || d.More() {
		return nil, fail(http.StatusBadRequest, "Malformed request body")
	}
	o, isObject := body.(map[string]any)
	if !isObject {
		return nil, fail(http.StatusBadRequest, "%s is not of type 'object'", python(body))
	}
	return o, nil
}

// member decodes a body of exactly one member, an object.
func (k *call) member(name string) (map[string]any, error) {
	body, err := k.object()
	if err != nil {
		return nil, err
	}
	inner, found := body[name]
	if !found {
		return nil, fail(http.StatusBadRequest, "'%s' is a required property", name)
	}
	for extra := range body {
		if extra != name {
			return nil, fail(http.StatusBadRequest, "Additional properties are not allowed ('%s' was unexpected)", extra)
		}
	}
	o, isObject := inner.(map[string]any)
	if !isObject {
		return nil, invalid(name, inner, "is not of type 'object'")
	}
	return o, nil
}
