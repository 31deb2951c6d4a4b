package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/plan"
)

// selection is which services a command is for.
type selection struct {
	targets      []string
	targetFiles  []string
	excludes     []string
	excludeFiles []string
	withDeps     bool
	noDeps       bool
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.targets, "target", nil, "only services that match `GLOB`; may be given several times")
	cmd.Flags().StringArrayVar(&s.targetFiles, "target-file", nil, "only services that match a glob in `FILE`, which has one a line; may be given several times")
	cmd.Flags().StringArrayVar(&s.excludes, "exclude", nil, "no service that matches `GLOB`; may be given several times")
	cmd.Flags().StringArrayVar(&s.excludeFiles, "exclude-file", nil, "no service that matches a glob in `FILE`, which has one a line; may be given several times")
}

// depsFlags adds the flags for commands that go by the order of services.
func (s *selection) depsFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.withDeps, "with-deps", false, "also services that go before a selected one, if something is to be done about both")
	cmd.Flags().BoolVar(&s.noDeps, "no-deps", false, "take services that are not selected for what they should be: they block nothing")
}

// all says that nothing was selected or left out by name.
func (s selection) all() bool {
	return len(s.targets)+len(s.targetFiles)+len(s.excludes)+len(s.excludeFiles) == 0
}

func (s selection) deps() plan.Deps {
	switch {
	case s.withDeps:
		return plan.DepsTaken
	case s.noDeps:
		return plan.DepsIgnored
	}
	return plan.DepsBlock
}

// arguments returns the selection as it is given on a command line, with a blank before each word.
func (s selection) arguments() string {
	var b strings.Builder
	for _, flag := range []struct {
		name   string
		values []string
	}{{"-target", s.targets}, {"-target-file", s.targetFiles}, {"-exclude", s.excludes}, {"-exclude-file", s.excludeFiles}} {
		for _, value := range flag.values {
			b.WriteString(" " + flag.name + " " + shellescape.Quote(value))
		}
	}
	if s.withDeps {
		b.WriteString(" -with-deps")
	}
	if s.noDeps {
		b.WriteString(" -no-deps")
	}
	return b.String()
}

// chosen are the patterns of a selection.
type chosen struct {
	targeting bool // only services that match a target
	targets   []pattern
	excluded  []pattern
}

func (c chosen) has(service string) bool {
	return (!c.targeting || anyMatches(c.targets, service)) && !c.excludes(service)
}

func (c chosen) excludes(service string) bool { return anyMatches(c.excluded, service) }

// choose reads the patterns. A target that matches nothing is an error, since a typing error must not look like "nothing to do".
func (s selection) choose(services []plan.Service) (chosen, error) {
	if s.withDeps && s.noDeps {
		return chosen{}, errors.New("-with-deps takes along what goes first, and -no-deps goes without: give one of them")
	}
	c := chosen{targeting: len(s.targets)+len(s.targetFiles) > 0}
	var err error
	if c.targets, err = patterns("-target", s.targets, s.targetFiles); err != nil {
		return chosen{}, err
	}
	if c.excluded, err = patterns("-exclude", s.excludes, s.excludeFiles); err != nil {
		return chosen{}, err
	}
	for _, target := range c.targets {
		if !slices.ContainsFunc(services, func(service plan.Service) bool { return target.matches(service.Name) }) {
			return chosen{}, target.none()
		}
	}
	if !slices.ContainsFunc(services, func(service plan.Service) bool { return c.has(service.Name) }) {
		return chosen{}, errors.New("-target and -exclude leave no service")
	}
	return c, nil
}

// pattern is a glob of service names.
type pattern struct {
	glob string
	flag string // by which it was given; empty for one of a file
	line string // of a file, as FILE:LINE
}

func anyMatches(patterns []pattern, service string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.matches(service) })
}

func (p pattern) matches(service string) bool {
	ok, _ := path.Match(p.glob, service) // the pattern was checked
	return ok
}

func (p pattern) check() error {
	if _, err := path.Match(p.glob, ""); err == nil {
		return nil
	}
	err := fmt.Errorf("%q is not a pattern of service names: * stands for any text, ? for one character", p.glob)
	if p.line != "" {
		return fmt.Errorf("%s: %w", p.line, err)
	}
	return err
}

// none is the error of a pattern that no service matches.
func (p pattern) none() error {
	if p.line != "" {
		return fmt.Errorf("%s: no service matches %q", p.line, p.glob)
	}
	return fmt.Errorf("no service matches %s %s", p.flag, p.glob)
}

// patterns returns those that were given by the flag, and those of the files.
func patterns(flag string, globs, files []string) ([]pattern, error) {
	var all []pattern
	for _, glob := range globs {
		all = append(all, pattern{glob: glob, flag: flag})
	}
	for _, name := range files {
		some, err := readPatterns(name)
		switch {
		case err != nil:
			return nil, fmt.Errorf("cannot read %s-file: %w", flag, err)
		case len(some) == 0 && flag == "-target":
			return nil, fmt.Errorf("%s has no pattern, so that nothing would be selected: write one a line", name)
		}
		all = append(all, some...)
	}
	for _, p := range all {
		if err := p.check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readPatterns reads a file of patterns, one a line, with comments after "#" and empty lines.
func readPatterns(name string) ([]pattern, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	var found []pattern
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		glob, _, _ := strings.Cut(lines.Text(), "#")
		if glob = strings.TrimSpace(glob); glob != "" {
			found = append(found, pattern{glob: glob, line: fmt.Sprintf("%s:%d", name, n)})
		}
	}
	return found, lines.Err()
}

// sayTaken says which services -with-deps has added to the plan.
func (env *Env) sayTaken(p *plan.Plan) {
	if len(p.Taken) > 0 {
		env.say("-with-deps takes along what goes first: %s\n\n", strings.Join(p.Taken, ", "))
	}
}
