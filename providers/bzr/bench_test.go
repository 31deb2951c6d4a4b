package bzr

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

const (
	few, many = 1000, 5000 // branches

	sample = 20                    // branches of which brz is asked
	delay  = 10 * time.Millisecond // each way, of what is far away
)

// BenchmarkTips reads the tips of many branches, in one Read of a provider that was just opened: connections and logins are included. Beside
// the time it says how many times as long others took for a tip, over the same transport and in the same run:
//
//   - x-brz: one "brz revno" for each branch, as 20 of them did;
//   - x-python: one process of Python that opens one branch after the other with breezy, over shared connections, and asks for its last
//     revision. Its start is left out;
//   - x-bare: the same requests for 1,000 branches over as many connections, each sent when the one before is answered, and nothing else. That
//     is what the server itself can answer.
//
// B/branch is the most memory in use at one time while reading, per branch, questions and connections included. The branches are copies of one,
// in a shared repository; "20ms" are those behind a relay that holds back what it passes on.
func BenchmarkTips(b *testing.B) {
	dir := b.TempDir()
	names := benchBranches(b, dir)
	b.Run("local", func(b *testing.B) { source{root: dir}.bench(b, names, few, many) })
	b.Run("http", func(b *testing.B) { source{root: serveFiles(b, dir)}.bench(b, names, few, many) })
	b.Run("bzr", func(b *testing.B) { source{root: serve(b, dir), connections: 1}.bench(b, names, few, many) })
	b.Run("bzr+ssh", func(b *testing.B) {
		root := secureShell(b)
		b.Setenv("BZR_REMOTE_PATH", "brz")
		source{root: root + dir, connections: 1}.bench(b, names, few, many)
	})
	b.Run("http-20ms", func(b *testing.B) { source{root: farAwayFrom(b, serveFiles(b, dir))}.bench(b, names, few) })
	b.Run("bzr-20ms", func(b *testing.B) {
		source{root: farAwayFrom(b, serve(b, dir)), connections: smartConnections}.bench(b, names, few)
	})
}

// benchBranches makes branches in a shared repository at dir, and returns their names.
func benchBranches(b *testing.B, dir string) []string {
	brz(b, "/", "init-shared-repository", "-q", dir)
	origin := newBranch(b, dir+"/origin", "2a", "1")
	files := make(map[string]string)
	for _, name := range []string{"branch-format", "branch/format", "branch/last-revision", "branch/branch.conf", "branch/tags"} {
		data, err := os.ReadFile(filepath.Join(origin, ".bzr", name))
		if err != nil {
			b.Fatal(err)
		}
		files[name] = string(data)
	}
	var names []string
	for i := range many {
		name := fmt.Sprintf("b%04d", i)
		for file, text := range files {
			write(b, filepath.Join(dir, name, ".bzr", file), text)
		}
		names = append(names, name)
	}
	return names
}

// serveFiles serves the directory as plain files, and returns the URL of it.
func serveFiles(b *testing.B, dir string) string {
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	b.Cleanup(web.Close)
	return web.URL
}

// source is where the branches are found.
type source struct {
	root        string // directory or URL
	connections int    // to a smart server; 0 if there is none
}

// bench reads the first of the branches named, as many as each size says.
func (s source) bench(b *testing.B, names []string, sizes ...int) {
	brzTip, pythonTip, bare := s.timeBrz(b, names[:sample]), s.timePython(b, names[:few]), s.compareBare(b, names[:few])
	for _, n := range sizes {
		peak := s.peak(b, names[:n])
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				s.read(b, names[:n])
			}
			tip := b.Elapsed() / time.Duration(b.N*n)
			b.ReportMetric(float64(brzTip)/float64(tip), "x-brz")
			b.ReportMetric(float64(pythonTip)/float64(tip), "x-python")
			if s.connections > 0 && n == few {
				b.ReportMetric(bare, "x-bare")
			}
			b.ReportMetric(float64(peak)/float64(n), "B/branch")
		})
	}
}

// read opens a provider that cannot run brz, and reads the tips.
func (s source) read(b *testing.B, names []string) []resource.Reading {
	p, err := open(b.Context(), object(configSchema(), map[string]cty.Value{"command": cty.StringVal("/nonexistent/brz")}))
	if err != nil {
		b.Fatal(err)
	}
	var want []resource.Wanted
	for _, name := range names {
		want = append(want, wanted("app", s.root+"/"+name))
	}
	readings := read(b, p, want...)
	for _, r := range readings {
		if revision(b, r).Revno != "1" {
			b.Fatalf("got %+v", r)
		}
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
	return readings
}

// peak returns the most memory that was in use at one time while the tips were read, without what was in use before, and without garbage.
func (s source) peak(b *testing.B, names []string) uint64 {
	before := inUse()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		for most := before; ; most = max(most, inUse()) {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	readings := s.read(b, names)
	after := inUse()
	runtime.KeepAlive(readings)
	close(stop)
	return max(<-peak, after) - before
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// timeBrz returns how long brz takes for a tip.
func (s source) timeBrz(b *testing.B, names []string) time.Duration {
	began := time.Now()
	for _, name := range names {
		if got := brz(b, "/", "revno", s.root+"/"+name); got != "1\n" {
			b.Fatalf("brz says %q", got)
		}
	}
	return time.Since(began) / time.Duration(len(names))
}

// tipsInPython prints how many seconds it takes to read a tip of the branches named, below the root that comes first. It reads one beforehand,
// for what breezy imports late, and as many after that as two seconds allow.
const tipsInPython = `
import sys, time
import breezy, breezy.bzr
from breezy.branch import Branch

def read(name):
    assert Branch.open(root + "/" + name, possible_transports=shared).last_revision_info()[0] == 1

breezy.initialize()
shared, root, names = [], sys.argv[1], sys.argv[2:]
read(names.pop())
began = time.perf_counter()
for done, name in enumerate(names, 1):
    read(name)
    if time.perf_counter() - began > 2:
        break
print((time.perf_counter() - began) / done)
`

// timePython returns how long breezy takes for a tip.
func (s source) timePython(b *testing.B, names []string) time.Duration {
	cmd := exec.Command(breezyPython, append([]string{"-c", tipsInPython, s.root}, names...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s", breezyPython, err, stderr.String())
	}
	tip, err := time.ParseDuration(strings.TrimSpace(string(out)) + "s")
	if err != nil {
		b.Fatal(err)
	}
	return tip
}

// compareBare returns how many times as long as a Read the requests alone take, 0 where there is no smart server. Both are done in turn, and the
// quickest count: other work on the machine disturbs some.
func (s source) compareBare(b *testing.B, names []string) float64 {
	if s.connections == 0 {
		return 0
	}
	bare, whole := time.Hour, time.Hour
	for range 5 {
		began := time.Now()
		s.askAll(b, names)
		bare = min(bare, time.Since(began))
		began = time.Now()
		s.read(b, names)
		whole = min(whole, time.Since(began))
	}
	return float64(bare) / float64(whole)
}

// askAll has a smart server answer the requests alone. It takes one connection after the other.
func (s source) askAll(b *testing.B, names []string) {
	u, _ := location{remote: s.root}.direct()
	next := make(chan string)
	var all sync.WaitGroup
	for range s.connections {
		l, err := new(provider).dial(b.Context(), hostOf(u))
		if err == nil {
			_, err = roundTrip(b.Context(), newConn(l))
		}
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			defer func() { _ = l.Close() }()
			for name := range next {
				if err := askBare(l, u.Path+"/"+name); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	all.Wait()
}

// askBare asks for a tip and takes what comes until the answer is at its end.
func askBare(l link, dir string) error {
	if _, err := l.Write(request{verb: "Branch.last_revision_info", dir: dir}.encode(dir)); err != nil {
		return err
	}
	var answer []byte
	for !bytes.HasSuffix(answer, []byte("ee")) {
		chunk := make([]byte, 512)
		n, err := l.Read(chunk)
		if err != nil {
			return err
		}
		answer = append(answer, chunk[:n]...)
	}
	if !bytes.Contains(answer, []byte("l2:ok1:1")) {
		return fmt.Errorf("the server answers %q", answer)
	}
	return nil
}

// farAwayFrom returns the URL under which the server at address is reached over a relay that is far away. Bytes come late, and as fast one
// after the other as they were sent.
func farAwayFrom(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + strings.TrimPrefix(fake(t, func(near net.Conn) { relay(near, u.Host) }), "bzr")
}

// relay connects to the address, which takes a round trip, and passes on what comes from either side until one of them ends.
func relay(near net.Conn, address string) {
	time.Sleep(2 * delay)
	far, err := net.Dial("tcp", address)
	if err != nil {
		_ = near.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { passOn(near, far) })
	both.Go(func() { passOn(far, near) })
	both.Wait()
}

// passOn writes to one connection what comes from another, each chunk a delay after it came, and closes it in the end.
func passOn(to io.WriteCloser, from io.Reader) {
	type chunk struct {
		due  time.Time
		data []byte
	}
	under := make(chan chunk, 4096)
	go func() {
		defer close(under)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if err != nil {
				return
			}
			under <- chunk{time.Now().Add(delay), data[:n]}
		}
	}()
	for c := range under {
		time.Sleep(time.Until(c.due))
		_, _ = to.Write(c.data) // what is not delivered is missed by the one who waits for it
	}
	_ = to.Close()
}

// BenchmarkLogs tells what lies between the first and the last revision of branches that moved, on the local disk, with authors and files. The
// provider was just opened and knows none of it, so that the start of the server of its own is included. x-brz says how many times as long
// "brz log" took for the same revisions, a process for each branch, in the same run; x-bare how many times as long the plainest of those took,
// without plugins and aliases.
func BenchmarkLogs(b *testing.B) {
	dir, kept := b.TempDir(), b.TempDir()
	origin := newBranch(b, dir+"/origin", "2a", "1", "2", "3", "4", "5")
	from := info(b, origin, "-r1")
	var spans []resource.Span
	for i := range sample {
		name := fmt.Sprintf("%s/b%02d", dir, i)
		brz(b, dir, "branch", "-q", "origin", name)
		commit(b, name, name)
		spans = append(spans, resource.Span{Config: wanted("app", name).Config, From: from, To: info(b, name)})
	}
	whole, plain := timeLogs(b, spans), timeLogs(b, spans, "--no-plugins", "--no-aliases")
	settings := map[string]cty.Value{"cache": cty.StringVal(kept)}
	for b.Loop() {
		p := opened(b, settings)
		for _, told := range p.Resource(branchType).(branches).History(b.Context(), spans) {
			if told.Err != nil || told.Fallback != "" || len(told.Commits) != 5 || told.Files.Count != 1 {
				b.Fatalf("got %+v", told)
			}
		}
		b.StopTimer()
		for _, name := range files(b, kept) {
			if err := os.Remove(name); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	once := float64(b.Elapsed()) / float64(b.N)
	b.ReportMetric(float64(whole)/once, "x-brz")
	b.ReportMetric(float64(plain)/once, "x-bare")
}

// timeLogs returns how long brz takes to tell the logs, one after the other.
func timeLogs(b *testing.B, spans []resource.Span, options ...string) time.Duration {
	began := time.Now()
	for _, span := range spans {
		at := span.Config.GetAttr("location").AsString()
		brz(b, "/", append(options, "log", "--long", "-n1", "--show-ids", "-v", "--exclude-common-ancestry",
			"-rrevid:"+span.From.ID+"..revid:"+span.To.ID, "readonly+file://"+at)...)
	}
	return time.Since(began)
}
