package bzr

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
)

const (
	banner = "bzr message 3 (bzr 1.6)\n"

	maxArguments = 1 << 20  // of the headers of a message, and of its arguments, which may be the tags of a branch
	maxBody      = 16 << 20 // of all parts of a body
	maxParts     = 16 << 10
	maxNesting   = 8
)

// value is what bencoded data can hold: a bstring, a bint, a blist or a bdict.
type value interface {
	// bencode appends the value's bencoded form to b.
	bencode(b []byte) []byte
}

type (
	bstring string
	bint    int64
	blist   []value
	bdict   map[string]value
)

func (s bstring) bencode(b []byte) []byte {
	return append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
}

func (n bint) bencode(b []byte) []byte {
	return append(strconv.AppendInt(append(b, 'i'), int64(n), 10), 'e')
}

func (l blist) bencode(b []byte) []byte {
	b = append(b, 'l')
	for _, v := range l {
		b = v.bencode(b)
	}
	return append(b, 'e')
}

func (d bdict) bencode(b []byte) []byte {
	b = append(b, 'd')
	for _, key := range slices.Sorted(maps.Keys(d)) {
		b = d[key].bencode(bstring(key).bencode(b))
	}
	return append(b, 'e')
}

// malformed is the error for bytes that are not a message.
type malformed struct{ what string }

func (m *malformed) Error() string { return "cannot understand the server: " + m.what }

func malformedf(format string, args ...any) error { return &malformed{fmt.Sprintf(format, args...)} }

// parseArguments understands the bencoded list that data holds, all of it.
func parseArguments(data []byte) (blist, error) {
	v, rest, err := parseValue(data, 0)
	if err != nil {
		return nil, err
	}
	args, ok := v.(blist)
	if !ok || len(rest) > 0 {
		return nil, malformedf("its arguments are not one list")
	}
	return args, nil
}

// parseValue understands the value that data begins with and returns what comes after it.
func parseValue(data []byte, depth int) (value, []byte, error) {
	switch {
	case len(data) == 0:
		return nil, nil, malformedf("bencoded data end early")
	case depth > maxNesting:
		return nil, nil, malformedf("bencoded data are nested too deeply")
	case data[0] == 'l':
		return parseList(data[1:], depth)
	case data[0] == 'd':
		return parseDict(data[1:], depth)
	case data[0] == 'i':
		n, rest, err := parseNumber(data[1:], 'e')
		return bint(n), rest, err
	}
	n, rest, err := parseNumber(data, ':')
	if err != nil {
		return nil, nil, err
	}
	if n < 0 || n > int64(len(rest)) {
		return nil, nil, malformedf("a string is said to be %d bytes long", n)
	}
	return bstring(rest[:n]), rest[n:], nil
}

func parseList(data []byte, depth int) (value, []byte, error) {
	l := blist{}
	for len(data) > 0 && data[0] != 'e' {
		v, rest, err := parseValue(data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		l, data = append(l, v), rest
	}
	if len(data) == 0 {
		return nil, nil, malformedf("a list has no end")
	}
	return l, data[1:], nil
}

// parseDict understands what follows a "d". Its keys may be in any order, each once.
func parseDict(data []byte, depth int) (value, []byte, error) {
	d := bdict{}
	for len(data) > 0 && data[0] != 'e' {
		key, rest, err := parseValue(data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		name, ok := key.(bstring)
		if _, again := d[string(name)]; !ok || again {
			return nil, nil, malformedf("the key of a dictionary is no string, or there twice")
		}
		if d[string(name)], data, err = parseValue(rest, depth+1); err != nil {
			return nil, nil, err
		}
	}
	if len(data) == 0 {
		return nil, nil, malformedf("a dictionary has no end")
	}
	return d, data[1:], nil
}

// parseNumber understands the decimal number before the byte end. There is one way only to write a number.
func parseNumber(data []byte, end byte) (int64, []byte, error) {
	i := bytes.IndexByte(data[:min(len(data), 21)], end)
	if i < 0 {
		return 0, nil, malformedf("%.20q does not begin with a number", data)
	}
	digits := string(data[:i])
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != digits {
		return 0, nil, malformedf("%q is not a number", digits)
	}
	return n, data[i+1:], nil
}

// reply is the message that answers a request.
type reply struct {
	ok   bool // the request succeeded, its body included
	args blist
	body []byte
}

// readReply reads one message. Bytes that are none give a *malformed, as soon as that is certain; other errors are those of r.
func readReply(r *bufio.Reader) (reply, error) {
	for i := range len(banner) {
		if c, err := r.ReadByte(); err != nil {
			return reply{}, cutOff(err)
		} else if c != banner[i] {
			return reply{}, malformedf("it does not speak version 3 of the smart protocol")
		}
	}
	if _, err := readSized(r, maxArguments); err != nil { // headers tell nothing of use
		return reply{}, err
	}
	var d replyDecoder
	for range maxParts {
		kind, err := r.ReadByte()
		if err != nil {
			return reply{}, cutOff(err)
		}
		if kind == 'e' {
			return d.finish()
		}
		if err := d.part(r, kind); err != nil {
			return reply{}, err
		}
	}
	return reply{}, malformedf("its message has more than %d parts", maxParts)
}

// replyDecoder puts a reply together from its parts: a status and arguments, then a body, and, if the body broke off, a status and
// arguments again that say why.
type replyDecoder struct {
	reply
	status, told bool // what has come
}

func (d *replyDecoder) part(r *bufio.Reader, kind byte) error {
	switch {
	case kind == 'o' && (!d.status || d.told && d.ok):
		return d.readStatus(r)
	case kind == 's' && d.status && !d.told:
		return d.readArguments(r)
	case kind == 'b' && d.told && d.ok:
		data, err := readSized(r, maxBody-len(d.body))
		d.body = append(d.body, data...)
		return err
	}
	return malformedf("its message has a part %q where none can be", kind)
}

func (d *replyDecoder) readStatus(r *bufio.Reader) error {
	c, err := r.ReadByte()
	if err != nil {
		return cutOff(err)
	}
	if c != 'S' && c != 'E' || c == 'S' && d.status {
		return malformedf("its message has the status %q", c)
	}
	d.ok, d.status, d.told = c == 'S', true, false
	return nil
}

func (d *replyDecoder) readArguments(r *bufio.Reader) error {
	data, err := readSized(r, maxArguments)
	if err != nil {
		return err
	}
	d.args, err = parseArguments(data)
	d.told = true
	return err
}

func (d *replyDecoder) finish() (reply, error) {
	if !d.told {
		return reply{}, malformedf("its message ends early")
	}
	return d.reply, nil
}

// readSized reads a length of at most limit and as many bytes. Memory is taken for what has come, not for what was announced.
func readSized(r *bufio.Reader, limit int) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, cutOff(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if int64(n) > int64(limit) {
		return nil, malformedf("it announces %d bytes, more than the %d that can be taken", n, limit)
	}
	var data bytes.Buffer
	if _, err := io.CopyN(&data, r, int64(n)); err != nil {
		return nil, cutOff(err)
	}
	return data.Bytes(), nil
}

// cutOff makes the end of the stream an error: a message was under way.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
