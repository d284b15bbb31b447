package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"posthorn/appliance/control"
)

var sentCommands = []command{
	{"sent list", `NAME [--json]
List what an account sent in the last 30 days.`, sentList},
	{"sent withdraw", `NAME MESSAGE-ID
Take a message back from those on the box who have not seen it.

posthorn sent list shows the MESSAGE-ID. The sender gets a mail that says from
whom the message was taken back, and who had it already.`, sentWithdraw},
}

func sentList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		list, err := c.Sent(ctx, args[0])
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		if len(list) == 0 {
			return e.say("%s sent nothing in the last 30 days", args[0])
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SENT\tHERE\tELSEWHERE\tMESSAGE-ID\tSUBJECT")
		for _, s := range list {
			elsewhere := "no"
			if s.Elsewhere {
				elsewhere = "yes"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%q\n", s.At.Local().Format(time.DateTime), s.Here, elsewhere, s.MessageID, s.Subject)
		}
		return w.Flush()
	})
}

func sentWithdraw(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		w, err := c.Withdraw(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		if !w.Any() {
			return fmt.Errorf("not withdrawn: %v", w)
		}
		return e.say("%v", w)
	})
}
