package bzr

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

const (
	verbFind        = "BzrDir.find_repositoryV3"
	verbGraph       = "Repository.get_parent_map"
	verbRecords     = "Repository.iter_revisions"
	verbInventories = "VersionedFileRepository.get_inventories"
	verbTexts       = "Repository.iter_files_bytes"
)

// success returns the message with which a server answers a request that succeeded.
func success(body []byte, args ...string) string {
	answer := appendPart([]byte(banner+"\x00\x00\x00\x02deoS"), 's', answered(nil, args...).args.bencode(nil))
	if body != nil {
		answer = appendPart(answer, 'b', body)
	}
	return string(append(answer, 'e'))
}

// liar serves a branch of three revisions, r1 to r3, and tells the truth, but for what says contains, by verb. An empty answer ends the
// connection.
type liar struct {
	says map[string]func(q request) string

	mu    sync.Mutex
	asked []request
}

func (l *liar) serve(c net.Conn) {
	for r := bufio.NewReader(c); ; {
		q, ok := readRequest(r)
		if !ok {
			return
		}
		l.mu.Lock()
		l.asked = append(l.asked, q)
		l.mu.Unlock()
		say := l.says[q.verb]
		if say == nil {
			say = truth
		}
		answer := say(q)
		if _, err := io.WriteString(c, answer); err != nil || answer == "" {
			return
		}
	}
}

// truth is what an honest server says.
func truth(q request) string {
	switch q.verb {
	case "hello":
		return okHello
	case "Branch.last_revision_info":
		return success(nil, "3", "r3")
	case verbFind:
		return success(nil, "", "yes", "yes", "yes", "")
	case verbGraph:
		return success(bzip2Of("r3 r2\nr2 r1\nr1"))
	case verbRecords:
		var records []string
		for id := range strings.SplitSeq(string(q.body), "\n") {
			records = append(records, listRecord(record{id: id, committer: "Ann <a@b>", message: "set " + id}))
		}
		return success(zlibOf(records...), "10")
	case verbInventories:
		return success([]byte(container(
			delta{version: "r1", rows: []row{{to: "/config.ini", file: "c", revision: "r1", kind: "file"}}},
			delta{parent: "r1", version: "r3", rows: []row{{from: "/config.ini", to: "/config.ini", file: "c", revision: "r3", kind: "file"}}},
		)))
	case verbTexts:
		return success(slices.Concat([]byte("ok\x000\n"), zlibOf("old\n"), []byte("ok\x001\n"), zlibOf("new\n")))
	case "Branch.get_stacked_on_url":
		return answerOf('E', "l10:NotStackede")
	}
	return answerOf('E', "l13:UnknownMethode")
}

// waiting opens a provider that gives up while a test waits for it, but not before a busy host has done all else.
func waiting(t *testing.T) providers.Provider {
	return opened(t, map[string]cty.Value{"command": cty.StringVal("/nonexistent/brz"), "timeout": cty.StringVal("2s")})
}

// lying asks for the history between r1 and r3 of a branch on the liar's server.
func (l *liar) lying(t *testing.T) resource.History {
	t.Helper()
	return l.lyingTo(t, withoutBrz(t))
}

func (l *liar) lyingTo(t *testing.T, p providers.Provider) resource.History {
	t.Helper()
	got := ask(t, p, fake(t, l.serve)+"/dir/b", resource.Revision{Revno: "1", ID: "r1"}, resource.Revision{Revno: "3", ID: "r3"})
	checkHistory(t, got, resource.Span{From: resource.Revision{ID: "r1"}, To: resource.Revision{ID: "r3"}})
	return got
}

// short is a history in a few words.
func short(h resource.History) string {
	if h.Err != nil {
		return h.Err.Error()
	}
	var words []string
	for _, c := range h.Commits {
		words = append(words, c.Revno+" "+c.ID+" "+c.Subject)
	}
	if h.Files != nil {
		words = append(words, fmt.Sprint(h.Files.Count, " files"))
	}
	return strings.Join(append(words, fmt.Sprintf("%q %q", h.FileFrom, h.FileTo)), ", ")
}

const (
	honest      = `3 r3 set r3, 2 r2 set r2, 1 files, "old\n" "new\n"`
	withoutText = `3 r3 set r3, 2 r2 set r2, 1 files, "" ""`
	commitsOnly = `3 r3 set r3, 2 r2 set r2, "" ""`
	forBrz      = "is not installed" // what is left to brz ends there
	tooLate     = "no answer within 2s"
)

func TestHonestHistory(t *testing.T) {
	l := &liar{}
	if got := short(l.lying(t)); got != honest {
		t.Errorf("got %s", got)
	}
	for _, q := range l.asked[len(l.asked)-5:] {
		if q.dir != "/dir/b" {
			t.Errorf("%s was asked about %q", q.verb, q.dir)
		}
	}
}

// TestHistoryBackwards has the server send the newer inventory first.
func TestHistoryBackwards(t *testing.T) {
	l := &liar{says: map[string]func(request) string{verbInventories: func(request) string {
		return success([]byte(container(
			delta{version: "r3", rows: []row{{to: "/config.ini", file: "c", revision: "r3", kind: "file"}}},
			delta{parent: "r3", version: "r1", rows: []row{{from: "/config.ini", to: "/config.ini", file: "c", revision: "r1", kind: "file"}}},
		)))
	}}}
	if got := short(l.lying(t)); got != honest {
		t.Errorf("got %s", got)
	}
	if q := l.asked[len(l.asked)-1]; string(q.body) != "c\x00r1\nc\x00r3\n" {
		t.Errorf("asked for the texts %q", q.body)
	}
}

// TestHistoryOfWhatIsGone asks for nothing that the server has not got.
func TestHistoryOfWhatIsGone(t *testing.T) {
	l := &liar{}
	gone, tip := resource.Revision{Revno: "7", ID: "gone"}, resource.Revision{Revno: "3", ID: "r3"}
	got := ask(t, withoutBrz(t), fake(t, l.serve)+"/dir/b", gone, tip)
	if got.Err != nil || !got.Rewritten || len(got.Lost) != 1 || got.Lost[0].Revision != gone || got.Commits != nil || got.Files != nil {
		t.Errorf("got %+v", got)
	}
	for _, q := range l.asked {
		if q.verb == verbRecords || q.verb == verbInventories {
			t.Errorf("asked %s for %q", q.verb, q.body)
		}
	}
	l = &liar{says: map[string]func(request) string{"Branch.get_stacked_on_url": func(request) string { return success(nil, "../other") }}}
	if got := ask(t, withoutBrz(t), fake(t, l.serve)+"/dir/b", gone, tip); got.Err == nil || !strings.Contains(got.Err.Error(), forBrz) {
		t.Errorf("it may be in the branch on which this one is stacked: got %+v", got)
	}
}

// TestHistorySinceAGhost begins at a revision that the branch is known to come after, and that is not there. Its revno is not on the main line.
func TestHistorySinceAGhost(t *testing.T) {
	l := &liar{says: map[string]func(request) string{verbGraph: func(request) string { return success(bzip2Of("r3 r2\nr2 r1")) }}}
	ghost := resource.Revision{Revno: "1.1.1", ID: "r1"}
	got := ask(t, withoutBrz(t), fake(t, l.serve)+"/dir/b", ghost, resource.Revision{Revno: "3", ID: "r3"})
	if short(got) != commitsOnly || got.Rewritten || got.Back || got.Lost != nil {
		t.Errorf("got %+v", got)
	}
}

// TestHistoryOfNothing asks no server about what is no span of revisions.
func TestHistoryOfNothing(t *testing.T) {
	l := &liar{}
	root := fake(t, l.serve)
	r3 := resource.Revision{Revno: "3", ID: "r3"}
	if got := ask(t, withoutBrz(t), root+"/b", r3, r3); got.Err != nil || got.Commits != nil || got.Rewritten || got.Back {
		t.Errorf("from a revision to itself: got %+v", got)
	}
	for _, id := range []string{"null:", "", "a b", "a\x00"} {
		odd := resource.Revision{Revno: "1", ID: id}
		for _, span := range [][2]resource.Revision{{odd, r3}, {r3, odd}} {
			got := ask(t, withoutBrz(t), root+"/b", span[0], span[1])
			if got.Err == nil || !strings.Contains(got.Err.Error(), fmt.Sprintf("%q is not a revision", id)) {
				t.Errorf("%q: got %+v", span, got)
			}
		}
	}
	if len(l.asked) > 0 {
		t.Errorf("asked %+v", l.asked)
	}
}

// TestHistoryOfAnother has nothing in common with what was deployed, back to the first revision of both. Nobody asks for the text of a file.
func TestHistoryOfAnother(t *testing.T) {
	l := &liar{says: map[string]func(request) string{
		verbGraph: func(request) string { return success(bzip2Of("r3 r2\nr2 r1\nr1\nx y\ny")) },
		verbInventories: func(request) string {
			return success([]byte(container(delta{version: "x"}, delta{parent: "x", version: "r3"})))
		},
	}}
	from, to := resource.Revision{Revno: "2", ID: "x"}, resource.Revision{Revno: "3", ID: "r3"}
	span := resource.Span{Config: wanted("app", fake(t, l.serve)+"/b").Config, From: from, To: to}
	got := withoutBrz(t).Resource(branchType).(branches).History(t.Context(), []resource.Span{span})[0]
	if short(got) != `3 r3 set r3, 2 r2 set r2, 1 r1 set r1, 0 files, "" ""` || !got.Rewritten || len(got.Lost) != 2 || got.Lost[1].Revno != "1" || got.Lost[1].ID != "y" {
		t.Errorf("got %+v", got)
	}
	if q := l.asked[len(l.asked)-1]; q.verb != verbInventories {
		t.Errorf("the last question was %s", q.verb)
	}
}

// TestAuthorsOfManyMerged looks up no more merged revisions than are of use.
func TestAuthorsOfManyMerged(t *testing.T) {
	side := "s0"
	for i := range maxMerged + 100 {
		side += fmt.Sprintf("\ns%d s%d", i+1, i)
	}
	l := &liar{says: map[string]func(request) string{verbGraph: func(request) string {
		return success(bzip2Of(fmt.Sprintf("r3 r2 s%d\nr2 r1\nr1\n%s", maxMerged+100, side)))
	}}}
	got := l.lying(t)
	if merged := got.Commits[0].Merged; merged == nil || merged.Revisions != maxMerged+101 || fmt.Sprint(merged.Authors) != "[Ann]" || got.Commits[1].Merged != nil {
		t.Errorf("got %+v, %v", merged, got.Err)
	}
	for _, q := range l.asked {
		if n := strings.Count(string(q.body), "\n") + 1; q.verb == verbRecords && n != 2+maxMerged {
			t.Errorf("asked for %d records", n)
		}
	}
}

// TestHistoryThroughHTTP asks the smart server behind each directory of a web server, if there is one.
func TestHistoryThroughHTTP(t *testing.T) {
	for status, want := range map[int]string{http.StatusOK: honest, http.StatusNotFound: forBrz} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/dir/b/.bzr/branch/last-revision" {
				_, _ = io.WriteString(w, "3 r3\n")
				return
			}
			q, ok := readRequest(bufio.NewReader(r.Body))
			if !ok || q.dir != "" || r.URL.Path != "/dir/b"+smartFile {
				t.Errorf("%s %s: asked %+v", r.Method, r.URL, q)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, truth(q))
		}))
		got := ask(t, withoutBrz(t), web.URL+"/dir/b", resource.Revision{Revno: "1", ID: "r1"}, resource.Revision{Revno: "3", ID: "r3"})
		if !strings.Contains(short(got), want) {
			t.Errorf("%d: got %s, want %s", status, short(got), want)
		}
		web.Close()
	}
}

// TestHistoryGoesBack asks for the way from the tip to what came before it.
func TestHistoryGoesBack(t *testing.T) {
	l := &liar{}
	got := ask(t, withoutBrz(t), fake(t, l.serve)+"/dir/b", resource.Revision{Revno: "3", ID: "r3"}, resource.Revision{Revno: "1", ID: "r1"})
	if got.Err != nil || !got.Back || got.Rewritten || got.Commits != nil || got.Lost != nil || got.Files != nil {
		t.Errorf("got %+v", got)
	}
	if q := l.asked[len(l.asked)-1]; q.verb != verbGraph {
		t.Errorf("asked %s for %q", q.verb, q.body)
	}
}

// TestTextsAreAskedFor asks for each text once, and for none that there cannot be.
func TestTextsAreAskedFor(t *testing.T) {
	file := func(id, revision string) *row { return &row{file: id, revision: revision, kind: "file"} }
	for name, test := range map[string]struct {
		rows        []*row
		asked, want string
	}{
		"two texts":      {[]*row{file("c", "1"), file("c", "2")}, "c\x001\nc\x002\n", `["old\n" "new\n"]`},
		"one text":       {[]*row{file("c", "1"), file("c", "1")}, "c\x001\n", `["old\n" "old\n"]`},
		"not there":      {[]*row{nil, file("c", "1")}, "c\x001\n", `["" "old\n"]`},
		"a link":         {[]*row{{file: "l", revision: "1", kind: "link"}, file("c", "1")}, "c\x001\n", `["" "old\n"]`},
		"an odd id":      {[]*row{file("a\rb", "1"), file("c", "1")}, "c\x001\n", `["" "old\n"]`},
		"a broken id":    {[]*row{file("a\nb", "1"), file("c", "1")}, "c\x001\n", `["" "old\n"]`},
		"no revision":    {[]*row{file("a", ""), file("c", "1")}, "c\x001\n", `["" "old\n"]`},
		"nothing at all": {[]*row{nil, nil}, "", `["" ""]`},
	} {
		var asked string
		r := repository{smart: smart{askable(func(q request) reply {
			asked = string(q.body)
			body := []byte("ok\x000\n" + string(zlibOf("old\n")))
			if strings.Count(asked, "\n") > 1 {
				body = append(body, "ok\x001\n"+string(zlibOf("new\n"))...)
			}
			if asked == "" {
				body = nil
			}
			return answered(body)
		})}}
		got, err := r.texts(t.Context(), test.rows...)
		if fmt.Sprintf("%q", got) != test.want || asked != test.asked || err != nil {
			t.Errorf("%s: asked for %q, got %q, %v", name, asked, got, err)
		}
	}
}

// askable is a caller that answers with a function.
type askable func(q request) reply

func (a askable) call(_ context.Context, q request) (reply, error) { return a(q), nil }

// TestHostileHistories answers one verb after the other with what is no answer. The log needs the first three, and can be told without the
// others.
func TestHostileHistories(t *testing.T) {
	head := banner + "\x00\x00\x00\x02de"
	for _, verb := range []string{verbFind, verbGraph, verbRecords, verbInventories, verbTexts} {
		for text, want := range map[string]string{
			"HTTP/1.1 400 Bad Request\r\n\r\n": "does not speak version 3",
			head + "oSs\x00\x00\x00\x07l2:ok":  tooLate,
			"":                                 "the server closed the connection",
			head + "oSs\x00\x00\x00\x06l2:okeb\xff\xff\xff\xff":                        fmt.Sprint("announces 4294967295 bytes, more than the ", maxBody),
			head + "oSs\xff\xff\xff\xff":                                               fmt.Sprint("announces 4294967295 bytes, more than the ", maxArguments),
			success([]byte("x"), "a", "b", "c"):                                        forBrz,
			answerOf('S', "li1ei2ei3ei4ei5ei6ee"):                                      forBrz,
			answerOf('E', "l13:UnknownMethode"):                                        forBrz,
			answerOf('E', "l5:error9:TypeError4:/srve"):                                forBrz,
			head + "oSs\x00\x00\x00\x06l2:okeb\x00\x00\x00\x01xoEs\x00\x00\x00\x02lee": forBrz,
		} {
			p := withoutBrz(t)
			if want == tooLate {
				p = waiting(t)
			}
			switch verb {
			case verbInventories:
				want = commitsOnly
			case verbTexts:
				want = withoutText
			}
			l := &liar{says: map[string]func(request) string{verb: func(request) string { return text }}}
			if got := short(l.lyingTo(t, p)); !strings.Contains(got, want) {
				t.Errorf("%s: %.60q: got %s, want %s", verb, text, got, want)
			}
		}
	}
}

// TestLyingHistories answers one verb with what looks like an answer.
func TestLyingHistories(t *testing.T) {
	records := func(all ...record) string {
		var texts []string
		for _, r := range all {
			texts = append(texts, listRecord(r))
		}
		return success(zlibOf(texts...), "10")
	}
	deltas := func(all ...delta) string { return success([]byte(container(all...))) }
	for name, test := range map[string]struct {
		verb, says, want string
	}{
		"graph, unpacked":           {verbGraph, success([]byte("r3 r2\nr2 r1\nr1")), "graph of revisions cannot be unpacked"},
		"graph, without a body":     {verbGraph, success(nil), "graph of revisions cannot be unpacked"},
		"graph, cut off":            {verbGraph, success(bzip2Of("r3 r2\nr2 r1\nr1")[:40]), "graph of revisions cannot be unpacked"},
		"graph, a bomb":             {verbGraph, success(bzip2Of(strings.Repeat("0", 1<<26))), "graph of revisions cannot be unpacked"},
		"graph, a circle":           {verbGraph, success(bzip2Of("r3 r2\nr2 r3\nr1")), "a revision is its own ancestor"},
		"graph, of its own":         {verbGraph, success(bzip2Of("r3 r3\nr1")), "a revision is its own ancestor"},
		"graph, NUL":                {verbGraph, success(bzip2Of("r3 r\x002")), `the line "r3 r\x002"`},
		"graph, escapes":            {verbGraph, success(bzip2Of("r3 \x1b[2J")), `the line "r3 \x1b[2J"`},
		"graph, of others":          {verbGraph, success(bzip2Of("x y\ny z")), forBrz},
		"graph, empty":              {verbGraph, success(bzip2Of("")), forBrz},
		"graph, longer than revno":  {verbGraph, success(bzip2Of("r3 a\na b\nb c\nc r1\nr1")), forBrz},
		"records, of others":        {verbRecords, records(record{id: "x"}, record{id: "y"}), forBrz},
		"records, one of two":       {verbRecords, records(record{id: "r3"}), forBrz},
		"records, none":             {verbRecords, success(nil, "10"), forBrz},
		"records, another form":     {verbRecords, success(zlibOf("x"), "11"), forBrz},
		"records, NUL":              {verbRecords, records(record{id: "r3\x00"}), `revision "r3\x00"`},
		"records, not packed":       {verbRecords, success([]byte("l"), "10"), "cannot be unpacked"},
		"records, a bomb":           {verbRecords, success(zlibOf(strings.Repeat("0", 1<<27)), "10"), "cannot be unpacked"},
		"records, many bombs":       {verbRecords, success([]byte(strings.Repeat(string(zlibOf(listRecord(record{id: "r3", message: strings.Repeat("0", 1<<21)}))), 500)), "10"), "cannot be unpacked"},
		"records, nested":           {verbRecords, success(zlibOf(strings.Repeat("l", 1<<20)), "10"), "nested too deeply"},
		"records, XML":              {verbRecords, success(zlibOf("<revision"), "5"), "is not XML"},
		"records, nested XML":       {verbRecords, success(zlibOf(strings.Repeat("<a>", 1<<20)), "5"), "is not XML"},
		"inventories, of others":    {verbInventories, deltas(delta{version: "x"}, delta{parent: "x", version: "y"}), commitsOnly},
		"inventories, twice":        {verbInventories, deltas(delta{version: "r3"}, delta{parent: "r3", version: "r3"}), commitsOnly},
		"inventories, unrelated":    {verbInventories, deltas(delta{version: "r1"}, delta{version: "r3"}), commitsOnly},
		"inventories, one":          {verbInventories, deltas(delta{version: "r1"}), commitsOnly},
		"inventories, three":        {verbInventories, deltas(delta{version: "r1"}, delta{parent: "r1", version: "r3"}, delta{parent: "r3", version: "r1"}), commitsOnly},
		"inventories, 4 GiB":        {verbInventories, success([]byte(containerHeader + "B4294967295\n\nE")), commitsOnly},
		"inventories, without it":   {verbInventories, deltas(delta{version: "r1"}, delta{parent: "r1", version: "r3"}), `3 r3 set r3, 2 r2 set r2, 0 files, "" ""`},
		"texts, a bomb":             {verbTexts, success(append([]byte("ok\x000\n"), zlibOf(strings.Repeat("0", 1<<27))...)), withoutText},
		"texts, not asked for":      {verbTexts, success(append([]byte("ok\x002\n"), zlibOf("x")...)), withoutText},
		"texts, one":                {verbTexts, success(append([]byte("ok\x001\n"), zlibOf("x")...)), `3 r3 set r3, 2 r2 set r2, 1 files, "" "x"`},
		"repository, on its own":    {verbFind, success(nil, "/etc", "yes", "yes", "yes", ""), forBrz},
		"tip, the same as deployed": {"Branch.last_revision_info", success(nil, "1", "r1"), honest},
	} {
		l := &liar{says: map[string]func(request) string{test.verb: func(request) string { return test.says }}}
		checkMemory(t, 400, func() {
			if got := short(l.lying(t)); !strings.Contains(got, test.want) {
				t.Errorf("%s: got %s, want %s", name, got, test.want)
			}
		})
		if t.Failed() {
			t.Log(name)
		}
	}
}

// TestRepositoryIsServed follows a server's word about where its repository is, but not out of what is served.
func TestRepositoryIsServed(t *testing.T) {
	for where, want := range map[string]string{"": "/dir/b", "..": "/dir", "../../../../etc": "/etc", "../..": "/", "x/./y": "/dir/b/x/y"} {
		l := &liar{says: map[string]func(request) string{verbFind: func(request) string { return success(nil, where, "yes", "yes", "yes", "") }}}
		if got := short(l.lying(t)); got != honest {
			t.Errorf("%q: got %s", where, got)
		}
		for _, q := range l.asked {
			if strings.HasPrefix(q.verb, "Repository.") && q.dir != want {
				t.Errorf("%q: %s was asked about %q", where, q.verb, q.dir)
			}
		}
	}
}

// TestEndlessHistories has every answer about the graph name revisions that nobody has heard of.
func TestEndlessHistories(t *testing.T) {
	for name, test := range map[string]struct {
		first string // what r3 comes after
		more  int    // parents of each revision after that
		want  string
	}{
		"a line":                {"a", 1, tooLate},
		"all that is before":    {"r2 a", 1, commitsOnly},
		"more and more":         {"a", 300, tooLate},
		"more and more, merged": {"r2 a", 30, commitsOnly},
	} {
		n := 0
		var mu sync.Mutex
		l := &liar{says: map[string]func(request) string{
			verbGraph: func(q request) string {
				mu.Lock()
				defer mu.Unlock()
				var lines []string
				for _, v := range q.args {
					switch id := string(v.(bstring)); id {
					case "r3":
						lines = append(lines, "r3 "+test.first, "r2 r1", "r1")
					case "r1", "r2":
					default:
						line := id
						for range test.more {
							n++
							line += " more" + strconv.Itoa(n)
						}
						lines = append(lines, line)
					}
				}
				return success(bzip2Of(strings.Join(lines, "\n")))
			},
			verbInventories: func(request) string { return answerOf('E', "l13:UnknownMethode") },
		}}
		p := withoutBrz(t)
		if test.want == tooLate {
			p = waiting(t)
		}
		if got := short(l.lyingTo(t, p)); !strings.Contains(got, test.want) {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// TestTextsOfHistoriesAreClean tells what a terminal would take for commands.
func TestTextsOfHistoriesAreClean(t *testing.T) {
	evil := "\x1b]0;x\x07\u202e\u2028\x00\x9b2J"
	l := &liar{says: map[string]func(request) string{verbRecords: func(request) string {
		r := record{id: "r3", committer: evil + "Ann <a@b>", message: evil + "\n" + evil + "said", properties: map[string]string{
			"authors": evil + "Bob" + evil + " <b@c>\r\n" + evil + "\nEve\t", "bugs": "http://x/" + evil + "1 fixed\n" + evil + " fixed"}}
		other := record{id: "r2", committer: evil, message: evil}
		return success(zlibOf(listRecord(r), listRecord(other)), "10")
	}}}
	got := l.lying(t)
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	tip := got.Commits[0]
	if all := tip.Author + "|" + tip.Subject + "|" + strings.Join(tip.Bugs, " "); strings.ContainsAny(all, "\x1b\x07\u202e\u2028\x00\r\n\t") {
		t.Errorf("got %+q", all)
	}
	if !strings.Contains(tip.Author, "Bob") || !strings.HasSuffix(tip.Author, ", Eve") || !strings.HasPrefix(tip.Bugs[0], "http://x/") {
		t.Errorf("got %+q", tip)
	}
}

// TestHostileChildren has what should be brz say nothing, or something else, and leave something behind.
func TestHostileChildren(t *testing.T) {
	dir := t.TempDir()
	b := newBranch(t, dir+"/b", "2a", "1", "2")
	from, to := info(t, b, "-r1"), info(t, b)
	sleep := filepath.Join(dir, "sleep-of-"+filepath.Base(dir))
	shell(t, "ln -s $(command -v sleep) "+sleep)
	for script, test := range map[string]struct{ timeout, want string }{
		sleep + " 600 & exec " + sleep + " 600": {"300ms", "no answer within 300ms"},
		"exec <&- >&-; exec " + sleep + " 600":  {"300ms", "no answer within 300ms"},
		"echo no such thing >&2; exit 3":        {"60s", "no such thing"},
		sleep + " 600 & yes; exit 0":            {"60s", "does not speak version 3"},
	} {
		program := filepath.Join(dir, "program")
		write(t, program, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(program, 0o700); err != nil {
			t.Fatal(err)
		}
		p, err := open(t.Context(), object(configSchema(), map[string]cty.Value{"command": cty.StringVal(program), "timeout": cty.StringVal(test.timeout)}))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if got := ask(t, p, b, from, to); got.Err == nil || !strings.Contains(got.Err.Error(), test.want) {
			t.Errorf("%s: got %+v", script, got)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: it took %s", script, took)
		}
		if left := running(t, sleep); left != "" {
			t.Errorf("%s: left behind: %s", script, left)
		}
	}
}

// running returns the command lines of all processes that name the text.
func running(t *testing.T, text string) string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	var all []string
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), text) {
			all = append(all, string(line))
		}
	}
	return strings.Join(all, "\n")
}

// TestHistoryWhileItIsWritten reads the log of a branch to which somebody commits all the while.
func TestHistoryWhileItIsWritten(t *testing.T) {
	for _, format := range []string{"2a", "pack-0.92"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newBranch(t, t.TempDir()+"/b", format, "1")
			first := info(t, b)
			ctx, cancel := context.WithCancel(t.Context())
			var writer sync.WaitGroup
			writer.Go(func() {
				defer cancel()
				for i := range 12 { // packs are put together after ten
					write(t, b+"/config.ini", fmt.Sprint("now ", i))
					brz(t, b, "commit", "-q", "-m", "again")
				}
			})
			defer writer.Wait()
			p := opened(t, nil)
			asked := 0
			for last := false; !last; {
				last = ctx.Err() != nil
				tip := revision(t, read(t, p, wanted("app", b))[0])
				if tip.ID == first.ID {
					continue
				}
				asked++
				checkWhole(t, ask(t, p, b, first, tip), tip)
			}
			if asked < 5 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// checkWhole fails unless the history tells each revision up to the tip but the first.
func checkWhole(t *testing.T, got resource.History, tip resource.Revision) {
	t.Helper()
	if got.Err != nil || got.Rewritten || got.Back || got.Fallback != "" {
		t.Fatalf("up to %s: got %+v", tip, got)
	}
	if n, err := strconv.Atoi(tip.Revno); err != nil || len(got.Commits)+got.More != n-1 || got.Commits[0].Revision != tip {
		t.Errorf("up to %s: got %+v", tip, got)
	}
	if got.Files == nil || got.Files.Count != 1 || string(got.FileFrom) != "1" || got.FileTo == nil {
		t.Errorf("up to %s: got the files %+v, %q and %q", tip, got.Files, got.FileFrom, got.FileTo)
	}
}

// TestLossWithoutWords knows that something was lost although the server's records are no use.
func TestLossWithoutWords(t *testing.T) {
	gone, tip := resource.Revision{Revno: "2", ID: "x"}, resource.Revision{Revno: "3", ID: "r3"}
	l := &liar{says: map[string]func(request) string{
		verbGraph:   func(request) string { return success(bzip2Of("r3 r2\nr2 r1\nr1\nx r1")) },
		verbRecords: func(request) string { return success([]byte("x"), "10") },
	}}
	got := ask(t, withoutBrz(t), fake(t, l.serve)+"/dir/b", gone, tip)
	if got.Err != nil || !got.Rewritten || len(got.Lost) != 1 || got.Lost[0].Revision != gone {
		t.Errorf("got %+v", got)
	}
}

// TestKeptForOneBranch tells nothing of one branch that was kept of another.
func TestKeptForOneBranch(t *testing.T) {
	kept := newHistories(t.TempDir())
	span := resource.Span{From: resource.Revision{Revno: "1", ID: "a"}, To: resource.Revision{Revno: "2", ID: "b"}}
	kept.put("/one", span, resource.History{Files: &resource.Files{}})
	if _, found := kept.get("/one", span); !found {
		t.Error("it was not kept")
	}
	if told, found := kept.get("/other", span); found {
		t.Errorf("got %+v", told)
	}
}

// TestFilesWithoutSmartServer leaves to brz what a web server that knows no POST does not tell.
func TestFilesWithoutSmartServer(t *testing.T) {
	b := newBranch(t, t.TempDir()+"/b", "2a", "1", "2")
	files := http.FileServer(http.Dir(filepath.Dir(b)))
	long := strings.Repeat("x", maxTags+1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusNotImplemented)
		case strings.HasSuffix(r.URL.Path, tagsFile):
			_, _ = io.WriteString(w, long)
		default:
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	for _, pin := range []string{";revno=1", ";tag=v1"} {
		r := read(t, withoutBrz(t), wanted("app", web.URL+"/b"+pin))[0]
		checkFailure(t, r, "", forBrz)
	}
	if got := ask(t, withoutBrz(t), web.URL+"/b", info(t, b, "-r1"), info(t, b)); got.Err == nil || !strings.Contains(got.Err.Error(), forBrz) {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsToldIsNotEndless(t *testing.T) {
	r := record{committer: strings.Repeat("é", 5000), message: strings.Repeat("é", 5000)}
	if c := r.commit("1"); len([]rune(c.Author)) != maxLine || len([]rune(c.Subject)) != maxLine {
		t.Errorf("an author of %d bytes and a subject of %d", len(c.Author), len(c.Subject))
	}
	if got, err := parseLastRevision([]byte(strings.Repeat("1", maxDigits+1) + " id\n")); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestCacheIsAbsolute(t *testing.T) {
	_, err := open(t.Context(), object(configSchema(), map[string]cty.Value{"cache": cty.StringVal("here")}))
	if err == nil || !strings.Contains(err.Error(), `"cache" must be an absolute path`) {
		t.Errorf("got %v", err)
	}
}
