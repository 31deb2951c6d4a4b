// Package cli is the command line: it parses, calls the core, chooses a view and maps what happened to an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"launchpad.net/cdplan/cmd/internal/view"
	"launchpad.net/cdplan/providers"
	"launchpad.net/cdplan/state"
)

// Env is all of the outside that a command may touch.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdinTerminal  bool
	StdoutTerminal bool
	StderrTerminal bool
	Width          int // columns of the terminal; 0 if there is none
	// StderrSize returns how large the terminal behind stderr is at this moment; 0 for what is not known. Nil if there is no terminal.
	StderrSize func() (width, height int)
	// Ticks returns a clock that ticks until stop is called; nil if nobody wants to know how things go on.
	Ticks func(every time.Duration) (ticks <-chan time.Time, stop func())
	// Hangups returns a channel that tells of each SIGHUP from then on, which does not end the program any more; nil if nobody sends any.
	Hangups   func() <-chan struct{}
	Random    func() float64 // at least 0, and less than 1
	Getenv    func(string) string
	Setenv    func(name, value string) error // for the children
	Now       func() time.Time
	UID       int
	Host      string      // the name of this host
	Owner     state.Owner // this process, as others see it when it holds a lock
	Version   string
	GoVersion string
	Drivers   []providers.Driver

	noColor bool // the flags
	system  bool
}

// The exit codes. Usage errors are codeError, so that codeChanges means nothing but changes.
const (
	codeOK      = 0 // done, or nothing to do
	codeError   = 1 // an error; some services may have been dealt with all the same
	codeChanges = 2 // with -detailed-exitcode: plan found something to do, apply did something, drift found some
	codeRefused = 3 // what was planned is no longer what is to be done
	codeFailed  = 4 // a deploy failed
	codeBusy    = 5 // another run works on everything there is to do
	codeHeld    = 6 // with -detailed-exitcode: all that remains is held
)

// exit is the error of a command that has said all there is to say and only has to end with a code.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// faults is the error of a command that found fault with what people wrote.
type faults struct {
	diags hcl.Diagnostics
	files map[string]*hcl.File
}

func (f *faults) Error() string { return f.diags.Error() }

// Run runs the command that the arguments name, without the program's own name, and returns the exit code. The context ends when the user
// asks to stop: reading stops at once, and an apply starts nothing new. When force ends, what an apply started is interrupted, too.
func Run(ctx, force context.Context, args []string, env *Env) int {
	root := newRoot(env, force)
	root.SetArgs(oneDash(root, args))
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return env.report(root.ExecuteContext(ctx))
}

// report prints the error, once, and returns the code for it.
func (env *Env) report(err error) int {
	var code exit
	var found *faults
	switch {
	case err == nil:
		return codeOK
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, syscall.EPIPE):
		return codeError // nobody reads on
	case errors.As(err, &found):
		env.diagnose(found.diags, found.files)
	default:
		env.say("Error: %s\n", view.CleanLines(err.Error()))
	}
	return codeError
}

// say writes to stderr. There is nobody to tell if that fails.
func (env *Env) say(format string, args ...any) { _, _ = fmt.Fprintf(env.Stderr, format, args...) }

func (env *Env) diagnose(diags hcl.Diagnostics, files map[string]*hcl.File) {
	_ = view.Diagnostics(env.Stderr, diags, files, env.style(env.StderrTerminal))
}

// style says what an output can show.
func (env *Env) style(terminal bool) view.Style {
	s := view.Style{Color: env.color(terminal)}
	if terminal {
		s.Width = env.Width
	}
	return s
}

// color goes by the settings in the order that "cdplan help environment" tells.
func (env *Env) color(terminal bool) bool {
	force := env.Getenv("CLICOLOR_FORCE")
	switch {
	case env.noColor || env.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case env.Getenv("CLICOLOR") == "0" || env.Getenv("TERM") == "dumb":
		return false
	}
	return terminal
}

// short matches the one flag that has a short spelling.
var short = regexp.MustCompile("^--?v(=|$)")

// oneDash lets every flag be written with one dash or two: pflag reads "-auto" as four flags of one letter, so it gets "--auto". What
// follows "--" is left as it is, and so are the value of a flag and "-h", the only flag of one letter; "-v" is a spelling of "-verbose".
func oneDash(root *cobra.Command, args []string) []string {
	normal := make([]string, 0, len(args))
	value := false // that the next argument is the value of a flag
	for i, arg := range args {
		if value {
			normal, value = append(normal, arg), false
			continue
		}
		if arg == "--" {
			return append(normal, args[i:]...)
		}
		arg = short.ReplaceAllString(arg, "--verbose$1")
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			arg = "-" + arg
		}
		value = strings.HasPrefix(arg, "--") && takesValue(root, arg[2:])
		normal = append(normal, arg)
	}
	return normal
}

// takesValue says whether the flag of that name is followed by a value. That is so for every command that has it, or for none.
func takesValue(cmd *cobra.Command, name string) bool {
	flag := cmd.LocalFlags().Lookup(name)
	return flag != nil && flag.NoOptDefVal == "" ||
		slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return takesValue(sub, name) })
}

// common is what every command that looks at the fleet takes.
type common struct {
	env    *Env
	config string
	root   string
}

func newRoot(env *Env, force context.Context) *cobra.Command {
	c := &common{env: env}
	root := &cobra.Command{
		Use:   "cdplan",
		Short: "Plan and apply the deployment of services from their Bazaar branches",
		Long: "cdplan compares what the branches of every service say now with what its\n" +
			"servers run, prints the difference as a plan, and applies it.\n" +
			"Flags are written with one dash or two.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&c.config, "config", "", "read `FILE` instead of the cdplan.hcl in the root or in /etc/cdplan ($CDPLAN_CONFIG)")
	root.PersistentFlags().StringVar(&c.root, "root", "", "look for services in `DIR` instead of /srv/mojo/LOCAL ($CDPLAN_ROOT)")
	root.PersistentFlags().BoolVar(&env.noColor, "no-color", false, "print without colours ($NO_COLOR)")
	root.PersistentFlags().BoolVar(&env.system, "system", false, "keep locks, logs and the journal in /var/lib/cdplan, whoever runs it")
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetHelpCommand(newHelp())
	root.AddCommand(newPlan(c), newApply(c, force), newAgent(c, force), newShow(c), newCheck(c), newExplain(c), newGraph(c), newList(c), newDrift(c), newSimulate(c), newHistory(c), newStatus(c), newHold(c), newUnhold(c), newRetry(c),
		newUndo(c), newAdopt(c), newRecord(c), newDoctor(c), newValidate(c), newVersion(c), newEnvironmentHelp(), newExitHelp())
	return root
}

// newHelp is cobra's help command, but that it fails for what has no help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or a topic",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no help about %q", strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}

// flagError words an error about flags as the flags are documented, and leaves out what the parser of a number has to say.
func flagError(err error) error {
	text, _, _ := strings.Cut(err.Error(), ": strconv.")
	text, _, _ = strings.Cut(text, ": time: ")
	if _, written, ok := strings.Cut(text, "unknown shorthand flag: "); ok {
		_, written, _ = strings.Cut(written, " in ")
		text = "unknown flag: " + written
	}
	return errors.New(strings.NewReplacer(" --", " -", "\"--", "\"-").Replace(text))
}

// noArguments refuses what is not a flag, and says what may have been meant.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Lookup("target") != nil:
		return fmt.Errorf("%s takes no argument %q: to select services, write -target %s", cmd.CommandPath(), args[0], args[0])
	}
	return fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0])
}

// usage is cobra's text with one dash in front of a flag, as the documentation writes them.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	if cmd.Example != "" {
		fmt.Fprintf(&b, "Examples:\n%s\n\n", cmd.Example)
	}
	if cmd.Runnable() {
		fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "Usage:\n  %s COMMAND [flags]\n\nCommands:\n", cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-12s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	writeFlags(&b, "Flags", cmd.LocalNonPersistentFlags().FlagUsagesWrapped(80))
	writeFlags(&b, "Flags of every command", cmd.Root().PersistentFlags().FlagUsagesWrapped(80))
	writeTopics(&b, cmd)
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

func writeFlags(b *strings.Builder, title, usages string) {
	if usages != "" {
		fmt.Fprintf(b, "\n%s:\n%s", title, strings.ReplaceAll(strings.ReplaceAll(usages, "      --", "       -"), "  -h, --", "   -h, -"))
	}
}

func writeTopics(b *strings.Builder, cmd *cobra.Command) {
	if cmd.HasParent() {
		return
	}
	b.WriteString("\nMore help:\n")
	for _, sub := range cmd.Commands() {
		if sub.IsAdditionalHelpTopicCommand() {
			fmt.Fprintf(b, "  cdplan help %-12s %s\n", sub.Name(), sub.Short)
		}
	}
}
