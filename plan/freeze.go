package plan

import "time"

// Freeze is a rule that nothing is started for some services at some times. What runs is never cut off.
type Freeze struct {
	Name     string
	Owner    string
	Reason   string
	Scaling  bool     // the size of services follows their load all the same
	Services []string // globs of names, as path.Match takes them; none means all services
	Window   Window
}

// Window is when a freeze is in force.
type Window interface {
	// Until returns whether the window is open at that time, and if so when it closes.
	Until(now time.Time) (end time.Time, open bool)
	// Next returns when the window opens next after that time, and false if it never does.
	Next(now time.Time) (start time.Time, ok bool)
}
