package bzr

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const okHello = banner + "\x00\x00\x00\x02deoSs\x00\x00\x00\x09l2:ok1:2ee"

// answerOf returns the message with the status and the bencoded arguments.
func answerOf(status byte, args string) string {
	return fmt.Sprintf("%s\x00\x00\x00\x02deo%cs%s%se", banner, status, []byte{0, 0, byte(len(args) >> 8), byte(len(args))}, args)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// awaitPort waits until somebody listens.
func awaitPort(t testing.TB, port string) {
	t.Helper()
	for range 200 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nobody listens on port %s", port)
}

// fake serves each connection with f and returns its bzr:// URL.
func fake(t testing.TB, f func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				f(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return "bzr://" + l.Addr().String()
}

// readRequest reads one request. It returns false at the end.
func readRequest(r *bufio.Reader) (q request, ok bool) {
	head := make([]byte, len(banner)+4+2+1)
	if _, err := io.ReadFull(r, head); err != nil {
		return q, false
	}
	args, err := readSized(r, maxBody)
	if err != nil {
		return q, false
	}
	end, err := r.ReadByte()
	if err == nil && end == 'b' {
		if q.body, err = readSized(r, maxBody); err == nil {
			end, err = r.ReadByte()
		}
	}
	list, errList := parseArguments(args)
	if err != nil || end != 'e' || errList != nil {
		return q, false
	}
	q.verb = string(list[0].(bstring))
	if len(list) > 1 {
		q.dir, q.args = string(list[1].(bstring)), list[2:]
	}
	return q, true
}

// readVerb reads one request and returns its verb, or "" at the end.
func readVerb(r *bufio.Reader) string {
	q, _ := readRequest(r)
	return q.verb
}

// answering greets as it should and says text to everything else.
func answering(text string) func(net.Conn) {
	return answeringBy(func() string { return text })
}

// answeringBy greets as it should and says to everything else what say returns. It ends when that is nothing.
func answeringBy(say func() string) func(net.Conn) {
	return func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			switch readVerb(r) {
			case "":
				return
			case "hello":
				_, _ = io.WriteString(c, okHello)
			default:
				text := say()
				_, _ = io.WriteString(c, text)
				if text == "" {
					return
				}
			}
		}
	}
}

func impatient(t testing.TB) providers.Provider {
	return opened(t, map[string]cty.Value{"command": cty.StringVal("/nonexistent/brz"), "timeout": cty.StringVal("300ms")})
}

func TestHostileServers(t *testing.T) {
	head := banner + "\x00\x00\x00\x02de"
	for text, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n":              "does not speak version 3",
		banner + "\xff\xff\xff\xff":                     "announces 4294967295 bytes, more than the 1048576",
		head + "oSs\xff\xff\xff\xff":                    "announces 4294967295 bytes",
		head + "oSs\x00\x00\x00\x02leb\xff\xff\xff\xff": "announces 4294967295 bytes, more than the 16777216",
		head + "oSs\x00\x00\x00\x0499:x":                "a string is said to be 99 bytes",
		head + "oSs\x00\x00\x00\x02lxe":                 "",
		head + "oSe":                                    "message ends early",
		head + "b\x00\x00\x00\x00":                      `a part 'b' where none can be`,
		head + "oX":                                     "the status 'X'",
		head + "oS":                                     "no answer within 300ms",
		"":                                              "the server closed the connection",
		answerOf('S', "l2:ok1:x2:ide"):                  "the branch is damaged",
		answerOf('S', "l2:ok1:73:a be"):                 "the branch is damaged",
		answerOf('S', "l2:oki7e2:ide"):                  "is not installed", // for brz to know
		answerOf('E', "l13:UnknownMethod1:xe"):          "is not installed",
		answerOf('E', "l5:error9:TypeError1:xe"):        "is not installed",
		answerOf('E', "l8:nobranche"):                   "no branch at",
		answerOf('E', "l5:error14:NotBranchErrore"):     "is not installed", // the second question gets the same answer
	} {
		root := fake(t, answering(text))
		r := read(t, impatient(t), wanted("app", root+"/b"))[0]
		checkFailure(t, r, "", want)
	}
}

func TestHostileAnswersToPins(t *testing.T) {
	tip := answerOf('S', "l2:ok1:72:ide")
	for _, test := range []struct{ pin, answer, want string }{
		{"revid=x", answerOf('S', "le"), "is not installed"},
		{"revid=x", answerOf('S', "l2:oke"), "is not installed"},
		{"revid=x", answerOf('S', "l2:ok2:-1e"), "is not installed"},
		{"revid=x", answerOf('S', "l2:ok1:1i2ee"), "is not installed"},
		{"revid=x", answerOf('E', "l25:GhostRevisionsHaveNoRevno1:x1:ye"), "is not installed"},
		{"revid=x", answerOf('E', "l14:NoSuchRevision1:xe"), "is not installed"}, // nor is it said whether the branch is stacked
		{"tag=x", answerOf('S', "le"), "is not installed"},
		{"tag=x", answerOf('S', "li1ee"), "is not installed"},
		{"tag=x", answerOf('S', "l3:xxxe"), "its tags cannot be read"},
		{"tag=x", answerOf('S', "l10:d1:x3:a bee"), "its tags cannot be read"},
		{"tag=x", answerOf('S', "l10:d1:x2:id1:e"), "its tags cannot be read"},
		{"tag=x", answerOf('S', "l12:d1:x5:null:ee"), "names the revision null:, which is not in the branch"},
		{"tag=x", answerOf('S', "l2:dee"), "has no tag x"},
		{"revno=3", answerOf('S', "le"), "is not installed"},
		{"revno=3", answerOf('S', "l2:ok0:4:true4:true4:true3:fmte"), "is not installed"},
	} {
		root := fake(t, func(c net.Conn) {
			for r := bufio.NewReader(c); ; {
				switch readVerb(r) {
				case "":
					return
				case "hello":
					_, _ = io.WriteString(c, okHello)
				case "Branch.last_revision_info":
					_, _ = io.WriteString(c, tip)
				default:
					_, _ = io.WriteString(c, test.answer)
				}
			}
		})
		r := read(t, impatient(t), wanted("app", root+"/b;"+test.pin))[0]
		if r.Err == nil || !strings.Contains(r.Err.Error(), test.want) {
			t.Errorf("%s, %q: got %v, want %q", test.pin, test.answer, r.Err, test.want)
		}
	}
}

func TestServersThatNeverGreet(t *testing.T) {
	reset := fake(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) })
	silent := fake(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	var want []resource.Wanted
	for i := range 200 {
		want = append(want, wanted("app", fmt.Sprintf("%s/%d", silent, i)), wanted("app", fmt.Sprintf("%s/%d", reset, i)))
	}
	local := newBranch(t, t.TempDir()+"/b", "2a", "1")
	want = append(want, wanted("app", local), wanted("app", "bzr://127.0.0.1:"+freePort(t)+"/b"))
	got := read(t, impatient(t), want...)
	late := 0
	for i := range 200 {
		switch text := got[2*i].Err.Error(); {
		case strings.Contains(text, "no answer within 300ms"):
			late++
		case !strings.Contains(text, "given up"):
			t.Errorf("got %q", text)
		}
		checkFailure(t, got[2*i+1], "", "cannot connect: ")
	}
	if late > 2*webConnections {
		t.Errorf("%d look-ups waited for a host that does not answer", late)
	}
	if revision(t, got[400]) != info(t, local) {
		t.Errorf("got %#v", got[400])
	}
	checkFailure(t, got[401], "", "connection refused")
}

// counted is a server that knows how its connections are used.
type counted struct {
	connections, overlaps, asked atomic.Int64
	each                         int // answers before a connection is closed; 0 is no limit
}

func (s *counted) serve(c net.Conn) {
	s.connections.Add(1)
	r := bufio.NewReader(c)
	for n := 0; ; n++ {
		verb := readVerb(r)
		if r.Buffered() > 0 {
			s.overlaps.Add(1)
		}
		switch {
		case verb == "" || s.each > 0 && n > s.each:
			return
		case verb == "hello":
			_, _ = io.WriteString(c, okHello)
		default:
			s.asked.Add(1)
			_, _ = io.WriteString(c, answerOf('S', "l2:ok1:72:ide"))
		}
	}
}

func TestConnections(t *testing.T) {
	for name, test := range map[string]struct {
		far         time.Duration
		parallelism int64
		each        int
		least, most int64
	}{
		"near":   {math.MaxInt64, 16, 0, 1, 1},
		"far":    {0, 16, 0, 1, smartConnections},
		"closed": {math.MaxInt64, 1, 4, 25, 100},
	} {
		s := &counted{each: test.each}
		root := fake(t, s.serve)
		p := opened(t, map[string]cty.Value{"parallelism": cty.NumberIntVal(test.parallelism)})
		p.(*provider).smart.far = test.far
		var want []resource.Wanted
		for i := range 100 {
			want = append(want, wanted("app", fmt.Sprintf("%s/%d", root, i)))
		}
		for _, r := range read(t, p, want...) {
			if got := revision(t, r); got.ID != "id" || got.Revno != "7" {
				t.Errorf("%s: got %s", name, got)
			}
		}
		if n := s.connections.Load(); n < test.least || n > test.most {
			t.Errorf("%s: %d connections, want %d to %d", name, n, test.least, test.most)
		}
		if s.overlaps.Load() > 0 || s.asked.Load() != 100 {
			t.Errorf("%s: %d requests, %d of them before the answer to the one before", name, s.asked.Load(), s.overlaps.Load())
		}
	}
}

func TestBusyServerIsNotFarAway(t *testing.T) {
	const far = 200 * time.Millisecond
	var connections atomic.Int64
	root := fake(t, func(c net.Conn) {
		connections.Add(1)
		greetings := 0
		for r := bufio.NewReader(c); ; {
			switch readVerb(r) {
			case "":
				return
			case "hello":
				if greetings++; greetings <= trips { // one more will be quick
					time.Sleep(far + far/4)
				}
				_, _ = io.WriteString(c, okHello)
			default:
				_, _ = io.WriteString(c, answerOf('S', "l2:ok1:72:ide"))
			}
		}
	})
	p := withoutBrz(t)
	p.(*provider).smart.far = far
	var want []resource.Wanted
	for i := range 100 {
		want = append(want, wanted("app", fmt.Sprintf("%s/%d", root, i)))
	}
	for _, r := range read(t, p, want...) {
		revision(t, r)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections to a server that is near", n)
	}
}

func TestAllPlacesAreUsedFarAway(t *testing.T) {
	var mu sync.Mutex
	together := make(chan struct{})
	waiting := 0
	root := fake(t, answeringBy(func() string {
		mu.Lock()
		if waiting++; waiting == smartConnections {
			close(together)
		}
		mu.Unlock()
		<-together // nobody gets an answer before all connections are in use
		return answerOf('S', "l2:ok1:72:ide")
	}))
	p := withoutBrz(t)
	p.(*provider).smart.far = 0
	var want []resource.Wanted
	for i := range smartConnections {
		want = append(want, wanted("app", fmt.Sprintf("%s/%d", root, i)))
	}
	for _, r := range read(t, p, want...) {
		revision(t, r)
	}
}

func TestPace(t *testing.T) {
	const few, many = 2, 5
	for name, test := range map[string]struct {
		slow time.Duration
		want int64
	}{"quick": {time.Hour, few}, "slow": {time.Millisecond, many}} {
		var calls, now, over atomic.Int64
		together := make(chan struct{})
		arrive := sync.OnceFunc(func() {
			time.Sleep(10 * time.Millisecond) // in which one too many would come
			close(together)
		})
		pace{few: few, many: many, slow: test.slow}.forEach(100, func(int) {
			defer now.Add(-1)
			n := now.Add(1)
			if n > test.want {
				over.Add(1)
			}
			if calls.Add(1) <= many { // more than have to be slow
				time.Sleep(2 * time.Millisecond)
				return
			}
			if n == test.want {
				arrive()
			}
			<-together // nobody returns before as many are here as may be
		})
		if calls.Load() != 100 || over.Load() > 0 {
			t.Errorf("%s: %d calls, %d of them beside too many others", name, calls.Load(), over.Load())
		}
	}
}

func TestHostileWeb(t *testing.T) {
	page := "<html>" + strings.Repeat("x", 2*maxSmall)
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"page":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }, "is not installed"},
		"long":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "1 "+page[6:]) }, "is not installed"},
		"password": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "is not installed"},
		"trouble":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "the server answers 502 Bad Gateway"},
		"away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "cannot follow the redirection"},
		"circle": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "more than 8 redirections"},
		"stall":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer within 300ms"},
		"early":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the server closed the connection"},
	} {
		web := httptest.NewServer(test.serve)
		r := read(t, impatient(t), wanted("app", web.URL+"/b"))[0]
		checkFailure(t, r, "", test.want)
		if t.Failed() {
			t.Log(name)
		}
		web.CloseClientConnections()
		web.Close()
	}
}

func TestCancelledCallLeavesNoConnection(t *testing.T) {
	root := fake(t, answering(banner))
	ctx, cancel := context.WithCancel(t.Context())
	p := withoutBrz(t).(*provider)
	u, _ := location{remote: root + "/b"}.direct()
	s := p.smart.server(hostOf(u))
	c, err := s.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.call(ctx, request{verb: "x"}.encode("")); err != context.Canceled || !c.spent {
		t.Errorf("got %v, spent %v", err, c.spent)
	}
	s.release(c)
	if len(s.idle) != 0 || len(s.places)+s.open == 0 {
		t.Errorf("the connection is kept")
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{okHello, answerOf('E', "l5:errori-7ele1:xe"), banner, banner + "\x00\x00\x00\x02deoSs\x00\x00\x00\x02le" +
		"b\x00\x00\x00\x01xoEs\x00\x00\x00\x02lee", banner + "\x00\x00\x00\x02deoSs\xff\xff\xff\xff", banner + "\x00\x00\x00\x02deoSe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readReply(bufio.NewReader(strings.NewReader(text)))
		if err == nil && (got.args == nil || len(got.body) > len(text)) {
			t.Errorf("%q is taken for %+v", text, got)
		}
		_, _ = got.texts("ok", 3)
		_ = got.failure()
	})
}

func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"le", "l2:ok1:7e", "li-7eli0eee", "l01:xe", "li-0ee", "llllllllllllleeeeeeeeeeeee", "l99:xe", "lxe",
		"ld1:ai1e1:bdeee", "ld1:bi1e1:ai1eee", "ld1:ai1e1:ai1eee", "ldi1ei1eee", "ld1:ae", "lddddddddddeeeeeeeeeee"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseArguments([]byte(text))
		if err != nil {
			return
		}
		if again := string(got.bencode(nil)); again != text && (len(again) != len(text) || !strings.Contains(text, "d")) {
			t.Errorf("%q is understood as %q", text, again) // it may tell only the keys of dictionaries in another order
		}
		if twice, err := parseArguments(got.bencode(nil)); err != nil || !reflect.DeepEqual(got, twice) {
			t.Errorf("%q: %v, %v", text, twice, err)
		}
	})
}
