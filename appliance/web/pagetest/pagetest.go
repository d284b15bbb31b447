// Package pagetest serves areas of the pages to tests: over TLS, to browsers
// that are logged in.
package pagetest

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/appliance/web/words"
	"posthorn/store"
)

// Site serves pages. Register the routes of the areas under test with Page
// before the first Login.
type Site struct {
	Page   *page.Site
	Server *httptest.Server

	t testing.TB
}

// New returns a site without areas, of a box that has the store's people.
func New(t testing.TB, st *store.Store) *Site {
	t.Helper()
	all, err := words.Read()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sessions := &session.Manager{Store: st, Log: log}
	s := &Site{t: t, Page: &page.Site{Store: st, Words: all, Log: log, Sessions: sessions,
		Facts: page.Facts{Household: func() string { return "" }}}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /test/login", func(w http.ResponseWriter, r *http.Request) {
		var a *store.Account
		err := st.View(func(tx *store.Tx) (err error) {
			a, err = tx.AccountByName(r.PostFormValue("name"))
			return err
		})
		if err == nil {
			r, err = sessions.Attach(r)
		}
		if err == nil {
			err = sessions.Begin(w, r, a)
		}
		if err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/test/token", func(w http.ResponseWriter, r *http.Request) {
		r, err := sessions.Attach(r)
		if err != nil {
			t.Error(err)
			return
		}
		w.Write([]byte(sessions.Token(w, r)))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.Page.Handler().ServeHTTP(w, r) })
	s.Server = httptest.NewTLSServer(mux)
	t.Cleanup(s.Server.Close)
	return s
}

// Login returns the browser of a person, who is logged in, and the token that
// its forms carry as "csrf". It does not follow redirects.
func (s *Site) Login(name string) (browser *http.Client, token string) {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	browser = &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// The certificate is the test server's own.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.t.Cleanup(browser.CloseIdleConnections)
	resp, err := browser.PostForm(s.Server.URL+"/test/login", url.Values{"name": {name}})
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = browser.Get(s.Server.URL + "/test/token")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text [256]byte
	n, _ := resp.Body.Read(text[:])
	if token = string(text[:n]); token == "" {
		s.t.Fatalf("%s is not logged in", name)
	}
	return browser, token
}
