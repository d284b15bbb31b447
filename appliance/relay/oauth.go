package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"posthorn/store"
)

// Limits of access tokens.
const (
	tokenTime    = 30 * time.Second // to fetch one
	tokenLife    = 5 * time.Minute  // of one whose provider does not say
	tokenMargin  = time.Minute      // before its end a token is not used any more
	maxTokenSize = 64 << 10         // octets of the provider's answer
)

// OAuth is where the tokens come from with which XOAUTH2 logs in: the
// smarthost's password is a refresh token, for which the provider gives out
// access tokens that are good for an hour or so (RFC 6749 section 6).
type OAuth struct {
	TokenURL     string `json:"token_url"` // https
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// check says what is wrong with it as it is described.
func (o *OAuth) check(s *Smarthost) error {
	u, err := url.Parse(o.TokenURL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no https address where tokens could be fetched", o.TokenURL)
	case o.ClientID == "":
		return errors.New("OAuth needs the client id that the provider gave out")
	case s.User == "" || s.Password == "":
		return errors.New("OAuth needs a user name and the refresh token as password")
	case s.Mechanism != "XOAUTH2":
		return errors.New("OAuth logs in with XOAUTH2 and no other mechanism")
	case s.Security == Clear:
		return errors.New("a token is not sent without encryption; use tls or starttls")
	}
	return nil
}

// token is an access token.
type token struct {
	text  string
	until time.Time
}

// tokens are the access tokens in use. They are not written down: the refresh
// token gets new ones.
type tokens struct {
	mu  sync.Mutex
	all map[string]*access
}

// access is one account's token. Whoever fills turn may look at it or get a
// new one, one after another: a provider may give a new refresh token each
// time and take the old one back.
type access struct {
	turn chan struct{}
	now  token
}

// of returns an account's, which is made if need be.
func (t *tokens) of(name string) *access {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.all[name]
	if a == nil {
		if t.all == nil || len(t.all) >= 2*maxSmarthosts {
			t.all = make(map[string]*access)
		}
		a = &access{turn: make(chan struct{}, 1)}
		t.all[name] = a
	}
	return a
}

// account names what a smarthost's tokens belong to, and the record of its
// newer refresh token. A new password makes it another.
func (s *Smarthost) account() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.OAuth.TokenURL, s.OAuth.ClientID, s.User, s.Password}, "\x00")))
	return "relay/oauth/" + hex.EncodeToString(sum[:16])
}

// token returns an access token for a smarthost, a fresh one if need be. The
// error is a *Failure.
func (r *Relay) token(ctx context.Context, s *Smarthost) (string, error) {
	a := r.tokens.of(s.account())
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", &Failure{Host: s.Host, Status: "4.7.0", Connection: true, Text: "no token: " + ctx.Err().Error()}
	}
	if time.Until(a.now.until) > tokenMargin {
		return a.now.text, nil
	}
	t, err := r.refresh(ctx, s)
	if err != nil {
		return "", err
	}
	a.now = t
	return t.text, nil
}

// forget drops an access token that was refused. If somebody is getting a new
// one at this moment, there is nothing to drop.
func (r *Relay) forget(s *Smarthost, refused string) {
	a := r.tokens.of(s.account())
	select {
	case a.turn <- struct{}{}:
		if a.now.text == refused {
			a.now = token{}
		}
		<-a.turn
	default:
	}
}

// granted is a provider's answer (RFC 6749 sections 5.1 and 5.2).
type granted struct {
	Access      string `json:"access_token"`
	Seconds     int64  `json:"expires_in"`
	Refresh     string `json:"refresh_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// refresh asks the provider for an access token.
func (r *Relay) refresh(ctx context.Context, s *Smarthost) (token, error) {
	fail := func(format string, args ...any) (token, error) {
		return token{}, &Failure{Host: s.Host, Status: "4.7.0", Connection: true, Text: oneLine(fmt.Sprintf(format, args...))}
	}
	secret, err := r.refreshToken(s)
	if err != nil {
		return fail("the stored token can't be read: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {secret}, "client_id": {s.OAuth.ClientID}}
	if s.OAuth.ClientSecret != "" {
		form.Set("client_secret", s.OAuth.ClientSecret)
	}
	if s.OAuth.Scope != "" {
		form.Set("scope", s.OAuth.Scope)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.OAuth.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return fail("%v", err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept", "application/json")
	answer, err := r.https().Do(q)
	if err != nil {
		return fail("no access token could be fetched: %v", err)
	}
	defer answer.Body.Close()
	var g granted
	err = json.NewDecoder(io.LimitReader(answer.Body, maxTokenSize)).Decode(&g)
	switch {
	case g.Error == "invalid_grant":
		return fail("the provider does not accept the token of %s any more (%s); posthorn smarthost set gives a new one", s.User, g.Description)
	case g.Error != "":
		return fail("the provider gives no access token: %s %s", g.Error, g.Description)
	case answer.StatusCode != http.StatusOK || err != nil || g.Access == "":
		return fail("the provider gives no access token: %s answers %s", s.OAuth.TokenURL, answer.Status)
	}
	if g.Refresh != "" && g.Refresh != secret {
		if err := r.keepRefreshToken(s, g.Refresh); err != nil {
			return fail("the provider's new token can't be kept: %v", err)
		}
	}
	life := tokenLife
	if g.Seconds > 0 {
		life = time.Duration(min(g.Seconds, 24*60*60)) * time.Second
	}
	return token{g.Access, time.Now().Add(life)}, nil
}

// refreshToken is the newest refresh token: some providers give out another
// with each access token, and the owner's does not count any more.
func (r *Relay) refreshToken(s *Smarthost) (text string, err error) {
	if r.Store == nil {
		return s.Password, nil
	}
	err = r.Store.View(func(tx *store.Tx) error {
		v, err := tx.Value(s.account())
		text = string(v)
		if errors.Is(err, store.ErrNotFound) {
			text, err = s.Password, nil
		}
		return err
	})
	return text, err
}

func (r *Relay) keepRefreshToken(s *Smarthost, text string) error {
	if r.Store == nil {
		return nil
	}
	return r.Store.Update(func(tx *store.Tx) error { return tx.PutValue(s.account(), []byte(text)) })
}
