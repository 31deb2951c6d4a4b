package config

import (
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
)

func london(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// In London the clock goes from 01:00 GMT to 02:00 BST on 29 March 2026, and from 02:00 BST to 01:00 GMT on 25 October 2026. All times of the
// table are UTC.
func TestRecurrence(t *testing.T) {
	for _, test := range []struct {
		name, cron string
		zone       string
		open       time.Duration
		now, end   string // no end: closed
	}{
		{"before", "0 18 * * FRI", "", 62 * time.Hour, "2026-11-20 17:59:59", ""},
		{"begins", "0 18 * * FRI", "", 62 * time.Hour, "2026-11-20 18:00:00", "2026-11-23 08:00:00"},
		{"lasts", "0 18 * * FRI", "", 62 * time.Hour, "2026-11-23 07:59:59", "2026-11-23 08:00:00"},
		{"ended", "0 18 * * FRI", "", 62 * time.Hour, "2026-11-23 08:00:00", ""},
		{"in a zone", "0 18 * * FRI", "London", 62 * time.Hour, "2026-06-19 17:00:00", "2026-06-22 07:00:00"},
		{"in a zone, before", "0 18 * * FRI", "London", 62 * time.Hour, "2026-06-19 16:59:59", ""},
		{"overlapping", "0 * * * *", "", 90 * time.Minute, "2026-11-20 18:10:00", "2026-11-20 19:30:00"},
		{"every minute", "* * * * *", "London", 2 * time.Minute, "2026-11-20 18:10:30", "2026-11-20 18:12:00"},
		{"several an hour", "0,50 12-13 * * *", "", time.Hour, "2026-11-20 12:30:00", "2026-11-20 13:00:00"},
		{"the 31st", "0 0 31 * *", "", 24 * time.Hour, "2026-12-31 12:00:00", "2027-01-01 00:00:00"},
		{"a leap day", "0 0 29 2 *", "", 24 * time.Hour, "2028-02-29 12:00:00", "2028-03-01 00:00:00"},
		{"years after a leap day", "0 0 29 2 *", "", 24 * time.Hour, "2031-02-28 12:00:00", ""},
		{"Sunday is 7", "0 0 * * 7", "", time.Hour, "2026-11-22 00:30:00", "2026-11-22 01:00:00"},
		{"fields far apart", "0  0\t1 jan *", "", time.Hour, "2026-01-01 00:30:00", "2026-01-01 01:00:00"},

		{"spring, begins in the hour that is skipped: not yet", "30 1 * * *", "London", 2 * time.Hour, "2026-03-29 00:59:59", ""},
		{"spring, begins in the hour that is skipped", "30 1 * * *", "London", 2 * time.Hour, "2026-03-29 01:00:00", "2026-03-29 03:00:00"},
		{"spring, began in the hour that is skipped", "30 1 * * *", "London", 2 * time.Hour, "2026-03-29 02:59:59", "2026-03-29 03:00:00"},
		{"spring, ended", "30 1 * * *", "London", 2 * time.Hour, "2026-03-29 03:00:00", ""},
		{"spring, the day after", "30 1 * * *", "London", 2 * time.Hour, "2026-03-30 00:30:00", "2026-03-30 02:30:00"},
		{"spring, spans the change", "0 18 * * SAT", "London", 14 * time.Hour, "2026-03-29 05:00:00", "2026-03-29 08:00:00"},
		{"spring, right after the change", "15 2 * * *", "London", time.Hour, "2026-03-29 01:15:00", "2026-03-29 02:15:00"},

		{"autumn, before the hour that comes twice", "30 1 * * *", "London", 2 * time.Hour, "2026-10-25 00:29:59", ""},
		{"autumn, begins the first time", "30 1 * * *", "London", 2 * time.Hour, "2026-10-25 00:30:00", "2026-10-25 02:30:00"},
		{"autumn, the clock shows an earlier time", "30 1 * * *", "London", 2 * time.Hour, "2026-10-25 01:10:00", "2026-10-25 02:30:00"},
		{"autumn, does not begin the second time", "30 1 * * *", "London", 2 * time.Hour, "2026-10-25 01:40:00", "2026-10-25 02:30:00"},
		{"autumn, ended", "30 1 * * *", "London", 2 * time.Hour, "2026-10-25 02:30:00", ""},
		{"autumn, spans the change", "0 18 * * SAT", "London", 14 * time.Hour, "2026-10-25 06:59:59", "2026-10-25 07:00:00"},
		{"autumn, spans the change, ended", "0 18 * * SAT", "London", 14 * time.Hour, "2026-10-25 07:00:00", ""},
		{"autumn, right after the hour that comes twice", "0 2 * * *", "London", time.Hour, "2026-10-25 02:00:00", "2026-10-25 03:00:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := checkCron(test.cron); err != nil {
				t.Fatal(err)
			}
			zone := time.UTC
			if test.zone != "" {
				zone = london(t)
			}
			end, open := recurrence{test.cron, zone, test.open}.Until(utc(t, test.now))
			if open != (test.end != "") || open && !end.Equal(utc(t, test.end)) {
				t.Errorf("at %s got %v, %s; want %q", test.now, open, end.UTC(), test.end)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	s := span{utc(t, "2026-12-20 18:00:00"), utc(t, "2027-01-02 08:00:00")}
	for now, want := range map[string]bool{
		"2026-12-20 17:59:59": false, "2026-12-20 18:00:00": true, "2027-01-02 07:59:59": true, "2027-01-02 08:00:00": false,
	} {
		end, open := s.Until(utc(t, now))
		if open != want || open && !end.Equal(s.to) || !open && !end.IsZero() {
			t.Errorf("at %s got %v, %s", now, open, end)
		}
	}
}

// The clocks of New York, which is behind UTC, and of Lord Howe, which is set by half an hour, come out the same way as London's.
func TestInstant(t *testing.T) {
	for _, test := range []struct{ zone, wall, want string }{
		{"UTC", "2026-03-29 01:30:00", "2026-03-29 01:30:00"},
		{"America/New_York", "2026-03-08 01:59:00", "2026-03-08 06:59:00"},
		{"America/New_York", "2026-03-08 02:30:00", "2026-03-08 07:00:00"},
		{"America/New_York", "2026-03-08 03:00:00", "2026-03-08 07:00:00"},
		{"America/New_York", "2026-11-01 01:30:00", "2026-11-01 05:30:00"},
		{"America/New_York", "2026-11-01 02:00:00", "2026-11-01 07:00:00"},
		{"Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03 15:30:00"},
		{"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04 14:45:00"},
		{"Europe/London", "2026-03-29 01:30:00", "2026-03-29 01:00:00"},
		{"Europe/London", "2026-10-25 01:30:00", "2026-10-25 00:30:00"},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := instant(utc(t, test.wall), zone); !got.Equal(utc(t, test.want)) {
			t.Errorf("%s in %s: got %s, want %s", test.wall, test.zone, got.UTC(), test.want)
		}
	}
}

func TestInstantNeverGoesBack(t *testing.T) {
	zone := london(t)
	for wall, last := utc(t, "2026-01-01 00:00:00"), (time.Time{}); wall.Year() < 2027; wall = wall.Add(15 * time.Minute) {
		at := instant(wall, zone)
		if at.Before(last) {
			t.Fatalf("%s is %s, before %s", wall, at, last)
		}
		last = at
	}
}

func TestNextOpening(t *testing.T) {
	for _, test := range []struct{ name, cron, zone, now, want string }{
		{"later today", "0 18 * * *", "", "2026-11-20 12:00:00", "2026-11-20 18:00:00"},
		{"while it opens", "0 18 * * *", "", "2026-11-20 18:00:00", "2026-11-21 18:00:00"},
		{"in a zone", "0 18 * * FRI", "London", "2026-06-19 16:59:59", "2026-06-19 17:00:00"},
		{"spring, in the hour that is skipped", "30 1 * * *", "London", "2026-03-29 00:59:59", "2026-03-29 01:00:00"},
		{"spring, after the hour that is skipped", "30 1 * * *", "London", "2026-03-29 01:00:00", "2026-03-30 00:30:00"},
		{"autumn, the first time", "30 1 * * *", "London", "2026-10-25 00:00:00", "2026-10-25 00:30:00"},
		{"autumn, not once more", "30 1 * * *", "London", "2026-10-25 01:15:00", "2026-10-26 01:30:00"},
		{"a leap day", "0 0 29 2 *", "", "2026-11-20 18:00:00", "2028-02-29 00:00:00"},
	} {
		zone := time.UTC
		if test.zone != "" {
			zone = london(t)
		}
		got, ok := recurrence{cron: test.cron, zone: zone}.Next(utc(t, test.now))
		if !ok || !got.Equal(utc(t, test.want)) {
			t.Errorf("%s: got %s, %v, want %s", test.name, got.UTC(), ok, test.want)
		}
	}
	once := span{utc(t, "2026-12-20 00:00:00"), utc(t, "2026-12-21 00:00:00")}
	if got, ok := once.Next(utc(t, "2026-12-19 00:00:00")); !ok || !got.Equal(once.from) {
		t.Errorf("got %s, %v", got, ok)
	}
	if got, ok := once.Next(once.from); ok {
		t.Errorf("what has begun begins again at %s", got)
	}
}

func TestCheckCron(t *testing.T) {
	for expr, want := range map[string]string{
		"0 18 * * FRI": "", "*/5 0-6,22-23 1,15 jan-Mar mon-fri": "", "0 0 29 2 *": "", "0-59/10 * * * 0-7": "", "0 0 31 1-12/2 *": "",
		"":                 `"" has 0 fields`,
		"@weekly":          `"@weekly" has 1 fields`,
		"0 18 * *":         `"0 18 * *" has 4 fields`,
		"0 0 18 * * FRI":   `"0 0 18 * * FRI" has 6 fields`,
		"0 25 * * *":       `"25" is no hour`,
		"0 18,99 * * *":    `"99" is no hour`,
		"61 * * * *":       `"61" is no minute`,
		"*/0 * * * *":      `"*/0" is no minute`,
		"5/10 * * * *":     `"5/10" is no minute`,
		"*-5 * * * *":      `"*-5" is no minute`,
		"1-2-3 * * * *":    `"1-2-3" is no minute`,
		"+5 * * * *":       `"+5" is no minute`,
		"-1 * * * *":       `"-1" is no minute`,
		"1,,2 * * * *":     `"" is no minute`,
		"FRI * * * *":      `"FRI" is no minute`,
		"0 0 0 * *":        `"0" is no day of the month`,
		"0 0 L * *":        `"L" is no day of the month`,
		"0 0 * 13 *":       `"13" is no month`,
		"0 0 * FEBRUARY *": `"FEBRUARY" is no month`,
		"0 0 * * 8":        `"8" is no day of the week`,
		"0 0 * * FRI-MON":  `"FRI-MON" is no day of the week`,
		"0 0 * * FRI#1":    `"FRI#1" is no day of the week`,
		"0 0 30 2 *":       `"0 0 30 2 *" never comes`,
	} {
		err := checkCron(expr)
		if got := message(err); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzCron demands of any expression that is accepted: the latest opening is due, not after now, and none lies between it and now.
func FuzzCron(f *testing.F) {
	f.Add("0 18 * * FRI", int64(1764000000))
	f.Add("*/7 1-5 1,31 2-12/3 1-5", int64(1774746000))
	f.Add("30 1 29 2 0", int64(1792893000))
	f.Add("5 4 */2 * 3", int64(1792893000))
	zone := london(f)
	f.Fuzz(func(t *testing.T, expr string, unix int64) {
		if len(expr) > 60 || checkCron(expr) != nil {
			return
		}
		const century = 100 * 365 * 24 * 3600
		now := time.Unix(1767225600+(unix%century+century)%century/2, 0) // in the 50 years after 2026
		start, ok := recurrence{cron: expr, zone: zone}.latest(now)
		if !ok || start.After(now) {
			t.Fatalf("%q at %s: %s, %v", expr, now, start, ok)
		}
		if next, ok := (recurrence{cron: expr, zone: zone}).Next(start.Add(-time.Second)); ok && !next.Equal(start) {
			t.Fatalf("%q: after the second before %s comes %s", expr, start, next)
		}
		spec := strings.Join(strings.Fields(expr), " ")
		for minute := now.UTC().Truncate(time.Minute); minute.After(start) && now.Sub(minute) < 24*time.Hour; minute = minute.Add(-time.Minute) {
			wall := onClock(minute.In(zone))
			if due, err := gronx.New().IsDue(spec, wall); err != nil || due && instant(wall, zone).Equal(minute) {
				t.Fatalf("%q at %s: %s, but %s is due, %v", expr, now, start, minute, err)
			}
		}
	})
}
