package relay

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"posthorn/store"
)

// provider gives out access tokens, a new one each time.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	answer  string // instead of a token
	seconds int
	rotates bool
	asked   []string // the refresh tokens
}

func newProvider(t *testing.T, o *other) *provider {
	p := &provider{seconds: 3600}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if q.PostFormValue("grant_type") != "refresh_token" || q.PostFormValue("client_id") != "box" || q.PostFormValue("scope") != "send" {
			t.Errorf("asked with %v", q.PostForm)
		}
		p.asked = append(p.asked, q.PostFormValue("refresh_token"))
		if p.answer != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, p.answer)
			return
		}
		refresh := ""
		if p.rotates {
			refresh = fmt.Sprintf(`,"refresh_token":"next-%d"`, len(p.asked))
		}
		fmt.Fprintf(w, `{"access_token":"access-%d","expires_in":%d%s}`, len(p.asked), p.seconds, refresh)
	}))
	p.TLS = &tls.Config{Certificates: o.tls.Certificates}
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

func (p *provider) set(answer string, seconds int, rotates bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer, p.seconds, p.rotates = answer, seconds, rotates
}

func (p *provider) gave() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, " ")
}

func TestOAuth(t *testing.T) {
	o := newOther(t, "STARTTLS", "AUTH XOAUTH2 PLAIN")
	pool := o.certify("127.0.0.1")
	o.answer("AUTH", "334 eyJzdGF0dXMiOiI0MDAifQ==") // the reason, for a token it does not know
	o.answer("", "220 other.example ESMTP")
	o.answer("AUTH XOAUTH2 "+encode("user=me\x01auth=Bearer access-1\x01\x01"), "235 2.7.0 welcome")
	o.answer("AUTH XOAUTH2 "+encode("user=me\x01auth=Bearer access-3\x01\x01"), "235 2.7.0 welcome")
	p := newProvider(t, o)
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	route := o.smarthost(STARTTLS)
	route.Smarthost.User, route.Smarthost.Password, route.Smarthost.Mechanism = "me", "first", "XOAUTH2"
	route.Smarthost.OAuth = &OAuth{TokenURL: p.URL + "/token", ClientID: "box", Scope: "send"}
	if err := route.Smarthost.Check(); err != nil {
		t.Fatal(err)
	}
	put := func(list ...Smarthost) {
		t.Helper()
		if err := s.Update(func(tx *store.Tx) error { return PutSmarthosts(tx, list) }); err != nil {
			t.Fatal(err)
		}
	}
	put(*route.Smarthost)
	r := newRelay()
	r.Roots, r.Store = pool, s
	// One token does for many connections; the provider's new one is kept.
	p.set("", 3600, true)
	for range 3 {
		if _, err := r.Probe(t.Context(), route); err != nil {
			t.Fatal(err)
		}
	}
	if gave := p.gave(); gave != "first" {
		t.Errorf("tokens were fetched with %q, want one", gave)
	}
	// It is refused: the next attempt fetches another, with the newer token,
	// also after a restart.
	o.answer("AUTH XOAUTH2 "+encode("user=me\x01auth=Bearer access-1\x01\x01"), "535 5.7.8 expired")
	_, err = r.Probe(t.Context(), route)
	wants(t, err, "4.7.8", "expired", false)
	p.set("", 30, false) // too short to be kept
	_, err = r.Probe(t.Context(), route)
	wants(t, err, "4.4.2", "closed", false) // access-2, whose refusal the server does not give
	r = newRelay()
	r.Roots, r.Store = pool, s
	if _, err = r.Probe(t.Context(), route); err != nil {
		t.Error(err)
	}
	if gave := p.gave(); gave != "first next-1 next-1" {
		t.Errorf("tokens were fetched with %q", gave)
	}
	// The provider takes the token back: the owner has to act.
	p.set(`{"error":"invalid_grant","error_description":"revoked\r\nby you"}`, 0, false)
	_, err = r.Probe(t.Context(), route)
	wants(t, err, "4.7.0", "does not accept the token of me any more (revoked  by you); posthorn smarthost set", false)
	p.set(`<html>`, 0, false)
	_, err = r.Probe(t.Context(), route)
	wants(t, err, "4.7.0", "answers 400", false)
	// A new token of the owner's counts at once, and the old one's record goes.
	old := route.Smarthost.account()
	route.Smarthost.Password = "second"
	put(*route.Smarthost)
	if err := s.View(func(tx *store.Tx) error { _, err := tx.Value(old); return err }); err == nil {
		t.Error("the token of a smarthost that is gone stays")
	}
	r.Probe(t.Context(), route)
	if gave := p.gave(); !strings.HasSuffix(gave, " second") {
		t.Errorf("tokens were fetched with %q", gave)
	}
	if strings.Contains(strings.Join(o.heard(), "\n"), "AUTH PLAIN") {
		t.Error("the token was sent as a password")
	}
}

// TestTokenEnds has a token come to its end.
func TestTokenEnds(t *testing.T) {
	o := newOther(t)
	r := newRelay()
	r.Roots = o.certify("127.0.0.1")
	p := newProvider(t, o)
	s := &Smarthost{Host: "smtp.example", User: "me", Password: "first", OAuth: &OAuth{TokenURL: p.URL, ClientID: "box", Scope: "send"}}
	for _, test := range []struct {
		left time.Duration
		want string
	}{{time.Hour, "kept"}, {tokenMargin - time.Second, "access-1"}} {
		r.tokens.of(s.account()).now = token{"kept", time.Now().Add(test.left)}
		if got, err := r.token(t.Context(), s); err != nil || got != test.want {
			t.Errorf("with %v left: token %q, %v, want %q", test.left, got, err, test.want)
		}
	}
}

func TestOAuthCheck(t *testing.T) {
	good := Smarthost{Host: "smtp.example", Port: 465, Security: TLS, User: "me", Password: "x", Mechanism: "XOAUTH2",
		OAuth: &OAuth{TokenURL: "https://login.example/token", ClientID: "box"}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Smarthost){
		"no https address": func(s *Smarthost) { s.OAuth = &OAuth{TokenURL: "http://login.example/token", ClientID: "box"} },
		"client id":        func(s *Smarthost) { s.OAuth = &OAuth{TokenURL: "https://login.example/token"} },
		"refresh token":    func(s *Smarthost) { s.Password = "" },
		"XOAUTH2":          func(s *Smarthost) { s.Mechanism = "PLAIN" },
	} {
		s := good
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
}

// TestTokenTurns has one account's provider keep silent: others do not wait
// for it, and who waits for it can give up.
func TestTokenTurns(t *testing.T) {
	r := newRelay()
	slow := &Smarthost{Host: "slow.example", User: "me", OAuth: &OAuth{ClientID: "box"}}
	other := &Smarthost{Host: "other.example", User: "me", OAuth: &OAuth{ClientID: "else"}}
	r.tokens.of(other.account()).now = token{"kept", time.Now().Add(time.Hour)}
	r.tokens.of(slow.account()).turn <- struct{}{}
	if got, err := r.token(t.Context(), other); err != nil || got != "kept" {
		t.Errorf("token %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := r.token(ctx, slow); err == nil {
		t.Errorf("token %q of a provider that is silent", got)
	}
	r.forget(other, "an older one")
	if got, err := r.token(t.Context(), other); err != nil || got != "kept" {
		t.Errorf("after another was refused: token %q, %v", got, err)
	}
}
