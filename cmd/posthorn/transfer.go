package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"posthorn/appliance/control"
	"posthorn/appliance/mailfile"
)

var transferCommands = []command{
	{"import mbox", `PATH --account NAME [--mailbox MAILBOX] [--json]
Bring mail in from an mbox file or a directory of them (Thunderbird's too).

What is there already is passed over, so it can be broken off and repeated.`, importing(mailfile.Mbox)},
	{"import maildir", `PATH --account NAME [--mailbox MAILBOX] [--json]
Bring mail in from a Maildir and the folders below it.

What is there already is passed over, so it can be broken off and repeated.`, importing(mailfile.Maildir)},
	{"export mbox", `DIR --account NAME [--mailbox MAILBOX] [--json]
Write an account's mail into mbox files, one for each mailbox.`, exporting(mailfile.Mbox)},
	{"export maildir", `DIR --account NAME [--mailbox MAILBOX] [--json]
Write an account's mail into a Maildir; repeated, it adds what is new.`, exporting(mailfile.Maildir)},
}

func importing(format mailfile.Format) func(context.Context, *env, []string) error {
	return func(ctx context.Context, e *env, args []string) error {
		return e.transfer(args, func(c *control.Client, path, account, mailbox string) (control.Summary, error) {
			return c.Import(ctx, account, format, path, mailbox, e.progress(formatSize))
		})
	}
}

func exporting(format mailfile.Format) func(context.Context, *env, []string) error {
	return func(ctx context.Context, e *env, args []string) error {
		return e.transfer(args, func(c *control.Client, path, account, mailbox string) (control.Summary, error) {
			return c.Export(ctx, account, format, path, mailbox, e.progress(func(n int64) string { return fmt.Sprint(n) }))
		})
	}
}

// transfer reads the flags the four commands share and prints what was done.
func (e *env) transfer(args []string, do func(c *control.Client, path, account, mailbox string) (control.Summary, error)) error {
	fs := e.flags()
	account := fs.String("account", "", "`NAME` of the account")
	mailbox := fs.String("mailbox", "", "`MAILBOX` instead of INBOX and all others")
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		if *account == "" {
			return usagef("--account is missing")
		}
		sum, err := do(c, args[0], *account, *mailbox)
		if *asJSON {
			if err := e.json(sum, nil); err != nil {
				return err
			}
		} else {
			for _, p := range sum.Problems {
				fmt.Fprintln(e.stderr, "not read:", p)
			}
			e.say("%d messages (%s) moved, %d were there already", sum.Messages, formatSize(sum.Bytes), sum.Duplicates)
		}
		if err == nil && sum.Failed > 0 {
			err = fmt.Errorf("%d files or messages could not be read", sum.Failed)
		}
		return err
	})
}

// progress draws a bar on a terminal; nil elsewhere.
func (e *env) progress(format func(int64) string) control.Progress {
	out, ok := e.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	const width = 40
	var last time.Time
	return func(done, total int64) {
		if done < total && time.Since(last) < 100*time.Millisecond {
			return
		}
		last = time.Now()
		filled := width
		if total > 0 {
			filled = int(min(done, total) * width / total)
		}
		fmt.Fprintf(out, "\r\x1b[K[%s%s] %s of %s", strings.Repeat("#", filled), strings.Repeat(".", width-filled), format(done), format(total))
		if done >= total {
			fmt.Fprintln(out)
		}
	}
}
