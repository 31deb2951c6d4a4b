package bzr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	smartPort = "4155"

	// farAway is the round trip from which on more than one connection pays: the server answers one request at a time, whatever their number.
	farAway = time.Millisecond
	trips   = 3 // that have to take as long

	ownServers = 2 // at most
)

// host says which server is meant, and as whom. Connections are shared by what has the same host.
type host struct {
	scheme, user, name, port string // port is empty for the scheme's own
}

// link is a way to a server and back.
type link interface {
	io.ReadWriteCloser
	// SetDeadline ends reads and writes that are under way at that time, and fails later ones.
	SetDeadline(time.Time) error
}

// broken is the error for a connection that ended while an answer was awaited. Another may do.
type broken struct{ err error }

func (b *broken) Error() string {
	if errors.Is(b.err, io.ErrUnexpectedEOF) {
		return "the server closed the connection"
	}
	return b.err.Error()
}

// unreachable is the error for a server to which no connection can be opened.
type unreachable struct{ err error }

func (u *unreachable) Error() string { return "cannot connect: " + u.err.Error() }
func (u *unreachable) Unwrap() error { return u.err }

// conn is a connection to a smart server. It takes one request at a time: a server that has read two waits for a third before it answers
// the second.
type conn struct {
	link
	r     *bufio.Reader
	spent bool // it must not be used again
}

func newConn(l link) *conn { return &conn{link: l, r: bufio.NewReader(l)} }

// call asks and waits for the answer until ctx is done. After an error, and after an answer with something behind it, the connection is spent.
func (c *conn) call(ctx context.Context, message []byte) (reply, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // fails only if the link is closed
	answer, err := c.exchange(message)
	undisturbed := stop()
	c.spent = err != nil || !undisturbed || c.r.Buffered() > 0
	if err != nil && ctx.Err() != nil {
		return reply{}, context.Cause(ctx)
	}
	return answer, err
}

func (c *conn) exchange(message []byte) (reply, error) {
	if _, err := c.Write(message); err != nil {
		return reply{}, &broken{err}
	}
	answer, err := readReply(c.r)
	var m *malformed
	if err != nil && !errors.As(err, &m) {
		return reply{}, &broken{err}
	}
	return answer, err
}

// pool keeps the connections to smart servers. Its methods may be called at the same time.
type pool struct {
	limit int           // of connections to one server
	far   time.Duration // the round trip above which there is more than one
	dial  func(ctx context.Context, h host) (link, error)

	mu      sync.Mutex
	servers map[host]*server
}

// server returns the one for h.
func (p *pool) server(h host) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[h]
	if s == nil {
		first := p.first(h)
		s = &server{pool: p, host: h, idle: make(chan *conn, p.limit), places: make(chan struct{}, p.limit),
			opening: make(chan struct{}, first), measured: h == thisHost}
		for range first {
			s.places <- struct{}{}
		}
		if p.servers == nil {
			p.servers = make(map[host]*server)
		}
		p.servers[h] = s
	}
	return s
}

// first returns how many connections to a server may be opened at the same time, before it is known how far away it is: one, or, of our own
// servers, which take a processor each and are never far away, as many as there may be.
func (p *pool) first(h host) int {
	if h == thisHost {
		return min(p.limit, ownServers, runtime.GOMAXPROCS(0))
	}
	return 1
}

// close closes all connections. None may be in use.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		s.dropIdle()
	}
	p.servers = nil
}

// server is one smart server with the connections to it.
type server struct {
	*pool
	host    host
	idle    chan *conn
	places  chan struct{} // one for each connection that may still be opened
	opening chan struct{} // held while one is opened, for a server on another host refuses those that come all at once

	mu       sync.Mutex
	open     int  // connections
	measured bool // the round trip is known, and all places have been given out
}

// call implements caller. A connection that breaks is replaced once, for a question can be put again.
func (s *server) call(ctx context.Context, q request) (reply, error) {
	message := q.encode(q.dir)
	answer, err := s.try(ctx, message)
	var b *broken
	if errors.As(err, &b) {
		s.dropIdle() // they are as old
		answer, err = s.try(ctx, message)
	}
	return answer, err
}

func (s *server) try(ctx context.Context, message []byte) (reply, error) {
	c, err := s.acquire(ctx)
	if err != nil {
		return reply{}, err
	}
	answer, err := c.call(ctx, message)
	s.release(c)
	return answer, err
}

// acquire returns a connection that nobody uses, if need be a new one.
func (s *server) acquire(ctx context.Context) (*conn, error) {
	for {
		select {
		case c := <-s.idle:
			return c, nil
		default:
		}
		select {
		case c := <-s.idle:
			return c, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.places:
		}
		c, err := s.add(ctx)
		if err == nil || !s.losePlace(ctx) {
			return c, err
		}
	}
}

// losePlace decides about the place of a connection that could not be opened. If there are others, the server has as many as it takes: the
// place is gone, and one of those will do. Otherwise the place is free again.
func (s *server) losePlace(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 && ctx.Err() == nil {
		return true
	}
	s.places <- struct{}{}
	return false
}

func (s *server) release(c *conn) {
	if !c.spent {
		s.idle <- c
		return
	}
	s.drop(c)
}

func (s *server) drop(c *conn) {
	_ = c.Close() // nothing was left to be written
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.places <- struct{}{}
}

func (s *server) dropIdle() {
	for {
		select {
		case c := <-s.idle:
			s.drop(c)
		default:
			return
		}
	}
}

// add opens one more connection, once no other is being opened. It is open when the server has answered on it.
func (s *server) add(ctx context.Context) (*conn, error) {
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	l, err := s.dial(ctx, s.host)
	if err != nil {
		return nil, s.notReached(ctx, err)
	}
	c := newConn(l)
	if err := s.greet(ctx, c); err != nil {
		_ = c.Close() // it was of no use
		return nil, s.notReached(ctx, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return c, nil
}

// notReached returns why there is no connection. A dialler has no deadline but that of ctx. Our own server is not far: it is not there.
func (s *server) notReached(ctx context.Context, err error) error {
	switch {
	case late(ctx, err):
		return context.Cause(ctx)
	case s.host == thisHost:
		return err
	}
	return &unreachable{err}
}

// late says that err came of the end of ctx, for which it waits: a dialler may know of the deadline a moment before.
func late(ctx context.Context, err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// greet has the server answer on a new connection. On the first one it also finds out how far away the server is, after that answer, to which a
// server adds the time in which it makes itself ready.
func (s *server) greet(ctx context.Context, c *conn) error {
	if _, err := roundTrip(ctx, c); err != nil || s.measured {
		return err
	}
	distant, err := s.distant(ctx, c)
	if err != nil {
		return err
	}
	s.measured = true
	if distant {
		for range s.limit - 1 {
			s.places <- struct{}{}
		}
	}
	return nil
}

// distant says whether several answers in a row take their time: a server that is near but busy gives a quick one among them.
func (s *server) distant(ctx context.Context, c *conn) (bool, error) {
	for range trips {
		trip, err := roundTrip(ctx, c)
		if err != nil || trip <= s.far {
			return false, err
		}
	}
	return true, nil
}

// roundTrip asks for what costs the server nothing.
func roundTrip(ctx context.Context, c *conn) (time.Duration, error) {
	asked := time.Now()
	_, err := c.call(ctx, hello())
	if err == nil && c.spent {
		err = malformedf("it says more than it was asked")
	}
	return time.Since(asked), err
}

// dialTCP connects to a server that is reached directly.
func dialTCP(ctx context.Context, h host) (link, error) {
	port := h.port
	if port == "" {
		port = smartPort
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(h.name, port))
	if err != nil {
		return nil, err
	}
	return c, nil
}

// dial connects as the scheme of h says.
func (p *provider) dial(ctx context.Context, h host) (link, error) {
	switch h.scheme {
	case "bzr":
		return dialTCP(ctx, h)
	case "bzr+ssh":
		return dialSSH(ctx, h)
	case thisHost.scheme:
		return p.brz.serve(ctx)
	}
	return nil, fmt.Errorf("unknown scheme %q", h.scheme)
}
