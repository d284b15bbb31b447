package main

import (
	"context"

	"posthorn/appliance/sntp"
)

var clockCommands = []command{
	{"clock set", `SERVER...
Set this computer's clock from the first time server that answers.

It goes forward only; a clock that is a little ahead is slowed down. Needs root.
On a card image the box calls this itself.`, clockSet},
}

func clockSet(ctx context.Context, e *env, args []string) error {
	servers, err := e.parse(e.flags(), args, 1, sntp.MaxServers)
	if err != nil {
		return err
	}
	answer, err := sntp.Query(ctx, servers)
	if err != nil {
		return err
	}
	if err := sntp.Adjust(answer.Offset); err != nil {
		return err
	}
	return e.say("clock set from %s; it was off by %s", answer.Server, answer.Offset)
}
