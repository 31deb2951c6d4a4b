package view

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Agent is what an agent has done since it began, and what it knows.
type Agent struct {
	Interval  time.Duration
	Complete  int           // rounds that came to their end
	Failed    int           // and that did not
	LastRound time.Time     // when the last complete one ended; zero if there was none
	Took      time.Duration // that one
	Services  []Scaled      // that it looks after, by name
	Changes   map[AgentChange]int
}

// Scaled is what an agent knows of the size of one service.
type Scaled struct {
	Service string
	Target  float64  // load of one unit
	Units   *int     // nil if they cannot be told, or not yet
	Wanted  *int     // that the load asks for by itself; likewise
	Load    *float64 // nil if there is no data
	Running bool     // its size is being changed, or its new servers are being recorded
}

// AgentChange is something that an agent did.
type AgentChange struct {
	Kind   string // "out", "in" or "record"
	Result string
}

// AgentMetrics answers with metrics for Prometheus: those of the agent and its process, and those of the host. Data is asked each time; where how the host
// stands cannot be told, the rest is.
func AgentMetrics(data func(*http.Request) (Agent, *Status)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent, status := data(r)
		all := prometheus.Gatherers{agentRegistry(agent)}
		if status != nil {
			all = append(all, statusRegistry(*status))
		}
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

func agentRegistry(a Agent) *prometheus.Registry {
	m := metrics{prometheus.NewRegistry()}
	m.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.gauge("agent_interval_seconds", "How often the agent looks at its services.").WithLabelValues().Set(a.Interval.Seconds())
	m.gauge("agent_last_round_timestamp_seconds", "When the last complete round ended.").WithLabelValues().Set(seconds(a.LastRound))
	m.gauge("agent_last_round_duration_seconds", "How long the last complete round took.").WithLabelValues().Set(a.Took.Seconds())
	rounds := m.counter("agent_rounds_total", "Rounds since the agent began, by whether they came to their end.", "result")
	rounds.WithLabelValues("complete").Add(float64(a.Complete))
	rounds.WithLabelValues("failed").Add(float64(a.Failed))
	changes := m.counter("agent_changes_total", "What the agent did since it began: units out or in, or a record on new servers, by result.", "kind", "result")
	for change, n := range a.Changes {
		changes.WithLabelValues(change.Kind, change.Result).Add(float64(n))
	}
	m.sizes(a.Services)
	return m.Registry
}

// sizes tells of the services.
func (m metrics) sizes(services []Scaled) {
	units := m.gauge("scale_units", "Units of a service, but for those that leave.", "service")
	wanted := m.gauge("scale_wanted_units", "Units that the load of a service asks for by itself.", "service")
	load := m.gauge("scale_load", "The load of a service.", "service")
	target := m.gauge("scale_target", "The load that one unit of a service is to carry.", "service")
	noData := m.gauge("scale_no_data", "1 while the load of a service is not known.", "service")
	running := m.gauge("scale_running", "1 while the agent changes the size of a service, or records new servers.", "service")
	for _, s := range services {
		target.WithLabelValues(s.Service).Set(s.Target)
		noData.WithLabelValues(s.Service).Set(float64(one(s.Load == nil)))
		running.WithLabelValues(s.Service).Set(float64(one(s.Running)))
		if s.Units != nil {
			units.WithLabelValues(s.Service).Set(float64(*s.Units))
		}
		if s.Wanted != nil {
			wanted.WithLabelValues(s.Service).Set(float64(*s.Wanted))
		}
		if s.Load != nil {
			load.WithLabelValues(s.Service).Set(*s.Load)
		}
	}
}
