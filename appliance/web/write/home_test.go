package write

import (
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"posthorn/appliance/control"
	"posthorn/appliance/login"
	"posthorn/appliance/post"
	"posthorn/appliance/web/pagetest"
	"posthorn/store"
)

// home is a box with the people alice and bob, its pages behind TLS.
type home struct {
	*testing.T
	store  *store.Store
	office *post.Office
	write  *Write
	site   *pagetest.Site
	people map[string]*store.Account
}

func newHome(t *testing.T, change func(*store.Settings)) *home {
	t.Helper()
	st, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &home{T: t, store: st, people: make(map[string]*store.Account)}
	t.Cleanup(func() {
		if report, err := st.Check(context.Background()); err != nil || report.Count > 0 {
			t.Error("check:", err, report)
		}
		st.Close()
	})
	err = st.Update(func(tx *store.Tx) error {
		for _, a := range []*store.Account{{Name: "alice", DisplayName: "Alice Ä.", Undo: store.MaxUndo}, {Name: "bob"}} {
			if err := tx.CreateAccount(a); err != nil {
				return err
			}
			h.people[a.Name] = a
		}
		if err := tx.PutAlias(&store.Alias{Address: "ally", Targets: []string{"alice"}}); err != nil {
			return err
		}
		set, err := tx.Settings()
		if err != nil {
			return err
		}
		set.Domains, set.MaxMessageSize, set.Sending = []string{"example.org"}, 4<<20, store.SendDirect
		if change != nil {
			change(&set)
		}
		return tx.PutSettings(set)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.office = &post.Office{Store: st, Hostname: func() string { return "mailbox" }}
	h.site = pagetest.New(t, st)
	h.write = &Write{Site: h.site.Page, Store: st, Office: h.office, Log: slog.New(slog.DiscardHandler),
		Box: &control.Box{Store: st, Keeper: &login.Keeper{Store: st}}}
	if err := h.write.Routes(); err != nil {
		t.Fatal(err)
	}
	return h
}

// browser is somebody's, logged in.
type browser struct {
	*home
	client *http.Client
	token  string // of forms
	json   bool   // a script asks
}

func (h *home) browser(name string) *browser {
	h.Helper()
	client, token := h.site.Login(name)
	return &browser{home: h, client: client, token: token}
}

func (b *browser) do(method, path, kind string, body io.Reader) (*http.Response, string) {
	b.Helper()
	r, err := http.NewRequest(method, b.site.Server.URL+path, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if b.json {
		r.Header.Set("Accept", "application/json")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp, string(text)
}

func (b *browser) get(path string) (*http.Response, string) {
	b.Helper()
	return b.do("GET", path, "", nil)
}

// press posts a plain form.
func (b *browser) press(path string, form url.Values) (*http.Response, string) {
	b.Helper()
	form.Set("csrf", b.token)
	return b.do("POST", path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// upload is a file of a form.
type upload struct {
	name string
	body io.Reader
}

// letter posts the writing page's form: its fields in their order, then files.
func (b *browser) letter(fields []string, uploads ...upload) (*http.Response, string) {
	b.Helper()
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	go func() {
		m.WriteField("csrf", b.token)
		for i := 0; i < len(fields); i += 2 {
			m.WriteField(fields[i], fields[i+1])
		}
		for _, u := range uploads {
			part, err := m.CreateFormFile("files", u.name)
			if err == nil {
				_, err = io.Copy(part, u.body)
			}
			if err != nil {
				w.CloseWithError(err)
				return
			}
		}
		m.Close()
		w.Close()
	}()
	defer r.Close()
	return b.do("POST", "/mail/write", m.FormDataContentType(), r)
}

var idField = regexp.MustCompile(`name="id" value="([^"]+)"`)

// fresh opens the writing page and returns the fields of a letter.
func (b *browser) fresh(query string) (id string, page string) {
	b.Helper()
	resp, text := b.get("/mail/write" + query)
	m := idField.FindStringSubmatch(text)
	if resp.StatusCode != 200 || m == nil {
		b.Fatalf("writing page: %s\n%s", resp.Status, text)
	}
	return m[1], text
}

// mail tells what is in somebody's mailbox: the messages' text as stored.
func (h *home) mail(name, mailbox string) (all []string) {
	h.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		all = nil
		mb, err := tx.MailboxByName(h.people[name].ID, mailbox)
		if err != nil {
			return err
		}
		for e, err := range tx.Entries(mb.ID, 1, 0) {
			if err != nil {
				return err
			}
			m, err := tx.Message(e.Message)
			if err != nil {
				return err
			}
			r, err := h.store.OpenBlob(m.Blob)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(r)
			r.Close()
			if err != nil {
				return err
			}
			all = append(all, string(text))
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return all
}

// release hands over what waits in the queue to mailboxes of the box.
func (h *home) release() {
	h.Helper()
	err := h.store.Update(func(tx *store.Tx) error {
		all, err := tx.AllQueued(0, 100)
		for _, q := range all {
			due := q.NotBefore
			if err := h.office.Release(tx, q, due, due); err != nil {
				return err
			}
			sent, err := tx.MailboxByRole(q.Account, store.RoleSent)
			if err != nil {
				return err
			}
			if err := tx.Dequeue(q.ID, sent.ID); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *home) mailbox(name, mailbox string) (id store.MailboxID) {
	h.Helper()
	err := h.store.View(func(tx *store.Tx) error {
		mb, err := tx.MailboxByName(h.people[name].ID, mailbox)
		if err == nil {
			id = mb.ID
		}
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return id
}

func (h *home) deliver(name, text string) {
	h.Helper()
	e := &post.Envelope{From: "carol@elsewhere.example", Protocol: "ESMTP"}
	to, err := h.office.Resolve(context.Background(), e, name+"@example.org")
	if err != nil {
		h.Fatal(err)
	}
	e.Recipients = []post.Recipient{to}
	if _, err := h.office.Accept(context.Background(), e, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		h.Fatal(err)
	}
}

func (h *home) entry(name, mailbox string, uid uint32) (e store.Entry) {
	h.Helper()
	id := h.mailbox(name, mailbox)
	if err := h.store.View(func(tx *store.Tx) (err error) { e, err = tx.Entry(id, uid); return err }); err != nil {
		h.Fatal(err)
	}
	return e
}
