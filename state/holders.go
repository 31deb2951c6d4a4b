package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Process is a process of this host.
type Process struct {
	PID     int
	Command string // its command line, cut, fit to be shown; empty if it cannot be read
	begun   int    // when it was started, in ticks since the host was
}

func (p Process) String() string {
	return strings.TrimSuffix(fmt.Sprintf("pid %d, %s", p.PID, p.Command), ", ")
}

// Holders returns the processes that hold the lock of the service, the one that was started first before all others. There may be several: those
// that a deploy starts inherit it. Processes that this user must not look into are left out.
func (d Dir) Holders(service string) ([]Process, error) {
	lock, err := os.Stat(d.lockPath(service))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell who holds the lock of %s: %w", service, err)
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var holders []Process
	for _, dir := range all {
		if holds(dir, lock) {
			holders = append(holders, process(dir))
		}
	}
	slices.SortFunc(holders, func(a, b Process) int { return cmp.Or(cmp.Compare(a.begun, b.begun), cmp.Compare(a.PID, b.PID)) })
	return holders, nil
}

// Busy says whether a process of this host works on the service, as far as this user may see.
func (d Dir) Busy(service string) bool {
	holders, err := d.Holders(service)
	return err == nil && len(holders) > 0
}

// holds says whether the process with that directory in /proc has the file open and locked. One that waits for the lock has it open alone. A
// file of another name is not looked at, since it may be on a server that does not answer.
func holds(dir string, lock fs.FileInfo) bool {
	descriptors, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return false // it has ended, or is another user's
	}
	for _, d := range descriptors {
		link := filepath.Join(dir, "fd", d.Name())
		if target, err := os.Readlink(link); err != nil || filepath.Base(target) != lock.Name() {
			continue
		}
		file, err := os.Stat(link)
		if err != nil || !os.SameFile(file, lock) {
			continue
		}
		if info, err := os.ReadFile(filepath.Join(dir, "fdinfo", d.Name())); err == nil && bytes.Contains(info, []byte(" FLOCK ")) {
			return true
		}
	}
	return false
}

// process reads what there is to tell; a process that has just ended has nothing.
func process(dir string) Process {
	pid, _ := strconv.Atoi(filepath.Base(dir))
	p := Process{PID: pid}
	if command, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
		p.Command = oneLine(string(command))
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return p
	}
	// The second field is a name in brackets that may hold anything; the 22nd is the time (proc_pid_stat(5)).
	if fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])); len(fields) > 19 {
		p.begun, _ = strconv.Atoi(fields[19])
	}
	return p
}

// News says whether this is the first time that it is asked about the run whose deploy goes on without it, and notes that it was.
func (d Dir) News(busy *BusyError) (bool, error) {
	path := strings.TrimSuffix(d.lockPath(busy.Owner.Service), ".lock") + ".orphan"
	run := fmt.Sprintf("%d %d\n", busy.Owner.PID, busy.Owner.Start.UnixNano())
	if told, err := os.ReadFile(path); err == nil && string(told) == run {
		return false, nil
	}
	if err := os.WriteFile(path, []byte(run), 0o600); err != nil {
		return true, fmt.Errorf("cannot note that the deploy of %s goes on: %w", busy.Owner.Service, err)
	}
	return true, nil
}

const maxCommand = 120 // characters of a command line

// oneLine returns the text cut, and with a blank for each run of what cannot be shown on a line.
func oneLine(text string) string {
	hidden := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	line := []rune(strings.Join(strings.FieldsFunc(text, hidden), " "))
	if len(line) > maxCommand {
		line = append(line[:maxCommand-3], []rune("...")...)
	}
	return string(line)
}
