package scaling

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// StartPrometheus starts a Prometheus, and returns its URL. It scrapes the exporters at these URLs every second.
func StartPrometheus(t testing.TB, exporters ...string) string {
	t.Helper()
	dir, port := t.TempDir(), ports(t, 1)[0]
	config := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
	for i, exporter := range exporters {
		u, err := url.Parse(exporter)
		if err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf("- {job_name: %d, metrics_path: %q, static_configs: [{targets: [%q]}]}\n", i, u.Path, u.Host)
	}
	file := filepath.Join(dir, "prometheus.yml")
	write(t, file, config)
	p := start(t, dir, nil, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at(port),
		"--log.level=warn")
	address := "http://" + at(port)
	p.await(func() error {
		response, err := http.Get(address + "/-/ready")
		if err != nil {
			return err
		}
		_ = response.Body.Close() // nobody reads it
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", response.Status)
		}
		return nil
	})
	return address
}
