package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"

	"github.com/BurntSushi/toml"

	"posthorn/appliance"
)

var serveCommand = command{"serve", `[flags]
Run the mail box until it is told to stop.

Facts about the board can also be given by a file (--config) in TOML, with the
flags' names: port-offset = 2000. Flags win. The owner's choices are not here
but in the store.`, serve}

// boardFlags are the flags of serve, with their TOML names.
type boardFlags struct {
	Data       string `toml:"data"`
	Bind       string `toml:"bind"`
	PortOffset int    `toml:"port-offset"`
	Hostname   string `toml:"hostname"`
	Memory     string `toml:"memory"`
	NoMDNS     bool   `toml:"no-mdns"`
	LogFormat  string `toml:"log-format"`
	LogLevel   string `toml:"log-level"`
	hardwareFlags
}

func (b *boardFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&b.Data, "data", b.Data, "`DIR` the mail is kept in; made if absent")
	fs.StringVar(&b.Bind, "bind", b.Bind, "`ADDR` to listen on instead of all")
	fs.IntVar(&b.PortOffset, "port-offset", b.PortOffset, "`N` added to every port; 2000 needs no root")
	fs.StringVar(&b.Hostname, "hostname", b.Hostname, "`NAME` announced as NAME.local; the default mail domain")
	fs.StringVar(&b.Memory, "memory", b.Memory, "`SIZE` of memory to live in, such as 512M, instead of the board's")
	fs.BoolVar(&b.NoMDNS, "no-mdns", b.NoMDNS, "do not announce the box on the network")
	b.hardwareFlags.define(fs)
	fs.StringVar(&b.LogFormat, "log-format", b.LogFormat, "text or json")
	fs.StringVar(&b.LogLevel, "log-level", b.LogLevel, "debug, info, warn or error")
}

func serve(ctx context.Context, e *env, args []string) error {
	board := boardFlags{Data: appliance.DefaultData, Hostname: appliance.DefaultHostname, LogFormat: "text", LogLevel: "info"}
	// The file must be known before the flags it gives defaults to, so the
	// command line is read twice, the first time for --config alone.
	var file string
	first := e.flags()
	first.StringVar(&file, "config", "", "")
	scratch := board
	scratch.define(first)
	if first.Parse(args) == nil && file != "" {
		if err := readConfig(file, &board); err != nil {
			return err
		}
	}
	fs := e.flags()
	fs.StringVar(&file, "config", "", "`FILE` in TOML with these settings; flags win")
	board.define(fs)
	if _, err := e.parse(fs, args, 0, 0); err != nil {
		return err
	}
	config, err := board.config(e)
	if err != nil {
		return err
	}
	appliance.TuneMemory(appliance.BoardMemory(config.Memory))
	for {
		box, err := appliance.New(config)
		if err != nil {
			return err
		}
		fmt.Fprint(e.stdout, box.Welcome(os.Args[0]))
		if err := box.Run(ctx); !errors.Is(err, appliance.ErrRestart) {
			return err
		}
	}
}

// readConfig reads board facts from a file and refuses names it does not know.
func readConfig(file string, b *boardFlags) error {
	meta, err := toml.DecodeFile(file, b)
	if err != nil {
		return fmt.Errorf("config %s: %w", file, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("config %s: there is no setting %q; posthorn serve --help lists them", file, unknown[0])
	}
	return nil
}

// config checks the flags.
func (b *boardFlags) config(e *env) (appliance.Config, error) {
	c := appliance.Config{Data: b.Data, Bind: b.Bind, Hostname: b.Hostname, NoMDNS: b.NoMDNS, Version: version, Lines: new(appliance.Lines)}
	if b.Bind != "" {
		if _, err := netip.ParseAddr(b.Bind); err != nil {
			return c, usagef("--bind %s is no IP address", b.Bind)
		}
	}
	if b.PortOffset < 0 || b.PortOffset > 65535-995 {
		return c, usagef("--port-offset %d: at most %d, and not negative", b.PortOffset, 65535-995)
	}
	c.Ports = appliance.StandardPorts(b.PortOffset)
	if !validHostname(b.Hostname) {
		return c, usagef("--hostname %s: use 1 to 63 letters, digits and hyphens, without .local", b.Hostname)
	}
	if b.Memory != "" {
		var err error
		if c.Memory, err = parseSize(b.Memory); err != nil {
			return c, usagef("--memory: %v", err)
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(b.LogLevel)); err != nil {
		return c, usagef("--log-level %s: use debug, info, warn or error", b.LogLevel)
	}
	if b.LogFormat != "text" && b.LogFormat != "json" {
		return c, usagef("--log-format %s: use text or json", b.LogFormat)
	}
	var err error
	if c.Hardware, err = b.hardware(); err != nil {
		return c, err
	}
	e.drawInTerminal(&c.Hardware)
	c.Log = appliance.NewLog(e.stderr, b.LogFormat == "json", level, c.Lines)
	return c, nil
}

// validHostname tells whether a name is one DNS label (RFC 1123 section 2.1).
func validHostname(s string) bool {
	if len(s) < 1 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}
