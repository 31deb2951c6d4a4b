package plan

import (
	"cmp"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"launchpad.net/cdplan/providers/resource"
)

func toChange(change resource.Change) Change {
	return Change{Label: label(change.Path), From: resource.RevisionOf(change.From), To: resource.RevisionOf(change.To)}
}

// label returns the last step of the path: the key of a map, or else the attribute itself.
func label(path cty.Path) string {
	switch last := path[len(path)-1].(type) {
	case cty.IndexStep:
		return last.Key.AsString()
	case cty.GetAttrStep:
		return last.Name
	}
	return ""
}

func compareChanges(a, b Change) int { return CompareLabels(a.Label, b.Label) }

// CompareLabels orders labels as people read them: the config branch first, then by name.
func CompareLabels(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ConfigLabel:
		return -1
	case b == ConfigLabel:
		return 1
	}
	return cmp.Compare(a, b)
}

// remember puts the histories where their changes are, and says among the reasons if one was rewritten.
func (d *Decision) remember(in Input) {
	if len(in.Histories) == 0 {
		return
	}
	for i, change := range d.Changes {
		source := d.Declared.source(in.Schemas, change.Label)
		if source == nil {
			continue
		}
		if history, ok := in.Histories[source.Addr]; ok {
			history.Rewritten = history.Rewritten && !change.Landing
			d.Changes[i].History = &history
		}
	}
	if slices.ContainsFunc(d.Changes, Change.rewritten) {
		d.Reasons = slices.Insert(d.Reasons, 0, HistoryRewritten)
	}
}

// rewritten says that the deployed revision is lost. A history that could not be read says nothing of the kind.
func (c Change) rewritten() bool { return c.History != nil && c.History.Rewritten }
