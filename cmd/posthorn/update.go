package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"posthorn/appliance/update"
)

var updateCommands = []command{
	{"update", `FILE [--no-restart]
Put a new system onto the card, and start it for a trial.

FILE is a signed update; - is standard input. The box starts the new system
once. If mail goes in and out there it stays, else the box comes back to this
one by itself.`, installUpdate},
	{"update slot", `
Say which slot runs, and whether it is on trial.`, updateSlot},
	{"update confirm", `
Make the running system permanent. The box does this itself after a trial.`, confirmUpdate},
	{"update restart", `
Restart into the other slot at once. Only the shutdown script calls this.`, restartUpdate},
}

// trialFile tells the shutdown script to restart into the other slot.
const trialFile = "/run/posthorn/trial"

func installUpdate(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	stay := fs.Bool("no-restart", false, "leave the restart, which is the trial, to somebody else")
	args, err := e.parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	card, err := update.System("/")
	if err != nil {
		return err
	}
	in := e.stdin
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	last := int64(-1)
	m, err := card.Install(ctx, in, func(done, total int64) {
		if tenth := done * 10 / total; tenth != last {
			last = tenth
			e.say("%d %% written", tenth*10)
		}
	})
	if err != nil {
		return fmt.Errorf("update refused: %w", err)
	}
	if err := os.WriteFile(trialFile, nil, 0o600); err != nil {
		return err
	}
	if *stay {
		return e.say("version %s is on the card; the next restart is its trial", m.Version)
	}
	e.say("version %s is on the card; the box starts it for a trial now", m.Version)
	return exec.CommandContext(ctx, "/sbin/reboot").Run()
}

func updateSlot(_ context.Context, e *env, args []string) error {
	if _, err := e.parse(e.flags(), args, 0, 0); err != nil {
		return err
	}
	card, err := update.System("/")
	if err != nil {
		return err
	}
	slot, err := card.Default()
	if err != nil {
		return err
	}
	if slot == card.Running {
		return e.say("slot %d", slot)
	}
	return e.say("slot %d on trial; %d is permanent", card.Running, slot)
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
	if _, err := os.Stat(trialFile); errors.Is(err, os.ErrNotExist) {
		return errors.New("no update waits for a trial")
	}
	return update.RestartForTrial()
}
