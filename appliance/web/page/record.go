package page

import (
	"context"
	"net/http"
	"strings"
	"time"

	"posthorn/appliance/control"
	"posthorn/appliance/web/session"
)

// recordedKey is where a request remembers that its action was recorded.
type recordedKey struct{}

// Record writes what the person of the request did, as the words of a key, to
// the log and, if it is an owner, to the record that owners can read. A POST to
// a route for owners that succeeds without a call of it is recorded by its
// path.
func (s *Site) Record(r *http.Request, key string, args ...any) {
	a := control.Action{Text: s.Words.Match("en").Text(key, args...), Key: key}
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			a.Args = append(a.Args, text)
		}
	}
	if len(a.Args) < len(args) {
		a.Key, a.Args = "", nil // to be shown as it is
	}
	if done, ok := r.Context().Value(recordedKey{}).(*bool); ok {
		*done = true
	}
	s.record(r, a)
}

func (s *Site) record(r *http.Request, a control.Action) {
	p := session.From(r.Context())
	a.Who, a.From = p.Name, r.RemoteAddr
	if at := strings.LastIndexByte(a.From, ':'); at > 0 {
		a.From = strings.Trim(a.From[:at], "[]")
	}
	if s.Sessions.ClockSet == nil || s.Sessions.ClockSet() {
		a.At = time.Now().UTC().Truncate(time.Second)
	}
	s.Log.Info("done on the page", "user", a.Who, "from", a.From, "what", a.Text)
	if !p.Owner || s.Actions == nil {
		return
	}
	if err := s.Actions(a); err != nil {
		s.Log.Warn("action not recorded", "error", err)
	}
}

// recorded serves an owner's POST and records it unless its handler does.
func (rt *route) recorded(w http.ResponseWriter, r *http.Request) {
	done := false
	r = r.WithContext(context.WithValue(r.Context(), recordedKey{}, &done))
	seen := &watched{ResponseWriter: w, status: http.StatusOK}
	rt.handler(seen, r)
	if !done && seen.status < 400 {
		rt.site.record(r, control.Action{Text: r.URL.Path})
	}
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
