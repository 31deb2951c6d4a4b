package view

import (
	"fmt"
	"slices"
	"strings"

	"launchpad.net/cdplan/plan"
)

// tone is how what has one of some verdicts is coloured. Colour never carries a meaning that the text does not.
type tone struct {
	name        string // a class of the style sheet
	verdicts    []plan.Verdict
	light, dark palette
}

// palette are the colours of a box, of its frame, and of a text on the box or on the page: #rrggbb.
type palette struct{ fill, line, ink string }

// tones has every verdict once.
var tones = []tone{
	{"begins", []plan.Verdict{plan.New, plan.Record}, palette{"#e4f3e7", "#4b9460", "#1f6334"}, palette{"#16301d", "#4a9c5e", "#86d69a"}},
	{"moves", []plan.Verdict{plan.Redeploy}, palette{"#fbf0d6", "#b3862a", "#785003"}, palette{"#35290c", "#b58a2a", "#eec46a"}},
	{"grows", []plan.Verdict{plan.Scale}, palette{"#f1e9f8", "#8e66b4", "#5d3585"}, palette{"#281c36", "#9a72c2", "#cfb2ee"}},
	{"rests", []plan.Verdict{plan.Held, plan.Frozen, plan.Unapproved, plan.Blocked}, palette{"#e7ecf8", "#6d84bd", "#36508f"}, palette{"#1b2438", "#6a83c0", "#a6bbee"}},
	{"fails", []plan.Verdict{plan.Waiting, plan.Parked, plan.Invalid, plan.Unknown}, palette{"#fbe7e5", "#c4574e", "#a3271e"}, palette{"#3a1a18", "#c9584e", "#f59b92"}},
	{"stays", []plan.Verdict{plan.Same}, palette{"#f1f2f3", "#a3a9b0", "#565d65"}, palette{"#22262a", "#5d656d", "#a5adb5"}},
}

func toneOf(v plan.Verdict) tone {
	return tones[slices.IndexFunc(tones, func(t tone) bool { return slices.Contains(t.verdicts, v) })]
}

// toneStyle is the style sheet of the tones: three variables for each, for a light page and for a dark one.
func toneStyle() string {
	var light, dark strings.Builder
	for _, t := range tones {
		fmt.Fprintf(&light, ".%s { --fill: %s; --line: %s; --tone: %s }\n", t.name, t.light.fill, t.light.line, t.light.ink)
		fmt.Fprintf(&dark, ".%s { --fill: %s; --line: %s; --tone: %s }\n", t.name, t.dark.fill, t.dark.line, t.dark.ink)
	}
	return light.String() + "@media screen and (prefers-color-scheme: dark) {\n" + dark.String() + "}\n"
}
