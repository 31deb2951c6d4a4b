package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"launchpad.net/cdplan/state"
)

// randomFleet returns a dozen services of one to four branches, with up to four servers, of which some carry what is wanted, some something else, and some nothing.
// A service comes after some of those before it.
func randomFleet(random *rand.Rand) []situation {
	var fleet []situation
	for i := range 12 {
		labels := []string{"config", "app", "charm", "lib"}[:1+random.IntN(4)]
		s := situation{name: fmt.Sprintf("s%02d", i), want: randomRevisions(random, labels)}
		for _, other := range fleet {
			if random.IntN(6) == 0 {
				s.after += " " + other.name
			}
		}
		for range random.IntN(4) {
			s.live = append(s.live, []string{s.want, randomRevisions(random, labels), "!" + randomRevisions(random, labels), "-"}[random.IntN(4)])
		}
		fleet = append(fleet, s)
	}
	return fleet
}

func randomRevisions(random *rand.Rand, labels []string) string {
	var words []string
	for _, label := range labels {
		words = append(words, fmt.Sprintf("%s:%s%d", label, label, random.IntN(3)))
	}
	return strings.Join(words, " ")
}

func seeds(t *testing.T, test func(t *testing.T, random *rand.Rand)) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { test(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func partsOf(p *Plan) map[string]string {
	parts := map[string]string{}
	for _, d := range p.Decisions {
		parts[d.Service] = d.Fingerprint
	}
	return parts
}

// In whatever order services and servers are read, the plan is the same, and so is its fingerprint.
func TestOrderOfReading(t *testing.T) {
	seeds(t, func(t *testing.T, random *rand.Rand) {
		fleet := randomFleet(random)
		want := compute(fleet, nil)
		shuffled := slices.Clone(fleet)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got := compute(shuffled, nil)
		if diff := cmp.Diff(describe(want), describe(got)); diff != "" {
			t.Errorf("services in another order (-want +got):\n%s", diff)
		}
		for i, s := range fleet {
			fleet[i].live = slices.Clone(s.live)
			random.Shuffle(len(s.live), func(a, b int) { fleet[i].live[a], fleet[i].live[b] = fleet[i].live[b], fleet[i].live[a] })
		}
		if diff := cmp.Diff(partsOf(want), partsOf(compute(fleet, nil))); diff != "" {
			t.Errorf("fingerprints with servers in another order (-want +got):\n%s", diff)
		}
	})
}

// Whatever one input of a service changes to, its fingerprint is another one, and so is that of the plan; that of no other service is.
func TestOneInput(t *testing.T) {
	seeds(t, func(t *testing.T, random *rand.Rand) {
		fleet := randomFleet(random)
		before := compute(fleet, nil)
		i := random.IntN(len(fleet))
		changed := changeOne(random, fleet[i])
		name := fleet[i].name
		fleet[i] = changed
		after := compute(fleet, nil)
		old, parts := partsOf(before), partsOf(after)
		if old[name] == parts[name] || before.Fingerprint == after.Fingerprint {
			t.Errorf("%s: %s, plan %s -> %s", name, parts[name], before.Fingerprint, after.Fingerprint)
		}
		delete(old, name)
		delete(parts, name)
		if diff := cmp.Diff(old, parts); diff != "" {
			t.Errorf("others changed (-before +after):\n%s", diff)
		}
	})
}

// changeOne gives the service another wanted revision, or one of its servers that carries something another one.
func changeOne(random *rand.Rand, s situation) situation {
	other := func(text string) string {
		words := strings.Fields(text)
		i := random.IntN(len(words))
		words[i] += "x"
		return strings.Join(words, " ")
	}
	s.live = slices.Clone(s.live)
	carried := slices.DeleteFunc(slices.Clone(s.live), func(text string) bool { return text == "-" })
	if len(carried) == 0 || random.IntN(2) == 0 {
		s.want = other(s.want)
		return s
	}
	was := carried[random.IntN(len(carried))]
	is := other(was)
	for i, text := range s.live {
		if text == was {
			s.live[i] = is // what several carry is one input
		}
	}
	return s
}

// What is no input does not count: the time, who looks, holds, freezes, what was tried before, how revisions are numbered.
func TestNoInput(t *testing.T) {
	seeds(t, func(t *testing.T, random *rand.Rand) {
		fleet := randomFleet(random)
		want := compute(fleet, nil)
		for i, s := range fleet {
			fleet[i].want = strings.Join(strings.Fields(s.want), fmt.Sprintf("/%d ", random.IntN(9))) + "/7"
			fleet[i].attended = random.IntN(2) == 0
			for range random.IntN(2) {
				fleet[i].live = append(fleet[i].live, s.live...)
			}
		}
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		got := compute(fleet, func(in *Input) {
			in.Now, in.Approved = now, random.IntN(2) == 0
			in.Rules = Rules{Backoff: Backoff{time.Hour}, Freezes: []Freeze{{Name: "f", Window: window(now.Add(time.Hour))}}}
			in.Past.Services = map[string]state.ServicePast{}
			for _, s := range fleet {
				in.Past.Services[s.name] = state.ServicePast{Hold: &state.Hold{Until: now.Add(time.Hour)}, Usual: state.Usual{Median: time.Minute}}
			}
		})
		if diff := cmp.Diff(partsOf(want), partsOf(got)); diff != "" || want.Fingerprint != got.Fingerprint {
			t.Errorf("fingerprints (-want +got):\n%s", diff)
		}
	})
}
