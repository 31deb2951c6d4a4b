package scale

import (
	"testing"
	"time"
)

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
		20 * time.Hour: "20h", 1500 * time.Millisecond: "1.5s"} {
		if got := Duration(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0", 100: "100", 7.25: "7.25", 7.257: "7.26", 7.1: "7.1", 1e9: "1000000000"} {
		if got := Number(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}
