package page

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"posthorn/appliance/web/session"
)

// noticeCookie carries a notice over the redirect that follows a POST.
const (
	noticeCookie = "notice"
	maxNotice    = 1500 // octets; a longer one is not shown
)

// Notice is something said once, at the top of the next page.
type Notice struct {
	Key  string   `json:"k"` // words
	Args []string `json:"a,omitempty"`
	Bad  bool     `json:"b,omitempty"` // something did not work
	// Action and Path are a button with the words of the key Action that
	// posts Fields to Path: "Undo".
	Action string            `json:"x,omitempty"`
	Path   string            `json:"p,omitempty"`
	Fields map[string]string `json:"f,omitempty"`
}

// Notice has the next page say the words of a key. Follow it with a redirect.
func (s *Site) Notice(w http.ResponseWriter, r *http.Request, key string, args ...any) {
	n := Notice{Key: key}
	for _, a := range args {
		n.Args = append(n.Args, fmt.Sprint(a))
	}
	s.Tell(w, r, n)
}

// Tell has the next page show a notice.
func (s *Site) Tell(w http.ResponseWriter, r *http.Request, n Notice) {
	text, err := json.Marshal(n)
	if err != nil || len(text) > maxNotice {
		s.Log.Warn("notice is too long to be shown", "key", n.Key, "error", err)
		return
	}
	session.SetCookie(w, r, noticeCookie, base64.RawURLEncoding.EncodeToString(text), 0)
}

// takeNotice returns the notice that waits to be shown, if any, and forgets it.
func takeNotice(w http.ResponseWriter, r *http.Request) *Notice {
	c, err := r.Cookie(session.CookieName(r, noticeCookie))
	if err != nil {
		return nil
	}
	session.DropCookie(w, r, noticeCookie)
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	n := new(Notice)
	if err != nil || len(text) > maxNotice || json.Unmarshal(text, n) != nil {
		return nil
	}
	if n.Action != "" && LocalPath(n.Path, "") == "" {
		return nil
	}
	return n
}

// Words are the notice's in a language.
func (n *Notice) words() []any {
	args := make([]any, len(n.Args))
	for i, a := range n.Args {
		args[i] = a
	}
	return args
}
