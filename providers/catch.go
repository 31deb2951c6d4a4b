package providers

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// Catch calls what belongs to a provider. A panic in it is an error: a mistake that is met with one service must not end what is done about the others.
func Catch(call func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("a mistake in cdplan, which its authors should know of: panic: %v%s", reason, origin())
		}
	}()
	return call()
}

// origin tells where the panic began that is being recovered, as far as that can be told.
func origin() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	for panicked := false; ; {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			panicked = panicked || frame.Function == "runtime.gopanic"
		case panicked:
			return fmt.Sprintf(" at %s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return ""
		}
	}
}
