// Posthorn is a mail box for a home: see README.md, and package appliance for
// how it is built. Here are its flags, and one call per command.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // boards come without it, and "Tomorrow 08:00" is said in the household's zone
)

// version is set by the linker.
var version = "unversioned"

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one subcommand. The first line of help is what follows the
// program's name on its command line, the rest says what it does.
type command struct {
	name string // words, such as "account add"
	help string
	run  func(ctx context.Context, e *env, args []string) error
}

// env is what a command may touch of the world outside.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	command        command
}

func commands() []command {
	return slices.Concat([]command{serveCommand}, accountCommands, aliasCommands, outboxCommands, sentCommands, awayCommands, domainCommands, deviceCommands,
		upkeepCommands, transferCommands, screenCommands, settingsCommands, actionCommands, certificateCommands, rescueCommands, updateCommands, clockCommands, []command{versionCommand})
}

func main() {
	// A second signal kills, should stopping hang.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		overview(stderr)
		return exitUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		overview(stdout)
		return exitDone
	}
	c, rest, ok := find(args)
	if !ok {
		fmt.Fprintf(stderr, "posthorn: there is no command %q; posthorn help lists them\n", strings.Join(args[:min(2, len(args))], " "))
		return exitUsage
	}
	err := c.run(ctx, &env{stdin, stdout, stderr, c}, rest)
	var u *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.As(err, &u):
		fmt.Fprintf(stderr, "posthorn %s: %v\nusage: posthorn %s %s\n", c.name, err, c.name, c.usage())
		return exitUsage
	}
	fmt.Fprintf(stderr, "posthorn: %v\n", err)
	return exitFailed
}

// find picks the command with the most words that the arguments begin with.
func find(args []string) (best command, rest []string, ok bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(words) <= len(args) && slices.Equal(words, args[:len(words)]) && (!ok || len(words) > len(strings.Fields(best.name))) {
			best, rest, ok = c, args[len(words):], true
		}
	}
	return best, rest, ok
}

func (c command) usage() string {
	first, _, _ := strings.Cut(c.help, "\n")
	return first
}

func overview(w io.Writer) {
	fmt.Fprint(w, "Posthorn is a mail box for a home.\n\n")
	for _, c := range commands() {
		_, text, _ := strings.Cut(c.help, "\n")
		first, _, _ := strings.Cut(text, "\n")
		fmt.Fprintf(w, "  posthorn %-28s %s\n", c.name, first)
	}
	fmt.Fprint(w, `
Each takes --help, and --data DIR where the mail is not kept in ./data.
What is done with accounts and mail can be done while the box runs and while
it does not.
`)
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// flags returns the command's flag set.
func (e *env) flags() *flag.FlagSet {
	fs := flag.NewFlagSet(e.command.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// parse reads flags, which may stand between the arguments, and returns the
// arguments, of which there must be min to max.
func (e *env) parse(fs *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var plain []string
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			e.explain(fs)
			return nil, err
		}
		if err != nil {
			return nil, usagef("%v", err)
		}
		args = fs.Args()
		if len(args) == 0 {
			break
		}
		plain, args = append(plain, args[0]), args[1:]
	}
	if len(plain) < least {
		return nil, usagef("an argument is missing")
	}
	if len(plain) > most {
		return nil, usagef("%q is too much", plain[most])
	}
	return plain, nil
}

// explain prints a command's help.
func (e *env) explain(fs *flag.FlagSet) {
	_, text, _ := strings.Cut(e.command.help, "\n")
	fmt.Fprintf(e.stdout, "usage: posthorn %s %s\n\n%s\n\n", e.command.name, e.command.usage(), text)
	fs.VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (" + f.DefValue + ")"
		}
		fmt.Fprintf(e.stdout, "  --%-22s %s\n", strings.TrimSpace(f.Name+" "+name), usage)
	})
}

var versionCommand = command{"version", `
Say which version this is.`, func(_ context.Context, e *env, args []string) error {
	if _, err := e.parse(e.flags(), args, 0, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.stdout, "posthorn", version)
	return err
}}
