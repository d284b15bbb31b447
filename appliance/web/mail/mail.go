// Package mail is where people read mail: folders (folders.go), lists (list.go,
// row.go), search (search.go), messages (read.go, parts.go, body.go), the files
// in them (file.go), what is done with them (act.go), and what is new (events.go).
// They write it in package write.
//
// All of it works without JavaScript: rows are a form, actions are posts that
// lead back with a notice and an Undo. The script list.js adds keys, search as
// you type and new mail without reload; read.js the keys of a message.
//
// A message's HTML is never part of a page of ours. It is a document of its own
// (body.go) in a frame without scripts or an origin; see package clean.
package mail

import (
	"embed"
	"errors"
	"net/http"
	"strconv"

	"posthorn/appliance/events"
	"posthorn/appliance/post"
	"posthorn/appliance/web/listing"
	"posthorn/appliance/web/page"
	"posthorn/appliance/web/session"
	"posthorn/store"
)

//go:embed all:templates static
var files embed.FS

// Mail serves the pages. Its exported fields must be set.
type Mail struct {
	Site   *page.Site
	Store  *store.Store
	Hub    *events.Hub
	Office *post.Office

	area    *page.Area
	index   *listing.Index
	streams page.Places // of events
}

// Routes registers the pages.
func (m *Mail) Routes() (err error) {
	if m.area, err = m.Site.Area(files, "mail"); err != nil {
		return err
	}
	m.index = &listing.Index{Store: m.Store}
	m.streams.Own = maxStreams
	m.Site.Navigate(page.Entry{Path: "/mail", Key: "mail.nav", Icon: "mail", Order: 10})
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /mail":                             m.inbox,
		"GET /mail/{mailbox}":                   m.list,
		"GET /mail/search":                      m.search,
		"GET /mail/events":                      m.events,
		"GET /mail/folders":                     m.folders,
		"POST /mail/folders":                    m.changeFolder,
		"GET /mail/empty":                       m.confirmEmpty,
		"POST /mail/empty":                      m.empty,
		"POST /mail/act":                        m.act,
		"POST /mail/undo":                       m.undo,
		"GET /mail/{mailbox}/{uid}":             m.read,
		"GET /mail/{mailbox}/{uid}/source":      m.source,
		"GET /mail/{mailbox}/{uid}/files.zip":   m.zip,
		"GET /mail/{mailbox}/{uid}/body/{part}": m.body,
		"GET /mail/{mailbox}/{uid}/part/{part}": m.part,
	} {
		m.Site.Person(pattern, h)
	}
	return nil
}

// inbox leads to the INBOX.
func (m *Mail) inbox(w http.ResponseWriter, r *http.Request) {
	var inbox *store.Mailbox
	err := m.Store.View(func(tx *store.Tx) (err error) {
		inbox, err = tx.MailboxByRole(account(r), store.RoleInbox)
		return err
	})
	if err != nil {
		m.area.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, pathOf(inbox.ID), http.StatusSeeOther)
}

// account is who asks.
func account(r *http.Request) store.AccountID { return session.From(r.Context()).Account }

// pathOf is where a mailbox's list is.
func pathOf(mb store.MailboxID) string { return "/mail/" + strconv.FormatUint(uint64(mb), 10) }

// pathTo is where a message is.
func pathTo(mb store.MailboxID, uid uint32) string {
	return pathOf(mb) + "/" + strconv.FormatUint(uint64(uid), 10)
}

// mailbox returns the mailbox a number names, if it is the account's.
func mailbox(tx *store.Tx, acct store.AccountID, number string) (*store.Mailbox, error) {
	id, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil, page.ErrNoPage
	}
	mb, err := tx.Mailbox(store.MailboxID(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && mb.Account != acct {
		return nil, page.ErrNoPage // somebody else's is as good as none
	}
	return mb, err
}

// parseUID reads the UID of a path or a form.
func parseUID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return 0, page.ErrNoPage
	}
	return uint32(n), nil
}
