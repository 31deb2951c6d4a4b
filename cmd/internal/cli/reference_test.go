package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"launchpad.net/cdplan/cmd/internal/config"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/providers/bzr"
	"launchpad.net/cdplan/providers/juju"
	"launchpad.net/cdplan/providers/mojo"
	"launchpad.net/cdplan/providers/nova"
)

var update = flag.Bool("update", false, "write the reference in docs/")

const docs = "../../../docs"

// TestReference holds the reference in docs/ to what the program says of itself. With -update it writes it.
func TestReference(t *testing.T) {
	files, err := reference(&Env{Getenv: os.Getenv, Drivers: []providers.Driver{bzr.Driver(), mojo.Driver(), nova.Driver(nil), juju.Driver(juju.New())}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join(docs, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not up to date: run \"make generate\" (-want +got):\n%s", path, diff)
		}
	}
	checkPages(t, files)
}

// checkPages finds man pages of commands that are no more.
func checkPages(t *testing.T, files map[string]string) {
	t.Helper()
	pages, err := os.ReadDir(filepath.Join(docs, "man"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if files["man/"+page.Name()] == "" {
			t.Errorf("%s is the page of no command", page.Name())
		}
	}
}

// reference returns the files that are made from the program itself, by name below docs/: the commands with their help, the settings, and a
// man page for each command.
func reference(env *Env) (map[string]string, error) {
	files := map[string]string{"settings.md": settingsPage(env)}
	commands := strings.Builder{}
	commands.WriteString("# Commands\n\nThis page is made from the program's own help.\n")
	root := newRoot(env, context.Background())
	root.InitDefaultHelpCmd()
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		help, err := helpText(env, cmd)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&commands, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), help)
		if cmd.Runnable() || cmd == root {
			page, err := manPage(cmd)
			if err != nil {
				return nil, err
			}
			files["man/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = page
		}
	}
	files["commands.md"] = commands.String()
	return files, nil
}

func helpText(env *Env, cmd *cobra.Command) (string, error) {
	var out bytes.Buffer
	quiet := *env
	quiet.Stdout, quiet.Stderr = &out, &out
	args := append([]string{"help"}, strings.Fields(cmd.CommandPath())[1:]...)
	if code := Run(context.Background(), context.Background(), args, &quiet); code != codeOK {
		return "", fmt.Errorf("cannot get the help of %s: %s", cmd.CommandPath(), out.String())
	}
	return out.String(), nil
}

func manPage(cmd *cobra.Command) (string, error) {
	var page bytes.Buffer
	cmd.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "cdplan", Manual: "cdplan", Date: new(time.Time)}
	if err := doc.GenMan(cmd, header, &page); err != nil {
		return "", err
	}
	return strings.NewReplacer(`\fB--`, `\fB-`, `"Jan 0001"`, `""`).Replace(page.String()), nil
}

func settingsPage(env *Env) string {
	var b strings.Builder
	b.WriteString("# Settings\n\nThis page is made from what the program knows of its own settings.\n\n## config.ini, one for each service\n")
	b.WriteString(entryTable(config.ServiceReference(env.Drivers)))
	b.WriteString("\n## cdplan.hcl, one for the host\n")
	b.WriteString(entryTable(config.HostReference(env.Drivers)))
	return b.String()
}

// entryTable writes a table for each place in which something can be written.
func entryTable(entries []config.Entry) string {
	var b strings.Builder
	where := ""
	for _, entry := range entries {
		if entry.Where != where {
			where = entry.Where
			fmt.Fprintf(&b, "\n### %s\n\n| name | meaning |\n|---|---|\n", where)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", entry.Name, strings.ReplaceAll(entry.Doc, "|", `\|`))
	}
	return b.String()
}
