// Stand-in: this is not juju. It answers as juju 1, 2 or 3 does, and has one model, which it makes up from the servers that nova has: one called
// juju-APP-machine-N runs a unit of the application APP. It tells versions and the status, and adds and removes units if $JUJU_STANDIN_STATE names a
// file to keep them in.
//
// Its clock is moved on by every command, by $JUJU_STANDIN_STEP (30s). A unit that was added has a server after one minute, and works after three; one
// that was removed is gone after one. $JUJU_STANDIN_FAULTS names, with commas between, what goes wrong as long as it is named, and so do the "faults" of
// the state: quota, install-hook, stop-hook, stuck-allocating, stuck-dying, status-error, refuse-add, logged-out and hang.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	defaultVersion = "3.6.1-genericlinux-amd64"
	defaultModel   = "demo"
	defaultStep    = 30 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	j := standIn{version: os.Getenv("JUJU_STANDIN_VERSION"), model: os.Getenv("JUJU_STANDIN_MODEL"), state: os.Getenv("JUJU_STANDIN_STATE"),
		kubernetes: os.Getenv("JUJU_STANDIN_TYPE") == "caas", faults: strings.Split(os.Getenv("JUJU_STANDIN_FAULTS"), ","),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	if os.Getenv("JUJU_STANDIN_LOGGED_OUT") != "" {
		j.faults = append(j.faults, faultLoggedOut)
	}
	j.iso, _ = strconv.ParseBool(os.Getenv("JUJU_STATUS_ISO_TIME")) // juju takes anything else for no
	err := j.run(ctx, os.Args[1:], os.Getenv("JUJU_STANDIN_STEP"))
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "ERROR", err)
		os.Exit(1)
	}
}

// standIn is how this one is to answer.
type standIn struct {
	version    string // its beginning is the dialect
	model      string // the only one it knows
	kubernetes bool   // the model is one of Kubernetes
	state      string // path of the file with the state; without one nothing can be changed
	step       time.Duration
	faults     []string
	iso        bool // how times are written
	stdin      io.Reader
	stdout     io.Writer
	stderr     io.Writer
}

func (j standIn) run(ctx context.Context, args []string, step string) (err error) {
	j.version, j.model, j.step = cmp.Or(j.version, defaultVersion), cmp.Or(j.model, defaultModel), defaultStep
	if step != "" {
		if j.step, err = time.ParseDuration(step); err != nil {
			return fmt.Errorf("cannot take $JUJU_STANDIN_STEP: %w", err)
		}
	}
	name := "help"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if name == "version" || name == "--version" {
		_, err := fmt.Fprintln(j.stdout, j.version)
		return err
	}
	run, known := j.commands()[name]
	if !known {
		return fmt.Errorf("%q is not a juju command that is stood in for: there are version, %s", name, strings.Join(slices.Sorted(maps.Keys(j.commands())), ", "))
	}
	o, err := j.parse(name, args)
	if err != nil {
		return err
	}
	return j.in(ctx, o, run)
}

// old says that juju 1 is to be stood in for.
func (j standIn) old() bool { return strings.HasPrefix(j.version, "1.") }

// asks says whether the dialect asks back before it removes, and knows whether it is told not to.
func (j standIn) asks() (asks, knows bool) {
	var major, minor int
	_, _ = fmt.Sscanf(j.version, "%d.%d", &major, &minor) // what is no version is none of these
	return major >= 3, major >= 3 || major == 2 && minor >= 9
}

// commands are those of the dialect, but for version.
func (j standIn) commands() map[string]command {
	if j.old() {
		return map[string]command{"status": standIn.status, "add-unit": standIn.addUnit, "destroy-unit": standIn.removeUnit, "destroy-machine": standIn.destroyMachine}
	}
	return map[string]command{"status": standIn.status, "add-unit": standIn.addUnit, "remove-unit": standIn.removeUnit, "scale-application": standIn.scale}
}

type command func(j standIn, ctx context.Context, w *world, o options) error

// options are those of all commands.
type options struct {
	format, model string
	units         int
	noPrompt      bool
	args          []string
}

// parse knows the options that the command has in the dialect. They may stand behind arguments.
func (j standIn) parse(command string, args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("juju "+command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if j.old() {
		flags.StringVar(&o.model, "e", j.model, "environment")
	} else {
		flags.StringVar(&o.model, "m", j.model, "model")
		flags.Bool("B", false, "open no browser")
	}
	_, knows := j.asks()
	switch {
	case command == "status":
		flags.StringVar(&o.format, "format", "tabular", "json or tabular")
	case command == "add-unit":
		flags.IntVar(&o.units, "n", 1, "how many")
	case command == "remove-unit" && knows:
		flags.BoolVar(&o.noPrompt, "no-prompt", false, "do not ask")
	}
	for {
		if err := flags.Parse(args); err != nil {
			return o, err
		}
		if flags.NArg() == 0 {
			return o, nil
		}
		o.args, args = append(o.args, flags.Arg(0)), flags.Args()[1:]
	}
}

// in runs a command in the world as it is now, and keeps the world as it leaves it.
func (j standIn) in(ctx context.Context, o options, run command) (err error) {
	switch {
	case o.model != j.model && j.old():
		return fmt.Errorf("environment %q not found", o.model)
	case o.model != j.model:
		return fmt.Errorf("model %s not found", o.model)
	}
	w, err := j.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	switch {
	case w.has(faultHang):
		w.unlock()
		<-ctx.Done()
		return context.Cause(ctx)
	case w.has(faultLoggedOut):
		if err := j.askPassword(); err != nil {
			return err
		}
	}
	if err := w.settle(ctx, j); err != nil {
		return err
	}
	if err := run(j, ctx, w, o); err != nil {
		return err
	}
	return w.save()
}

func (j standIn) status(_ context.Context, w *world, o options) error {
	if len(o.args) > 1 {
		return fmt.Errorf("cannot take %q: one application is enough", o.args[1])
	}
	application := strings.Join(o.args, "")
	switch o.format {
	case "json":
		return j.writeJSON(w, application)
	case "tabular":
		if application != "" {
			return writeTable(j.stdout, only(w.Units, application))
		}
		return writeTable(j.stdout, w.Units)
	}
	return fmt.Errorf("invalid value %q for option --format: json or tabular", o.format)
}

// askPassword takes any password.
func (j standIn) askPassword() error {
	if _, err := fmt.Fprint(j.stderr, "please enter password for admin on stand-in: "); err != nil {
		return err
	}
	if _, err := j.line(); err != nil {
		_, _ = fmt.Fprintln(j.stderr)
		return fmt.Errorf("cannot read password: %w", err)
	}
	return nil
}

// line reads one.
func (j standIn) line() (string, error) {
	text, letter := "", make([]byte, 1)
	for {
		if _, err := j.stdin.Read(letter); err != nil {
			return text, err
		}
		if letter[0] == '\n' {
			return text, nil
		}
		text += string(letter)
	}
}
