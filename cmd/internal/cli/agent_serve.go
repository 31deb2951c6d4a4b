package cli

import (
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan"
)

// serve answers /metrics and /healthz at a loopback address. It returns what to close in the end.
func (a *agentLoop) serve(address string) (io.Closer, error) {
	if address == "" || address == "off" {
		return io.NopCloser(nil), nil
	}
	listener, err := listenLocally(address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", view.AgentMetrics(a.metrics))
	mux.HandleFunc("GET /healthz", a.healthz)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0)} // what clients do wrong is theirs to see
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.once("http", fmt.Sprintf("Warning: nothing answers at %s any more: %s\n", address, err))
		}
	}()
	a.event("answers at http://%s/metrics", listener.Addr())
	return server, nil
}

// listenLocally refuses an address by which other hosts could ask.
func listenLocally(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("-listen %s: it takes an address and a port, such as 127.0.0.1:8647, or \"off\"", address)
	}
	remote := fmt.Errorf("-listen %s: the agent answers on this host alone: write 127.0.0.1, [::1] or localhost before the port", address)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, remote
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot answer at %s: %w. Name another address by -listen, or none by -listen off", address, err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		return nil, errors.Join(remote, listener.Close())
	}
	return listener, nil
}

// metrics returns what the agent knows, and how the host stands if that can be told.
func (a *agentLoop) metrics(r *http.Request) (view.Agent, *view.Status) {
	agent := a.known()
	journal, err := a.dir.ReadJournal(r.Context())
	if err != nil {
		return agent, nil
	}
	status, err := readStatus(r.Context(), a.dir, journal, a.env.Now())
	if errors.Join(err, journal.Close()) != nil {
		return agent, nil
	}
	return agent, &status
}

// note keeps what was learnt of the size of each service. Of one about which something is being done that is what was known before.
func (a *agentLoop) note(p *plan.Plan) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	before := a.seen.Services
	a.seen.Services = nil
	for _, service := range a.current.sized {
		s := view.Scaled{Service: service.Name}
		if i := slices.IndexFunc(before, func(b view.Scaled) bool { return b.Service == s.Service }); i >= 0 {
			s = before[i]
		}
		if i := slices.IndexFunc(p.Decisions, func(d plan.Decision) bool { return d.Service == s.Service }); i >= 0 {
			s = scaled(p.Decisions[i])
			policy, _ := service.Policy(a.current.fleet.Schemas) // what is wrong with it the plan tells
			s.Target = policy.Target
		}
		a.seen.Services = append(a.seen.Services, s)
	}
}

// scaled returns what a decision tells of the size of its service.
func scaled(d plan.Decision) view.Scaled {
	s := view.Scaled{Service: d.Service}
	if d.Size == nil {
		return s
	}
	if d.Size.Err == nil {
		s.Units = &d.Size.Units
	}
	if d.Size.Load.Err == nil {
		s.Load = &d.Size.Load.Value
	}
	if s.Units != nil && s.Load != nil {
		s.Wanted = &d.Size.Wanted
	}
	return s
}

// known returns a copy of what the agent knows by now.
func (a *agentLoop) known() view.Agent {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	agent := a.seen
	agent.Services, agent.Changes = slices.Clone(a.seen.Services), maps.Clone(a.seen.Changes)
	for i, s := range agent.Services {
		agent.Services[i].Running = a.running[s.Service]
	}
	return agent
}

func (a *agentLoop) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "ok"
	if err := a.health(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = err.Error()
	}
	_, _ = fmt.Fprintln(w, text) // fails only when the client has gone
}

// missedRounds is how many intervals a round may be away before something is wrong.
const missedRounds = 3

// health returns nil if the last complete round was not long ago.
func (a *agentLoop) health() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	last := a.seen.LastRound
	ago := a.env.Now().Sub(last)
	why := "it goes on"
	if text := a.said["round"]; text != "" {
		why, _, _ = strings.Cut(view.CleanLines(text), "\n")
	}
	switch {
	case last.IsZero() && a.said["round"] == "":
		return errors.New("the first round is not over yet")
	case last.IsZero():
		return fmt.Errorf("no round was complete yet: %s", why)
	case ago > missedRounds*a.interval:
		return fmt.Errorf("the last complete round was %s ago, and there is to be one every %s: %s", ago.Round(time.Second), a.interval, why)
	}
	return nil
}
