package cli

import (
	"errors"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/plan"
	"launchpad.net/cdplan/providers/resource"
)

func at(n string) resource.Revision { return resource.Revision{Revno: n, ID: "r-" + n} }

// A service goes back to what its servers carry; if that is its tip, to the newest deploy of something else; and not at all if others moved.
func TestBack(t *testing.T) {
	gone := errors.New("the journal is gone")
	moved := []plan.Declared{{Addr: resource.Addr{Label: "app"}}}
	for _, test := range []struct {
		name     string
		tip      string
		carried  string
		others   []plan.Declared
		earlier  []resource.Revision
		err      error
		want     string
		why, say string
	}{
		{name: "not deployed", tip: "4", carried: "2", others: moved, err: gone, want: "2", why: "which its servers carry"},
		{name: "deployed", tip: "4", carried: "4", earlier: []resource.Revision{at("4"), at("4"), at("3"), at("1")}, want: "3", why: "which was deployed before"},
		{name: "undone before", tip: "5", carried: "5", earlier: []resource.Revision{at("5"), at("4"), at("5")}, want: "4", why: "which was deployed before"},
		{name: "others moved", tip: "4", carried: "4", others: moved, earlier: []resource.Revision{at("1")}, say: "only other branches moved"},
		{name: "never another", tip: "4", carried: "4", earlier: []resource.Revision{at("4")}, say: "nothing else was deployed before"},
		{name: "nothing known", tip: "4", carried: "4", say: "nothing else was deployed before"},
		{name: "no journal", tip: "4", carried: "4", err: gone, say: "cannot tell what was deployed before: the journal is gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := present{tips: map[string]resource.Revision{"config": at(test.tip)}, deployed: map[string]resource.Revision{"config": at(test.carried)}, others: test.others}
			to, why, err := now.back(func() ([]resource.Revision, error) { return test.earlier, test.err })
			said := ""
			if err != nil {
				said = err.Error()
			}
			if to.Revno != test.want || why != test.why || said != test.say {
				t.Errorf("back to %q, %q, %q", to.Revno, why, said)
			}
		})
	}
}

// carries is a server that carries these revisions; an empty one has no stamp.
func carries(name, config, app string) resource.Copy {
	if config == "" {
		return resource.Copy{Name: name}
	}
	return resource.Copy{Name: name, Object: cty.ObjectVal(map[string]cty.Value{"hash": cty.StringVal("v1:x"), "at": cty.StringVal("then"), "run": cty.StringVal("r"),
		"revisions": cty.MapVal(map[string]cty.Value{"config": at(config).Value(), "app": at(app).Value()})})}
}

func TestDeployed(t *testing.T) {
	broken := carries("a", "1", "1")
	broken.Err = errors.New("its hash is wrong")
	for _, test := range []struct {
		copies []resource.Copy
		want   string
		say    string
	}{
		{[]resource.Copy{carries("a", "", ""), carries("b", "2", "7")}, "2", ""},
		{[]resource.Copy{carries("a", "2", "7"), carries("b", "2", "8")}, "2", ""},
		{nil, "", "no server of it carries a stamp, so that nothing tells what to go back to"},
		{[]resource.Copy{carries("a", "", "")}, "", "no server of it carries a stamp, so that nothing tells what to go back to"},
		{[]resource.Copy{carries("a", "1", "7"), carries("b", "2", "7")}, "", "its servers carry different revisions of its own branch: a r1, b r2"},
		{[]resource.Copy{carries("b", "2", "7"), broken}, "", "the stamp of a contradicts itself: its hash is wrong"},
	} {
		found, err := deployed(test.copies)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if found["config"].Revno != test.want || said != test.say {
			t.Errorf("got %v, %q, want %q, %q", found, said, test.want, test.say)
		}
	}
}

// The message names the commits as far as they are told.
func TestUndoSubject(t *testing.T) {
	commit := func(n string) resource.Commit { return resource.Commit{Revision: at(n)} }
	for _, test := range []struct {
		from, to string
		history  resource.History
		want     string
	}{
		{"4", "3", resource.History{Commits: []resource.Commit{commit("4")}}, "Undo r4: back to r3"},
		{"4", "2", resource.History{Commits: []resource.Commit{commit("4"), commit("3")}}, "Undo r3..r4: back to r2"},
		{"90", "2", resource.History{Commits: []resource.Commit{commit("90"), commit("89")}, More: 86}, "Undo r3..r90: back to r2"},
		{"4", "1.1.2", resource.History{Commits: []resource.Commit{commit("4"), commit("3")}}, "Undo r3..r4: back to r1.1.2"},
		{"4", "2", resource.History{}, "Undo r3..r4: back to r2"},
	} {
		if got := undoSubject(resource.Undo{From: at(test.from), To: at(test.to)}, test.history); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
