package mojo

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// shortestSecret keeps values such as "1" or "yes" from being taken out of every line.
const shortestSecret = 4

var (
	// credential matches the names of variables of our own environment whose values are secrets as well.
	credential = regexp.MustCompile(`(?i)PASSWORD|PASSWD|SECRET|TOKEN|(API|ACCESS|PRIVATE)_?KEY`)
	// urlPassword matches the password in a URL, which any variable may have.
	urlPassword = regexp.MustCompile(`://[^:@/\s]*:([^@/\s]+)@`)
)

// secretsOf returns what must not be seen of an environment "NAME=VALUE", the longest first, so that one that holds another leaves no rest: the values of
// the variables of the service's own, credentials, and passwords in URLs. Of a secret of several lines each line is one too, since tools print them
// indented or in part.
func secretsOf(environ, own []string) []string {
	var found []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if slices.Contains(own, name) || credential.MatchString(name) {
			found = append(append(found, value), strings.Split(value, "\n")...)
		}
		for _, password := range urlPassword.FindAllStringSubmatch(value, -1) {
			found = append(found, password[1])
		}
	}
	found = slices.DeleteFunc(found, func(value string) bool { return len(value) < shortestSecret })
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(found)
}

// hideChunk is how much of a file is looked at at a time.
const hideChunk = 1 << 20

// hide overwrites every secret in a file, of which the longest comes first. The file stays the same and as long as it is, for whatever may still write at
// its end, and needs no room on the disk.
func hide(path string, secrets []string) (err error) {
	if len(secrets) == 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text := make([]byte, max(hideChunk, 2*len(secrets[0])))
	for at := int64(0); ; {
		n, err := file.ReadAt(text, at)
		if err != nil && err != io.EOF {
			return err
		}
		next := n
		if err == nil {
			next -= len(secrets[0]) - 1 // what begins later may go on behind the chunk
		}
		if blot(text[:n], next, secrets) {
			if _, err := file.WriteAt(text[:n], at); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		at += int64(next)
	}
}

// blot overwrites the secrets in a text that begin before an end, line breaks aside, and says whether there were any.
func blot(text []byte, end int, secrets []string) bool {
	found := false
	for _, secret := range secrets {
		for from := 0; from < end; {
			i := bytes.Index(text[from:], []byte(secret))
			if i < 0 || from+i >= end {
				break
			}
			from += i
			for j := range len(secret) {
				if secret[j] != '\n' {
					text[from+j] = '*'
				}
			}
			from, found = from+len(secret), true
		}
	}
	return found
}
