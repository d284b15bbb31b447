package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"posthorn/appliance/control"
)

var rescueCommands = []command{
	{"rescue", `NAME [NUMBER...|all] [--json]
List what a POP3 program deleted from an account, or bring it back to the INBOX.`, rescue},
}

func rescue(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1+control.MaxDeleted, false, func(c *control.Client, args []string) error {
		list, err := c.Deleted(ctx, args[0])
		if err != nil {
			return err
		}
		var uids []uint32
		for _, arg := range args[1:] {
			if arg == "all" {
				for _, d := range list {
					uids = append(uids, d.UID)
				}
				break
			}
			uid, err := strconv.ParseUint(arg, 10, 32)
			if err != nil {
				return usagef("%q is no number of the list, and not all", arg)
			}
			uids = append(uids, uint32(uid))
		}
		if len(args) > 1 {
			n, err := c.Rescue(ctx, args[0], uids)
			if err != nil {
				return err
			}
			return e.say("%d messages are back in the INBOX", n)
		}
		if *asJSON {
			return e.json(list, nil)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, d := range list {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\tuntil %s\n", d.UID, d.Date.Format(time.DateOnly), d.From, d.Subject, d.Until.Format(time.DateOnly))
		}
		return w.Flush()
	})
}
