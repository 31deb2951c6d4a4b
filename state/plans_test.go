package state_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"launchpad.net/cdplan/state"
)

func TestKeepPlan(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "state"))
	if _, err := dir.Plan("7f3a91c2d04e"); !errors.Is(err, state.ErrNoPlan) {
		t.Errorf("where nothing is kept: %v", err)
	}
	long := strings.Repeat("7f3a91c2", 8)
	must(t, dir.KeepPlan(long, []byte("one"), noon))
	must(t, dir.KeepPlan(long, []byte("again"), noon))
	if text, err := dir.Plan("7f3a91c27f3a"); err != nil || string(text) != "one" {
		t.Errorf("got %q, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(string(dir), "plans", long+".json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	must(t, dir.ForgetPlan(long))
	if err := dir.ForgetPlan(long); err == nil {
		t.Error("what is not kept was forgotten")
	}
	must(t, dir.KeepPlan(long, []byte("one"), noon))
	must(t, dir.KeepPlan(long[:63]+"0", []byte("other"), noon))
	if _, err := dir.Plan(long[:12]); err == nil || errors.Is(err, state.ErrNoPlan) {
		t.Errorf("of two plans: %v", err)
	}
	if text, err := dir.Plan(long); err != nil || string(text) != "one" {
		t.Errorf("by all digits: %q, %v", text, err)
	}
}

// The plans that were made, or made again, longest ago are forgotten.
func TestForgetPlans(t *testing.T) {
	dir := state.Dir(t.TempDir())
	name := func(i int) string { return fmt.Sprintf("%064x", i) }
	for i := range 100 {
		must(t, dir.KeepPlan(name(i), nil, noon.Add(time.Duration(i)*time.Second)))
	}
	must(t, dir.KeepPlan(name(0), nil, noon.Add(time.Hour)))
	must(t, dir.KeepPlan(name(100), nil, noon.Add(2*time.Hour)))
	for i, kept := range map[int]bool{0: true, 1: false, 2: true, 100: true} {
		if _, err := dir.Plan(name(i)); (err == nil) != kept {
			t.Errorf("plan %d: %v", i, err)
		}
	}
}

func TestKeepPlanNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := state.Dir(file).KeepPlan("7f3a", nil, noon); err == nil || !strings.HasPrefix(err.Error(), "cannot keep the plan: ") {
		t.Errorf("in a file: %v", err)
	}
}
