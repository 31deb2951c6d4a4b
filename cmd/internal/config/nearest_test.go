package config

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"spec", "stage", "series", "manifest", "workspace", "a", "Timeout"}
	tests := []struct{ name, want string }{
		{"stge", "stage"},
		{"worskpace", "workspace"},
		{"workspaces", "workspace"},
		{"timeout", "Timeout"},
		{"TIMEOUTS", "Timeout"},
		{"manyfeasts", ""}, // three letters
		{"spam", ""},       // two of four
		{"zz", ""},
		{"b", ""}, // nothing in common
		{"", ""},
	}
	for _, test := range tests {
		if got := nearest(test.name, known); got != test.want {
			t.Errorf("nearest(%q) = %q, want %q", test.name, got, test.want)
		}
	}
	if got := nearest("cat", []string{"bat", "rat"}); got != "bat" {
		t.Errorf("of two that are as near, got %q, want the first", got)
	}
}

func TestDidYouMean(t *testing.T) {
	if got, want := didYouMean("stge", []string{"stage"}), ` Did you mean "stage"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := didYouMean("stge", nil); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
