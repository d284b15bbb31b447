package appliance

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"posthorn/appliance/listen"
	"posthorn/appliance/web"
)

// Limits of the HTTP ports together.
const (
	maxWebConns   = 200      // at once
	maxWebPerAddr = 40       // at once from one address; a browser takes six
	maxWebHeader  = 16 << 10 // octets of a request's header
	webHeaderTime = 10 * time.Second
	webIdleTime   = 2 * time.Minute
)

// webServer serves pages in the clear and with TLS.
type webServer struct {
	handler http.Handler
	tls     *tls.Config
	log     *slog.Logger
	limiter listen.Limiter
}

func (w *webServer) server() *http.Server {
	return &http.Server{
		Handler:           w.handler,
		ReadHeaderTimeout: webHeaderTime,
		IdleTimeout:       webIdleTime,
		MaxHeaderBytes:    maxWebHeader,
		ErrorLog:          slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
	}
}

func (w *webServer) serve(ctx context.Context, l net.Listener) error {
	s := w.server()
	return serveHTTP(ctx, s, func() error { return s.Serve(w.limiter.Wrap(l, false)) })
}

func (w *webServer) serveTLS(ctx context.Context, l net.Listener) error {
	s := w.server()
	s.TLSConfig = w.tls
	return serveHTTP(ctx, s, func() error { return s.ServeTLS(w.limiter.Wrap(l, false), "", "") })
}

// homeOnly lets addresses of local networks through.
func homeOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !web.AtHome(r) {
			http.Error(w, "only for the home network", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}
