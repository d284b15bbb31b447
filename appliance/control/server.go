package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/appliance/update"
	"posthorn/store"
)

// maxRequest is how many octets a request in JSON may have.
const maxRequest = 64 << 10

// Fields of answers that stream.
const (
	messagesField = "Posthorn-Messages" // how many messages follow
	versionField  = "Posthorn-Version"  // trailer: up to where a backup goes
)

// routeOn returns what adds a route to mux that answers in JSON.
func routeOn(mux *http.ServeMux) func(string, func(*http.Request) (any, error)) {
	return func(pattern string, fn func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := fn(r)
			answer(w, v, err)
		})
	}
}

// Handler serves the operations; the package comment lists the routes. It
// trusts whoever reaches it.
func (b *Box) Handler() http.Handler {
	mux := http.NewServeMux()
	route := routeOn(mux)
	route("GET /status", func(*http.Request) (any, error) { return b.Status() })
	route("GET /log", func(*http.Request) (any, error) {
		if b.Lines == nil {
			return nil, fmt.Errorf("%w: only a running box has a log", ErrUsage)
		}
		return b.Lines(), nil
	})
	route("POST /check", func(r *http.Request) (any, error) { return b.Check(r.Context()) })
	route("GET /accounts", func(*http.Request) (any, error) { return b.Accounts() })
	route("POST /accounts", func(r *http.Request) (any, error) {
		n, err := read[NewAccount](r)
		if err != nil {
			return nil, err
		}
		return nil, b.AddAccount(n)
	})
	route("PUT /accounts/{name}/password", func(r *http.Request) (any, error) {
		password, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetPassword(r.Context(), r.PathValue("name"), password)
	})
	route("PUT /accounts/{name}/quota", func(r *http.Request) (any, error) {
		quota, err := read[int64](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetQuota(r.PathValue("name"), quota)
	})
	route("PUT /accounts/{name}/undo", func(r *http.Request) (any, error) {
		undo, err := read[time.Duration](r)
		if err != nil {
			return nil, err
		}
		return nil, b.SetUndo(r.PathValue("name"), undo)
	})
	b.peopleRoutes(route)
	b.devices(route)
	b.mailboxRoutes(route)
	b.outboxRoutes(route)
	b.sentRoutes(route)
	b.awayRoutes(route)
	b.sendingRoutes(route)
	b.domainRoutes(route)
	b.deviceRoutes(route)
	b.updateRoutes(route)
	b.choiceRoutes(route)
	b.actionRoutes(route)
	b.swapRoutes(route)
	b.stickRoutes(route)
	b.certificateRoutes(route)
	b.powerRoutes(route)
	b.rescueRoutes(route)
	mux.HandleFunc("GET /accounts/{name}/export", b.serveExport)
	mux.HandleFunc("GET /backup", b.serveBackup)
	b.screenRoute(mux)
	return mux
}

// devices are the routes of app passwords and aliases.
func (b *Box) devices(route func(string, func(*http.Request) (any, error))) {
	route("GET /accounts/{name}/app-passwords", func(r *http.Request) (any, error) {
		return b.AppPasswords(r.PathValue("name"))
	})
	route("POST /accounts/{name}/app-passwords", func(r *http.Request) (any, error) {
		label, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return b.AddAppPassword(r.PathValue("name"), label)
	})
	route("DELETE /accounts/{name}/app-passwords/{which}", func(r *http.Request) (any, error) {
		return nil, b.RevokeAppPassword(r.PathValue("name"), r.PathValue("which"))
	})
	route("GET /aliases", func(*http.Request) (any, error) { return b.Aliases() })
	route("PUT /aliases/{address}", func(r *http.Request) (any, error) {
		targets, err := read[[]string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.PutAlias(Alias{r.PathValue("address"), targets})
	})
	route("DELETE /aliases/{address}", func(r *http.Request) (any, error) {
		return nil, b.RemoveAlias(r.PathValue("address"))
	})
}

// mailboxRoutes are the routes of an import.
func (b *Box) mailboxRoutes(route func(string, func(*http.Request) (any, error))) {
	route("POST /accounts/{name}/mailboxes", func(r *http.Request) (any, error) {
		mailbox, err := read[string](r)
		if err != nil {
			return nil, err
		}
		return nil, b.EnsureMailbox(r.PathValue("name"), mailbox)
	})
	route("POST /accounts/{name}/import", func(r *http.Request) (any, error) {
		parts, err := r.MultipartReader()
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrUsage, err)
		}
		return b.Import(r.PathValue("name"), parts)
	})
}

// read reads a request's JSON.
func read[T any](r *http.Request) (v T, err error) {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequest)).Decode(&v); err != nil {
		return v, fmt.Errorf("%w: %v", ErrUsage, err)
	}
	return v, nil
}

type failure struct {
	Error string `json:"error"`
}

// answer writes a result or a refusal.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(code(err))
		v = failure{err.Error()}
	} else if v == nil {
		v = struct{}{}
	}
	json.NewEncoder(w).Encode(v)
}

// code is the HTTP status that says what kind of refusal an error is.
func code(err error) int {
	var password *login.PasswordError
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, post.ErrNotSent), errors.Is(err, login.ErrNoAppPassword), errors.Is(err, update.ErrNoCard), errors.Is(err, update.ErrNoTrial):
		return http.StatusNotFound
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrSending), errors.Is(err, ErrLastOwner), errors.Is(err, ErrBackupBusy),
		errors.Is(err, update.ErrBusy), errors.Is(err, update.ErrNothingToTry):
		return http.StatusConflict
	case errors.Is(err, ErrUsage), errors.Is(err, post.ErrSetting), errors.Is(err, store.ErrInvalidName), errors.As(err, &password), update.Refused(err):
		return http.StatusBadRequest
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrQuota):
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

func (b *Box) serveExport(w http.ResponseWriter, r *http.Request) {
	name, mailbox := r.PathValue("name"), r.FormValue("mailbox")
	n, err := b.Messages(name, mailbox)
	if err != nil {
		answer(w, nil, err)
		return
	}
	parts := multipart.NewWriter(w)
	w.Header().Set(messagesField, strconv.Itoa(n))
	w.Header().Set("Content-Type", "multipart/mixed; boundary="+parts.Boundary())
	if err := b.Export(r.Context(), name, mailbox, parts); err != nil {
		b.log().Error("export broken off", "account", name, "error", err)
		panic(http.ErrAbortHandler) // the client sees the stream end early
	}
}

func (b *Box) serveBackup(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseUint(r.FormValue("since"), 10, 64)
	if err != nil {
		answer(w, nil, fmt.Errorf("%w: since is no number", ErrUsage))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", versionField)
	version, err := b.Store.Backup(r.Context(), w, since)
	if err != nil {
		b.log().Error("backup broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	w.Header().Set(versionField, strconv.FormatUint(version, 10))
	b.noteBackup()
}
