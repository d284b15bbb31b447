package main

import (
	"context"
	"fmt"
	"slices"

	"posthorn/appliance/control"
)

var deviceCommands = []command{
	{"device allow", `ADDRESS|NETWORK
Let a device send to other systems without a login: 192.168.1.20, for example.

It sends to port 25, as any address of the box's domains (alerts@...), 60
messages an hour. Give it a fixed address in your router. A device that can log
in needs none of this: posthorn account app-password add.`, deviceAllow},
	{"device list", `[--json]
List the addresses and networks that may.`, deviceList},
	{"device forbid", `ADDRESS|NETWORK
Take that back.`, deviceForbid},
}

func deviceAllow(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, true, func(c *control.Client, args []string) error {
		list, err := c.Devices(ctx)
		if err != nil {
			return err
		}
		if slices.Contains(list, args[0]) {
			return e.say("%s may already", args[0])
		}
		if err := c.PutDevices(ctx, append(list, args[0])); err != nil {
			return err
		}
		return e.say("%s may send to other systems without a login", args[0])
	})
}

func deviceList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Devices(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		for _, d := range list {
			if err := e.say("%s", d); err != nil {
				return err
			}
		}
		return nil
	})
}

func deviceForbid(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		list, err := c.Devices(ctx)
		if err != nil {
			return err
		}
		i := slices.Index(list, args[0])
		if i < 0 {
			return fmt.Errorf("%s is not on the list; posthorn device list shows it", args[0])
		}
		if err := c.PutDevices(ctx, slices.Delete(list, i, i+1)); err != nil {
			return err
		}
		return e.say("%s may not any more", args[0])
	})
}
