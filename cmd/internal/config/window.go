package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a host without the package tzdata knows the zones all the same; its own data count more where it has them

	"github.com/adhocore/gronx"
)

// span is a window that opens once.
type span struct{ from, to time.Time }

func (s span) Until(now time.Time) (time.Time, bool) {
	if now.Before(s.from) || !now.Before(s.to) {
		return time.Time{}, false
	}
	return s.to, true
}

func (s span) Next(now time.Time) (time.Time, bool) { return s.from, s.from.After(now) }

// recurrence is a window that opens at the times of a cron expression that checkCron accepts, as a clock in the zone shows them. It is open
// for so long each time, whatever happens to the clock meanwhile; of openings that overlap the latest counts.
type recurrence struct {
	cron string
	zone *time.Location
	open time.Duration
}

func (r recurrence) Until(now time.Time) (time.Time, bool) {
	start, ok := r.latest(now)
	end := start.Add(r.open)
	if !ok || !now.Before(end) {
		return time.Time{}, false
	}
	return end, true
}

// setBack is more than any clock is set back by.
const setBack = 3 * time.Hour

// latest returns the latest opening that is not after now. The expression is evaluated on a clock that is never changed, and what comes out is
// put on the zone's clock afterwards. It begins later than now, for an opening before the clock was set back has a later time on it.
func (r recurrence) latest(now time.Time) (time.Time, bool) {
	for wall := onClock(now.In(r.zone)).Add(setBack); ; wall = wall.Add(-time.Minute) {
		tick, err := gronx.PrevTickBefore(r.cron, wall.Truncate(time.Minute), true)
		if err != nil {
			return time.Time{}, false
		}
		if start := instant(tick, r.zone); !start.After(now) {
			return start, true
		}
		wall = tick
	}
}

// Next goes by the same clock as latest. What has an earlier time on it than now has come, so it need not begin earlier.
func (r recurrence) Next(now time.Time) (time.Time, bool) {
	for wall := onClock(now.In(r.zone)); ; {
		tick, err := gronx.NextTickAfter(r.cron, wall, false)
		if err != nil {
			return time.Time{}, false
		}
		if start := instant(tick, r.zone); start.After(now) {
			return start, true
		}
		wall = tick
	}
}

// onClock returns what a clock shows at that time and place, as if it were UTC.
func onClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant returns when a clock in the zone shows what wall does in UTC: the first time if it does so twice, and if the clock skips it, the
// time when it is put forward. It never goes back as wall goes on.
func instant(wall time.Time, zone *time.Location) time.Time {
	const day = 24 * time.Hour // the clock is not changed twice within two
	_, before := wall.Add(-day).In(zone).Zone()
	_, after := wall.Add(day).In(zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(zone)
	second := wall.Add(-time.Duration(after) * time.Second).In(zone)
	switch {
	case onClock(first).Equal(wall):
		return first
	case onClock(second).Equal(wall):
		return second
	}
	change, _ := first.ZoneBounds()
	return change
}

// cronField says what may be written in a field of a cron expression, beside numbers.
type cronField struct {
	name, words string
}

var cronFields = []cronField{
	{"minute", ""}, {"hour", ""}, {"day of the month", ""},
	{"month", "|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"},
	{"day of the week", "|SUN|MON|TUE|WED|THU|FRI|SAT"},
}

// checkCron says what is wrong with an expression. The library takes more than a crontab does, and looks at the elements of a list only up to
// the first that is due, so it is asked for each of them.
func checkCron(expr string) error {
	fields := strings.Fields(expr)
	if len(fields) != len(cronFields) {
		return fmt.Errorf("%q has %d fields", expr, len(fields))
	}
	for i, field := range fields {
		value := "([0-9]{1,2}" + cronFields[i].words + ")"
		element := regexp.MustCompile("(?i)^(" + value + `|(\*|` + value + "-" + value + ")(/[0-9]{1,2})?)$")
		for _, text := range strings.Split(field, ",") {
			alone := [...]string{"*", "*", "*", "*", "*"}
			alone[i] = text
			if !element.MatchString(text) || !gronx.IsValid(strings.Join(alone[:], " ")) {
				return fmt.Errorf("%q is no %s", text, cronFields[i].name)
			}
		}
	}
	if _, err := gronx.PrevTickBefore(expr, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), true); err != nil {
		return fmt.Errorf("%q never comes", expr)
	}
	return nil
}
