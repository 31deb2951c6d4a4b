package juju

import (
	"strings"
	"testing"

	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/resource"
)

// found writes each finding as "NAME: VALUE" or "NAME: error".
func found(p *provider, t *testing.T, want ...resource.Wanted) string {
	t.Helper()
	var lines []string
	for _, f := range any(p).(providers.Examiner).Examine(t.Context(), want) {
		text := f.Value
		if f.Err != nil {
			text = strings.TrimPrefix(text+" ", " ") + "error " + f.Err.Error()
		}
		lines = append(lines, f.Name+": "+text)
	}
	return strings.Join(lines, "\n")
}

func TestExamine(t *testing.T) {
	juju := program(t, answers(t, "juju3.json"))
	got := found(opened(t, juju), t, ask("worker", "application=svc-worker"), ask("mute", "application=svc-worker", "command=false"),
		ask("lost", "application=svc-work"), ask("wrong", "application=-x"))
	want := "program: " + juju + `
version: 3.6.1-genericlinux-amd64
units of worker: 3; load 7, command echo
units of mute: error no data of command false: `
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "\nunits of lost: error ") || !strings.HasSuffix(got, "\nunits of wrong: see cdplan validate") {
		t.Errorf("got\n%s\nwant\n%s...", got, want)
	}
}

func TestExamineWithoutJuju(t *testing.T) {
	got := found(opened(t, "no-such-juju"), t, ask("worker", "application=svc-worker"))
	if !strings.HasPrefix(got, "program: no-such-juju error cannot ask no-such-juju") || !strings.HasSuffix(got, "\nunits of worker: load 7, command echo") {
		t.Errorf("got\n%s", got)
	}
	if got := found(opened(t, "no-such-juju"), t); got != "" {
		t.Errorf("nobody needs juju, and it tells\n%s", got)
	}
}
