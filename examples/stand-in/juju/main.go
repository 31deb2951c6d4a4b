// Stand-in: this is not juju. It answers "juju version" and "juju status" as juju 1, 2 or 3 does, and makes its one model up from the servers
// that nova has: one called juju-APP-machine-N runs a unit of the application APP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const (
	defaultVersion = "3.6.1-genericlinux-amd64"
	defaultModel   = "demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	j := standIn{version: os.Getenv("JUJU_STANDIN_VERSION"), model: os.Getenv("JUJU_STANDIN_MODEL"), loggedOut: os.Getenv("JUJU_STANDIN_LOGGED_OUT") != "",
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	err := j.run(ctx, os.Args[1:])
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
	version   string // its beginning is the dialect
	model     string // the only one it knows
	loggedOut bool   // a password is asked for
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer
}

func (j standIn) run(ctx context.Context, args []string) error {
	if j.version == "" {
		j.version = defaultVersion
	}
	if j.model == "" {
		j.model = defaultModel
	}
	command := "help"
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "version", "--version":
		_, err := fmt.Fprintln(j.stdout, j.version)
		return err
	case "status":
		return j.status(ctx, args)
	}
	return fmt.Errorf("%q is not a juju command: only \"juju version\" and \"juju status\" stand in for the real one", command)
}

// old says that juju 1 is to be stood in for.
func (j standIn) old() bool { return strings.HasPrefix(j.version, "1.") }

// statusOptions are those of "juju status".
type statusOptions struct {
	format, model, application string
}

// parse knows the options that the dialect has.
func (j standIn) parse(args []string) (statusOptions, error) {
	o := statusOptions{}
	flags := flag.NewFlagSet("juju status", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.format, "format", "tabular", "json or tabular")
	if j.old() {
		flags.StringVar(&o.model, "e", j.model, "environment")
	} else {
		flags.StringVar(&o.model, "m", j.model, "model")
		flags.Bool("B", false, "open no browser")
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 1 {
		return o, fmt.Errorf("cannot take %q: one application is enough", flags.Arg(1))
	}
	o.application = flags.Arg(0)
	return o, nil
}

func (j standIn) status(ctx context.Context, args []string) error {
	o, err := j.parse(args)
	if err != nil {
		return err
	}
	switch {
	case o.model != j.model && j.old():
		return fmt.Errorf("environment %q not found", o.model)
	case o.model != j.model:
		return fmt.Errorf("model %s not found", o.model)
	case j.loggedOut:
		if err := j.askPassword(); err != nil {
			return err
		}
	}
	units, err := list(ctx)
	if err != nil {
		return err
	}
	if o.application != "" {
		units = only(units, o.application)
	}
	switch o.format {
	case "json":
		return j.writeJSON(units)
	case "tabular":
		return writeTable(j.stdout, units)
	}
	return fmt.Errorf("invalid value %q for option --format: json or tabular", o.format)
}

// askPassword takes any password.
func (j standIn) askPassword() error {
	if _, err := fmt.Fprint(j.stderr, "please enter password for admin on stand-in: "); err != nil {
		return err
	}
	letter := make([]byte, 1)
	for letter[0] != '\n' {
		if _, err := j.stdin.Read(letter); err != nil {
			_, _ = fmt.Fprintln(j.stderr)
			return fmt.Errorf("cannot read password: %w", err)
		}
	}
	return nil
}
