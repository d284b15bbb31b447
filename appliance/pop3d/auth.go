package pop3d

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// cmdAuth is AUTH (RFC 5034) with PLAIN (RFC 4616), with or without an
// initial response. Bare AUTH lists the mechanisms, as some programs older
// than CAPA expect.
func (x *session) cmdAuth(ctx context.Context, args []string) {
	switch {
	case !x.conn.secret():
		x.conn.fail("no password is taken in the clear; use STLS or port 995")
		return
	case len(args) == 0:
		x.conn.ok("mechanisms follow")
		x.conn.line("PLAIN")
		x.conn.line(".")
		return
	case !strings.EqualFold(args[0], "PLAIN"):
		x.bad("unknown mechanism; PLAIN is known")
		return
	}
	response, err := x.response(args[1:])
	if err != nil {
		x.bad("%v", err)
		return
	}
	user, password, err := plain(response)
	if err != nil {
		x.bad("%v", err)
		return
	}
	x.login(ctx, user, password)
}

// response returns the decoded client response: the initial one, where "="
// stands for an empty one, or the answer to an empty challenge.
func (x *session) response(initial []string) (string, error) {
	text := ""
	if len(initial) > 0 {
		if initial[0] != "=" {
			text = initial[0]
		}
	} else {
		x.conn.line("+ ")
		line, err := x.conn.readLine(maxSASLLine, time.Now().Add(lineTime))
		switch {
		case errors.Is(err, errTooLong):
			return "", errors.New("response is too long")
		case err != nil:
			x.over = true
			return "", errors.New("no response")
		case line == "*":
			return "", errors.New("login cancelled")
		}
		text = line
	}
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", errors.New("response is not base64")
	}
	return string(decoded), nil
}

// plain takes a PLAIN message apart: authorization identity, NUL,
// authentication identity, NUL, password. Nobody acts for another here, so
// the first must be empty or equal the second.
func plain(message string) (user, password string, err error) {
	parts := strings.Split(message, "\x00")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return "", "", errors.New("response is not a PLAIN message")
	}
	if parts[0] != "" && !strings.EqualFold(parts[0], parts[1]) {
		return "", "", errors.New("[AUTH] nobody can log in for someone else")
	}
	return parts[1], parts[2], nil
}
