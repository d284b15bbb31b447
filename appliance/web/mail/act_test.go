package mail

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"posthorn/store"
)

func TestActions(t *testing.T) {
	h := newHome(t, "")
	for n := range 6 {
		h.put("INBOX", 0, nil, mailFrom("letter "+strconv.Itoa(n), "", "text"))
	}
	inbox := h.id("INBOX")
	act := func(what string, more ...string) *http.Response {
		t.Helper()
		return h.press("/mail/act", append([]string{"mailbox", inbox, "do", what, "back", h.path("INBOX")}, more...)...)
	}
	act("read", "uid", "1,2", "uid", "3")
	act("flag", "uid", "2")
	if e := h.entry("INBOX", 2); e.Flags != store.Seen|store.Flagged {
		t.Error(e.Flags)
	}
	act("unread", "uid", "2")
	act("", "one", "unflag:2", "uid", "1")
	if e := h.entry("INBOX", 2); e.Flags != 0 {
		t.Error(e.Flags)
	}
	if resp := act("archive", "uid", "1,3"); resp.Header.Get("Location") != h.path("INBOX") {
		t.Error(resp.Header)
	}
	text := h.shows(h.path("INBOX"), "2 messages moved to Archive.", "Undo", `name="uids" value="1:2"`)
	if !slices.Equal(h.entries("INBOX"), []uint32{2, 4, 5, 6}) || len(h.entries("Archive")) != 2 {
		t.Error(h.entries("INBOX"), h.entries("Archive"), text)
	}
	h.press("/mail/undo", "from", h.id("Archive"), "to", inbox, "uids", "1:2", "back", h.path("INBOX"))
	h.shows(h.path("INBOX"), "Moved back.")
	if len(h.entries("INBOX")) != 6 || len(h.entries("Archive")) != 0 {
		t.Error("undo did not move back")
	}
	act("trash", "uid", "4")
	act("junk", "uid", "5")
	act("move", "uid", "6", "to", h.id("Drafts"))
	for box, want := range map[string]int{"Trash": 1, "Junk": 1, "Drafts": 1, "INBOX": 3} {
		if got := len(h.entries(box)); got != want {
			t.Errorf("%s has %d, want %d", box, got, want)
		}
	}
	h.press("/mail/act", "mailbox", h.id("Junk"), "uid", "1", "do", "inbox")
	h.press("/mail/act", "mailbox", h.id("Trash"), "uid", "1", "do", "delete")
	if len(h.entries("Trash"))+len(h.entries("Junk")) != 0 || len(h.entries("INBOX")) != 4 {
		t.Error("not junk, or deleting for good, did nothing")
	}
	act("", "back", "//elsewhere.example/")
	if resp := h.press("/mail/act", "mailbox", inbox, "back", "https://elsewhere.example/"); resp.Header.Get("Location") != "/mail" {
		t.Error("led elsewhere", resp.Header)
	}
}

func TestActionsRefused(t *testing.T) {
	h := newHome(t, "")
	uid := h.put("INBOX", 0, nil, mailFrom("x", "", "text"))
	inbox, trash := h.id("INBOX"), h.id("Trash")
	all := make([]string, maxActed+1)
	for i := range all {
		all[i] = "1"
	}
	for want, fields := range map[int][]string{
		http.StatusNotFound:              {"mailbox", inbox, "uid", "1", "do", "delete"},
		http.StatusRequestEntityTooLarge: {"mailbox", inbox, "uid", strings.Join(all, ","), "do", "read"},
	} {
		if resp := h.press("/mail/act", fields...); resp.StatusCode != want {
			t.Errorf("%.80v: %s, want %d", fields, resp.Status, want)
		}
	}
	for _, fields := range [][]string{{"mailbox", "99", "uid", "1", "do", "read"}, {"mailbox", inbox, "uid", "x", "do", "read"},
		{"mailbox", inbox, "uid", "1", "do", "nothing"}, {"mailbox", inbox, "uid", "1", "do", "move", "to", "99"}} {
		if resp := h.press("/mail/act", fields...); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%v: %s", fields, resp.Status)
		}
	}
	for _, uids := range []string{"", "x", "5:1", "1:99999999", "0"} {
		if resp := h.press("/mail/undo", "from", trash, "to", inbox, "uids", uids); resp.StatusCode != http.StatusNotFound {
			t.Errorf("undo of %q: %s", uids, resp.Status)
		}
	}
	// Without a token nothing happens, nor for somebody else.
	if resp, _ := h.do("POST", "/mail/act", "mailbox="+inbox+"&uid=1&do=trash"); resp.StatusCode != http.StatusForbidden {
		t.Error(resp.Status)
	}
	h.login("bob")
	for _, path := range []string{"/mail/act", "/mail/undo", "/mail/folders", "/mail/empty"} {
		if resp := h.press(path, "mailbox", inbox, "uid", "1", "do", "trash", "from", inbox, "to", trash, "uids", "1", "below", "9"); resp.StatusCode != http.StatusNotFound {
			t.Errorf("bob did %s: %s", path, resp.Status)
		}
	}
	if e := h.entry("INBOX", uid); e.Flags != 0 {
		t.Error(e)
	}
}

func TestFolders(t *testing.T) {
	h := newHome(t, "")
	h.press("/mail/folders", "do", "make", "name", "Garden")
	h.shows("/mail/folders", "Folder Garden is there.")
	find := func(name string) (mb *store.Mailbox) {
		if err := h.store.View(func(tx *store.Tx) (err error) { mb, err = tx.MailboxByName(h.people["alice"].ID, name); return err }); err != nil {
			t.Fatal(err)
		}
		return mb
	}
	id := func(name string) string { return strconv.FormatUint(uint64(find(name).ID), 10) }
	h.press("/mail/folders", "do", "make", "name", "Apples", "parent", id("Garden"))
	h.press("/mail/folders", "do", "rename", "mailbox", id("Garden/Apples"), "name", "Pears")
	if mb := find("Garden/Pears"); !mb.Subscribed {
		t.Error("mail programs would not show the folder")
	}
	h.boxes["Pears"] = find("Garden/Pears")
	h.put("Pears", 0, nil, mailFrom("x", "", "y"))
	for _, c := range []struct {
		status int
		fields []string
	}{
		{http.StatusConflict, []string{"do", "delete", "mailbox", id("Garden/Pears")}},
		{http.StatusConflict, []string{"do", "delete", "mailbox", id("Garden")}},
		{http.StatusConflict, []string{"do", "delete", "mailbox", h.id("Trash")}},
		{http.StatusConflict, []string{"do", "rename", "mailbox", h.id("INBOX"), "name", "x"}},
		{http.StatusConflict, []string{"do", "make", "name", "Garden"}},
		{http.StatusUnprocessableEntity, []string{"do", "make", "name", ""}},
		{http.StatusUnprocessableEntity, []string{"do", "make", "name", "a/b"}},
		{http.StatusUnprocessableEntity, []string{"do", "make", "name", ".."}},
		{http.StatusNotFound, []string{"do", "nothing", "mailbox", id("Garden")}},
	} {
		if resp := h.press("/mail/folders", c.fields...); resp.StatusCode != c.status {
			t.Errorf("%v: %s, want %d", c.fields, resp.Status, c.status)
		}
	}
	h.press("/mail/act", "mailbox", id("Garden/Pears"), "uid", "1", "do", "trash")
	h.press("/mail/folders", "do", "delete", "mailbox", id("Garden/Pears"))
	h.shows("/mail/folders", "Folder Garden/Pears is deleted.")
	h.put("Trash", 0, nil, mailFrom("x", "", "y"))
	h.shows("/mail/empty?mailbox="+h.id("Trash"), "2 messages will be deleted for good", `name="below" value="3"`)
	h.put("Trash", 0, nil, mailFrom("came since", "", "y"))
	h.press("/mail/empty", "mailbox", h.id("Trash"), "below", "3")
	if got := h.entries("Trash"); !slices.Equal(got, []uint32{3}) {
		t.Error(got)
	}
}

// A page hears of new mail, and no person has more streams than they may.
func TestEvents(t *testing.T) {
	h := newHome(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+"/mail/events?mailbox="+h.id("INBOX"), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	resp := open()
	in := bufio.NewScanner(resp.Body)
	next := func() string {
		for in.Scan() {
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatal("the stream ended:", in.Err())
		return ""
	}
	if first := next(); !strings.Contains(first, `"`+h.id("INBOX")+`":0`) {
		t.Error(first)
	}
	h.put("INBOX", 0, nil, mailFrom("new", "", "x"))
	if second := next(); !strings.Contains(second, `"`+h.id("INBOX")+`":1`) || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Error(second, resp.Header)
	}
	for range maxStreams - 1 {
		open()
	}
	if resp := open(); resp.StatusCode != http.StatusTooManyRequests {
		t.Error(resp.Status)
	}
	// Who is logged out, by whatever road, is told nothing more.
	h.update(func(tx *store.Tx) error { return tx.DeleteValue(store.AccountValue(h.people["alice"].ID, "sessions")) })
	h.put("INBOX", 0, nil, mailFrom("newer", "", "x"))
	for in.Scan() {
		if strings.Contains(in.Text(), `"`+h.id("INBOX")+`":2`) {
			t.Error(in.Text())
		}
	}
	if err := in.Err(); err != nil {
		t.Error("the stream goes on:", err)
	}
}
