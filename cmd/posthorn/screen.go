package main

import (
	"context"
	"flag"
	"os"
	"time"

	"golang.org/x/term"

	"posthorn/appliance"
	"posthorn/appliance/control"
	"posthorn/hw/detect"
	"posthorn/hw/softpanel"
)

var screenCommands = []command{
	{"screen", `[--png FILE] [--large] [--follow]
Show what the screen of the running box shows.`, screen},
	{"hw scan", `
Say which displays answer on the board's I2C buses. Stop the box first.`, hwScan},
	{"hw test", `[--display SPEC] [--led SPEC] [--button SPEC]
Show a test picture, walk the LED through its signals, tell of the button.`, hwTest},
}

// followGap is how often a followed screen is looked at.
const followGap = 250 * time.Millisecond

func screen(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	png := fs.String("png", "", "write a picture to `FILE` instead, - for standard output")
	large := fs.Bool("large", false, "twice as large")
	follow := fs.Bool("follow", false, "go on until interrupted")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		if *png != "" {
			picture, err := c.Screen(ctx, control.AsPNG)
			if err != nil {
				return err
			}
			if *png == "-" {
				_, err = e.stdout.Write(picture)
				return err
			}
			return os.WriteFile(*png, picture, 0o644)
		}
		as := control.AsText
		if *large {
			as = control.AsBlocks
		}
		t := &softpanel.Terminal{W: e.stdout}
		if f, ok := e.stdout.(*os.File); ok && *follow && term.IsTerminal(int(f.Fd())) {
			t.Size = sizeOf(f)
		}
		for {
			picture, err := c.Screen(ctx, as)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if err := t.Show(string(picture)); err != nil || !*follow {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(followGap):
			}
		}
	})
}

func hwScan(_ context.Context, e *env, args []string) error {
	if _, err := e.parse(e.flags(), args, 0, 0); err != nil {
		return err
	}
	return appliance.ScanHardware(e.stdout, detect.Host())
}

func hwTest(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	var b hardwareFlags
	b.define(fs)
	if _, err := e.parse(fs, args, 0, 0); err != nil {
		return err
	}
	h, err := b.hardware()
	if err != nil {
		return err
	}
	return appliance.TestHardware(ctx, e.stdout, detect.Host(), h)
}

// hardwareFlags are the flags on what hangs on the board, with their TOML
// names.
type hardwareFlags struct {
	Display string `toml:"display"`
	LED     string `toml:"led"`
	Button  string `toml:"button"`
}

func (h *hardwareFlags) define(fs *flag.FlagSet) {
	for _, f := range []struct {
		to          *string
		name, value string
		usage       string
	}{
		{&h.Display, "display", "auto", "`SPEC`: auto, none, terminal, soft, or MODEL@BUS:ADDR such as sh1106@1:0x3c; posthorn hw scan tells"},
		{&h.LED, "led", "auto", "`SPEC`: auto, none, the name of a kernel LED, or gpio:CHIP:LINE"},
		{&h.Button, "button", "none", "`SPEC`: none, or gpio:CHIP:LINE"},
	} {
		value := *f.to // from the configuration file
		if value == "" {
			value = f.value
		}
		fs.StringVar(f.to, f.name, value, f.usage)
	}
}

func (h *hardwareFlags) hardware() (appliance.Hardware, error) {
	spec, err := detect.ParseSpec(h.Display)
	if err != nil {
		return appliance.Hardware{}, usagef("--%v", err)
	}
	return appliance.Hardware{Display: spec, LED: h.LED, Button: h.Button}, nil
}

// drawInTerminal makes the log and a display of kind terminal share standard
// error, if that is a terminal.
func (e *env) drawInTerminal(h *appliance.Hardware) {
	f, ok := e.stderr.(*os.File)
	if h.Display.Where != detect.Terminal || !ok || !term.IsTerminal(int(f.Fd())) {
		return
	}
	h.Terminal = &softpanel.Terminal{W: f, Size: sizeOf(f)}
	e.stderr = h.Terminal
}

// sizeOf returns a function that tells a terminal's columns and rows, none if
// they can't be known.
func sizeOf(f *os.File) func() (int, int) {
	return func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0, 0
		}
		return columns, rows
	}
}
