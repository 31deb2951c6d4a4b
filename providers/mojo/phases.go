package mojo

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"launchpad.net/cdplan/providers/resource"
)

// defaultPhase matches the line by which a phase begins, such as "2015-05-13 21:02:11 [INFO] ### phase deploy config=services".
const defaultPhase = `^[-0-9]+ [0-9:.,]+ \[INFO\] (?:#+ )?(?:[Rr]unning )?phase:? ([a-z][a-z-]*)`

const (
	maxLine   = 4 << 10 // bytes of a line that are looked at
	maxPhase  = 40      // characters of a phase that are told
	maxPhases = 100     // of a deploy that are told
)

// parsePhase reads the setting.
func parsePhase(text string) (*regexp.Regexp, error) {
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, &resource.AttrError{Attr: "phase", Summary: "Invalid pattern", Detail: "The phase must be a regular expression: " + err.Error() + "."}
	}
	if pattern.NumSubexp() == 0 {
		return nil, &resource.AttrError{Attr: "phase", Summary: "Invalid pattern",
			Detail: `The phase must be a regular expression with a group that matches the phase's name, such as "phase (\\w+)".`}
	}
	return pattern, nil
}

// follower reads what is added to a log and tells the phases that begin there.
type follower struct {
	pattern *regexp.Regexp // its first group is the phase
	tell    func(phase string)
	line    []byte // its last one so far, no more of it than maxLine
	last    string // the phase that was told last
	told    int
}

// follow tells the phases that begin from the end that the log has now. The caller must call stop, which looks at the log a last time.
func (f *follower) follow(log string, every time.Duration) (stop func(), err error) {
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		closeRead(file)
		return nil, err
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer closeRead(file)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.read(file)
			case <-over:
				f.read(file)
				return
			}
		}
	}()
	return func() {
		close(over)
		<-done
	}, nil
}

// read takes what there is. That it cannot be read means no more than that no phase is told.
func (f *follower) read(file io.Reader) {
	text := make([]byte, 64<<10)
	for {
		n, err := file.Read(text)
		f.take(text[:n])
		if err != nil {
			return
		}
	}
}

// take looks at each line whose end is in the text, and keeps the beginning of what comes after it.
func (f *follower) take(text []byte) {
	for {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		f.line = append(f.line, line[:min(len(line), maxLine-len(f.line))]...)
		if !ended {
			return
		}
		f.look()
		f.line, text = f.line[:0], rest
	}
}

func (f *follower) look() {
	match := f.pattern.FindSubmatch(f.line)
	if match == nil || f.told == maxPhases {
		return
	}
	if phase := cleanPhase(string(match[1])); phase != "" && phase != f.last {
		f.last = phase
		f.told++
		f.tell(phase)
	}
}

// sequence is an order to a terminal, such as to change colours (ECMA-48, section 5.4).
var sequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]`)

// cleanPhase leaves nothing that is not to be seen, and cuts what is too long.
func cleanPhase(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, sequence.ReplaceAllString(text, ""))
	phase := []rune(strings.TrimSpace(text))
	return strings.TrimSpace(string(phase[:min(len(phase), maxPhase)]))
}
