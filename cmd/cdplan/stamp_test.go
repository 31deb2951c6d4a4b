package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"launchpad.net/cdplan/providers/nova/novatest"
	"launchpad.net/cdplan/providers/resource"
)

// TestKilledWhileStamping kills cdplan at each write of the stamps of one service's servers, before nova has got it or right after: also between the
// end of mojo and the first write, and between two of them. The next run stamps the rest and deploys nothing.
func TestKilledWhileStamping(t *testing.T) {
	w := newMany(t, 1, "false")
	old := w.cloud.Servers()[0]
	for range 3 {
		w.cloud.AddServer("RegionOne", novatest.ServerSpec{Name: old.Name})
	}
	for n := 1; n <= 4; n++ {
		for _, written := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, written %t", n, written), func(t *testing.T) {
				w.TB = t
				w.must(os.RemoveAll(w.path(".state")))
				w.must(os.RemoveAll(w.path("runs")))
				for _, s := range w.cloud.Servers() {
					w.cloud.SetMetadata(s.ID, old.Metadata)
				}
				w.killAtStamp(n, written)
				if e := w.run("cdplan", "apply", "-auto"); e.code != 0 || !strings.Contains(e.stdout, "recorded") && !(n == 4 && written) {
					t.Fatal(e)
				}
				if got := w.lines("runs"); got["s000"] != 1 {
					t.Errorf("mojo ran %d times", got["s000"])
				}
				hash := resource.Hash(map[string]resource.Revision{"app": w.tip("branches/app"), "spec": w.tip("branches/spec"), "config": w.tip("LOCAL/s000")})
				for _, s := range w.cloud.Servers() {
					if s.Metadata["cd.hash"] != hash {
						t.Errorf("%s carries %v", s.ID, s.Metadata)
					}
				}
				if e := w.run("cdplan", "apply", "-auto"); e.code != 0 || e.stdout+e.stderr != "" {
					t.Errorf("the run after that is not silent: %s", e)
				}
			})
		}
	}
}

// killAtStamp runs an apply and kills it when nova gets the nth request to write a stamp. None after that comes to anything.
func (w *world) killAtStamp(n int, written bool) {
	w.Helper()
	cmd, stdout, stderr := w.command("cdplan", "apply", "-auto")
	var seen atomic.Int64
	var start sync.WaitGroup
	start.Add(1)
	kill := func(r *http.Request) bool {
		start.Wait()
		stamp := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/metadata")
		if !stamp {
			return false
		}
		now := seen.Add(1)
		if now == int64(n) {
			_ = cmd.Process.Kill() // its state tells whether that has worked
		}
		return now > int64(n) || now == int64(n) && !written
	}
	w.cloud.Inject(novatest.Fault{Match: kill, Cut: true})
	defer w.cloud.ClearFaults()
	w.must(cmd.Start())
	start.Done()
	_ = cmd.Wait() // the state says it all
	if cmd.ProcessState.ExitCode() >= 0 {
		w.Fatalf("it was not killed: %s%s", stdout, stderr)
	}
}
