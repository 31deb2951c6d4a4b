package providers

import (
	"errors"
	"strings"
	"testing"
)

func TestCatch(t *testing.T) {
	broken := errors.New("broken")
	if err := Catch(func() error { return broken }); err != broken {
		t.Errorf("got %v", err)
	}
	if err := Catch(func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
	var none map[string]int
	for name, call := range map[string]func() error{"panic: hush": func() error { panic("hush") }, "panic: runtime error: index out of range [1]": func() error { return []error{nil}[len(none)+1] },
		"panic: assignment to entry in nil map": func() error { none["x"] = 1; return nil }} {
		err := Catch(call)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), " at catch_test.go:") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
