package bzr

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"net/url"
	"path"
)

// caller leads to a smart server.
type caller interface {
	// call asks the server and returns its answer, be that a refusal. It may be called at the same time.
	call(ctx context.Context, q request) (reply, error)
}

// request asks a smart server for something. All verbs but "hello" take a directory of what is served as their first argument.
type request struct {
	verb string
	dir  string
	args []value // those after the directory
	body []byte  // nil if the verb takes none
}

// encode returns the message. The directory is given to the server as at.
func (q request) encode(at string) []byte {
	return message(append(blist{bstring(q.verb), bstring(at)}, q.args...), q.body)
}

// message returns a request with these arguments. A body of nil is none.
func message(args blist, body []byte) []byte {
	b := appendPart([]byte(banner+"\x00\x00\x00\x02de"), 's', args.bencode(nil))
	if body != nil {
		b = appendPart(b, 'b', body)
	}
	return append(b, 'e')
}

func appendPart(b []byte, kind byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(append(b, kind), uint32(len(data))), data...)
}

// hello is the message to which every server has a short answer.
func hello() []byte { return message(blist{bstring("hello")}, nil) }

// webCaller leads to the smart server that a web server may have behind each directory. A request names the directory by its URL.
type webCaller struct {
	*provider
	site *url.URL // scheme and host
}

// call implements caller. Where there is no smart server, or one that cannot be understood, the error is errUndecided.
func (w webCaller) call(ctx context.Context, q request) (reply, error) {
	at := *w.site
	at.Path = path.Join("/", q.dir) + smartFile
	found, err := w.fetch(ctx, http.MethodPost, at.String(), q.encode(""), maxBody)
	if err != nil {
		return reply{}, err
	}
	if found.status != http.StatusOK {
		return reply{}, undecided("a web server without a smart server")
	}
	answer, err := readReply(bufio.NewReader(bytes.NewReader(found.body)))
	if err != nil {
		return reply{}, undecided("a web server without a smart server that can be understood")
	}
	return answer, nil
}
