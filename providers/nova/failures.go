package nova

import (
	"fmt"
	"strings"
)

// maxTold is how many servers are told of that could not be stamped; the rest is counted.
const maxTold = 8

// failures are why servers could not be stamped.
type failures []error

// join returns the errors that are not nil as one, or nil if there is none.
func join(errs []error) error {
	var found failures
	for _, err := range errs {
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// Error puts all of them on one line.
func (f failures) Error() string {
	var texts []string
	for _, err := range f[:min(len(f), maxTold)] {
		texts = append(texts, err.Error())
	}
	if more := len(f) - maxTold; more > 0 {
		texts = append(texts, fmt.Sprintf("and %s more", count(more)))
	}
	return strings.Join(texts, "; ")
}

func (f failures) Unwrap() []error { return f }
