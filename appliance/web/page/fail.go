package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"posthorn/appliance/login"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

// Refusal is an error with words for the person and an HTTP status.
type Refusal struct {
	Status int
	Key    string // words
	Args   []any
}

func (f *Refusal) Error() string { return fmt.Sprintf("%d %s", f.Status, f.Key) }

// Refuse makes an error that [Site.Fail] tells in words.
func Refuse(status int, key string, args ...any) error {
	return &Refusal{Status: status, Key: key, Args: args}
}

// Errors of the guards.
var (
	ErrNoPage    = Refuse(http.StatusNotFound, "frame.problem.notfound")
	ErrOwnerOnly = Refuse(http.StatusForbidden, "frame.problem.forbidden")
	ErrClear     = Refuse(http.StatusForbidden, "frame.problem.clear")
)

// Explain says what an error means to a person: the status, and words by key
// and args. What the page can't explain is logged and said without detail.
func (s *Site) Explain(r *http.Request, err error) *Refusal {
	var (
		refusal *Refusal
		large   *http.MaxBytesError
		slow    *login.SlowError
	)
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, session.ErrForged):
		return &Refusal{Status: http.StatusForbidden, Key: "frame.problem.stale"}
	case errors.As(err, &large), errors.Is(err, store.ErrTooLarge):
		return &Refusal{Status: http.StatusRequestEntityTooLarge, Key: "frame.problem.large"}
	case errors.As(err, &slow):
		return &Refusal{Status: http.StatusTooManyRequests, Key: "frame.problem.slow", Args: []any{fmt.Sprint(int64(slow.RetryAfter.Seconds() + 1))}}
	case errors.Is(err, store.ErrNotFound):
		return &Refusal{Status: http.StatusNotFound, Key: "frame.problem.notfound"}
	case errors.Is(err, store.ErrExists):
		return &Refusal{Status: http.StatusConflict, Key: "frame.problem.exists"}
	case errors.Is(err, store.ErrInvalidName):
		return &Refusal{Status: http.StatusUnprocessableEntity, Key: "frame.problem.name", Args: []any{err.Error()}}
	case errors.Is(err, store.ErrFull):
		return &Refusal{Status: http.StatusInsufficientStorage, Key: "frame.problem.full"}
	case errors.Is(err, store.ErrQuota):
		return &Refusal{Status: http.StatusInsufficientStorage, Key: "frame.problem.quota"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Refusal{Status: http.StatusServiceUnavailable, Key: "frame.problem.busy"}
	}
	s.Log.Error("page failed", "method", r.Method, "path", r.URL.Path, "error", err)
	return &Refusal{Status: http.StatusInternalServerError, Key: "frame.problem.unknown"}
}

// Fail answers with a page that says what went wrong; a script that asked for
// JSON gets {"error": "..."}.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	refusal := s.Explain(r, err)
	text := s.Language(r).Text(refusal.Key, refusal.Args...)
	if wantsJSON(r) {
		s.JSON(w, r, refusal.Status, map[string]string{"error": text})
		return
	}
	s.own.ShowStatus(w, r, refusal.Status, "problem.html", text)
}

// Fail is [Site.Fail].
func (a *Area) Fail(w http.ResponseWriter, r *http.Request, err error) { a.site.Fail(w, r, err) }
