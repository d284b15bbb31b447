package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"posthorn/appliance/control"
)

var deviceCommands = []command{
	{"device allow", `ADDRESS|NETWORK [SENDER...]
Let a device send to other systems without a login: 192.168.1.20, for example.

It sends to port 25, 60 messages an hour, as the SENDERs named, or as any address
of the box's domains (alerts@...). Give it a fixed address in your router. A device that can log
in needs none of this: posthorn account app-password add.`, deviceAllow},
	{"device list", `[--json]
List the addresses and networks that may.`, deviceList},
	{"device forbid", `ADDRESS|NETWORK
Take that back.`, deviceForbid},
}

func deviceAllow(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1+maxSenders, true, func(c *control.Client, args []string) error {
		list, err := c.Devices(ctx)
		if err != nil {
			return err
		}
		device := strings.Join(args, " ")
		if slices.Contains(list, device) {
			return e.say("%s may already", args[0])
		}
		if i := deviceIndex(list, args[0]); i >= 0 {
			list = slices.Delete(list, i, i+1) // with other senders
		}
		if err := c.PutDevices(ctx, append(list, device)); err != nil {
			return err
		}
		return e.say("%s may send to other systems without a login", args[0])
	})
}

// maxSenders is how many addresses a device writes as.
const maxSenders = 20

// deviceIndex finds a device by its address or network; -1 if it is not there.
func deviceIndex(list []string, from string) int {
	return slices.IndexFunc(list, func(d string) bool { return strings.Fields(d)[0] == from })
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
		i := deviceIndex(list, args[0])
		if i < 0 {
			return fmt.Errorf("%s is not on the list; posthorn device list shows it", args[0])
		}
		if err := c.PutDevices(ctx, slices.Delete(list, i, i+1)); err != nil {
			return err
		}
		return e.say("%s may not any more", args[0])
	})
}
