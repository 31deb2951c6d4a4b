package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// maxPlans is how many plans are kept: what was approved longest ago goes first.
const maxPlans = 100

// ErrNoPlan says that no plan of that fingerprint is kept on this host.
var ErrNoPlan = errors.New("no plan of that fingerprint was made on this host, or it was so long ago that it is not kept any more")

// KeepPlan keeps the document of a plan by its whole fingerprint, so that it can be told later what was approved. One that is kept already stays as it
// is, and counts as new. Nothing that an unattended apply reads is changed.
func (d Dir) KeepPlan(fingerprint string, document []byte, now time.Time) error {
	if err := d.RenewPlan(fingerprint, now); err == nil {
		return nil
	}
	if err := os.MkdirAll(d.plans(), 0o700); err != nil {
		return fmt.Errorf("cannot keep the plan: %w", err)
	}
	if err := renameio.WriteFile(d.plan(fingerprint), document, 0o600, renameio.WithTempDir(d.plans())); err != nil {
		return fmt.Errorf("cannot keep the plan: %w", err)
	}
	return errors.Join(d.RenewPlan(fingerprint, now), d.forgetPlans())
}

// RenewPlan has a plan count as new that is kept by that whole fingerprint. It is an error if none is.
func (d Dir) RenewPlan(fingerprint string, now time.Time) error {
	return os.Chtimes(d.plan(fingerprint), now, now)
}

// ForgetPlan removes the document of the plan of that whole fingerprint, so that it can be kept anew.
func (d Dir) ForgetPlan(fingerprint string) error {
	if err := os.Remove(d.plan(fingerprint)); err != nil {
		return fmt.Errorf("cannot keep the plan anew: %w", err)
	}
	return nil
}

// forgetPlans removes the oldest plans of which there are too many. What cannot be removed is tried again the next time.
func (d Dir) forgetPlans() error {
	entries, err := os.ReadDir(d.plans())
	if err != nil || len(entries) <= maxPlans {
		return err
	}
	age := map[string]time.Time{}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			age[entry.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return cmp.Or(age[b.Name()].Compare(age[a.Name()]), strings.Compare(a.Name(), b.Name()))
	})
	for _, entry := range entries[maxPlans:] {
		_ = os.Remove(filepath.Join(d.plans(), entry.Name())) // another plan may have done it
	}
	return nil
}

// Plan returns the document of the plan whose fingerprint begins so. The error is ErrNoPlan if there is none.
func (d Dir) Plan(digits string) ([]byte, error) {
	entries, err := os.ReadDir(d.plans())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look for the plan: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), digits) && strings.HasSuffix(entry.Name(), ".json") {
			found = append(found, entry.Name())
		}
	}
	switch len(found) {
	case 0:
		return nil, ErrNoPlan
	case 1:
		return os.ReadFile(filepath.Join(d.plans(), found[0]))
	}
	return nil, fmt.Errorf("%d plans have a fingerprint that begins with %s: give more of its digits", len(found), digits)
}

func (d Dir) plans() string { return filepath.Join(string(d), "plans") }

func (d Dir) plan(fingerprint string) string { return filepath.Join(d.plans(), fingerprint+".json") }
