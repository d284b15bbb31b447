package main

import (
	"context"
	"errors"
	"flag"
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
	{"backup", `FILE|-|--stick [--since VERSION] [--passphrase-file FILE]
Write everything the store holds to a file, or to standard output.

The last line names a version; --since VERSION later writes only what changed.
It works while the box runs. With a passphrase the file is encrypted, in the
format of age.

With --stick the box writes it, encrypted, onto the USB stick that is plugged
into it, and says when the stick can be taken out. The five newest stay there.`, backup},
	{"restore", `FILE|-... [--passphrase-file FILE] [--replace]
Fill a new store from a backup, and its later increments in order.

With --replace a running box reads the backup and then restarts with it in the
place of all it has. What it had is kept; restore undo puts it back.`, restore},
	{"restore undo", `
Put back what the running box had before the last restore --replace.`, undoRestore},
	{"restore forget", `
Remove what the running box had before the last restore --replace.`, forgetRestore},
	{"restart", `
Have the running box stop and start anew.`, restart},
	{"off", `
Have the running box stop, so that it may be unplugged.`, off},
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
	if !st.LastSent.IsZero() {
		fmt.Fprintf(w, "last sent\t%s\n", st.LastSent.Local().Format(time.DateTime))
	}
	if st.Waiting > 0 {
		fmt.Fprintf(w, "outbox\t%d messages wait to leave, %d of them in vain for more than an hour\n", st.Waiting, st.Failing)
	}
	fmt.Fprintf(w, "disk\t%s free of %s, the store has %s\n", formatSize(st.Disk.Free), formatSize(st.Disk.Total), formatSize(st.Disk.Used))
	if st.Backup.IsZero() {
		fmt.Fprintln(w, "backup\tnone yet; posthorn backup FILE makes one")
	} else {
		fmt.Fprintf(w, "backup\tlast made %s\n", st.Backup.Local().Format("2006-01-02 15:04"))
	}
	if st.FullIn >= 0 {
		fmt.Fprintf(w, "\tfull in about %d days, as it fills now\n", st.FullIn)
	}
	if st.Temperature != 0 {
		fmt.Fprintf(w, "temperature\t%d °C\n", st.Temperature)
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
	onStick := fs.Bool("stick", false, "write onto the USB stick that is plugged into the box")
	secret := passphraseFlag(fs)
	return e.withBox(fs, args, 0, 1, false, func(c *control.Client, args []string) error {
		passphrase, err := secret.read()
		switch {
		case err != nil:
			return err
		case *onStick && (len(args) > 0 || *since > 0 || passphrase == ""):
			return usagef("--stick takes --passphrase-file FILE, and nothing else")
		case *onStick:
			return e.stickBackup(ctx, c, passphrase)
		case len(args) == 0:
			return usagef("name the FILE to write to, or - for standard output")
		}
		out, finish, err := e.create(args[0])
		if err != nil {
			return err
		}
		reached, err := writeBackup(ctx, c, out, *since, passphrase)
		if err := finish(err); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stderr, "backup is complete; the next one can go on with --since %d\n", reached)
		return err
	})
}

// stickBackup has the box write a backup onto a stick.
func (e *env) stickBackup(ctx context.Context, c *control.Client, passphrase string) error {
	done, err := c.StickBackup(ctx, passphrase)
	if err != nil {
		return err
	}
	return e.say("%s, %s, is on the USB stick %s; you can take the stick out now", done.Name, formatSize(done.Octets), done.Stick)
}

// writeBackup writes a backup, encrypted if there is a passphrase.
func writeBackup(ctx context.Context, c *control.Client, out io.Writer, since uint64, passphrase string) (reached uint64, err error) {
	if passphrase == "" {
		return c.Backup(ctx, out, since)
	}
	sealed, err := control.Seal(out, passphrase)
	if err != nil {
		return 0, err
	}
	if reached, err = c.Backup(ctx, sealed, since); err != nil {
		return 0, err
	}
	return reached, sealed.Close()
}

// passphrase is the flag for a file that holds one. It is no flag itself, for
// others see command lines.
type passphrase struct{ file *string }

func passphraseFlag(fs *flag.FlagSet) passphrase {
	return passphrase{fs.String("passphrase-file", "", "`FILE` whose first line is the passphrase of the backup")}
}

// read returns the passphrase, "" if there is none.
func (p passphrase) read() (string, error) {
	if *p.file == "" {
		return "", nil
	}
	text, err := os.ReadFile(*p.file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s holds no passphrase on its first line", *p.file)
	}
	return line, nil
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
	replace := fs.Bool("replace", false, "have the box that runs there put the backup in the place of all it has")
	secret := passphraseFlag(fs)
	files, err := e.parse(fs, args, 1, maxIncrements)
	if err != nil {
		return err
	}
	passphrase, err := secret.read()
	if err != nil {
		return err
	}
	if *replace {
		return e.replace(ctx, *data, files, passphrase)
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, name := range files {
		err := e.readBackup(name, passphrase, func(r io.Reader) error { return control.Restore(ctx, *data, r, log) })
		if err != nil {
			return err
		}
	}
	return e.say("restored into %s", *data)
}

// readBackup gives a backup, decrypted, to take.
func (e *env) readBackup(name, passphrase string, take func(io.Reader) error) error {
	in := e.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	r, err := control.Unseal(in, passphrase)
	if err == nil {
		err = take(r)
	}
	if err != nil && name != "-" {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

// replace has a running box take a backup in.
func (e *env) replace(ctx context.Context, data string, files []string, passphrase string) error {
	if len(files) > 1 {
		return usagef("--replace takes one complete backup")
	}
	c, err := control.Open(data, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer c.Close()
	return e.readBackup(files[0], passphrase, func(r io.Reader) error {
		in, err := c.ReadBackup(ctx, r)
		if err != nil {
			return err
		}
		if err := c.PutBackup(ctx); err != nil {
			return err
		}
		return e.say("the box restarts with %d messages of %s; posthorn restore undo takes that back", in.Messages, strings.Join(in.People, ", "))
	})
}

// order is a command that tells a running box one thing.
func (e *env) order(ctx context.Context, args []string, do func(*control.Client, context.Context) error, done string) error {
	return e.withBox(e.flags(), args, 0, 0, false, func(c *control.Client, _ []string) error {
		if err := do(c, ctx); err != nil {
			return err
		}
		return e.say("%s", done)
	})
}

func undoRestore(ctx context.Context, e *env, args []string) error {
	return e.order(ctx, args, (*control.Client).PutFormer, "the box restarts with what it had before the restore")
}

func forgetRestore(ctx context.Context, e *env, args []string) error {
	return e.order(ctx, args, (*control.Client).DropFormer, "what the box had before the restore is removed")
}

func restart(ctx context.Context, e *env, args []string) error {
	return e.order(ctx, args, (*control.Client).Reboot, "the box restarts")
}

func off(ctx context.Context, e *env, args []string) error {
	return e.order(ctx, args, (*control.Client).Off, "the box stops; it may be unplugged when its screen or light says so, or after ten seconds")
}
