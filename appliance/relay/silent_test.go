package relay

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silent answers to the first so many commands, the greeting counted, and then
// to nothing more.
func silent(conn net.Conn, answers []string) {
	in := bufio.NewReader(conn)
	text := false
	for i, answer := range answers {
		for i > 0 {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if !text || line == ".\r\n" {
				break
			}
		}
		conn.Write([]byte(answer + "\r\n"))
		text = strings.HasPrefix(answer, "354")
	}
	for { // what comes is still taken
		if _, err := in.ReadByte(); err != nil {
			return
		}
	}
}

// TestSilence has a server fall silent in each phase, and looks when it is
// given up, and with what words.
func TestSilence(t *testing.T) {
	all := []string{"220 other.example", "250-other.example\r\n250 STARTTLS", "220 go on"}
	clear := []string{"220 other.example", "250-other.example\r\n250 HELP", "250 fine", "250 fine", "354 go on", "250 taken"}
	for _, test := range []struct {
		phase     string
		answers   []string
		security  Security
		after     time.Duration
		words     string
		uncertain bool
	}{
		{"greeting", nil, Clear, GreetingTime, "before the greeting", false},
		{"TLS at once", nil, TLS, LoginTime, "no encrypted connection", false},
		{"EHLO", clear[:1], Clear, CommandTime, "at EHLO", false},
		{"STARTTLS", all[:2], STARTTLS, LoginTime, "at STARTTLS", false},
		{"handshake", all, STARTTLS, LoginTime, "no encrypted connection", false},
		{"AUTH", []string{clear[0], "250-other.example\r\n250 AUTH CRAM-MD5"}, Clear, LoginTime, "at AUTH", false},
		{"challenge", []string{clear[0], "250-other.example\r\n250 AUTH CRAM-MD5", "334 PDE+"}, Clear, LoginTime, "in time at AUTH", false},
		{"MAIL", clear[:2], Clear, CommandTime, "at MAIL", false},
		{"RCPT", clear[:3], Clear, CommandTime, "at RCPT", false},
		{"DATA", clear[:4], Clear, DataTime, "at DATA", false},
		{"final dot", clear[:5], Clear, FinalTime, "before the server said that it has it", true},
	} {
		t.Run(test.phase, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRelay()
				r.Dial = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go silent(theirs, test.answers)
					return ours, nil
				}
				route := Route{Smarthost: &Smarthost{Host: "192.0.2.1", Port: 25, Security: test.security}}
				if strings.Contains(strings.Join(test.answers, ""), "AUTH") || test.phase == "AUTH" {
					route.Smarthost.User, route.Smarthost.Password, route.Smarthost.Mechanism = "me", "x", "CRAM-MD5"
				}
				begun := time.Now()
				_, err := send(t, r, route, &Message{}, "x@far.example")
				f := wants(t, err, f4(test.phase), test.words, false)
				if took := time.Since(begun); took < test.after || took > test.after+6*time.Second || f.Uncertain != test.uncertain || !f.Connection {
					t.Errorf("given up after %v as %+v, want %v", took, f, test.after)
				}
			})
		})
	}
}

// f4 is the status of a failure in a phase.
func f4(phase string) string {
	if phase == "handshake" || phase == "TLS at once" {
		return "4.7.5"
	}
	return "4.4.2"
}

// TestStalledText: a server that stops reading in the middle of the text is
// given up when one piece of it has waited BlockTime.
func TestStalledText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelay()
		r.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				in := bufio.NewReader(theirs)
				for _, answer := range []string{"220 x", "250 x", "250 fine", "250 fine", "354 go on"} {
					theirs.Write([]byte(answer + "\r\n"))
					if !strings.HasPrefix(answer, "354") {
						in.ReadString('\n')
					}
				}
			}()
			return ours, nil
		}
		begun := time.Now()
		_, err := send(t, r, Route{Smarthost: &Smarthost{Host: "192.0.2.1", Port: 25, Security: Clear}},
			&Message{Text: strings.NewReader(strings.Repeat("text\r\n", 10000))}, "x@far.example")
		f := wants(t, err, "4.4.2", "while the message was sent", false)
		if took := time.Since(begun); took != BlockTime || f.Uncertain {
			t.Errorf("given up after %v as %+v, want %v", took, f, BlockTime)
		}
	})
}

// TestNoAnswer: a server whose address does not answer at all.
func TestNoAnswer(t *testing.T) {
	r := newRelay()
	r.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{Timeout: time.Nanosecond}
		return d.DialContext(ctx, network, address)
	}
	_, err := r.Open(t.Context(), Route{Smarthost: &Smarthost{Host: "127.0.0.1", Port: 9, Security: Clear}}, false)
	wants(t, err, "4.4.1", "can't connect to port 9: no answer", false)
}
