package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"posthorn/appliance/control"
)

var settingsCommands = []command{
	{"settings", `[--json]
List the owner's settings, what they are and what they do.`, listSettings},
	{"settings set", `NAME VALUE
Change one of them. It holds at once; nothing is restarted.`, setSetting},
}

func listSettings(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Choices(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Value, s.Help)
		}
		return w.Flush()
	})
}

func setSetting(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		if err := c.SetChoices(ctx, map[string]string{args[0]: args[1]}); err != nil {
			return err
		}
		return e.say("%s is %q now", args[0], args[1])
	})
}
