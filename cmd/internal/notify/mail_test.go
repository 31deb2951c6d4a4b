package notify

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// sendmail is a stand-in that keeps what it gets.
const sendmail = `# A stand-in for sendmail: it sends nothing, and keeps its arguments and the message.
printf '%s\n' "$@" >"$OUT/args"
cat >"$OUT/message"`

func team() Mail {
	return Mail{To: []mail.Address{{Address: "cd@example.com"}, {Name: "Ann É", Address: "ann@example.com"}}, From: mail.Address{Name: "cdplan", Address: "cdplan@example.com"}}
}

// parse returns the headers, decoded, and the body, decoded, of a message as the receiver's program sees them.
func parse(t *testing.T, message []byte) (map[string]string, string) {
	t.Helper()
	for _, line := range strings.Split(string(message), "\n") {
		if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("no line of a mail: %q", line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("%v\n%s", err, message)
	}
	headers := map[string]string{}
	for name, values := range m.Header {
		if len(values) != 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(values[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		headers[name] = decoded
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return headers, string(body)
}

func TestMail(t *testing.T) {
	noneLeft(t)
	dir, path := script(t, sendmail)
	m := team()
	m.Sendmail = path
	e := failing()
	e.Text = "api, web failing: mojo ended with exit code 3: größer als erlaubt"
	if err := (Notifier{Name: "team", Via: m}).Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, dir, "args"), "-i\n-f\ncdplan@example.com\n--\ncd@example.com\nann@example.com\n"; got != want {
		t.Errorf("arguments: got %q, want %q", got, want)
	}
	headers, body := parse(t, []byte(read(t, dir, "message")))
	want := map[string]string{
		"From": `"cdplan" <cdplan@example.com>`, "To": "<cd@example.com>, Ann É <ann@example.com>",
		"Subject": "cdplan on deployer-1: api, web failing: mojo ended with exit code 3: größer als erlaubt",
		"Date":    "Sun, 22 Nov 2026 18:00:00 +0000", "Message-Id": "<7f3a@deployer-1>", "Auto-Submitted": "auto-generated",
		"X-Cdplan-Event": "failing", "Mime-Version": "1.0", "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable",
	}
	if diff := cmp.Diff(want, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	text := `api, web failing: mojo ended with exit code 3: größer als erlaubt

host: deployer-1
services: api, web
fingerprint: 0d8b-5d33-e207
log: /var/lib/cdplan/logs/api/r1.log

The last lines of the log:

  phase verify
  no answer
`
	if diff := cmp.Diff(text, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestMailFails(t *testing.T) {
	noneLeft(t)
	_, path := script(t, "cat >/dev/null; echo 'no such user' >&2; exit 67")
	m := team()
	m.Sendmail = path
	err := Notifier{Name: "team", Via: m}.Send(t.Context(), failing())
	if got, want := message(err), "cannot notify team: "+path+" ended with exit code 67: no such user"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// headerNames are those of every message.
var headerNames = []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject",
	"To", "X-Cdplan-Event"}

func checkMail(t *testing.T, e Event) {
	t.Helper()
	message, err := team().message(e.told())
	if err != nil {
		t.Fatal(err)
	}
	headers, body := parse(t, message)
	if diff := cmp.Diff(headerNames, slices.Sorted(maps.Keys(headers))); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if want := cut(subject(e.told()), maxSubject+3); strings.TrimSpace(headers["Subject"]) != strings.TrimSpace(want) {
		t.Errorf("subject: got %q, want %q", headers["Subject"], want)
	}
	if want := text(e.told()); body != want || !utf8.ValidString(body) {
		t.Errorf("body: got %q, want %q", body, want)
	}
	if to, err := mail.ParseAddressList(headers["To"]); err != nil || len(to) != 2 {
		t.Errorf("to %v, %v", to, err)
	}
	if date, err := mail.ParseDate(headers["Date"]); err != nil || !date.Equal(e.Time.Truncate(time.Second)) {
		t.Errorf("date %s, %v", date, err)
	}
}

// Whatever an event says, it adds no header, no line to the text and no recipient.
func TestMailInjection(t *testing.T) {
	const evil = "x\r\nBcc: eve@example.com\n\nhello\x1b[2J\u2028.\n.\n"
	e := Event{ID: evil, Time: failing().Time, Host: evil, Kind: evil, Services: []string{evil, "b"}, Text: evil, Log: evil, Tail: []string{evil}, Fingerprint: evil}
	checkMail(t, e)
	message, err := team().message(e.told())
	if err != nil || !strings.Contains(string(message), "\nMessage-ID: <x-Bcc-eve-example.com-hello-2J-.-.-@x-Bcc-eve-example.com-hello-2J-.-.->\n") {
		t.Errorf("%v\n%s", err, message)
	}
}

func FuzzMail(f *testing.F) {
	f.Add("7f3a", "deployer-1", "failing", "api", "größer", "a line")
	f.Add("", "", "", "", "", "")
	f.Add("..", ".a..b.", "x: y", "\r\n", strings.Repeat("ü", 500), strings.Repeat("x ", 2000)+"= ")
	f.Fuzz(func(t *testing.T, id, host, kind, service, text, line string) {
		checkMail(t, Event{ID: id, Time: failing().Time, Host: host, Kind: kind, Services: []string{service}, Text: text, Tail: []string{line}})
	})
}

func TestParseAddress(t *testing.T) {
	for given, want := range map[string]string{
		"cd@example.com": "<cd@example.com>", "CD <cd+x@localhost>": `"CD" <cd+x@localhost>`, "é <a@b>": "=?utf-8?q?=C3=A9?= <a@b>",
		"-oQ@example.com": "", "root": "", "": "", "a@b, c@d": "", `"a b"@c`: "", "a@-b": "", "a@b\nBcc: c@d": "", "<a@[127.0.0.1]>": "", "a\u202eb <a@b>": "",
	} {
		got, err := ParseAddress(given)
		if err != nil && want != "" || err == nil && got.String() != want {
			t.Errorf("%q: got %s, %v; want %s", given, got.String(), err, want)
		}
	}
}
