package main

import (
	"context"

	"posthorn/appliance/control"
)

var domainCommands = []command{
	{"domain add", `NAME [--main]
Make a domain one of the box's own, with a key that signs its mail.`, domainAdd},
	{"domain list", `[--json]
List the box's domains, the main one first.`, domainList},
	{"domain show", `NAME [--json]
Show the DNS records a domain should have.`, domainShow},
	{"domain remove", `NAME
Take a domain from the box.`, domainRemove},
}

func domainAdd(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	main := fs.Bool("main", false, "make it the one that addresses are shown with")
	return e.withBox(fs, args, 1, 1, true, func(c *control.Client, args []string) error {
		if err := c.AddDomain(ctx, args[0], *main); err != nil {
			return err
		}
		return e.say("mail for %s is for this box; posthorn domain show %s tells which DNS records it needs", args[0], args[0])
	})
}

func domainList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Domains(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		for _, name := range list {
			if err := e.say("%s", name); err != nil {
				return err
			}
		}
		return nil
	})
}

func domainShow(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 1, 1, false, func(c *control.Client, args []string) error {
		list, err := c.Records(ctx, args[0])
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		for _, r := range list {
			if err := e.say("; %s\n%s. %s %s\n", r.Why, r.Name, r.Type, quoted(r)); err != nil {
				return err
			}
		}
		return nil
	})
}

// quoted writes a record's text as zone files have it: TXT in strings of at
// most 255 octets.
func quoted(r control.Record) string {
	if r.Type != "TXT" {
		return r.Text
	}
	text, out := r.Text, ""
	for len(text) > 255 {
		out += `"` + text[:255] + `" `
		text = text[255:]
	}
	return out + `"` + text + `"`
}

func domainRemove(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.RemoveDomain(ctx, args[0]); err != nil {
			return err
		}
		return e.say("%s is no domain of this box any more", args[0])
	})
}
