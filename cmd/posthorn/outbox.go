package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"posthorn/appliance/control"
	"posthorn/appliance/relay"
)

var outboxCommands = []command{
	{"outbox list", `[--json]
List the mail that waits to leave.`, outboxList},
	{"outbox show", `NUMBER
Tell how far a waiting message has come, and what was answered.`, outboxShow},
	{"outbox cancel", `NUMBER
Withdraw a waiting message from those who do not have it yet.`, outboxCancel},
	{"outbox retry", `NUMBER|all
Try a waiting message at once.`, outboxRetry},
	{"smarthost set", `HOST[:PORT] [--user NAME] [--password-stdin] [--security tls|starttls|none]
Send mail through the mail server of a provider.

The provider's help pages name it, often as "SMTP server" or "outgoing mail".
The password is asked for. Without a port it is 465, with TLS.

Providers that take no passwords give out a refresh token instead, for a program
that is registered with them. Give it as the password, with --oauth and
--oauth-client.`, smarthostSet},
	{"smarthost show", `[--json]
Tell through which servers mail leaves.`, smarthostShow},
	{"smarthost test", `
Connect to the smarthosts and log in, without sending anything.`, smarthostTest},
	{"smarthost remove", `HOST
Do not send mail through a server any more.`, smarthostRemove},
	{"sending", `[smarthost|direct|none]
Say how mail leaves the box: through a smarthost, or to each domain directly.`, sendingWay},
}

func outboxList(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Outbox(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		if len(list) == 0 {
			return e.say("no mail waits to leave")
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NUMBER\tFROM\tTO\tSIZE\tNEXT\tLAST ANSWER")
		for _, m := range list {
			for _, r := range m.Recipients {
				next := m.Due
				if r.Next.After(next) {
					next = r.Next
				}
				when := next.Local().Format(time.DateTime)
				if r.State != "waiting" {
					when = r.State
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", m.Number, m.From, r.Address, formatSize(m.Size), when, r.Answer)
			}
		}
		return w.Flush()
	})
}

// message finds a waiting message by its number.
func message(ctx context.Context, c *control.Client, arg string) (*control.Waiting, error) {
	number, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return nil, usagef("%q is no number of a message; posthorn outbox list shows them", arg)
	}
	list, err := c.Outbox(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Number == number {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("message %d does not wait: it was withdrawn, or has left already", number)
}

func outboxShow(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		m, err := message(ctx, c, args[0])
		if err != nil {
			return err
		}
		return e.json(m, nil)
	})
}

func outboxCancel(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		m, err := message(ctx, c, args[0])
		if err != nil {
			return err
		}
		if err := c.Cancel(ctx, m.Number); err != nil {
			return err
		}
		return e.say("message %d is withdrawn", m.Number)
	})
}

func outboxRetry(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if args[0] == "all" {
			if err := c.Retry(ctx, 0); err != nil {
				return err
			}
			return e.say("everything that waits is tried now")
		}
		m, err := message(ctx, c, args[0])
		if err != nil {
			return err
		}
		if err := c.Retry(ctx, m.Number); err != nil {
			return err
		}
		return e.say("message %d is tried now", m.Number)
	})
}

func smarthostSet(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	var s control.Smarthost
	fs.StringVar(&s.User, "user", "", "`NAME` to log in with, often the mail address")
	stdin := fs.Bool("password-stdin", false, "read the password from standard input")
	security := fs.String("security", "", "tls (port 465), starttls (587) or `none`; by default what the port says")
	fs.StringVar(&s.Mechanism, "mechanism", "", "login with `PLAIN`, LOGIN, CRAM-MD5 or XOAUTH2; by default the best that is offered")
	senders := fs.String("sender", "", "only mail from these `ADDRESSES` or @domains, with commas between them")
	tokens := fs.String("oauth", "", "the password is a refresh token of google, microsoft, or for the token endpoint at this `URL`")
	var oauth relay.OAuth
	fs.StringVar(&oauth.ClientID, "oauth-client", "", "the client `ID` the token was given out for")
	fs.StringVar(&oauth.ClientSecret, "oauth-secret", "", "the client's `SECRET`, where the provider gave one out")
	fs.StringVar(&oauth.Scope, "oauth-scope", "", "what the token is to allow; with google and microsoft it is known")
	return e.withBox(fs, args, 1, 1, true, func(c *control.Client, args []string) (err error) {
		if err := hostPort(&s.Smarthost, args[0], *security); err != nil {
			return err
		}
		if *senders != "" {
			s.Senders = strings.Split(*senders, ",")
		}
		if *tokens != "" {
			useTokens(&s.Smarthost, *tokens, oauth)
		}
		if s.User != "" {
			if s.Password, err = e.password("Password of "+s.User+" at "+s.Host+": ", *stdin); err != nil {
				return err
			}
		}
		if err := c.PutSmarthost(ctx, s); err != nil {
			return err
		}
		return e.say("mail leaves through %s; posthorn smarthost test tries it", s.Address())
	})
}

// useTokens has a smarthost log in with the tokens of a provider.
func useTokens(s *relay.Smarthost, provider string, oauth relay.OAuth) {
	oauth.TokenURL = provider
	switch provider {
	case "google":
		oauth.TokenURL = "https://oauth2.googleapis.com/token"
	case "microsoft":
		oauth.TokenURL = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
		if oauth.Scope == "" {
			oauth.Scope = "https://outlook.office.com/SMTP.Send offline_access"
		}
	}
	s.OAuth, s.Mechanism = &oauth, "XOAUTH2"
}

// hostPort reads HOST[:PORT] and what protects the connection.
func hostPort(s *relay.Smarthost, arg, security string) error {
	s.Security = relay.Security(security)
	s.Host = arg
	if host, port, err := net.SplitHostPort(arg); err == nil {
		if s.Port, err = strconv.Atoi(port); err != nil {
			return usagef("%q is no port", port)
		}
		s.Host = host
	}
	switch {
	case s.Security == "" && (s.Port == 587 || s.Port == 25):
		s.Security = relay.STARTTLS
	case s.Security == "":
		s.Security = relay.TLS
	}
	if s.Port == 0 {
		s.Port = map[relay.Security]int{relay.TLS: 465, relay.STARTTLS: 587, relay.Clear: 25}[s.Security]
	}
	if err := s.Check(); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// password asks for a password that exists, without showing it, or reads the
// first line of standard input.
func (e *env) password(prompt string, fromStdin bool) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(e.stdin, maxPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	terminal, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", usagef("there is no terminal to ask for a password; use --password-stdin")
	}
	fmt.Fprint(e.stderr, prompt)
	b, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(e.stderr)
	return string(b), err
}

func smarthostShow(ctx context.Context, e *env, args []string) error {
	fs := e.flags()
	asJSON := fs.Bool("json", false, "answer in JSON")
	return e.withBox(fs, args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.Smarthosts(ctx)
		if err != nil || *asJSON {
			return e.json(list, err)
		}
		way, err := c.Sending(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return e.say("there is no smarthost; mail to other systems: %s", way)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SERVER\tSECURITY\tUSER\tFOR")
		for _, s := range list {
			senders := "everybody"
			if len(s.Senders) > 0 {
				senders = strings.Join(s.Senders, " ")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Address(), s.Security, s.User, senders)
		}
		return errors.Join(w.Flush(), e.say("mail to other systems: %s", way))
	})
}

func smarthostTest(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 0, 0, false, func(c *control.Client, _ []string) error {
		list, err := c.TestSmarthosts(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return errors.New("there is no smarthost; posthorn smarthost set names one")
		}
		failed := 0
		for _, t := range list {
			if t.Fails != "" {
				failed++
				err = e.say("%s does not work: %s", t.Server, t.Fails)
			} else {
				err = e.say("%s works: %s", t.Server, t.Works)
			}
			if err != nil {
				return err
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d smarthosts can't be used", failed, len(list))
		}
		return nil
	})
}

func smarthostRemove(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 1, 1, false, func(c *control.Client, args []string) error {
		if err := c.RemoveSmarthost(ctx, args[0]); err != nil {
			return err
		}
		return e.say("no mail leaves through %s any more", args[0])
	})
}

func sendingWay(ctx context.Context, e *env, args []string) error {
	return e.withBox(e.flags(), args, 0, 1, false, func(c *control.Client, args []string) error {
		if len(args) == 1 {
			if err := c.SetSending(ctx, args[0]); err != nil {
				return err
			}
		}
		way, err := c.Sending(ctx)
		if err != nil {
			return err
		}
		return e.say("mail to other systems: %s", way)
	})
}
