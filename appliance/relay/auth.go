package relay

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// mechanisms are those a client can log in with, the best first. XOAUTH2 is
// taken only when asked for: its password is a token.
var mechanisms = [...]string{"CRAM-MD5", "PLAIN", "LOGIN"}

// login proves who we are to a smarthost (RFC 4954), with its password or the
// token that stands for it.
func (c *Conn) login(s *Smarthost, password string) error {
	offered := strings.Fields(strings.ToUpper(c.ext["AUTH"]))
	name := s.Mechanism
	if name == "" {
		list := mechanisms[:]
		if c.tls != nil {
			list = list[1:] // under TLS a password is as safe, and known everywhere
		}
		if i := slices.IndexFunc(list, func(m string) bool { return slices.Contains(offered, m) }); i >= 0 {
			name = list[i]
		}
	}
	switch {
	case name == "" || !slices.Contains(offered, name):
		return &Failure{Host: c.host, Status: "4.7.0", Connection: true, Text: fmt.Sprintf(
			"the server does not offer a login this box knows (it offers %s)", strings.Join(append(offered, "none"), " "))}
	case c.tls == nil && name != "CRAM-MD5":
		return &Failure{Host: c.host, Status: "4.7.0", Connection: true, Text: "a password is not sent without encryption"}
	}
	r, err := c.exchange(name, s.User, password)
	if err != nil {
		return err
	}
	if r.code != 235 {
		if s.OAuth != nil {
			c.relay.forget(s, password) // it may have been taken back before its time
		}
		f := c.failure(r)
		// The owner can put a wrong password right; the mail waits for that.
		f.Permanent, f.Connection = false, true
		f.Text = "the server refuses the login of " + s.User + ": " + f.Text
		return f
	}
	return nil
}

// exchange runs a mechanism and returns the last answer.
func (c *Conn) exchange(name, user, password string) (reply, error) {
	c.limit(LoginTime)
	switch name {
	case "PLAIN": // RFC 4616
		return c.command("AUTH PLAIN " + encode("\x00"+user+"\x00"+password))
	case "XOAUTH2":
		r, err := c.command("AUTH XOAUTH2 " + encode("user="+user+"\x01auth=Bearer "+password+"\x01\x01"))
		if err == nil && r.code == 334 {
			return c.line("", "at AUTH") // the reason was in the challenge; this asks for the refusal
		}
		return r, err
	case "LOGIN":
		r, err := c.command("AUTH LOGIN")
		for _, answer := range []string{user, password} {
			if err != nil || r.code != 334 {
				return r, err
			}
			c.limit(LoginTime)
			r, err = c.line(encode(answer), "at AUTH")
		}
		return r, err
	}
	r, err := c.command("AUTH CRAM-MD5") // RFC 2195
	if err != nil || r.code != 334 {
		return r, err
	}
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.text()))
	if err != nil {
		return r, c.broken("at AUTH", fmt.Errorf("the server's challenge is not base64"))
	}
	mac := hmac.New(md5.New, []byte(password))
	mac.Write(challenge)
	c.limit(LoginTime)
	return c.line(encode(user+" "+hex.EncodeToString(mac.Sum(nil))), "at AUTH")
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
