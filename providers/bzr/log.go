package bzr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"launchpad.net/cdplan/providers/resource"
)

const (
	separator  = "------------------------------------------------------------" // begins each record, alone on its line
	dateLayout = "Mon 2006-01-02 15:04:05 -0700"
)

// log returns the revisions of the branch after from, up to to, newest first, or how the two stand to each other if there are none.
func (p *provider) log(ctx context.Context, at location, from, to resource.Revision) (resource.History, error) {
	for _, id := range []string{from.ID, to.ID} {
		if strings.Contains(id, "..") {
			return resource.History{}, fmt.Errorf("brz cannot be asked for revision %q", id)
		}
	}
	out, err := p.brz.run(ctx, at, "log", "--long", "-n1", "--show-ids", "--timezone=utc", "--authors=all", "--exclude-common-ancestry",
		"-r", "revid:"+from.ID+"..revid:"+to.ID, at.argument())
	var no *failed
	switch {
	case errors.As(err, &no) && strings.HasPrefix(no.line, "Start revision must be older than the end revision"):
		return resource.History{Back: true}, nil
	case errors.As(err, &no) && gone(no.line, from.ID):
		return resource.History{Rewritten: true, Lost: []resource.Commit{{Revision: from}}}, nil
	case err != nil:
		return resource.History{}, err
	}
	commits, err := parseLog(string(out))
	shown := commits[:min(len(commits), maxCommits)]
	return resource.History{Commits: shown, More: len(commits) - len(shown)}, err
}

// gone says that brz did not find the revision from before the other end of the range.
func gone(line, from string) bool {
	return strings.HasPrefix(line, "Start revision not found in history of end revision") ||
		strings.HasPrefix(line, "Requested revision: 'revid:"+from+"' does not exist")
}

// parseLog understands what brz log --long -n1 --show-ids prints. Messages are indented, so that nothing in them looks like a record.
func parseLog(text string) ([]resource.Commit, error) {
	if text == "" {
		return nil, nil
	}
	records := strings.Split("\n"+text, "\n"+separator+"\n")
	if records[0] != "" {
		return nil, fmt.Errorf("cannot understand the log of brz: it begins with %.100q", text)
	}
	commits := make([]resource.Commit, 0, len(records)-1)
	for _, record := range records[1:] {
		commit, err := parseRecord(record)
		if err != nil {
			return nil, err
		}
		commits = append(commits, commit)
	}
	return commits, nil
}

func parseRecord(text string) (resource.Commit, error) {
	header, message, found := strings.Cut("\n"+text, "\nmessage:\n")
	fields := parseHeader(header)
	revno, _, _ := strings.Cut(fields["revno"], " ")
	date, err := time.Parse(dateLayout, fields["timestamp"])
	if !found || err != nil || !revnoForm.MatchString(revno) || !validID(fields["revision-id"]) {
		return resource.Commit{}, fmt.Errorf("cannot understand the log of brz: %.300q", text)
	}
	author := fields["author"]
	if author == "" {
		author = fields["committer"]
	}
	var fixed []string
	for _, key := range []string{"fixes bug", "fixes bugs"} {
		fixed = append(fixed, strings.Fields(clean(fields[key]))...)
	}
	return resource.Commit{
		Revision: resource.Revision{Revno: revno, ID: fields["revision-id"]},
		Author:   authorName(author),
		Date:     date.UTC(),
		Subject:  subject(message),
		Bugs:     fixed,
	}, nil
}

// parseHeader returns the lines "key: value" of a record. Of lines with the same key the first counts, and an author must come before the
// committer: names and nicks can hold line feeds, and what follows those is not brz's.
func parseHeader(header string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.SplitSeq(header, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		_, again := fields[key]
		_, late := fields["committer"]
		if !again && (key != "author" || !late) {
			fields[key] = value
		}
	}
	return fields
}

// address is the second half of "NAME <ADDRESS>".
var address = regexp.MustCompile(`\s*<[^<>]*>`)

// authorName returns the names without their addresses. Where there is only an address, what comes before its @ is the name.
func authorName(text string) string {
	if name := clean(address.ReplaceAllString(text, "")); name != "" && !strings.Contains(name, "@") {
		return shorten(name)
	}
	mailbox, _, _ := strings.Cut(clean(strings.Trim(text, "<>")), "@")
	return shorten(mailbox)
}

// subject returns the first line of an indented message that is not blank.
func subject(message string) string {
	for line := range strings.SplitSeq(message, "\n") {
		if text := clean(line); text != "" {
			return shorten(text)
		}
	}
	return ""
}

// shorten cuts off what nobody would read in a plan.
func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxLine {
		return string(runes[:maxLine])
	}
	return text
}
