package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"posthorn/appliance/control"
)

var accountCommands = []command{
	{"account add", `NAME [--display-name TEXT] [--quota SIZE] [--password-stdin]
Make an account. The first one is the owner's.

NAME is what comes before the @ of its address. The password is asked for.`, accountAdd},
	{"account list", `[--json]
List the accounts.`, accountList},
	{"account passwd", `NAME [--password-stdin]
Change an account's password. The devices' app passwords stay.`, accountPasswd},
	{"account quota", `NAME SIZE
Limit an account's mail, to 2G for example; 0 lifts the limit.`, accountQuota},
	{"account undo", `NAME TIME
Set how long mail to others waits in Outbox to be called back: 0s to 10m.`, accountUndo},
	{"account change", `NAME [--display-name TEXT] [--owner yes|no] [--disabled yes|no]
Change what an account is called and what its person may do.

Only owners change the box's settings. Who is disabled can't log in; mail still
arrives.`, accountChange},
	{"account forget-factors", `NAME
Have the page ask NAME for the password alone, when the phone or key is lost.`, forgetFactors},
	{"account remove", `NAME [--heir NAME]
Remove an account and all its mail.

With --heir its mail is first copied to another account, which also gets what is
written to its address from then on.`, accountRemove},
	{"account app-password add", `NAME LABEL [--json]
Make a password for one device; it is shown this once.`, appPasswordAdd},
	{"account app-password list", `NAME [--json]
List an account's devices.`, appPasswordList},
	{"account app-password revoke", `NAME LABEL
Lock a device out.`, appPasswordRevoke},
}

func accountAdd(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	var n control.NewAccount
	fs.StringVar(&n.DisplayName, "display-name", "", "`TEXT` that pages and the screen show")
	quota := fs.String("quota", "0", "`SIZE` its mail may have; 0 is no limit")
	stdin := fs.Bool("password-stdin", false, "read the password from standard input")
	return e.withBox(fs, args, 1, 1, true, func(c *control.Client, args []string) (err error) {
		if n.Quota, err = parseSize(*quota); err != nil {
			return usagef("--quota: %v", err)
		}
		n.Name = args[0]
		if n.Password, err = e.newPassword(n.Name, *stdin); err != nil {
			return err
		}
		if err := c.AddAccount(ctx, n); err != nil {
			return err
		}
		return e.say("account %s is ready", n.Name)
	})
}

func accountList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Accounts(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		if len(list) == 0 {
			return e.say("there is no account yet; posthorn account add NAME makes one")
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tMESSAGES\tSIZE\tQUOTA\tDEVICES\t")
		for _, a := range list {
			quota, note := "-", ""
			if a.Quota > 0 {
				quota = formatSize(a.Quota)
			}
			if a.Owner {
				note = "owner"
			}
			if a.Disabled {
				note = "switched off"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\n", a.Name, a.Messages, formatSize(a.Bytes), quota, a.AppPasswords, note)
		}
		return w.Flush()
	})
}

func accountPasswd(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	stdin := fs.Bool("password-stdin", false, "read the password from standard input")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		password, err := e.newPassword(args[0], *stdin)
		if err != nil {
			return err
		}
		if err := c.SetPassword(ctx, args[0], password); err != nil {
			return err
		}
		return e.say("password of %s changed", args[0])
	})
}

func accountQuota(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		quota, err := parseSize(args[1])
		if err != nil {
			return usagef("%v", err)
		}
		if err := c.SetQuota(ctx, args[0], quota); err != nil {
			return err
		}
		if quota == 0 {
			return e.say("%s has no quota now", args[0])
		}
		return e.say("quota of %s is %s", args[0], formatSize(quota))
	})
}

func accountUndo(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		undo, err := time.ParseDuration(args[1])
		if err != nil {
			return usagef("%q is no time like 30s or 5m", args[1])
		}
		if err := c.SetUndo(ctx, args[0], undo); err != nil {
			return err
		}
		return e.say("mail of %s to others can be called back for %v", args[0], undo)
	})
}

func accountChange(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	var change control.AccountChange
	fs.Func("display-name", "`TEXT` that pages and the screen show", func(v string) error {
		change.DisplayName = &v
		return nil
	})
	fs.Func("owner", "`yes|no`: may change the box's settings", yesNo(&change.Owner))
	fs.Func("disabled", "`yes|no`: can't log in", yesNo(&change.Disabled))
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.ChangeAccount(ctx, args[0], change); err != nil {
			return err
		}
		return e.say("account %s is changed", args[0])
	})
}

// yesNo reads a flag of that kind.
func yesNo(to **bool) func(string) error {
	return func(v string) error {
		yes := v == "yes"
		if !yes && v != "no" {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		*to = &yes
		return nil
	}
}

func accountRemove(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	heir := fs.String("heir", "", "`NAME` of the account that gets its mail")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.RemoveAccount(ctx, args[0], *heir); err != nil {
			return err
		}
		if *heir != "" {
			return e.say("account %s is removed; its mail is in mailboxes of %s", args[0], *heir)
		}
		return e.say("account %s and its mail are removed", args[0])
	})
}

func appPasswordAdd(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 2, 2, false, func(c *control.Client, args []string) error {
		p, err := c.AddAppPassword(ctx, args[0], args[1])
		if err != nil || *asJSON {
			return e.json(p, err)
		}
		return e.say("%s\n\nType this into %s as the password of %s. It is not shown again.", p.Secret, p.Label, args[0])
	})
}

func appPasswordList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		list, err := c.AppPasswords(ctx, args[0])
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		if len(list) == 0 {
			return e.say("%s has no app passwords", args[0])
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tLABEL\tMADE\tLAST USED")
		for _, p := range list {
			used := "never"
			if !p.LastUsed.IsZero() {
				used = p.LastUsed.Format(time.DateOnly)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.ID, p.Label, p.Created.Format(time.DateOnly), used)
		}
		return w.Flush()
	})
}

func appPasswordRevoke(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		if err := c.RevokeAppPassword(ctx, args[0], args[1]); err != nil {
			return err
		}
		return e.say("%s is locked out", args[1])
	})
}
