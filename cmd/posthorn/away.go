package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"posthorn/appliance/control"
	"posthorn/appliance/post"
)

var awayCommands = []command{
	{"vacation set", `NAME [--subject TEXT] [--text TEXT] [--from DAY] [--until DAY]
Have an account answer mail by itself while somebody is away.

Without --text the answer is read from standard input. DAY is like 2026-12-24,
the last one included. Each sender is answered once a week; lists, notices and
other programs are not.`, vacationSet},
	{"vacation show", `NAME [--json]
Show an account's automatic answer.`, vacationShow},
	{"vacation off", `NAME
Switch the automatic answer off; its text stays.`, vacationOff},
	{"forward set", `NAME ADDRESS... [--move]
Send copies of an account's mail to addresses elsewhere.

With --move the account's own mailbox does not have it. Notices and what was
forwarded before stay on the box in any case.`, forwardSet},
	{"forward show", `NAME [--json]
Show where an account's mail is forwarded.`, forwardShow},
	{"forward off", `NAME
Forward an account's mail no longer.`, forwardOff},
}

func vacationSet(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	v := post.Vacation{On: true}
	fs.StringVar(&v.Subject, "subject", "", "`TEXT` of the answer's subject; by default that of the mail it answers")
	fs.StringVar(&v.Text, "text", "", "`TEXT` of the answer")
	fs.StringVar(&v.From, "from", "", "first `DAY`; by default now")
	fs.StringVar(&v.Until, "until", "", "last `DAY`; by default there is none")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		if v.Text == "" {
			text, err := io.ReadAll(io.LimitReader(e.stdin, post.MaxVacationText+1))
			if err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			v.Text = string(text)
		}
		if err := c.SetVacation(ctx, args[0], v); err != nil {
			return err
		}
		return e.say("mail for %s is answered %s", args[0], days(v))
	})
}

// days says when an answer is given.
func days(v post.Vacation) string {
	from, until := "from now on", "until posthorn vacation off"
	if v.From != "" {
		from = "from " + v.From
	}
	if v.Until != "" {
		until = "until " + v.Until
	}
	return from + " " + until
}

func vacationShow(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		v, err := c.Vacation(ctx, args[0])
		switch {
		case err != nil || *asJSON:
			return e.json(v, err)
		case v.Text == "":
			return e.say("%s has no automatic answer", args[0])
		case !v.On:
			err = e.say("mail for %s is not answered; the answer would be:", args[0])
		default:
			err = e.say("mail for %s is answered %s:", args[0], days(v))
		}
		if v.Subject != "" {
			err = errors.Join(err, e.say("\nSubject: %s", v.Subject))
		}
		return errors.Join(err, e.say("\n%s", strings.TrimRight(v.Text, "\n")))
	})
}

func vacationOff(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.VacationOff(ctx, args[0]); err != nil {
			return err
		}
		return e.say("mail for %s is not answered by itself any more", args[0])
	})
}

func forwardSet(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	move := fs.Bool("move", false, "keep no copy in the account's own mailbox")
	return e.withBox(fs, args, 2, 1+post.MaxForward, false, func(c *control.Client, args []string) error {
		f := post.Forward{To: args[1:], Keep: !*move}
		if err := c.SetForward(ctx, args[0], f); err != nil {
			return err
		}
		return e.sayForward(args[0], f)
	})
}

// sayForward tells where mail goes.
func (e *env) sayForward(name string, f post.Forward) error {
	how := "goes to %s instead of the mailbox"
	if f.Keep {
		how = "is kept, and copied to %s"
	}
	return e.say("mail for %s "+how, name, strings.Join(f.To, ", "))
}

func forwardShow(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		f, err := c.Forward(ctx, args[0])
		switch {
		case err != nil || *asJSON:
			return e.json(f, err)
		case len(f.To) == 0:
			return e.say("mail for %s is not forwarded", args[0])
		}
		return e.sayForward(args[0], f)
	})
}

func forwardOff(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.SetForward(ctx, args[0], post.Forward{}); err != nil {
			return err
		}
		return e.say("mail for %s is not forwarded any more", args[0])
	})
}
