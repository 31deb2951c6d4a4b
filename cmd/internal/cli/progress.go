package cli

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/plan/apply"
)

const (
	tickEvery = time.Second / 2 // how often what is drawn on a terminal is drawn anew
	beatEvery = time.Minute     // how often it is told that a service goes on, where nothing is drawn
)

// running is a service that is being deployed, and when to tell next that it is.
type running struct {
	view.Running
	due time.Time
}

// watch follows an apply: it hands each event to every output, and tells them at every tick what runs.
type watch struct {
	outputs []output
	mutex   sync.Mutex // of the outputs, too: events and ticks come from two goroutines
	running []running  // in the order of their starts
	stop    func()     // ends the ticks; nil if there are none
}

// newWatch begins to tick at once, until results is called.
func newWatch(env *Env, outputs ...output) *watch {
	w := &watch{outputs: outputs}
	if env.Ticks == nil {
		return w
	}
	ticks, stopTicks := env.Ticks(tickEvery)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case now := <-ticks:
				w.tick(now)
			case <-over:
				return
			}
		}
	}()
	w.stop = func() {
		stopTicks()
		close(over)
		<-done
	}
	return w
}

func (w *watch) event(e apply.Event) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.note(e)
	for _, out := range w.outputs {
		out.event(e, w.list())
	}
}

// note keeps what runs up to date.
func (w *watch) note(e apply.Event) {
	i := slices.IndexFunc(w.running, func(r running) bool { return r.Service == e.Service })
	switch {
	case e.Kind == apply.EventStart:
		w.running = append(w.running, running{view.Running{Service: e.Service, Start: e.Time, Usual: e.Usual}, e.Time.Add(beatEvery)})
	case i < 0:
	case e.Kind == apply.EventEnd:
		w.running = slices.Delete(w.running, i, i+1)
	case e.Phase != "":
		w.running[i].Phase, w.running[i].Text = e.Phase, ""
	case e.Text != "":
		w.running[i].Phase, w.running[i].Text = "", e.Text
	}
}

func (w *watch) tick(now time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var due []view.Running
	for i, r := range w.running {
		if !now.Before(r.due) {
			due = append(due, r.Running)
			for !now.Before(w.running[i].due) {
				w.running[i].due = w.running[i].due.Add(beatEvery)
			}
		}
	}
	for _, out := range w.outputs {
		out.tick(now, w.list(), due)
	}
}

func (w *watch) list() []view.Running {
	list := make([]view.Running, len(w.running))
	for i, r := range w.running {
		list[i] = r.Running
	}
	return list
}

// results ends the ticks, and the outputs, and returns the first error that there was.
func (w *watch) results(results []apply.Result, routine func(apply.Result) bool) (err error) {
	if w.stop != nil {
		w.stop()
	}
	for _, out := range w.outputs {
		err = cmp.Or(err, out.results(results, routine))
	}
	return err
}
