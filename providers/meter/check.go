package meter

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/ohler55/ojg/jp"

	"launchpad.net/cdplan/providers/resource"
)

// Which messages of a queue count.
const (
	countReady          = "ready"
	countUnacknowledged = "unacknowledged"
	countBoth           = "both"
)

// need says which keys a metric needs, and which it knows beside them.
type need struct {
	metric      string
	needs, with []string
}

var needs = []need{
	{rabbitMQ, []string{"url", "queue", "user", "password_file"}, []string{"vhost", "count"}},
	{prometheus, []string{"url", "query"}, []string{"user", "password_file", "token_file"}},
	{document, []string{"url", "path"}, []string{"time_path", "max_age", "user", "password_file", "token_file"}},
	{program, []string{"command"}, nil},
}

// key is one that a person may have set, and what belongs to one metric and not to another.
type key struct{ name, value string }

func (s Source) keys() []key {
	return []key{
		{"url", s.URL}, {"vhost", s.VHost}, {"queue", s.Queue}, {"count", s.Count}, {"query", s.Query}, {"path", s.Path}, {"time_path", s.TimePath},
		{"max_age", s.MaxAge}, {"command", s.Command}, {"user", s.User}, {"password_file", s.PasswordFile}, {"token_file", s.TokenFile},
	}
}

// Check returns what is wrong with s as far as it can be told without asking anybody, and nil if nothing is. Addr is not set.
func (s Source) Check() *resource.AttrError {
	for _, check := range []func() *resource.AttrError{s.checkMetric, s.checkKeys, s.checkURL, s.checkLogin, s.checkCount, s.checkPaths, s.checkCommand} {
		if fault := check(); fault != nil {
			return fault
		}
	}
	return nil
}

func invalid(attr, format string, args ...any) *resource.AttrError {
	return &resource.AttrError{Attr: attr, Summary: "Invalid value", Detail: fmt.Sprintf(format, args...)}
}

func missing(attr, format string, args ...any) *resource.AttrError {
	return &resource.AttrError{Attr: attr, Summary: "Missing key", Detail: fmt.Sprintf(format, args...)}
}

func (s Source) checkMetric() *resource.AttrError {
	var known []string
	for _, n := range needs {
		known = append(known, n.metric)
	}
	switch {
	case s.Metric == "":
		return missing("metric", "The key \"metric\" says what the load is: one of %s.", strings.Join(known, ", "))
	case !slices.Contains(known, s.Metric):
		return invalid("metric", "There is no metric %q, but %s.%s", s.Metric, strings.Join(known, ", "), didYouMean(s.Metric, known))
	}
	return nil
}

// didYouMean returns a sentence that names the nearest of the known names, with a space before it; "" if none is near.
func didYouMean(name string, known []string) string {
	distance := func(candidate string) int { return levenshtein.Distance(strings.ToLower(name), candidate, nil) }
	near := slices.MinFunc(known, func(a, b string) int { return distance(a) - distance(b) })
	if distance(near) > len(near)/3 {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", near)
}

// checkKeys returns the first key that belongs to another metric, or else the first that lacks.
func (s Source) checkKeys() *resource.AttrError {
	own := needs[slices.IndexFunc(needs, func(n need) bool { return n.metric == s.Metric })]
	given := map[string]bool{}
	for _, key := range s.keys() {
		given[key.name] = strings.TrimSpace(key.value) != ""
		if given[key.name] && !slices.Contains(own.needs, key.name) && !slices.Contains(own.with, key.name) {
			return &resource.AttrError{Attr: key.name, Summary: "Key of another metric",
				Detail: fmt.Sprintf("The metric %q has no key %q; that belongs to %s.", s.Metric, key.name, strings.Join(owners(key.name), " and "))}
		}
	}
	for _, name := range own.needs {
		if !given[name] {
			return missing(name, "The metric %q needs the key %q.", s.Metric, name)
		}
	}
	return nil
}

// owners returns the metrics that have a key.
func owners(name string) []string {
	var found []string
	for _, n := range needs {
		if slices.Contains(n.needs, name) || slices.Contains(n.with, name) {
			found = append(found, fmt.Sprintf("%q", n.metric))
		}
	}
	return found
}

func (s Source) checkURL() *resource.AttrError {
	if s.URL == "" {
		return nil
	}
	u, err := url.Parse(s.URL)
	switch {
	case u != nil && u.User != nil || err != nil && strings.Contains(s.URL, "@"): // where nobody can tell what it is, it may be a password
		return &resource.AttrError{Attr: "url", Summary: "Password in a branch",
			Detail: "There is a user or a password in the URL, and a branch is no place for a password: name user and password_file."}
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return invalid("url", "The URL has to be one such as https://HOST:PORT, with http or https.")
	case s.Metric != document && strings.ContainsAny(s.URL, "?#"):
		return invalid("url", "The URL is the one that all others begin with: leave out what begins with \"?\" or \"#\".")
	}
	return nil
}

func (s Source) checkLogin() *resource.AttrError {
	switch {
	case strings.Contains(s.User, ":"):
		return invalid("user", "A user has no colon in the name. If the password is behind it: a branch is no place for a password, name password_file.")
	case s.TokenFile != "" && (s.User != "" || s.PasswordFile != ""):
		return &resource.AttrError{Attr: "token_file", Summary: "Two ways to log in",
			Detail: "A token is in the place of user and password. Keep either \"token_file\", or \"user\" and \"password_file\"."}
	case s.User != "" && s.PasswordFile == "":
		return missing("password_file", "The user has a password: say by the key \"password_file\" which file it is in.")
	case s.PasswordFile != "" && s.User == "":
		return missing("user", "Say by the key \"user\" whose password the file holds.")
	}
	return nil
}

func (s Source) checkCount() *resource.AttrError {
	known := []string{countReady, countUnacknowledged, countBoth}
	if s.Count != "" && !slices.Contains(known, s.Count) {
		return invalid("count", "The messages that count are one of %s, not %q.%s", strings.Join(known, ", "), s.Count, didYouMean(s.Count, known))
	}
	return nil
}

func (s Source) checkPaths() *resource.AttrError {
	for _, key := range []key{{"path", s.Path}, {"time_path", s.TimePath}} {
		if key.value == "" {
			continue
		}
		if _, err := jsonPath(key.value); err != nil {
			return invalid(key.name, "%q is no JSONPath such as $.queues.jobs.length: %s.", key.value, err)
		}
	}
	switch age, err := time.ParseDuration(s.MaxAge); {
	case s.MaxAge == "":
		return nil
	case err != nil || age <= 0:
		return invalid("max_age", "\"max_age\" is a duration such as \"5m\" or \"90s\", not %q.", s.MaxAge)
	case s.TimePath == "":
		return missing("time_path", "Nobody knows how old the number is: say by the key \"time_path\" where the document tells it, or leave out \"max_age\".")
	}
	return nil
}

// jsonPath insists on the $ that every JSONPath begins with, though the library does not.
func jsonPath(text string) (jp.Expr, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, errors.New("it does not begin with $")
	}
	return jp.ParseString(text)
}

func (s Source) checkCommand() *resource.AttrError {
	switch name, _ := s.argv(); {
	case s.Metric != program:
		return nil
	case strings.HasPrefix(name, "-"):
		return invalid("command", "The program has a name that looks like an option.")
	case strings.Contains(name, "/") && !filepath.IsAbs(name):
		return invalid("command", "The program is either a name on PATH or an absolute path, since a relative path begins nowhere.")
	}
	return nil
}
