package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMachine(t *testing.T) {
	line := []Step{{ID: "c", Needs: []string{"b"}}, {ID: "b", Needs: []string{"a"}}, {ID: "a"}}
	tests := []struct {
		name  string
		steps []Step
		limit int
		calls string // each word is a call; what Next returns is checked by the word that follows it
		want  string
	}{
		{name: "nothing", calls: "next:", want: ""},
		{name: "in order", steps: line, limit: 3, calls: "next:a next: ok:a next:b ok:b next:c ok:c", want: "a=succeeded b=succeeded c=succeeded"},
		{name: "failure skips what needs it", steps: line, limit: 3, calls: "next:a fail:a next:", want: "a=failed b=skipped(a) c=skipped(a)"},
		{name: "failure in the middle", steps: line, limit: 3, calls: "next:a ok:a next:b fail:b next:", want: "a=succeeded b=failed c=skipped(b)"},
		{
			name: "independents go on", steps: []Step{{ID: "a"}, {ID: "b", Needs: []string{"a"}}, {ID: "x"}, {ID: "y", Needs: []string{"x"}}},
			limit: 2, calls: "next:a,x fail:a next: ok:x next:y ok:y", want: "a=failed x=succeeded b=skipped(a) y=succeeded",
		},
		{name: "limit", steps: []Step{{ID: "c"}, {ID: "a"}, {ID: "b"}}, limit: 2, calls: "next:a,b next: ok:b next:c ok:a ok:c",
			want: "a=succeeded b=succeeded c=succeeded"},
		{name: "limit below one", steps: []Step{{ID: "a"}, {ID: "b"}}, limit: 0, calls: "next:a next: ok:a next:b ok:b", want: "a=succeeded b=succeeded"},
		{name: "need that is no step", steps: []Step{{ID: "a", Needs: []string{"gone"}}}, limit: 1, calls: "next:a ok:a", want: "a=succeeded"},
		{name: "stop", steps: line, limit: 1, calls: "next:a stop next: ok:a next:", want: "a=succeeded b=not-started c=not-started"},
		{name: "stop, then failure", steps: line, limit: 1, calls: "next:a stop fail:a next:", want: "a=failed b=not-started c=not-started"},
		{name: "finish of what does not run", steps: line, limit: 1, calls: "ok:b next:a ok:a ok:a next:b fail:b", want: "a=succeeded b=failed c=skipped(b)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := New(test.steps, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			for call := range strings.FieldsSeq(test.calls) {
				do(t, m, call)
			}
			if !m.Done() {
				t.Error("the machine is not done")
			}
			if diff := cmp.Diff(test.want, describe(m)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func do(t *testing.T, m *Machine, call string) {
	t.Helper()
	verb, arg, _ := strings.Cut(call, ":")
	switch verb {
	case "next":
		if got := strings.Join(m.Next(), ","); got != arg {
			t.Fatalf("Next() = %q, want %q", got, arg)
		}
	case "ok", "fail":
		m.Finish(arg, verb == "ok")
	case "stop":
		m.Stop()
	default:
		t.Fatalf("no such call: %q", call)
	}
}

func describe(m *Machine) string {
	var words []string
	for _, status := range m.Result() {
		word := status.ID + "=" + string(status.State)
		if status.Cause != "" {
			word += "(" + status.Cause + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		steps []Step
		want  string
	}{
		{[]Step{{ID: "a"}, {ID: "a"}}, `cannot schedule two steps named "a"`},
		{[]Step{{ID: "a", Needs: []string{"b"}}, {ID: "b", Needs: []string{"a"}}}, "cannot schedule steps that need one another: a, b"},
	}
	for _, test := range tests {
		if _, err := New(test.steps, 1); err == nil || err.Error() != test.want {
			t.Errorf("New(%v) = %v, want %q", test.steps, err, test.want)
		}
	}
}

// Random graphs, random ends: whatever happens, a step starts only after its needs have succeeded, never more than the limit run, a
// failure skips exactly what needs it, and the machine comes to an end.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		steps := randomSteps(random)
		limit := 1 + random.IntN(5)
		m, err := New(steps, limit)
		if err != nil {
			t.Fatal(err)
		}
		ended := drive(t, m, limit, steps, random)
		for _, step := range steps {
			checkEnd(t, seed, step, ended)
		}
	}
}

func randomSteps(random *rand.Rand) []Step {
	steps := make([]Step, 1+random.IntN(30))
	for i := range steps {
		steps[i].ID = fmt.Sprintf("s%02d", i)
		for j := range i {
			if random.IntN(5) == 0 {
				steps[i].Needs = append(steps[i].Needs, steps[j].ID)
			}
		}
	}
	random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return steps
}

func drive(t *testing.T, m *Machine, limit int, steps []Step, random *rand.Rand) map[string]State {
	t.Helper()
	needs, succeeded := map[string][]string{}, map[string]bool{}
	for _, step := range steps {
		needs[step.ID] = step.Needs
	}
	var running []string
	for !m.Done() {
		for _, id := range m.Next() {
			for _, need := range needs[id] {
				if !succeeded[need] {
					t.Fatalf("%s started before %s had succeeded", id, need)
				}
			}
			running = append(running, id)
		}
		if len(running) == 0 || len(running) > limit {
			t.Fatalf("%d steps run, the limit is %d", len(running), limit)
		}
		i := random.IntN(len(running))
		id := running[i]
		running = slices.Delete(running, i, i+1)
		succeeded[id] = random.IntN(6) > 0
		m.Finish(id, succeeded[id])
	}
	ended := map[string]State{}
	for _, status := range m.Result() {
		ended[status.ID] = status.State
	}
	return ended
}

func checkEnd(t *testing.T, seed uint64, step Step, ended map[string]State) {
	t.Helper()
	lost := slices.ContainsFunc(step.Needs, func(need string) bool { return ended[need] != Succeeded })
	if skipped := ended[step.ID] == Skipped; skipped != lost {
		t.Errorf("seed %d: %s ended %s; a need of it was lost: %v", seed, step.ID, ended[step.ID], lost)
	}
}
