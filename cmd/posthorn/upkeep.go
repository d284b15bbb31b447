package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"posthorn/appliance"
	"posthorn/appliance/control"
)

var upkeepCommands = []command{
	{"status", `[--json]
Say how the box fares.`, status},
	{"log", `
Show the last lines of a running box's log.`, showLog},
	{"check", `[--json]
Read the whole store and verify it.`, check},
	{"backup", `FILE|- [--since VERSION]
Write everything the store holds to a file, or to standard output.

The last line names a version; --since VERSION later writes only what changed.
It works while the box runs.`, backup},
	{"restore", `FILE|-...
Fill a new store from a backup, and its later increments in order.`, restore},
}

func status(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		st, err := c.Status(ctx)
		if st.Version == "" {
			st.Version = version
		}
		if err != nil || *asJSON {
			return e.json(st, err)
		}
		e.printStatus(st)
		return nil
	})
}

func (e *env) printStatus(st control.Status) {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	if st.Running {
		fmt.Fprintf(w, "box\trunning for %s as %s.local, version %s\n", time.Since(st.Since).Round(time.Second), st.Hostname, st.Version)
	} else {
		fmt.Fprintf(w, "box\tnot running\n")
	}
	if len(st.Domains) > 0 {
		fmt.Fprintf(w, "domains\t%s\n", strings.Join(st.Domains, ", "))
	}
	fmt.Fprintf(w, "mail\t%d messages (%s) of %d accounts\n", st.Messages, formatSize(st.Bytes), st.Accounts)
	if st.Waiting > 0 {
		fmt.Fprintf(w, "outbox\t%d messages wait to leave, %d of them in vain for more than an hour\n", st.Waiting, st.Failing)
	}
	fmt.Fprintf(w, "disk\t%s free of %s, the store has %s\n", formatSize(st.Disk.Free), formatSize(st.Disk.Total), formatSize(st.Disk.Used))
	if st.Backup.IsZero() {
		fmt.Fprintln(w, "backup\tnone yet; posthorn backup FILE makes one")
	} else {
		fmt.Fprintf(w, "backup\tlast made %s\n", st.Backup.Local().Format("2006-01-02 15:04"))
	}
	for _, s := range st.Services {
		fmt.Fprintf(w, "%s\t%s, %d connections now, %d since the start\n", s.Name, s.Address, s.Open, s.Total)
	}
	if a := st.Announced; a != nil {
		on := "no network"
		if a.Claimed {
			on = strings.Join(a.Addresses, ", ")
		}
		fmt.Fprintf(w, "announced\t%s on %s\n", a.Name, on)
		fmt.Fprintf(w, "\t“%s”: %s\n", a.Services, strings.Join(a.Types, " "))
	}
	if st.Authority != "" {
		fmt.Fprintf(w, "certificate\t%s\n", st.Authority)
	}
	w.Flush()
	for _, p := range st.Problems {
		fmt.Fprintf(e.stdout, "! %s\n", p)
	}
}

func showLog(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 0, 0, false, func(c *control.Client, _ []string) error {
		lines, err := c.Log(ctx)
		for _, l := range lines {
			fmt.Fprintln(e.stdout, l)
		}
		return err
	})
}

func check(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		r, err := c.Check(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			if err := e.json(r, nil); err != nil {
				return err
			}
		} else {
			for _, p := range r.Problems {
				fmt.Fprintln(e.stdout, p)
			}
			e.say("%d accounts, %d mailboxes, %d entries, %d messages, %s of bodies read: %d problems",
				r.Accounts, r.Mailboxes, r.Entries, r.Messages, formatSize(r.Bodies), r.Count)
		}
		if r.Count > 0 {
			return fmt.Errorf("the store has %d problems; take a backup, and restore it to a new card", r.Count)
		}
		return nil
	})
}

func backup(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	since := fs.Uint64("since", 0, "`VERSION` up to which an earlier backup went")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		out, finish, err := e.create(args[0])
		if err != nil {
			return err
		}
		reached, err := c.Backup(ctx, out, *since)
		if err := finish(err); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stderr, "backup is complete; the next one can go on with --since %d\n", reached)
		return err
	})
}

// create makes a file that gets its name when finish is called without an
// error, so that half a backup is never taken for one; "-" is standard output.
func (e *env) create(name string) (out io.Writer, finish func(error) error, err error) {
	if name == "-" {
		return e.stdout, func(err error) error { return err }, nil
	}
	f, err := os.OpenFile(name+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return f, func(err error) error {
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return os.Rename(f.Name(), name)
	}, nil
}

// maxIncrements is how many files one restore reads.
const maxIncrements = 1000

func restore(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	data := fs.String("data", appliance.DefaultData, "`DIR` to fill; it must hold no mail yet")
	files, err := e.parse(fs, args, 1, maxIncrements)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, name := range files {
		if err := e.restoreOne(ctx, *data, name, log); err != nil {
			return err
		}
	}
	return e.say("restored into %s", *data)
}

func (e *env) restoreOne(ctx context.Context, data, name string, log *slog.Logger) error {
	if name == "-" {
		return control.Restore(ctx, data, e.stdin, log)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := control.Restore(ctx, data, f, log); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
