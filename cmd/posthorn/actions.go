package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"posthorn/appliance/control"
)

var actionCommands = []command{
	{"actions", `[--json]
List what owners did on the page, newest first.`, listActions},
}

func listActions(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Actions(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, a := range list {
			at := "before the time was known"
			if !a.At.IsZero() {
				at = a.At.Local().Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", at, a.Who, a.From, a.Text)
		}
		return w.Flush()
	})
}

func forgetFactors(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.ForgetFactors(ctx, args[0]); err != nil {
			return err
		}
		return e.say("%s logs in with the password alone now", args[0])
	})
}
