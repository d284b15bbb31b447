package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"posthorn/appliance/login"
	"posthorn/appliance/mailfile"
	"posthorn/store"
)

// newBox is the operations on a store in memory with an account alice.
func newBox(t *testing.T) *Box {
	s, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r, err := s.Check(context.Background()); err != nil || r.Count > 0 {
			t.Errorf("check: %v, %v", err, r)
		}
		s.Close()
	})
	b := &Box{Store: s, Keeper: &login.Keeper{Store: s}}
	if err := b.AddAccount(NewAccount{Name: "alice", Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	return b
}

// batch imports messages into alice's INBOX.
func batch(t *testing.T, b *Box, messages ...string) (Batch, error) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, m := range messages {
		part, err := startPart(w, Transfer{Mailbox: "INBOX", Flags: store.Seen, Keywords: []string{"ok", "no spaces", ""}})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, m)
	}
	w.Close()
	return b.Import("alice", multipart.NewReader(&body, w.Boundary()))
}

func TestImportTellsDuplicatesFromLookalikes(t *testing.T) {
	b := newBox(t)
	// The same fields and length, as two alerts of a device might have.
	one := "Subject: alert\r\nDate: Sun, 22 Nov 2026 20:00:00 +0000\r\n\r\n21.3 degrees\r\n"
	two := strings.Replace(one, "21.3", "21.4", 1)
	for _, tc := range []struct {
		messages []string
		want     Batch
	}{
		{[]string{one, two, one}, Batch{2, 1, int64(len(one) + len(two))}},
		{[]string{two, one}, Batch{0, 2, 0}},
		{[]string{one + "more\r\n", one}, Batch{1, 1, int64(len(one) + 6)}},
	} {
		got, err := batch(t, b, tc.messages...)
		if err != nil || got != tc.want {
			t.Errorf("import of %q: %+v, %v; want %+v", tc.messages, got, err, tc.want)
		}
	}
}

// What was deleted, or came in by another way meanwhile, is noticed.
func TestImportFollowsTheMailbox(t *testing.T) {
	b := newBox(t)
	if _, err := batch(t, b, "A: 1\r\n\r\n", "A: 2\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	err := b.Store.Update(func(tx *store.Tx) error {
		acct, err := tx.AccountByName("alice")
		if err != nil {
			return err
		}
		inbox, err := tx.MailboxByName(acct.ID, "INBOX")
		if err != nil {
			return err
		}
		return tx.Expunge(inbox.ID, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := batch(t, b, "A: 1\r\n\r\n", "A: 2\r\n\r\n"); err != nil || got.Added != 1 || got.Duplicates != 1 {
		t.Errorf("import after one of two was deleted: %+v, %v", got, err)
	}
}

func TestImportRefusals(t *testing.T) {
	b := newBox(t)
	if _, err := batch(t, b, make([]string, MaxBatch+1)...); !errors.Is(err, ErrUsage) {
		t.Errorf("a batch of %d messages: %v", MaxBatch+1, err)
	}
	for text, want := range map[string]error{
		"--b\r\n\r\nx\r\n--b--\r\n": ErrUsage,
		"--b\r\nPosthorn-Message: {\"mailbox\":\"None\"}\r\n\r\nx\r\n--b--\r\n": store.ErrNotFound,
		"--b\r\nPosthorn-Message: {\"mailbox\":\"INBOX\"}\r\n\r\nhalf":          io.ErrUnexpectedEOF,
	} {
		if _, err := b.Import("alice", multipart.NewReader(strings.NewReader(text), "b")); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if _, err := b.Import("nobody", nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("import for nobody: %v", err)
	}
	if n, err := b.Messages("alice", ""); n != 0 || err != nil {
		t.Errorf("%d messages came in with batches that were refused (%v)", n, err)
	}
}

func TestHandlerRefuses(t *testing.T) {
	pipe := newPipe()
	server := &http.Server{Handler: newBox(t).Handler()}
	go server.Serve(pipe)
	defer server.Close()
	c := newClient(pipe.dial)
	for _, tc := range []struct {
		method, path, body string
		code               int
	}{
		{"GET", "/nothing", "", 404},
		{"POST", "/accounts", "{", 400},
		{"POST", "/accounts", `{"name":"ALICE","password":"another horse"}`, 409},
		{"POST", "/accounts", `{"name":"a b","password":"another horse"}`, 400},
		{"POST", "/accounts", `{"name":"bob","password":"short"}`, 400},
		{"POST", "/accounts", `{"name":"bob","password":"long enough","quota":-1}`, 400},
		{"POST", "/accounts", `"` + strings.Repeat("x", maxRequest) + `"`, 400},
		{"PUT", "/accounts/nobody/quota", "5", 404},
		{"PUT", "/accounts/alice/quota", `"much"`, 400},
		{"PUT", "/accounts/alice/password", `""`, 400},
		{"PUT", "/aliases/family", "[]", 400},
		{"DELETE", "/accounts/alice/app-passwords/none", "", 404},
		{"POST", "/accounts/alice/import", "", 400},
		{"POST", "/accounts/alice/mailboxes", `"a//b"`, 400},
		{"GET", "/accounts/alice/export?mailbox=None", "", 404},
		{"GET", "/backup?since=x", "", 400},
		{"GET", "/log", "", 400},
	} {
		req, err := http.NewRequest(tc.method, "http://box"+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tc.code {
			t.Errorf("%s %s %.40s: %d %q, want %d", tc.method, tc.path, tc.body, resp.StatusCode, text, tc.code)
		}
		var f failure
		if tc.path != "/nothing" && (json.Unmarshal(text, &f) != nil || f.Error == "") {
			t.Errorf("%s %s: %q says no reason", tc.method, tc.path, text)
		}
	}
}

// A body damaged on the card is named by the export, and the others come.
func TestExportNamesDamage(t *testing.T) {
	data := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	c, err := Open(data, true, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := c.AddAccount(ctx, NewAccount{Name: "alice", Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	mbox := filepath.Join(t.TempDir(), "in.mbox")
	var text strings.Builder
	for i := range 3 {
		body := make([]byte, 60<<10) // that does not compress, and so lies in the value log as it is
		rand.Read(body)
		fmt.Fprintf(&text, "From a Thu Jan  1 00:00:0%d 2026\nSubject: %d\n\n%x\n\n", i, i, body)
	}
	if err := os.WriteFile(mbox, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Import(ctx, "alice", mailfile.Mbox, mbox, "", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, StoreDir(data))
	if c, err = Open(data, false, log); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out := filepath.Join(t.TempDir(), "out")
	sum, err := c.Export(ctx, "alice", mailfile.Maildir, out, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Failed == 0 || sum.Messages+sum.Failed != 3 {
		t.Errorf("export of three messages, one damaged: %+v", sum)
	}
	for _, p := range sum.Problems {
		if !strings.Contains(p, "INBOX") || !strings.Contains(p, "UID") {
			t.Errorf("problem %q does not say where it is", p)
		}
	}
	files, err := os.ReadDir(filepath.Join(out, "cur"))
	if err != nil || len(files) != sum.Messages {
		t.Errorf("%d files were written, %d messages counted (%v)", len(files), sum.Messages, err)
	}
}

// damage turns over octets in the middle of the store's largest value log.
func damage(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no value log in %s: %v", dir, err)
	}
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		used := bytes.TrimRight(b, "\x00")
		if len(used) < 300 {
			continue
		}
		for i := len(used) / 2; i < len(used)/2+16; i++ {
			b[i] ^= 0xff
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenWithoutABox(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if _, err := Open(filepath.Join(t.TempDir(), "none"), false, log); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a data directory that is not there: %v", err)
	}
	data := t.TempDir()
	first, err := Open(data, true, log)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Open(data, true, log); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second command on the same store: %v", err)
	}
}

// A socket somebody else listens on, or nobody, is told apart.
func TestOpenWithALeftOverSocket(t *testing.T) {
	data, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(data)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(data, SocketName)})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close() // as after kill -9
	c, err := Open(data, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c.Running {
		t.Error("a box is said to run")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestTransferSurvivesAHeaderField(t *testing.T) {
	want := Transfer{Mailbox: "Ünï\r\n😀 \"x\"", Flags: store.Draft, Keywords: []string{"ä"}, Received: time.Unix(5, 0).UTC()}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if _, err := startPart(w, want); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if i := bytes.IndexFunc(body.Bytes(), func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("not ASCII: %q", body.Bytes())
	}
	part, err := multipart.NewReader(&body, w.Boundary()).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	var got Transfer
	if err := json.Unmarshal([]byte(part.Header.Get(partHeader)), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v became %+v (%v)", want, got, err)
	}
}
