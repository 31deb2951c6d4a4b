// Package novatest is a Keystone v3 and a Nova v2.1 on loopback that keep their servers in memory, for tests and for the quick start. It
// answers as a real nova (26.2.2, API 2.1 to 2.93) was measured to answer: paging, filters, the limits of metadata, the states in which
// it may be written, error bodies, microversions and tokens. It boots no machine, and it leaves out tags, sorting, server actions,
// volumes and networks.
//
// A Cloud is the state and the API; a Server makes it listen. The methods of a Cloud that are not the API are for the test's side: they
// look at the state, change it behind the client's back, and make the API fail.
package novatest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what kind of cloud it is. The zero value is a cloud of one region, RegionOne, with one user, demo.
type Options struct {
	Regions     []string         // one nova each, under one keystone; default RegionOne
	Users       []User           // default: demo, password secret, in project demo
	Credentials []Credential     // application credentials; default none
	MaxLimit    int              // servers in a page; default 1000
	MaxMeta     int              // metadata items of a server; default 128
	Boot        time.Duration    // how long a new server stays BUILD; zero: ACTIVE at once
	TokenTTL    time.Duration    // default one hour
	Now         func() time.Time // default time.Now; must be safe for concurrent use
}

// User may log in with a password, in the domain Default, to one project.
type User struct {
	Name     string
	Password string
	Project  string
	Admin    bool // sees every project and may write to locked servers
}

// Credential is an application credential, by which a user logs in to the user's project.
type Credential struct {
	ID      string
	Name    string
	Secret  string
	User    string // name of its owner, one of Options.Users
	Expired bool
	Rules   []string // what it may call, such as "POST /v2.1/servers/*/metadata", * being one segment; empty: all
}

// Cloud is the state of a keystone and of a nova per region. It is safe for concurrent use.
type Cloud struct {
	options Options

	mu       sync.Mutex        // guards options.Credentials, too
	serial   int               // counts servers and tokens, so that every id is new
	servers  []*server         // in the order of their making, deleted ones too
	byID     map[string]int    // index in servers
	tokens   map[string]*token // by what the client sends
	requests []Request
	faults   []*armed
	down     map[string]bool // by region
}

// New returns a cloud without servers.
func New(options Options) *Cloud {
	c := &Cloud{
		options: withDefaults(options),
		byID:    map[string]int{},
		tokens:  map[string]*token{},
		down:    map[string]bool{},
	}
	return c
}

func withDefaults(o Options) Options {
	o.Regions = slices.Clone(o.Regions)
	if len(o.Regions) == 0 {
		o.Regions = []string{"RegionOne"}
	}
	o.Users = slices.Clone(o.Users)
	if len(o.Users) == 0 {
		o.Users = []User{{Name: "demo", Password: "secret", Project: "demo"}}
	}
	o.Credentials = slices.Clone(o.Credentials)
	if o.MaxLimit == 0 {
		o.MaxLimit = 1000
	}
	if o.MaxMeta == 0 {
		o.MaxMeta = 128
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Handler returns the API: keystone at / and /v3, and the nova of a region at /nova/REGION/v2.1.
func (c *Cloud) Handler() http.Handler {
	return http.HandlerFunc(c.serve)
}

// call is one request on its way through the API.
type call struct {
	*Cloud
	r     *http.Request
	body  []byte
	lost  bool // the answer is given, the change is not kept
	reg   string
	minor int // of the microversion, 2.minor
	token *token
}

func (c *Cloud) serve(w http.ResponseWriter, r *http.Request) {
	c.log(r)
	f := c.faultFor(r)
	if f.stop(w, r) {
		return
	}
	body, err := readBody(r)
	if err != nil {
		failed(err).write(w)
		return
	}
	k := &call{Cloud: c, r: r, body: body, lost: f.Lost}
	reply := k.locked()
	if f.CutAnswer {
		panic(http.ErrAbortHandler) // closes the connection, quietly
	}
	reply.write(w)
}

// locked serves the call under the cloud's lock. What it returns is written after the lock is released: it shares nothing that changes.
func (k *call) locked() answer {
	k.mu.Lock()
	defer k.mu.Unlock()
	path := strings.Split(strings.TrimPrefix(k.r.URL.Path, "/"), "/")
	if path[0] == "nova" && len(path) > 1 && slices.Contains(k.options.Regions, path[1]) {
		k.reg = path[1]
		return k.nova(path[2:])
	}
	return k.keystone(path)
}

// base returns the URL by which the client reached the cloud.
func (k *call) base() string {
	return "http://" + k.r.Host
}

// novaURL returns the address of a region's nova.
func (k *call) novaURL(region string) string {
	return k.base() + "/nova/" + url.PathEscape(region) + "/v2.1"
}
