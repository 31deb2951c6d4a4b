package notify

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
)

// Mail tells events by the program sendmail.
type Mail struct {
	To       []mail.Address // never empty
	From     mail.Address
	Sendmail string // path of the program; empty for DefaultSendmail
}

// DefaultSendmail is where mail servers install it.
const DefaultSendmail = "/usr/sbin/sendmail"

// address matches the addresses that sendmail can be given: they cannot be taken for an option or for more than one.
var address = regexp.MustCompile(`^[^-\s<>()\[\]\\,;:"@][^\s<>()\[\]\\,;:"@]*@[^-\s<>()\[\]\\,;:"@][^\s<>()\[\]\\,;:"@]*$`)

// ParseAddress returns an address as it stands in a mail, such as "Release Team <cd@example.com>" or the plain address.
func ParseAddress(text string) (mail.Address, error) {
	parsed, err := mail.ParseAddress(text)
	if err != nil || !address.MatchString(parsed.Address) || clean(text) != text {
		return mail.Address{}, fmt.Errorf("%q is no mail address", clean(text))
	}
	return *parsed, nil
}

// send gives the recipients as arguments: with -t, sendmail would look for them in the message.
func (m Mail) send(ctx context.Context, e Event) error {
	argv := []string{m.Sendmail, "-i", "-f", m.From.Address, "--"}
	if m.Sendmail == "" {
		argv[0] = DefaultSendmail
	}
	for _, to := range m.To {
		argv = append(argv, to.Address)
	}
	message, err := m.message(e.told())
	if err != nil {
		return err
	}
	return run(ctx, argv, message)
}

// message returns a mail (RFC 5322) with the line ends that local programs expect.
func (m Mail) message(e Event) ([]byte, error) {
	var to []string
	for _, recipient := range m.To {
		to = append(to, recipient.String())
	}
	var b bytes.Buffer
	for _, field := range [][2]string{
		{"From", m.From.String()},
		{"To", strings.Join(to, ",\n ")},
		{"Subject", encode(subject(e))},
		{"Date", e.Time.Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + atom(e.ID) + "@" + atom(e.Host) + ">"},
		{"Auto-Submitted", "auto-generated"}, // so that nobody's absence is answered to it (RFC 3834)
		{"X-Cdplan-Event", encode(cut(e.Kind, maxSubject))},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\n", field[0], field[1])
	}
	b.WriteString("\n")
	body := quotedprintable.NewWriter(&b)
	if _, err := io.WriteString(body, text(e)); err != nil {
		return nil, err
	}
	if err := body.Close(); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), nil
}

// maxSubject is how many characters of a subject are kept.
const maxSubject = 150

func subject(e Event) string { return cut("cdplan on "+e.Host+": "+cmp.Or(e.Text, e.Kind), maxSubject) }

// encode makes the value of a header of one line of text: encoded words (RFC 2047) where it takes them, each on a line of its own.
func encode(text string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", text), "?= =?", "?=\n =?")
}

var noAtom = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// maxAtom is how much of a text goes into a Message-ID, whose line may not be longer than 998 characters.
const maxAtom = 200

// atom returns a text as it may stand on either side of the "@" of a Message-ID.
func atom(text string) string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' })
	for i, part := range parts {
		parts[i] = noAtom.ReplaceAllString(part, "-")
	}
	if len(parts) == 0 {
		return "none"
	}
	whole := strings.Join(parts, ".")
	return strings.TrimRight(whole[:min(len(whole), maxAtom)], ".")
}

// text is what people read.
func text(e Event) string {
	var b strings.Builder
	b.WriteString(e.Text + "\n\n")
	for _, line := range [][2]string{
		{"host", e.Host}, {"services", strings.Join(e.Services, ", ")}, {"fingerprint", e.Fingerprint}, {"log", e.Log},
	} {
		if line[1] != "" {
			b.WriteString(line[0] + ": " + line[1] + "\n")
		}
	}
	if len(e.Tail) > 0 {
		b.WriteString("\nThe last lines of the log:\n\n")
	}
	for _, line := range e.Tail {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}
