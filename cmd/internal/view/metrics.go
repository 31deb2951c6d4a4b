package view

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"launchpad.net/cdplan/state"
)

// Metrics writes the status to a file that the textfile collector of Prometheus' node exporter reads, in place of the one before.
func Metrics(path string, s Status) error {
	if err := prometheus.WriteToTextfile(path, statusRegistry(s)); err != nil {
		return fmt.Errorf("cannot write the metrics: %w", err)
	}
	return nil
}

// metrics are what is told to Prometheus. The names are ours, and each is there once.
type metrics struct{ *prometheus.Registry }

func (m metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "cdplan", Name: name, Help: help}, labels)
	m.MustRegister(g)
	return g
}

func (m metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cdplan", Name: name, Help: help}, labels)
	m.MustRegister(c)
	return c
}

func statusRegistry(s Status) *prometheus.Registry {
	m := metrics{prometheus.NewRegistry()}
	m.gauge("last_complete_run_timestamp_seconds", "When the last run ended that looked at every service.").WithLabelValues().Set(seconds(s.Heartbeat.Time))
	verdicts := m.gauge("services", "Services by the verdict that the last complete run had on them.", "verdict")
	for verdict, n := range s.Heartbeat.Verdicts {
		verdicts.WithLabelValues(verdict).Set(float64(n))
	}
	counts := m.gauge("standings", "Services that are not well, by how they stand.", "standing")
	services := m.gauge("service_standing", "1 for each service that is not well.", "service", "standing")
	for _, word := range words {
		names := s.named(word)
		if word == state.HostTrouble {
			continue
		}
		counts.WithLabelValues(string(word)).Set(float64(len(names)))
		for _, name := range names {
			services.WithLabelValues(name, string(word)).Set(1)
		}
	}
	m.gauge("host_trouble", "1 while deploys fail on this host whatever is deployed.").WithLabelValues().Set(float64(len(s.named(state.HostTrouble))))
	m.gauge("holds", "Holds in force.").WithLabelValues().Set(float64(len(s.Holds)))
	m.gauge("running", "Attempts under way.").WithLabelValues().Set(float64(len(s.Running)))
	totals := m.counter("attempts_total", "Attempts that ended, by result.", "result")
	for _, result := range []string{"deployed", "recorded", "scaled", "failed", "interrupted"} {
		totals.WithLabelValues(result).Add(float64(s.Totals[result]))
	}
	return m.Registry
}

// seconds is 0 for no time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
