package novatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong with the requests it matches. The first four fields say which; empty ones match all.
type Fault struct {
	Method string                   // such as "POST"
	Path   string                   // a part of the path, such as "/metadata"
	Match  func(*http.Request) bool // called without a lock, so it may call the Cloud's methods; it must not read the body
	Times  int                      // how many requests it meets; zero: all, until ClearFaults

	Delay      time.Duration // waited first; ends early when the client goes away
	Cut        bool          // the connection is closed, nothing done
	CutAnswer  bool          // the request is carried out, but the connection is closed before the answer
	Lost       bool          // a write is answered as usual, but not kept
	Status     int           // answered instead, such as 429; 401 has keystone's body and header
	Body       string        // with Status; default is nova's own shape
	RetryAfter string        // with Status: the header Retry-After
}

// armed is a fault that waits for its requests.
type armed struct {
	Fault
	left int // negative: never used up
}

// Inject adds faults. Of those that match a request the first counts.
func (c *Cloud) Inject(faults ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range faults {
		left := f.Times
		if left == 0 {
			left = -1
		}
		c.faults = append(c.faults, &armed{Fault: f, left: left})
	}
}

// ClearFaults ends all faults. Regions that are down stay so.
func (c *Cloud) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// SetDown says whether the nova of a region is down: all its requests get 503 and a page of HTML, as from a proxy in front of it.
func (c *Cloud) SetDown(region string, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[region] = down
}

// faultFor returns the fault that r meets, used up by one; the zero Fault if none.
func (c *Cloud) faultFor(r *http.Request) Fault {
	c.mu.Lock()
	faults := slices.Clone(c.faults)
	down := c.isDown(r)
	c.mu.Unlock()
	if down {
		return Fault{Status: http.StatusServiceUnavailable, Body: "<html><body><h1>503 Service Unavailable</h1></body></html>\n"}
	}
	for _, f := range faults {
		if f.matches(r) && c.use(f) {
			return f.Fault
		}
	}
	return Fault{}
}

func (c *Cloud) isDown(r *http.Request) bool {
	for region, down := range c.down {
		if down && strings.HasPrefix(r.URL.Path, "/nova/"+region+"/") {
			return true
		}
	}
	return false
}

func (c *Cloud) use(f *armed) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.left > 0 {
		f.left--
		return true
	}
	return f.left < 0
}

func (f *Fault) matches(r *http.Request) bool {
	return (f.Method == "" || f.Method == r.Method) &&
		strings.Contains(r.URL.Path, f.Path) &&
		(f.Match == nil || f.Match(r))
}

// stop does what the fault does before the request is served, and says whether that was all.
func (f *Fault) stop(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return true
		}
	}
	if f.Cut {
		panic(http.ErrAbortHandler) // closes the connection, quietly
	}
	if f.Status == 0 {
		return false
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	f.answer(w, r)
	return true
}

func (f *Fault) answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Body != "":
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // fails only when the client has gone
	case f.Status == http.StatusUnauthorized:
		unauthorized("http://" + r.Host).write(w)
	default:
		failed(fail(f.Status, "%s", http.StatusText(f.Status))).write(w)
	}
}

// Request is one request that the cloud has seen, faulty or not.
type Request struct {
	Method string
	Path   string
	Query  string // as sent, without the question mark
}

// String returns the request's first line, such as "GET /nova/RegionOne/v2.1/servers/detail?limit=2".
func (r Request) String() string {
	if r.Query == "" {
		return r.Method + " " + r.Path
	}
	return r.Method + " " + r.Path + "?" + r.Query
}

func (c *Cloud) log(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery})
}

// Requests returns the requests seen since the last ResetRequests, in the order of their arrival.
func (c *Cloud) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Count returns how many of Requests have that method and that part in their path. An empty string matches all.
func (c *Cloud) Count(method, path string) int {
	n := 0
	for _, r := range c.Requests() {
		if (method == "" || method == r.Method) && strings.Contains(r.Path, path) {
			n++
		}
	}
	return n
}

// ResetRequests forgets the requests seen.
func (c *Cloud) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}
