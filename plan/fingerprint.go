package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The scheme of the fingerprint. It changes when the same situation would lead to other actions than before.
const fingerprintScheme = "cdplan 1"

// fingerprint covers what is to be done about a service and what that was made from: its name, the types of its steps, the id of the revision that is
// wanted of each branch, what its servers carry, whether somebody else runs something there, or may do so, and how many units there are and are to be,
// which of them go, and whether a person has to stand behind that; the load that asks for it does not count. How servers are named, and how many carry
// the same, does not count.
func (d *Decision) fingerprint() string {
	if len(d.Steps) == 0 {
		return ""
	}
	lines := []string{fingerprintScheme, "service " + d.Service}
	for _, step := range d.Steps {
		lines = append(lines, "step "+step.Addr.Type)
	}
	for _, label := range slices.Sorted(maps.Keys(d.Revisions)) {
		lines = append(lines, fmt.Sprintf("want %s %q", label, d.Revisions[label].ID))
	}
	for _, carried := range d.Live {
		lines = append(lines, "live "+carried)
	}
	if d.Scales() {
		lines = append(lines, fmt.Sprintf("units %d %d %q %t", d.Size.Units, d.Size.To, d.Size.Remove, d.Size.Guard != ""))
	}
	if d.Foreign() != "" {
		lines = append(lines, fmt.Sprintf("foreign %t %d", d.Doubt != "", len(d.Others)))
	}
	return digest(lines)
}

func planFingerprint(decisions []Decision) string {
	var lines []string
	for _, decision := range decisions {
		if decision.Fingerprint != "" {
			lines = append(lines, decision.Service+" "+decision.Fingerprint)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return digest(append([]string{fingerprintScheme}, lines...))
}

func digest(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}

// minDigits is how many digits of a fingerprint name it.
const minDigits = 12

// ParseFingerprint returns the digits of a fingerprint, or of its beginning, as a person writes it: with dashes anywhere, in upper or lower case.
func ParseFingerprint(text string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if strings.Trim(digits, "0123456789abcdef") != "" || len(digits) < minDigits || len(digits) > 2*sha256.Size {
		return "", fmt.Errorf("%q is no fingerprint: that is at least %d hexadecimal digits, such as 7f3a-91c2-d04e", text, minDigits)
	}
	return digits, nil
}

// Verify returns an error if a fingerprint of the plan is not that of what it says.
func (p *Plan) Verify() error {
	for _, d := range p.Decisions {
		if d.Fingerprint != d.fingerprint() {
			return fmt.Errorf("the fingerprint of %s is not that of what is to be done about it", d.Service)
		}
	}
	if p.Fingerprint != planFingerprint(p.Decisions) {
		return errors.New("the fingerprint of the plan is not that of its services")
	}
	return nil
}
