package cli

import (
	"fmt"
	"strings"

	"launchpad.net/cdplan/cmd/internal/view"
)

// event prints a line about the agent itself.
func (a *agentLoop) event(format string, args ...any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.line(fmt.Sprintf(format, args...))
}

func (a *agentLoop) line(text string) {
	a.env.say("%s agent  %s\n", a.env.Now().UTC().Format("15:04:05Z"), view.CleanLines(text))
}

// once prints a text on stderr unless it was the last about that already. An empty one says that there is nothing to say any more.
func (a *agentLoop) once(about, text string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.said[about] != text {
		a.said[about] = text
		a.env.say("%s", view.CleanLines(text))
	}
}

// fault tells an error, once, and when it is over.
func (a *agentLoop) fault(about string, err error, then, over string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if a.said[about] == text {
		return
	}
	a.said[about] = text
	if err == nil {
		a.line(over)
		return
	}
	_ = a.env.report(err) // the code is for a command that ends
	a.line(then)
}

// services names what the agent looks after.
func (a *agentLoop) services() string {
	var list []string
	for _, s := range a.current.sized {
		list = append(list, s.Name)
	}
	if len(list) == 0 {
		return "no services"
	}
	return strings.TrimSpace(names(list))
}
