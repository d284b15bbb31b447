package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"posthorn/appliance/control"
)

var aliasCommands = []command{
	{"alias add", `ADDRESS TARGET...
Have mail for ADDRESS go to the targets instead.

ADDRESS is a local part (family) or a whole address (family@example.org), a
target an account or an address. An alias that exists is replaced.`, aliasAdd},
	{"alias list", `[--json]
List the aliases.`, aliasList},
	{"alias remove", `ADDRESS
Remove an alias.`, aliasRemove},
}

// maxAliasTargets is how many targets one alias takes.
const maxAliasTargets = 100

func aliasAdd(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 1+maxAliasTargets, false, func(c *control.Client, args []string) error {
		if err := c.PutAlias(ctx, control.Alias{Address: args[0], Targets: args[1:]}); err != nil {
			return err
		}
		return e.say("mail for %s goes to %s", args[0], strings.Join(args[1:], ", "))
	})
}

func aliasList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Aliases(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, a := range list {
			fmt.Fprintf(w, "%s\t%s\n", a.Address, strings.Join(a.Targets, ", "))
		}
		return w.Flush()
	})
}

func aliasRemove(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.RemoveAlias(ctx, args[0]); err != nil {
			return err
		}
		return e.say("alias %s is removed", args[0])
	})
}
