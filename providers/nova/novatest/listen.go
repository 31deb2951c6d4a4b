package novatest

import (
	"fmt"
	"net"
	"net/http"
)

// Server is a Cloud that listens on loopback.
type Server struct {
	*Cloud
	URL string // such as http://127.0.0.1:40000

	http http.Server
	done chan struct{}
}

// Start serves a new cloud on an address of the loopback interface, such as "127.0.0.1:5000"; empty: a free port of 127.0.0.1. It refuses
// other interfaces, because everybody knows its passwords. Close ends it.
func Start(address string, options Options) (*Server, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	if tcp, isTCP := listener.Addr().(*net.TCPAddr); !isTCP || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("cannot listen on %s: not a loopback address", address)
	}
	s := &Server{Cloud: New(options), URL: "http://" + listener.Addr().String(), done: make(chan struct{})}
	s.http.Handler = s.Handler()
	go func() {
		defer close(s.done)
		_ = s.http.Serve(listener) // ends with ErrServerClosed
	}()
	return s, nil
}

// Close drops all connections and ends the server. The cloud's state stays readable.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// CloudsYAML returns the text of a clouds.yaml whose cloud of that name logs the first user in, to the first region.
func (s *Server) CloudsYAML(name string) []byte {
	user := s.options.Users[0]
	return fmt.Appendf(nil, `clouds:
  %s:
    auth:
      auth_url: %s/v3
      username: %q
      password: %q
      project_name: %q
      user_domain_name: %s
      project_domain_name: %s
    region_name: %q
    identity_api_version: 3
`, name, s.URL, user.Name, user.Password, user.Project, domainName, domainName, s.options.Regions[0])
}
