package view

import (
	"io"

	"launchpad.net/cdplan/plan"
)

// ExplainJSON writes it as one JSON document.
func ExplainJSON(w io.Writer, x Explained) error {
	document := jsonExplanation{FormatVersion: FormatVersion, Decision: decisionJSON(x.Decision, Page{Faults: x.Faults}.faults), Why: []jsonSentence{},
		Obstacles: obstaclesJSON(x.Obstacles), Followers: obstaclesJSON(x.Followers), Branches: []jsonWatched{}, Servers: []jsonServer{}, Attempts: []jsonAttempt{},
		Failures: jsonFailures{Revisions: x.Failed.Count, Host: x.Past.Host.Count}, Holds: []jsonHold{}, Freezes: []jsonFreeze{},
		Next: jsonNext{timestamp(x.Next.Until), clean(x.Next.Reason)}, Remedies: []jsonRemedy{},
		Usual: usualJSON(x.Past.Usual), Sizing: x.sizingJSON()}
	for _, s := range x.Why {
		document.Why = append(document.Why, jsonSentence{s.Code, clean(s.Text)})
	}
	for _, b := range x.Branches {
		document.Branches = append(document.Branches, x.watchedJSON(b))
	}
	for _, c := range x.Servers {
		document.Servers = append(document.Servers, serverJSON(c, Listed{Locations: x.Locations, Drifts: x.Drifts}))
	}
	for _, a := range x.Attempts {
		document.Attempts = append(document.Attempts, attemptJSON(a))
	}
	if x.JournalErr != nil {
		document.JournalError = clean(x.JournalErr.Error())
	}
	document.tellHolds(x)
	for _, r := range x.allRemedies() {
		document.Remedies = append(document.Remedies, jsonRemedy{clean(r.Text), clean(r.Command)})
	}
	return encode(w, document)
}

type (
	jsonExplanation struct {
		FormatVersion string         `json:"format_version"`
		Decision      jsonDecision   `json:"decision"`
		Why           []jsonSentence `json:"why"`
		Obstacles     []jsonObstacle `json:"obstacles"`
		Followers     []jsonObstacle `json:"followers"`
		Branches      []jsonWatched  `json:"branches"`
		Servers       []jsonServer   `json:"servers"`
		Attempts      []jsonAttempt  `json:"attempts"`
		JournalError  string         `json:"journal_error"`
		Failures      jsonFailures   `json:"failures"`
		Breaker       *jsonBreaker   `json:"breaker"`
		Holds         []jsonHold     `json:"holds"`
		Freezes       []jsonFreeze   `json:"freezes"`
		NextFreeze    *jsonComing    `json:"next_freeze"`
		Next          jsonNext       `json:"next"`
		Remedies      []jsonRemedy   `json:"remedies"`
		Usual         *jsonUsual     `json:"usual"`
		Sizing        *jsonSizing    `json:"sizing"`
	}
	jsonSentence struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	jsonObstacle struct {
		Service string `json:"service"`
		Verdict string `json:"verdict"`
		Held    string `json:"held"`
	}
	jsonWatched struct {
		Label    string         `json:"label"`
		Location string         `json:"location"`
		Standing string         `json:"standing"`
		Wanted   *jsonRevision  `json:"wanted"`
		Deployed []jsonCarrying `json:"deployed"`
		ReadAt   string         `json:"read_at"`
		Fallback string         `json:"fallback"`
		Error    string         `json:"error"`
	}
	jsonCarrying struct {
		Revision *jsonRevision `json:"revision"`
		Servers  []string      `json:"servers"`
	}
	jsonFailures struct {
		Revisions int `json:"revisions"`
		Host      int `json:"host"`
	}
	jsonBreaker struct {
		Opened   string `json:"opened"`
		Last     string `json:"last"`
		Failures int    `json:"failures"`
		Error    string `json:"error"`
	}
	jsonFreeze struct {
		Until  string `json:"until"`
		Owner  string `json:"owner"`
		Reason string `json:"reason"`
	}
	jsonComing struct {
		Freeze string `json:"freeze"`
		Begin  string `json:"begin"`
		Owner  string `json:"owner"`
		Reason string `json:"reason"`
	}
	jsonNext struct {
		Time   string `json:"time"`
		Reason string `json:"reason"`
	}
	jsonRemedy struct {
		Text    string `json:"text"`
		Command string `json:"command"`
	}
)

func obstaclesJSON(decisions []plan.Decision) []jsonObstacle {
	list := []jsonObstacle{}
	for _, d := range decisions {
		list = append(list, jsonObstacle{clean(d.Service), string(d.Verdict), clean(d.Held.String())})
	}
	return list
}

func (x Explained) watchedJSON(b plan.Watched) jsonWatched {
	watched := jsonWatched{Label: clean(b.Label), Location: clean(x.location(b)), Standing: x.standing(b), Wanted: revisionJSON(b.Wanted), Deployed: []jsonCarrying{},
		ReadAt: clean(b.Read), Fallback: clean(b.Fallback)}
	for _, c := range b.Carried {
		watched.Deployed = append(watched.Deployed, jsonCarrying{revisionJSON(c.Revision), cleanAll(c.Servers)})
	}
	if b.Err != nil {
		watched.Error = clean(firstLine(b.Err))
	}
	return watched
}

func (j *jsonExplanation) tellHolds(x Explained) {
	if b := x.Breaker; b != nil {
		j.Breaker = &jsonBreaker{timestamp(b.Opened), timestamp(b.Last), b.Failures, clean(b.Error)}
	}
	if h := x.Past.Hold; h != nil {
		j.Holds = append(j.Holds, jsonHold{clean(x.Service), timestamp(h.Begin), timestamp(h.Until), clean(h.User), clean(h.Reason)})
	}
	for _, f := range x.Freezes {
		j.Freezes = append(j.Freezes, jsonFreeze{timestamp(f.Until), clean(f.By), clean(f.Reason)})
	}
	if c := x.Coming; c != nil {
		j.NextFreeze = &jsonComing{clean(c.Freeze), timestamp(c.Begin), clean(c.Owner), clean(c.Reason)}
	}
}
