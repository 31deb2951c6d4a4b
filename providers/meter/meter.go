// Package meter measures the load that says how many units there are to be: the length of a queue in RabbitMQ, a query to Prometheus, a number in a
// JSON document, or what a program prints. It only reads. An answer that leaves a doubt is an error, which says that there is no data; it is never a
// load of 0.
package meter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

const (
	defaultVHost  = "/"
	defaultMaxAge = 5 * time.Minute

	maxAhead = time.Minute // how far the clock of whoever measures may be ahead of ours
	maxLine  = 300
	veil     = "***"
	shortest = 4 // characters of a secret that is hidden in errors: hiding a 1 would hide it everywhere
)

// Attrs returns the attributes that say what is asked for the load. A type that is Sized has them beside its own.
func Attrs() map[string]resource.Attr {
	text := func(doc string) resource.Attr { return resource.Attr{Type: cty.String, Public: true, Doc: doc} }
	masked := func(doc string) resource.Attr { return resource.Attr{Type: cty.String, Doc: doc} }
	metric := text("What is measured: rabbitmq, prometheus, http or command.")
	metric.Required = true
	return map[string]resource.Attr{
		"metric": metric,
		"url": masked("Where it is asked: the management API of RabbitMQ, such as https://mq.internal:15671, Prometheus, such as http://prometheus.internal:9090, or " +
			"the JSON document."),
		"vhost":         text("The virtual host of the queue. The default is /."),
		"queue":         text("The queue whose messages are counted."),
		"count":         text("Which messages count: ready, unacknowledged or both. The default is both."),
		"query":         text("A query in PromQL whose result is one number."),
		"path":          text("Where the number is in the document: a JSONPath such as $.queues.jobs.length."),
		"time_path":     text("Where the document says when it was measured, in RFC 3339 or in Unix seconds: a JSONPath."),
		"max_age":       text("How old a measurement may be by time_path; an older one is no data. The default is 5m."),
		"command":       masked("A program that prints the number, with its arguments, split at blanks. It is on PATH, or an absolute path."),
		"user":          masked("The user to log in as."),
		"password_file": masked("A file whose first line is the user's password. A relative path begins in the service's directory."),
		"token_file":    masked("A file whose first line is a bearer token, in the place of user and password."),
		"directory":     text("The service's directory. cdplan sets it."),
	}
}

// Source is what is asked. It decodes from resource.Part(config, Attrs()).
type Source struct {
	Metric       string `cty:"metric"`
	URL          string `cty:"url"`
	VHost        string `cty:"vhost"`
	Queue        string `cty:"queue"`
	Count        string `cty:"count"`
	Query        string `cty:"query"`
	Path         string `cty:"path"`
	TimePath     string `cty:"time_path"`
	MaxAge       string `cty:"max_age"`
	Command      string `cty:"command"`
	User         string `cty:"user"`
	PasswordFile string `cty:"password_file"`
	TokenFile    string `cty:"token_file"`
	Directory    string `cty:"directory"`
}

// The metrics.
const (
	rabbitMQ   = "rabbitmq"
	prometheus = "prometheus"
	document   = "http"
	program    = "command"
)

// String says what is asked, for people. It holds no secret.
func (s Source) String() string {
	var text string
	switch s.Metric {
	case rabbitMQ:
		text = s.messages() + s.place()
	case prometheus:
		text = "query " + s.Query + s.place()
	case document:
		text = s.Path + s.place()
	case program:
		name, _ := s.argv()
		text = "command " + filepath.Base(name)
	default:
		text = "metric " + strconv.Quote(s.Metric)
	}
	return strings.Join(strings.Fields(text), " ")
}

// messages says which messages of which queue count.
func (s Source) messages() string {
	text := "queue " + s.Queue
	if s.Count == countReady || s.Count == countUnacknowledged {
		text = s.Count + " messages of " + text
	}
	if s.vhost() != defaultVHost {
		text += " of " + s.VHost
	}
	return text
}

func (s Source) place() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return " on " + u.Host
}

// limits say how long an answer is waited for.
type limits struct{ web, program time.Duration }

// Read returns the load: 0 or more, and finite. The error does not repeat what was asked, and holds no secret.
func (s Source) Read(ctx context.Context) (float64, error) {
	return s.read(ctx, time.Now(), limits{web: 10 * time.Second, program: 30 * time.Second})
}

func (s Source) read(ctx context.Context, now time.Time, limits limits) (value float64, err error) {
	if fault := s.Check(); fault != nil {
		return 0, errors.New(fault.Detail)
	}
	login, err := s.login()
	if err != nil {
		return 0, err
	}
	q := question{Source: s, login: login, now: now, limits: limits}
	switch s.Metric {
	case rabbitMQ:
		value, err = q.rabbitMQ(ctx)
	case prometheus:
		value, err = q.prometheus(ctx)
	case document:
		value, err = q.document(ctx)
	default:
		value, err = q.program(ctx)
	}
	if err == nil {
		value, err = load(value)
	}
	if err != nil {
		return 0, q.discreet(err)
	}
	return value, nil
}

// question is a Source that is being asked.
type question struct {
	Source
	login  login
	now    time.Time
	limits limits
}

// discreet returns err without the secrets that the other side may have put into it.
func (q question) discreet(err error) error {
	secrets := []string{q.login.password, q.login.token}
	if u, _ := url.Parse(q.URL); u != nil {
		secrets = append(secrets, u.RawQuery)
	}
	text := err.Error()
	for _, secret := range secrets {
		if len(secret) >= shortest {
			text = strings.ReplaceAll(text, secret, veil)
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// load returns the value if it can be one of a load.
func load(value float64) (float64, error) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return 0, fmt.Errorf("the answer is %v, which nobody can count with", value)
	case value < 0:
		return 0, fmt.Errorf("the answer is %v, and a load is never less than 0", value)
	}
	return math.Abs(value), nil // for there is a -0
}

// number returns the number that a text is. It may be infinite or none, where the text says so.
func number(text string) (float64, error) {
	text = strings.TrimSpace(text)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xX_") { // which are for programmers
		return 0, fmt.Errorf("%q is no number", firstLine(text))
	}
	return value, nil
}

// firstLine returns the first line of a text, and no more of it than can be read.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return shorten(line)
}

// lastLine returns the last.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return shorten(text[strings.LastIndexByte(text, '\n')+1:])
}

func shorten(line string) string {
	return strings.TrimSpace(strings.ToValidUTF8(line[:min(len(line), maxLine)], ""))
}
