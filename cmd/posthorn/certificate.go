package main

import (
	"context"
	"os"
	"strings"
	"time"

	"posthorn/appliance/control"
)

var certificateCommands = []command{
	{"certificate", `[--json]
Say which certificates the running box shows.`, showCertificate},
	{"certificate set", `CHAIN KEY
Have the box show a certificate of your own, from a public authority for example.

CHAIN and KEY are files in PEM. It is shown for the names it covers, at once.`, setCertificate},
	{"certificate remove", `
Go back to the box's own certificates.`, removeCertificate},
}

func showCertificate(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		cert, err := c.Certificate(ctx)
		if err != nil || *asJSON {
			return e.json(cert, err)
		}
		if len(cert.Own) > 0 {
			e.say("your own for %s, until %s", strings.Join(cert.Own, ", "), cert.OwnUntil.Format(time.DateOnly))
		}
		return e.say("the box's own until %s, of the authority\n%s", cert.Until.Format(time.DateOnly), cert.Authority)
	})
}

func setCertificate(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 2, 2, false, func(c *control.Client, args []string) error {
		chain, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		key, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		if err := c.SetCertificate(ctx, control.CertificateFiles{Chain: string(chain), Key: string(key)}); err != nil {
			return err
		}
		return e.say("the certificate is in use")
	})
}

func removeCertificate(ctx context.Context, e *env, args []string) error {
	return e.order(ctx, args, (*control.Client).RemoveCertificate, "the box shows its own certificates")
}
