package scaling

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What is started ends with the test, and no sooner.
func TestEnds(t *testing.T) {
	var p *process
	t.Run("test", func(t *testing.T) {
		p = start(t, t.TempDir(), []string{"GREETING=hello"}, "sh", "-c", "echo $GREETING; exec sleep 1000")
		p.await(func() error {
			if got := string(p.tail()); got != "hello" {
				return fmt.Errorf("it says %q", got)
			}
			return nil
		})
		select {
		case <-p.end:
			t.Error("it has ended too early")
		default:
		}
	})
	select {
	case <-p.end:
	default:
		t.Error("it goes on")
	}
	p.stop() // once more does no harm
}

// TestKilled has another run of this test killed after it has started a server that holds stdout open. When that is closed, the server has ended.
func TestKilled(t *testing.T) {
	if os.Getenv("TEST_KILLED") != "" {
		p := start(t, os.Getenv("TEST_KILLED"), nil, "sh", "-c", "exec sleep 1000 3>/proc/"+fmt.Sprint(os.Getpid())+"/fd/1")
		fmt.Println("started", p.cmd.Process.Pid)
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "TEST_KILLED="+t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(stdout)
	line, err := output.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "started") {
		t.Fatalf("got %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(output); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
}

func TestPorts(t *testing.T) {
	seen := map[int]bool{}
	for _, port := range ports(t, 50) {
		if seen[port] || port < firstPort || port >= lastPort || listens(port) == nil {
			t.Errorf("got port %d", port)
		}
		seen[port] = true
	}
}
