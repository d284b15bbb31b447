package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"posthorn/store"
)

// Keeper checks credentials for every protocol and for the web page, so that
// a guesser meets one memory whichever door is tried.
//
// Store must be set; the other fields may be left zero. The fields must not
// change after the first call of a method. All methods may be called from
// several goroutines.
type Keeper struct {
	Store *store.Store

	// Log gets refusals and first logins from a new address; nil discards.
	// The servers log each login themselves, with their session id.
	Log *slog.Logger

	// Domain returns the box's own domains; it is asked at each
	// login with a full address. Nil means that only bare names log in.
	Domain func() []string

	start    sync.Once
	key      [32]byte // of the HMAC over credentials; new in each process
	hashes   slot
	guard    guard
	verified memory[digest, time.Time] // until when
	wrong    memory[digest, time.Time]
	flights  flights

	admitted, refused, putOff atomic.Int64
}

// Counts are what the keeper has done since the start.
type Counts struct {
	Admitted int64 // logins
	Refused  int64 // wrong passwords and names, and disabled accounts
	PutOff   int64 // attempts that got a SlowError
	Hashes   int64 // argon2id computations
}

// Counts returns the keeper's figures, for the box's metrics.
func (k *Keeper) Counts() Counts {
	return Counts{k.admitted.Load(), k.refused.Load(), k.putOff.Load(), k.hashes.taken.Load()}
}

// Identity is who logged in.
type Identity struct {
	Account     *store.Account // as stored at the time of the login; a copy
	AppPassword string         // ID of the app password used; "" for the account's own
}

// digest stands for one credential: account, stored hash and the password
// offered, under a key that never leaves the process.
type digest [sha256.Size]byte

// attempt is one call of Login on its way through the keeper.
type attempt struct {
	name     string // local part, folded; "" when it cannot be an account
	password string // prepared
	source   source
	service  string
	account  *store.Account // nil when there is none
	digest   digest
}

// user is the name for the log. A name that is not an account's stays out of
// it: some are passwords typed into the wrong field.
func (a *attempt) user() string {
	if a.account == nil {
		return "(unknown)"
	}
	return a.name
}

// Login checks user and password, which came from the client address from
// over the named service ("imap", "smtp", "pop3", "web"; for the log).
//
// user is an account's name or a full address in one of the box's domains,
// in any case. The answer may be held back for up to [MaxDelay] when the
// address or the account has seen wrong passwords; ctx ends the wait.
//
// The password of an account with second factors is taken for the service
// [Web] alone, which asks for them; elsewhere it would be all that a thief needs.
//
// Errors: [ErrRefused] when user or password is wrong; [ErrFactor]; [ErrDisabled] when
// both are right and the account is switched off; [*SlowError] when too many
// attempts are waiting already; ctx's error; or the store's.
func (k *Keeper) Login(ctx context.Context, user, password string, from netip.Addr, service string) (Identity, error) {
	k.start.Do(k.init)
	name := k.localPart(user)
	a := &attempt{name: name, service: service, source: k.guard.source(from, name)}
	prepared, err := prepare(password)
	if err != nil {
		a.name, prepared = "", "" // runs the same course as a wrong password
	}
	a.password = prepared
	key := flight{k.digestOf(a), a.source.key}
	for {
		done, first := k.flights.join(key)
		if !first {
			if id, err, ok := done.wait(ctx); ok {
				return k.answer(a, id, err)
			}
			continue // the one we waited for gave up; take its place
		}
		id, err := k.decide(ctx, a)
		k.flights.land(key, id, err, ctx.Err() != nil)
		return k.answer(a, id, err)
	}
}

// answer is what an attempt is told of a decision, which those of several
// services may share.
func (k *Keeper) answer(a *attempt, id Identity, err error) (Identity, error) {
	if err == nil && id.AppPassword == "" && a.service != Web {
		err = k.passwordIsEnough(id.Account.ID)
	}
	if err == ErrFactor {
		k.Log.Warn("login refused", "service", a.service, "user", a.name, "from", a.source.addr, "why", err)
	}
	k.count(err)
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

// passwordIsEnough is ErrFactor for an account with second factors.
func (k *Keeper) passwordIsEnough(id store.AccountID) error {
	return k.Store.View(func(tx *store.Tx) error {
		_, err := tx.Value(store.AccountValue(id, FactorsValue))
		switch {
		case err == nil:
			return ErrFactor
		case errors.Is(err, store.ErrNotFound):
			return nil
		}
		return err
	})
}

func (k *Keeper) count(err error) {
	var slow *SlowError
	switch {
	case err == nil:
		k.admitted.Add(1)
	case errors.Is(err, ErrRefused), errors.Is(err, ErrDisabled):
		k.refused.Add(1)
	case errors.As(err, &slow):
		k.putOff.Add(1)
	}
}

func (k *Keeper) init() {
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	rand.Read(k.key[:]) // never fails, crypto/rand
	k.guard.init()
	k.verified.limit = maxVerified
	k.wrong.limit = maxWrong
}

// lookup reads the account and computes the digest. An unknown name gets a
// digest as well, so that both kinds of refusal take the same road.
func (k *Keeper) lookup(a *attempt) error {
	if a.name != "" {
		err := k.Store.View(func(tx *store.Tx) error {
			var err error
			a.account, err = tx.AccountByName(a.name)
			return err
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil {
			a.account = nil
		}
	}
	a.digest = k.digestOf(a)
	return nil
}

func (k *Keeper) digestOf(a *attempt) digest {
	mac := hmac.New(sha256.New, k.key[:])
	field := func(s string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	field(a.name)
	field(a.password)
	if a.account != nil {
		var id [4]byte
		binary.BigEndian.PutUint32(id[:], uint32(a.account.ID))
		mac.Write(id[:])
		field(a.account.Password)
		for _, p := range a.account.AppPasswords {
			field(p.Hash)
		}
	}
	var d digest
	mac.Sum(d[:0])
	return d
}

// decide waits as long as the guard demands and then answers the attempt.
func (k *Keeper) decide(ctx context.Context, a *attempt) (Identity, error) {
	leave, err := k.guard.admit(ctx, a.source)
	if err != nil {
		k.Log.Debug("login put off", "service", a.service, "from", a.source.addr, "why", err)
		return Identity{}, err
	}
	id, verdict, err := k.verify(ctx, a)
	leave(verdict)
	switch {
	case err == nil:
		if k.guard.trust(a.source) {
			k.Log.Info("login from a new address", "service", a.service, "user", a.name,
				"from", a.source.addr, "app_password", id.AppPassword)
		}
	case errors.Is(err, ErrRefused), errors.Is(err, ErrDisabled):
		k.Log.Warn("login refused", "service", a.service, "user", a.user(), "from", a.source.addr, "why", err)
	}
	return id, err
}

// verify compares the password with what is stored. A password known to be
// right or wrong is answered without a hash.
func (k *Keeper) verify(ctx context.Context, a *attempt) (Identity, verdict, error) {
	if err := k.lookup(a); err != nil { // after the wait, in which much may change
		return Identity{}, unknown, err
	}
	now := time.Now()
	if until, ok := k.wrong.get(a.digest); ok && now.Before(until) {
		return Identity{}, repeated, ErrRefused
	}
	if a.account != nil {
		if p := matchApp(a.account, a.password); p != nil {
			k.recordUse(a.account.ID, p, now)
			return admitted(a.account, p.ID)
		}
		if until, ok := k.verified.get(a.digest); ok && now.Before(until) {
			return admitted(a.account, "")
		}
	}
	right, err := k.compare(ctx, a)
	if err != nil {
		return Identity{}, unknown, err
	}
	if !right {
		k.wrong.put(a.digest, now.Add(wrongFor))
		return Identity{}, guessed, ErrRefused
	}
	k.strengthen(ctx, a)
	k.verified.put(a.digest, now.Add(verifiedFor))
	return admitted(a.account, "")
}

// admitted is the outcome for a right password.
func admitted(acct *store.Account, app string) (Identity, verdict, error) {
	if acct.Disabled {
		return Identity{}, correct, ErrDisabled
	}
	return Identity{Account: acct, AppPassword: app}, correct, nil
}

// compare hashes the password, in turn with the others. Where there is
// nothing to compare with it hashes all the same, to take the same time.
func (k *Keeper) compare(ctx context.Context, a *attempt) (bool, error) {
	leave, err := k.hashes.enter(ctx, a.source.trusted)
	if err != nil {
		return false, err
	}
	defer leave()
	stored := ""
	if a.account != nil {
		stored = a.account.Password
	}
	h, err := parseHash(stored)
	if err != nil {
		if stored != "" {
			k.Log.Error("stored password cannot be read; set a new one", "user", a.name, "error", err)
		}
		decoy().matches(a.password)
		return false, nil
	}
	return h.matches(a.password), nil
}

// strengthen replaces a hash made by a smaller board with one of this
// board's cost, now that the password is at hand. Failure leaves the old one.
func (k *Keeper) strengthen(ctx context.Context, a *attempt) {
	h, err := parseHash(a.account.Password)
	if err != nil || !h.weaker() {
		return
	}
	old := a.account.Password
	leave, err := k.hashes.enter(ctx, a.source.trusted)
	if err != nil {
		return
	}
	fresh := newHash(a.password).String()
	leave()
	err = k.Store.Update(func(tx *store.Tx) error {
		acct, err := tx.Account(a.account.ID)
		if err != nil || acct.Password != old {
			return err
		}
		acct.Password = fresh
		return tx.PutAccount(acct)
	})
	if err != nil {
		k.Log.Warn("password keeps its weaker hash", "user", a.name, "error", err)
		return
	}
	a.account.Password = fresh
	a.digest = k.digestOf(a)
}
