package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"posthorn/store"
)

var (
	home  = netip.MustParseAddr("192.168.1.20")
	away  = netip.MustParseAddr("203.0.113.9")
	thief = netip.MustParseAddr("192.168.1.66")
)

const secret = "correct horse"

// newKeeper opens a store with alice, whose password is secret.
func newKeeper(t testing.TB) (*Keeper, store.AccountID) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	k := &Keeper{Store: s, Domain: func() []string { return []string{"mailbox.local", "xn--bcher-kva.example"} }}
	hashed, err := HashPassword(secret)
	if err != nil {
		t.Fatal(err)
	}
	alice := &store.Account{Name: "alice", Password: hashed}
	if err := s.Update(func(tx *store.Tx) error { return tx.CreateAccount(alice) }); err != nil {
		t.Fatal(err)
	}
	return k, alice.ID
}

// try logs in and checks the error.
func try(t testing.TB, k *Keeper, user, password string, from netip.Addr, want error) Identity {
	t.Helper()
	id, err := k.Login(context.Background(), user, password, from, "test")
	if !errors.Is(err, want) {
		t.Fatalf("Login(%q, %q) from %s: %v, want %v", user, password, from, err, want)
	}
	return id
}

func change(t testing.TB, k *Keeper, id store.AccountID, f func(*store.Account)) {
	t.Helper()
	if err := k.update(id, func(a *store.Account) error { f(a); return nil }); err != nil {
		t.Fatal(err)
	}
}

func account(t testing.TB, k *Keeper, id store.AccountID) *store.Account {
	t.Helper()
	var acct *store.Account
	err := k.Store.View(func(tx *store.Tx) error {
		var err error
		acct, err = tx.Account(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return acct
}

func TestUserNames(t *testing.T) {
	k, id := newKeeper(t)
	for _, user := range []string{"alice", "Alice", "ALICE", "alice@mailbox.local", "Alice@Mailbox.Local",
		"alice@BÜCHER.example", "alice@xn--bcher-kva.example", "alice@mailbox.local."} {
		if got := try(t, k, user, secret, home, nil); got.Account.ID != id || got.Account.Name != "alice" {
			t.Errorf("Login(%q) gave account %d %q", user, got.Account.ID, got.Account.Name)
		}
	}
	for _, user := range []string{"", "@", "bob", "alice@elsewhere.example", "alice@", "alice@mailbox.local@x",
		" alice", "al\x00ice", "\xff", strings.Repeat("a", 400)} {
		try(t, k, user, secret, netip.MustParseAddr("10.0.0.1"), ErrRefused)
		k.guard.gates.drop(func(gateKey) bool { return true })
	}
}

func TestPasswordForms(t *testing.T) {
	k, id := newKeeper(t)
	if err := k.SetPassword(t.Context(), id, "Zürich 2026 \u00e9"); err != nil {
		t.Fatal(err)
	}
	try(t, k, "alice", "Zu\u0308rich\u00a02026 e\u0301", home, nil) // decomposed, no-break space
	try(t, k, "alice", "zürich 2026 é", home, ErrRefused)
	try(t, k, "alice", "", home, ErrRefused)
	try(t, k, "alice", "\xff\xfe", home, ErrRefused)
	try(t, k, "alice", strings.Repeat("x", MaxPassword+1), home, ErrRefused)

	var bad *PasswordError
	for _, password := range []string{"", "short", "sieben7", "tab\tis not typed", strings.Repeat("x", MaxPassword+1), "\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if err := k.SetPassword(t.Context(), id, password); !errors.As(err, &bad) {
			t.Errorf("SetPassword(%q): %v, want a PasswordError", password, err)
		}
	}
	if err := k.SetPassword(t.Context(), 999, secret); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("SetPassword of no account: %v", err)
	}
}

func TestChangedPasswordIsOutAtOnce(t *testing.T) {
	k, id := newKeeper(t)
	try(t, k, "alice", secret, home, nil)
	try(t, k, "alice", secret, home, nil) // from memory
	try(t, k, "alice", "another secret", home, ErrRefused)
	if err := k.SetPassword(t.Context(), id, "another secret"); err != nil {
		t.Fatal(err)
	}
	try(t, k, "alice", secret, home, ErrRefused)
	try(t, k, "alice", "another secret", home, nil) // though it was known to be wrong
}

func TestDisabledAccount(t *testing.T) {
	k, id := newKeeper(t)
	try(t, k, "alice", secret, home, nil)
	change(t, k, id, func(a *store.Account) { a.Disabled = true })
	try(t, k, "alice", secret, home, ErrDisabled)
	try(t, k, "alice", "a wrong one", home, ErrRefused) // the state is told to the owner alone
	change(t, k, id, func(a *store.Account) { a.Disabled = false })
	try(t, k, "alice", secret, home, nil)
}

func TestAppPasswords(t *testing.T) {
	k, id := newKeeper(t)
	shown, added, err := k.AddAppPassword(id, "scanner")
	if err != nil {
		t.Fatal(err)
	}
	if len(shown) != 19 || strings.Count(shown, "-") != 3 || strings.ContainsAny(shown, "ilo01") {
		t.Errorf("app password %q is not four groups of four clear letters", shown)
	}
	if stored := account(t, k, id); strings.Contains(stored.AppPasswords[0].Hash, strings.ReplaceAll(shown, "-", "")) {
		t.Error("the secret itself is stored")
	}
	for _, typed := range []string{shown, strings.ToUpper(shown), strings.ReplaceAll(shown, "-", " "), strings.ReplaceAll(shown, "-", "")} {
		if got := try(t, k, "alice", typed, home, nil); got.AppPassword != added.ID {
			t.Errorf("login with %q by app password %q, want %q", typed, got.AppPassword, added.ID)
		}
	}
	if got := try(t, k, "alice", secret, home, nil); got.AppPassword != "" {
		t.Errorf("login with the account's password by app password %q", got.AppPassword)
	}
	if _, _, err := k.AddAppPassword(id, "Scanner"); !errors.Is(err, store.ErrExists) {
		t.Errorf("second app password of a label: %v", err)
	}
	var bad *PasswordError
	for _, label := range []string{"", "  ", "a\nb", strings.Repeat("é", MaxLabel+1)} {
		if _, _, err := k.AddAppPassword(id, label); !errors.As(err, &bad) {
			t.Errorf("label %q: %v", label, err)
		}
	}
	if err := k.RevokeAppPassword(id, "toaster"); !errors.Is(err, ErrNoAppPassword) {
		t.Errorf("revoking what is not there: %v", err)
	}
	if err := k.RevokeAppPassword(id, "SCANNER"); err != nil {
		t.Fatal(err)
	}
	try(t, k, "alice", shown, home, ErrRefused)
	for i := range MaxAppPasswords {
		if _, _, err := k.AddAppPassword(id, strings.Repeat("x", i+1)); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, _, err := k.AddAppPassword(id, "one more"); !errors.Is(err, ErrTooManyAppPasswords) {
		t.Errorf("app password %d: %v", MaxAppPasswords+1, err)
	}
}

func TestLastUseIsRecordedOnceADay(t *testing.T) {
	k, id := newKeeper(t)
	shown, _, err := k.AddAppPassword(id, "scanner")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		ago      time.Duration // of the use on record
		recorded bool
	}{
		{1000 * time.Hour, true},
		{25 * time.Hour, true},
		{23 * time.Hour, false},
		{-1000 * time.Hour, false}, // the clock was ahead once
	} {
		before := time.Now().Add(-test.ago).UTC().Truncate(time.Second)
		change(t, k, id, func(a *store.Account) {
			a.AppPasswords[0].Created = before
			a.AppPasswords[0].LastUsed = before
		})
		try(t, k, "alice", shown, home, nil)
		if got := account(t, k, id).AppPasswords[0].LastUsed; got.Equal(before) == test.recorded {
			t.Errorf("last use %v ago: now %v, want recorded %v", test.ago, got, test.recorded)
		}
	}
	change(t, k, id, func(a *store.Account) {
		a.AppPasswords[0].Created = time.Now().Add(time.Hour) // the clock is behind: never set
		a.AppPasswords[0].LastUsed = time.Time{}
	})
	try(t, k, "alice", shown, home, nil)
	if got := account(t, k, id).AppPasswords[0].LastUsed; !got.IsZero() {
		t.Errorf("a clock that was never set wrote %v", got)
	}
}

func TestTenConnectionsPayOnce(t *testing.T) {
	k, _ := newKeeper(t)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if _, err := k.Login(context.Background(), "alice", secret, home, "test"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := k.Counts().Hashes; got != 1 {
		t.Errorf("%d hashes for ten logins with one password", got)
	}
	// A phone that repeats an old password costs one hash as well, and is
	// one mistake.
	for range 20 {
		try(t, k, "alice", "the old password", home, ErrRefused)
	}
	if got := k.Counts().Hashes; got != 2 {
		t.Errorf("%d hashes after twenty repetitions", got)
	}
}

func TestWeakHashIsReplaced(t *testing.T) {
	k, id := newKeeper(t)
	small := &hash{memory: 64, passes: 1, lanes: 1, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	small.key = small.compute(secret)
	change(t, k, id, func(a *store.Account) { a.Password = small.String() })
	try(t, k, "alice", secret, home, nil)
	got, err := parseHash(account(t, k, id).Password)
	if err != nil || got.weaker() {
		t.Errorf("hash after the login: %+v, %v", got, err)
	}
	before := k.Counts().Hashes
	try(t, k, "alice", secret, home, nil)
	if k.Counts().Hashes != before {
		t.Error("the new hash was not remembered as verified")
	}
}

func TestAbandonedLoginIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		for i := range freeMistakes + 6 { // so that attempts from here wait
			try(t, k, "alice", strings.Repeat("wrong", i+2), thief, ErrRefused)
		}
		ctx, hangUp := context.WithCancel(context.Background())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := k.Login(ctx, "alice", secret, thief, "test")
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := k.Login(context.Background(), "alice", secret, thief, "test")
			second <- err
		}()
		synctest.Wait()
		hangUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that hung up: %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the one that waited for it: %v", err)
		}
	})
}

// guess returns wrong passwords, all different.
func guess(i int) string { return fmt.Sprintf("guess number %d", i) }

// A guesser at one address neither refuses nor delays the owner at another.
func TestGuesserHarmsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		try(t, k, "alice", secret, home, nil)
		for i := range 25 {
			try(t, k, "alice", guess(i), thief, ErrRefused)
		}
		attack, end := context.WithCancel(context.Background())
		var crowd sync.WaitGroup
		var putOff, waiting atomic.Int32
		for i := range 1000 {
			crowd.Go(func() {
				_, err := k.Login(attack, "alice", guess(1000+i), thief, "test")
				var slow *SlowError
				switch {
				case errors.As(err, &slow):
					putOff.Add(1)
				case errors.Is(err, context.Canceled):
					waiting.Add(1)
				default:
					t.Errorf("guess in the crowd: %v", err)
				}
			})
		}
		synctest.Wait()
		if got := putOff.Load(); got != 0 {
			t.Errorf("%d were put off without a pause", got)
		}
		time.Sleep(slowPause)
		synctest.Wait()
		if got := putOff.Load(); got != 1000-maxWaiting {
			t.Errorf("%d of 1000 put off, want all but %d", got, maxWaiting)
		}
		took := func(from netip.Addr) time.Duration {
			begun := time.Now()
			try(t, k, "alice", secret, from, nil)
			return time.Since(begun)
		}
		if d := took(home); d > 0 {
			t.Errorf("known device was held back for %v", d)
		}
		if d := took(away); d > maxAccountDelay {
			t.Errorf("new device was held back for %v", d)
		}
		if d := took(away); d > 0 {
			t.Errorf("device was held back for %v at its second login", d)
		}
		end()
		crowd.Wait()
		// The guesser's own right password waits, but comes in.
		if d := took(thief); d == 0 || d > MaxDelay+maxWaiting*maxSourceDelay {
			t.Errorf("right password after all these wrong ones took %v", d)
		}
	})
}

// What the owner changes while an attempt waits holds for that attempt.
func TestChangeDuringTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, id := newKeeper(t)
		for i := range freeMistakes + 3 {
			try(t, k, "alice", guess(i), thief, ErrRefused)
		}
		answer := make(chan error, 1)
		go func() {
			_, err := k.Login(context.Background(), "alice", secret, thief, "test")
			answer <- err
		}()
		synctest.Wait()
		change(t, k, id, func(a *store.Account) { a.Disabled = true })
		if err := <-answer; !errors.Is(err, ErrDisabled) {
			t.Errorf("login of an account switched off meanwhile: %v", err)
		}
		if got, want := k.Counts(), (Counts{Refused: freeMistakes + 4, Hashes: freeMistakes + 4}); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
	})
}

// What is logged of a login names the account and never what was typed.
func TestNoSecretInTheLog(t *testing.T) {
	k, id := newKeeper(t)
	var log strings.Builder
	k.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	shown, _, err := k.AddAppPassword(id, "scanner")
	if err != nil {
		t.Fatal(err)
	}
	try(t, k, "alice", secret, home, nil)
	try(t, k, "alice", shown, away, nil)
	try(t, k, "alice", "wrong-password", home, ErrRefused)
	try(t, k, "typed-in-the-wrong-field", "alice", home, ErrRefused)
	for _, typed := range []string{secret, shown, "wrong-password", "typed-in-the-wrong-field"} {
		if strings.Contains(log.String(), typed) {
			t.Errorf("%q is in the log", typed)
		}
	}
	if n := strings.Count(log.String(), "user=alice"); n != 3 {
		t.Errorf("alice is named %d times, want 3:\n%s", n, &log)
	}
}

func TestUnknownUserCostsTheSame(t *testing.T) {
	k, id := newKeeper(t)
	change(t, k, id, func(a *store.Account) { a.AppPasswords = nil })
	device := &store.Account{Name: "nopassword"} // logs in by app passwords only
	if err := k.Store.Update(func(tx *store.Tx) error { return tx.CreateAccount(device) }); err != nil {
		t.Fatal(err)
	}
	for i, user := range []string{"alice", "nobody", "nopassword", "alice@elsewhere.example"} {
		try(t, k, user, "a wrong password", home, ErrRefused)
		if got := k.Counts().Hashes; got != int64(i+1) {
			t.Errorf("%s: %d hashes, want %d", user, got, i+1)
		}
	}
	try(t, k, "nopassword", "", home, ErrRefused)
}

func TestRefusedHashes(t *testing.T) {
	good := newHash("x").String()
	if h, err := parseHash(good); err != nil || h.String() != good {
		t.Errorf("%s came back as %v, %v", good, h, err)
	}
	salt, key := "$"+strings.Repeat("A", 22), "$"+strings.Repeat("A", 43)
	for _, s := range []string{"", "plain", "$argon2i$v=19$m=64,t=1,p=1" + salt + key,
		"$argon2id$v=16$m=64,t=1,p=1" + salt + key,
		"$argon2id$v=19$m=4194304,t=1,p=1" + salt + key, // 4 GiB
		"$argon2id$v=19$m=64,t=4000000000,p=1" + salt + key,
		"$argon2id$v=19$m=64,t=0,p=1" + salt + key,
		"$argon2id$v=19$m=64,t=1,p=1$" + key,
		"$argon2id$v=19$m=64,t=1,p=1" + salt + "$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1" + salt + "$!",
		"$argon2id$v=19$m=64,t=1" + salt + key} {
		if _, err := parseHash(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// FuzzUserName looks for names that fold to something that is not a plain
// account name, or fold differently the second time.
func FuzzUserName(f *testing.F) {
	for _, s := range []string{"alice", "Alice@Mailbox.local", "a@b@mailbox.local", "\u212bngstr\u00f6m", "\xff@", "alice@xn--bcher-kva.example"} {
		f.Add(s)
	}
	k := &Keeper{Domain: func() []string { return []string{"mailbox.local", "bücher.example"} }}
	f.Fuzz(func(t *testing.T, user string) {
		name := k.localPart(user)
		if name == "" {
			return
		}
		if !utf8.ValidString(name) || strings.ContainsAny(name, " \x00\r\n") {
			t.Errorf("%q names account %q", user, name)
		}
		if again := k.localPart(name + "@mailbox.local"); again != name {
			t.Errorf("%q names %q, which names %q", user, name, again)
		}
	})
}

func BenchmarkLoginFirst(b *testing.B) {
	k, _ := newKeeper(b)
	for b.Loop() {
		k.verified.drop(func(digest) bool { return true })
		try(b, k, "alice", secret, home, nil)
	}
}

func BenchmarkLoginRemembered(b *testing.B) {
	k, _ := newKeeper(b)
	for b.Loop() {
		try(b, k, "alice", secret, home, nil)
	}
}

func BenchmarkLoginAppPassword(b *testing.B) {
	k, id := newKeeper(b)
	shown, _, err := k.AddAppPassword(id, "scanner")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		try(b, k, "alice", shown, home, nil)
	}
}
