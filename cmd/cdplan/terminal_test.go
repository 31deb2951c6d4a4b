package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/term"
)

// terminalKey is where a story keeps its terminal.
type terminalKey struct{}

// terminal is a program at a pseudo terminal, and what its screen shows.
type terminal struct {
	env    *testscript.Env
	pty    *os.File
	cmd    *exec.Cmd
	before *term.State // of the terminal, when the program began
	mutex  sync.Mutex  // of the screen
	screen vt10x.Terminal
	ended  chan struct{} // closed when nothing more is written
}

// terminalVerbs are what a story does at a terminal:
//
//	terminal COLUMNS ROWS COMMAND...   starts a program there; one that runs already has to have left
//	type TEXT                          types a line, or ^C
//	resize COLUMNS ROWS
//	screen REGEXP                      waits until the screen, without blanks at the ends of its lines, matches; with ! it must not match now
//	hangup                             closes the terminal
//	left CODE                          waits for the program's end, and sees that the terminal is as it was
var terminalVerbs = map[string]func(*testscript.TestScript, bool, []string){
	"terminal": openTerminal, "type": typeText, "resize": resize, "screen": screen, "hangup": hangup, "left": left,
}

// setupTerminal makes room for the terminal of a story.
func setupTerminal(env *testscript.Env) {
	t := &terminal{env: env}
	env.Values[terminalKey{}] = t
	env.Defer(t.close)
}

func terminalOf(ts *testscript.TestScript) *terminal { return ts.Value(terminalKey{}).(*terminal) }

func size(ts *testscript.TestScript, args []string) *pty.Winsize {
	columns, err1 := strconv.ParseUint(args[0], 10, 16)
	rows, err2 := strconv.ParseUint(args[1], 10, 16)
	ts.Check(errors.Join(err1, err2))
	return &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}
}

func openTerminal(ts *testscript.TestScript, _ bool, args []string) {
	t := terminalOf(ts)
	t.close()
	at := size(ts, args)
	t.screen, t.ended = vt10x.New(vt10x.WithSize(int(at.Cols), int(at.Rows))), make(chan struct{})
	t.cmd = exec.Command(args[2], args[3:]...)
	t.cmd.Dir, t.cmd.Env = t.env.WorkDir, append(t.env.Vars, "TERM=xterm")
	var err error
	t.pty, err = pty.StartWithSize(t.cmd, at)
	ts.Check(err)
	t.before, err = term.GetState(int(t.pty.Fd()))
	ts.Check(err)
	go t.show()
}

// show brings what is written to the screen, until nobody has the terminal open any more.
func (t *terminal) show() {
	defer close(t.ended)
	text := make([]byte, 4096)
	for {
		n, err := t.pty.Read(text)
		t.mutex.Lock()
		_, _ = t.screen.Write(text[:n]) // it knows no errors
		t.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// close ends what a story has left running.
func (t *terminal) close() {
	if t.cmd == nil {
		return
	}
	if t.cmd.ProcessState == nil {
		_ = t.cmd.Process.Kill()
		_ = t.cmd.Wait()
	}
	_ = t.pty.Close()
	t.cmd = nil
}

func typeText(ts *testscript.TestScript, _ bool, args []string) {
	text := args[0] + "\n"
	if args[0] == "^C" {
		text = "\x03"
	}
	_, err := terminalOf(ts).pty.WriteString(text)
	ts.Check(err)
}

func resize(ts *testscript.TestScript, _ bool, args []string) {
	t, to := terminalOf(ts), size(ts, args)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.screen.Resize(int(to.Cols), int(to.Rows))
	ts.Check(pty.Setsize(t.pty, to))
}

// text returns what the screen shows.
func (t *terminal) text() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	lines := strings.Split(t.screen.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

func screen(ts *testscript.TestScript, not bool, args []string) {
	t, want := terminalOf(ts), regexp.MustCompile("(?m)"+args[0])
	if text := t.text(); not && want.MatchString(text) {
		ts.Fatalf("the screen shows %q:\n%s", want, text)
	}
	for deadline := time.Now().Add(time.Minute); !not && !want.MatchString(t.text()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("the screen does not show %q:\n%s", want, t.text())
		}
	}
}

func hangup(ts *testscript.TestScript, _ bool, _ []string) { ts.Check(terminalOf(ts).pty.Close()) }

func left(ts *testscript.TestScript, _ bool, args []string) {
	t := terminalOf(ts)
	<-t.ended
	_ = t.cmd.Wait() // the state says it all
	if code := strconv.Itoa(t.cmd.ProcessState.ExitCode()); code != args[0] {
		ts.Fatalf("it ended with exit code %s, want %s:\n%s", code, args[0], t.text())
	}
	after, err := term.GetState(int(t.pty.Fd()))
	ts.Check(err)
	if fmt.Sprint(*after) != fmt.Sprint(*t.before) {
		ts.Fatalf("the terminal was %v and is %v", *t.before, *after)
	}
	if cursor := t.screen.Cursor(); cursor.X != 0 || !t.screen.CursorVisible() {
		ts.Fatalf("the cursor is at column %d, visible: %v\n%s", cursor.X, t.screen.CursorVisible(), t.text())
	}
	if below := strings.Count(t.text(), "\n"); t.screen.Cursor().Y != below {
		ts.Fatalf("the cursor is on line %d, below a text of %d:\n%s", t.screen.Cursor().Y, below, t.text())
	}
}
