// Stand-in: this is not OpenStack. It is a small program that answers as Keystone and Nova do, on a loopback address and without any
// machine behind it, so that cdplan can be tried where there is no cloud.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"launchpad.net/cdplan/providers/nova/novatest"
)

type options struct {
	listen  string
	clouds  string
	ready   string
	state   string
	regions string
	boot    time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "nova:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("nova", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `address` to listen on")
	flags.StringVar(&o.clouds, "clouds", "", "`file` to write a clouds.yaml to, with the cloud \"demo\"")
	flags.StringVar(&o.ready, "ready", "", "`file` to write the URL to once it listens")
	flags.StringVar(&o.state, "state", "", "`file` to load the servers from, if it is there, and to save them to at the end")
	flags.StringVar(&o.regions, "regions", "RegionOne", "`names` of the regions, with commas between")
	flags.DurationVar(&o.boot, "boot", 0, "how long a new server takes to become ACTIVE")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("cannot take argument %q: there are only flags", flags.Arg(0))
	}
	return o, nil
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	server, err := novatest.Start(o.listen, novatest.Options{Regions: strings.Split(o.regions, ","), Boot: o.boot})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := load(server.Cloud, o.state); err != nil {
		return err
	}
	if err := announce(server, o, stdout); err != nil {
		return err
	}
	<-ctx.Done()
	return save(server.Cloud, o.state)
}

// announce tells where the server is, clouds.yaml first, so that whoever sees "ready" may log in.
func announce(server *novatest.Server, o options, stdout io.Writer) error {
	if o.clouds != "" {
		if err := replace(o.clouds, server.CloudsYAML("demo")); err != nil {
			return err
		}
	}
	if o.ready != "" {
		if err := replace(o.ready, []byte(server.URL+"\n")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(stdout, "ready", server.URL)
	return err
}

func load(cloud *novatest.Cloud, file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open state: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return cloud.Load(f)
}

func save(cloud *novatest.Cloud, file string) error {
	if file == "" {
		return nil
	}
	var text strings.Builder
	if err := cloud.Save(&text); err != nil {
		return err
	}
	return replace(file, []byte(text.String()))
}

// replace writes a file that only its owner may read, whole or not at all.
func replace(file string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".nova-*") // has mode 0600
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the first error is the one to tell
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	return nil
}
