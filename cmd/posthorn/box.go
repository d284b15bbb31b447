package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"posthorn/appliance"
	"posthorn/appliance/control"
)

// withBox reads a command's flags, --data among them, and gives it the box.
func (e *env) withBox(fs *flag.FlagSet, args []string, least, most int, create bool, do func(*control.Client, []string) error) (err error) {
	data := fs.String("data", appliance.DefaultData, "`DIR` the mail is kept in")
	plain, err := e.parse(fs, args, least, most)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := control.Open(*data, create, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return do(c, plain)
}

// say prints a line for a person.
func (e *env) say(format string, args ...any) error {
	_, err := fmt.Fprintf(e.stdout, format+"\n", args...)
	return err
}

// json prints an answer for a program, unless there is an error.
func (e *env) json(v any, err error) error {
	if err != nil {
		return err
	}
	out := json.NewEncoder(e.stdout)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// maxPassword is how many octets of a password are read.
const maxPassword = 4096

// newPassword asks for a new password twice, without showing it, or reads the
// first line of standard input.
func (e *env) newPassword(name string, fromStdin bool) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(e.stdin, maxPassword)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	terminal, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", usagef("there is no terminal to ask for a password; use --password-stdin")
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(e.stderr, prompt)
		b, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(e.stderr)
		return string(b), err
	}
	first, err := ask("New password for " + name + ": ")
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if first != again {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}
