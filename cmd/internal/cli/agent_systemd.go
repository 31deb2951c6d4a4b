package cli

import (
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notify tells systemd, if it wants to be told.
func (a *agentLoop) notify(text string) {
	if _, err := daemon.SdNotify(false, text); err != nil {
		a.once("systemd", fmt.Sprintf("Warning: systemd cannot be told how the agent stands: %s\n", err))
	}
}

// monotonic is the time by which systemd knows to which reload the next READY=1 belongs.
func monotonic() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return ""
	}
	return fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)
}

// watchdog tells systemd again and again that the loop goes on, if systemd asks for that. It returns what ends that.
func (a *agentLoop) watchdog() (end func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.once("systemd", fmt.Sprintf("Warning: the watchdog of systemd cannot be told anything: %s\n", err))
	}
	if every == 0 {
		return func() {}
	}
	ticks, stop := a.env.Ticks(every / 2)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ticks:
				if a.moves() {
					a.notify(daemon.SdNotifyWatchdog)
				}
			case <-over:
				return
			}
		}
	}()
	return func() {
		stop()
		close(over)
		<-done
	}
}

// moves says whether the loop has moved not long ago: reading may take its time, and so may what is waited for in the end.
func (a *agentLoop) moves() bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.ending || a.env.Now().Sub(a.alive) <= refreshTimeout+missedRounds*a.interval
}

// status says in a line how the agent stands.
func (a *agentLoop) status() string {
	agent := a.known()
	units, unknown, running := 0, 0, 0
	for _, s := range agent.Services {
		if s.Units != nil {
			units += *s.Units
		}
		if s.Load == nil {
			unknown++
		}
		if s.Running {
			running++
		}
	}
	text := fmt.Sprintf("services: %d, units: %d", len(agent.Services), units)
	if unknown > 0 {
		text += fmt.Sprintf(", without data: %d", unknown)
	}
	if running > 0 {
		text += fmt.Sprintf(", being changed: %d", running)
	}
	if !agent.LastRound.IsZero() {
		text += "; last round " + agent.LastRound.UTC().Format("15:04:05Z")
	}
	return text
}
