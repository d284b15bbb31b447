package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"posthorn/appliance"
	"posthorn/appliance/control"
	"posthorn/appliance/update"
)

var updateCommands = []command{
	{"update", `FILE [--no-restart]
Put a new system onto the card, and start it for a trial.

FILE is a signed update; - is standard input. The box starts the new system
once. If mail goes in and out there it stays, else the box comes back to this
one by itself.`, installUpdate},
	{"update slot", `[--json]
Say which system runs, whether it is on trial, and what came of the last update.`, updateSlot},
	{"update confirm", `
Make the running system permanent. The box does this itself after a trial.`, confirmUpdate},
	{"update restart", `
Restart into the other slot at once. Only the shutdown script calls this.`, restartUpdate},
}

// withUpdater reads a command's flags, --data among them, and gives it the box.
func (e *env) withUpdater(fs *flag.FlagSet, args []string, count int, do func(*control.Client, []string) error) error {
	data := fs.String("data", appliance.DefaultData, "`DIR` the mail is kept in")
	args, err := e.parse(fs, args, count, count)
	if err != nil {
		return err
	}
	c, err := control.OpenUpdater(*data, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(c, args), c.Close())
}

func installUpdate(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	stay := fs.Bool("no-restart", false, "leave the restart, which is the trial, to somebody else")
	return e.withUpdater(fs, args, 1, func(c *control.Client, args []string) error {
		in := e.stdin
		if args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			in = f
		}
		m, err := c.InstallUpdate(ctx, in, func(s update.State) { e.say("version %s: %d %% written", s.Next, s.Percent) })
		if err != nil {
			return fmt.Errorf("update refused: %w", err)
		}
		if *stay {
			return e.say("version %s is on the card; the next restart is its trial", m.Version)
		}
		e.say("version %s is on the card; the box starts it for a trial now", m.Version)
		return c.TryUpdate(ctx)
	})
}

func updateSlot(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withUpdater(fs, args, 0, func(c *control.Client, _ []string) error {
		s, err := c.Update(ctx)
		if err != nil || *asJSON {
			return e.json(s, err)
		}
		trial := ""
		if s.Trial {
			trial = ", on trial"
		}
		e.say("version %s for %s runs from slot %d%s", s.Version, s.Board, s.Slot, trial)
		switch {
		case s.Installing:
			e.say("version %s is being installed, %d %% are written", s.Next, s.Percent)
		case s.Ready:
			e.say("an update waits for a restart, its trial")
		case s.Last != nil && s.Last.Failure != "":
			e.say("the last update: %s", s.Last.Failure)
		}
		return nil
	})
}

func confirmUpdate(_ context.Context, e *env, args []string) error {
	if _, err := e.parse(e.flags(), args, 0, 0); err != nil {
		return err
	}
	card, err := update.System("/")
	if err != nil {
		return err
	}
	return card.Confirm()
}

func restartUpdate(_ context.Context, e *env, args []string) error {
	if _, err := e.parse(e.flags(), args, 0, 0); err != nil {
		return err
	}
	return (&update.Updater{Root: "/"}).Leave()
}
